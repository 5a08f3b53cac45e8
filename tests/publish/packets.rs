//! mqpub on the wire: the exact bytes of CONNECT, PUBLISH and DISCONNECT, in
//! every version and at every `QoS`.

use crate::support::broker::{Broker, Inbox, sink};
use crate::support::packet::{
    self, CONNECT, Connect, DISCONNECT, PINGREQ, PUBLISH, PUBREL, Packet, Publish, Version, encode, read_packet,
};
use crate::support::runner::Contains;
use crate::tools::{mqpub, mqsub};

/// Runs mqpub to its end and returns the packets that it sent.
#[track_caller]
fn sent(words: &str) -> Vec<Packet> {
    let broker = Broker::start(sink(&Inbox::default()));
    mqpub(broker.port(), words).run().expect(0, "", "");
    broker.finish().concat()
}

#[track_caller]
fn connect(words: &str) -> Connect {
    Connect::parse(&sent(words)[0])
}

/// The packet that these bytes are.
fn packet(bytes: &[u8]) -> Packet {
    read_packet(&mut &*bytes).unwrap()
}

#[test]
fn the_packets_are_these_to_the_byte() {
    for version in Version::ALL {
        for qos in [0, 1, 2] {
            let flag = version.flag();
            let sent = sent(&format!("-V {flag} -q {qos} -i me -k 7 -u user -P pass -t a/b -m hi"));

            let mut connect = Connect::new(version, "me").login("user", "pass");
            connect.keep_alive = 7;
            let mid = u16::from(qos > 0);
            let publish = Publish::new("a/b", "hi").qos(qos, mid);
            let mut expected = vec![connect.encode(), publish.encode(version)];
            match qos {
                0 => expected.push(encode(PINGREQ, &[])),
                1 => {}
                _ => expected.push(packet::ack(PUBREL, mid)),
            }
            expected.push(match version {
                Version::V5 => packet::disconnect(0, &[]),
                _ => encode(DISCONNECT, &[]),
            });
            let expected: Vec<Packet> = expected.iter().map(|bytes| packet(bytes)).collect();
            assert_eq!(sent, expected, "{version:?} at QoS {qos}");
        }
    }
}

#[test]
fn without_options_the_broker_is_greeted_in_3_1_1_and_chooses_the_name() {
    let connect = connect("-t t -m x");
    assert_eq!(
        connect,
        Connect {
            keep_alive: 60,
            ..Connect::new(Version::V311, "")
        }
    );
    let five = self::connect("-t t -m x -V 5");
    assert_eq!(
        five,
        Connect {
            keep_alive: 60,
            ..Connect::new(Version::V5, "")
        }
    );
}

#[test]
fn in_3_1_a_name_is_made_up_that_every_broker_takes() {
    let ids: Vec<String> = (0..2).map(|_| connect("-t t -m x -V 31").client_id).collect();
    assert_ne!(ids[0], ids[1]);
    for id in ids {
        assert!((1..=23).contains(&id.len()), "{id}");
    }
}

#[test]
fn the_names_of_the_versions_are_those_of_mosquitto_and_of_the_standard() {
    let names = [
        (Version::V31, ["31", "3.1", "mqttv31"]),
        (Version::V311, ["311", "3.1.1", "mqttv311"]),
        (Version::V5, ["5", "5.0", "mqttv5"]),
    ];
    for (version, names) in names {
        for name in names {
            assert_eq!(connect(&format!("-t t -m x -V {name}")).version(), version, "{name}");
        }
    }
}

#[test]
fn credentials_go_out_as_they_are() {
    let login = |words: &str| {
        let connect = connect(&format!("-t t -m x {words}"));
        (connect.username, connect.password)
    };
    let name = Some("ann".to_owned());
    assert_eq!(login(""), (None, None));
    assert_eq!(login("-u ann"), (name.clone(), None));
    assert_eq!(login("-u ann -P -x"), (name, Some(b"-x".to_vec())));
    assert_eq!(login("-V 5 -P pass"), (None, Some(b"pass".to_vec())));
}

#[test]
fn a_stream_has_one_connect_and_one_disconnect() {
    let broker = Broker::start(sink(&Inbox::default()));
    mqpub(broker.port(), "-t t -l -q 1")
        .stdin("a\nb\nc\n")
        .run()
        .expect(0, "", "");
    let connections = broker.finish();
    assert_eq!(connections.len(), 1);
    let kinds: Vec<u8> = connections[0].iter().map(Packet::kind).collect();
    assert_eq!(kinds, [CONNECT, PUBLISH, PUBLISH, PUBLISH, DISCONNECT]);
}

#[test]
fn an_empty_stream_still_says_hello_and_goodbye() {
    let broker = Broker::start(sink(&Inbox::default()));
    mqpub(broker.port(), "-t t -l").stdin("").run().expect(0, "", "");
    let kinds: Vec<u8> = broker.finish().concat().iter().map(Packet::kind).collect();
    assert_eq!(kinds, [CONNECT, DISCONNECT]);
}

#[test]
fn the_debug_output_tells_of_our_own_questions_too() {
    let broker = Broker::start(sink(&Inbox::default()));
    let tool = mqpub(broker.port(), "-d -t t -m x");
    tool.run()
        .expect(0, "", Contains(&["sending PINGREQ\n", "received PINGRESP\n"]));
    let broker = Broker::start(sink(&Inbox::default()));
    let tool = mqsub(broker.port(), "-d -t t --until-retained");
    tool.run()
        .expect(0, "", Contains(&["sending PINGREQ\n", "received PINGRESP\n"]));
}

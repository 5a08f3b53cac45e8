//! The options of the connection and of MQTT 5 as they arrive at a broker.

use std::ffi::OsStr;
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::net::UnixListener;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags};

use crate::support::broker::{Broker, Inbox, sink};
use crate::support::packet::{Answer, Connect, DISCONNECT, PUBLISH, Packet, Prop, Publish, Version, id};
use crate::support::runner::{Contains, Satisfies, Tool};
use crate::support::{DEADLINE, free_ports, poll, scratch_dir};
use crate::tools::{kinds, mqpub, play, publishes};

/// Runs mqpub with a message and these words, and returns what it sent.
#[track_caller]
fn sent<S: AsRef<OsStr> + Copy>(words: &[S]) -> Vec<Packet> {
    let broker = Broker::start(sink(&Inbox::default()));
    let tool = mqpub(broker.port(), "-t t -m x").args(words);
    tool.run().expect(0, "", "");
    broker.finish().concat()
}

#[track_caller]
fn connect<S: AsRef<OsStr> + Copy>(words: &[S]) -> Connect {
    Connect::parse(&sent(words)[0])
}

#[test]
fn a_password_is_bytes() {
    let password = OsStr::from_bytes(b"\xff\xfe");
    let connect = connect(&["-u".as_ref(), "me".as_ref(), "-P".as_ref(), password]);
    assert_eq!(connect.password.as_deref(), Some(&b"\xff\xfe"[..]));
}

#[test]
fn the_identifier_is_the_one_that_was_given_or_made_of_the_prefix() {
    assert_eq!(connect(&["-i", "me"]).client_id, "me");
    let id = connect(&["-I", "me-"]).client_id;
    let number = id.strip_prefix("me-").expect("the prefix");
    assert!(number.parse::<u32>().is_ok(), "{id}");
    Tool::mqpub().args("-t t -m x -i a -I b".split(' ')).run().expect(
        2,
        "",
        Contains(&["-i and -I cannot be used together"]),
    );
}

#[test]
fn a_session_is_kept_as_long_as_it_is_said() {
    let expiry = |connect: &Connect| {
        connect.properties.iter().find_map(|prop| match prop {
            Prop::Four(id::SESSION_EXPIRY, seconds) => Some(*seconds),
            _ => None,
        })
    };
    for (words, clean, five, seconds) in [
        (&[][..], true, false, None),
        (&["-c", "-i", "me"], false, false, None),
        (&["-c", "-i", "me", "-V", "5"], false, true, Some(u32::MAX)),
        (&["-x", "60"], true, true, Some(60)),
        (&["-x", "1h", "-c", "-i", "me"], false, true, Some(3600)),
        (&["-x", "-1", "-i", "me"], true, true, Some(u32::MAX)),
    ] {
        let connect = connect(words);
        assert_eq!(connect.flags & 2 != 0, clean, "{words:?}");
        assert_eq!(connect.version() == Version::V5, five, "{words:?}");
        assert_eq!(expiry(&connect), seconds, "{words:?}");
    }
}

#[test]
fn the_will_is_in_the_connect() {
    assert_eq!(connect::<&str>(&[]).will, None);
    let words = [
        "--will-topic",
        "w",
        "--will-payload",
        "-gone",
        "--will-qos",
        "1",
        "--will-retain",
    ];
    let will = connect(&words).will.unwrap();
    assert_eq!((&*will.topic, &will.payload[..]), ("w", &b"-gone"[..]));
    assert_eq!((will.qos, will.retain), (1, true));
    let will = connect(&["--will-topic", "w"]).will.unwrap();
    assert_eq!((will.payload.len(), will.qos, will.retain), (0, 0, false));
}

#[test]
fn a_normal_end_leaves_no_will_and_a_lost_connection_does() {
    let sent = sent(&["--will-topic", "w", "-V", "5"]);
    let last = sent.last().unwrap();
    assert_eq!(
        (last.kind(), Answer::parse(last, Version::V5).codes),
        (DISCONNECT, vec![0])
    );
}

#[test]
fn each_property_goes_into_its_packet_in_its_order() {
    let words = "-D connect user-property c 1 -D connect maximum-packet-size 1000 -D connect topic-alias-maximum 3 \
                 -D connect receive-maximum 9 -D connect request-problem-information 1 \
                 -D connect request-response-information 1 -D connect session-expiry-interval 7 \
                 -D publish payload-format-indicator 1 -D publish content-type text/plain \
                 -D publish response-topic r -D publish correlation-data \u{e9} \
                 -D publish message-expiry-interval 4294967295 -D PUBLISH User-Property p -x \
                 -D publish user-property p -x \
                 --will-topic w -D will will-delay-interval 5 -D will content-type t -D will response-topic r \
                 -D will correlation-data d -D will message-expiry-interval 6 -D will payload-format-indicator 0 \
                 -D will user-property w 1 \
                 -D disconnect reason-string bye -D disconnect session-expiry-interval 0 \
                 -D disconnect user-property d 1";
    let words: Vec<&str> = words.split_ascii_whitespace().collect();
    let sent = sent(&words);
    let connect = Connect::parse(&sent[0]);
    assert_eq!(
        connect.properties,
        [
            Prop::user("c", "1"),
            Prop::Four(id::MAXIMUM_PACKET_SIZE, 1000),
            Prop::Two(id::TOPIC_ALIAS_MAXIMUM, 3),
            Prop::Two(id::RECEIVE_MAXIMUM, 9),
            Prop::Byte(id::REQUEST_PROBLEM_INFO, 1),
            Prop::Byte(id::REQUEST_RESPONSE_INFO, 1),
            Prop::Four(id::SESSION_EXPIRY, 7),
        ]
    );
    assert_eq!(
        connect.will.unwrap().properties,
        [
            Prop::Four(id::WILL_DELAY, 5),
            Prop::text(id::CONTENT_TYPE, "t"),
            Prop::text(id::RESPONSE_TOPIC, "r"),
            Prop::Binary(id::CORRELATION_DATA, b"d".to_vec()),
            Prop::Four(id::MESSAGE_EXPIRY, 6),
            Prop::Byte(id::PAYLOAD_FORMAT, 0),
            Prop::user("w", "1"),
        ]
    );
    let publish = sent.iter().find(|packet| packet.kind() == PUBLISH).unwrap();
    assert_eq!(
        Publish::parse(publish, Version::V5).properties,
        [
            Prop::Byte(id::PAYLOAD_FORMAT, 1),
            Prop::text(id::CONTENT_TYPE, "text/plain"),
            Prop::text(id::RESPONSE_TOPIC, "r"),
            Prop::Binary(id::CORRELATION_DATA, "\u{e9}".as_bytes().to_vec()),
            Prop::Four(id::MESSAGE_EXPIRY, u32::MAX),
            Prop::user("p", "-x"),
            Prop::user("p", "-x"),
        ]
    );
    assert_eq!(
        Answer::parse(sent.last().unwrap(), Version::V5).properties,
        [
            Prop::text(id::REASON_STRING, "bye"),
            Prop::Four(id::SESSION_EXPIRY, 0),
            Prop::user("d", "1"),
        ]
    );
}

#[test]
fn a_topic_alias_is_sent_to_a_broker_that_takes_it_alone() {
    for (most, status) in [(10, 0), (4, 4)] {
        let broker = play(move |conn| {
            conn.accept_connect_with(false, &[Prop::Two(id::TOPIC_ALIAS_MAXIMUM, most)]);
            conn.until_eof();
        });
        let tool = mqpub(broker.port(), "-t t -m x -D publish topic-alias 5");
        tool.run().expect(status, "", Satisfies(&|_| true));
        let packets = &broker.finish()[0];
        assert_eq!(packets.iter().any(|packet| packet.kind() == PUBLISH), status == 0);
    }
}

#[test]
fn the_window_is_as_large_as_it_is_said() {
    for (words, window) in [
        ("-q 1 -M 3", 3),
        ("-q 2 -M 3", 3),
        ("-q 1", 100),
        ("-q 2", 16),
        ("-q 2 -V 5", 100),
    ] {
        let broker = play(move |conn| {
            conn.accept_connect();
            let all: Vec<Publish> = (0..window).map(|_| conn.expect_publish()).collect();
            // Before it answers this, it has sent what it is going to send.
            conn.deliver(&Publish::new("t", "ping").qos(1, 9));
            let sent = conn.received().iter().filter(|packet| packet.kind() == PUBLISH);
            assert_eq!(sent.count(), window, "{words}");
            for publish in &all {
                conn.ack(publish);
            }
            // What is beyond the window is not acknowledged here.
            for _ in 0..3 {
                conn.expect_publish();
            }
        });
        let lines = "x\n".repeat(window + 3);
        let tool = mqpub(broker.port(), &format!("-t t -l --no-reconnect {words}")).stdin(lines);
        tool.run().expect(5, "", Contains(&[", 3 not acknowledged"]));
    }
}

#[test]
fn options_come_from_a_file_before_those_of_the_command_line() {
    let broker = Broker::start(sink(&Inbox::default()));
    let options = format!(
        "# a comment\n\n-h 127.0.0.1\n-p {}\r\n-q 1\n-i from the file \n-t file\n   -r\n-D publish user-property a b c\n",
        broker.port()
    );
    let dir = scratch_dir();
    let path = dir.path().join("options");
    std::fs::write(&path, &options).unwrap();
    let named = Tool::mqpub()
        .arg("-o")
        .arg(&path)
        .args(["-m", "x", "-t", "line", "-q", "0"]);
    named.run().expect(0, "", "");
    // The user's own file, in its usual place.
    let own = Tool::mqpub().args(["-m", "x"]);
    std::fs::create_dir_all(own.config_home()).unwrap();
    std::fs::write(own.config_home().join("mosquitto_pub"), &options).unwrap();
    own.run().expect(0, "", "");
    let sent: Vec<(String, String, u8, bool, Vec<Prop>)> = broker
        .finish()
        .iter()
        .map(|packets| {
            let id = Connect::parse(&packets[0]).client_id;
            let publish = packets.iter().find(|packet| packet.kind() == PUBLISH).unwrap();
            let publish = Publish::parse(publish, Version::V5);
            (id, publish.topic, publish.qos, publish.retain, publish.properties)
        })
        .collect();
    let props = vec![Prop::user("a", "b c")];
    let id = "from the file ".to_owned();
    assert_eq!(
        sent,
        [
            (id.clone(), "line".to_owned(), 0, true, props.clone()),
            (id, "file".to_owned(), 1, true, props),
        ]
    );
    let missing = Tool::mqpub().args("-o /nonexistent/file -t t -m x".split(' '));
    missing
        .run()
        .expect(2, "", "mqpub: error: -o /nonexistent/file: no such file or directory\n");
}

#[test]
fn several_hosts_are_tried_in_their_order() {
    let broker = Broker::start(sink(&Inbox::default()));
    let [nobody, none] = free_ports();
    let port = broker.port();
    for hosts in [
        format!("-h 127.0.0.1:{nobody} -h 127.0.0.1:{port}"),
        format!("-h 127.0.0.1:{nobody},127.0.0.1:{none},127.0.0.1:{port}"),
        format!("-h 127.0.0.1:{nobody},localhost -p {port}"),
    ] {
        let words = format!("{hosts} -t t -m x -q 1");
        Tool::mqpub().args(words.split(' ')).run().expect(0, "", "");
    }
    assert_eq!(publishes(&broker.finish().concat()).len(), 3);
    let words = format!("-h 127.0.0.1:{nobody},127.0.0.1:{none} -t t -m x");
    let why = format!("cannot connect to 127.0.0.1:{none}: connection refused");
    Tool::mqpub()
        .args(words.split(' '))
        .run()
        .expect(3, "", Contains(&[&why]));
}

#[test]
fn a_stream_fails_over_to_the_next_host() {
    let first = play(|conn| {
        conn.accept_connect();
        let publish = conn.expect_publish();
        conn.ack(&publish);
        conn.expect_publish();
        conn.reset();
    });
    let second = Broker::start(sink(&Inbox::default()));
    let words = format!("-h 127.0.0.1:{},127.0.0.1:{} -t t -l -q 1", first.port(), second.port());
    let tool = Tool::mqpub().args(words.split(' ')).stdin("a\nb\n");
    tool.run().expect(0, "", Contains(&["trying again", "connected again"]));
    let taken = publishes(&second.finish().concat());
    assert_eq!(taken.last().unwrap().payload, b"b");
}

#[test]
fn a_unix_socket_is_a_way_too() {
    let dir = scratch_dir();
    let path = dir.path().join("socket");
    let listener = UnixListener::bind(&path).unwrap();
    // As much of a broker as a message of QoS 1 needs.
    let broker = std::thread::spawn(move || {
        use crate::support::packet::{CONNECT, PUBACK, ack, connack, read_packet};
        use std::io::Write;
        let mut seen = Vec::new();
        for stream in listener.incoming().take(2) {
            let mut stream = stream.unwrap();
            while let Ok(packet) = read_packet(&mut stream) {
                match packet.kind() {
                    CONNECT => stream.write_all(&connack(Version::V311, false, 0, &[])).unwrap(),
                    PUBLISH => {
                        let mid = Publish::parse(&packet, Version::V311).mid;
                        stream.write_all(&ack(PUBACK, mid)).unwrap();
                    }
                    _ => {}
                }
                seen.push(packet);
            }
        }
        seen
    });
    let tool = || Tool::mqpub().args(["-t", "t", "-m", "x", "-q", "1"]);
    tool().arg("--unix").arg(&path).run().expect(0, "", "");
    tool().args(["-p", "0", "-h"]).arg(&path).run().expect(0, "", "");
    let one = ["CONNECT", "PUBLISH", "DISCONNECT"];
    assert_eq!(kinds(&broker.join().unwrap()), [one, one].concat());
}

#[test]
fn a_connection_comes_from_the_address_that_is_said() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let tool = mqpub(port, "-t t -m x -A 127.0.0.2 -W 20").spawn();
    let mut came = [PollFd::new(&listener, PollFlags::IN)];
    assert!(poll(&mut came, Some(Instant::now() + DEADLINE)), "nobody came");
    let (_, from) = listener.accept().unwrap();
    assert_eq!(from.ip(), Ipv4Addr::new(127, 0, 0, 2));
    drop(tool);
    mqpub(port, "-t t -m x -A 192.0.2.1").run().expect(
        3,
        "",
        Contains(&["-A 192.0.2.1: cannot assign requested address"]),
    );
}

#[test]
fn a_connection_is_waited_for_no_longer_than_it_is_said() {
    let silent = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = silent.local_addr().unwrap().port();
    let start = Instant::now();
    let error = format!("mqpub: error: cannot connect to 127.0.0.1:{port}: timed out\n");
    mqpub(port, "-t t -m x --connect-timeout 200ms")
        .run()
        .expect(3, "", error);
    assert!(start.elapsed() >= Duration::from_millis(200));
}

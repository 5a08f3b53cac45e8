//! How many messages of QoS 2 mqpub gives a broker to keep before MQTT 5, and what
//! becomes of those that wait meanwhile.

use std::fs::File;

use crate::support::broker::Conn;
use crate::support::packet::{self, PUBACK, PUBCOMP, PUBLISH, PUBREC, PUBREL, Publish, Version};
use crate::support::runner::{Contains, Tool};
use crate::tools::{at, file, kinds, mqpub, numbered, play, publishes, text};

/// How many it has to keep at most.
const KEPT: usize = 16;

/// Waits for this many messages.
fn messages(conn: &mut Conn, count: usize) -> Vec<Publish> {
    (0..count).map(|_| conn.expect_publish()).collect()
}

/// Waits until mqpub has sent what it is going to send: before it answers this.
fn all_is_sent(conn: &mut Conn) {
    conn.deliver(&Publish::new("t", "ping").qos(1, 1000));
}

/// Before MQTT 5 a broker cannot say how many it takes. It keeps a message until
/// PUBREL; RMQTT ends the connection over the 17th, mosquitto over the 21st.
#[test]
fn of_qos_2_a_broker_has_no_more_than_16_to_keep() {
    let lines = numbered(6 * KEPT, 4);
    let broker = play(|conn| {
        conn.accept_connect();
        let mut all = messages(conn, KEPT);
        for round in 1..6 {
            all_is_sent(conn);
            let sent = conn.received().iter().filter(|packet| packet.kind() == PUBLISH);
            assert_eq!(sent.count(), KEPT * round);
            for publish in &all {
                conn.queue_ack(publish);
            }
            conn.flush().unwrap();
            // The next ones come behind the PUBRELs, and do not wait for PUBCOMP.
            let mut kept = KEPT;
            let mut next = Vec::new();
            while next.len() < KEPT {
                let packet = conn.read();
                match packet.kind() {
                    PUBREL => kept -= 1,
                    PUBLISH => {
                        kept += 1;
                        next.push(Publish::parse(&packet, Version::V311));
                    }
                    _ => panic!("{packet:?}"),
                }
                assert!(kept <= KEPT);
            }
            for publish in &all {
                conn.queue(packet::ack(PUBCOMP, publish.mid));
            }
            all = next;
        }
        for publish in &all {
            conn.ack(publish);
        }
        conn.until_eof();
    });
    let tool = mqpub(broker.port(), "-t t -l -q 2 --no-reconnect").stdin(text(&lines));
    tool.run().expect(0, "", "");
    assert!(
        publishes(&broker.finish()[0])
            .into_iter()
            .map(|publish| publish.payload)
            .eq(lines)
    );
}

/// One of QoS 1 it would drop meanwhile, and acknowledge it: before MQTT 5 it has no
/// word for no.
#[test]
fn to_a_broker_that_has_enough_to_keep_nothing_of_qos_1_is_sent() {
    let record = |number: usize| format!("{{\"topic\":\"t\",\"payload\":\"x\",\"qos\":{}}}\n", 1 + number % 2);
    let records: String = (1..=60).map(record).collect();
    let broker = play(|conn| {
        conn.accept_connect();
        // With the last of QoS 2 that there is room for.
        let all = messages(conn, 2 * KEPT - 1);
        all_is_sent(conn);
        let sent = conn.received().iter().filter(|packet| packet.kind() == PUBLISH);
        assert_eq!(sent.count(), 2 * KEPT - 1);
        conn.ack(&all[0]);
        let next = conn.expect_publish();
        assert_eq!((all[0].qos, all[2 * KEPT - 2].qos, next.qos), (2, 2, 1));
        conn.queue_ack(&next);
        for publish in &all[1..] {
            conn.queue_ack(publish);
        }
        conn.flush().unwrap();
        while let Some(packet) = conn.next_packet() {
            match packet.kind() {
                PUBLISH => conn.queue_ack(&Publish::parse(&packet, Version::V311)),
                PUBREL => conn.queue(packet::ack(PUBCOMP, packet::Answer::parse(&packet, Version::V311).mid)),
                _ => {}
            }
        }
    });
    let tool = mqpub(broker.port(), "--json --no-reconnect --stats").stdin(records);
    tool.run().expect(0, "", Contains(&["60 messages read, 60 delivered"]));
}

/// Lines at QoS 2 that are there from the start: so many as may be under way are in
/// Paho's hands before the first one leaves.
fn lines(count: usize) -> Tool {
    let (path, dir) = file(text(&numbered(count, 4)));
    let tool = Tool::mqpub().stdin_from(File::open(path).unwrap());
    drop(dir);
    tool
}

#[test]
fn what_waits_is_not_acknowledged_before_it_has_left() {
    for kind in [PUBACK, PUBREC, PUBCOMP] {
        let broker = play(move |conn| {
            conn.accept_connect();
            messages(conn, KEPT);
            conn.send(packet::ack(kind, 25));
            conn.until_eof();
        });
        let tool = at(lines(40), broker.port(), "-t t -l -q 2 --no-reconnect");
        let why = "40 not acknowledged: connection to 127.0.0.1:";
        let lost = "lost: the broker sent an acknowledgement of something that was not sent\n";
        tool.run().expect(5, "", Contains(&[why, lost]));
    }
}

#[test]
fn a_second_pubrec_gets_no_second_pubrel() {
    let broker = play(|conn| {
        conn.accept_connect();
        let publish = conn.expect_publish();
        conn.send(packet::ack(PUBREC, publish.mid));
        conn.send(packet::ack(PUBREC, publish.mid));
        conn.expect_ack(PUBREL, publish.mid);
        // It has seen the second one before it answers this.
        all_is_sent(conn);
        conn.send(packet::ack(PUBCOMP, publish.mid));
        conn.until_eof();
    });
    mqpub(broker.port(), "-t t -m x -q 2").run().expect(0, "", "");
    let packets = broker.finish().concat();
    assert_eq!(
        kinds(&packets),
        ["CONNECT", "PUBLISH", "PUBREL", "PUBACK", "DISCONNECT"]
    );
}

#[test]
fn a_large_message_that_waits_leaves_whole() {
    let payloads: Vec<Vec<u8>> = (0..24).map(|number| vec![b'a' + number; 1_100_000]).collect();
    let expected = payloads.clone();
    let broker = play(move |conn| {
        conn.accept_connect();
        let mut all = messages(conn, KEPT);
        all_is_sent(conn);
        for publish in &all {
            conn.queue(packet::ack(PUBREC, publish.mid));
        }
        conn.flush().unwrap();
        while all.len() < 24 {
            let packet = conn.read();
            match packet.kind() {
                PUBREL => conn.send(packet::ack(PUBCOMP, packet::Answer::parse(&packet, Version::V311).mid)),
                PUBLISH => {
                    let publish = Publish::parse(&packet, Version::V311);
                    conn.send(packet::ack(PUBREC, publish.mid));
                    all.push(publish);
                }
                other => panic!("packet type {other}"),
            }
        }
        assert!(all.iter().all(|publish| publish.topic == "some/topic"));
        assert!(all.into_iter().map(|publish| publish.payload).eq(expected.clone()));
        while let Some(packet) = conn.next_packet() {
            if packet.kind() == PUBREL {
                conn.send(packet::ack(PUBCOMP, packet::Answer::parse(&packet, Version::V311).mid));
            }
        }
    });
    let (path, _dir) = file(payloads.join(&b'\n'));
    let tool = Tool::mqpub().stdin_from(File::open(path).unwrap());
    let tool = at(tool, broker.port(), "-t some/topic -l -q 2 --no-reconnect");
    tool.run().expect(0, "", "");
    broker.finish();
}

#[test]
fn one_without_an_answer_does_not_hold_up_those_of_qos_0() {
    let mut records = "{\"topic\":\"t\",\"payload\":\"x\",\"qos\":1}\n".to_owned();
    records.push_str(&"{\"topic\":\"t\",\"payload\":\"y\"}\n".repeat(3000));
    for _ in 0..4 {
        let broker = play(|conn| {
            conn.accept_connect();
            let all = messages(conn, 3001);
            conn.ack(&all[0]);
            conn.until_eof();
        });
        let tool = mqpub(broker.port(), "--json --no-reconnect");
        tool.stdin(&records).run().expect(0, "", "");
    }
}

//! mqpub knows what became of its messages: it waits for every acknowledgement,
//! tells refusals and losses, and counts.

use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use crate::support::broker::{Broker, Conn, script};
use crate::support::packet::{self, PINGREQ, PUBACK, PUBLISH, PUBREC, Prop, Publish, Version, disconnect, id};
use crate::support::runner::Contains;
use crate::tools::{End, goes_on, kinds, mqpub, numbered, play, publishes, text};

/// Waits for this many messages.
fn messages(conn: &mut Conn, count: usize) -> Vec<Publish> {
    (0..count).map(|_| conn.expect_publish()).collect()
}

#[test]
fn the_end_waits_for_every_acknowledgement() {
    for qos in [1, 2] {
        let (go_on, held) = mpsc::channel::<()>();
        let broker = play(move |conn| {
            conn.accept_connect();
            let all = messages(conn, 3);
            // Acknowledgements may come in any order.
            conn.ack(&all[2]);
            conn.ack(&all[0]);
            let _ = held.recv();
            conn.ack(&all[1]);
            conn.until_eof();
        });
        let words = format!("-t t -l -q {qos}");
        let tool = mqpub(broker.port(), &words).stdin("a\nb\nc\n").spawn();
        goes_on(&tool);
        drop(go_on);
        tool.wait().expect(0, "", "");
        let kinds = kinds(&broker.finish()[0]);
        assert_eq!(kinds.last(), Some(&"DISCONNECT"));
    }
}

#[test]
fn at_qos_0_the_end_waits_until_the_broker_has_read_everything() {
    let (go_on, held) = mpsc::channel::<()>();
    let broker = play(move |conn| {
        conn.accept_connect();
        let _ = held.recv();
        messages(conn, 1);
        conn.until_eof();
    });
    let tool = mqpub(broker.port(), "-t t -m x").spawn();
    goes_on(&tool);
    drop(go_on);
    tool.wait().expect(0, "", "");
}

#[test]
fn no_more_is_in_flight_than_the_broker_can_receive() {
    for qos in [1, 2] {
        let maximum = 3;
        let lines = numbered(50, 4);
        let broker = play(move |conn| {
            conn.accept_connect_with(false, &[Prop::Two(id::RECEIVE_MAXIMUM, maximum)]);
            for round in 0..10 {
                let all = messages(conn, 3);
                // Before it answers this, it has sent what it is going to send.
                conn.deliver(&Publish::new("t", "ping").qos(1, 100 + round));
                let sent = conn.received().iter().filter(|packet| packet.kind() == PUBLISH);
                assert_eq!(sent.count(), 3 * usize::from(round + 1), "more are in flight than 3");
                for publish in &all {
                    conn.ack(publish);
                }
            }
            while let Some(packet) = conn.next_packet() {
                if packet.kind() == PUBLISH {
                    conn.ack(&Publish::parse(&packet, Version::V5));
                }
            }
        });
        let words = format!("-t t -l -V 5 -q {qos}");
        let tool = mqpub(broker.port(), &words).stdin(text(&lines)).spawn();
        tool.wait().expect(0, "", "");
        let packets = broker.finish().concat();
        let sent = packets.iter().filter(|packet| packet.kind() == PUBLISH);
        let sent = sent.map(|packet| Publish::parse(packet, Version::V5).payload);
        assert!(sent.eq(lines), "QoS {qos}");
    }
}

#[test]
fn a_message_that_the_broker_refuses_is_told_with_its_reason() {
    let cases = [
        (1, PUBACK, 0x80, "unspecified error"),
        (1, PUBACK, 0x87, "not authorised"),
        (1, PUBACK, 0x90, "topic name invalid"),
        (1, PUBACK, 0x97, "quota exceeded"),
        (1, PUBACK, 0x99, "payload format invalid"),
        (2, PUBREC, 0x87, "not authorised"),
    ];
    for (qos, kind, code, words) in cases {
        for (props, said) in [
            (vec![], ""),
            (vec![Prop::text(id::REASON_STRING, "house rule")], " (house rule)"),
        ] {
            let broker = play(move |conn| {
                conn.accept_connect();
                let publish = conn.expect_publish();
                conn.send(packet::ack_with(kind, publish.mid, code, &props));
                conn.expect_disconnect();
            });
            let error = format!("mqpub: error: message refused by the broker: {words}{said}\n");
            let words = format!("-t t -m x -V 5 -q {qos}");
            mqpub(broker.port(), &words).run().expect(4, "", error);
        }
    }
}

#[test]
fn a_reason_below_128_is_no_refusal() {
    for (qos, kind) in [(1, PUBACK), (2, PUBREC)] {
        let broker = play(move |conn| {
            conn.accept_connect();
            let publish = conn.expect_publish();
            // No matching subscribers.
            conn.send(packet::ack_with(kind, publish.mid, 0x10, &[]));
            if qos == 2 {
                conn.expect_ack(packet::PUBREL, publish.mid);
                conn.send(packet::ack(packet::PUBCOMP, publish.mid));
            }
            conn.expect_disconnect();
        });
        let words = format!("-t t -m x -V 5 -q {qos}");
        mqpub(broker.port(), &words).run().expect(0, "", "");
    }
}

#[test]
fn refused_lines_are_counted() {
    let broker = play(|conn| {
        conn.accept_connect();
        let all = messages(conn, 3);
        conn.ack(&all[0]);
        conn.send(packet::ack_with(PUBACK, all[1].mid, 0x87, &[]));
        conn.ack(&all[2]);
        conn.expect_disconnect();
    });
    let tool = mqpub(broker.port(), "-t t -l -V 5 -q 1").stdin("a\nb\nc\n");
    let counts = "3 messages read, 2 delivered, 1 refused";
    let reason = "refused by the broker: not authorised";
    tool.run().expect(4, "", Contains(&["mqpub: error: ", counts, reason]));
}

#[test]
fn a_lost_connection_leaves_one_message_undelivered_and_says_so() {
    for qos in [0, 1, 2] {
        let ends: [(End, &str); 2] = [
            (Conn::reset, "connection reset by peer"),
            (Conn::close, "the broker closed it"),
        ];
        for (end, why) in ends {
            let broker = play(move |conn| {
                conn.accept_connect();
                conn.expect_publish();
                end(conn);
            });
            let place = format!("connection to 127.0.0.1:{} lost: {why}", broker.port());
            let words = format!("-t t -m x -q {qos}");
            let count = if qos == 0 {
                "1 possibly lost"
            } else {
                "1 not acknowledged"
            };
            let tool = mqpub(broker.port(), &words);
            tool.run().expect(5, "", Contains(&["mqpub: error: ", &place, count]));
        }
    }
}

#[test]
fn the_lines_that_a_lost_connection_leaves_undelivered_are_counted() {
    let broker = play(|conn| {
        conn.accept_connect();
        let all = messages(conn, 5);
        conn.ack(&all[0]);
        conn.ack(&all[1]);
        conn.close();
    });
    let tool = mqpub(broker.port(), "-t t -l -q 1 --no-reconnect");
    let counts = "5 messages read, 2 delivered, 3 not acknowledged";
    tool.stdin("a\nb\nc\nd\ne\n")
        .run()
        .expect(5, "", Contains(&[counts, "lost: the broker closed it"]));
}

#[test]
fn what_the_broker_says_with_its_disconnect_is_passed_on() {
    let broker = play(|conn| {
        conn.accept_connect();
        conn.expect_publish();
        conn.send(disconnect(0x8b, &[Prop::text(id::REASON_STRING, "back at noon")]));
        conn.until_eof();
    });
    let tool = mqpub(broker.port(), "-t t -m x -q 1 -V 5");
    tool.run().expect(5, "", Contains(&["shutting down", "(back at noon)"]));
}

#[test]
fn lines_go_on_over_a_new_connection_and_none_is_lost() {
    let first = script(|conn| {
        conn.accept_connect();
        let all = messages(conn, 3);
        conn.ack(&all[0]);
        conn.close();
    });
    let second = script(|conn| {
        conn.accept_connect();
        for publish in messages(conn, 2) {
            conn.ack(&publish);
        }
        conn.expect_disconnect();
    });
    let broker = Broker::start_many(vec![first, second]);
    let tool = mqpub(broker.port(), "-t t -l -q 1").stdin("a\nb\nc\n");
    let lost = format!(
        "mqpub: connection to 127.0.0.1:{} lost: the broker closed it; trying again\n",
        broker.port()
    );
    tool.run().expect(0, "", lost + "mqpub: connected again\n");
    let sent: Vec<_> = broker.finish().iter().map(|packets| publishes(packets)).collect();
    let payloads = |index: usize| -> Vec<_> { sent[index].iter().map(|message| message.payload.clone()).collect() };
    assert_eq!(payloads(0), [b"a", b"b", b"c"]);
    assert_eq!(payloads(1), [b"b", b"c"]);
}

#[test]
fn a_stream_outlasts_a_connection_that_breaks_again_and_again() {
    let breaks = || {
        script(|conn| {
            conn.accept_connect();
            conn.expect_publish();
            conn.reset();
        })
    };
    let mut scripts: Vec<_> = (0..6).map(|_| breaks()).collect();
    scripts.push(script(|conn| {
        conn.accept_connect();
        for publish in messages(conn, 2) {
            conn.ack(&publish);
        }
        conn.until_eof();
    }));
    let broker = Broker::start_many(scripts);
    let tool = mqpub(broker.port(), "-t t -l -q 1").stdin("a\nb\n").spawn();
    tool.wait()
        .expect(0, "", Contains(&["trying again", "connected again"]));
}

#[test]
fn a_large_payload_arrives_as_it_is_and_again_after_a_loss() {
    let payload: Vec<u8> = (0..5_000_000_u32).map(|at| (at % 251).to_le_bytes()[0]).collect();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("large");
    std::fs::write(&file, &payload).unwrap();
    let (before, after) = (payload.clone(), payload);
    let broker = Broker::start_many(vec![
        script(move |conn| {
            conn.accept_connect();
            assert!(conn.expect_publish().payload == before);
            conn.close();
        }),
        script(move |conn| {
            conn.accept_connect();
            let publish = conn.expect_publish();
            assert!(publish.payload == after);
            conn.ack(&publish);
            conn.expect_disconnect();
        }),
    ]);
    let words = format!(
        "-t t -q 1 -V 5 -D publish content-type x --retry-for 20s -f {}",
        file.display()
    );
    mqpub(broker.port(), &words)
        .run()
        .expect(0, "", Contains(&["trying again"]));
    broker.finish();
}

#[test]
fn a_broker_that_takes_qos_2_for_qos_1_is_not_given_the_message_again() {
    let broker = Broker::start_many(vec![script(|conn| {
        conn.accept_connect();
        let message = conn.expect_publish();
        conn.send(packet::ack(PUBACK, message.mid));
        conn.until_eof();
    })]);
    let ended = mqpub(broker.port(), "-t t -l -q 2").stdin("a\n").run();
    let why = "the broker sent PUBACK for a message at QoS 2, as if it were at QoS 1\n";
    ended.expect(5, "", Contains(&["1 not acknowledged", why, "publish with -q 1"]));
}

#[test]
fn a_connection_that_does_not_come_back_is_lost_for_good() {
    let broker = play(|conn| {
        conn.accept_connect();
        let all = messages(conn, 2);
        conn.ack(&all[0]);
        conn.close();
    });
    let tool = mqpub(broker.port(), "-t t -l -q 1 --retry-for 300ms").stdin("a\nb\n");
    let words = "2 messages read, 1 delivered, 1 not acknowledged: connection lost for good: cannot connect to ";
    tool.run().expect(5, "", Contains(&["trying again", words]));
}

#[test]
fn a_slow_stream_at_qos_0_is_asked_about_once_a_second() {
    let (came, next) = mpsc::channel();
    let broker = play(move |conn| {
        conn.accept_connect();
        conn.expect_publish();
        came.send(()).unwrap();
        conn.expect_publish();
        assert_eq!(conn.read().kind(), PINGREQ);
        conn.send(packet::pingresp());
        came.send(()).unwrap();
        conn.expect_publish();
        conn.close();
    });
    let mut tool = mqpub(broker.port(), "-t t -l --no-reconnect").spawn();
    tool.write_stdin("a\n");
    next.recv().unwrap();
    // Asked with the first it was at most, and before this.
    thread::sleep(Duration::from_millis(1100));
    tool.write_stdin("b\n");
    next.recv().unwrap();
    tool.write_stdin("c\n");
    broker.finish();
    let counts = "3 messages read, 2 delivered, 1 possibly lost";
    tool.wait().expect(5, "", Contains(&[counts]));
}

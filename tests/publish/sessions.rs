//! mqpub -l -q 2 over lost connections: where the broker keeps the session, each
//! exchange goes on where it was, and is over when it is over.

use crate::support::broker::{Broker, Conn, Script, script};
use crate::support::packet::{
    self, CONNECT, DISCONNECT, PUBCOMP, PUBLISH, PUBREC, PUBREL, Packet, Prop, Publish, Version, id,
};
use crate::support::runner::{Contains, Satisfies};
use crate::tools::{kinds, mqpub};

/// Takes the CONNECT, which has to (not) ask for a clean session.
#[track_caller]
fn greet(conn: &mut Conn, clean: bool, present: bool, props: &[Prop]) {
    let connect = conn.accept_connect_with(present, props);
    assert_eq!(connect.flags & 2 != 0, clean, "{connect:?}");
}

fn messages(conn: &mut Conn, count: usize) -> Vec<Publish> {
    (0..count).map(|_| conn.expect_publish()).collect()
}

/// Runs `mqpub -l -q 2` with the lines a, b and c through these connections, and
/// returns what came over each, without the first and the last packets.
#[track_caller]
fn through(words: &str, scripts: Vec<Script>) -> Vec<Vec<Packet>> {
    let broker = Broker::start_many(scripts);
    let tool = mqpub(broker.port(), &format!("-t t -l -q 2 {words}")).stdin("a\nb\nc\n");
    tool.run().expect(0, "", Satisfies(&|_| true));
    broker.finish()
}

/// The rest of a connection in which everything is accepted.
fn accept_all(conn: &mut Conn) {
    while let Some(packet) = conn.next_packet() {
        let version = conn.version();
        match packet.kind() {
            PUBLISH => conn.queue(packet::ack(PUBREC, Publish::parse(&packet, version).mid)),
            PUBREL => conn.queue(packet::ack(PUBCOMP, packet::Answer::parse(&packet, version).mid)),
            DISCONNECT => return,
            _ => {}
        }
    }
}

/// Of three messages the first is over, the second half, the third not begun, when the
/// connection ends; it has to (not) ask for a clean session.
fn cut_in_the_middle(clean: bool) -> Script {
    script(move |conn| {
        greet(conn, clean, false, &[]);
        let all = messages(conn, 3);
        conn.ack(&all[0]);
        conn.send(packet::ack(PUBREC, all[1].mid));
        conn.expect_ack(PUBREL, all[1].mid);
        conn.close();
    })
}

/// What an old version needs at the end: a connection that ends the session.
fn farewell() -> Script {
    script(|conn| {
        greet(conn, true, false, &[]);
        conn.expect_disconnect();
    })
}

#[test]
fn an_exchange_goes_on_where_it_was() {
    for version in ["311", "5"] {
        let five = version == "5";
        let mut scripts = vec![
            cut_in_the_middle(five),
            script(|conn| {
                greet(conn, false, true, &[]);
                conn.expect_ack(PUBREL, 2);
                let third = conn.expect_publish();
                assert_eq!((&third.payload[..], third.mid, third.dup), (&b"c"[..], 3, true));
                conn.send(packet::ack(PUBCOMP, 2));
                conn.ack(&third);
                conn.expect_disconnect();
            }),
        ];
        if !five {
            scripts.push(farewell());
        }
        through(&format!("-V {version}"), scripts);
    }
}

/// A broker that was down behind a proxy that listened all the while: it may have
/// lost what it had received, and know of exchanges that are over.
#[test]
fn a_proxy_that_hangs_up_tells_that_the_broker_was_down() {
    let scripts = vec![
        cut_in_the_middle(true),
        script(|conn| {
            assert_eq!(conn.next_packet().unwrap().kind(), CONNECT);
            conn.close();
        }),
        script(|conn| {
            greet(conn, false, true, &[]);
            let again = messages(conn, 2);
            let told: Vec<_> = again
                .iter()
                .map(|message| (&message.payload[..], message.dup))
                .collect();
            assert_eq!(told, [(&b"b"[..], true), (&b"c"[..], true)], "whole, and not PUBREL");
            for message in &again {
                conn.ack(message);
            }
            conn.expect_disconnect();
        }),
    ];
    through("-V 5", scripts);
}

#[test]
fn an_exchange_that_ended_just_before_another_loss_does_not_begin_again() {
    for version in ["311", "5"] {
        let five = version == "5";
        let mut scripts = vec![
            script(move |conn| {
                greet(conn, five, false, &[]);
                messages(conn, 3);
                conn.close();
            }),
            script(|conn| {
                greet(conn, false, true, &[]);
                let all = messages(conn, 3);
                // The first is over, the second half, the third not begun.
                conn.ack(&all[0]);
                conn.send(packet::ack(PUBREC, all[1].mid));
                conn.close();
            }),
            script(|conn| {
                greet(conn, false, true, &[]);
                conn.expect_ack(PUBREL, 2);
                let third = conn.expect_publish();
                assert_eq!((&third.payload[..], third.mid), (&b"c"[..], 3));
                conn.send(packet::ack(PUBCOMP, 2));
                conn.ack(&third);
                conn.expect_disconnect();
            }),
        ];
        if !five {
            scripts.push(farewell());
        }
        through(&format!("-V {version}"), scripts);
    }
}

#[test]
fn a_session_that_is_gone_begins_anew_and_nothing_is_lost() {
    let scripts = vec![
        script(|conn| {
            greet(conn, true, false, &[]);
            let all = messages(conn, 3);
            conn.send(packet::ack(PUBREC, all[0].mid));
            conn.close();
        }),
        script(|conn| {
            greet(conn, false, false, &[]);
            let all = messages(conn, 3);
            assert!(all.iter().map(|message| &message.payload[..]).eq([b"a", b"b", b"c"]));
            assert!(all.iter().all(|message| !message.dup));
            for message in &all {
                conn.ack(message);
            }
            conn.expect_disconnect();
        }),
    ];
    through("-V 5", scripts);
}

#[test]
fn no_more_exchanges_go_on_at_once_than_a_broker_takes_after_its_return() {
    let scripts = vec![
        script(|conn| {
            greet(conn, true, false, &[]);
            let all = messages(conn, 3);
            conn.send(packet::ack(PUBREC, all[2].mid));
            conn.expect_ack(PUBREL, all[2].mid);
            conn.close();
        }),
        script(|conn| {
            greet(conn, false, true, &[Prop::Two(id::RECEIVE_MAXIMUM, 1)]);
            for (text, mid) in [(&b"a"[..], 1), (b"b", 2)] {
                let message = conn.expect_publish();
                assert_eq!((&message.payload[..], message.mid), (text, mid));
                conn.ack(&message);
            }
            conn.expect_ack(PUBREL, 3);
            conn.send(packet::ack(PUBCOMP, 3));
            conn.expect_disconnect();
        }),
    ];
    through("-V 5", scripts);
}

/// Takes 16 messages, and 16 more behind the PUBRELs of these, then ends the
/// connection.
fn cut_with_more_under_way_than_are_kept() -> Script {
    script(|conn| {
        greet(conn, false, false, &[]);
        let all = messages(conn, 16);
        for message in &all {
            conn.queue_ack(message);
        }
        conn.flush().unwrap();
        for message in &all {
            conn.expect_ack(PUBREL, message.mid);
        }
        messages(conn, 16);
        conn.close();
    })
}

fn lines(numbers: std::ops::RangeInclusive<u8>) -> Vec<Vec<u8>> {
    numbers.map(|number| number.to_string().into_bytes()).collect()
}

#[test]
fn what_waited_for_room_was_never_sent() {
    let again = |conn: &mut Conn, numbers, dup| {
        let all = messages(conn, 16);
        assert!(all.iter().all(|message| message.dup == dup));
        assert!(all.iter().map(|message| message.payload.clone()).eq(lines(numbers)));
        for message in &all {
            conn.ack(message);
        }
    };
    let broker = Broker::start_many(vec![
        cut_with_more_under_way_than_are_kept(),
        script(move |conn| {
            greet(conn, false, true, &[]);
            for mid in 1..=16 {
                conn.expect_ack(PUBREL, mid);
                conn.send(packet::ack(PUBCOMP, mid));
            }
            again(conn, 17..=32, true);
            again(conn, 33..=48, false);
            conn.expect_disconnect();
        }),
        farewell(),
    ]);
    let tool = mqpub(broker.port(), "-t t -l -q 2").stdin(lines(1..=48).join(&b'\n'));
    tool.run().expect(0, "", Contains(&["connected again"]));
    broker.finish();
}

/// It may have to be given all those again that it had received.
#[test]
fn a_broker_that_was_down_has_no_more_to_keep_than_before() {
    let broker = Broker::start_many(vec![
        cut_with_more_under_way_than_are_kept(),
        script(|conn| {
            assert_eq!(conn.next_packet().unwrap().kind(), CONNECT);
            conn.close();
        }),
        script(|conn| {
            greet(conn, false, true, &[]);
            for numbers in [1..=16, 17..=32, 33..=48] {
                let all = messages(conn, 16);
                assert!(
                    all.iter()
                        .map(|message| message.payload.clone())
                        .eq(lines(numbers.clone()))
                );
                // Before it answers this, it has sent what it is going to send.
                conn.deliver(&Publish::new("t", "ping").qos(1, 1000));
                let sent = conn.received().iter().filter(|packet| packet.kind() == PUBLISH);
                assert_eq!(sent.count(), usize::from(*numbers.end()));
                for message in &all {
                    conn.ack(message);
                }
            }
            conn.expect_disconnect();
        }),
    ]);
    let tool = mqpub(broker.port(), "-t t -l -q 2 -c -i mine").stdin(lines(1..=48).join(&b'\n'));
    tool.run().expect(0, "", Contains(&["connected again"]));
    broker.finish();
}

#[test]
fn a_message_that_the_broker_does_not_take_any_more_is_refused_after_its_return() {
    let scripts = vec![
        script(|conn| {
            greet(conn, true, false, &[]);
            messages(conn, 2);
            conn.close();
        }),
        script(|conn| {
            greet(conn, false, true, &[Prop::Four(id::MAXIMUM_PACKET_SIZE, 20)]);
            let message = conn.expect_publish();
            assert_eq!((&message.payload[..], message.dup), (&b"short"[..], true));
            conn.ack(&message);
            conn.expect_disconnect();
        }),
    ];
    let broker = Broker::start_many(scripts);
    let tool = mqpub(broker.port(), "-t t -l -q 2 -V 5").stdin("longer than before\nshort\n");
    let counts = "2 messages read, 1 delivered, 1 refused: message not sent: its packet has 26 bytes";
    tool.run().expect(4, "", Contains(&[counts]));
}

#[test]
fn the_session_of_an_earlier_run_is_not_taken_for_ours() {
    let scripts = vec![
        script(|conn| {
            // An identifier that the user has chosen, and somebody used before.
            greet(conn, false, true, &[]);
            conn.expect_disconnect();
        }),
        script(|conn| {
            greet(conn, true, false, &[]);
            conn.expect_disconnect();
        }),
        script(|conn| {
            greet(conn, false, false, &[]);
            accept_all(conn);
        }),
        farewell(),
    ];
    let connections = through("-i mine", scripts);
    let published: Vec<usize> = connections
        .iter()
        .map(|packets| packets.iter().filter(|packet| packet.kind() == PUBLISH).count())
        .collect();
    assert_eq!(published, [0, 0, 3, 0]);
    for packets in &connections {
        assert_eq!(packets[0].kind(), CONNECT);
        assert_eq!(kinds(packets).last(), Some(&"DISCONNECT"));
    }
}

#[test]
fn what_only_serves_to_send_is_not_kept() {
    let expiry = |packet: &Packet| {
        let properties = match packet.kind() {
            CONNECT => packet::Connect::parse(packet).properties,
            _ => packet::Answer::parse(packet, Version::V5).properties,
        };
        properties.into_iter().find_map(|prop| match prop {
            Prop::Four(id::SESSION_EXPIRY, seconds) => Some(seconds),
            _ => None,
        })
    };
    for (words, connect, disconnect) in [
        ("-V 5", Some(86_400), Some(0)),
        // What the user says is left to him.
        ("-x 60", Some(60), None),
        ("-V 5 --no-reconnect", None, None),
    ] {
        let script = script(|conn| {
            conn.accept_connect();
            accept_all(conn);
        });
        let connections = through(words, vec![script]);
        let packets = &connections[0];
        assert_eq!(expiry(&packets[0]), connect, "{words}");
        assert_eq!(expiry(&packets[packets.len() - 1]), disconnect, "{words}");
    }
}

//! mqpub -q 2 with several brokers: what one of them keeps of the run's session is
//! told to no other, and ended with each.

use crate::support::broker::{Broker, Conn, Script, script};
use crate::support::packet::{self, DISCONNECT, PUBCOMP, PUBLISH, PUBREC, PUBREL, Publish, Version, connack};
use crate::support::runner::{Contains, Outcome, Satisfies, Tool};
use crate::tools::kinds;

/// Takes a CONNECT that has to (not) ask for a clean session.
#[track_caller]
fn greet(conn: &mut Conn, clean: bool, present: bool) {
    let connect = conn.accept_connect_with(present, &[]);
    assert_eq!(connect.flags & 2 != 0, clean, "{connect:?}");
}

/// A connection with a session that ends in the middle of the exchanges.
fn dies(clean: bool) -> Script {
    script(move |conn| {
        greet(conn, clean, false);
        let all: Vec<Publish> = (0..3).map(|_| conn.expect_publish()).collect();
        conn.ack(&all[0]);
        conn.send(packet::ack(PUBREC, all[1].mid));
        conn.expect_ack(PUBREL, all[1].mid);
        conn.close();
    })
}

/// A broker that is on its way down, or up.
fn is_unavailable() -> Script {
    script(|conn| {
        conn.expect_connect();
        let code = if conn.version() == Version::V5 { 0x88 } else { 3 };
        conn.send(connack(conn.version(), false, code, &[]));
        conn.until_eof();
    })
}

/// A connection over which the last two messages come, whole.
fn takes_the_rest(clean: bool) -> Script {
    script(move |conn| {
        greet(conn, clean, false);
        let mut payloads = Vec::new();
        while let Some(packet) = conn.next_packet() {
            let version = conn.version();
            match packet.kind() {
                PUBLISH => {
                    let publish = Publish::parse(&packet, version);
                    assert!(!publish.dup);
                    payloads.push(publish.payload);
                    conn.queue(packet::ack(PUBREC, publish.mid));
                }
                PUBREL => conn.queue(packet::ack(PUBCOMP, packet::Answer::parse(&packet, version).mid)),
                DISCONNECT => break,
                _ => {}
            }
        }
        assert_eq!(payloads, [b"b", b"c"]);
    })
}

/// A connection that only ends a session.
fn parting() -> Script {
    script(|conn| {
        greet(conn, true, false);
        conn.expect_disconnect();
    })
}

/// Runs mqpub with the lines a, b and c.
fn publish(ports: &[u16], words: &str) -> Outcome {
    let tool = ports.iter().fold(Tool::mqpub(), |tool, port| {
        tool.args(["-h".to_owned(), format!("127.0.0.1:{port}")])
    });
    tool.args("-i me -t t -l -q 2".split(' '))
        .args(words.split_whitespace())
        .stdin("a\nb\nc\n")
        .run()
}

#[test]
fn the_session_is_ended_where_it_is_and_where_it_was() {
    let first = Broker::start_many(vec![dies(false), is_unavailable(), parting()]);
    let second = Broker::start_many(vec![takes_the_rest(false), parting()]);
    let ports = [first.port(), second.port()];
    publish(&ports, "-V 311").expect(0, "", Contains(&["connected again\n"]));
    first.finish();
    second.finish();
}

#[test]
fn a_broker_that_is_gone_does_not_hold_up_the_end() {
    let first = Broker::start_many(vec![dies(false)]);
    let second = Broker::start_many(vec![takes_the_rest(false), parting()]);
    let ports = [first.port(), second.port()];
    let ended = publish(&ports, "-V 311 -d");
    let ends = format!("ending the session that 127.0.0.1:{} may have kept\n", ports[0]);
    let stays = format!("a broker keeps its session: cannot connect to 127.0.0.1:{}: ", ports[0]);
    ended.expect(0, "", Contains(&[&ends, &stays]));
    second.finish();
}

#[test]
fn what_the_next_broker_has_of_an_earlier_time_is_ended_first() {
    // Between the connections to the second, the first is asked again.
    let first = Broker::start_many(vec![dies(false), is_unavailable(), is_unavailable(), parting()]);
    let second = Broker::start_many(vec![
        script(|conn| {
            greet(conn, false, true);
            assert_eq!(kinds(&conn.until_eof()), ["DISCONNECT"]);
        }),
        parting(),
        takes_the_rest(false),
        parting(),
    ]);
    let ports = [first.port(), second.port()];
    publish(&ports, "-V 311").expect(0, "", Contains(&["connected again\n"]));
    first.finish();
    second.finish();
}

#[test]
fn in_mqtt_5_the_next_broker_begins_anew() {
    let first = Broker::start_many(vec![dies(true), is_unavailable()]);
    let second = Broker::start_many(vec![takes_the_rest(true)]);
    let ports = [first.port(), second.port()];
    publish(&ports, "-V 5").expect(0, "", Satisfies(&|_| true));
    first.finish();
    second.finish();
}

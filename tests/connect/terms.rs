//! What MQTT 5 settles at the connection: what CONNECT asks for, what CONNACK
//! says, and the reasons that a broker gives for a no.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::both;
use crate::support::broker::{Broker, Script, script};
use crate::support::packet::{self, Prop, Version, id};
use crate::support::runner::{Contains, Satisfies, Tool};
use crate::tools::{at, mqsub};

fn text(id: u8, text: &str) -> Prop {
    Prop::Text(id, text.into())
}

#[test]
fn connect_asks_for_what_was_said() {
    let words = "-D connect session-expiry-interval 60 -D connect receive-maximum 7 \
                 -D connect maximum-packet-size 5000 -D connect request-response-information 1 \
                 -D connect request-problem-information 1 -D connect user-property a b \
                 -D connect user-property a c -D connect authentication-method one-step \
                 -D connect authentication-data s3cret";
    for (tool, words) in both(words) {
        let broker = Broker::start(|conn| {
            let connect = conn.accept_connect_with(
                false,
                &[
                    text(id::AUTH_METHOD, "one-step"),
                    Prop::Binary(id::AUTH_DATA, b"well-known".to_vec()),
                    text(id::RESPONSE_INFO, "answers/"),
                ],
            );
            for expected in [
                Prop::Four(id::SESSION_EXPIRY, 60),
                Prop::Two(id::RECEIVE_MAXIMUM, 7),
                Prop::Four(id::MAXIMUM_PACKET_SIZE, 5000),
                Prop::Byte(id::REQUEST_RESPONSE_INFO, 1),
                Prop::Byte(id::REQUEST_PROBLEM_INFO, 1),
                Prop::User("a".into(), "b".into()),
                Prop::User("a".into(), "c".into()),
                text(id::AUTH_METHOD, "one-step"),
                Prop::Binary(id::AUTH_DATA, b"s3cret".to_vec()),
            ] {
                assert!(connect.properties.contains(&expected), "{expected:?} in {connect:?}");
            }
            conn.close();
        });
        let ended = at(tool, broker.port(), &words).args(["-d", "--no-reconnect"]).run();
        let said = "the broker says: authentication-method 'one-step', response-information 'answers/'\n";
        let ended = ended.expect(5, "", Contains(&[said]));
        assert!(!ended.stderr.contains("s3cret") && !ended.stderr.contains("well-known"));
    }
}

#[test]
fn the_brokers_keep_alive_counts() {
    let broker = Broker::start(|conn| {
        let connect = conn.accept_connect_with(false, &[Prop::Two(id::SERVER_KEEP_ALIVE, 1)]);
        assert_eq!(connect.keep_alive, 60);
        conn.serve_subscribe(&[0]);
        let start = Instant::now();
        conn.expect(packet::PINGREQ);
        assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
        conn.send([0xd0, 0]);
        conn.publish(&packet::Publish::new("t", "x"));
        conn.until_eof();
    });
    let ended = mqsub(broker.port(), "-V 5 -k 60 -t t -C 1 -d").run();
    ended.expect(0, "x\n", Contains(&["the broker says: server-keep-alive 1\n"]));
}

#[test]
fn an_assigned_client_identifier_is_kept_for_the_next_connection() {
    let broker = Broker::start_many(vec![
        script(|conn| {
            let connect = conn.accept_connect_with(false, &[text(id::ASSIGNED_CLIENT_ID, "you-are-7")]);
            assert_eq!(connect.client_id, "");
            conn.serve_subscribe(&[0]);
            conn.close();
        }),
        script(|conn| {
            let connect = conn.accept_connect();
            assert_eq!(connect.client_id, "you-are-7");
            conn.serve_subscribe(&[0]);
            conn.publish(&packet::Publish::new("t", "x"));
            conn.until_eof();
        }),
    ]);
    let ended = mqsub(broker.port(), "-V 5 -t t -C 1 -d").run();
    ended.expect(0, "x\n", Contains(&["assigned-client-identifier 'you-are-7'"]));
}

#[test]
fn a_broker_that_sends_elsewhere_says_where_to() {
    for (code, why) in [(0x9c, "use another server"), (0x9d, "server moved")] {
        let broker = Broker::start(move |conn| {
            conn.expect_connect();
            let props = [
                text(id::REASON_STRING, "spring\ncleaning"),
                text(id::SERVER_REFERENCE, "b2.example:1884"),
            ];
            conn.send(packet::connack(Version::V5, false, code, &props));
            conn.until_eof();
        });
        let port = broker.port();
        let line = format!("connect to 127.0.0.1:{port}: refused by the broker: {why} (spring\\ncleaning)\n");
        for (tool, words) in both("-V 5") {
            let ended = at(tool, port, &words).run();
            ended.expect(
                4,
                "",
                Contains(&[&line, "hint: the broker names another one: 'b2.example:1884'\n"]),
            );
        }
    }
}

#[test]
fn a_broker_that_moves_in_mid_stream_says_where_to() {
    let broker = Broker::start(|conn| {
        conn.accept_connect();
        conn.serve_subscribe(&[0]);
        conn.send(packet::disconnect(0x9d, &[text(id::SERVER_REFERENCE, "b2.example")]));
        conn.until_eof();
    });
    // For good: coming back would be of no use.
    let ended = mqsub(broker.port(), "-V 5 -t t").run();
    ended.expect(
        5,
        "",
        Contains(&[
            "the broker ended it: server moved\n",
            "hint: the broker names another one: 'b2.example'\n",
        ]),
    );
}

#[test]
fn a_connection_that_ends_for_what_was_asked_is_not_made_again() {
    for (code, why) in [
        (0x9a, "retain not supported"),
        (0x9b, "QoS not supported"),
        (0x9e, "shared subscriptions not supported"),
        (0xa1, "subscription identifiers not supported"),
        (0xa2, "wildcard subscriptions not supported"),
    ] {
        let broker = Broker::start_many(vec![script(move |conn| {
            conn.accept_connect();
            conn.read();
            conn.send(packet::disconnect(code, &[]));
            conn.until_eof();
        })]);
        let ended = mqsub(broker.port(), "-V 5 -t t").run();
        ended.expect(4, "", Contains(&[&format!("the broker ended it: {why}\n")]));
    }
}

#[test]
fn a_broker_that_ends_each_connection_at_the_question_is_asked_less_and_less_often() {
    let ends = Arc::new(Mutex::new(Vec::new()));
    let mut scripts: Vec<Script> = Vec::new();
    for _ in 0..5 {
        let ends = Arc::clone(&ends);
        scripts.push(script(move |conn| {
            let came = Instant::now();
            conn.accept_connect();
            conn.read();
            // It cannot know of the end before this.
            ends.lock().unwrap().push((came, Instant::now()));
        }));
    }
    scripts.push(script(|conn| {
        conn.accept_connect();
        conn.serve_subscribe(&[0]);
        conn.publish(&packet::Publish::new("t", "x"));
        conn.until_eof();
    }));
    let broker = Broker::start_many(scripts);
    let ended = mqsub(broker.port(), "-t t -C 1").run();
    ended.expect(0, "x\n", Contains(&["connected again\n"]));
    broker.finish();
    // Pauses of 0.1 s, 0.2 s, 0.4 s, 0.8 s, each a quarter more or less; a busy
    // machine makes them longer, and nothing makes them shorter.
    let ends = ends.lock().unwrap();
    for (number, pair) in (0..).zip(ends.windows(2)) {
        let (before, after) = (pair[0].1, pair[1].0);
        let least = Duration::from_millis(75) * 2_u32.pow(number);
        let pause = after.saturating_duration_since(before);
        assert!(pause >= least, "{number}: {pause:?}");
    }
}

#[test]
fn each_refusal_has_the_brokers_reason() {
    let reason = [text(id::REASON_STRING, "not on a Sunday")];
    let broker = Broker::start(move |conn| {
        conn.accept_connect();
        let packet = conn.read();
        let answer = match packet.kind() {
            packet::PUBLISH => {
                let mid = packet::Publish::parse(&packet, Version::V5).mid;
                packet::ack_with(packet::PUBACK, mid, 0x87, &reason)
            }
            _ => packet::suback(Version::V5, 1, &[0x87], &reason),
        };
        conn.send(answer);
        conn.until_eof();
    });
    for (tool, words) in both("-V 5 -q 1") {
        let ended = at(tool, broker.port(), &words).run();
        ended.expect(4, "", Contains(&[": not authorised (not on a Sunday)\n"]));
    }
    let quiet = Tool::mqsub()
        .args(["-h", "127.0.0.1", "-V", "5", "-t", "t"])
        .port(broker.port());
    quiet
        .arg("--quiet")
        .run()
        .expect(4, "", Satisfies(&|text: &[u8]| text.is_empty()));
}

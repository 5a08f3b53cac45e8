//! mqpub --bench: what is counted, over one connection and over several, and how it
//! ends.

use std::io::BufRead as _;
use std::time::Duration;

use rustix::process::Signal;
use serde_json::Value;

use crate::support::broker::{Broker, Conn};
use crate::support::mosquitto::{shared, unique_topic};
use crate::support::packet::{DISCONNECT, PUBLISH, Publish, SUBSCRIBE, Subscribe, Version, ack_with, suback};
use crate::support::runner::{Contains, Outcome, Satisfies};
use crate::tools::mqpub;

/// The result of a run that has ended with this status.
#[track_caller]
fn result(outcome: Outcome, status: i32, told: &[&str]) -> Value {
    let is_line = |stdout: &[u8]| stdout.lines().count() == 1 && stdout.ends_with(b"\n");
    let outcome = outcome.expect(status, Satisfies(&is_line), Contains(told));
    serde_json::from_slice(&outcome.stdout).unwrap()
}

#[track_caller]
fn numbers(result: &Value, keys: &[&str]) -> Vec<u64> {
    keys.iter().map(|key| result[key].as_u64().unwrap()).collect()
}

/// A broker that sends back what `answer` makes of each message and its number.
fn echo(answer: impl Fn(&mut Conn, u64, &Publish) + Send + Sync + 'static) -> Broker {
    Broker::start(move |conn| {
        conn.accept_connect();
        while let Some(packet) = conn.next_packet() {
            match packet.kind() {
                SUBSCRIBE => {
                    let subscribe = Subscribe::parse(&packet, conn.version());
                    let granted = [subscribe.filters[0].1 & 3];
                    conn.send(suback(conn.version(), subscribe.mid, &granted, &[]));
                }
                PUBLISH => {
                    let publish = Publish::parse(&packet, conn.version());
                    let number = u64::from_be_bytes(publish.payload[..8].try_into().unwrap());
                    answer(conn, number, &publish);
                }
                _ => {}
            }
        }
    })
}

fn back(conn: &mut Conn, publish: &Publish) {
    let back = Publish::new(&publish.topic, &publish.payload);
    conn.send(back.encode(conn.version()));
}

#[test]
fn everything_comes_back_at_each_qos() {
    for (qos, version) in [(0, "311"), (1, "5"), (2, "311")] {
        let prefix = unique_topic("bench");
        let words = format!("--bench --for 300ms -q {qos} -V {version} -t {prefix} --size 100");
        let outcome = mqpub(shared().tcp(), &words).run();
        let told = ["mqpub: ", "/s, 0 lost; latency: min "];
        let result = result(outcome, 0, &told);
        let [sent, received, lost, duplicated, reordered] =
            numbers(&result, &["sent", "received", "lost", "duplicated", "reordered"])[..]
        else {
            panic!("{result}");
        };
        assert!(sent > 0 && sent == received, "{result}");
        assert_eq!((lost, duplicated, reordered), (0, 0, 0));
        assert_eq!(numbers(&result, &["qos", "size", "connections"]), [qos, 100, 1]);
        assert!(result["seconds"].as_f64().unwrap() >= 0.3, "{result}");
        let latency = |key: &str| result["latency_ms"][key].as_f64().unwrap();
        let quantiles = ["min", "p50", "p90", "p99", "p999", "max"].map(latency);
        assert!(quantiles.is_sorted() && quantiles[0] > 0.0, "{result}");
    }
}

#[test]
fn a_rate_is_kept_to() {
    let prefix = unique_topic("bench");
    let words = format!("--bench --for 300ms --rate 100/s -q 1 -t {prefix} --quiet");
    let outcome = mqpub(shared().tcp(), &words).run();
    let result = result(outcome, 0, &[""]);
    assert_eq!(numbers(&result, &["sent", "received", "unsent"]), [30, 30, 0]);
}

#[test]
fn several_connections_add_up() {
    let prefix = unique_topic("bench");
    let words = format!("--bench --for 300ms --rate 100/s --connections 3 -t {prefix}");
    let outcome = mqpub(shared().tcp(), &words).run();
    let result = result(outcome, 0, &["90 messages in "]);
    assert!(result["seconds"].as_f64().unwrap() >= 0.3, "{result}");
    assert_eq!(numbers(&result, &["sent", "received", "connections"]), [90, 90, 3]);
}

#[test]
fn what_is_lost_doubled_and_out_of_order_is_counted() {
    let broker = echo(|conn, number, publish| match number {
        // The one is lost, the other comes behind the next.
        3 | 7 => {}
        5 => {
            back(conn, publish);
            back(conn, publish);
        }
        8 => {
            back(conn, publish);
            let mut seventh = publish.payload.clone();
            seventh[7] = 7;
            conn.send(Publish::new(&publish.topic, &seventh).encode(conn.version()));
        }
        _ => back(conn, publish),
    });
    let outcome = mqpub(broker.port(), "--bench --for 200ms --rate 100/s").run();
    let told = [
        "1 lost, 1 duplicated, 1 reordered",
        "mqpub: error: 1 of 20 messages lost\n",
    ];
    let result = result(outcome, 5, &told);
    let keys = ["sent", "received", "lost", "duplicated", "reordered"];
    assert_eq!(numbers(&result, &keys), [20, 19, 1, 1, 1]);
    let packets = broker.finish().concat();
    assert_eq!(packets.last().unwrap().kind(), DISCONNECT);
}

#[test]
fn the_latency_counts_from_when_a_message_should_have_left() {
    // Nothing is read for a while; what should have left then is late.
    let broker = echo(|conn, number, publish| {
        conn.ack(publish);
        if number == 5 {
            std::thread::sleep(Duration::from_millis(500));
        }
        back(conn, publish);
    });
    let outcome = mqpub(broker.port(), "--bench --for 600ms --rate 100/s -q 1 -M 1").run();
    let result = result(outcome, 0, &["0 lost"]);
    assert_eq!(numbers(&result, &["sent", "received", "unsent"]), [60, 60, 0]);
    assert!(result["latency_ms"]["p50"].as_f64().unwrap() > 100.0, "{result}");
}

#[test]
fn the_window_bounds_what_is_under_way() {
    let broker = Broker::start(|conn| {
        conn.accept_connect();
        conn.serve_subscribe(&[0]);
        let messages: Vec<Publish> = (0..4).map(|_| conn.expect_publish()).collect();
        // If there were a fifth, it would be here before the answer to this.
        std::thread::sleep(crate::tools::A_WHILE);
        for message in &messages {
            back(conn, message);
        }
        assert_eq!(
            conn.received().iter().filter(|packet| packet.kind() == PUBLISH).count(),
            4
        );
        conn.expect_disconnect();
    });
    let outcome = mqpub(broker.port(), "--bench --for 200ms -M 4").run();
    assert_eq!(numbers(&result(outcome, 0, &["0 lost"]), &["sent", "received"]), [4, 4]);
    broker.finish();
}

#[test]
fn no_broker_and_refusals() {
    let [port] = crate::support::free_ports();
    for connections in ["", "--connections 2"] {
        let why = Contains(&["mqpub: error: cannot connect to 127.0.0.1:", "connection refused"]);
        mqpub(port, &format!("--bench {connections}")).run().expect(3, "", why);
        let words = format!("--bench -t secret {connections}");
        let why = Contains(&["mqpub: error: subscription to 'secret/", "refused"]);
        mqpub(shared().restricted(), &words).run().expect(4, "", why);
    }
    let broker = echo(|conn, _, publish| {
        let refusal = ack_with(crate::support::packet::PUBACK, publish.mid, 0x97, &[]);
        conn.send(refusal);
    });
    let outcome = mqpub(broker.port(), "--bench -q 1 -V 5 --rate 1/h").run();
    let result = result(outcome, 4, &["1 refused", "mqpub: error: "]);
    assert_eq!(numbers(&result, &["sent", "refused", "lost"]), [1, 1, 0]);
    assert_eq!(result["latency_ms"], Value::Null);
}

#[test]
fn a_lost_connection_ends_it_with_the_result() {
    let broker = echo(|conn, number, publish| {
        if number == 3 {
            conn.close();
        } else {
            back(conn, publish);
        }
    });
    // The next one is not sent before this one is back.
    let outcome = mqpub(broker.port(), "--bench -M 1").run();
    let told = ["1 lost", "lost: connection to 127.0.0.1:", "the broker closed it"];
    assert_eq!(numbers(&result(outcome, 5, &told), &["received"]), [3]);
}

#[test]
fn a_signal_ends_it_early_with_the_result() {
    for connections in [1_u64, 2] {
        let mut there = crate::support::mosquitto::Subscriber::connect(shared().tcp(), Version::V311, "early/#", 0);
        let words = format!("--bench --for 1h --rate 100/s --connections {connections} -t early/{connections}");
        let running = mqpub(shared().tcp(), &words).spawn();
        there.next();
        running.signal(Signal::INT);
        let outcome = running.wait();
        let is_whole = |stdout: &[u8]| {
            let result: Value = serde_json::from_slice(stdout).unwrap();
            result["sent"].as_u64() > Some(0) && result["sent"] == result["received"]
        };
        outcome.expect(Signal::INT, Satisfies(&is_whole), Contains(&["0 lost"]));
    }
}

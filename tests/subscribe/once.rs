//! Messages of `QoS` 2 are printed once each: over reconnections, and over runs.

use std::collections::BTreeSet;

use rustix::process::Signal;

use super::subscribed;
use crate::support::DEADLINE;
use crate::support::broker::{Broker, Conn, script};
use crate::support::mosquitto::Mosquitto;
use crate::support::packet::{self, PUBCOMP, PUBREC, PUBREL, Publish, Version};
use crate::support::runner::{Contains, Satisfies};
use crate::tools::{mqpub, mqsub, numbered, play, text};

/// Sends it, and waits for the first answer.
fn send(conn: &mut Conn, message: &Publish) {
    conn.publish(message);
    conn.expect_ack(PUBREC, message.mid);
}

/// A message that a broker says it may have sent before.
fn again(payload: &str, mid: u16) -> Publish {
    let mut message = Publish::new("t", payload).qos(2, mid);
    message.dup = true;
    message
}

#[test]
fn what_was_printed_before_a_loss_is_not_printed_again() {
    for version in [Version::V311, Version::V5] {
        let scripts = vec![
            script(|conn| {
                subscribed(conn);
                send(conn, &Publish::new("t", "a").qos(2, 1));
                send(conn, &Publish::new("t", "b").qos(2, 2));
            }),
            script(|conn| {
                conn.accept_connect_with(true, &[]);
                send(conn, &again("a", 1));
                conn.send(packet::ack(PUBREL, 1));
                conn.expect_ack(PUBCOMP, 1);
                // And over one more loss.
            }),
            script(|conn| {
                conn.accept_connect_with(true, &[]);
                send(conn, &again("b", 2));
                send(conn, &again("b", 2));
                for mid in [2, 1] {
                    conn.send(packet::ack(PUBREL, mid));
                    conn.expect_ack(PUBCOMP, mid);
                }
                // The identifiers are free again, and may be anything's.
                conn.deliver(&again("c", 2));
                send(conn, &Publish::new("t", "d").qos(2, 1));
                conn.until_eof();
            }),
        ];
        let broker = Broker::start_many(scripts);
        let words = format!("-t t -q 2 -c -i me -C 4 -V {}", version.flag());
        let told = Contains(&["lost: the broker closed it; trying again\n", "connected again\n"]);
        mqsub(broker.port(), &words).run().expect(0, "a\nb\nc\nd\n", told);
    }
}

#[test]
fn a_broker_that_has_forgotten_the_session_sends_other_messages() {
    for (version, session_present, dup) in [
        (Version::V311, false, true),
        (Version::V5, false, true),
        // After a crash it may have forgotten a part of it.
        (Version::V311, true, false),
        (Version::V5, true, false),
    ] {
        let scripts = vec![
            script(|conn| {
                subscribed(conn);
                send(conn, &Publish::new("t", "a").qos(2, 1));
            }),
            script(move |conn| {
                conn.accept_connect_with(session_present, &[]);
                if !session_present {
                    conn.serve_subscribe(&[2]);
                }
                let mut other = Publish::new("t", "b").qos(2, 1);
                other.dup = dup;
                send(conn, &other);
                conn.until_eof();
            }),
        ];
        let broker = Broker::start_many(scripts);
        let words = format!("-t t -q 2 -c -i me -C 2 -V {}", version.flag());
        let told = if session_present {
            "connected again\n"
        } else {
            "connected again, but the broker has not kept the session"
        };
        mqsub(broker.port(), &words)
            .run()
            .expect(0, "a\nb\n", Contains(&[told]));
    }
}

#[test]
fn a_release_that_nobody_waits_for_is_answered() {
    for (version, reason) in [(Version::V311, 0), (Version::V5, 0x92)] {
        let broker = play(move |conn| {
            conn.accept_connect_with(true, &[]);
            conn.send(packet::ack(PUBREL, 9));
            assert_eq!(conn.expect_ack(PUBCOMP, 9).codes.first().copied().unwrap_or(0), reason);
            conn.serve_subscribe(&[2]);
            send(conn, &Publish::new("t", "x").qos(2, 9));
            conn.until_eof();
        });
        let words = format!("-t t -q 2 -c -i me -C 1 -V {}", version.flag());
        mqsub(broker.port(), &words).run().expect(0, "x\n", "");
    }
}

#[test]
fn an_end_after_so_many_leaves_the_rest_to_the_next_run() {
    let broker = Mosquitto::start();
    for version in ["31", "311", "5"] {
        let expiry = if version == "5" { "-x 3600" } else { "" };
        let words = format!("-t once/{version} -q 2 -c -i me{version} -V {version} {expiry}");
        mqsub(broker.tcp(), &format!("{words} -E")).run().expect(0, "", "");
        let lines = numbered(50, 9);
        let publish = mqpub(broker.tcp(), &format!("-t once/{version} -q 2 -l"));
        publish.stdin(text(&lines)).run().expect(0, "", "");
        let mut left = &lines[..];
        for count in [2, 1, 17, 30] {
            let (now, later) = left.split_at(count);
            let tool = mqsub(broker.tcp(), &format!("{words} -C {count}"));
            tool.run().expect(0, text(now), "");
            left = later;
        }
    }
}

#[test]
fn killed_runs_lose_nothing() {
    let broker = Mosquitto::start();
    let words = "-t killed -q 2 -c -i me";
    mqsub(broker.tcp(), &format!("{words} -E")).run().expect(0, "", "");
    let lines = numbered(900, 9);
    let publish = mqpub(broker.tcp(), "-t killed -q 2 -l");
    publish.stdin(text(&lines)).run().expect(0, "", "");
    let mut seen = BTreeSet::new();
    for _ in 0..3 {
        if seen.len() == lines.len() {
            // The signal came late, and there is nothing left.
            break;
        }
        let tool = mqsub(broker.tcp(), words).spawn();
        seen.insert(tool.read_line(DEADLINE));
        tool.signal(Signal::KILL);
        let ended = tool.wait();
        seen.extend(ended.stdout.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec));
        ended.expect(Signal::KILL, Satisfies(&|_| true), "");
    }
    mqpub(broker.tcp(), "-t killed -q 2 -m end").run().expect(0, "", "");
    let tool = mqsub(broker.tcp(), words).spawn();
    while !seen.contains(&b"end\n"[..]) {
        seen.insert(tool.read_line(DEADLINE));
    }
    tool.signal(Signal::KILL);
    tool.wait().expect(Signal::KILL, "", "");
    let sent: BTreeSet<Vec<u8>> = text(&lines)
        .split_inclusive(|byte| *byte == b'\n')
        .map(<[u8]>::to_vec)
        .collect();
    assert!(sent.is_subset(&seen), "{} of {}", seen.len(), sent.len());
}

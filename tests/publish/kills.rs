//! mqpub -l against a broker that is killed in the middle, forgets what it has
//! not saved, and comes back with a session of an earlier time.

use std::collections::HashSet;

use crate::support::DEADLINE;
use crate::support::mosquitto::Mosquitto;
use crate::support::runner::Satisfies;
use crate::tools::{mqpub, mqsub, numbered, text};

/// How many lines there are for each life of the broker.
const CHUNK: usize = 2000;

/// Sends lines to a broker that is killed three times while it takes them.
fn outlives_three_kills(words: &str) {
    let mut broker = Mosquitto::start();
    // The broker keeps for it what it misses.
    let watcher = mqsub(broker.tcp(), "-t t -c -i watcher").deadline(DEADLINE * 3).spawn();
    broker.wait_subscribed("t");
    broker.save();
    let lines = numbered(4 * CHUNK, 20);
    let mut tool = mqpub(broker.tcp(), &format!("-t t -l {words}"))
        .deadline(DEADLINE * 3)
        .spawn();
    let mut arrived = Vec::new();
    for (life, lines) in lines.chunks(CHUNK).enumerate() {
        tool.write_stdin(text(lines));
        while arrived.len() < life * CHUNK + CHUNK / 2 {
            arrived.push(watcher.read_line(DEADLINE));
        }
        if life < 3 {
            broker.kill();
            broker.restart();
        }
    }
    tool.wait().expect(0, "", Satisfies(&|_| true));
    while arrived.last() != Some(&text(&lines[lines.len() - 1..])) {
        arrived.push(watcher.read_line(DEADLINE));
    }
    let mut seen = HashSet::new();
    arrived.retain(|line| seen.insert(line.clone()));
    assert!(arrived.concat() == text(&lines), "lost, or out of order");
}

#[test]
fn a_broker_that_is_killed_costs_no_message_at_qos_1() {
    outlives_three_kills("-q 1");
}

#[test]
fn a_broker_that_is_killed_costs_no_message_at_qos_2() {
    outlives_three_kills("-q 2");
}

#[test]
fn a_broker_that_is_killed_costs_no_message_at_qos_2_in_mqtt_5() {
    outlives_three_kills("-q 2 -V 5");
}

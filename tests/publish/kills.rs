//! mqpub -l against a broker that is killed in the middle, forgets what it has
//! not saved, and comes back with a session of an earlier time.

use std::collections::HashSet;

use crate::support::DEADLINE;
use crate::support::mosquitto::Mosquitto;
use crate::support::runner::Satisfies;
use crate::tools::{mqpub, mqsub, numbered, text};

/// How many lines there are for each life of the broker.
const CHUNK: usize = 2000;

/// Sends lines to a broker that is killed three times while it takes them. It comes
/// back when that was `noticed`, or at once.
fn outlives_three_kills(words: &str, noticed: bool) {
    let mut broker = Mosquitto::start();
    // The broker keeps for it what it misses.
    let watcher = mqsub(broker.tcp(), "-t t -c -i watcher").deadline(DEADLINE * 3).spawn();
    broker.wait_subscribed("t");
    broker.save();
    let lines = numbered(4 * CHUNK, 20);
    let mut tool = mqpub(broker.tcp(), &format!("-d -t t -l {words}"))
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
            if noticed {
                tool.wait_stderr_satisfies("that nobody listens any more", |text| {
                    let outage = text.split("; trying again\n").nth(life + 1);
                    outage.is_some_and(|text| text.contains("connection refused"))
                });
            }
            broker.restart();
        }
    }
    tool.wait().expect(0, "", Satisfies(&|_| true));
    while arrived.last() != Some(&text(&lines[lines.len() - 1..])) {
        arrived.push(watcher.read_line(DEADLINE));
    }
    let mut seen = HashSet::new();
    arrived.retain(|line| seen.insert(line.clone()));
    let sent = text(&lines);
    let sent: Vec<&[u8]> = sent.split_inclusive(|byte| *byte == b'\n').collect();
    let lost: Vec<usize> = (0..sent.len()).filter(|number| !seen.contains(sent[*number])).collect();
    assert!(lost.is_empty(), "lost: {lost:?}");
    assert!(arrived.concat() == sent.concat(), "out of order");
}

#[test]
fn a_broker_that_is_killed_costs_no_message_at_qos_1() {
    outlives_three_kills("-q 1", false);
}

// At QoS 2 a broker that is asked to go on with an exchange that it has forgotten says
// yes, and has lost the message: to be sent again whole, it has to be known that
// the broker was down.

#[test]
fn a_broker_that_is_killed_costs_no_message_at_qos_2() {
    outlives_three_kills("-q 2", true);
}

#[test]
fn a_broker_that_is_killed_costs_no_message_at_qos_2_in_mqtt_5() {
    outlives_three_kills("-q 2 -V 5", true);
}

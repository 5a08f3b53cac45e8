//! One stream for several: shared subscriptions and kept sessions with a real
//! broker, and what a kill leaves.

use std::collections::BTreeMap;

use rustix::process::Signal;

use crate::support::DEADLINE;
use crate::support::mosquitto::{self, Publisher, unique_topic};
use crate::support::packet::Version;
use crate::support::runner::{Outcome, Running, Satisfies};
use crate::tools::mqsub;

/// Adds up how often each number was printed.
fn tally(printed: &mut BTreeMap<usize, usize>, stdout: &[u8]) {
    for line in String::from_utf8_lossy(stdout).lines() {
        *printed.entry(line.parse().expect("a number")).or_default() += 1;
    }
}

/// Checks an end in silence, and adds up what was printed.
fn count(printed: &mut BTreeMap<usize, usize>, ended: Outcome) {
    let ended = ended.expect(0, Satisfies(&|_| true), Satisfies(&|_| true));
    tally(printed, &ended.stdout);
}

/// Kills it, and adds up what was printed.
fn kill(printed: &mut BTreeMap<usize, usize>, tool: Running) {
    tool.signal(Signal::KILL);
    let ended = tool
        .wait()
        .expect(Signal::KILL, Satisfies(&|_| true), Satisfies(&|_| true));
    tally(printed, &ended.stdout);
}

/// Starts one, and returns when it has subscribed.
fn member(words: &str) -> Running {
    let tool = mqsub(mosquitto::shared().tcp(), &format!("-d {words}")).spawn();
    tool.wait_stderr_contains("debug: subscribed\n");
    tool
}

fn publish(topic: &str, numbers: std::ops::Range<usize>) {
    let mut publisher = Publisher::connect(mosquitto::shared().tcp(), Version::V311);
    for number in numbers {
        publisher.publish(topic, number.to_string(), 1, false, &[]);
    }
}

#[test]
fn three_in_a_group_get_each_message_once_between_them() {
    const COUNT: usize = 300;
    for version in [Version::V311, Version::V5] {
        let topic = unique_topic("group");
        let words = format!("-t {topic}/# --share g -q 1 --idle 4 -V {}", version.flag());
        let members: Vec<Running> = (0..3).map(|_| member(&words)).collect();
        publish(&format!("{topic}/x"), 0..COUNT);
        let mut printed = BTreeMap::new();
        for tool in members {
            let before = printed.values().sum::<usize>();
            count(&mut printed, tool.wait());
            assert!(printed.values().sum::<usize>() > before, "one got nothing");
        }
        assert_eq!(printed.len(), COUNT);
        assert!(printed.values().all(|times| *times == 1), "{printed:?}");
    }
}

#[test]
fn a_member_that_is_killed_loses_nothing() {
    const COUNT: usize = 300;
    let topic = unique_topic("group");
    let words = |id: usize| {
        format!(
            "-t {topic} --share g -q 1 -c -i {}-{id} --idle 4",
            topic.replace('/', "-")
        )
    };
    let victim = member(&words(0));
    let others = [member(&words(1)), member(&words(2))];
    publish(&topic, 0..COUNT / 2);
    let mut printed = BTreeMap::new();
    tally(&mut printed, &victim.read_line(DEADLINE));
    kill(&mut printed, victim);
    publish(&topic, COUNT / 2..COUNT);
    let again = member(&words(0));
    for tool in others.into_iter().chain([again]) {
        count(&mut printed, tool.wait());
    }
    assert_eq!(printed.len(), COUNT, "the union is complete");
}

#[test]
fn a_kill_in_mid_stream_loses_nothing_of_a_kept_session() {
    const COUNT: usize = 3000;
    for version in [Version::V311, Version::V5] {
        let topic = unique_topic("kept");
        let id = topic.replace('/', "-");
        let words = format!("-t {topic} -q 1 -c -i {id} --idle 2 -V {}", version.flag());
        let tool = member(&words);
        let publishing = std::thread::spawn({
            let topic = topic.clone();
            move || publish(&topic, 0..COUNT)
        });
        let mut printed = BTreeMap::new();
        for _ in 0..100 {
            tally(&mut printed, &tool.read_line(DEADLINE));
        }
        kill(&mut printed, tool);
        publishing.join().unwrap();
        count(&mut printed, member(&words).wait());
        assert_eq!(printed.len(), COUNT, "the union is complete");
    }
}

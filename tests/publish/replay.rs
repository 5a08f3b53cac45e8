//! mqpub --replay: a recording of mqsub, played back.

use std::fs::File;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::broker::{Broker, Inbox, sink};
use crate::support::mosquitto::{self, Publisher};
use crate::support::packet::Version;
use crate::support::runner::{Contains, Satisfies, Tool};
use crate::support::unique_topic;
use crate::tools::{file, mqpub, mqsub, publishes};

/// What mqpub may say on a busy machine.
fn perhaps_late(stderr: &[u8]) -> bool {
    let text = String::from_utf8_lossy(stderr);
    text.is_empty() || (text.contains(" left late, at most ") && text.lines().count() == 1)
}

/// The payloads that mqpub publishes.
#[track_caller]
fn payloads(prepare: impl FnOnce(Tool) -> Tool) -> Vec<Vec<u8>> {
    let broker = Broker::start(sink(&Inbox::default()));
    let tool = prepare(mqpub(broker.port(), "-t t"));
    tool.run().expect(0, "", Satisfies(&perhaps_late));
    let sent = publishes(&broker.finish().concat());
    sent.into_iter().map(|message| message.payload).collect()
}

/// Three records, this far apart.
fn recording(step: u64) -> String {
    let record = |number: u64| {
        let seconds = number * step;
        let (minutes, seconds) = (seconds / 1000 / 60, seconds % 60_000);
        let (seconds, thousandths) = (seconds / 1000, seconds % 1000);
        format!(
            "{{\"time\":\"2026-01-31T12:{minutes:02}:{seconds:02}.{thousandths:03}Z\",\"topic\":\"a\",\"payload\":\"{number}\"}}\n"
        )
    };
    (0..3).map(record).collect()
}

#[test]
fn records_are_as_far_apart_as_they_were() {
    for (step, speed, least) in [
        (100, "1x", 200),
        (1000, "10x", 200),
        (50, "0.5", 200),
        (20_000, "max", 0),
    ] {
        let start = Instant::now();
        let words = ["--json", "--replay", "--speed", speed];
        let sent = payloads(|tool| tool.args(words).stdin(recording(step)));
        assert_eq!(sent, [b"0", b"1", b"2"], "{speed}");
        assert!(start.elapsed() >= Duration::from_millis(least), "{speed}");
    }
}

#[test]
fn a_file_can_be_played_again_and_again() {
    let (path, _dir) = file(recording(1).trim_end());
    let words = ["--json", "--replay", "--loop", "3"];
    let sent = payloads(|tool| tool.args(words).stdin_from(File::open(&path).unwrap()));
    assert_eq!(sent, [b"0", b"1", b"2"].repeat(3));
    let (path, _dir) = file("");
    let sent = payloads(|tool| tool.args(words).stdin_from(File::open(&path).unwrap()));
    assert!(sent.is_empty());
    let broker = Broker::start(sink(&Inbox::default()));
    let pipe = mqpub(broker.port(), "--json --replay --loop 3").stdin(recording(1));
    pipe.run().expect(
        1,
        "",
        "mqpub: error: --loop: stdin cannot be read again\nmqpub: hint: give it a file: < FILE\n",
    );
}

#[test]
fn a_record_without_a_time_has_no_place() {
    let broker = Broker::start(sink(&Inbox::default()));
    let tool = mqpub(broker.port(), "--json --replay").stdin(recording(1) + "{\"topic\":\"a\"}\n");
    tool.run().expect(
        1,
        "",
        Contains(&["mqpub: error: line 4: it has no time, which --replay needs\n"]),
    );
    assert_eq!(publishes(&broker.finish().concat()).len(), 3);
}

/// Runs mqsub until 200 messages have come below the topic, and returns its
/// records without what tells how they came.
fn captured(topic: &str, publish: impl FnOnce()) -> (Vec<u8>, Vec<Value>) {
    let broker = mosquitto::shared();
    let words = format!("--json -q 2 -C 200 -t {topic}/#");
    let tool = mqsub(broker.tcp(), &words).spawn();
    broker.wait_subscribed(&format!("{topic}/#"));
    publish();
    let capture = tool.wait().expect(0, Satisfies(&|_| true), "").stdout.clone();
    let records = capture.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    let records = records.map(|line| {
        let mut record: Value = serde_json::from_slice(line).unwrap();
        let record_map = record.as_object_mut().unwrap();
        record_map.remove("time");
        record_map.remove("mid");
        record
    });
    let mut records: Vec<Value> = records.collect();
    // The order is kept within a topic; a broker lets QoS 0 overtake the others.
    records.sort_by(|one, other| one["topic"].as_str().cmp(&other["topic"].as_str()));
    (capture, records)
}

#[test]
fn what_was_captured_comes_back_record_by_record() {
    let port = mosquitto::shared().tcp();
    let topic = unique_topic("capture");
    let (capture, original) = captured(&topic, || {
        let mut publisher = Publisher::connect(port, Version::V311);
        for number in 0..200_u8 {
            let payload = [number, b'"', 0, 0xff];
            let payload = &payload[..usize::from(number) % 5];
            publisher.publish(&format!("{topic}/{}", number % 3), payload, number % 3, false, &[]);
        }
    });
    let prefix = unique_topic("replayed");
    let (_, replayed) = captured(&format!("{prefix}/{topic}"), || {
        let words = format!("--json --replay --speed max --topic-prefix {prefix}/");
        mqpub(port, &words).stdin(&capture).run().expect(0, "", "");
    });
    assert_eq!(original.len(), 200);
    for (original, replayed) in original.iter().zip(&replayed) {
        let mut expected = original.clone();
        expected["topic"] = format!("{prefix}/{}", original["topic"].as_str().unwrap()).into();
        assert_eq!(replayed, &expected);
    }
}

//! When mqsub ends by itself, and with which status.

use std::time::{Duration, Instant};

use super::{sends, subscribed};
use crate::support::broker::{Broker, Conn, script};
use crate::support::mosquitto::{self, Publisher, unique_topic};
use crate::support::packet::{
    self, PINGREQ, PUBACK, PUBCOMP, PUBREC, PUBREL, Prop, Publish, Version, suback, unsuback,
};
use crate::support::runner::{Contains, Satisfies};
use crate::tools::{AT_ONCE, kinds, mqsub, play};

/// Retained messages under a topic of their own, deleted at the end.
struct Retained {
    topic: String,
    count: usize,
    publisher: Publisher,
}

impl Retained {
    fn new(prefix: &str, count: usize) -> Self {
        let topic = unique_topic(prefix);
        let mut publisher = Publisher::connect(mosquitto::shared().tcp(), Version::V311);
        for number in 0..count {
            publisher.publish(&format!("{topic}/{number:03}"), number.to_string(), 1, true, &[]);
        }
        Self {
            topic,
            count,
            publisher,
        }
    }

    fn lines(&self) -> String {
        let lines = (0..self.count).map(|number| format!("{}/{number:03} {number}\n", self.topic));
        lines.collect::<Vec<_>>().concat()
    }

    /// What there is of them now, found out without the tool under test.
    fn left(&self) -> usize {
        let filter = format!("{}/#", self.topic);
        let port = mosquitto::shared().tcp();
        let mut subscriber = mosquitto::Subscriber::connect(port, Version::V311, &filter, 0);
        // Retained ones come before anything that is published now.
        let end = format!("{}/end", self.topic);
        Publisher::connect(port, Version::V311).publish(&end, "", 0, false, &[]);
        let mut left = 0;
        while subscriber.next().topic != end {
            left += 1;
        }
        left
    }
}

impl Drop for Retained {
    fn drop(&mut self) {
        for number in 0..self.count {
            let topic = format!("{}/{number:03}", self.topic);
            self.publisher.publish(&topic, "", 1, true, &[]);
        }
    }
}

fn sorted(text: &[u8]) -> Vec<String> {
    let mut lines: Vec<String> = String::from_utf8_lossy(text).lines().map(str::to_owned).collect();
    lines.sort();
    lines
}

#[test]
fn a_real_brokers_retained_messages_are_all_there_at_the_end() {
    // More than a broker has on its way at once.
    let retained = Retained::new("until", 70);
    let expected = retained.lines();
    for version in Version::ALL {
        for qos in [0, 1, 2] {
            let words = format!(
                "-v -t {}/# -q {qos} -V {} --until-retained",
                retained.topic,
                version.flag()
            );
            let complete = |stdout: &[u8]| sorted(stdout) == sorted(expected.as_bytes());
            let tool = mqsub(mosquitto::shared().tcp(), &words);
            tool.run().expect(0, Satisfies(&complete), "");
        }
    }
}

#[test]
fn without_retained_messages_the_end_comes_at_once() {
    let topic = unique_topic("nothing");
    let start = Instant::now();
    let words = format!("-t {topic} --until-retained");
    mqsub(mosquitto::shared().tcp(), &words).run().expect(0, "", "");
    assert!(start.elapsed() < 2 * AT_ONCE);
}

#[test]
fn the_end_of_the_retained_messages_is_asked_for_until_nothing_more_comes() {
    let broker = play(|conn| {
        let subscribe = conn.accept_connect_and_subscribe();
        conn.queue(suback(conn.version(), subscribe.mid, &[2], &[]));
        // A broker with one place for messages on their way.
        for mid in 1..=3 {
            conn.queue(
                Publish::new("t", mid.to_string())
                    .retained()
                    .qos(2, mid)
                    .encode(conn.version()),
            );
            if mid > 1 {
                conn.queue(packet::pingresp());
            }
            conn.expect_ack(PUBREC, mid);
            conn.read_ping();
            conn.queue(packet::ack(PUBREL, mid));
            conn.queue(packet::pingresp());
            conn.expect_ack(PUBCOMP, mid);
            conn.read_ping();
        }
        conn.queue(packet::pingresp());
        conn.expect_disconnect();
    });
    let tool = mqsub(broker.port(), "-t t -q 2 --until-retained");
    tool.run().expect(0, "1\n2\n3\n", "");
}

#[test]
fn the_first_message_that_was_not_retained_ends_retained_only() {
    for version in Version::ALL {
        let broker = play(|conn| {
            subscribed(conn);
            conn.queue(Publish::new("t", "1").retained().qos(1, 1).encode(conn.version()));
            conn.queue(Publish::new("t", "2").qos(1, 2).encode(conn.version()));
            conn.queue(Publish::new("t", "3").retained().qos(1, 3).encode(conn.version()));
            conn.expect_ack(PUBACK, 1);
            // What is not printed is not acknowledged.
            conn.expect_disconnect();
        });
        let words = format!("-t t -q 1 --retained-only -V {}", version.flag());
        mqsub(broker.port(), &words).run().expect(0, "1\n", "");
    }
}

#[test]
fn with_only_the_subscription_asked_for_nothing_is_printed_or_acknowledged() {
    for version in Version::ALL {
        let broker = play(|conn| {
            let subscribe = conn.accept_connect_and_subscribe();
            conn.queue(Publish::new("t", "1").retained().qos(1, 1).encode(conn.version()));
            conn.send(suback(conn.version(), subscribe.mid, &[1], &[]));
            let unsubscribe = conn.expect_unsubscribe();
            conn.send(unsuback(conn.version(), unsubscribe.mid, &[0x11], &[]));
            conn.expect_disconnect();
        });
        let words = format!("-t t -q 1 -E -U u -V {}", version.flag());
        mqsub(broker.port(), &words).run().expect(0, "", "");
    }
}

#[test]
fn a_subscription_can_be_ended_without_another_one() {
    for version in Version::ALL {
        let broker = play(|conn| {
            conn.accept_connect();
            let unsubscribe = conn.serve_unsubscribe(&[0, 0]);
            assert_eq!(unsubscribe.filters.len(), 2);
            let named = unsubscribe.properties.contains(&Prop::user("a", "b"));
            assert_eq!(named, conn.version() == Version::V5);
            conn.expect_disconnect();
        });
        let mut words = format!("-U a -U b/# -E -V {}", version.flag());
        if version == Version::V5 {
            words.push_str(" -D unsubscribe user-property a b");
        }
        mqsub(broker.port(), &words).run().expect(0, "", "");
    }
}

#[test]
fn silence_ends_it() {
    let start = Instant::now();
    let broker = sends(&[Publish::new("t", "1"), Publish::new("t", "2")]);
    let tool = mqsub(broker.port(), "-t t --idle 1s");
    tool.run().expect(0, "1\n2\n", "");
    assert!(start.elapsed() >= Duration::from_secs(1));
    let packets = broker.finish().concat();
    assert_eq!(kinds(&packets).last(), Some(&"DISCONNECT"));

    let broker = sends(&[Publish::new("t", "1")]);
    let tool = mqsub(broker.port(), "-t t -C 2 --idle 1s");
    let error = "mqsub: error: timed out: no message for 1s\n";
    tool.run().expect(27, "1\n", error);
}

#[test]
fn silence_does_not_count_while_the_connection_is_lost() {
    let broker = Broker::start_many(vec![
        script(|conn| drop(subscribed(conn))),
        script(|conn| {
            // Longer than the silence that ends the run, but for the outage.
            std::thread::sleep(Duration::from_millis(1500));
            subscribed(conn);
            conn.publish(&Publish::new("t", "late"));
            conn.until_eof();
        }),
    ]);
    let tool = mqsub(broker.port(), "-t t --idle 1s");
    tool.run()
        .expect(0, "late\n", Contains(&["trying again", "connected again"]));
}

#[test]
fn what_is_retained_can_be_deleted() {
    for (words, printed, left) in [
        ("--remove-retained --retained-only", 5, 0),
        ("--remove-retained --until-retained", 5, 0),
        ("--remove-retained -C 2", 2, 3),
        ("--remove-retained -R --until-retained", 0, 0),
    ] {
        for version in Version::ALL {
            let retained = Retained::new("remove", 5);
            let words = format!("-t {}/# -q 1 {words} -V {}", retained.topic, version.flag());
            let lines = |stdout: &[u8]| stdout.split_inclusive(|byte| *byte == b'\n').count() == printed;
            let tool = mqsub(mosquitto::shared().tcp(), &words);
            tool.run().expect(0, Satisfies(&lines), "");
            assert_eq!(retained.left(), left, "{words}");
        }
    }
}

#[test]
fn what_is_filtered_out_is_not_deleted() {
    let retained = Retained::new("keep", 4);
    let words = format!(
        "-t {0}/# -T {0}/001 -T {0}/002 --remove-retained --until-retained",
        retained.topic
    );
    let tool = mqsub(mosquitto::shared().tcp(), &words);
    tool.run().expect(0, "0\n3\n", "");
    assert_eq!(retained.left(), 2);
}

#[test]
fn the_end_waits_for_the_acknowledgement_of_the_deletions_but_not_for_ever() {
    let broker = play(|conn| {
        subscribed(conn);
        conn.publish(&Publish::new("t", "x").retained().qos(1, 1));
        let deletion = conn.expect_ack_or_publish();
        assert!(deletion.retain && deletion.payload.is_empty() && deletion.qos == 1);
        conn.queue(Publish::new("t", "y").qos(1, 2).encode(conn.version()));
        conn.until_eof();
    });
    let tool = mqsub(broker.port(), "-t t -q 1 -C 1 --remove-retained -W 1500ms");
    let words = Contains(&["1 retained message may not have been deleted", "timed out"]);
    tool.run().expect(27, "x\n", words);
    let packets = broker.finish().concat();
    let acknowledged = packets.iter().filter(|packet| packet.kind() == PUBACK).count();
    assert_eq!(acknowledged, 1, "what came too late is left with the broker");
}

impl Conn {
    fn accept_connect_and_subscribe(&mut self) -> packet::Subscribe {
        self.accept_connect();
        self.expect_subscribe()
    }

    /// A PINGREQ, which has to be the next packet; not answered.
    fn read_ping(&mut self) {
        assert_eq!(self.read().kind(), PINGREQ);
    }

    /// The next PUBLISH, which an acknowledgement may come before.
    fn expect_ack_or_publish(&mut self) -> Publish {
        loop {
            let packet = self.read();
            if packet.kind() == packet::PUBLISH {
                return Publish::parse(&packet, self.version());
            }
        }
    }
}

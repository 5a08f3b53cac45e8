//! mqpub and signals: the first one ends the reading, what was read is still
//! delivered, and the end is by that signal. The second one kills.

use std::io::{self, Write};
use std::sync::mpsc;

use rustix::process::Signal;

use crate::support::broker::{Broker, Inbox, sink};
use crate::support::packet::PINGREQ;
use crate::support::runner::{Satisfies, Tool};
use crate::tools::{kinds, mqpub, numbered, play, publishes, text};

#[test]
fn a_signal_ends_the_reading_and_what_was_read_is_delivered_first() {
    for signal in [Signal::INT, Signal::TERM, Signal::HUP] {
        let (taken, all_taken) = mpsc::channel();
        let (go_on, held) = mpsc::channel::<()>();
        let broker = play(move |conn| {
            conn.accept_connect();
            let all: Vec<_> = (0..3).map(|_| conn.expect_publish()).collect();
            taken.send(()).unwrap();
            let _ = held.recv();
            for publish in &all {
                conn.ack(publish);
            }
            conn.expect_disconnect();
            conn.expect_eof();
        });
        // Stdin stays open all the time.
        let (reader, mut writer) = io::pipe().unwrap();
        let tool = mqpub(broker.port(), "-t t -l -q 1").stdin_from(reader).spawn();
        writer.write_all(b"a\nb\nc\n").unwrap();
        all_taken.recv().unwrap();
        tool.signal(signal);
        drop(go_on);
        tool.wait().expect(signal, "", "");
        broker.finish();
    }
}

#[test]
fn a_signal_in_full_flow_cuts_the_input_at_a_line_and_loses_none_before() {
    for qos in [0, 1, 2] {
        let inbox = Inbox::default();
        let broker = Broker::start(sink(&inbox));
        let lines = numbered(200_000, 20);
        let words = format!("-t t -l -q {qos}");
        let mut tool = mqpub(broker.port(), &words).spawn();
        tool.write_stdin(text(&lines));
        inbox.wait_for(1000);
        tool.signal(Signal::TERM);
        // It may have read a part of a line, which it says.
        let told = |stderr: &[u8]| {
            let text = std::str::from_utf8(stderr).unwrap();
            text.is_empty()
                || text.starts_with("mqpub: warning: ") && text.ends_with(" of an unfinished one not sent\n")
        };
        let ended = tool.wait().expect(Signal::TERM, "", Satisfies(&told));
        let packets = broker.finish().concat();
        assert_eq!(kinds(&packets).last(), Some(&"DISCONNECT"));
        let sent = publishes(&packets);
        assert!(
            sent.iter().zip(&lines).all(|(message, line)| message.payload == *line),
            "QoS {qos}"
        );
        assert!(sent.len() < lines.len(), "the signal came too late to show anything");
        let count = sent.len();
        let counts = format!("{count} messages read, {count} delivered;");
        assert!(
            ended.stderr.is_empty() || ended.stderr.contains(&counts),
            "{}",
            ended.stderr
        );
    }
}

#[test]
fn a_second_signal_kills_at_once() {
    let (seen, heard) = mpsc::channel();
    let broker = play(move |conn| {
        conn.accept_connect();
        conn.expect_publish();
        seen.send(()).unwrap();
        // The first signal has been heard; now it waits for the answer.
        assert_eq!(conn.read().kind(), PINGREQ);
        seen.send(()).unwrap();
        conn.expect_eof();
    });
    let (reader, mut writer) = io::pipe().unwrap();
    let tool = mqpub(broker.port(), "-t t -l").stdin_from(reader).spawn();
    writer.write_all(b"a\n").unwrap();
    heard.recv().unwrap();
    tool.signal(Signal::INT);
    heard.recv().unwrap();
    tool.signal(Signal::TERM);
    tool.wait().expect(Signal::TERM, "", "");
}

#[test]
fn what_a_signal_leaves_undelivered_is_counted() {
    let (taken, all_taken) = mpsc::channel();
    let broker = play(move |conn| {
        conn.accept_connect();
        let first = conn.expect_publish();
        conn.ack(&first);
        conn.expect_publish();
        taken.send(()).unwrap();
        conn.until_eof();
    });
    let (reader, mut writer) = io::pipe().unwrap();
    let tool = mqpub(broker.port(), "-t t -l -q 1").stdin_from(reader).spawn();
    writer.write_all(b"a\nb\n").unwrap();
    all_taken.recv().unwrap();
    tool.signal(Signal::TERM);
    // The broker never acknowledges the second; it gives up by itself.
    let counts = "mqpub: warning: 2 messages read, 1 delivered, 1 not acknowledged\n";
    tool.wait().expect(Signal::TERM, "", counts);
}

#[test]
fn a_signal_that_was_ignored_before_stays_ignored() {
    let inbox = Inbox::default();
    let broker = Broker::start(sink(&inbox));
    let port = broker.port().to_string();
    // As nohup does.
    let shell = Tool::new("sh");
    let mut tool = shell
        .args(["-c", r#"trap '' HUP; exec "$0" "$@""#])
        .arg(assert_cmd::cargo::cargo_bin!("mqpub"))
        .args(["-h", "127.0.0.1", "-p", &port, "-t", "t", "-l"])
        .spawn();
    tool.write_stdin("a\n");
    inbox.wait_for(1);
    tool.signal(Signal::HUP);
    tool.write_stdin("b\n");
    inbox.wait_for(2);
    tool.wait().expect(0, "", "");
}

//! mqpub always ends: a broker that does not read, does not acknowledge or does
//! not answer holds it up for as long as it was told to wait, and no longer.

use std::io::{self, Write};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::support::broker::{Broker, Conn, script};
use crate::support::packet::{PINGREQ, PUBLISH, pingresp};
use crate::support::runner::{Contains, Running, Satisfies, Text};
use crate::tools::{A_WHILE, AT_ONCE, kinds, mqpub, numbered, play, text};

/// Answers pings and nothing else, to the end.
fn only_pings(conn: &mut Conn) {
    while let Some(packet) = conn.next_packet() {
        if packet.kind() == PINGREQ {
            conn.send(pingresp());
        }
    }
}

#[test]
fn a_broker_that_never_acknowledges_ends_the_time_that_was_given() {
    let start = Instant::now();
    let runs = [
        (
            "-m x -q 1",
            "",
            "1 message read, 0 delivered, 1 not acknowledged: timed out",
        ),
        (
            "-l -q 1",
            "a\nb\n",
            "2 messages read, 0 delivered, 2 not acknowledged: timed out",
        ),
        (
            "-l -q 2 -V 5",
            "a\nb\n",
            "2 messages read, 0 delivered, 2 not acknowledged: timed out",
        ),
    ]
    .map(|(words, stdin, counts)| {
        let broker = play(|conn| {
            conn.accept_connect();
            only_pings(conn);
        });
        let tool = mqpub(broker.port(), &format!("-t t -W 1.5 {words}")).stdin(stdin);
        (words, counts, broker, tool.spawn())
    });
    for (words, counts, broker, tool) in runs {
        tool.wait().expect(27, "", format!("mqpub: error: {counts}\n"));
        assert!(start.elapsed() >= Duration::from_millis(1500));
        // A will is only for when something went wrong.
        assert_eq!(kinds(&broker.finish()[0]).last(), Some(&"DISCONNECT"), "{words}");
    }
}

#[test]
fn the_time_counts_from_the_start_whatever_it_waits_for() {
    let start = Instant::now();
    let mut runs: Vec<(Running, Text<'_>, Option<Broker>)> = Vec::new();
    let (stdin, _open) = io::pipe().unwrap();
    let stdin = || stdin.try_clone().unwrap();
    // For the CONNACK.
    let broker = play(|conn| {
        conn.expect_connect();
        conn.until_eof();
    });
    let tool = mqpub(broker.port(), "-t t -m x -W 1.5");
    let told = Contains(&["1 not acknowledged: timed out connecting to 127.0.0.1:"]);
    runs.push((tool.spawn(), told, Some(broker)));
    // For a broker.
    let tool = mqpub(1, "-t t -m x -W 1.5 --retry-for 1m");
    let told = Contains(&["timed out: cannot connect to ", "connection refused"]);
    runs.push((tool.spawn(), told, None));
    // For lines.
    let broker = play(|conn| {
        conn.accept_connect();
        conn.expect_disconnect();
    });
    let tool = mqpub(broker.port(), "-t t -l -W 1.5").stdin_from(stdin());
    runs.push((tool.spawn(), "mqpub: error: timed out\n".into(), Some(broker)));
    // For the whole payload.
    for words in ["-s", "-f -", "-f /dev/stdin"] {
        let tool = mqpub(1, &format!("-t t -W 1.5 {words}")).stdin_from(stdin());
        runs.push((tool.spawn(), Contains(&["mqpub: error: timed out reading "]), None));
    }
    // For the word that the broker has read everything.
    let broker = play(|conn| {
        conn.accept_connect();
        conn.expect_publish();
        while conn.next_packet().is_some() {}
    });
    let error = "mqpub: error: 1 message read, 0 delivered, 1 possibly lost: timed out\n";
    let tool = mqpub(broker.port(), "-t t -m x -W 1.5");
    runs.push((tool.spawn(), error.into(), Some(broker)));
    // For the next time.
    let broker = play(|conn| {
        conn.accept_connect();
        only_pings(conn);
    });
    let tool = mqpub(broker.port(), "-t t -m x -W 1.5 --repeat 3 --every 1h");
    runs.push((tool.spawn(), Contains(&["timed out"]), Some(broker)));
    for (tool, told, broker) in runs {
        tool.wait().expect(27, "", told);
        drop(broker);
    }
    assert!(start.elapsed() < 2 * AT_ONCE);
}

#[test]
fn time_enough_is_no_time_out() {
    let broker = play(|conn| {
        conn.accept_connect();
        let publish = conn.expect_publish();
        conn.ack(&publish);
        conn.expect_disconnect();
    });
    mqpub(broker.port(), "-t t -m x -q 1 -W 20").run().expect(0, "", "");
}

/// A broker that reads no more than the CONNECT until the test is over.
fn stuck() -> (Broker, mpsc::Sender<()>) {
    let (over, held) = mpsc::channel::<()>();
    let broker = play(move |conn| {
        conn.accept_connect();
        let _ = held.recv();
    });
    (broker, over)
}

#[test]
fn a_broker_that_does_not_read_holds_up_neither_the_time_nor_a_signal() {
    // More than the sockets of both sides take.
    let flood = text(&numbered(10_000, 4000));
    for qos in [0, 1] {
        let (broker, over) = stuck();
        let tool = mqpub(broker.port(), &format!("-t t -l -q {qos} -W 2.5 -M 65535")).stdin(&flood);
        let start = Instant::now();
        tool.run().expect(27, "", Contains(&["messages read, ", "timed out"]));
        assert!(start.elapsed() < 2 * AT_ONCE, "QoS {qos}");
        drop(over);
    }
    let (broker, over) = stuck();
    let (reader, mut writer) = io::pipe().unwrap();
    let tool = mqpub(broker.port(), "-t t -l").stdin_from(reader).spawn();
    let (written, heard) = mpsc::channel();
    let flooding = std::thread::spawn(move || {
        // More than the pipe takes: the tool has read a part of it.
        let (first, rest) = flood.split_at(1 << 20);
        writer.write_all(first).unwrap();
        written.send(()).unwrap();
        // Until the reader has gone.
        let _ = writer.write_all(rest);
    });
    heard.recv().unwrap();
    // Time to get stuck.
    crate::tools::goes_on(&tool);
    let start = Instant::now();
    tool.signal(Signal::TERM);
    tool.wait()
        .expect(Signal::TERM, "", Contains(&["mqpub: warning: ", "messages read, "]));
    assert!(start.elapsed() < Duration::from_secs(12));
    flooding.join().unwrap();
    drop(over);
}

#[test]
fn what_was_read_and_not_sent_is_counted_however_it_ends() {
    let lines = text(&numbered(500, 4));
    // At an hour a message only the first one leaves.
    let broker = play(|conn| {
        conn.accept_connect();
        let publish = conn.expect_publish();
        conn.ack(&publish);
        only_pings(conn);
    });
    let words = "-t t -l -q 1 --rate 1/h -W 1.5";
    let error = "mqpub: error: 500 messages read, 1 delivered, 499 not sent: timed out\n";
    mqpub(broker.port(), words).stdin(&lines).run().expect(27, "", error);

    // At QoS 0 the broker is asked for those that it has read.
    let broker = play(|conn| {
        conn.accept_connect();
        only_pings(conn);
    });
    let words = "-t t -l --rate 1/h -W 1.5";
    let error = "mqpub: error: 500 messages read, 1 delivered, 499 not sent: timed out\n";
    mqpub(broker.port(), words).stdin(&lines).run().expect(27, "", error);

    let (seen, heard) = mpsc::channel();
    let broker = play(move |conn| {
        conn.accept_connect();
        let publish = conn.expect_publish();
        conn.ack(&publish);
        seen.send(()).unwrap();
        only_pings(conn);
    });
    let mut tool = mqpub(broker.port(), "-t t -l -q 1 --rate 1/h").spawn();
    // In one piece, which a pipe hands over whole.
    tool.write_stdin(lines.clone());
    heard.recv().unwrap();
    let start = Instant::now();
    tool.signal(Signal::INT);
    let warning = "mqpub: warning: 500 messages read, 1 delivered, 499 not sent\n";
    tool.wait().expect(Signal::INT, "", warning);
    assert!(start.elapsed() < AT_ONCE, "it waits for nothing");

    let broker = play(|conn| {
        conn.accept_connect();
        conn.expect_publish();
        conn.close();
    });
    let words = "-t t -l -q 1 --rate 1/h --no-reconnect";
    let error = "mqpub: error: 500 messages read, 0 delivered, 1 not acknowledged, 499 not sent: connection to ";
    mqpub(broker.port(), words)
        .stdin(&lines)
        .run()
        .expect(5, "", Contains(&[error]));
}

#[test]
fn a_signal_counts_also_where_the_connection_is_lost_for_good() {
    let (seen, heard) = mpsc::channel();
    let (go_on, held) = mpsc::channel::<()>();
    let first = script(move |conn| {
        conn.accept_connect();
        conn.expect_publish();
        seen.send(()).unwrap();
        let _ = held.recv();
        conn.close();
    });
    let broker = Broker::start_many(vec![first]);
    let (reader, mut writer) = io::pipe().unwrap();
    let tool = mqpub(broker.port(), "-t t -l -q 1 --no-reconnect")
        .stdin_from(reader)
        .spawn();
    writer.write_all(b"a\nunfini").unwrap();
    heard.recv().unwrap();
    tool.signal(Signal::TERM);
    // It is heard before the end of the connection is.
    std::thread::sleep(A_WHILE);
    drop(go_on);
    let told = |stderr: &[u8]| {
        let text = std::str::from_utf8(stderr).unwrap();
        text.starts_with("mqpub: warning: 1 message read, 0 delivered, 1 not acknowledged")
            && text.ends_with(" lost: the broker closed it\n")
    };
    tool.wait().expect(Signal::TERM, "", Satisfies(&told));
    let sent = broker.finish().concat();
    assert_eq!(sent.iter().filter(|packet| packet.kind() == PUBLISH).count(), 1);
}

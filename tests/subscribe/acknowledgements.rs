//! mqsub acknowledges a message when it has been written, and not before: what
//! its reader does not get, the broker keeps.

use std::fs::OpenOptions;
use std::io::{self, PipeReader, PipeWriter, Read, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use rustix::process::Signal;

use super::subscribed;
use crate::support::DEADLINE;
use crate::support::broker::{Broker, Conn, source};
use crate::support::packet::{self, DISCONNECT, PINGREQ, PUBACK, PUBREC, PUBREL, Packet, Publish};
use crate::support::runner::Satisfies;
use crate::tools::{goes_on, mqsub, numbered, play, text};

/// A pipe that takes nothing more until it is read from.
fn full_pipe() -> (PipeReader, PipeWriter, usize) {
    let (reader, mut writer) = io::pipe().unwrap();
    rustix::io::ioctl_fionbio(&writer, true).unwrap();
    let mut held = 0;
    while let Ok(count) = writer.write(&[b'.'; 4096]) {
        held += count;
    }
    rustix::io::ioctl_fionbio(&writer, false).unwrap();
    (reader, writer, held)
}

/// The identifiers of the packets of this type.
fn ids(packets: &[Packet], kind: u8) -> Vec<u16> {
    let matching = packets.iter().filter(|packet| packet.kind() == kind);
    matching
        .map(|packet| u16::from_be_bytes([packet.body[0], packet.body[1]]))
        .collect()
}

/// Sends messages at this `QoS` in one piece, and plays the broker's part for as
/// long as the client plays its own.
fn send_all(conn: &mut Conn, qos: u8, count: u16) {
    for mid in 1..=count {
        conn.queue(Publish::new("t", mid.to_string()).qos(qos, mid).encode(conn.version()));
    }
    while let Some(packet) = conn.next_packet() {
        match packet.kind() {
            PUBREC => conn.queue(packet::ack(PUBREL, ids(&[packet], PUBREC)[0])),
            PINGREQ => conn.queue(packet::pingresp()),
            _ => {}
        }
    }
}

#[test]
fn a_message_is_acknowledged_after_it_was_written_not_before() {
    for (qos, last) in [(1, PUBACK), (2, PUBREC)] {
        let (mut reader, writer, held) = full_pipe();
        let read = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&read);
        let broker = play(move |conn| {
            subscribed(conn);
            let message = Publish::new("t", "x").qos(qos, 7);
            conn.publish(&message);
            conn.expect_ack(last, 7);
            assert!(seen.load(Ordering::SeqCst), "acknowledged before anybody could read it");
            conn.until_eof();
        });
        let words = format!("-t t -q {qos} -C 1");
        let tool = mqsub(broker.port(), &words).stdout_to(writer).spawn();
        goes_on(&tool);
        read.store(true, Ordering::SeqCst);
        let mut output = Vec::new();
        reader.read_to_end(&mut output).unwrap();
        assert_eq!(&output[held..], b"x\n");
        tool.wait().expect(0, "", "");
    }
}

#[test]
fn a_slow_reader_does_not_break_the_keep_alive() {
    let (mut reader, writer, _) = full_pipe();
    let (alive, noticed) = mpsc::channel();
    let broker = play(move |conn| {
        subscribed(conn);
        conn.publish(&Publish::new("t", "x").qos(1, 7));
        let heard = Instant::now();
        // Nothing but this comes while the reader sleeps.
        assert_eq!(conn.read().kind(), PINGREQ);
        // One and a half times the keep-alive.
        assert!(heard.elapsed() < Duration::from_millis(7500), "{:?}", heard.elapsed());
        conn.send(packet::pingresp());
        alive.send(()).unwrap();
        conn.expect_ack(PUBACK, 7);
        conn.until_eof();
    });
    let tool = mqsub(broker.port(), "-t t -q 1 -C 1 -k 5").stdout_to(writer).spawn();
    noticed.recv().expect("a PINGREQ");
    let mut output = Vec::new();
    reader.read_to_end(&mut output).unwrap();
    tool.wait().expect(0, "", "");
}

#[test]
fn what_was_acknowledged_has_reached_the_reader_even_if_the_tool_is_killed() {
    const COUNT: usize = 20_000;
    for (qos, last, enough) in [(1, PUBACK, 1), (1, PUBACK, 500), (2, PUBREC, 1), (2, PUBREC, 500)] {
        let broker = Broker::start(source("t", COUNT, qos, |number| number.to_string().into_bytes()));
        let tool = mqsub(broker.port(), &format!("-t t -q {qos}")).spawn();
        for _ in 0..enough {
            tool.read_line(DEADLINE);
        }
        tool.signal(Signal::KILL);
        let ended = tool.wait();
        let written = enough + ended.stdout.split_inclusive(|byte| *byte == b'\n').count();
        ended.expect(Signal::KILL, Satisfies(&|_| true), "");
        let acknowledged = ids(&broker.finish()[0], last).len();
        assert!(
            acknowledged <= written,
            "{acknowledged} acknowledged, {written} written"
        );
    }
}

#[test]
fn what_comes_after_the_last_message_asked_for_is_not_acknowledged() {
    for (qos, last) in [(1, PUBACK), (2, PUBREC)] {
        let broker = play(move |conn| {
            subscribed(conn);
            send_all(conn, qos, 5);
        });
        let words = format!("-t t -q {qos} -C 2");
        mqsub(broker.port(), &words).run().expect(0, "1\n2\n", "");
        let packets = &broker.finish()[0];
        assert_eq!(ids(packets, last), [1, 2], "QoS {qos}");
        assert_eq!(packets.last().unwrap().kind(), packet::DISCONNECT);
    }
}

#[test]
fn what_cannot_be_written_ends_it_with_1_and_is_not_acknowledged() {
    // Often, because its end and the writing are the work of different threads.
    for (qos, last) in [(1, PUBACK), (2, PUBREC)].repeat(10) {
        let broker = play(move |conn| {
            subscribed(conn);
            send_all(conn, qos, 3);
        });
        let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
        let words = format!("-t t -q {qos}");
        let tool = mqsub(broker.port(), &words).stdout_to(full);
        let error = "mqsub: error: cannot write to stdout: no space left on device\n";
        tool.run().expect(1, "", error);
        assert_eq!(ids(&broker.finish()[0], last), [0_u16; 0], "QoS {qos}");
    }
}

#[test]
fn what_the_reader_did_not_want_any_more_is_not_acknowledged() {
    for _ in 0..10 {
        let (gone, closed) = mpsc::channel::<()>();
        let broker = play(move |conn| {
            subscribed(conn);
            conn.deliver(&Publish::new("t", "1").qos(1, 1));
            let _ = closed.recv();
            send_all(conn, 1, 3);
        });
        let mut tool = mqsub(broker.port(), "-t t -q 1").spawn();
        assert_eq!(tool.read_line(DEADLINE), b"1\n");
        tool.close_stdout();
        drop(gone);
        tool.wait().expect(0, "", "");
        assert_eq!(ids(&broker.finish()[0], PUBACK), [1]);
    }
}

#[test]
fn a_full_window_that_nobody_reads_is_delivered_when_somebody_does() {
    let lines = numbered(5000, 99);
    let sent = lines.clone();
    let (mut reader, writer, held) = full_pipe();
    let broker = Broker::start(source("t", lines.len(), 1, move |number| sent[number].clone()));
    let words = format!("-t t -q 1 -C {}", lines.len());
    let tool = mqsub(broker.port(), &words).stdout_to(writer).spawn();
    goes_on(&tool);
    let mut output = Vec::new();
    reader.read_to_end(&mut output).unwrap();
    assert!(output[held..] == text(&lines));
    tool.wait().expect(0, "", "");
}

#[test]
fn a_broker_in_the_middle_of_sending_still_gets_the_last_acknowledgement() {
    let broker = play(|conn| {
        subscribed(conn);
        // More than the two sockets hold.
        let payload = "x".repeat(1000);
        for mid in 1..=20_000 {
            conn.queue(Publish::new("t", payload.clone()).qos(1, mid).encode(conn.version()));
        }
        conn.flush().expect("the connection is not reset");
        let packets = conn.until_eof();
        assert_eq!(ids(&packets, PUBACK), [1]);
        assert_eq!(packets.last().unwrap().kind(), DISCONNECT);
    });
    let tool = mqsub(broker.port(), "-t t -q 1 -c -i me -C 1");
    tool.run().expect(0, "x".repeat(1000) + "\n", "");
}

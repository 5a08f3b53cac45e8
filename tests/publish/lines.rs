//! mqpub -l: lines are messages byte for byte, each leaves as soon as it is
//! read, and no more are read than can be sent.

use std::fs::File;
use std::io::{self, PipeWriter, Write};
use std::sync::mpsc;
use std::time::Instant;

use rustix::event::{PollFd, PollFlags};

use super::{payloads, published};
use crate::support::broker::{Broker, Inbox, sink};
use crate::support::mosquitto::{self, Subscriber};
use crate::support::packet::{PINGREQ, PUBLISH, Publish, Version, pingresp};
use crate::support::{DEADLINE, poll, unique_topic};
use crate::tools::{A_WHILE, AT_ONCE, file, mqpub, numbered, play, publishes, text};

#[test]
fn every_line_is_a_message_byte_for_byte() {
    let lines: [&[u8]; 10] = [
        b"first",
        b"",
        b"  b c \t\r",
        b"\0x\0",
        b"\xff\xfe\x80",
        b"",
        &[b'x'; 8000],
        &vec![b'y'; 1 << 20],
        b"-n",
        b"last, without a line feed",
    ];
    let input = lines.join(&b'\n');
    for qos in ["0", "1", "2"] {
        let sent = payloads(|tool| tool.args(["-l", "-q", qos]).stdin(&input));
        assert!(sent == lines, "QoS {qos}");
    }
}

#[test]
fn only_a_line_makes_a_message() {
    let cases: [(&str, &[&str]); 5] = [
        ("", &[]),
        ("\n", &[""]),
        ("a", &["a"]),
        ("a\n", &["a"]),
        ("a\n\n", &["a", ""]),
    ];
    for (input, lines) in cases {
        for qos in ["0", "1", "2"] {
            let sent = payloads(|tool| tool.args(["-l", "-q", qos]).stdin(input));
            let expected: Vec<&[u8]> = lines.iter().map(|line| line.as_bytes()).collect();
            assert_eq!(sent, expected, "{input:?} at QoS {qos}");
        }
    }
}

#[test]
fn a_line_leaves_as_soon_as_it_is_read_though_stdin_stays_open() {
    let broker = mosquitto::shared();
    for qos in [0, 1, 2] {
        let topic = unique_topic("lines");
        let mut subscriber = Subscriber::connect(broker.tcp(), Version::V311, &topic, qos);
        let words = format!("-l -q {qos} -t {topic}");
        let mut tool = mqpub(broker.tcp(), &words).spawn();
        // The third one begins with the second and ends with the fourth.
        for (written, line) in [("first\n", "first"), ("second\nth", "second"), ("ird\n", "third")] {
            tool.write_stdin(written);
            let message = subscriber.next_until(Instant::now() + AT_ONCE);
            let payload = message.expect("the line at once").payload;
            assert_eq!(payload, line.as_bytes(), "QoS {qos}");
        }
        tool.wait().expect(0, "", "");
    }
}

#[test]
fn lines_come_from_a_file_as_from_a_pipe() {
    let (path, _dir) = file("a\n\nb");
    let sent = payloads(|tool| tool.args(["-l", "-q", "1"]).stdin_from(File::open(&path).unwrap()));
    assert_eq!(sent, [&b"a"[..], b"", b"b"]);
    let nothing = File::open("/dev/null").unwrap();
    assert!(published(|tool| tool.arg("-l").stdin_from(nothing)).is_empty());
}

/// Writes lines until nobody takes any more for a while, and returns them.
fn flood(mut pipe: PipeWriter, length: usize, most: usize) -> Vec<Vec<u8>> {
    rustix::io::ioctl_fionbio(&pipe, true).unwrap();
    let mut lines = numbered(most, length);
    for (count, line) in lines.iter().enumerate() {
        let mut full = [PollFd::new(&pipe, PollFlags::OUT)];
        if !poll(&mut full, Some(Instant::now() + A_WHILE)) {
            lines.truncate(count);
            return lines;
        }
        // Not more than PIPE_BUF: the pipe takes it whole or not at all.
        pipe.write_all(&text(&[line])).unwrap();
    }
    panic!("it took all of {most} lines of {length} bytes, though none could be delivered");
}

/// Runs `mqpub -l` against a broker that neither reads nor acknowledges
/// anything until nobody takes lines any more; more than `most` must not be
/// taken.
fn reads_only_what_it_can_send(qos: u8, length: usize, most: usize) {
    let (go_on, held) = mpsc::channel::<()>();
    let broker = play(move |conn| {
        conn.accept_connect();
        // Until the test goes on, or has failed.
        let _ = held.recv();
        while let Some(packet) = conn.next_packet() {
            match packet.kind() {
                PUBLISH => conn.ack(&Publish::parse(&packet, Version::V311)),
                PINGREQ => conn.send(pingresp()),
                _ => {}
            }
        }
    });
    let (reader, writer) = io::pipe().unwrap();
    let words = format!("-t t -l -q {qos}");
    let tool = mqpub(broker.port(), &words)
        .stdin_from(reader)
        .deadline(3 * DEADLINE)
        .spawn();
    let lines = flood(writer, length, most);
    drop(go_on);
    tool.wait().expect(0, "", "");
    let sent = publishes(&broker.finish().concat());
    assert_eq!(sent.len(), lines.len());
    assert!(sent.iter().map(|message| &message.payload).eq(&lines));
}

#[test]
fn stdin_is_read_only_while_acknowledgements_come() {
    reads_only_what_it_can_send(1, 99, 10_000);
    reads_only_what_it_can_send(2, 99, 10_000);
}

#[test]
fn stdin_is_read_only_while_the_broker_reads() {
    // What the sockets of both sides hold is up to the system.
    reads_only_what_it_can_send(0, 3999, 10_000);
}

#[test]
fn more_lines_than_there_are_identifiers_arrive_complete_and_in_order() {
    let lines = numbered(70_000, 12);
    let inbox = Inbox::default();
    let broker = Broker::start(sink(&inbox));
    let tool = mqpub(broker.port(), "-t t -l -q 1").stdin(text(&lines));
    tool.deadline(3 * DEADLINE).run().expect(0, "", "");
    assert!(inbox.payloads() == lines);
    let sent = publishes(&broker.finish().concat());
    assert!(sent.iter().all(|message| message.mid != 0 && !message.dup));
    let first = sent[0].mid;
    assert!(
        sent[1..].iter().any(|message| message.mid == first),
        "the identifiers never wrapped"
    );
}

#[test]
fn lines_that_come_all_at_once_arrive_complete_and_in_order() {
    let lines = numbered(20_000, 40);
    for qos in ["0", "2"] {
        let sent = published(|tool| {
            let tool = tool.args(["-l", "-q", qos]).stdin(text(&lines));
            tool.deadline(3 * DEADLINE)
        });
        assert!(sent.iter().map(|message| &message.payload).eq(&lines), "QoS {qos}");
    }
}

//! mqpub repeats, keeps to a pace, passes on what is delivered and tells how much
//! that was. A broker takes the times; they have a lower bound alone, for a
//! machine may be slow.

use std::ffi::OsStr;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, mpsc};
use std::time::{Duration, Instant};

use rustix::pty::OpenptFlags;

use super::payloads;
use crate::support::broker::{Broker, Conn, Inbox, script, sink};
use crate::support::packet::{self, PUBACK, PUBLISH, Publish};
use crate::support::runner::{Contains, Satisfies};
use crate::tools::{file, mqpub, play, publishes, text};

/// Runs mqpub, and tells how long after its start each of its messages came: not
/// earlier than it was sent, however busy the machine is.
fn times(words: &str, stdin: &str) -> Vec<Duration> {
    let start = Instant::now();
    let came = Arc::new(Mutex::new(Vec::new()));
    let times = Arc::clone(&came);
    let broker = play(move |conn| {
        conn.accept_connect();
        while let Some(packet) = conn.next_packet() {
            match packet.kind() {
                PUBLISH => {
                    times.lock().unwrap().push(start.elapsed());
                    let publish = Publish::parse(&packet, conn.version());
                    conn.ack(&publish);
                }
                packet::PINGREQ => conn.send(packet::pingresp()),
                _ => {}
            }
        }
    });
    mqpub(broker.port(), &format!("-t t {words}"))
        .stdin(stdin)
        .run()
        .expect(0, "", "");
    broker.finish();
    let times = came.lock().unwrap();
    times.clone()
}

#[test]
fn a_message_is_repeated_as_often_as_it_is_said() {
    for qos in ["0", "1", "2"] {
        for words in ["-m x", "-n", "-s", "-f -"] {
            let sent = payloads(|tool| {
                let tool = tool.args(words.split(' ')).args(["--repeat", "3", "-q", qos]);
                tool.stdin("x")
            });
            assert_eq!(sent.len(), 3, "{words}");
            assert!(sent.iter().all(|payload| *payload == sent[0]), "{words}");
        }
    }
    let sent = payloads(|tool| tool.args(["-m", "x", "--repeat", "2000", "-q", "1"]));
    assert_eq!(sent.len(), 2000);
}

#[test]
fn a_delay_begins_with_the_acknowledgement() {
    let broker = play(|conn| {
        conn.accept_connect();
        let first = conn.expect_publish();
        std::thread::sleep(Duration::from_millis(150));
        let acknowledged = Instant::now();
        conn.ack(&first);
        let second = conn.expect_publish();
        assert!(acknowledged.elapsed() >= Duration::from_millis(90), "too early");
        conn.ack(&second);
        conn.expect_disconnect();
    });
    let words = "-t t -m x -q 1 --repeat 2 --repeat-delay 0.1";
    mqpub(broker.port(), words).run().expect(0, "", "");
}

#[test]
fn repetitions_keep_their_distance() {
    for qos in [0, 1, 2] {
        let times = times(&format!("-m x -q {qos} --repeat 3 --repeat-delay 100ms"), "");
        assert_eq!(times.len(), 3);
        assert!(times[2] >= Duration::from_millis(200), "{times:?}");
    }
    // mosquitto's clients take this for no time at all.
    let broker = play(|conn| {
        conn.accept_connect();
        conn.expect_publish();
        conn.until_eof();
    });
    let tool = mqpub(broker.port(), "-t t -m x --repeat 2 --repeat-delay 3600 -W 1.5");
    tool.run().expect(27, "", Contains(&["timed out"]));
    assert_eq!(publishes(&broker.finish()[0]).len(), 1);
}

#[test]
fn a_rhythm_counts_from_the_first_message() {
    let times = times("-m x -q 1 --repeat 5 --every 80ms", "");
    assert_eq!(times.len(), 5);
    // However late a message is, none comes before its time.
    for (number, time) in (0..).zip(&times) {
        assert!(*time >= number * Duration::from_millis(80), "{times:?}");
    }
}

#[test]
fn a_rate_is_not_exceeded_in_any_mode() {
    let (path, _dir) = file("x");
    let many = format!("-f {0} -f {0} -f {0} -f {0}", path.display());
    for (words, stdin) in [
        ("-l -q 1", "1\n2\n3\n4\n"),
        ("-l", "1\n2\n3\n4\n"),
        ("-m x --repeat 4", ""),
        ("--framed -q 2", "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"),
        (&*many, ""),
    ] {
        let times = times(&format!("{words} --rate 1/100ms"), stdin);
        assert_eq!(times.len(), 4, "{words}");
        assert!(times[3] >= Duration::from_millis(300), "{words}: {times:?}");
    }
}

#[test]
fn each_message_goes_to_each_topic() {
    let (path, _dir) = file("file");
    for (words, stdin) in [
        ("-l", "1\n2\n".to_owned()),
        (&*format!("-f {} -f -", path.display()), "2".to_owned()),
        ("-m 1 --repeat 2", String::new()),
    ] {
        let broker = Broker::start(sink(&Inbox::default()));
        let words = format!("-t a -t b/c -r -q 1 {words}");
        mqpub(broker.port(), &words).stdin(stdin).run().expect(0, "", "");
        let sent = publishes(&broker.finish().concat());
        let topics: Vec<&str> = sent.iter().map(|message| &*message.topic).collect();
        assert_eq!(topics, ["a", "b/c", "a", "b/c"], "{words}");
        assert!(sent.iter().all(|message| message.retain && message.qos == 1));
        assert!(sent[0].payload == sent[1].payload && sent[2].payload == sent[3].payload);
    }
}

#[test]
fn several_files_are_several_messages_in_their_order() {
    let (one, _one) = file("one");
    let (two, _two) = file("\0two\n");
    let (one, two) = (one.to_str().unwrap(), two.to_str().unwrap());
    let sent = payloads(|tool| tool.args(["-q", "2", "-f", one, "-f", "-", "-f", two]).stdin("in"));
    assert_eq!(sent, [&b"one"[..], b"in", b"\0two\n"]);
}

#[test]
fn anything_that_can_be_read_is_a_file() {
    let sent = payloads(|tool| tool.args(["-f", "/dev/stdin"]).stdin("x"));
    assert_eq!(sent, [b"x"]);
    let sent = payloads(|tool| tool.args(["-f", "/dev/null"]));
    assert_eq!(sent, [b""]);
    let dir = crate::support::scratch_dir();
    let fifo = dir.path().join("fifo");
    rustix::fs::mknodat(
        rustix::fs::CWD,
        &fifo,
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR,
        0,
    )
    .unwrap();
    let path = fifo.clone();
    let writing = std::thread::spawn(move || std::fs::write(path, "through a pipe"));
    let sent = payloads(|tool| tool.arg("-f").arg(&fifo));
    writing.join().unwrap().unwrap();
    assert_eq!(sent, [b"through a pipe"]);
}

#[test]
fn what_is_passed_on_has_been_delivered() {
    let (go_on, held) = mpsc::channel::<()>();
    let broker = play(move |conn| {
        conn.accept_connect();
        let all: Vec<_> = (0..3).map(|_| conn.expect_publish()).collect();
        conn.ack(&all[2]);
        conn.ack(&all[0]);
        let _ = held.recv();
        conn.send(packet::ack_with(PUBACK, all[1].mid, 0x87, &[]));
        conn.until_eof();
    });
    let tool = mqpub(broker.port(), "-t t -l -q 1 -V 5 --tee --keep-going")
        .stdin("a\nb\nc")
        .spawn();
    // In the order of the input: c waits for b.
    assert_eq!(tool.read_exact(2), b"a\n");
    crate::tools::goes_on(&tool);
    drop(go_on);
    tool.wait()
        .expect(4, "c\n", Contains(&["3 messages read, 2 delivered, 1 refused"]));
}

#[test]
fn records_are_passed_on_as_they_were_read_also_over_a_lost_connection() {
    let lost = |conn: &mut Conn| {
        conn.accept_connect();
        let all: Vec<_> = (0..3).map(|_| conn.expect_publish()).collect();
        // Neither the first nor the last.
        conn.ack(&all[1]);
        conn.close();
    };
    let rest = |conn: &mut Conn| {
        conn.accept_connect();
        for _ in 0..2 {
            let publish = conn.expect_publish();
            conn.ack(&publish);
        }
        conn.until_eof();
    };
    for (words, stdin) in [
        ("-t t -l", &b"a\nb\nc\n"[..]),
        ("-t t -0", b"a\0b\0c\0"),
        ("-t t --framed", b"\0\0\0\x01a\0\0\0\0\0\0\0\x01c"),
        ("--key-separator=:", b"a:1\nb:2\nc:3\n"),
        ("--json -t t", b"{}\n{\"payload\":\"1\"}\n{}\n"),
    ] {
        let broker = Broker::start_many(vec![script(lost), script(rest)]);
        let tool = mqpub(broker.port(), &format!("-q 1 --tee {words}")).stdin(stdin);
        tool.run().expect(0, stdin, Satisfies(&|_| true));
    }
    let broker = Broker::start(sink(&Inbox::default()));
    let tool = mqpub(broker.port(), "-t a -t b -t c -l -q 2 --tee").stdin("once\nonly\n");
    tool.run().expect(0, "once\nonly\n", "");
}

#[test]
fn a_reader_that_has_gone_ends_the_reading_and_a_full_disk_the_run() {
    // It may end before it has said a word.
    let broker = Broker::start(|conn| drop(conn.until_eof()));
    let (reader, writer) = io::pipe().unwrap();
    drop(reader);
    let (stdin, _open) = io::pipe().unwrap();
    let tool = mqpub(broker.port(), "-t t -l -q 1 --tee")
        .stdin_from(stdin)
        .stdout_to(writer);
    tool.run().expect(0, "", "");
    let broker = Broker::start(sink(&Inbox::default()));
    let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
    let tool = mqpub(broker.port(), "-t t -l -q 1 --tee").stdin("a\n").stdout_to(full);
    tool.run()
        .expect(1, "", Contains(&["cannot write to stdout: no space left on device"]));
}

#[test]
fn the_account_has_the_numbers_the_time_and_the_rate() {
    let line = |words: &str, stdin: &[u8]| {
        let broker = Broker::start(sink(&Inbox::default()));
        let tool = mqpub(broker.port(), &format!("-t t --stats {words}")).stdin(stdin);
        let ended = tool.run().expect(0, "", Satisfies(&|_| true));
        ended.stderr.clone()
    };
    let two = line("-l -q 1", &text(&["a", "b"]));
    let rest = two.strip_prefix("mqpub: 2 messages read, 2 delivered, in ");
    let (seconds, rate) = rest.and_then(|rest| rest.split_once(" s, ")).expect(&two);
    assert!(seconds.parse::<f64>().is_ok_and(|seconds| seconds < 20.0), "{two}");
    assert!(rate.ends_with("/s\n") && two.lines().count() == 1, "{two}");
    let one = line("-m x", b"");
    assert!(one.starts_with("mqpub: 1 message read, 1 delivered, in "), "{one}");
    let none = line("-l", b"");
    assert!(none.starts_with("mqpub: 0 messages read, 0 delivered, in "), "{none}");
}

/// What mqpub -l writes to a terminal that its standard error is.
fn on_a_terminal(words: &str) -> String {
    let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY;
    let controller = rustix::pty::openpt(flags).unwrap();
    rustix::pty::grantpt(&controller).unwrap();
    rustix::pty::unlockpt(&controller).unwrap();
    let name = rustix::pty::ptsname(&controller, Vec::new()).unwrap();
    let name = OsStr::from_bytes(name.as_bytes());
    let terminal = OpenOptions::new().read(true).write(true).open(name).unwrap();
    let broker = Broker::start(sink(&Inbox::default()));
    let mut child = Command::new(assert_cmd::cargo::cargo_bin!("mqpub"))
        .args(["-h", "127.0.0.1", "-p", &broker.port().to_string(), "-t", "t", "-l"])
        .args(words.split_ascii_whitespace())
        .env_clear()
        .env("TERM", "xterm")
        .env("HOME", crate::support::scratch())
        .stdin(Stdio::piped())
        .stderr(terminal)
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(b"a\nb\n").unwrap();
    assert!(child.wait().unwrap().success());
    let mut shown = Vec::new();
    // That nobody has the terminal open any more is an error here, not the end.
    let _ = File::from(controller).read_to_end(&mut shown);
    String::from_utf8(shown).unwrap()
}

#[test]
fn the_progress_is_shown_on_a_terminal_if_it_is_asked_for_and_then_wiped_off() {
    let shown = on_a_terminal("-q 1 --progress");
    assert!(shown.contains(" read, ") && shown.contains(" in flight, "), "{shown:?}");
    assert!(shown.contains("connected"), "{shown:?}");
    assert!(shown.trim_end().ends_with("\u{1b}[2K"), "{shown:?}");
    // Unasked only after a while.
    for _ in 0..5 {
        let start = Instant::now();
        let shown = on_a_terminal("-q 1");
        if start.elapsed() < Duration::from_secs(2) {
            assert_eq!(shown, "");
            return;
        }
    }
    panic!("it never ends before the line shows itself");
}

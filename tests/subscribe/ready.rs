//! Whoever waits for it is told when every subscription has been acknowledged.

use std::io::{self, Read};
use std::sync::mpsc;

use rustix::process::Signal;

use crate::support::mosquitto::{self, unique_topic};
use crate::support::packet::{Publish, suback};
use crate::support::runner::{Contains, Tool};
use crate::support::scratch_dir;
use crate::tools::{AT_ONCE, goes_on, mqsub, play};

/// A shell that runs mqsub with these words; `$MQPUB` and `$MQSUB` are the tools.
fn shell(command: &str) -> Tool {
    Tool::new("sh")
        .args(["-c", command])
        .env("MQPUB", assert_cmd::cargo::cargo_bin!("mqpub"))
        .env("MQSUB", assert_cmd::cargo::cargo_bin!("mqsub"))
}

#[test]
fn a_file_appears_when_all_are_acknowledged_and_not_before() {
    let folder = scratch_dir();
    let path = folder.path().join("ready");
    // That of an earlier run must not be taken for ours.
    std::fs::write(&path, "").unwrap();
    let (asked, seen) = mpsc::channel();
    let (go_on, wait) = mpsc::channel::<()>();
    let broker = play(move |conn| {
        conn.accept_connect();
        let first = conn.expect_subscribe();
        let second = conn.expect_subscribe();
        conn.send(suback(conn.version(), first.mid, &[0], &[]));
        asked.send(()).unwrap();
        wait.recv().unwrap();
        conn.send(suback(conn.version(), second.mid, &[0], &[]));
        conn.publish(&Publish::new("t", "x"));
        conn.until_eof();
    });
    let tool = mqsub(broker.port(), "-V 5 -t t --filter id=1:u --ready-file");
    let tool = tool.arg(&path).spawn();
    seen.recv().unwrap();
    goes_on(&tool);
    assert!(!path.exists(), "one of two is acknowledged");
    go_on.send(()).unwrap();
    tool.read_line(AT_ONCE);
    let until = std::time::Instant::now() + AT_ONCE;
    while !path.exists() {
        assert!(std::time::Instant::now() < until, "it never came");
        std::thread::yield_now();
    }
    tool.signal(Signal::TERM);
    tool.wait().expect(Signal::TERM, "", "");
}

#[test]
fn what_is_in_the_way_is_left_alone() {
    let folder = scratch_dir();
    let path = folder.path().join("ready");
    std::fs::write(&path, "precious").unwrap();
    let tool = Tool::mqsub().args(["-t", "t", "--ready-file"]).arg(&path);
    let error = Contains(&["--ready-file", "something else than an empty file is there"]);
    tool.run().expect(1, "", error);
    assert_eq!(std::fs::read(&path).unwrap(), b"precious");
    let tool = Tool::mqsub().args(["-t", "t", "--ready-fd", "99"]);
    tool.run()
        .expect(1, "", "mqsub: error: --ready-fd 99: it is not open\n");
}

#[test]
fn a_descriptor_gets_a_newline() {
    let topic = unique_topic("ready-fd");
    let port = mosquitto::shared().tcp();
    let (mut reader, writer) = io::pipe().unwrap();
    let command = format!("exec \"$MQSUB\" -h 127.0.0.1 -p {port} -t {topic} -C 1 --ready-fd 5 5>&1 >/dev/null");
    let tool = shell(&command).stdout_to(writer).spawn();
    let mut byte = [0];
    reader.read_exact(&mut byte).unwrap();
    assert_eq!(&byte, b"\n");
    tool.signal(Signal::TERM);
    tool.wait().expect(Signal::TERM, "", "");
}

#[test]
fn a_command_is_run_once_and_what_it_publishes_comes() {
    let topic = unique_topic("on-ready");
    let port = mosquitto::shared().tcp();
    let publish = format!("\"$MQPUB\" -h 127.0.0.1 -p {port} -t {topic} -m x; echo published");
    let tool = mqsub(port, &format!("-t {topic} -C 1"))
        .env("MQPUB", assert_cmd::cargo::cargo_bin!("mqpub"))
        .args(["--on-ready", &publish]);
    // What it prints is no data, and may come after the end of mqsub.
    let tool = tool.spawn();
    assert_eq!(tool.read_line(2 * AT_ONCE), b"x\n");
    tool.wait().expect(0, "", Contains(&[]));
}

#[test]
fn a_command_that_fails_is_told_and_no_more() {
    let topic = unique_topic("on-ready");
    let words = format!("-t {topic} -W 20");
    let tool = mqsub(mosquitto::shared().tcp(), &words)
        .args(["--on-ready", "exit 3"])
        .spawn();
    tool.wait_stderr_contains("mqsub: warning: --on-ready: the command failed: exit status: 3\n");
    goes_on(&tool);
    tool.signal(Signal::TERM);
    tool.wait().expect(Signal::TERM, "", Contains(&["--on-ready"]));
}

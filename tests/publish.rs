//! mqpub. Here: what each of its options makes a payload of, and what becomes
//! of stdin. The submodules have lines, packets, deliveries, recordings, signals
//! and the spool.

mod aliases;
mod bench;
mod check;
mod delivery;
mod ends;
mod kept;
mod kills;
mod lines;
mod options;
mod pace;
mod packets;
mod records;
mod replay;
mod request;
mod sessions;
mod signals;
mod spool;

use std::ffi::{OsStr, OsString};
use std::io::{self, Read, Write};
use std::os::unix::ffi::OsStrExt;

use crate::support::broker::{Broker, Inbox, sink};
use crate::support::packet::Publish;
use crate::support::runner::{Contains, Tool};
use crate::tools::{file, mqpub, publishes};

/// Runs mqpub against a broker that accepts everything, and returns what it
/// published to the topic `t`.
#[track_caller]
fn published(prepare: impl FnOnce(Tool) -> Tool) -> Vec<Publish> {
    let broker = Broker::start(sink(&Inbox::default()));
    let tool = prepare(mqpub(broker.port(), "-t t"));
    tool.run().expect(0, "", "");
    publishes(&broker.finish().concat())
}

#[track_caller]
fn payloads(prepare: impl FnOnce(Tool) -> Tool) -> Vec<Vec<u8>> {
    let messages = published(prepare);
    messages.into_iter().map(|message| message.payload).collect()
}

#[test]
fn the_payload_is_exactly_what_the_option_says() {
    const HOSTILE: &[u8] = b"\0 a \r\n\n\xff\xfe\0";
    let large = vec![b'x'; 3_000_000];
    let (hostile_file, _hostile_dir) = file(HOSTILE);
    let (large_file, _large_dir) = file(&large);
    let (empty_file, _empty_dir) = file("");
    let name = |path: &std::path::Path| path.as_os_str().to_owned();
    let no_utf8 = OsStr::from_bytes(b" \xff\xfe ").to_owned();
    let cases: [(Vec<OsString>, &[u8], &[u8]); 12] = [
        (vec!["-m".into(), "on".into()], b"", b"on"),
        (vec!["-m".into(), "".into()], b"", b""),
        (vec!["-m".into(), "-l".into()], b"", b"-l"),
        (vec!["-m".into(), no_utf8], b"", b" \xff\xfe "),
        (vec!["-f".into(), name(&hostile_file)], b"", HOSTILE),
        (vec!["-f".into(), name(&large_file)], b"", &large),
        (vec!["-f".into(), name(&empty_file)], b"", b""),
        (vec!["-f".into(), "-".into()], HOSTILE, HOSTILE),
        (vec!["-s".into()], HOSTILE, HOSTILE),
        (vec!["-s".into()], &large, &large),
        (vec!["-s".into()], b"", b""),
        (vec!["-n".into()], b"", b""),
    ];
    for (args, stdin, payload) in cases {
        let sent = published(|tool| tool.args(&args).stdin(stdin));
        assert!(sent == [Publish::new("t", payload)], "{args:?}");
    }
}

#[test]
fn texts_become_the_payloads_that_they_stand_for() {
    let record = r#"{"topic":"t","payload":"[1,2]"}"#;
    let cases: [(&str, &str, &[&[u8]]); 7] = [
        ("-m 00fF --encode hex", "", &[&[0, 0xff]]),
        ("-s --encode base64", "SGVs\nbG8=\n", &[b"Hello"]),
        ("-l --encode hex", "61\n\n62 63", &[b"a", b"", b"bc"]),
        (
            "-l --encode cbor",
            "{\"a\":1}\n1.5",
            &[&[0xa1, 0x61, b'a', 1], &[0xf9, 0x3e, 0]],
        ),
        ("-s --encode msgpack", "[null,\"x\"]", &[&[0x92, 0xc0, 0xa1, b'x']]),
        ("--json --encode cbor", record, &[&[0x82, 1, 2]]),
        ("-n --encode hex --repeat 2", "", &[b"", b""]),
    ];
    for (words, stdin, expected) in cases {
        let sent = payloads(|tool| tool.args(words.split(' ')).stdin(stdin));
        assert_eq!(sent, expected, "{words}");
    }
    let broker = Broker::start(sink(&Inbox::default()));
    let tool = mqpub(broker.port(), "-t t -l --encode hex").stdin("61\n6\n");
    let why = "mqpub: error: line 2: it is not hex digits, two for each byte\n";
    tool.run().expect(1, "", why);
    let tool = mqpub(broker.port(), "-t t -m {x --encode cbor");
    let why = Contains(&["mqpub: error: cannot make the message: it is not JSON: "]);
    tool.run().expect(1, "", why);
}

/// The options, stdin, and the topics and payloads that come of them.
type Templated<'a> = (&'a [&'a str], &'a str, &'a [(&'a str, &'a str)]);

#[test]
fn topics_and_payloads_may_have_variables() {
    let lines = "{\"room\":\"attic\",\"t\":21.50}\n{\"room\":\"hall\",\"t\":19}";
    let cases: [Templated<'_>; 5] = [
        (
            &["-l", "-t", "home/{json:/room}", "-m", "{json:/t}"],
            lines,
            &[("home/attic", "21.50"), ("home/hall", "19")],
        ),
        (
            &["-l", "-t", "a/{counter}", "-t", "b/{env:HOME}"],
            "x\n",
            &[("a/1", "x"), ("b//home", "x")],
        ),
        (
            &["-t", "t", "-m", "{counter} {{}}", "--repeat", "3"],
            "",
            &[("t", "1 {}"), ("t", "2 {}"), ("t", "3 {}")],
        ),
        (&["-s", "-t", "t", "-m", "<{payload}>"], "a\nb", &[("t", "<a\nb>")]),
        (
            &["-l", "-t", "t", "-m", "{payload}00", "--encode", "hex"],
            "41\n",
            &[("t", "A\0")],
        ),
    ];
    for (args, stdin, expected) in cases {
        let broker = Broker::start(sink(&Inbox::default()));
        let tool = mqpub(broker.port(), "--template")
            .args(args)
            .stdin(stdin)
            .env("HOME", "/home");
        tool.run().expect(0, "", "");
        let sent = publishes(&broker.finish().concat());
        let expected: Vec<Publish> = expected
            .iter()
            .map(|(topic, payload)| Publish::new(topic, payload))
            .collect();
        assert_eq!(sent, expected, "{args:?}");
    }
}

#[test]
fn a_variable_that_stands_for_nothing_is_an_error() {
    let broker = Broker::start(sink(&Inbox::default()));
    for (args, stdin, status, why) in [
        (
            ["-t", "{counte}", "-l"],
            "",
            2,
            "-t '{counte}': {counte} is no variable; there are {counter}, ",
        ),
        (
            ["-t", "a{", "-l"],
            "",
            2,
            "-t 'a{': a { stands alone; {{ stands for one",
        ),
        (
            ["-t", "{env:NO_SUCH}", "-l"],
            "",
            2,
            "--template: the environment has no variable NO_SUCH",
        ),
        (
            ["-t", "{json:/a}", "-l"],
            "{}\n",
            1,
            "line 1: its JSON has nothing at /a",
        ),
        (
            ["-t", "{json:/a}", "-l"],
            "{\"a\":\"#\"}",
            1,
            "line 1: cannot publish to topic '#': ",
        ),
        (
            ["-t", "{json:/a}", "-n"],
            "",
            1,
            "cannot make the message: it is not JSON",
        ),
    ] {
        let tool = mqpub(broker.port(), "--template").args(args).stdin(stdin);
        let error = format!("mqpub: error: {why}");
        tool.run().expect(status, "", Contains(&[&error]));
    }
}

#[test]
fn a_message_is_retained_if_that_is_asked_for() {
    for (words, retain) in [("-m x -r", true), ("-m x", false), ("-n -r", true), ("-l -r", true)] {
        let sent = published(|tool| tool.args(words.split(' ')).stdin("line"));
        let flags: Vec<bool> = sent.iter().map(|message| message.retain).collect();
        assert_eq!(flags, [retain], "{words}");
    }
}

#[test]
fn a_file_that_cannot_be_read_is_told_before_the_broker_is_troubled() {
    let broker = Broker::start(sink(&Inbox::default()));
    let cases = [
        ("/nonexistent/file", "no such file or directory"),
        ("/", "is a directory"),
    ];
    for (path, why) in cases {
        let error = format!("mqpub: error: cannot read {path}: {why}\n");
        let tool = mqpub(broker.port(), "-t t -f").arg(path);
        tool.run().expect(1, "", error);
    }
    assert!(broker.finish().is_empty(), "it connected");
}

#[test]
fn stdin_that_cannot_be_read_is_a_failure() {
    let broker = Broker::start(sink(&Inbox::default()));
    for words in ["-t t -s", "-t t -l"] {
        let directory = std::fs::File::open("/").unwrap();
        let tool = mqpub(broker.port(), words).stdin_from(directory);
        tool.run()
            .expect(1, "", Contains(&["cannot read stdin: is a directory"]));
    }
}

#[test]
fn stdin_is_left_to_others_unless_it_is_asked_for() {
    let (path, _dir) = file("x");
    for args in [vec!["-m", "x"], vec!["-n"], vec!["-f", path.to_str().unwrap()]] {
        let (mut reader, mut writer) = io::pipe().unwrap();
        writer.write_all(b"for somebody else\n").unwrap();
        // The writing end stays open: a tool that waits for the end would hang.
        let stdin = reader.try_clone().unwrap();
        let sent = published(|tool| tool.args(&args).stdin_from(stdin));
        assert_eq!(sent.len(), 1, "{args:?}");
        drop(writer);
        let mut left = String::new();
        reader.read_to_string(&mut left).unwrap();
        assert_eq!(left, "for somebody else\n", "{args:?}");
    }
}

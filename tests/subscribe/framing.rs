//! mqsub --delimiter, -0 and --framed: messages that can be told apart, and that
//! mqpub reads back.

use super::sends;
use crate::support::broker::{Broker, Inbox, sink};
use crate::support::packet::Publish;
use crate::support::runner::{Contains, Satisfies};
use crate::tools::{mqpub, mqsub};

fn messages() -> [Publish; 4] {
    let large = vec![b'x'; 100_000];
    [
        Publish::new("a", "x\n"),
        Publish::new("a b", ""),
        Publish::new("a", &large),
        Publish::new("a", b"\xff\r"),
    ]
}

#[track_caller]
fn printed(words: &[&str]) -> Vec<u8> {
    let broker = sends(&messages());
    let tool = mqsub(broker.port(), "-t # -C 4").args(words);
    let ended = tool.run().expect(0, Satisfies(&|_| true), "");
    ended.stdout.clone()
}

#[test]
fn a_mark_stands_behind_each_message() {
    let [one, _, three, four] = messages().map(|message| message.payload);
    let joined = |mark: &[u8]| [&one[..], mark, mark, &three, mark, &four, mark].concat();
    assert!(printed(&["-0"]) == joined(b"\0"));
    assert!(printed(&["--delimiter", r"--\x1e\n"]) == joined(b"--\x1e\n"));
    let topics = [&b"a x\n\0a b \0a "[..], &three, b"\0a \xff\r\0"].concat();
    assert!(printed(&["-v", "-0"]) == topics);
}

#[test]
fn a_length_stands_before_each_message() {
    let [one, _, three, four] = messages().map(|message| message.payload);
    let expected = [
        &b"\0\0\0\x02"[..],
        &one,
        b"\0\0\0\0\0\x01\x86\xa0",
        &three,
        b"\0\0\0\x02",
        &four,
    ];
    assert!(printed(&["--framed"]) == expected.concat());
    assert_eq!(
        printed(&["--framed", "-F", "%l"]),
        b"\0\0\0\x012\0\0\0\x010\0\0\0\x06100000\0\0\0\x012"
    );
}

#[test]
fn what_mqsub_writes_mqpub_reads() {
    for words in [&["-0"][..], &["--framed"], &["--delimiter", "--\\n"]] {
        let written = printed(words);
        let inbox = Inbox::default();
        let broker = Broker::start(sink(&inbox));
        let tool = mqpub(broker.port(), "-t t -q 1").args(words).stdin(written);
        tool.run().expect(0, "", "");
        assert!(
            inbox.payloads() == messages().map(|message| message.payload),
            "{words:?}"
        );
    }
}

#[test]
fn what_does_not_go_together_is_refused() {
    for (words, one, other) in [
        ("--json -F %j", "--json", "-F"),
        ("--framed --delimiter x", "--delimiter", "--framed"),
        ("-N -0", "-0", "-N"),
        ("--output-dir d -v", "--output-dir", "-v"),
    ] {
        let error = format!("mqsub: error: {one} and {other} cannot be used together\n");
        mqsub(1, &format!("-t t {words}"))
            .run()
            .expect(2, "", Contains(&[&error]));
    }
    let error = "mqsub: error: --pretty needs -F with %j or %J\n";
    mqsub(1, "-t t --pretty").run().expect(2, "", Contains(&[error]));
    let error = "mqsub: error: --parse-json needs --json\n";
    mqsub(1, "-t t --parse-json").run().expect(2, "", Contains(&[error]));
}

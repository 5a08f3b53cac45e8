//! mqpub takes stdin apart: what ends a message, what stands before it, records
//! of JSON, and what becomes of one that is wrong.

use super::payloads;
use crate::support::broker::{Broker, Inbox, sink};
use crate::support::mosquitto::{self, Publisher, Subscriber};
use crate::support::packet::{Prop, Publish, Version, id};
use crate::support::runner::{Contains, Outcome};
use crate::support::unique_topic;
use crate::tools::{mqpub, mqsub, publishes};

/// Runs mqpub against a broker that accepts everything, and returns how it ended
/// and what it published.
fn run(words: &str, stdin: impl AsRef<[u8]>) -> (Outcome, Vec<(String, Vec<u8>)>) {
    let broker = Broker::start(sink(&Inbox::default()));
    let ended = mqpub(broker.port(), words).stdin(stdin).run();
    let sent = publishes(&broker.finish().concat()).into_iter();
    (ended, sent.map(|message| (message.topic, message.payload)).collect())
}

/// Options, an input, and the messages that it is.
type Case = (&'static [&'static str], &'static [u8], &'static [&'static [u8]]);

#[test]
fn a_message_ends_where_it_is_said_to() {
    let cases: [Case; 8] = [
        (&["-0"], b"a\nb\0\0c", &[b"a\nb", b"", b"c"]),
        (&["--delimiter", r"\0"], b"a\0b\0", &[b"a", b"b"]),
        (&["--delimiter", r"\r\n"], b"a\nb\r\n\r\nc", &[b"a\nb", b"", b"c"]),
        (&["--delimiter", r"\x1e"], b"a\x1eb", &[b"a", b"b"]),
        (&["--delimiter", "--", "-l"], b"a-b---c", &[b"a-b", b"-c"]),
        (
            &["--framed"],
            b"\0\0\0\x03a\nb\0\0\0\0\0\0\0\x01\0",
            &[b"a\nb", b"", b"\0"],
        ),
        (&["--framed"], b"", &[]),
        (&["-l"], b"a\0b\n", &[b"a\0b"]),
    ];
    for (words, stdin, expected) in cases {
        for qos in ["0", "1", "2"] {
            let sent = payloads(|tool| tool.args(words).args(["-q", qos]).stdin(stdin));
            assert!(sent == expected, "{words:?} at QoS {qos}: {sent:?}");
        }
    }
}

#[test]
fn a_frame_that_is_cut_short_is_told() {
    for (stdin, why) in [
        (
            &b"\0\0\0\x01a\0\0"[..],
            "record 2 is cut short: the input ends within the 4 bytes of its length",
        ),
        (
            b"\0\0\0\x01a\0\0\0\x05bc",
            "record 2 is cut short: the input ends after 2 of its 5 bytes",
        ),
    ] {
        let (ended, sent) = run("-t t -q 1 --framed", stdin);
        ended.expect(1, "", Contains(&["mqpub: error: cannot read stdin: ", why]));
        assert_eq!(sent, [("t".to_owned(), b"a".to_vec())]);
    }
}

#[test]
fn each_line_may_bring_its_topic() {
    for (words, stdin) in [
        ("--key-separator=:", "a/b:1:2\nc:\n"),
        ("--key-separator=\\t -q 1", "a/b\t1:2\nc\t\n"),
        ("--key-separator=--> -0", "a/b-->1:2\0c-->"),
    ] {
        let (ended, sent) = run(words, stdin);
        ended.expect(0, "", "");
        let expected = [("a/b", "1:2"), ("c", "")].map(|(topic, payload)| (topic.to_owned(), payload.into()));
        assert_eq!(sent, expected, "{words}");
    }
}

#[test]
fn a_line_that_is_no_message_ends_the_run_unless_it_is_to_go_on() {
    let stdin = "a:1\nwithout\nb/+:2\nc:3\n";
    let (ended, sent) = run("--key-separator=: -q 1", stdin);
    let why = "line 2: it has no separator ':' after a topic\n";
    ended.expect(1, "", Contains(&["mqpub: error: ", "1 delivered", "2 not sent", why]));
    assert_eq!(sent.len(), 1);

    let (ended, sent) = run("--key-separator=: -q 1 --keep-going", stdin);
    let warnings = [
        "mqpub: warning: line 2: it has no separator",
        "mqpub: warning: line 3: cannot publish to topic 'b/+'",
        "mqpub: error: 2 lines were no messages\n",
    ];
    ended.expect(1, "", Contains(&warnings));
    assert_eq!(sent.len(), 2);

    for (line, why) in [
        ("{", "it is not JSON"),
        ("", "it is empty, not a JSON object"),
        (r#"{"payload":"x"}"#, "it has no topic, and no -t gives it one"),
        (r#"{"topic":"t","typo":1}"#, "unknown key 'typo'"),
        (r#"{"topic":"t","qos":3}"#, "qos must be 0, 1 or 2"),
        (r#"{"topic":"t","payload_base64":"?"}"#, "payload_base64"),
    ] {
        let good = r#"{"topic":"t","payload":"good"}"#;
        let (ended, sent) = run("--json", format!("{good}\n{line}\n"));
        ended.expect(1, "", Contains(&["mqpub: error: line 2: ", why]));
        assert_eq!(sent, [("t".to_owned(), b"good".to_vec())], "{line}");
    }
}

#[test]
fn a_record_says_what_the_flags_then_do_not() {
    let broker = Broker::start(sink(&Inbox::default()));
    let records = [
        r#"{"payload":"1"}"#,
        r#"{"topic":"other","payload":"2","qos":0,"retain":false}"#,
        r#"{"payload_base64":"/wA=","qos":2,"time":"whenever","mid":5,"dup":true,"value":1}"#,
        r#"{"payload":null,"properties":{"content-type":"x"}}"#,
        r"{}",
    ];
    let tool = mqpub(
        broker.port(),
        "--json -t usual -q 1 -r -V 5 -D publish user-property from flags",
    );
    tool.stdin(records.join("\n")).run().expect(0, "", "");
    let packets = broker.finish().concat();
    let sent: Vec<Publish> = packets
        .iter()
        .filter(|packet| packet.kind() == crate::support::packet::PUBLISH)
        .map(|packet| Publish::parse(packet, Version::V5))
        .collect();
    let flags = [Prop::user("from", "flags")];
    let message = |topic: &str, payload: &[u8], qos: u8, retain: bool, props: &[Prop]| {
        (topic.to_owned(), payload.to_vec(), qos, retain, props.to_vec())
    };
    let sent: Vec<_> = sent
        .into_iter()
        .map(|one| (one.topic, one.payload, one.qos, one.retain, one.properties))
        .collect();
    assert_eq!(
        sent,
        [
            message("usual", b"1", 1, true, &flags),
            message("other", b"2", 0, false, &flags),
            message("usual", b"\xff\0", 2, true, &flags),
            message("usual", b"", 1, true, &[Prop::text(id::CONTENT_TYPE, "x")]),
            message("usual", b"", 1, true, &flags),
        ]
    );
}

#[test]
fn what_mqsub_prints_as_records_mqpub_carries_on_to_the_byte() {
    let broker = mosquitto::shared();
    let (from, to) = (unique_topic("from"), unique_topic("to"));
    let every: Vec<u8> = (0..=255).collect();
    let props = [
        Prop::user("k", "1"),
        Prop::text(id::CONTENT_TYPE, "text/plain; é"),
        Prop::user("k", ""),
        Prop::user("k", "1"),
        Prop::Binary(id::CORRELATION_DATA, vec![0, 0xff, b'"']),
        Prop::text(id::RESPONSE_TOPIC, "answer/\"here\""),
        Prop::Byte(id::PAYLOAD_FORMAT, 0),
    ];
    let messages: [(&str, &[u8], u8, &[Prop]); 6] = [
        ("plain", b"21.5", 0, &[]),
        ("empty", b"", 1, &[]),
        ("bytes", &every, 2, &props),
        ("a \"b\" \u{1f600}", b"\"\\\n\r\t\0\x7f", 1, &props[..1]),
        ("bad", b"\xed\xa0\x80", 2, &[]),
        ("large", &vec![b'x'; 300_000], 1, &[]),
    ];
    let count = messages.len();
    let words = format!("-V 5 --json -q 2 -C {count} -t {from}/#");
    let subscriber = mqsub(broker.tcp(), &words).spawn();
    broker.wait_subscribed(&format!("{from}/#"));
    let mut publisher = Publisher::connect(broker.tcp(), Version::V5);
    for (name, payload, qos, props) in messages {
        publisher.publish(&format!("{from}/{name}"), payload, qos, false, props);
    }
    let records = subscriber
        .wait()
        .expect(0, crate::support::runner::Satisfies(&|_| true), "")
        .stdout
        .clone();
    // The topic is another one, lest the first run hears itself.
    let records = String::from_utf8(records).unwrap().replace(&from, &to);
    let mut watcher = Subscriber::connect(broker.tcp(), Version::V5, &format!("{to}/#"), 2);
    mqpub(broker.tcp(), "-V 5 --json")
        .stdin(records)
        .run()
        .expect(0, "", "");
    // Those of different levels may overtake one another.
    let all = watcher.collect(count, crate::support::DEADLINE);
    for (name, payload, qos, props) in messages {
        let topic = format!("{to}/{name}");
        let came = all.iter().find(|came| came.topic == topic).expect(name);
        assert!(came.payload == payload, "{name}");
        assert_eq!((came.qos, came.retain), (qos, false), "{name}");
        let sorted = |props: &[Prop]| {
            let mut texts: Vec<String> = props.iter().map(|prop| format!("{prop:?}")).collect();
            // Of user properties the order counts, and they are first here.
            texts.sort_by_key(|text| !text.starts_with("User"));
            let users = texts.iter().filter(|text| text.starts_with("User")).count();
            texts[users..].sort();
            texts
        };
        assert_eq!(sorted(&came.properties), sorted(props), "{name}");
    }
}

#[test]
fn a_payload_that_is_too_long_is_not_taken() {
    let (ended, sent) = run("-t t -q 1 -l --max-payload 3", "abc\nabcd\n");
    let why = "record 2 is longer than 3 bytes, the most that is allowed";
    ended.expect(1, "", Contains(&["mqpub: error: cannot read stdin: ", why]));
    assert_eq!(sent.len(), 1);
    for words in ["-s", "-f -"] {
        let (ended, sent) = run(&format!("-t t {words} --max-payload 3"), "abcd");
        let error = "mqpub: error: cannot read stdin: it has more than 3 bytes, the most that is allowed \
                     (--max-payload)\n";
        ended.expect(1, "", error);
        assert!(sent.is_empty());
        run(&format!("-t t {words} --max-payload 3"), "abc").0.expect(0, "", "");
    }
}

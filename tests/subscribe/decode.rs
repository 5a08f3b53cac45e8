//! mqsub --decode: payloads as texts that stand for them, and what stands for
//! nothing is told.

use super::{sends, subscribed};
use crate::support::mosquitto::{Subscriber, shared, unique_topic};
use crate::support::packet::{Publish, Version};
use crate::support::runner::{Contains, Tool};
use crate::tools::{mqpub, mqsub, play};

/// `{"a": [1, h'ff'], 2: true}`
const MAP: &[u8] = b"\xa2\x61a\x82\x01\x41\xff\x02\xf5";
const MAP_AS_JSON: &str = r#"{"$map":[["a",[1,{"$base64":"/w=="}]],[2,true]]}"#;
const LIST: &[u8] = b"\x82\x01\x1b\xff\xff\xff\xff\xff\xff\xff\xff";

#[test]
fn each_form_prints_the_text() {
    let messages = [Publish::new("a/b", MAP), Publish::new("a", LIST)];
    let json = format!("{MAP_AS_JSON}\n[1,18446744073709551615]\n");
    let cases = [
        ("--decode cbor", json.clone()),
        (
            "--decode hex",
            "a2616182 0141ff02f5\n82011bffffffffffffffff\n".replace(' ', ""),
        ),
        ("--decode base64", "omFhggFB/wL1\nggEb//////////8=\n".to_owned()),
        (
            "-v --decode cbor",
            format!("a/b {MAP_AS_JSON}\na [1,18446744073709551615]\n"),
        ),
        ("--filter qos=1:b --decode cbor", json),
        (
            "--decode cbor -F %p|%x|%l",
            format!("{MAP_AS_JSON}|a26161820141ff02f5|9\n[1,18446744073709551615]|82011bffffffffffffffff|11\n"),
        ),
    ];
    for (words, printed) in cases {
        let broker = sends(&messages);
        let words = format!("-t # -C 2 {words}");
        mqsub(broker.port(), &words).run().expect(0, printed, "");
    }
    let broker = sends(&[Publish::new("m", b"\x92\xc4\x01\xff\xd4\x05\x00")]);
    let printed = "[{\"$base64\":\"/w==\"},{\"$ext\":[5,\"AA==\"]}]\n";
    let tool = mqsub(broker.port(), "-t # -C 1 --decode msgpack");
    tool.run().expect(0, printed, "");
}

#[test]
fn records_have_the_text_and_its_value() {
    for (words, value) in [
        ("--json", ""),
        ("--json --parse-json", r#","value":[1,18446744073709551615]"#),
    ] {
        let broker = sends(&[Publish::new("a", LIST)]);
        let words = format!("-t # -C 1 --decode cbor {words}");
        let payload = r#""topic":"a","qos":0,"retain":false,"payload":"[1,18446744073709551615]""#;
        let expected = format!("{payload}{value}}}\n");
        let outcome = mqsub(broker.port(), &words).run();
        outcome.expect(0, Contains(&[&expected]), "");
    }
    let broker = sends(&[Publish::new("a", LIST)]);
    let outcome = mqsub(broker.port(), "-t # -C 1 --decode cbor -F %J").run();
    outcome.expect(0, Contains(&[r#""payload":[1,18446744073709551615]}"#]), "");
}

#[test]
fn what_cannot_be_decoded_is_told_and_never_taken_for_what_was() {
    let messages = [
        Publish::new("good", b"\x01"),
        Publish::new("bad", b"\x01\x02"),
        Publish::new("empty", b""),
        Publish::new("long", vec![0xff; 100]),
    ];
    let told = [
        "mqsub: warning: message on topic 'bad' not decoded: it has 1 byte behind its CBOR value (2 bytes: 0102)\n",
        "mqsub: warning: message on topic 'empty' not decoded: it is not CBOR: it ends too early (0 bytes)\n",
        "message on topic 'long' not decoded: it has a CBOR value that cannot be read: ",
        "(100 bytes: ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff…)\n",
        "mqsub: error: 3 messages could not be decoded\n",
    ];
    for (words, printed) in [
        ("", "1\n"),
        ("-v", "good 1\n"),
        ("-F %t=%p", "good=1\n"),
        // These cannot be mistaken.
        ("-F %t:%x", "good:01\nbad:0102\nempty:\nlong:".to_owned().leak() as &str),
    ] {
        let broker = sends(&messages);
        let words = format!("-t # -C 4 --decode cbor {words}");
        let outcome = mqsub(broker.port(), words.trim_end()).run();
        outcome.expect(1, Contains(&[printed]), Contains(&told));
    }
    let broker = sends(&messages);
    let outcome = mqsub(broker.port(), "-t # -C 4 --json --parse-json --decode cbor").run();
    let records = [
        r#""topic":"good","qos":0,"retain":false,"payload":"1","value":1}"#,
        r#""topic":"bad","qos":0,"retain":false,"payload_base64":"AQI="}"#,
        r#""topic":"empty","qos":0,"retain":false,"payload_base64":""}"#,
    ];
    outcome.expect(1, Contains(&records), Contains(&told));
}

#[test]
fn other_ends_keep_their_status_and_the_number_is_told() {
    let broker = play(|conn| {
        subscribed(conn);
        conn.send(Publish::new("t", b"\x92").encode(Version::V311));
        conn.until_eof();
    });
    let outcome = mqsub(broker.port(), "-t # --decode msgpack -C 2 -W 1.5").run();
    let told = "mqsub: warning: message on topic 't' not decoded: it is not MessagePack (1 byte: 92)\n\
                mqsub: warning: 1 message could not be decoded\nmqsub: error: timed out\n";
    outcome.expect(27, "", told);
}

#[test]
fn what_mqsub_decodes_mqpub_encodes() {
    let broker = shared();
    let topic = unique_topic("decode");
    for (codec, payload) in [
        ("cbor", MAP),
        ("cbor", b"\xc1\xfb\x41\xd4\x52\xd9\xe8\x9e\xb8\x52"),
        ("msgpack", b"\x82\xa1a\xc4\x02\x00\xff\x05\xc0"),
        ("hex", b"\x00\xff"),
    ] {
        let scripted = sends(&[Publish::new("x", payload)]);
        let line = format!("-t # -C 1 --json --decode {codec}");
        let record = mqsub(scripted.port(), &line).run();
        let record = record.expect(0, Contains(&["\"payload\""]), "");
        let mut there = Subscriber::connect(broker.tcp(), Version::V311, &topic, 0);
        let text = String::from_utf8(record.stdout.clone()).unwrap();
        let text = text.replace(r#""topic":"x""#, &format!(r#""topic":"{topic}""#));
        let line = format!("--json --encode {codec}");
        mqpub(broker.tcp(), &line).stdin(text).run().expect(0, "", "");
        assert_eq!(there.next().payload, payload, "{codec}");
    }
}

#[test]
fn a_table_tells_no_lie_and_other_views_refuse() {
    let tool = || Tool::mqsub().args(["-t", "t", "--decode", "cbor"]);
    for (other, why) in [
        ("--message-rate", "--decode and --message-rate cannot be used together"),
        ("-E", "--decode and -E cannot be used together"),
    ] {
        let why = format!("mqsub: error: {why}\n");
        tool().arg(other).run().expect(2, "", why);
    }
    let outcome = Tool::mqsub().args(["-t", "t", "--decode", "xml"]).run();
    outcome.expect(2, "", Contains(&["xml"]));
}

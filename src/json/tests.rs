//! Out and in again, and what is refused.

use std::time::{Duration, UNIX_EPOCH};

use bytes::Bytes;
use fastrand::Rng;

use super::*;
use crate::message::{Decoding, Message, Properties, Qos, Received, Topic, Value};
use crate::property::{SUBSCRIPTION_IDENTIFIER, TOPIC_ALIAS, USER_PROPERTY};

fn read(text: &str) -> Result<Message, String> {
    read_record(text.as_bytes(), &Defaults::default())
}

/// The error of a record that has a topic and these other keys.
fn refused(keys: &str) -> String {
    let error = read(&format!(r#"{{"topic":"t",{keys}}}"#)).unwrap_err();
    assert!(error.len() < 200 && !error.contains('\n'), "{error}");
    error
}

fn properties(keys: &str) -> Result<Properties, String> {
    read(&format!(r#"{{"topic":"t","properties":{keys}}}"#)).map(|message| message.properties)
}

fn record(message: &Message) -> Vec<u8> {
    let mut line = Vec::new();
    let received = Received {
        time: UNIX_EPOCH + Duration::from_secs(1_700_000_000),
        topic: message.topic.as_str(),
        payload: &message.payload,
        decoding: Decoding::None,
        qos: message.qos,
        retain: message.retain,
        dup: message.qos != Qos::AtMostOnce,
        mid: u16::from(message.qos != Qos::AtMostOnce),
        properties: message.properties.clone(),
    };
    Recorder::new(false).write(&mut line, &received);
    line
}

/// Text with everything in it that is awkward somewhere.
fn text(random: &mut Rng) -> String {
    let pieces = [
        "a",
        "/",
        " ",
        "\"",
        "\\",
        "\n",
        "\t",
        "\u{1}",
        "\u{7f}",
        "é",
        "\u{2028}",
        "\u{ffff}",
        "\u{10ffff}",
    ];
    let count = random.usize(..8);
    (0..count).map(|_| pieces[random.usize(..pieces.len())]).collect()
}

fn bytes(random: &mut Rng) -> Vec<u8> {
    let count = random.usize(..20);
    match random.u8(..3) {
        0 => (0..count).map(|_| random.u8(..)).collect(),
        1 => text(random).replace('a', "\0").into_bytes(),
        _ => vec![0; count],
    }
}

/// User properties come back together, at the place of the first of them; their
/// place among the others has no meaning.
fn random_message(random: &mut Rng) -> Message {
    let mut list = Properties::default();
    let mut ids = [1, 2, 3, 8, 9, USER_PROPERTY];
    random.shuffle(&mut ids);
    let count = random.usize(..=ids.len());
    for id in ids.into_iter().take(count) {
        match id {
            1 => list.push(id, Value::Number(random.u32(..2))),
            2 => list.push(id, Value::Number(random.u32(..))),
            9 => list.push(id, Value::Binary(bytes(random))),
            USER_PROPERTY => {
                for _ in 0..random.u8(1..5) {
                    let name = if random.bool() {
                        "again".to_owned()
                    } else {
                        text(random)
                    };
                    list.push(id, Value::Pair(name, text(random)));
                }
            }
            _ => list.push(id, Value::Text(text(random))),
        }
    }
    Message {
        topic: Topic::received(&format!("t{}", text(random))).unwrap(),
        payload: bytes(random).into(),
        qos: Qos::try_from(random.u8(..3)).unwrap(),
        retain: random.bool(),
        properties: list,
    }
}

#[test]
fn what_is_written_is_read_as_the_same_message() {
    let mut random = Rng::with_seed(7);
    let other = Defaults {
        topic: Topic::new("other").ok(),
        qos: Qos::ExactlyOnce,
        retain: true,
        ..Defaults::default()
    };
    for _ in 0..5_000 {
        let message = random_message(&mut random);
        let line = record(&message);
        let shown = String::from_utf8_lossy(&line);
        assert_eq!(read_record(&line, &other).as_ref(), Ok(&message), "{shown}");
    }
}

#[test]
fn no_text_is_too_wild() {
    let mut random = Rng::with_seed(8);
    for _ in 0..20_000 {
        let mut line = record(&random_message(&mut random));
        for _ in 0..random.u8(1..4) {
            let at = random.usize(..line.len());
            match random.u8(..3) {
                0 => line[at] = random.u8(..),
                1 => line.truncate(at + 1),
                _ => line.insert(at, b"\"\\{}[],:0"[random.usize(..9)]),
            }
        }
        if let Err(error) = read_record(&line, &Defaults::default()) {
            assert!(error.len() < 250 && !error.contains('\n'), "{error}");
        }
    }
    let deep = format!(r#"{{"topic":"t","value":{}{}}}"#, "[".repeat(9_999), "]".repeat(9_999));
    assert!(read(&deep).is_ok());
    assert!(read(&deep.replace("value", "properties")).is_err());
}

#[test]
fn defaults_fill_what_is_absent() {
    let mut defaults = Defaults {
        topic: Topic::new("d").ok(),
        qos: Qos::AtLeastOnce,
        retain: true,
        properties: Properties::default(),
        prefix: String::new(),
    };
    defaults.properties.push(3, Value::Text("text/plain".into()));
    let read = |text: &str| read_record(text.as_bytes(), &defaults).unwrap();
    let expected = Message {
        topic: Topic::new("d").unwrap(),
        payload: Bytes::new(),
        qos: Qos::AtLeastOnce,
        retain: true,
        properties: defaults.properties.clone(),
    };
    let null = r#"{"topic":null,"payload":null,"payload_base64":null,"qos":null,"retain":null,"properties":null}"#;
    for text in ["{}", " {} \r\n", null] {
        assert_eq!(read(text), expected, "{text}");
    }
    let own = read(r#"{"topic":"t","qos":0,"retain":false,"properties":{"message-expiry-interval":5}}"#);
    assert_eq!((own.topic.as_str(), own.qos, own.retain), ("t", Qos::AtMostOnce, false));
    // The record's properties replace the default ones.
    assert_eq!(own.properties.number(2), Some(5));
    assert_eq!(own.properties.iter().count(), 1);
    assert!(read(r#"{"properties":{}}"#).properties.is_empty());
}

#[test]
fn payloads() {
    let payload = |keys: &str| read(&format!(r#"{{"topic":"t",{keys}}}"#)).unwrap().payload;
    assert_eq!(payload(r#""payload":"a\u0000\n\"""#), "a\0\n\"");
    assert_eq!(payload(r#""payload":"""#), "");
    assert_eq!(payload(r#""payload_base64":"/wA=""#), &b"\xff\0"[..]);
    assert_eq!(payload(r#""payload":null,"payload_base64":"/wA=""#), &b"\xff\0"[..]);
    for (value, kind) in [
        ("1", "a number"),
        ("{}", "an object"),
        ("[]", "a list"),
        ("true", "true or false"),
    ] {
        let error = refused(&format!(r#""payload":{value}"#));
        assert!(
            error.starts_with(&format!("payload must be a string, not {kind}: --json ")),
            "{error}"
        );
    }
    let both = refused(r#""payload":"","payload_base64":"""#);
    assert_eq!(both, "it has both payload and payload_base64");
    assert_eq!(refused(r#""payload_base64":"?""#), "payload_base64 is not base64");
}

#[test]
fn keys_of_a_received_message_are_ignored_and_others_refused() {
    let line = r#"{"time":"2023","dup":true,"mid":7,"value":{"a":[1e999]},"topic":"t"}"#;
    assert!(read(line).is_ok());
    assert_eq!(refused(r#""tpoic":1"#), "unknown key 'tpoic'");
    assert_eq!(refused(r#""Topic":"x""#), "unknown key 'Topic'");
    assert_eq!(
        refused(&format!(r#""{}":1"#, "k".repeat(999))),
        format!("unknown key '{}…'", "k".repeat(60))
    );
    for twice in [r#""qos":1,"qos":1"#, r#""qos":null,"qos":1"#] {
        assert_eq!(refused(twice), "qos is there twice");
    }
    assert_eq!(refused(r#""mid":1,"mid":1"#), "mid is there twice");
    assert_eq!(refused(r#""t\u006fpic":"x""#), "topic is there twice");
}

#[test]
fn values_of_the_wrong_kind_are_refused_by_name() {
    for qos in ["3", "-1", "1.0", "\"1\"", "true", "256"] {
        assert_eq!(refused(&format!(r#""qos":{qos}"#)), "qos must be 0, 1 or 2");
    }
    assert_eq!(refused(r#""retain":1"#), "retain must be true or false, not a number");
    assert_eq!(
        read(r#"{"topic":7}"#).unwrap_err(),
        "topic must be a string, not a number"
    );
    assert_eq!(
        read(r#"{"payload":"x"}"#).unwrap_err(),
        "it has no topic, and no -t gives it one"
    );
    let wildcard = read(r#"{"topic":"a/#"}"#).unwrap_err();
    assert!(wildcard.starts_with("cannot publish to topic 'a/#': "), "{wildcard}");
    assert_eq!(
        read(r#"{"topic":""}"#).unwrap_err(),
        "cannot publish to topic '': it is empty"
    );
}

#[test]
fn what_is_not_json_is_told_where() {
    for (text, why) in [
        ("", "it is empty, not a JSON object"),
        (" \r\n", "it is empty, not a JSON object"),
        ("hello", "it is not a JSON object"),
        ("[1]", "it is not a JSON object"),
        (r#"{"topic":"a"} x"#, "it is not JSON: trailing characters at column 15"),
        (r#"{"topic" "a"}"#, "it is not JSON: expected `:` at column 10"),
        (
            "{\"topic\":\"a\",\n\"payload\":}",
            "it is not JSON: expected value at column 11 of its line 2",
        ),
        (
            r#"{"topic":"a"#,
            "it is not JSON: EOF while parsing a string at column 11",
        ),
    ] {
        assert_eq!(read(text).unwrap_err(), why);
    }
    let error = read_record(b"{\"topic\":\"\xff\"}", &Defaults::default()).unwrap_err();
    assert!(
        error.starts_with("it is not JSON: invalid unicode code point"),
        "{error}"
    );
}

#[test]
fn properties_of_a_message() {
    let all = r#"{"user-property":[["b","1"],["a",""],["b","1"],["",""]],"payload-format-indicator":1,
        "message-expiry-interval":4294967295,"content-type":"","response-topic":"r/t","correlation-data":"c\u0000"}"#;
    let mut expected = Properties::default();
    for (name, value) in [("b", "1"), ("a", ""), ("b", "1"), ("", "")] {
        expected.push(USER_PROPERTY, Value::Pair(name.into(), value.into()));
    }
    expected.push(1, Value::Number(1));
    expected.push(2, Value::Number(u32::MAX));
    expected.push(3, Value::Text(String::new()));
    expected.push(8, Value::Text("r/t".into()));
    expected.push(9, Value::Binary(b"c\0".to_vec()));
    assert_eq!(properties(all), Ok(expected));
    let binary = properties(r#"{"correlation-data-base64":"/w==","content-type":null,"user-property":[]}"#).unwrap();
    let mut expected = Properties::default();
    expected.push(9, Value::Binary(vec![0xff]));
    assert_eq!(binary, expected);
}

#[test]
fn how_a_message_came_is_not_published() {
    let mut message = random_message(&mut Rng::with_seed(1));
    message.properties = Properties::default();
    let mut came = message.clone();
    came.properties.push(SUBSCRIPTION_IDENTIFIER, Value::Number(7));
    came.properties.push(SUBSCRIPTION_IDENTIFIER, Value::Number(8));
    came.properties.push(TOPIC_ALIAS, Value::Number(2));
    let line = record(&came);
    assert!(String::from_utf8_lossy(&line).contains("topic-alias"));
    assert_eq!(read_record(&line, &Defaults::default()), Ok(message));
}

#[test]
fn properties_that_no_message_can_have_are_refused_by_name() {
    for (keys, why) in [
        (r#"[["a","b"]]"#, "properties must be an object, not a list"),
        (r#"{"colour":1}"#, "unknown property 'colour'"),
        (
            r#"{"content-type-base64":""}"#,
            "unknown property 'content-type-base64'",
        ),
        (r#"{"user-properties":[]}"#, "unknown property 'user-properties'"),
        (
            r#"{"reason-string":"x"}"#,
            "reason-string is not a property of a message",
        ),
        (
            r#"{"payload-format-indicator":2}"#,
            "payload-format-indicator must be a whole number from 0 to 1",
        ),
        (
            r#"{"message-expiry-interval":4294967296}"#,
            "message-expiry-interval must be a whole number from 0 to 4294967295",
        ),
        (r#"{"content-type":1}"#, "content-type must be a string, not a number"),
        (
            r#"{"content-type":"\u0000"}"#,
            "content-type must not have a NUL character",
        ),
        (
            r#"{"response-topic":"a/+"}"#,
            "response-topic must be a topic without wildcards",
        ),
        (
            r#"{"content-type":"a","content-type":"a"}"#,
            "content-type is there twice",
        ),
        (r#"{"topic-alias":1,"topic-alias":1}"#, "topic-alias is there twice"),
        (
            r#"{"correlation-data-base64":"a"}"#,
            "correlation-data-base64 is not base64",
        ),
        (
            r#"{"correlation-data-base64":"","correlation-data":""}"#,
            "it has both correlation-data and correlation-data-base64",
        ),
        (
            r#"{"user-property":[["a","\u0000"]]}"#,
            "user-property must not have a NUL character",
        ),
    ] {
        assert_eq!(properties(keys).unwrap_err(), why);
    }
    for pairs in [
        r#"{"a":"b"}"#,
        r#"["a","b"]"#,
        r#"[["a"]]"#,
        r#"[["a","b","c"]]"#,
        r#"[["a",1]]"#,
    ] {
        let error = properties(&format!(r#"{{"user-property":{pairs}}}"#)).unwrap_err();
        assert_eq!(error, "user-property must be a list of [name, value] pairs of strings");
    }
    let long = "x".repeat(65_536);
    for key in ["content-type", "correlation-data"] {
        let error = properties(&format!(r#"{{"{key}":"{long}"}}"#)).unwrap_err();
        assert_eq!(error, format!("{key} must not be longer than 65535 bytes"));
        assert!(properties(&format!(r#"{{"{key}":"{}"}}"#, &long[1..])).is_ok());
    }
}

#[test]
fn a_recording_has_times_and_its_topics_may_get_a_prefix() {
    let defaults = Defaults {
        prefix: "replayed/".into(),
        ..Defaults::default()
    };
    let read = |text: &str| read_recorded(text.as_bytes(), &defaults);
    let (message, time) = read(r#"{"time":"1970-01-01T00:01:40.250000Z","topic":"a/b"}"#).unwrap();
    assert_eq!(message.topic.as_str(), "replayed/a/b");
    assert_eq!(time, UNIX_EPOCH + Duration::from_millis(100_250));
    for (text, why) in [
        (r#"{"topic":"a"}"#, "it has no time, which --replay needs"),
        (r#"{"topic":"a","time":null}"#, "it has no time, which --replay needs"),
        (
            r#"{"topic":"a","time":"yesterday"}"#,
            "time must be like 2026-01-31T12:00:00.000000Z, not 'yesterday'",
        ),
        (r#"{"topic":"a","time":5}"#, "time must be a string, not a number"),
    ] {
        assert_eq!(read(text).unwrap_err(), why);
    }
    assert!(
        read_record(br#"{"topic":"a","time":5}"#, &defaults).is_ok(),
        "it is not asked for"
    );
    let long = format!(r#"{{"topic":"{}","time":"1970-01-01T00:00:00Z"}}"#, "x".repeat(65_530));
    assert!(read(&long).unwrap_err().contains("cannot publish to topic"));
}

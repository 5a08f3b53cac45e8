//! mqsub --json: whatever comes, each message is one JSON object on one line,
//! from which the message can be had back.

use std::fmt;
use std::time::{Duration, SystemTime};

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use super::{sends, subscribed};
use crate::support::packet::{Prop, Publish, id};
use crate::support::runner::Satisfies;
use crate::tools::{mqsub, play};

/// A JSON object with its members in their order. One with two members of the
/// same name is none.
struct Object(Vec<(String, Box<RawValue>)>);

impl<'de> Deserialize<'de> for Object {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;
        impl<'de> Visitor<'de> for Members {
            type Value = Object;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Object, A::Error> {
                let mut members: Vec<(String, Box<RawValue>)> = Vec::new();
                while let Some((name, value)) = map.next_entry::<String, _>()? {
                    if members.iter().any(|(other, _)| *other == name) {
                        return Err(Error::custom(format_args!("{name:?} is there twice")));
                    }
                    members.push((name, value));
                }
                Ok(Object(members))
            }
        }
        deserializer.deserialize_map(Members)
    }
}

impl Object {
    #[track_caller]
    fn parse(text: &str) -> Self {
        serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
    }

    fn names(&self) -> Vec<&str> {
        self.0.iter().map(|(name, _)| name.as_str()).collect()
    }

    /// The member with this name, or null.
    fn get(&self, name: &str) -> Value {
        let found = self.0.iter().find(|(other, _)| other == name);
        found.map_or(Value::Null, |(_, value)| serde_json::from_str(value.get()).unwrap())
    }

    fn object(&self, name: &str) -> Self {
        let found = self.0.iter().find(|(other, _)| other == name);
        Self::parse(found.expect("an object in the object").1.get())
    }
}

/// The records that mqsub prints for these messages.
#[track_caller]
fn records(words: &str, messages: &[Publish]) -> Vec<Object> {
    let broker = sends(messages);
    let words = format!("-t # --json -C {} {words}", messages.len());
    let ended = mqsub(broker.port(), &words).run();
    let ended = ended.expect(0, Satisfies(&|_| true), "");
    let lines: Vec<&str> = ended.stdout_text().split_inclusive('\n').collect();
    assert_eq!(lines.len(), messages.len(), "as many lines as messages");
    lines.into_iter().map(Object::parse).collect()
}

#[test]
fn every_payload_and_every_topic_comes_back() {
    let long = vec![0xff; 300_000];
    let payloads: [&[u8]; 14] = [
        b"21.5",
        b"",
        b"\0\x01\x1f\x7f",
        b"\"\\/\r\n\t\x0c\x08",
        "\u{2028}\u{2029}\u{feff}\u{ffff}\u{10ffff}".as_bytes(),
        "\u{e9} e\u{301} \u{1f600}".as_bytes(),
        b"\x1b[31mred\x1b[0m",
        b"{\"payload\":\"other\"}\n{}",
        b"\xff\xfe",
        // A surrogate, an overlong form, and a sequence that is cut.
        b"\xed\xa0\x80",
        b"\xc0\xaf",
        b"text \xe2\x82",
        b"NaN",
        &long,
    ];
    let topics = ["t", "a/b c", "\"\\", "\u{1}\n\u{7f}", "\u{e9}\u{2028}"];
    let topics = topics.into_iter().cycle();
    let messages: Vec<Publish> = topics
        .zip(payloads)
        .map(|(topic, payload)| Publish::new(topic, payload))
        .collect();
    for (record, message) in records("", &messages).iter().zip(&messages) {
        let is_text = std::str::from_utf8(&message.payload).is_ok();
        let key = if is_text { "payload" } else { "payload_base64" };
        assert_eq!(record.names(), ["time", "topic", "qos", "retain", key]);
        assert_eq!(record.get("topic"), message.topic);
        let payload = record.get(key).as_str().unwrap().to_owned();
        let payload = if is_text {
            payload.into_bytes()
        } else {
            BASE64.decode(payload).unwrap()
        };
        assert!(
            payload == message.payload,
            "{:?}",
            message.payload.escape_ascii().to_string()
        );
    }
}

/// What the record of a message says besides time, topic and payload.
#[track_caller]
fn delivery(message: &Publish) -> Value {
    let sent = message.clone();
    let broker = play(move |conn| {
        subscribed(conn);
        conn.publish(&sent);
        conn.until_eof();
    });
    let ended = mqsub(broker.port(), "-t t -q 2 --json -C 1").run();
    let ended = ended.expect(0, Satisfies(&|_| true), "");
    let mut record: Map<String, Value> = serde_json::from_str(ended.stdout_text()).unwrap();
    for other in ["time", "topic", "payload"] {
        assert!(record.remove(other).is_some(), "{other}");
    }
    Value::Object(record)
}

#[test]
fn a_record_says_how_the_message_was_delivered() {
    let message = Publish::new("t", "x");
    assert_eq!(delivery(&message), json!({"qos": 0, "retain": false}));
    let kept = message.clone().qos(1, 7).retained();
    assert_eq!(delivery(&kept), json!({"qos": 1, "retain": true, "mid": 7}));
    let last = message.qos(2, 65_535);
    assert_eq!(delivery(&last), json!({"qos": 2, "retain": false, "mid": 65_535}));
}

#[test]
fn a_record_says_that_the_message_may_have_come_before() {
    // At QoS 2 it never has: the exchange sees to that.
    let mut again = Publish::new("t", "x").qos(1, 7);
    again.dup = true;
    assert_eq!(delivery(&again)["dup"], json!(true));
}

#[test]
fn the_time_is_when_the_message_came_in_utc_to_the_microsecond() {
    let before = SystemTime::now();
    let time = records("", &[Publish::new("t", "x")])[0].get("time");
    let time = time.as_str().unwrap();
    assert_eq!(time.len(), "2026-01-02T03:04:05.678901Z".len(), "{time}");
    let moment = humantime::parse_rfc3339(time).unwrap();
    // What stands behind the microseconds is cut off.
    assert!(
        moment + Duration::from_micros(1) >= before && moment <= SystemTime::now(),
        "{time}"
    );
}

#[test]
fn properties_keep_their_order_their_repetitions_and_their_bytes() {
    let properties = [
        Prop::user("k", "1"),
        Prop::Byte(id::PAYLOAD_FORMAT, 1),
        Prop::Four(id::MESSAGE_EXPIRY, 3_000_000_000),
        Prop::user("", "\"\n\u{2028}"),
        Prop::text(id::CONTENT_TYPE, "text/plain"),
        Prop::text(id::RESPONSE_TOPIC, "a\"b"),
        Prop::Binary(id::CORRELATION_DATA, b"\0\xff".to_vec()),
        Prop::Var(id::SUBSCRIPTION_ID, 268_435_455),
        Prop::user("k", "1"),
        Prop::user("k", ""),
    ];
    let messages = [Publish::new("t", "x").with(&properties)];
    let record = &records("-V 5", &messages)[0];
    assert_eq!(record.names().last(), Some(&"properties"));
    let properties = record.object("properties");
    let expected = [
        (
            "user-property",
            json!([["k", "1"], ["", "\"\n\u{2028}"], ["k", "1"], ["k", ""]]),
        ),
        ("payload-format-indicator", json!(1)),
        ("message-expiry-interval", json!(3_000_000_000_u32)),
        ("content-type", json!("text/plain")),
        ("response-topic", json!("a\"b")),
        ("correlation-data-base64", json!("AP8=")),
        ("subscription-identifier", json!(268_435_455)),
    ];
    assert_eq!(properties.names(), expected.each_ref().map(|(name, _)| *name));
    for (name, value) in expected {
        assert_eq!(properties.get(name), value, "{name}");
    }
}

#[test]
fn empty_properties_are_there_too() {
    let properties = [
        Prop::text(id::CONTENT_TYPE, ""),
        Prop::Binary(id::CORRELATION_DATA, Vec::new()),
        Prop::user("", ""),
    ];
    let messages = [Publish::new("t", "").with(&properties)];
    let properties = records("-V 5", &messages)[0].object("properties");
    assert_eq!(properties.get("content-type"), json!(""));
    assert_eq!(properties.get("user-property"), json!([["", ""]]));
    assert!(
        properties
            .0
            .iter()
            .any(|(name, value)| name.starts_with("correlation-data") && value.get() == "\"\"")
    );
}

#[test]
fn several_subscription_identifiers_are_all_there() {
    let properties = [Prop::Var(id::SUBSCRIPTION_ID, 5), Prop::Var(id::SUBSCRIPTION_ID, 7)];
    let messages = [Publish::new("t", "x").with(&properties)];
    let properties = records("-V 5", &messages)[0].object("properties");
    assert_eq!(properties.get("subscription-identifier"), json!([5, 7]));
}

#[test]
fn only_version_5_has_properties() {
    for words in ["-V 31", "-V 311", "-V 5"] {
        let record = &records(words, &[Publish::new("t", "x")])[0];
        assert!(!record.names().contains(&"properties"), "{words}");
    }
}

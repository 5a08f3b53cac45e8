//! A received message to one line of JSON.

use std::io::Write as _;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::embed::embed;
use super::layout::Layout;
use super::{base64, micros, number, text};
use crate::clock::{Zone, since_1970};
use crate::message::{Properties, Received, Value};
use crate::property::SUBSCRIPTION_IDENTIFIER;

/// Writes records.
#[derive(Clone, Debug)]
pub struct Recorder {
    /// Whether a payload that is JSON is also there as `value`.
    parse: bool,
    /// The second that `stamp` is about, since 1970.
    second: Option<i64>,
    /// `2026-11-22T20:23:26.`
    stamp: String,
    /// What the next message answers.
    reply: Option<Reply>,
}

/// What a reply is the reply to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reply {
    /// The number of the request, from 1.
    pub request: u64,
    /// How long it took.
    pub latency: Duration,
}

impl Recorder {
    /// With `parse`, a payload that is JSON is also there as `value`.
    pub fn new(parse: bool) -> Self {
        Self {
            parse,
            second: None,
            stamp: String::new(),
            reply: None,
        }
    }

    /// The next message is this reply.
    pub fn is_reply(&mut self, reply: Reply) {
        self.reply = Some(reply);
    }

    /// Appends the record of a message, without a newline.
    pub fn write(&mut self, line: &mut Vec<u8>, message: &Received<'_>) {
        line.extend_from_slice(b"{\"time\":\"");
        self.time(line, message.time);
        line.extend_from_slice(b"Z\",\"topic\":");
        text::string(line, message.topic);
        line.extend_from_slice(b",\"qos\":");
        line.push(b'0' + message.qos as u8);
        line.extend_from_slice(if message.retain {
            b",\"retain\":true"
        } else {
            b",\"retain\":false"
        });
        if message.dup {
            line.extend_from_slice(b",\"dup\":true");
        }
        if message.mid != 0 {
            line.extend_from_slice(b",\"mid\":");
            number(line, message.mid.into());
        }
        match message.text() {
            Some(payload) => {
                line.extend_from_slice(b",\"payload\":");
                text::string(line, payload);
            }
            None => {
                line.extend_from_slice(b",\"payload_base64\":");
                base64(line, message.payload);
            }
        }
        if self.parse && message.text().is_some() {
            let before = line.len();
            line.extend_from_slice(b",\"value\":");
            if !embed(line, message.payload, Layout::new(false)) {
                line.truncate(before);
            }
        }
        if !message.properties.is_empty() {
            line.extend_from_slice(b",\"properties\":");
            properties(line, &message.properties);
        }
        if let Some(Reply { request, latency }) = self.reply.take() {
            let (seconds, micros) = (latency.as_secs(), latency.subsec_micros());
            let _ = write!(line, ",\"request\":{request},\"latency\":{seconds}.{micros:06}");
        }
        line.push(b'}');
    }

    /// Universal time to the microsecond; what is before 1970 is 1970.
    fn time(&mut self, line: &mut Vec<u8>, time: SystemTime) {
        let (second, nanos) = since_1970(time.max(UNIX_EPOCH));
        if self.second != Some(second) {
            self.second = Some(second);
            self.stamp = Zone::utc().format(second, "%Y-%m-%dT%H:%M:%S.");
        }
        line.extend_from_slice(self.stamp.as_bytes());
        micros(line, nanos);
    }
}

/// The properties under their names; user properties as one list of pairs, at
/// the place of the first; several subscription identifiers likewise as a list;
/// binary values as base64 under `NAME-base64`.
fn properties(line: &mut Vec<u8>, properties: &Properties) {
    let mut separator = b'{';
    // As a set of identifiers: no key may stand there twice.
    let mut done = 0_u64;
    for property in properties {
        let bit = 1_u64.checked_shl(property.id.into()).unwrap_or(0);
        if done & bit != 0 {
            continue;
        }
        done |= bit;
        line.push(separator);
        separator = b',';
        match &property.value {
            Value::Number(number) => {
                let _ = write!(line, "\"{}\":", property.name());
                if property.id == SUBSCRIPTION_IDENTIFIER {
                    subscription_identifiers(line, properties);
                } else {
                    let _ = write!(line, "{number}");
                }
            }
            Value::Text(value) => {
                let _ = write!(line, "\"{}\":", property.name());
                text::string(line, value);
            }
            Value::Binary(bytes) => match std::str::from_utf8(bytes) {
                Ok(value) => {
                    let _ = write!(line, "\"{}\":", property.name());
                    text::string(line, value);
                }
                Err(_) => {
                    let _ = write!(line, "\"{}-base64\":", property.name());
                    base64(line, bytes);
                }
            },
            Value::Pair(..) => {
                let _ = write!(line, "\"{}\":", property.name());
                user_properties(line, properties);
            }
        }
    }
    line.push(b'}');
}

/// A number; a list where several subscriptions matched (MQTT 5, 3.3.4-3).
fn subscription_identifiers(line: &mut Vec<u8>, properties: &Properties) {
    let numbers = properties.iter().filter_map(|property| match property.value {
        Value::Number(number) if property.id == SUBSCRIPTION_IDENTIFIER => Some(number),
        _ => None,
    });
    let numbers: Vec<u32> = numbers.collect();
    if let [number] = numbers[..] {
        let _ = write!(line, "{number}");
    } else {
        let _ = serde_json::to_writer(line, &numbers);
    }
}

fn user_properties(line: &mut Vec<u8>, properties: &Properties) {
    let mut separator = b'[';
    for property in properties {
        if let Value::Pair(name, value) = &property.value {
            line.push(separator);
            separator = b',';
            line.push(b'[');
            text::string(line, name);
            line.push(b',');
            text::string(line, value);
            line.push(b']');
        }
    }
    line.push(b']');
}

#[cfg(test)]
mod tests {
    use super::super::BASE64;
    use super::*;
    use crate::message::{Decoding, Qos};
    use crate::property::USER_PROPERTY;
    use base64::Engine as _;
    use serde_json::{Value as Json, json};
    use std::time::{Duration, UNIX_EPOCH};

    fn received<'a>(topic: &'a str, payload: &'a [u8]) -> Received<'a> {
        Received {
            time: UNIX_EPOCH + Duration::from_micros(1_700_000_000_123_456),
            topic,
            payload,
            decoding: Decoding::None,
            qos: Qos::AtMostOnce,
            retain: false,
            dup: false,
            mid: 0,
            properties: Properties::default(),
        }
    }

    fn line(message: &Received<'_>) -> String {
        written(false, message)
    }

    fn written(parse: bool, message: &Received<'_>) -> String {
        let mut line = Vec::new();
        Recorder::new(parse).write(&mut line, message);
        String::from_utf8(line).unwrap()
    }

    #[test]
    fn the_keys_and_their_order_are_stable() {
        assert_eq!(
            line(&received("a/b", b"21.5")),
            r#"{"time":"2023-11-14T22:13:20.123456Z","topic":"a/b","qos":0,"retain":false,"payload":"21.5"}"#
        );
        let mut message = received("a", b"");
        message.qos = Qos::AtLeastOnce;
        message.retain = true;
        message.dup = true;
        message.mid = 7;
        assert!(line(&message).ends_with(r#""qos":1,"retain":true,"dup":true,"mid":7,"payload":""}"#));
    }

    #[test]
    fn every_payload_makes_json_and_comes_back() {
        let hostile: [&[u8]; 8] = [
            b"",
            b"\0\x01\x1f\x7f",
            b"\"\\/\n\r\t",
            "\u{2028}\u{ffff}\u{10ffff}".as_bytes(),
            b"\xff\xfe",
            b"\xed\xa0\x80",
            b"ab\0cd",
            b"{\"a\":1}",
        ];
        for payload in hostile {
            let record: Json = serde_json::from_str(&line(&received("t\"\\", payload))).unwrap();
            let back = match (&record["payload"], &record["payload_base64"]) {
                (Json::String(text), Json::Null) => text.clone().into_bytes(),
                (Json::Null, Json::String(text)) => BASE64.decode(text).unwrap(),
                other => panic!("{other:?}"),
            };
            assert_eq!(back, payload);
        }
    }

    #[test]
    fn properties_keep_order_repetition_and_bytes() {
        let mut message = received("t", b"x");
        let list = &mut message.properties;
        list.push(USER_PROPERTY, Value::Pair("k".into(), "1".into()));
        list.push(3, Value::Text("text/plain".into()));
        list.push(USER_PROPERTY, Value::Pair("k".into(), String::new()));
        list.push(9, Value::Binary(vec![0xff]));
        list.push(2, Value::Number(3_000_000_000));
        let record: Json = serde_json::from_str(&line(&message)).unwrap();
        assert_eq!(
            record["properties"],
            json!({
                "user-property": [["k", "1"], ["k", ""]],
                "content-type": "text/plain",
                "correlation-data-base64": "/w==",
                "message-expiry-interval": 3_000_000_000u32,
            })
        );
    }

    #[test]
    fn a_value_is_the_payload_as_json() {
        let value = |payload: &[u8]| {
            let with = written(true, &received("t", payload));
            let without = line(&received("t", payload));
            let value = with.strip_prefix(without.strip_suffix('}').unwrap()).unwrap();
            let value = value.strip_suffix('}').unwrap().to_owned();
            serde_json::from_str::<Json>(&with).unwrap();
            value
        };
        assert_eq!(value(b"21.50"), ",\"value\":21.50");
        assert_eq!(value(b" [1e400, 00]"), "");
        assert_eq!(
            value(b"{\"n\": 12345678901234567890.0}\n"),
            ",\"value\":{\"n\":12345678901234567890.0}"
        );
        assert_eq!(value(b"null"), ",\"value\":null");
        for none in [&b""[..], b"21,5", b"on", b"\xff", b"\"\0\""] {
            assert_eq!(value(none), "", "{none:?}");
        }
    }

    #[test]
    fn each_message_has_its_time() {
        let mut recorder = Recorder::new(false);
        for (micros, time) in [
            (1_700_000_000_123_456, "2023-11-14T22:13:20.123456Z"),
            (1_700_000_000_000_001, "2023-11-14T22:13:20.000001Z"),
            (1_700_000_001_999_999, "2023-11-14T22:13:21.999999Z"),
            (1_699_999_999_000_000, "2023-11-14T22:13:19.000000Z"),
            (0, "1970-01-01T00:00:00.000000Z"),
        ] {
            let mut message = received("t", b"");
            message.time = UNIX_EPOCH + Duration::from_micros(micros);
            let mut line = Vec::new();
            recorder.write(&mut line, &message);
            let start = format!("{{\"time\":\"{time}\",");
            assert!(line.starts_with(start.as_bytes()), "{time}");
        }
        let mut early = received("t", b"");
        early.time = UNIX_EPOCH - Duration::from_secs(1);
        assert!(line(&early).starts_with("{\"time\":\"1970-01-01T00:00:00.000000Z\","));
    }

    #[test]
    fn several_subscription_identifiers_are_a_list() {
        let mut message = received("t", b"x");
        message.properties.push(SUBSCRIPTION_IDENTIFIER, Value::Number(7));
        assert!(line(&message).ends_with(r#""properties":{"subscription-identifier":7}}"#));
        message.properties.push(3, Value::Text("a".into()));
        message.properties.push(SUBSCRIPTION_IDENTIFIER, Value::Number(3));
        let expected = r#""properties":{"subscription-identifier":[7,3],"content-type":"a"}}"#;
        assert!(line(&message).ends_with(expected), "{}", line(&message));
    }
}

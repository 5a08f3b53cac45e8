//! One line of JSON to a message to publish: what [`super::Recorder`] writes,
//! and anything a person or a program writes with the same keys.
//!
//! | key | value | if absent |
//! | --- | --- | --- |
//! | `topic` | a topic name | the default; there must be one |
//! | `payload` | a string, whose UTF-8 bytes are published | empty |
//! | `payload_base64` | instead of `payload`: any bytes | empty |
//! | `qos` | 0, 1 or 2 | the default |
//! | `retain` | true or false | the default |
//! | `properties` | an object, which takes the place of all the default properties | the default |
//!
//! `null` is absence. `time` tells when a message came; `dup`, `mid`, `value`,
//! `request` and `latency` tell how, and are ignored; so are the properties `subscription-identifier` and
//! `topic-alias`. Any other key is refused, lest a misspelt one be lost.

#![expect(clippy::indexing_slicing, reason = "there is a place for each key")]

use std::fmt;
use std::time::SystemTime;

use bytes::Bytes;
use serde::de::{Deserialize, Deserializer, Error as _, IgnoredAny, MapAccess, Visitor};

use super::properties;
use super::value::{Json, next_key};
use crate::failure::quote;
use crate::message::{MAX_PAYLOAD, Message, Properties, Qos, Topic};

/// What holds where a record says nothing.
#[derive(Clone, Debug, Default)]
pub struct Defaults {
    /// Where to; without it, each record must have a topic.
    pub topic: Option<Topic>,
    /// How surely.
    pub qos: Qos,
    /// Whether the broker keeps it for later subscribers.
    pub retain: bool,
    /// The properties of a record that has no `properties`.
    pub properties: Properties,
    /// What stands before the topic that a record has.
    pub prefix: String,
}

/// Reads a record; the newline may be there or not.
///
/// # Errors
/// What is wrong, in a clause that fits behind `line 12: `; where it is wrong in
/// one key, with the key.
pub fn read_record(text: &[u8], defaults: &Defaults) -> Result<Message, String> {
    read(text, defaults).map(|(message, _)| message)
}

/// Reads a record and when it was received, by its `time`.
///
/// # Errors
/// As [`read_record`]; also that there is no time.
pub fn read_recorded(text: &[u8], defaults: &Defaults) -> Result<(Message, SystemTime), String> {
    let (message, time) = read(text, defaults)?;
    Ok((message, read_time(time)?))
}

/// The message, and what stands under `time`.
fn read<'a>(text: &'a [u8], defaults: &Defaults) -> Result<(Message, Json<'a>), String> {
    match text.trim_ascii_start().first() {
        Some(b'{') => {}
        Some(_) => return Err("it is not a JSON object".to_owned()),
        None => return Err("it is empty, not a JSON object".to_owned()),
    }
    let fields: Fields<'_> = serde_json::from_slice(text).map_err(|error| reason(&error))?;
    let Fields([topic, payload, payload_base64, qos, retain, list, time]) = fields;
    let message = Message {
        topic: match topic.text("topic")? {
            Some(name) if defaults.prefix.is_empty() => named(&name)?,
            Some(name) => named(&format!("{}{name}", defaults.prefix))?,
            None => defaults
                .topic
                .clone()
                .ok_or("it has no topic, and no -t gives it one")?,
        },
        payload: read_payload(payload, payload_base64)?,
        qos: read_qos(qos)?.unwrap_or(defaults.qos),
        retain: retain.bool("retain")?.unwrap_or(defaults.retain),
        properties: properties::read(list)?.unwrap_or_else(|| defaults.properties.clone()),
    };
    Ok((message, time))
}

fn named(name: &str) -> Result<Topic, String> {
    Topic::received(name).map_err(|why| format!("cannot publish to topic {}: {why}", quote(name)))
}

/// When a message was recorded (RFC 3339, UTC).
fn read_time(value: Json<'_>) -> Result<SystemTime, String> {
    let text = value.text("time")?.ok_or(NO_TIME)?;
    humantime::parse_rfc3339(&text)
        .map_err(|_| format!("time must be like 2026-01-31T12:00:00.000000Z, not {}", quote(&text)))
}

fn read_payload(text: Json<'_>, base64: Json<'_>) -> Result<Bytes, String> {
    let text = match text {
        Json::Null => None,
        Json::Text(text) => Some(text),
        other => {
            return Err(format!(
                "payload must be a string, not {}: --json publishes the bytes of a string (JSON in it is a string \
                 too, as jq's tojson makes it)",
                other.kind()
            ));
        }
    };
    let payload = match (text, base64.base64("payload_base64")?) {
        (Some(_), Some(_)) => return Err("it has both payload and payload_base64".to_owned()),
        (Some(text), None) => Bytes::from(text.into_owned()),
        (None, Some(bytes)) => Bytes::from(bytes),
        (None, None) => Bytes::new(),
    };
    check_length(payload.len())?;
    Ok(payload)
}

fn check_length(length: usize) -> Result<(), String> {
    if length > MAX_PAYLOAD {
        return Err(format!(
            "its payload is longer than {MAX_PAYLOAD} bytes, the most that a message holds"
        ));
    }
    Ok(())
}

fn read_qos(value: Json<'_>) -> Result<Option<Qos>, String> {
    let wrong = || "qos must be 0, 1 or 2".to_owned();
    let number = value.number("qos", 0..=2).map_err(|_| wrong())?;
    let qos = |number| u8::try_from(number).ok().and_then(|number| Qos::try_from(number).ok());
    number.map(|number| qos(number).ok_or_else(wrong)).transpose()
}

/// What is wrong with a text that is no record. Where it is wrong matters only
/// where the JSON itself is.
fn reason(error: &serde_json::Error) -> String {
    let (line, column) = (error.line(), error.column());
    let text = error.to_string();
    let what = text
        .strip_suffix(&format!(" at line {line} column {column}"))
        .unwrap_or(&text);
    match line {
        _ if error.is_data() => what.to_owned(),
        0 | 1 => format!("it is not JSON: {what} at column {column}"),
        _ => format!("it is not JSON: {what} at column {column} of its line {line}"),
    }
}

/// The values of the first [`READ`] of [`KEYS`].
struct Fields<'a>([Json<'a>; READ]);

/// The keys of a record: those that are read, and those that are ignored.
const KEYS: [&str; 12] = [
    "topic",
    "payload",
    "payload_base64",
    "qos",
    "retain",
    "properties",
    "time",
    "dup",
    "mid",
    "value",
    "request",
    "latency",
];

/// The keys that only -F %j has, and %J.
const FORMATTED: [&str; 2] = ["tst", "payloadlen"];

/// What is wrong with a record that has one of them; what it lacks is `time`, and
/// bytes that are no text.
const IS_FORMATTED: &str = "it is an object of -F %j, not a record";

/// What is wrong with a record that has no time, where it needs one.
const NO_TIME: &str = "it has no time, which --replay needs";

/// What to do about it, if that is known.
pub fn remedy(why: &str) -> Option<&'static str> {
    (why == NO_TIME || why.starts_with(IS_FORMATTED))
        .then_some("capture with mqsub --json, which writes records, each with its time")
}

/// How many of the keys are read.
const READ: usize = 7;

impl<'de> Deserialize<'de> for Fields<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(FieldsVisitor)
    }
}

struct FieldsVisitor;

impl<'de> Visitor<'de> for FieldsVisitor {
    type Value = Fields<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields<'de>, A::Error> {
        let mut values = <[Json<'de>; READ]>::default();
        let mut seen = [false; KEYS.len()];
        while let Some(key) = next_key(&mut map)? {
            let Some(index) = KEYS.iter().position(|known| **known == key) else {
                if FORMATTED.contains(&&*key) {
                    return Err(A::Error::custom(format_args!("{IS_FORMATTED} (its key {key})")));
                }
                return Err(A::Error::custom(format_args!("unknown key {}", quote(&key))));
            };
            if seen[index] {
                return Err(A::Error::custom(format_args!("{key} is there twice")));
            }
            seen[index] = true;
            match values.get_mut(index) {
                Some(value) => *value = map.next_value()?,
                None => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(Fields(values))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_mosquitto_writes_is_told_from_a_wrong_key() {
        let read = |text: &str| read_record(text.as_bytes(), &Defaults::default()).unwrap_err();
        let why = read(r#"{"tst":"2026-11-24T19:00:00.000000+0000","topic":"a","payload":"x"}"#);
        assert_eq!(why, "it is an object of -F %j, not a record (its key tst)");
        assert!(remedy(&why).unwrap().contains("mqsub --json"));
        let why = read(r#"{"topic":"a","payloadlen":1}"#);
        assert!(remedy(&why).is_some(), "{why}");
        let why = read(r#"{"topic":"a","payloud":1}"#);
        assert_eq!((why.as_str(), remedy(&why)), ("unknown key 'payloud'", None));
    }

    #[test]
    fn a_payload_is_not_longer_than_a_message() {
        assert!(check_length(MAX_PAYLOAD).is_ok());
        let error = check_length(MAX_PAYLOAD + 1).unwrap_err();
        assert!(
            error.starts_with("its payload is longer than 268435455 bytes"),
            "{error}"
        );
    }
}

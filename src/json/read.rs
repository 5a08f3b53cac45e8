//! One line of JSON to a message: the keys that [`write_record`] writes, no
//! others. What a receiver adds (time, packet identifier, DUP, the parsed value)
//! is passed over; an unknown key is refused by its name, for it is most likely
//! a misspelt one.
//!
//! [`write_record`]: super::write_record

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use serde::Deserialize;
use serde::de::{IgnoredAny, MapAccess, Visitor};

use crate::message::{MAX_PAYLOAD, Message, Properties, Qos, Topic, Value};
use crate::property::{self, Kind, Place, USER_PROPERTY};

/// What a record is taken to say where it is silent.
#[derive(Clone, Debug, Default)]
pub struct Defaults {
    /// Where to; without it every record needs a topic.
    pub topic: Option<Topic>,
    /// How surely.
    pub qos: Qos,
    /// Whether the broker keeps the message.
    pub retain: bool,
    /// The properties of a record that has no `properties`; one that has them
    /// says all of them.
    pub properties: Properties,
}

/// The keys of a record.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Record<'a> {
    #[serde(borrow)]
    topic: Option<Cow<'a, str>>,
    #[serde(borrow)]
    payload: Option<Cow<'a, str>>,
    #[serde(borrow)]
    payload_base64: Option<Cow<'a, str>>,
    qos: Option<u8>,
    retain: Option<bool>,
    properties: Option<PropertyMap>,
    #[serde(rename = "time")]
    _time: Option<IgnoredAny>,
    #[serde(rename = "dup")]
    _dup: Option<IgnoredAny>,
    #[serde(rename = "mid")]
    _mid: Option<IgnoredAny>,
    #[serde(rename = "value")]
    _value: Option<IgnoredAny>,
}

/// Reads a record.
///
/// # Errors
/// What is wrong with it, as one clause.
pub fn read_record(text: &[u8], defaults: &Defaults) -> Result<Message, String> {
    // An array would be taken for the keys in their order.
    if text.trim_ascii_start().first().is_some_and(|first| *first != b'{') {
        return Err("not a JSON object".to_owned());
    }
    let record: Record<'_> = serde_json::from_slice(text).map_err(|error| describe(&error))?;
    let topic = match record.topic {
        None => defaults
            .topic
            .clone()
            .ok_or("the record has no topic, and -t gives none")?,
        Some(text) => match &defaults.topic {
            Some(topic) if topic.as_str() == text => topic.clone(),
            _ => Topic::new(&text).map_err(|why| format!("cannot publish to topic '{text}': {why}"))?,
        },
    };
    let payload = match (record.payload, record.payload_base64) {
        (Some(_), Some(_)) => return Err("payload and payload_base64 cannot stand together".to_owned()),
        (Some(text), None) => Bytes::from(text.into_owned()),
        (None, Some(text)) => match BASE64.decode(text.as_bytes()) {
            Ok(bytes) => bytes.into(),
            Err(why) => return Err(format!("payload_base64: {}", lowercase(&why.to_string()))),
        },
        (None, None) => Bytes::new(),
    };
    if payload.len() > MAX_PAYLOAD {
        return Err(format!(
            "the payload is longer than {MAX_PAYLOAD} bytes, the most that a message holds"
        ));
    }
    let qos = match record.qos {
        None => defaults.qos,
        Some(number) => Qos::try_from(number).map_err(|number| format!("qos: {number} is not 0, 1 or 2"))?,
    };
    Ok(Message {
        topic,
        payload,
        qos,
        retain: record.retain.unwrap_or(defaults.retain),
        properties: record
            .properties
            .map_or_else(|| defaults.properties.clone(), |map| map.0),
    })
}

/// serde's words without the line, which is always the first.
fn describe(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let (what, place) = text.rsplit_once(" at line ").unwrap_or((&text, ""));
    let what = lowercase(what).replace('`', "'");
    match place.rsplit_once("column ") {
        Some((_, column)) if !error.is_data() => format!("not JSON: {what} at column {column}"),
        _ => what,
    }
}

fn lowercase(text: &str) -> String {
    let mut letters = text.chars();
    match (letters.next(), letters.next()) {
        (Some(first), Some(second)) if second.is_lowercase() => first
            .to_lowercase()
            .chain(std::iter::once(second))
            .chain(letters)
            .collect(),
        _ => text.to_owned(),
    }
}

/// The object of properties: names to values, user properties as a list of pairs.
struct PropertyMap(Properties);

impl<'de> Deserialize<'de> for PropertyMap {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Map;
        impl<'de> Visitor<'de> for Map {
            type Value = PropertyMap;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object of properties")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<PropertyMap, A::Error> {
                let mut properties = Properties::default();
                while let Some(name) = map.next_key::<Cow<'de, str>>()? {
                    entry(&name, &mut map, &mut properties)?;
                }
                Ok(PropertyMap(properties))
            }
        }
        deserializer.deserialize_map(Map)
    }
}

/// A value as JSON has it.
#[derive(Deserialize)]
#[serde(untagged)]
enum Raw {
    Number(u64),
    Text(String),
    Pairs(Vec<(String, String)>),
}

/// One name with its value.
fn entry<'de, A: MapAccess<'de>>(name: &str, map: &mut A, properties: &mut Properties) -> Result<(), A::Error> {
    use serde::de::Error as _;
    let (plain, encoded) = match name.strip_suffix("-base64") {
        Some(plain) => (plain, true),
        None => (name, false),
    };
    let Some((id, kind)) = property::lookup(plain) else {
        return Err(A::Error::custom(format_args!("unknown property '{name}'")));
    };
    // What a broker adds for a receiver; a client must not send the one, and the
    // other means something on the connection it came over alone.
    if matches!(id, property::SUBSCRIPTION_IDENTIFIER | property::TOPIC_ALIAS) {
        map.next_value::<IgnoredAny>()?;
        return Ok(());
    }
    if !Place::Publish.has(id) {
        return Err(A::Error::custom(format_args!(
            "property '{name}' has no place in a message"
        )));
    }
    if id != USER_PROPERTY && properties.has(id) {
        return Err(A::Error::custom(format_args!("property '{plain}' is there twice")));
    }
    let wrong = |why: &str| A::Error::custom(format_args!("property '{name}': {why}"));
    let raw = map
        .next_value::<Raw>()
        .map_err(|_| wrong("the value is of the wrong kind"))?;
    if let (USER_PROPERTY, Raw::Pairs(pairs)) = (id, &raw) {
        for (name, value) in pairs {
            let pair = Value::Pair(name.clone(), value.clone());
            pair.check(id).map_err(|why| wrong(&why))?;
            properties.push(id, pair);
        }
        return Ok(());
    }
    let value = match (raw, kind, encoded) {
        (Raw::Text(text), Kind::Binary, true) => {
            let bytes = BASE64.decode(text).map_err(|why| wrong(&lowercase(&why.to_string())))?;
            Value::Binary(bytes)
        }
        (Raw::Text(text), Kind::Binary, false) => Value::Binary(text.into_bytes()),
        (Raw::Text(text), Kind::Text, false) => Value::Text(text),
        (Raw::Number(number), Kind::Byte | Kind::Two | Kind::Four | Kind::Varying, false) => {
            Value::Number(u32::try_from(number).map_err(|_| wrong("the number is too large"))?)
        }
        _ => return Err(wrong("the value is of the wrong kind")),
    };
    value.check(id).map_err(|why| wrong(&why))?;
    properties.push(id, value);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::write_record;
    use crate::message::Received;
    use std::time::SystemTime;

    fn read(text: &str) -> Result<Message, String> {
        read_record(text.as_bytes(), &Defaults::default())
    }

    #[test]
    fn flags_give_what_a_record_does_not_say() {
        let defaults = Defaults {
            topic: Some(Topic::new("d").unwrap()),
            qos: Qos::AtLeastOnce,
            retain: true,
            properties: Properties::default(),
        };
        let message = read_record(b"{}", &defaults).unwrap();
        assert_eq!(
            (message.topic.as_str(), message.qos, message.retain),
            ("d", Qos::AtLeastOnce, true)
        );
        assert!(message.payload.is_empty());
        let message = read_record(br#"{"topic":"t","qos":0,"retain":false,"payload":null}"#, &defaults).unwrap();
        assert_eq!(
            (message.topic.as_str(), message.qos, message.retain),
            ("t", Qos::AtMostOnce, false)
        );
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (text, why) in [
            ("", "not JSON"),
            ("{", "not JSON"),
            ("[]", "not a JSON object"),
            ("1", "not a JSON object"),
            (r#"{"topic":"t","paylod":"x"}"#, "unknown field 'paylod'"),
            (r#"{"payload":"x"}"#, "no topic"),
            (r#"{"topic":"a/#"}"#, "cannot publish to topic 'a/#'"),
            (r#"{"topic":"t","topic":"u"}"#, "duplicate field 'topic'"),
            (r#"{"topic":"t","payload":1}"#, "invalid type: integer"),
            (
                r#"{"topic":"t","payload":"x","payload_base64":"eA=="}"#,
                "cannot stand together",
            ),
            (r#"{"topic":"t","payload_base64":"?"}"#, "payload_base64: "),
            (r#"{"topic":"t","qos":3}"#, "qos: 3"),
            (
                r#"{"topic":"t","properties":{"colour":"x"}}"#,
                "unknown property 'colour'",
            ),
            (
                r#"{"topic":"t","properties":{"receive-maximum":1}}"#,
                "no place in a message",
            ),
            (
                r#"{"topic":"t","properties":{"content-type":1}}"#,
                "property 'content-type'",
            ),
            (
                r#"{"topic":"t","properties":{"payload-format-indicator":2}}"#,
                "property 'payload-format-indicator'",
            ),
            (
                r#"{"topic":"t","properties":{"message-expiry-interval":4294967296}}"#,
                "too large",
            ),
            (
                r#"{"topic":"t","properties":{"user-property":[["a"]]}}"#,
                "property 'user-property'",
            ),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.contains(why), "{text}: {error}");
            assert!(!error.contains('\n'), "{error}");
        }
    }

    /// Everything that can be received can be sent again, and is the same.
    #[test]
    fn a_record_that_was_written_is_read_back() {
        let bytes = |most| -> Vec<u8> { (0..fastrand::usize(..most)).map(|_| fastrand::u8(..)).collect() };
        let text = |most| -> String {
            (0..fastrand::usize(..most))
                .map(|_| fastrand::char('\u{1}'..))
                .collect()
        };
        for round in 0..2000 {
            let mut properties = Properties::default();
            for _ in 0..fastrand::usize(..3) {
                properties.push(USER_PROPERTY, Value::Pair(text(4), text(4)));
            }
            if fastrand::bool() {
                properties.push(9, Value::Binary(bytes(6)));
            }
            if fastrand::bool() {
                properties.push(3, Value::Text(text(6)));
            }
            if fastrand::bool() {
                properties.push(2, Value::Number(fastrand::u32(..)));
            }
            let message = Message {
                topic: Topic::new(&format!("t/{}", text(5).replace(['+', '#'], ""))).unwrap(),
                payload: if round % 2 == 0 {
                    bytes(20).into()
                } else {
                    text(20).into()
                },
                qos: Qos::try_from(fastrand::u8(..3)).unwrap(),
                retain: fastrand::bool(),
                properties,
            };
            let mut line = Vec::new();
            write_record(
                &mut line,
                &Received {
                    time: SystemTime::now(),
                    topic: message.topic.as_str(),
                    payload: &message.payload,
                    qos: message.qos,
                    retain: message.retain,
                    dup: fastrand::bool(),
                    mid: fastrand::u16(..),
                    properties: message.properties.clone(),
                },
            );
            let back = read_record(&line, &Defaults::default());
            assert_eq!(back, Ok(message), "{}", String::from_utf8_lossy(&line));
        }
    }
}

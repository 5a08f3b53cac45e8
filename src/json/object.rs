//! A received message to the JSON object of mosquitto_sub's `%j` and `%J`: its
//! names, their order, and their types as in version 2.1 (the manual of
//! mosquitto_sub, "Output format"). Other than there it is JSON whatever comes:
//! what is not UTF-8 is base64 under a name that says so.

use super::embed::embed;
use super::layout::Layout;
use super::{base64, micros, number, text};
use crate::message::{Properties, Received, Value};
use crate::property::{SUBSCRIPTION_IDENTIFIER, USER_PROPERTY};

/// A time in two parts, between which the microseconds stand.
#[derive(Clone, Debug, Default)]
pub struct Stamp {
    /// `2026-11-22T20:23:26`
    pub date: String,
    /// `+0000`
    pub zone: String,
}

/// Appends the object of a message. With `parsed` the payload is there as JSON,
/// if it is that, and else as a string.
pub fn write_object(out: &mut Vec<u8>, message: &Received<'_>, time: (&Stamp, u32), parsed: bool, pretty: bool) {
    let mut layout = Layout::new(pretty);
    let (stamp, nanos) = time;
    layout.open_object(out);
    name(out, layout, true, "tst");
    out.push(b'"');
    out.extend_from_slice(stamp.date.as_bytes());
    out.push(b'.');
    micros(out, nanos);
    out.extend_from_slice(stamp.zone.as_bytes());
    out.push(b'"');
    name(out, layout, false, "topic");
    text::string(out, message.topic);
    name(out, layout, false, "qos");
    out.push(b'0' + message.qos as u8);
    name(out, layout, false, "retain");
    out.extend_from_slice(if message.retain { b"true" } else { b"false" });
    name(out, layout, false, "payloadlen");
    number(out, u32::try_from(message.payload.len()).unwrap_or(u32::MAX));
    if message.mid != 0 {
        name(out, layout, false, "mid");
        number(out, message.mid.into());
    }
    if !message.properties.is_empty() {
        name(out, layout, false, "properties");
        properties(out, layout, &message.properties);
    }
    payload(out, layout, message, parsed);
    layout.close_object(out, false);
}

fn payload(out: &mut Vec<u8>, layout: Layout, message: &Received<'_>, parsed: bool) {
    let payload = message.payload;
    let text = message.text();
    let before = out.len();
    name(out, layout, false, "payload");
    if payload.is_empty() {
        out.extend_from_slice(b"null");
    } else if parsed && text.is_some() && embed(out, payload, layout) {
        // It is there.
    } else if let Some(text) = text {
        text::string(out, text);
    } else {
        out.truncate(before);
        name(out, layout, false, "payload_base64");
        base64(out, payload);
    }
}

/// In their order; the user properties together, a list of objects of one member
/// each, at the place of the first.
fn properties(out: &mut Vec<u8>, mut layout: Layout, properties: &Properties) {
    layout.open_object(out);
    // As a set of identifiers: no name may stand there twice.
    let mut done = 0_u64;
    for property in properties {
        let bit = 1_u64.checked_shl(property.id.into()).unwrap_or(0);
        if done & bit != 0 {
            continue;
        }
        let first = done == 0;
        done |= bit;
        let known = property.name();
        match &property.value {
            Value::Number(value) => {
                name(out, layout, first, known);
                if property.id == SUBSCRIPTION_IDENTIFIER {
                    subscription_identifiers(out, layout, properties);
                } else {
                    number(out, *value);
                }
            }
            Value::Text(value) => {
                name(out, layout, first, known);
                text::string(out, value);
            }
            Value::Binary(bytes) => match std::str::from_utf8(bytes) {
                Ok(value) => {
                    name(out, layout, first, known);
                    text::string(out, value);
                }
                Err(_) => {
                    name(out, layout, first, &format!("{known}-base64"));
                    base64(out, bytes);
                }
            },
            Value::Pair(..) => {
                name(out, layout, first, "user-properties");
                user_properties(out, layout, properties);
            }
        }
    }
    layout.close_object(out, false);
}

/// A number, or a list of them where several subscriptions matched.
fn subscription_identifiers(out: &mut Vec<u8>, mut layout: Layout, properties: &Properties) {
    let of = |property: &&crate::message::Property| property.id == SUBSCRIPTION_IDENTIFIER;
    let several = properties.iter().filter(of).count() > 1;
    if several {
        layout.open_list(out);
    }
    for (index, property) in properties.iter().filter(of).enumerate() {
        if let Value::Number(value) = property.value {
            layout.element(out, index == 0);
            number(out, value);
        }
    }
    if several {
        layout.close_list(out);
    }
}

fn user_properties(out: &mut Vec<u8>, mut layout: Layout, properties: &Properties) {
    layout.open_list(out);
    let of = properties.iter().filter(|property| property.id == USER_PROPERTY);
    for (index, property) in of.enumerate() {
        if let Value::Pair(key, value) = &property.value {
            layout.element(out, index == 0);
            layout.open_object(out);
            layout.member(out, true);
            text::string(out, key);
            layout.colon(out);
            text::string(out, value);
            layout.close_object(out, false);
        }
    }
    layout.close_list(out);
}

/// The name of a member; it has no characters that would need an escape.
#[inline]
fn name(out: &mut Vec<u8>, layout: Layout, first: bool, name: &str) {
    layout.member(out, first);
    out.push(b'"');
    out.extend_from_slice(name.as_bytes());
    out.push(b'"');
    layout.colon(out);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::BASE64;
    use crate::message::{Decoding, Qos};
    use base64::Engine as _;
    use serde_json::{Value as Json, json};
    use std::time::UNIX_EPOCH;

    fn object(payload: &[u8], properties: Properties, parsed: bool) -> Json {
        let message = Received {
            time: UNIX_EPOCH,
            topic: "t\"\\\u{1}",
            payload,
            decoding: Decoding::None,
            qos: Qos::AtMostOnce,
            retain: false,
            dup: false,
            mid: 0,
            properties,
        };
        let mut written = Vec::new();
        for pretty in [false, true] {
            let mut out = Vec::new();
            write_object(&mut out, &message, (&Stamp::default(), 0), parsed, pretty);
            written.push(serde_json::from_slice(&out).unwrap());
        }
        assert_eq!(written[0], written[1], "the style changes nothing");
        written.pop().unwrap()
    }

    #[test]
    fn whatever_comes_is_json_and_nothing_is_lost() {
        for payload in [&b"\xff\xfe"[..], b"a\xed\xa0\x80", b"\xc0\xaf"] {
            for parsed in [false, true] {
                let object = object(payload, Properties::default(), parsed);
                let base64 = object["payload_base64"].as_str().unwrap();
                assert_eq!(BASE64.decode(base64).unwrap(), payload);
                assert_eq!(object.get("payload"), None);
            }
        }
        for payload in ["ab\0cd", "{\"a\":", "1 2", "1\0", "\u{1b}\u{7f}\u{2028}"] {
            for parsed in [false, true] {
                let object = object(payload.as_bytes(), Properties::default(), parsed);
                assert_eq!(object["payload"], payload);
                assert_eq!(object["payloadlen"], payload.len());
            }
        }
        assert_eq!(object(b"", Properties::default(), true)["payload"], Json::Null);
    }

    #[test]
    fn properties_of_every_kind() {
        let mut list = Properties::default();
        list.push(9, Value::Binary(vec![0xff]));
        list.push(3, Value::Text(String::new()));
        list.push(SUBSCRIPTION_IDENTIFIER, Value::Number(7));
        list.push(USER_PROPERTY, Value::Pair(String::new(), "\"".into()));
        list.push(SUBSCRIPTION_IDENTIFIER, Value::Number(3));
        list.push(USER_PROPERTY, Value::Pair("k".into(), String::new()));
        list.push(2, Value::Number(3_000_000_000));
        list.push(35, Value::Number(1));
        assert_eq!(
            object(b"x", list, false)["properties"],
            json!({
                "correlation-data-base64": "/w==",
                "content-type": "",
                "subscription-identifier": [7, 3],
                "user-properties": [{"": "\""}, {"k": ""}],
                "message-expiry-interval": 3_000_000_000_u32,
                "topic-alias": 1,
            })
        );
    }
}

//! What a command finds in its environment. Every name begins with [`PREFIX`],
//! and no message has a say in a name: a user property is a pair of values.

use std::ffi::OsString;

use data_encoding::HEXLOWER;

use super::Task;
use crate::message::{Properties, Qos, Value};
use crate::property;

/// What each name begins with.
pub const PREFIX: &str = "MQTT_MESSAGE_";

/// The variables of ours that a command does not inherit.
pub const WITHHELD: [&str; 1] = ["MQTT_PASSWORD"];

/// The variables, without [`PREFIX`], and what they have. The last ones are there
/// if the message has such a property (MQTT 5).
pub const VARIABLES: &[(&str, &str)] = &[
    ("TOPIC", "the topic"),
    ("LEVELS", "how many levels it has"),
    ("LEVEL_1", "its first level, and so on"),
    ("TIME", "when the message was received: RFC 3339, UTC, microseconds"),
    ("QOS", "0, 1 or 2"),
    ("RETAIN", "1 for a retained message, or 0"),
    ("DUP", "1 if the broker may have sent it before, or 0"),
    ("MID", "the packet identifier; not at QoS 0"),
    (
        "LEFT_OUT",
        "which of these variables are not there because of a NUL in their value",
    ),
    ("PAYLOAD_FORMAT_INDICATOR", "1 if the payload says that it is text"),
    ("EXPIRY_INTERVAL", "in seconds"),
    ("CONTENT_TYPE", "as the publisher has it"),
    ("RESPONSE_TOPIC", "where an answer is awaited"),
    ("CORRELATION_DATA", "in hex"),
    ("SUBSCRIPTION_IDENTIFIER", "one or more, with spaces"),
    ("USER_PROPERTIES", "how many user properties there are"),
    ("USER_PROPERTY_1_NAME", "the name of the first, and so on"),
    ("USER_PROPERTY_1_VALUE", "its value, and so on"),
];

/// The variables for a message, each with its value.
pub(super) fn of(task: &Task) -> Vec<(OsString, OsString)> {
    let flag = |flag: bool| u8::from(flag).to_string();
    let mut list = List::default();
    list.add("TOPIC", &task.topic);
    list.add("LEVELS", &task.topic.split('/').count().to_string());
    for (index, level) in task.topic.split('/').enumerate() {
        list.add(&format!("LEVEL_{}", index + 1), level);
    }
    list.add("TIME", &humantime::format_rfc3339_micros(task.time).to_string());
    list.add("QOS", &(task.qos as u8).to_string());
    list.add("RETAIN", &flag(task.retain));
    list.add("DUP", &flag(task.dup));
    if task.qos != Qos::AtMostOnce {
        list.add("MID", &task.mid.to_string());
    }
    list.properties(&task.properties);
    if !list.left_out.is_empty() {
        let names = list.left_out.join(" ");
        list.add("LEFT_OUT", &names);
    }
    list.variables
}

/// A list that grows.
#[derive(Default)]
struct List {
    variables: Vec<(OsString, OsString)>,
    left_out: Vec<String>,
}

impl List {
    fn add(&mut self, name: &str, value: &str) {
        let name = format!("{PREFIX}{name}");
        if value.contains('\0') {
            self.left_out.push(name);
        } else {
            self.variables.push((name.into(), value.into()));
        }
    }

    fn properties(&mut self, properties: &Properties) {
        let mut identifiers = Vec::new();
        let mut pairs = 0;
        for property in properties {
            match (&property.value, property.id) {
                (Value::Number(number), property::PAYLOAD_FORMAT_INDICATOR) => {
                    self.add("PAYLOAD_FORMAT_INDICATOR", &number.to_string());
                }
                (Value::Number(number), property::MESSAGE_EXPIRY_INTERVAL) => {
                    self.add("EXPIRY_INTERVAL", &number.to_string());
                }
                (Value::Text(text), property::CONTENT_TYPE) => self.add("CONTENT_TYPE", text),
                (Value::Text(text), property::RESPONSE_TOPIC) => self.add("RESPONSE_TOPIC", text),
                (Value::Binary(bytes), property::CORRELATION_DATA) => {
                    self.add("CORRELATION_DATA", &HEXLOWER.encode(bytes));
                }
                (Value::Number(number), property::SUBSCRIPTION_IDENTIFIER) => identifiers.push(number.to_string()),
                (Value::Pair(name, value), _) => {
                    pairs += 1;
                    self.add(&format!("USER_PROPERTY_{pairs}_NAME"), name);
                    self.add(&format!("USER_PROPERTY_{pairs}_VALUE"), value);
                }
                _ => {}
            }
        }
        if !identifiers.is_empty() {
            self.add("SUBSCRIPTION_IDENTIFIER", &identifiers.join(" "));
        }
        if pairs > 0 {
            self.add("USER_PROPERTIES", &pairs.to_string());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::task;
    use super::*;
    use std::collections::BTreeSet;

    fn listed(task: &Task) -> Vec<String> {
        of(task)
            .into_iter()
            .map(|(name, value)| format!("{}={}", name.to_str().unwrap(), value.to_str().unwrap()))
            .map(|line| line.strip_prefix(PREFIX).unwrap().to_owned())
            .collect()
    }

    #[test]
    fn a_message_is_in_the_environment() {
        let mut full = task(1, "a/ b'/", b"");
        full.qos = Qos::AtLeastOnce;
        full.mid = 7;
        full.retain = true;
        let properties = &mut full.properties;
        properties.push(property::PAYLOAD_FORMAT_INDICATOR, Value::Number(1));
        properties.push(property::MESSAGE_EXPIRY_INTERVAL, Value::Number(60));
        properties.push(property::CONTENT_TYPE, Value::Text("text/$(x)".into()));
        properties.push(property::RESPONSE_TOPIC, Value::Text("r".into()));
        properties.push(property::CORRELATION_DATA, Value::Binary(vec![0, 0xab]));
        properties.push(property::SUBSCRIPTION_IDENTIFIER, Value::Number(3));
        properties.push(property::SUBSCRIPTION_IDENTIFIER, Value::Number(4));
        properties.push(property::USER_PROPERTY, Value::Pair("LD_PRELOAD".into(), "x\0".into()));
        let expected = [
            "TOPIC=a/ b'/",
            "LEVELS=3",
            "LEVEL_1=a",
            "LEVEL_2= b'",
            "LEVEL_3=",
            "TIME=1970-01-01T00:00:00.000000Z",
            "QOS=1",
            "RETAIN=1",
            "DUP=0",
            "MID=7",
            "PAYLOAD_FORMAT_INDICATOR=1",
            "EXPIRY_INTERVAL=60",
            "CONTENT_TYPE=text/$(x)",
            "RESPONSE_TOPIC=r",
            "CORRELATION_DATA=00ab",
            "USER_PROPERTY_1_NAME=LD_PRELOAD",
            "SUBSCRIPTION_IDENTIFIER=3 4",
            "USER_PROPERTIES=1",
            "LEFT_OUT=MQTT_MESSAGE_USER_PROPERTY_1_VALUE",
        ];
        assert_eq!(listed(&full), expected);
        // And all that there can be is in the list, and nothing else.
        let names = listed(&full)
            .into_iter()
            .map(|line| line.split('=').next().unwrap().to_owned());
        let mut names: BTreeSet<String> = names.collect();
        names.insert("USER_PROPERTY_1_VALUE".into());
        names.retain(|name| !["LEVEL_2", "LEVEL_3"].contains(&name.as_str()));
        let known: BTreeSet<String> = VARIABLES.iter().map(|(name, _)| (*name).to_owned()).collect();
        assert_eq!(names, known);
    }

    #[test]
    fn what_a_message_does_not_have_is_not_there() {
        let names = listed(&task(1, "t", b""));
        assert_eq!(names.len(), 7, "{names:?}");
    }
}

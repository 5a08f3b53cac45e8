//! The properties of MQTT 5 (2.2.2) as plain data: one table of identifier,
//! name and kind, where a client may put them, what their values may be, and an
//! ordered list of values.

use std::ops::RangeInclusive;

/// What kind of value a property has (MQTT 5, 2.2.2.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// One byte.
    Byte,
    /// Two bytes, big end first.
    Two,
    /// Four bytes, big end first.
    Four,
    /// A variable byte integer.
    Varying,
    /// UTF-8 text.
    Text,
    /// Any bytes.
    Binary,
    /// A pair of UTF-8 texts.
    Pair,
}

/// The properties: identifier, name as in mosquitto's `-D`, kind.
pub const TABLE: [(u8, &str, Kind); 27] = [
    (1, "payload-format-indicator", Kind::Byte),
    (2, "message-expiry-interval", Kind::Four),
    (3, "content-type", Kind::Text),
    (8, "response-topic", Kind::Text),
    (9, "correlation-data", Kind::Binary),
    (11, "subscription-identifier", Kind::Varying),
    (17, "session-expiry-interval", Kind::Four),
    (18, "assigned-client-identifier", Kind::Text),
    (19, "server-keep-alive", Kind::Two),
    (21, "authentication-method", Kind::Text),
    (22, "authentication-data", Kind::Binary),
    (23, "request-problem-information", Kind::Byte),
    (24, "will-delay-interval", Kind::Four),
    (25, "request-response-information", Kind::Byte),
    (26, "response-information", Kind::Text),
    (28, "server-reference", Kind::Text),
    (31, "reason-string", Kind::Text),
    (33, "receive-maximum", Kind::Two),
    (34, "topic-alias-maximum", Kind::Two),
    (35, "topic-alias", Kind::Two),
    (36, "maximum-qos", Kind::Byte),
    (37, "retain-available", Kind::Byte),
    (38, "user-property", Kind::Pair),
    (39, "maximum-packet-size", Kind::Four),
    (40, "wildcard-subscription-available", Kind::Byte),
    (41, "subscription-identifier-available", Kind::Byte),
    (42, "shared-subscription-available", Kind::Byte),
];

/// The identifier of `reason-string`.
pub const REASON_STRING: u8 = 31;
/// The identifier of `user-property`.
pub const USER_PROPERTY: u8 = 38;
/// The identifier of `maximum-qos`.
pub const MAXIMUM_QOS: u8 = 36;
/// The identifier of `retain-available`.
pub const RETAIN_AVAILABLE: u8 = 37;
/// The identifier of `maximum-packet-size`.
pub const MAXIMUM_PACKET_SIZE: u8 = 39;
/// The identifier of `session-expiry-interval`.
pub const SESSION_EXPIRY_INTERVAL: u8 = 17;
/// The identifier of `receive-maximum`.
pub const RECEIVE_MAXIMUM: u8 = 33;
/// The identifier of `assigned-client-identifier`.
pub const ASSIGNED_CLIENT_IDENTIFIER: u8 = 18;
/// The identifier of `server-keep-alive`.
pub const SERVER_KEEP_ALIVE: u8 = 19;
/// The identifier of `server-reference`.
pub const SERVER_REFERENCE: u8 = 28;

/// The identifier of `payload-format-indicator`.
pub const PAYLOAD_FORMAT_INDICATOR: u8 = 1;
/// The identifier of `message-expiry-interval`.
pub const MESSAGE_EXPIRY_INTERVAL: u8 = 2;
/// The identifier of `content-type`.
pub const CONTENT_TYPE: u8 = 3;
/// The identifier of `correlation-data`.
pub const CORRELATION_DATA: u8 = 9;
/// The identifier of `response-topic`.
pub const RESPONSE_TOPIC: u8 = 8;
/// CONNECT: whether the broker should say where replies belong.
pub const REQUEST_RESPONSE_INFORMATION: u8 = 25;
/// CONNACK: where replies belong.
pub const RESPONSE_INFORMATION: u8 = 26;
/// The identifier of `subscription-identifier`.
pub const SUBSCRIPTION_IDENTIFIER: u8 = 11;
/// The identifier of `authentication-method`.
pub const AUTHENTICATION_METHOD: u8 = 21;
/// The identifier of `authentication-data`.
pub const AUTHENTICATION_DATA: u8 = 22;
/// Whether the broker has it (MQTT 5, 3.2.2.3).
pub const WILDCARD_SUBSCRIPTION_AVAILABLE: u8 = 40;
/// Whether the broker has it (MQTT 5, 3.2.2.3).
pub const SUBSCRIPTION_IDENTIFIERS_AVAILABLE: u8 = 41;
/// Whether the broker has it (MQTT 5, 3.2.2.3).
pub const SHARED_SUBSCRIPTION_AVAILABLE: u8 = 42;
/// The identifier of `topic-alias-maximum`.
pub const TOPIC_ALIAS_MAXIMUM: u8 = 34;
/// The identifier of `topic-alias`.
pub const TOPIC_ALIAS: u8 = 35;

/// Where a client may put a property: a packet, or the will in CONNECT.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// CONNECT.
    Connect,
    /// The will.
    Will,
    /// PUBLISH.
    Publish,
    /// SUBSCRIBE.
    Subscribe,
    /// UNSUBSCRIBE.
    Unsubscribe,
    /// DISCONNECT.
    Disconnect,
}

impl Place {
    /// All of them, with their names in mosquitto's `-D`.
    pub const ALL: [(Self, &'static str); 6] = [
        (Self::Connect, "connect"),
        (Self::Publish, "publish"),
        (Self::Will, "will"),
        (Self::Disconnect, "disconnect"),
        (Self::Subscribe, "subscribe"),
        (Self::Unsubscribe, "unsubscribe"),
    ];

    /// Whether a client may put the property with this identifier here (MQTT 5,
    /// 2.2.2.2). A PUBLISH has a subscription identifier only from a server.
    pub fn has(self, id: u8) -> bool {
        match self {
            Self::Connect => matches!(id, 17 | 21..=23 | 25 | 33 | 34 | 38 | 39),
            Self::Will => matches!(id, 1..=3 | 8 | 9 | 24 | 38),
            Self::Publish => matches!(id, 1..=3 | 8 | 9 | 35 | 38),
            Self::Subscribe => matches!(id, 11 | 38),
            Self::Unsubscribe => id == 38,
            Self::Disconnect => matches!(id, 17 | 31 | 38),
        }
    }
}

/// The value of one property.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// Any of the four kinds of integer.
    Number(u32),
    /// UTF-8 text.
    Text(String),
    /// Any bytes.
    Binary(Vec<u8>),
    /// A user property: name and value.
    Pair(String, String),
}

impl Value {
    /// Reads a value of the kind that the property has; for a user property this
    /// is not enough.
    ///
    /// # Errors
    /// What it must be, as a clause.
    pub fn parse(id: u8, text: &[u8]) -> Result<Self, String> {
        let value = match entry(id).map(|(_, kind)| kind) {
            Some(Kind::Byte | Kind::Two | Kind::Four | Kind::Varying) => {
                let number = std::str::from_utf8(text).ok().and_then(|text| text.parse().ok());
                Self::Number(number.ok_or_else(|| out_of_range(id))?)
            }
            Some(Kind::Text) => Self::Text(utf8(text)?),
            Some(Kind::Binary) => Self::Binary(text.to_vec()),
            Some(Kind::Pair) | None => return Err("must have a name and a value".to_owned()),
        };
        value.check(id)?;
        Ok(value)
    }

    /// A user property.
    ///
    /// # Errors
    /// What both parts must be, as a clause.
    pub fn pair(name: &[u8], value: &[u8]) -> Result<Self, String> {
        let pair = Self::Pair(utf8(name)?, utf8(value)?);
        pair.check(USER_PROPERTY)?;
        Ok(pair)
    }

    /// Whether the property may have this value.
    ///
    /// # Errors
    /// What it must be, as a clause.
    pub fn check(&self, id: u8) -> Result<(), String> {
        let short = |length: usize| match length {
            0..=65_535 => Ok(()),
            _ => Err("must not be longer than 65535 bytes".to_owned()),
        };
        let string = |text: &str| match text.find('\0') {
            Some(_) => Err("must not have a NUL character".to_owned()),
            None => short(text.len()),
        };
        match self {
            Self::Number(number) if range(id).contains(number) => Ok(()),
            Self::Number(_) => Err(out_of_range(id)),
            Self::Text(topic) if id == RESPONSE_TOPIC && (topic.is_empty() || topic.contains(['+', '#'])) => {
                Err("must be a topic without wildcards".to_owned())
            }
            Self::Text(text) => string(text),
            Self::Binary(bytes) => short(bytes.len()),
            Self::Pair(name, value) => string(name).and_then(|()| string(value)),
        }
    }
}

/// The numbers that a property may have (MQTT 5, where each one is described).
pub fn range(id: u8) -> RangeInclusive<u32> {
    match (id, entry(id).map(|(_, kind)| kind)) {
        // No byte property has more than two values.
        (_, Some(Kind::Byte)) => 0..=1,
        (RECEIVE_MAXIMUM | TOPIC_ALIAS, _) => 1..=65_535,
        (_, Some(Kind::Two)) => 0..=65_535,
        (_, Some(Kind::Varying)) => 1..=268_435_455,
        (MAXIMUM_PACKET_SIZE, _) => 1..=u32::MAX,
        _ => 0..=u32::MAX,
    }
}

fn out_of_range(id: u8) -> String {
    let range = range(id);
    format!("must be a whole number from {} to {}", range.start(), range.end())
}

fn utf8(text: &[u8]) -> Result<String, String> {
    String::from_utf8(text.to_vec()).map_err(|_| "must be UTF-8".to_owned())
}

/// One property.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Property {
    /// The identifier, as in [`TABLE`].
    pub id: u8,
    /// Its value, of the kind that the table gives.
    pub value: Value,
}

impl Property {
    /// The name, as in mosquitto's `-D`; empty for an identifier that MQTT 5
    /// does not have.
    pub fn name(&self) -> &'static str {
        entry(self.id).map_or("", |(name, _)| name)
    }
}

/// Name and kind of the property with this identifier.
pub fn entry(id: u8) -> Option<(&'static str, Kind)> {
    TABLE
        .iter()
        .find(|(known, _, _)| *known == id)
        .map(|(_, name, kind)| (*name, *kind))
}

/// Identifier and kind of the property with this name, in capitals or not.
pub fn by_name(name: &str) -> Option<(u8, Kind)> {
    TABLE
        .iter()
        .find(|(_, known, _)| known.eq_ignore_ascii_case(name))
        .map(|(id, _, kind)| (*id, *kind))
}

/// Properties in the order in which they stand in the packet.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Properties(Vec<Property>);

impl Properties {
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether there is one with this identifier.
    pub fn has(&self, id: u8) -> bool {
        self.iter().any(|property| property.id == id)
    }

    /// Adds one at the end.
    pub fn push(&mut self, id: u8, value: Value) {
        self.0.push(Property { id, value });
    }

    /// In order.
    pub fn iter(&self) -> std::slice::Iter<'_, Property> {
        self.0.iter()
    }

    /// How many bytes they have in a packet, their length included (MQTT 5,
    /// 2.2.2).
    pub fn encoded_size(&self) -> usize {
        let values = self.iter().map(|property| {
            1 + match (&property.value, entry(property.id).map(|(_, kind)| kind)) {
                (Value::Number(_), Some(Kind::Byte)) => 1,
                (Value::Number(_), Some(Kind::Two)) => 2,
                (Value::Number(_), _) => 4,
                (Value::Text(text), _) => 2 + text.len(),
                (Value::Binary(bytes), _) => 2 + bytes.len(),
                (Value::Pair(name, value), _) => 4 + name.len() + value.len(),
            }
        });
        let size: usize = values.sum();
        size + variable_length(size)
    }

    /// The number that the first property with this identifier has.
    pub fn number(&self, id: u8) -> Option<u32> {
        self.iter().find_map(|property| match property.value {
            Value::Number(number) if property.id == id => Some(number),
            _ => None,
        })
    }

    /// The text that the first property with this identifier has.
    pub fn text(&self, id: u8) -> Option<&str> {
        self.iter().find_map(|property| match &property.value {
            Value::Text(text) if property.id == id => Some(text.as_str()),
            _ => None,
        })
    }
}

impl<'a> IntoIterator for &'a Properties {
    type Item = &'a Property;
    type IntoIter = std::slice::Iter<'a, Property>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

/// How many bytes a variable byte integer of this value has (MQTT 5, 1.5.5).
pub(crate) fn variable_length(value: usize) -> usize {
    match value {
        0..0x80 => 1,
        0x80..0x4000 => 2,
        0x4000..0x20_0000 => 3,
        _ => 4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_identifiers_belong_together() {
        for (id, name, kind) in TABLE {
            assert_eq!((entry(id), by_name(name)), (Some((name, kind)), Some((id, kind))));
        }
        assert_eq!(by_name("Content-TYPE"), Some((3, Kind::Text)));
        assert_eq!(by_name("content"), None);
    }

    #[test]
    fn numbers_have_their_ranges() {
        for (name, least, most) in [
            ("payload-format-indicator", 0, 1),
            ("request-problem-information", 0, 1),
            ("request-response-information", 0, 1),
            ("message-expiry-interval", 0, u32::MAX),
            ("subscription-identifier", 1, 268_435_455),
            ("session-expiry-interval", 0, u32::MAX),
            ("will-delay-interval", 0, u32::MAX),
            ("receive-maximum", 1, 65_535),
            ("topic-alias-maximum", 0, 65_535),
            ("topic-alias", 1, 65_535),
            ("maximum-packet-size", 1, u32::MAX),
        ] {
            let (id, _) = by_name(name).unwrap();
            let of = |text: String| Value::parse(id, text.as_bytes());
            assert_eq!(of(least.to_string()), Ok(Value::Number(least)), "{name}");
            assert_eq!(of(most.to_string()), Ok(Value::Number(most)), "{name}");
            let outside = [i64::from(least) - 1, i64::from(most) + 1];
            let bad = outside.map(|number| number.to_string());
            for bad in bad.into_iter().chain(["", "x", "1x", "1.5", " 1"].map(String::from)) {
                let why = of(bad.clone()).unwrap_err();
                assert_eq!(
                    why,
                    format!("must be a whole number from {least} to {most}"),
                    "{name} {bad}"
                );
            }
        }
    }

    #[test]
    fn texts_are_those_of_mqtt() {
        let long = "x".repeat(65_536);
        let most = &long[1..];
        for name in [
            "content-type",
            "reason-string",
            "authentication-method",
            "response-topic",
        ] {
            let (id, kind) = by_name(name).unwrap();
            assert_eq!(kind, Kind::Text);
            assert_eq!(Value::parse(id, most.as_bytes()), Ok(Value::Text(most.to_owned())));
            assert!(Value::parse(id, long.as_bytes()).is_err(), "{name}");
            assert!(Value::parse(id, b"a\0b").is_err(), "{name}");
            assert!(Value::parse(id, b"\xff").is_err(), "{name}");
        }
        let of = |name, text| Value::parse(by_name(name).unwrap().0, text);
        assert_eq!(of("content-type", b""), Ok(Value::Text(String::new())));
        for bad in [b"".as_slice(), b"a/+", b"#"] {
            assert!(of("response-topic", bad).is_err());
        }
        assert_eq!(of("correlation-data", b"\xff\0"), Ok(Value::Binary(b"\xff\0".to_vec())));
        assert!(of("correlation-data", long.as_bytes()).is_err());
        assert!(of("user-property", b"a").is_err());
        assert_eq!(Value::pair(b"", b""), Ok(Value::Pair(String::new(), String::new())));
        assert!(Value::pair(long.as_bytes(), b"").is_err() && Value::pair(b"", b"\xff").is_err());
    }

    #[test]
    fn a_client_has_each_property_in_its_place() {
        use Place::{Connect, Disconnect, Publish, Subscribe, Will};
        for (name, places) in [
            ("authentication-data", &[Connect][..]),
            ("authentication-method", &[Connect]),
            ("maximum-packet-size", &[Connect]),
            ("receive-maximum", &[Connect]),
            ("request-problem-information", &[Connect]),
            ("request-response-information", &[Connect]),
            ("topic-alias-maximum", &[Connect]),
            ("session-expiry-interval", &[Connect, Disconnect]),
            ("user-property", &Place::ALL.map(|(place, _)| place)),
            ("content-type", &[Publish, Will]),
            ("response-topic", &[Publish, Will]),
            ("correlation-data", &[Publish, Will]),
            ("message-expiry-interval", &[Publish, Will]),
            ("payload-format-indicator", &[Publish, Will]),
            ("topic-alias", &[Publish]),
            ("subscription-identifier", &[Subscribe]),
            ("will-delay-interval", &[Will]),
            ("reason-string", &[Disconnect]),
            ("assigned-client-identifier", &[]),
            ("server-reference", &[]),
            ("maximum-qos", &[]),
        ] {
            let (id, _) = by_name(name).unwrap();
            for (place, text) in Place::ALL {
                assert_eq!(place.has(id), places.contains(&place), "{text} {name}");
            }
        }
    }
}

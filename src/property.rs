//! The properties of MQTT 5 (2.2.2) as plain data: one table of identifier,
//! name and kind, and an ordered list of values.

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

/// Properties in the order in which they stand in the packet.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Properties(Vec<Property>);

impl Properties {
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
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
    /// 2.2.2); at most, for the length of the length may be less.
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
        size + if size == 0 { 1 } else { 4 }
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

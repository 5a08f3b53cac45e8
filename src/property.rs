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

/// The identifier of `payload-format-indicator`.
pub const PAYLOAD_FORMAT_INDICATOR: u8 = 1;
/// The identifier of `response-topic`.
pub const RESPONSE_TOPIC: u8 = 8;
/// The identifier of `subscription-identifier`.
pub const SUBSCRIPTION_IDENTIFIER: u8 = 11;
/// The identifier of `topic-alias`.
pub const TOPIC_ALIAS: u8 = 35;
/// The identifier of `reason-string`.
pub const REASON_STRING: u8 = 31;
/// The identifier of `user-property`.
pub const USER_PROPERTY: u8 = 38;
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

/// Identifier and kind of the property with this name.
pub fn by_name(name: &str) -> Option<(u8, Kind)> {
    TABLE
        .iter()
        .find(|(_, known, _)| *known == name)
        .map(|(id, _, kind)| (*id, *kind))
}

/// Whether a client may put it into a PUBLISH (MQTT 5, 3.3.2.3). A subscription
/// identifier stands only in what the server sends (3.3.4-6).
pub fn allowed_in_publish(id: u8) -> bool {
    matches!(id, 1 | 2 | 3 | 8 | 9 | 35 | 38)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_identifiers_belong_together() {
        for (id, name, kind) in TABLE {
            assert_eq!((entry(id), by_name(name)), (Some((name, kind)), Some((id, kind))));
        }
        assert_eq!(by_name("Content-Type"), None);
    }

    #[test]
    fn a_client_publishes_these_properties() {
        let names: Vec<&str> = TABLE
            .iter()
            .filter(|(id, _, _)| allowed_in_publish(*id))
            .map(|(_, name, _)| *name)
            .collect();
        assert_eq!(
            names,
            [
                "payload-format-indicator",
                "message-expiry-interval",
                "content-type",
                "response-topic",
                "correlation-data",
                "topic-alias",
                "user-property",
            ]
        );
    }
}

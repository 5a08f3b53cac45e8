//! The parts that MQTT packets are made of: numbers, strings, and the
//! properties of version 5.
//!
//! The packets themselves are in [`messages`](super::messages).

use super::Version;

/// The identifiers of properties by their names in the standard, and which
/// kind of [`Prop`] has them.
pub mod id {
    /// [`Prop::Byte`](super::Prop::Byte).
    pub const PAYLOAD_FORMAT: u8 = 0x01;
    /// [`Prop::Four`](super::Prop::Four).
    pub const MESSAGE_EXPIRY: u8 = 0x02;
    /// [`Prop::Text`](super::Prop::Text).
    pub const CONTENT_TYPE: u8 = 0x03;
    /// [`Prop::Text`](super::Prop::Text).
    pub const RESPONSE_TOPIC: u8 = 0x08;
    /// [`Prop::Binary`](super::Prop::Binary).
    pub const CORRELATION_DATA: u8 = 0x09;
    /// [`Prop::Var`](super::Prop::Var).
    pub const SUBSCRIPTION_ID: u8 = 0x0b;
    /// [`Prop::Four`](super::Prop::Four).
    pub const SESSION_EXPIRY: u8 = 0x11;
    /// [`Prop::Text`](super::Prop::Text).
    pub const ASSIGNED_CLIENT_ID: u8 = 0x12;
    /// [`Prop::Two`](super::Prop::Two).
    pub const SERVER_KEEP_ALIVE: u8 = 0x13;
    /// [`Prop::Text`](super::Prop::Text).
    pub const AUTH_METHOD: u8 = 0x15;
    /// [`Prop::Binary`](super::Prop::Binary).
    pub const AUTH_DATA: u8 = 0x16;
    /// [`Prop::Byte`](super::Prop::Byte).
    pub const REQUEST_PROBLEM_INFO: u8 = 0x17;
    /// [`Prop::Four`](super::Prop::Four).
    pub const WILL_DELAY: u8 = 0x18;
    /// [`Prop::Byte`](super::Prop::Byte).
    pub const REQUEST_RESPONSE_INFO: u8 = 0x19;
    /// [`Prop::Text`](super::Prop::Text).
    pub const RESPONSE_INFO: u8 = 0x1a;
    /// [`Prop::Text`](super::Prop::Text).
    pub const SERVER_REFERENCE: u8 = 0x1c;
    /// [`Prop::Text`](super::Prop::Text).
    pub const REASON_STRING: u8 = 0x1f;
    /// [`Prop::Two`](super::Prop::Two).
    pub const RECEIVE_MAXIMUM: u8 = 0x21;
    /// [`Prop::Two`](super::Prop::Two).
    pub const TOPIC_ALIAS_MAXIMUM: u8 = 0x22;
    /// [`Prop::Two`](super::Prop::Two).
    pub const TOPIC_ALIAS: u8 = 0x23;
    /// [`Prop::Byte`](super::Prop::Byte).
    pub const MAXIMUM_QOS: u8 = 0x24;
    /// [`Prop::Byte`](super::Prop::Byte).
    pub const RETAIN_AVAILABLE: u8 = 0x25;
    /// [`Prop::User`](super::Prop::User).
    pub const USER: u8 = 0x26;
    /// [`Prop::Four`](super::Prop::Four).
    pub const MAXIMUM_PACKET_SIZE: u8 = 0x27;
    /// [`Prop::Byte`](super::Prop::Byte).
    pub const WILDCARD_AVAILABLE: u8 = 0x28;
    /// [`Prop::Byte`](super::Prop::Byte).
    pub const SUBSCRIPTION_ID_AVAILABLE: u8 = 0x29;
    /// [`Prop::Byte`](super::Prop::Byte).
    pub const SHARED_AVAILABLE: u8 = 0x2a;
}

/// A property: its identifier and its value, by the value's type. What is
/// encoded is not compared with what the standard says of the identifier.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Prop {
    /// One byte.
    Byte(u8, u8),
    /// Two bytes.
    Two(u8, u16),
    /// Four bytes.
    Four(u8, u32),
    /// A variable length number.
    Var(u8, u32),
    /// A string.
    Text(u8, String),
    /// Bytes with a length.
    Binary(u8, Vec<u8>),
    /// A user property: name and value.
    User(String, String),
}

impl Prop {
    /// A string property.
    pub fn text(id: u8, text: &str) -> Self {
        Self::Text(id, text.to_owned())
    }

    /// A user property.
    pub fn user(name: &str, value: &str) -> Self {
        Self::User(name.to_owned(), value.to_owned())
    }

    fn put(&self, bytes: &mut Vec<u8>) {
        match self {
            Self::Byte(id, value) => bytes.extend_from_slice(&[*id, *value]),
            Self::Two(id, value) => {
                bytes.push(*id);
                bytes.extend_from_slice(&value.to_be_bytes());
            }
            Self::Four(id, value) => {
                bytes.push(*id);
                bytes.extend_from_slice(&value.to_be_bytes());
            }
            Self::Var(id, value) => {
                bytes.push(*id);
                put_varint(bytes, *value);
            }
            Self::Text(id, value) => {
                bytes.push(*id);
                put_binary(bytes, value.as_bytes());
            }
            Self::Binary(id, value) => {
                bytes.push(*id);
                put_binary(bytes, value);
            }
            Self::User(name, value) => {
                bytes.push(id::USER);
                put_binary(bytes, name.as_bytes());
                put_binary(bytes, value.as_bytes());
            }
        }
    }
}

/// The properties encoded, with the length that stands before them.
pub fn props(props: &[Prop]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for prop in props {
        prop.put(&mut bytes);
    }
    let mut encoded = Vec::new();
    put_varint(&mut encoded, u32::try_from(bytes.len()).unwrap());
    encoded.append(&mut bytes);
    encoded
}

pub(super) fn put_varint(bytes: &mut Vec<u8>, mut value: u32) {
    while value > 0x7f {
        bytes.push(u8::try_from(value & 0x7f).unwrap() | 0x80);
        value >>= 7;
    }
    bytes.push(u8::try_from(value).unwrap());
}

pub(super) fn put_binary(bytes: &mut Vec<u8>, value: &[u8]) {
    let length = u16::try_from(value.len()).expect("at most 65535 bytes");
    bytes.extend_from_slice(&length.to_be_bytes());
    bytes.extend_from_slice(value);
}

pub(super) fn put_props(bytes: &mut Vec<u8>, version: Version, list: &[Prop]) {
    if version == Version::V5 {
        bytes.extend_from_slice(&props(list));
    }
}

/// Takes the parts of a packet's body from its front.
pub(super) struct Fields<'a>(pub(super) &'a [u8]);

impl<'a> Fields<'a> {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn rest(self) -> &'a [u8] {
        self.0
    }

    /// Asserts that nothing is left.
    pub(super) fn end(self) {
        assert!(self.0.is_empty(), "trailing bytes: {:02x?}", self.0);
    }

    pub(super) fn bytes(&mut self, count: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at_checked(count).expect("a longer packet");
        self.0 = rest;
        taken
    }

    pub(super) fn u8(&mut self) -> u8 {
        self.bytes(1)[0]
    }

    pub(super) fn u16(&mut self) -> u16 {
        u16::from_be_bytes(self.bytes(2).try_into().unwrap())
    }

    pub(super) fn u32(&mut self) -> u32 {
        u32::from_be_bytes(self.bytes(4).try_into().unwrap())
    }

    pub(super) fn varint(&mut self) -> u32 {
        let mut value = 0;
        for shift in [0, 7, 14, 21] {
            let byte = self.u8();
            value |= u32::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return value;
            }
        }
        panic!("a variable length number has more than four bytes");
    }

    pub(super) fn binary(&mut self) -> Vec<u8> {
        let length = self.u16();
        self.bytes(length.into()).to_vec()
    }

    pub(super) fn string(&mut self) -> String {
        String::from_utf8(self.binary()).expect("UTF-8 in a string")
    }

    /// Properties, of which only version 5 has any.
    pub(super) fn props(&mut self, version: Version) -> Vec<Prop> {
        if version != Version::V5 {
            return Vec::new();
        }
        let length = self.varint() as usize;
        let mut fields = Fields(self.bytes(length));
        let mut list = Vec::new();
        while !fields.is_empty() {
            list.push(fields.prop());
        }
        list
    }

    fn prop(&mut self) -> Prop {
        let id = self.u8();
        match id {
            0x01 | 0x17 | 0x19 | 0x24 | 0x25 | 0x28..=0x2a => Prop::Byte(id, self.u8()),
            0x13 | 0x21..=0x23 => Prop::Two(id, self.u16()),
            0x02 | 0x11 | 0x18 | 0x27 => Prop::Four(id, self.u32()),
            0x0b => Prop::Var(id, self.varint()),
            0x03 | 0x08 | 0x12 | 0x15 | 0x1a | 0x1c | 0x1f => Prop::Text(id, self.string()),
            0x09 | 0x16 => Prop::Binary(id, self.binary()),
            id::USER => Prop::User(self.string(), self.string()),
            other => panic!("no property has the identifier {other:#04x}"),
        }
    }
}

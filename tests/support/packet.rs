//! MQTT packets of versions 3.1, 3.1.1 and 5 as bytes: a codec for the tests,
//! independent of the product's. Encoders write what they are told to, also
//! what is not allowed; parsers panic if a packet is malformed, because then a
//! test has failed.
//!
//! It knows nothing of connections: see [`broker`](super::broker) for those.

mod messages;
mod props;

use std::fmt;
use std::io::{self, Read};

pub use self::messages::{Answer, Connect, Publish, Subscribe, Will};
use self::props::{Fields, put_props, put_varint};
pub use self::props::{Prop, id, props};

// The types of packets: the high half of the first byte.

/// The client asks for a connection.
pub const CONNECT: u8 = 0x10;
/// The broker's answer to that.
pub const CONNACK: u8 = 0x20;
/// A message.
pub const PUBLISH: u8 = 0x30;
/// The end of a `QoS` 1 exchange.
pub const PUBACK: u8 = 0x40;
/// The first answer of a `QoS` 2 exchange.
pub const PUBREC: u8 = 0x50;
/// The answer to that.
pub const PUBREL: u8 = 0x60;
/// The end of a `QoS` 2 exchange.
pub const PUBCOMP: u8 = 0x70;
/// The client asks for messages.
pub const SUBSCRIBE: u8 = 0x80;
/// The broker's answer to that.
pub const SUBACK: u8 = 0x90;
/// The client asks for no more messages.
pub const UNSUBSCRIBE: u8 = 0xa0;
/// The broker's answer to that.
pub const UNSUBACK: u8 = 0xb0;
/// A sign of life of the client.
pub const PINGREQ: u8 = 0xc0;
/// The broker's answer to that.
pub const PINGRESP: u8 = 0xd0;
/// A goodbye; also of the broker in version 5.
pub const DISCONNECT: u8 = 0xe0;
/// A step of an extended authentication in version 5.
pub const AUTH: u8 = 0xf0;

/// A version of the protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    /// 3.1, whose protocol name is `MQIsdp`.
    V31 = 3,
    /// 3.1.1.
    V311 = 4,
    /// 5.
    V5 = 5,
}

impl Version {
    /// Every version, to test each.
    pub const ALL: [Self; 3] = [Self::V31, Self::V311, Self::V5];

    /// The version with this protocol level.
    pub fn from_level(level: u8) -> Self {
        let found = Self::ALL.into_iter().find(|v| *v as u8 == level);
        found.unwrap_or_else(|| panic!("no protocol has level {level}"))
    }

    /// What mosquitto's tools and these take as `-V`.
    pub fn flag(self) -> &'static str {
        match self {
            Self::V31 => "31",
            Self::V311 => "311",
            Self::V5 => "5",
        }
    }
}

/// The name of a type of packets.
pub fn name(kind: u8) -> &'static str {
    const NAMES: [&str; 16] = [
        "RESERVED",
        "CONNECT",
        "CONNACK",
        "PUBLISH",
        "PUBACK",
        "PUBREC",
        "PUBREL",
        "PUBCOMP",
        "SUBSCRIBE",
        "SUBACK",
        "UNSUBSCRIBE",
        "UNSUBACK",
        "PINGREQ",
        "PINGRESP",
        "DISCONNECT",
        "AUTH",
    ];
    NAMES[usize::from(kind >> 4)]
}

/// Any packet.
#[derive(Clone, PartialEq, Eq)]
pub struct Packet {
    /// The first byte: the type and its flags.
    pub first: u8,
    /// All after the length.
    pub body: Vec<u8>,
}

impl Packet {
    /// The type, which is one of the constants here.
    pub fn kind(&self) -> u8 {
        self.first & 0xf0
    }

    /// The body of a packet that has to be of this type.
    fn fields(&self, kind: u8) -> Fields<'_> {
        assert_eq!(self.kind(), kind, "{self:?}");
        Fields(&self.body)
    }
}

impl fmt::Debug for Packet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, first, length) = (name(self.kind()), self.first, self.body.len());
        let start = self.body[..length.min(200)].escape_ascii();
        write!(f, "{name} ({first:#04x}) of {length} bytes, \"{start}\"")
    }
}

/// Reads one packet. At the end of the input the error is `UnexpectedEof`, but
/// `InvalidData` if that is inside a packet.
pub fn read_packet(input: &mut impl Read) -> io::Result<Packet> {
    let truncated = |error: io::Error| match error.kind() {
        io::ErrorKind::UnexpectedEof => io::Error::new(io::ErrorKind::InvalidData, "the stream ends inside a packet"),
        _ => error,
    };
    let mut byte = [0];
    input.read_exact(&mut byte)?;
    let first = byte[0];
    let mut length = 0;
    for shift in [0, 7, 14, 21] {
        input.read_exact(&mut byte).map_err(truncated)?;
        length |= usize::from(byte[0] & 0x7f) << shift;
        if byte[0] & 0x80 == 0 {
            let mut body = vec![0; length];
            input.read_exact(&mut body).map_err(truncated)?;
            return Ok(Packet { first, body });
        }
    }
    Err(io::Error::new(
        io::ErrorKind::InvalidData,
        "the length of a packet has more than four bytes",
    ))
}

/// The bytes of a packet with this first byte and body.
pub fn encode(first: u8, body: &[u8]) -> Vec<u8> {
    let mut bytes = vec![first];
    put_varint(&mut bytes, u32::try_from(body.len()).unwrap());
    bytes.extend_from_slice(body);
    bytes
}

/// A CONNACK.
pub fn connack(version: Version, session_present: bool, code: u8, props: &[Prop]) -> Vec<u8> {
    let mut body = vec![u8::from(session_present), code];
    put_props(&mut body, version, props);
    encode(CONNACK, &body)
}

/// A SUBACK with one code for each filter.
pub fn suback(version: Version, mid: u16, codes: &[u8], props: &[Prop]) -> Vec<u8> {
    let mut body = mid.to_be_bytes().to_vec();
    put_props(&mut body, version, props);
    body.extend_from_slice(codes);
    encode(SUBACK, &body)
}

/// An UNSUBACK; only version 5 has `codes` and `props`.
pub fn unsuback(version: Version, mid: u16, codes: &[u8], props: &[Prop]) -> Vec<u8> {
    let mut body = mid.to_be_bytes().to_vec();
    if version == Version::V5 {
        put_props(&mut body, version, props);
        body.extend_from_slice(codes);
    }
    encode(UNSUBACK, &body)
}

/// A PUBACK, PUBREC, PUBREL or PUBCOMP without a reason, as in all versions.
pub fn ack(kind: u8, mid: u16) -> Vec<u8> {
    let flags = if kind == PUBREL { 2 } else { 0 };
    encode(kind | flags, &mid.to_be_bytes())
}

/// The same with a reason and properties, as in version 5.
pub fn ack_with(kind: u8, mid: u16, reason: u8, props: &[Prop]) -> Vec<u8> {
    let flags = if kind == PUBREL { 2 } else { 0 };
    let mut body = mid.to_be_bytes().to_vec();
    body.push(reason);
    put_props(&mut body, Version::V5, props);
    encode(kind | flags, &body)
}

/// A PINGRESP.
pub fn pingresp() -> Vec<u8> {
    encode(PINGRESP, &[])
}

/// A DISCONNECT of version 5.
pub fn disconnect(reason: u8, props: &[Prop]) -> Vec<u8> {
    let mut body = vec![reason];
    put_props(&mut body, Version::V5, props);
    encode(DISCONNECT, &body)
}

/// An AUTH of version 5.
pub fn auth(reason: u8, props: &[Prop]) -> Vec<u8> {
    let mut body = vec![reason];
    put_props(&mut body, Version::V5, props);
    encode(AUTH, &body)
}

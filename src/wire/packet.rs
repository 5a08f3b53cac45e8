//! The few pieces of MQTT's encoding that are needed beside Paho's: integers,
//! strings and properties, to look at a packet; PUBLISH and PUBREL, to go on with
//! an exchange that Paho does not know of. Every read is bounded; nothing panics
//! on foreign bytes.

#![expect(clippy::indexing_slicing, reason = "one byte was taken; a length is cut to 65535")]

use std::io::IoSlice;

use crate::config::connection::Version;
use crate::message::{Message, Properties, Value};
use crate::property::{self, Kind};

/// A cursor over the body of a packet.
#[derive(Debug)]
pub(crate) struct Reader<'a> {
    left: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { left: bytes }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.left.is_empty()
    }

    pub(crate) fn rest(&mut self) -> &'a [u8] {
        std::mem::take(&mut self.left)
    }

    pub(crate) fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, left) = self.left.split_at_checked(count)?;
        self.left = left;
        Some(taken)
    }

    pub(crate) fn byte(&mut self) -> Option<u8> {
        self.take(1).map(|bytes| bytes[0])
    }

    pub(crate) fn two(&mut self) -> Option<u16> {
        let bytes = self.take(2)?.try_into().ok()?;
        Some(u16::from_be_bytes(bytes))
    }

    fn four(&mut self) -> Option<u32> {
        let bytes = self.take(4)?.try_into().ok()?;
        Some(u32::from_be_bytes(bytes))
    }

    /// A variable byte integer (MQTT 5, 1.5.5).
    pub(super) fn varying(&mut self) -> Option<u32> {
        let mut value = 0;
        for shift in [0, 7, 14, 21] {
            let byte = self.byte()?;
            value |= u32::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(value);
            }
        }
        None
    }

    pub(crate) fn binary(&mut self) -> Option<&'a [u8]> {
        let length = self.two()?;
        self.take(usize::from(length))
    }

    pub(crate) fn text(&mut self) -> Option<&'a str> {
        std::str::from_utf8(self.binary()?).ok()
    }
}

/// The first byte of a packet in pieces, which has its type and its flags; 0 if there
/// is none.
pub(super) fn first_byte(packet: &[IoSlice<'_>]) -> u8 {
    let first = packet.iter().find_map(|slice| slice.first());
    first.copied().unwrap_or_default()
}

/// The variable byte integer that these bytes start with, if it is one.
pub(super) fn varying(bytes: &[u8]) -> Option<usize> {
    usize::try_from(Reader::new(bytes).varying()?).ok()
}

/// The properties at the cursor, with their length before them; an empty list
/// where the packet ends first, as MQTT 5 allows in acknowledgements.
pub(crate) fn properties(reader: &mut Reader<'_>) -> Option<Properties> {
    let mut properties = Properties::default();
    if reader.is_empty() {
        return Some(properties);
    }
    let length = reader.varying()?;
    let mut block = Reader::new(reader.take(usize::try_from(length).ok()?)?);
    while !block.is_empty() {
        let id = block.byte()?;
        properties.push(id, value(&mut block, id)?);
    }
    Some(properties)
}

/// Moves the cursor over the properties, with their length before them; `None` if
/// they are not whole.
pub(super) fn pass_properties(reader: &mut Reader<'_>) -> Option<()> {
    let length = usize::try_from(reader.varying()?).ok()?;
    let mut block = Reader::new(reader.take(length)?);
    while let Some(id) = block.byte() {
        pass_value(&mut block, id)?;
    }
    Some(())
}

/// Moves the cursor over the value of the property with this identifier.
pub(super) fn pass_value(reader: &mut Reader<'_>, id: u8) -> Option<()> {
    let (_, kind) = property::entry(id)?;
    match kind {
        Kind::Byte => reader.take(1).map(drop),
        Kind::Two => reader.take(2).map(drop),
        Kind::Four => reader.take(4).map(drop),
        Kind::Varying => reader.varying().map(drop),
        Kind::Text | Kind::Binary => reader.binary().map(drop),
        Kind::Pair => reader.binary().and_then(|_| reader.binary()).map(drop),
    }
}

/// The value of the property with this identifier, which is next at the cursor.
fn value(reader: &mut Reader<'_>, id: u8) -> Option<Value> {
    let (_, kind) = property::entry(id)?;
    Some(match kind {
        Kind::Byte => Value::Number(reader.byte()?.into()),
        Kind::Two => Value::Number(reader.two()?.into()),
        Kind::Four => Value::Number(reader.four()?),
        Kind::Varying => Value::Number(reader.varying()?),
        Kind::Text => Value::Text(reader.text()?.to_owned()),
        Kind::Binary => Value::Binary(reader.binary()?.to_vec()),
        Kind::Pair => Value::Pair(reader.text()?.to_owned(), reader.text()?.to_owned()),
    })
}

/// A QoS 2 PUBLISH that was sent before on another connection (MQTT 5, 3.3).
pub(crate) fn publish_again(packet: &mut Vec<u8>, message: &Message, mid: u16, version: Version) {
    let mut body = Vec::with_capacity(message.topic.as_str().len() + 8);
    put_binary(&mut body, message.topic.as_str().as_bytes());
    body.extend_from_slice(&mid.to_be_bytes());
    if version == Version::V5 {
        put_properties(&mut body, &message.properties);
    }
    // PUBLISH, DUP, QoS 2.
    packet.push(0x30 | 0x08 | 0x04 | u8::from(message.retain));
    put_varying(packet, body.len() + message.payload.len());
    packet.extend_from_slice(&body);
    packet.extend_from_slice(&message.payload);
}

/// PUBREL (MQTT 5, 3.6).
pub(crate) fn pubrel(packet: &mut Vec<u8>, mid: u16) {
    packet.extend_from_slice(&[0x62, 2]);
    packet.extend_from_slice(&mid.to_be_bytes());
}

/// DISCONNECT (MQTT 5, 3.14).
pub(crate) fn disconnect(packet: &mut Vec<u8>, properties: &Properties, version: Version) {
    packet.push(0xe0);
    let mut body = Vec::new();
    if version == Version::V5 {
        // The reason: a normal end.
        body.push(0);
        put_properties(&mut body, properties);
    }
    put_varying(packet, body.len());
    packet.extend_from_slice(&body);
}

pub(super) fn put_binary(packet: &mut Vec<u8>, bytes: &[u8]) {
    // Longer ones do not get through the command line, nor past Paho.
    let length = u16::try_from(bytes.len()).unwrap_or(u16::MAX);
    packet.extend_from_slice(&length.to_be_bytes());
    packet.extend_from_slice(&bytes[..usize::from(length)]);
}

pub(super) fn put_varying(packet: &mut Vec<u8>, mut value: usize) {
    loop {
        let low = u8::try_from(value & 0x7f).unwrap_or(0);
        value >>= 7;
        if value == 0 {
            packet.push(low);
            return;
        }
        packet.push(low | 0x80);
    }
}

fn put_properties(packet: &mut Vec<u8>, properties: &Properties) {
    let mut block = Vec::new();
    for property in properties {
        block.push(property.id);
        let kind = property::entry(property.id).map(|(_, kind)| kind);
        match (&property.value, kind) {
            (Value::Number(number), Some(Kind::Byte)) => block.push(u8::try_from(*number).unwrap_or(u8::MAX)),
            (Value::Number(number), Some(Kind::Two)) => {
                block.extend_from_slice(&u16::try_from(*number).unwrap_or(u16::MAX).to_be_bytes());
            }
            (Value::Number(number), Some(Kind::Varying)) => {
                put_varying(&mut block, usize::try_from(*number).unwrap_or(0));
            }
            (Value::Number(number), _) => block.extend_from_slice(&number.to_be_bytes()),
            (Value::Text(text), _) => put_binary(&mut block, text.as_bytes()),
            (Value::Binary(bytes), _) => put_binary(&mut block, bytes),
            (Value::Pair(name, value), _) => {
                put_binary(&mut block, name.as_bytes());
                put_binary(&mut block, value.as_bytes());
            }
        }
    }
    put_varying(packet, block.len());
    packet.extend_from_slice(&block);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn properties_of_every_kind() {
        let bytes = [
            26, 1, 1, 33, 0, 20, 2, 0, 0, 1, 0, 11, 0x80, 1, 9, 0, 1, 0xff, 38, 0, 1, b'k', 0, 1, b'v', 99,
        ];
        // 99 stands behind the block and is left alone.
        let mut reader = Reader::new(&bytes[..bytes.len()]);
        assert!(properties(&mut reader).is_none(), "the block is longer than the packet");
        let mut bytes = bytes;
        bytes[0] = 24;
        let mut reader = Reader::new(&bytes);
        let properties = properties(&mut reader).unwrap();
        assert_eq!(properties.number(1), Some(1));
        assert_eq!(properties.number(33), Some(20));
        assert_eq!(properties.number(2), Some(256));
        assert_eq!(properties.number(11), Some(128));
        assert_eq!(reader.rest(), [99]);
    }

    #[test]
    fn what_is_written_can_be_read() {
        let mut message = Message {
            topic: crate::message::Topic::new("a/b").unwrap(),
            payload: vec![b'x'; 200].into(),
            qos: crate::message::Qos::ExactlyOnce,
            retain: true,
            properties: Properties::default(),
        };
        message.properties.push(1, Value::Number(1));
        message.properties.push(2, Value::Number(70_000));
        message.properties.push(9, Value::Binary(vec![0, 255]));
        message.properties.push(38, Value::Pair("k".into(), "v".into()));
        let mut packet = Vec::new();
        publish_again(&mut packet, &message, 7, Version::V5);
        let mut reader = Reader::new(&packet);
        assert_eq!(reader.byte(), Some(0x3d));
        assert_eq!(reader.varying(), Some(u32::try_from(packet.len() - 3).unwrap()));
        assert_eq!(reader.text(), Some("a/b"));
        assert_eq!(reader.two(), Some(7));
        assert_eq!(properties(&mut reader), Some(message.properties.clone()));
        assert_eq!(reader.rest(), &message.payload[..]);
        assert_eq!(message.packet_size(true), packet.len() as u64);

        let mut packet = Vec::new();
        publish_again(&mut packet, &message, 7, Version::V311);
        assert_eq!(packet[..10], [0x3d, 0xcf, 1, 0, 3, b'a', b'/', b'b', 0, 7]);
        packet.clear();
        pubrel(&mut packet, 0x102);
        assert_eq!(packet, [0x62, 2, 1, 2]);

        let mut properties = Properties::default();
        for (version, expected) in [(Version::V311, &[0xe0, 0][..]), (Version::V5, &[0xe0, 2, 0, 0])] {
            packet.clear();
            disconnect(&mut packet, &properties, version);
            assert_eq!(packet, expected);
        }
        properties.push(17, Value::Number(1));
        packet.clear();
        disconnect(&mut packet, &properties, Version::V5);
        assert_eq!(packet, [0xe0, 7, 0, 5, 17, 0, 0, 0, 1]);
    }

    #[test]
    fn broken_properties_are_none() {
        for bytes in [
            &[1][..],
            &[1, 99],
            &[3, 31, 0, 2],
            &[2, 33, 0],
            &[0xff, 0xff, 0xff, 0xff, 1],
        ] {
            assert!(properties(&mut Reader::new(bytes)).is_none(), "{bytes:?}");
        }
        assert!(properties(&mut Reader::new(&[])).unwrap().is_empty());
    }
}

//! The few pieces of MQTT's encoding that a look at a packet needs: integers,
//! strings, properties. Every read is bounded; nothing panics on foreign bytes.

use crate::message::{Properties, Value};
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
    fn varying(&mut self) -> Option<u32> {
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
        let (_, kind) = property::entry(id)?;
        let value = match kind {
            Kind::Byte => Value::Number(block.byte()?.into()),
            Kind::Two => Value::Number(block.two()?.into()),
            Kind::Four => Value::Number(block.four()?),
            Kind::Varying => Value::Number(block.varying()?),
            Kind::Text => Value::Text(block.text()?.to_owned()),
            Kind::Binary => Value::Binary(block.binary()?.to_vec()),
            Kind::Pair => Value::Pair(block.text()?.to_owned(), block.text()?.to_owned()),
        };
        properties.push(id, value);
    }
    Some(properties)
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

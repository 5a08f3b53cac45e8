//! A message as bytes on the disk, and back. Pure: bytes in, bytes out.
//!
//! A record is a mark with the version, the length of the body, a checksum of
//! that, a checksum of the body, the body. The checksums also cover where the
//! record stands: a payload may itself be a piece of a spool, and what looks like a
//! record in there must not pass for one. So it is safe to look for the next
//! record behind a damaged one; and the length has a checksum of its own so that
//! this look does not take long, whatever the payload is made of.

#![expect(clippy::indexing_slicing, reason = "the head was put there before it is filled in")]

use std::ops::Range;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::{BufMut as _, Bytes};

use crate::message::{Message, Properties, Qos, Topic, Value};
use crate::property::{self, Kind, Property};

/// What a record begins with; its last byte is the version of the format.
const MARK: [u8; 4] = *b"mqs\x01";

/// The bytes before the body: mark, length, its checksum, that of the body.
const HEADER: usize = 16;

/// The flag of a retained message, behind the two bits of the QoS.
const RETAIN: u8 = 4;

/// A message that was taken.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Record {
    /// When it was taken, to the microsecond.
    pub(super) time: SystemTime,
    pub(super) message: Message,
}

/// What a checksum also covers: the segment's own random number, and where in the
/// segment something stands.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    pub(super) salt: u64,
    pub(super) offset: u64,
}

impl Place {
    /// So many bytes further on.
    pub(super) fn after(self, bytes: usize) -> Self {
        Self {
            offset: self.offset + bytes as u64,
            ..self
        }
    }

    /// The checksum of what stands here.
    fn checksum(self, bytes: &[u8]) -> [u8; 4] {
        let mut hasher = crc32fast::Hasher::new();
        hasher.update(&self.salt.to_le_bytes());
        hasher.update(&self.offset.to_le_bytes());
        hasher.update(bytes);
        hasher.finalize().to_le_bytes()
    }
}

/// How many bytes the record of a message has.
pub(super) fn size(message: &Message) -> u64 {
    let properties = message.properties.iter().map(|property| {
        1 + match &property.value {
            Value::Number(_) => 4,
            Value::Text(text) => 4 + text.len(),
            Value::Binary(bytes) => 4 + bytes.len(),
            Value::Pair(name, value) => 8 + name.len() + value.len(),
        }
    });
    // The time, the flags, the lengths of topic and properties.
    let fixed = HEADER + 8 + 1 + 4 + 4;
    (fixed + message.topic.as_str().len() + properties.sum::<usize>() + message.payload.len()) as u64
}

/// Appends the record of a message that stands at `place`.
///
/// # Errors
/// That the message is too large for a record: four gigabytes.
pub(super) fn write(into: &mut Vec<u8>, place: Place, time: SystemTime, message: &Message) -> Result<(), TooLarge> {
    let start = into.len();
    into.put_slice(&MARK);
    into.put_slice(&[0; HEADER - MARK.len()]);
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    into.put_u64_le(u64::try_from(since.as_micros()).unwrap_or(u64::MAX));
    into.put_u8(message.qos as u8 | if message.retain { RETAIN } else { 0 });
    put(into, message.topic.as_str().as_bytes());
    let properties = message.properties.iter();
    into.put_u32_le(u32::try_from(properties.len()).unwrap_or(u32::MAX));
    for property in properties {
        into.put_u8(property.id);
        match &property.value {
            Value::Number(number) => into.put_u32_le(*number),
            Value::Text(text) => put(into, text.as_bytes()),
            Value::Binary(bytes) => put(into, bytes),
            Value::Pair(name, value) => {
                put(into, name.as_bytes());
                put(into, value.as_bytes());
            }
        }
    }
    into.put_slice(&message.payload);
    let body = start + HEADER;
    let length = u32::try_from(into.len() - body).map_err(|_| TooLarge)?.to_le_bytes();
    let checksum = place.checksum(&into[body..]);
    into[start + 4..start + 8].copy_from_slice(&length);
    into[start + 8..start + 12].copy_from_slice(&place.checksum(&length));
    into[start + 12..body].copy_from_slice(&checksum);
    Ok(())
}

/// A message does not fit into a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TooLarge;

fn put(into: &mut Vec<u8>, bytes: &[u8]) {
    // Longer than this, the record is too long as a whole.
    into.put_u32_le(u32::try_from(bytes.len()).unwrap_or(u32::MAX));
    into.put_slice(bytes);
}

/// Finds the first record in bytes that stand at `place`: where it is, and what.
/// What is before it is no record, and if there is none, all of it is none.
pub(super) fn find(bytes: &Bytes, place: Place) -> Option<(Range<usize>, Record)> {
    let mut from = 0;
    loop {
        from += memchr::memmem::find(bytes.get(from..)?, &MARK)?;
        if let Some((size, record)) = read(&bytes.slice(from..), place.after(from)) {
            return Some((from..from + size, record));
        }
        from += 1;
    }
}

/// Reads the record that these bytes begin with, and its size; `None` if they
/// begin with none.
pub(super) fn read(bytes: &Bytes, place: Place) -> Option<(usize, Record)> {
    let mut header = bytes.get(..HEADER)?;
    let mark: [u8; 4] = *take(&mut header)?;
    let length: [u8; 4] = *take(&mut header)?;
    let (of_length, of_body) = header.split_at(4);
    if mark != MARK || place.checksum(&length) != of_length {
        return None;
    }
    let end = usize::try_from(u32::from_le_bytes(length)).ok()?.checked_add(HEADER)?;
    let body = bytes.get(HEADER..end)?;
    if place.checksum(body) != of_body {
        return None;
    }
    let record = message(&bytes.slice(HEADER..end))?;
    Some((end, record))
}

/// What a body says.
fn message(body: &Bytes) -> Option<Record> {
    let mut rest = &body[..];
    let time = u64::from_le_bytes(*take(&mut rest)?);
    let [flags] = *take::<1>(&mut rest)?;
    let topic = Topic::received(text(&mut rest)?).ok()?;
    let mut properties = Properties::default();
    for _ in 0..u32::from_le_bytes(*take(&mut rest)?) {
        let Property { id, value } = one_property(&mut rest)?;
        properties.push(id, value);
    }
    let payload = body.slice(body.len() - rest.len()..);
    Some(Record {
        time: UNIX_EPOCH.checked_add(Duration::from_micros(time))?,
        message: Message {
            topic,
            payload,
            qos: Qos::try_from(flags & !RETAIN).ok()?,
            retain: flags & RETAIN != 0,
            properties,
        },
    })
}

fn one_property(rest: &mut &[u8]) -> Option<Property> {
    let [id] = *take::<1>(rest)?;
    let value = match property::entry(id)?.1 {
        Kind::Byte | Kind::Two | Kind::Four | Kind::Varying => Value::Number(u32::from_le_bytes(*take(rest)?)),
        Kind::Text => Value::Text(text(rest)?.to_owned()),
        Kind::Binary => Value::Binary(slice(rest)?.to_vec()),
        Kind::Pair => Value::Pair(text(rest)?.to_owned(), text(rest)?.to_owned()),
    };
    value.check(id).ok()?;
    Some(Property { id, value })
}

/// The next `N` bytes.
fn take<'a, const N: usize>(rest: &mut &'a [u8]) -> Option<&'a [u8; N]> {
    let (first, behind) = rest.split_first_chunk()?;
    *rest = behind;
    Some(first)
}

/// The next bytes, as many as the number before them says.
fn slice<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let length = usize::try_from(u32::from_le_bytes(*take(rest)?)).ok()?;
    let (first, behind) = rest.split_at_checked(length)?;
    *rest = behind;
    Some(first)
}

fn text<'a>(rest: &mut &'a [u8]) -> Option<&'a str> {
    std::str::from_utf8(slice(rest)?).ok()
}

#[cfg(test)]
mod tests;

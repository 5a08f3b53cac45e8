//! Records that bring their topic along: `topic SEPARATOR payload`.

#![expect(
    clippy::indexing_slicing,
    reason = "the position is that of a separator that was found"
)]

use bytes::Bytes;
use memchr::memmem;

use crate::failure::quote;
use crate::message::{BadTopic, Topic};

/// Splits a record at the first separator. The payload shares the record's
/// memory.
///
/// # Errors
/// What is wrong, in a clause that fits behind `record 12: `: there is no
/// separator, or what stands before it is no topic to publish to.
pub fn split_key(record: &Bytes, separator: &[u8]) -> Result<(Topic, Bytes), String> {
    let (key, payload) = split(record, separator)?;
    Ok((topic(key)?, payload))
}

/// Splits records as [`split_key`] does, and remembers the last topic: where
/// many records in a row have the same, they share it.
#[derive(Clone, Debug)]
pub struct Keys {
    separator: Vec<u8>,
    last: Option<Topic>,
}

impl Keys {
    /// With this separator.
    pub fn new(separator: impl Into<Vec<u8>>) -> Self {
        Self {
            separator: separator.into(),
            last: None,
        }
    }

    /// Splits a record at the first separator.
    ///
    /// # Errors
    /// As [`split_key`].
    pub fn split(&mut self, record: &Bytes) -> Result<(Topic, Bytes), String> {
        let (key, payload) = split(record, &self.separator)?;
        let known = self.last.as_ref().filter(|last| last.as_c_str().to_bytes() == key);
        let topic = match known {
            Some(last) => last.clone(),
            None => self.last.insert(topic(key)?).clone(),
        };
        Ok((topic, payload))
    }
}

/// The bytes before the first separator, and those after it.
fn split<'a>(record: &'a Bytes, separator: &[u8]) -> Result<(&'a [u8], Bytes), String> {
    // One byte is the rule, and needs no preparation.
    let at = match separator {
        [byte] => memchr::memchr(*byte, record),
        several => memmem::find(record, several),
    };
    match at {
        Some(at) => Ok((&record[..at], record.slice(at + separator.len()..))),
        None => Err(format!(
            "it has no separator {} after a topic",
            quote(&String::from_utf8_lossy(separator))
        )),
    }
}

fn topic(key: &[u8]) -> Result<Topic, String> {
    let name = std::str::from_utf8(key).map_err(|_| "its topic is not UTF-8".to_owned())?;
    Topic::new(name).map_err(|why| match why {
        BadTopic::Empty => "it has no topic before the separator".to_owned(),
        why => format!("cannot publish to topic {}: {why}", quote(name)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(text: &'static [u8]) -> Bytes {
        Bytes::from_static(text)
    }

    #[test]
    fn the_first_separator_splits() {
        for (record, separator, topic, payload) in [
            (&b"a/b 1 2"[..], &b" "[..], "a/b", &b"1 2"[..]),
            (b"a\t", b"\t", "a", b""),
            (b"a: b::x\0\xff", b"::", "a: b", b"x\0\xff"),
            (b"a\0b", b"\0", "a", b"b"),
        ] {
            let (found, rest) = split_key(&bytes(record), separator).unwrap();
            assert_eq!((found.as_str(), &rest[..]), (topic, payload));
        }
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (record, why) in [
            (&b"no separator"[..], "it has no separator '::' after a topic"),
            (b"", "it has no separator '::' after a topic"),
            (b"::x", "it has no topic before the separator"),
            (b"a\xff::x", "its topic is not UTF-8"),
            (b"a\0b::x", "cannot publish to topic 'a\\0b': it has a NUL character"),
        ] {
            assert_eq!(split_key(&bytes(record), b"::").unwrap_err(), why);
            assert_eq!(Keys::new(*b"::").split(&bytes(record)).unwrap_err(), why);
        }
        let wildcard = split_key(&bytes(b"a/+ x"), b" ").unwrap_err();
        assert!(wildcard.starts_with("cannot publish to topic 'a/+': "), "{wildcard}");
        let long = Bytes::from([vec![b'x'; 70_000], b" y".to_vec()].concat());
        let long = split_key(&long, b" ").unwrap_err();
        assert!(
            long.ends_with("…': it is longer than 65535 bytes") && long.len() < 200,
            "{long}"
        );
    }

    #[test]
    fn topics_in_a_row_are_shared() {
        let mut keys = Keys::new(*b" ");
        let mut topic = |record| keys.split(&bytes(record)).unwrap().0;
        let (one, same, other, again) = (topic(b"a 1"), topic(b"a 2"), topic(b"b 3"), topic(b"a 4"));
        assert!(std::ptr::eq(one.as_c_str(), same.as_c_str()));
        assert!(!std::ptr::eq(one.as_c_str(), again.as_c_str()));
        assert_eq!((other.as_str(), again.as_str()), ("b", "a"));
    }

    #[test]
    fn the_payload_is_not_copied() {
        let record = bytes(b"a payload");
        let (_, payload) = split_key(&record, b" ").unwrap();
        assert!(std::ptr::eq(&raw const payload[0], &raw const record[2]));
    }
}

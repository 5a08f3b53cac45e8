//! Reads the records of one segment, in pieces.

#![expect(clippy::indexing_slicing, reason = "no more bytes are read than the buffer has")]

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;

use bytes::Bytes;

use super::folder::Name;
use super::record::{self, Place, Record};

/// How much is read at once, unless a record is longer.
const PIECE: usize = 128 * 1024;

/// A record in its segment.
#[derive(Debug, PartialEq)]
pub(super) struct Found {
    /// How many bytes before it, and behind the one before, are no record.
    pub(super) strange: u64,
    /// Where it begins and ends.
    pub(super) begin: u64,
    pub(super) end: u64,
    pub(super) record: Record,
}

/// Reads along a segment.
#[derive(Debug)]
pub(super) struct Reader {
    file: File,
    name: Name,
    /// What was read and not yet looked at, and where it stands.
    bytes: Bytes,
    offset: u64,
}

impl Reader {
    pub(super) fn new(file: File, name: Name, offset: u64) -> Self {
        Self {
            file,
            name,
            bytes: Bytes::new(),
            offset,
        }
    }

    pub(super) fn name(&self) -> Name {
        self.name
    }

    /// Where the next record is looked for.
    pub(super) fn offset(&self) -> u64 {
        self.offset
    }

    /// The length of the file.
    pub(super) fn length(&self) -> io::Result<u64> {
        Ok(self.file.metadata()?.len())
    }

    /// The next record before `limit`, up to which the file is complete; `None` if
    /// there is none: what is left then is no record.
    pub(super) fn next(&mut self, limit: u64) -> io::Result<Option<Found>> {
        let left = limit.saturating_sub(self.offset);
        let left = usize::try_from(left).map_err(|_| io::ErrorKind::FileTooLarge)?;
        let mut wanted = PIECE;
        let mut is_all = self.bytes.len() >= left;
        loop {
            let place = Place {
                salt: self.name.salt,
                offset: self.offset,
            };
            if let Some((range, record)) = record::find(&self.bytes, place) {
                let found = Found {
                    strange: range.start as u64,
                    begin: self.offset + range.start as u64,
                    end: self.offset + range.end as u64,
                    record,
                };
                self.bytes = self.bytes.slice(range.end..);
                self.offset = found.end;
                return Ok(Some(found));
            }
            if is_all {
                return Ok(None);
            }
            while wanted <= self.bytes.len() {
                wanted *= 2;
            }
            let count = wanted.min(left);
            self.bytes = self.read(count)?;
            // A file that is shorter than it should be has no more either.
            is_all = count == left || self.bytes.len() < count;
        }
    }

    /// The bytes from here on, as many, or as there are.
    fn read(&self, count: usize) -> io::Result<Bytes> {
        let mut bytes = vec![0; count];
        let mut length = 0;
        while length < count {
            match self.file.read_at(&mut bytes[length..], self.offset + length as u64) {
                Ok(0) => break,
                Ok(count) => length += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        bytes.truncate(length);
        Ok(bytes.into())
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::time::UNIX_EPOCH;

    use super::*;
    use crate::message::{Message, Properties, Qos, Topic};

    fn message(size: usize) -> Message {
        Message {
            topic: Topic::new("t").unwrap(),
            payload: vec![b'x'; size].into(),
            qos: Qos::AtLeastOnce,
            retain: false,
            properties: Properties::default(),
        }
    }

    #[test]
    fn records_are_read_whatever_their_size_and_what_is_none_is_passed_over() {
        let name = Name { number: 1, salt: 5 };
        let mut bytes = Vec::new();
        let mut expected = Vec::new();
        for size in [1, PIECE - 40, 0, 5 * PIECE, 3] {
            bytes.extend_from_slice(&[b'm'; 100]);
            let begin = bytes.len() as u64;
            let place = Place { salt: 5, offset: begin };
            record::write(&mut bytes, place, UNIX_EPOCH, &message(size)).unwrap();
            expected.push((100, begin, bytes.len() as u64, size));
        }
        let end = bytes.len() as u64;
        bytes.extend_from_slice(b"torn");
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&bytes).unwrap();
        let mut reader = Reader::new(file.try_clone().unwrap(), name, 0);
        let mut found = Vec::new();
        while let Some(Found {
            strange,
            begin,
            end,
            record,
        }) = reader.next(bytes.len() as u64).unwrap()
        {
            found.push((strange, begin, end, record.message.payload.len()));
        }
        assert_eq!(found, expected);
        assert_eq!((reader.offset(), reader.length().unwrap()), (end, end + 4));
        // Before the limit there is nothing, behind it there is.
        let mut reader = Reader::new(file, name, 0);
        assert_eq!(reader.next(100).unwrap(), None);
        assert!(reader.next(end).unwrap().is_some());
    }
}

//! The record reader: one read at a time, a payload for each record that is
//! complete. A record is kept byte for byte, NULs, carriage returns and invalid
//! UTF-8 included.
//!
//! Who holds which memory: the records that one read completes share one block.
//! If they fill a good part of what was read into, that itself is their block,
//! and nothing is copied. If not, they are copied into a block of just their
//! size: else each 20-byte line of a slow sensor, kept until its acknowledgement
//! comes, would hold the room that was made for the read, a whole chunk. And a
//! record much longer than a chunk is a block of its own, lest a short one that
//! came with its end hold it.

#![expect(
    clippy::indexing_slicing,
    reason = "`filled`, and where records begin and end, are within the buffer"
)]

use std::io::{self, Read};
use std::mem;

use bytes::{Bytes, BytesMut};

use super::framing::{LENGTH, Place, length};
use super::{Framing, Progress, invalid};
use crate::message::MAX_PAYLOAD;

/// How much is asked for at once.
const CHUNK: usize = 64 * 1024;

/// From how many bytes on records are not copied: what they hold is then at
/// most a few times their size, and a copy would be felt.
const LARGE: usize = CHUNK / 2;

/// The longest record, with its delimiter or length, that shares a block.
const LONG: usize = 4 * CHUNK;

/// Splits a stream into records.
#[derive(Debug)]
pub struct Records {
    framing: Framing,
    /// Its first `filled` bytes are the beginning of a record whose end has not
    /// come; the rest is room to read into, which is cleared only once.
    buffer: BytesMut,
    filled: usize,
    /// How much of that is known not to have the beginning of a delimiter, so
    /// that a long record is not searched again with each read.
    scanned: usize,
    count: u64,
    limit: usize,
}

impl Records {
    /// Nothing is allocated before the first read.
    pub fn new(framing: Framing) -> Self {
        Self {
            framing,
            buffer: BytesMut::new(),
            filled: 0,
            scanned: 0,
            count: 0,
            limit: MAX_PAYLOAD,
        }
    }

    /// The same reader, which takes no record longer than `most` bytes; without
    /// this, the limit is what a message can hold.
    #[must_use]
    pub fn limit(mut self, most: usize) -> Self {
        self.limit = most.min(MAX_PAYLOAD);
        self
    }

    /// How many records there were so far: the number, from 1, of the last.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// How many bytes there are of a record whose end has not come.
    pub fn unfinished(&self) -> usize {
        self.filled
    }

    /// Reads once, and appends the payload of each record that is complete.
    ///
    /// # Errors
    /// That of the read, or `InvalidData` with the number of a record that is
    /// too long, or that the end of the stream cuts short. The records before it
    /// have been appended; after `InvalidData` the place in the stream is lost,
    /// and there is no use in reading on.
    pub fn read(&mut self, source: &mut impl Read, payloads: &mut Vec<Bytes>) -> io::Result<Progress> {
        if self.buffer.len() < self.filled + CHUNK {
            self.buffer.resize(self.filled + CHUNK, 0);
        }
        match source.read(&mut self.buffer[self.filled..]) {
            Ok(0) => {
                self.finish(payloads)?;
                Ok(Progress::End)
            }
            Ok(count) => {
                self.filled += count;
                self.cut(payloads)?;
                Ok(Progress::More)
            }
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => {
                Ok(Progress::Nothing)
            }
            Err(error) => Err(error),
        }
    }

    /// Takes the complete records out.
    fn cut(&mut self, payloads: &mut Vec<Bytes>) -> io::Result<()> {
        if self.filled > CHUNK {
            // Only the first record can be a long one: all others came with
            // this read.
            match self.framing.record(&self.buffer[..self.filled], 0, self.scanned) {
                Some(place) if place.end > LONG => self.take_long(place, payloads)?,
                Some(_) => {}
                None => return self.check_partial(),
            }
        }
        let end = self.framing.complete(&self.buffer[..self.filled], self.scanned);
        if end > 0 {
            let block = self.take_block(end);
            let before = payloads.len();
            let mut start = 0;
            while let Some(place) = self.framing.record(&block, start, 0)
                && place.payload.len() <= self.limit
            {
                payloads.push(block.slice(place.payload));
                start = place.end;
            }
            self.count += (payloads.len() - before) as u64;
            if start < end {
                return Err(invalid(self.too_long()));
            }
        }
        self.check_partial()
    }

    /// Takes the first record out, with the memory that it was read into.
    fn take_long(&mut self, place: Place, payloads: &mut Vec<Bytes>) -> io::Result<()> {
        if place.payload.len() > self.limit {
            return Err(invalid(self.too_long()));
        }
        let rest = BytesMut::from(&self.buffer[place.end..self.filled]);
        self.filled = rest.len();
        self.scanned = 0;
        let record = mem::replace(&mut self.buffer, rest).freeze();
        payloads.push(record.slice(place.payload));
        self.count += 1;
        Ok(())
    }

    /// Takes the first bytes out, copied if they are few.
    fn take_block(&mut self, end: usize) -> Bytes {
        let rest = end..self.filled;
        self.filled = rest.len();
        self.scanned = 0;
        if end >= LARGE {
            return self.buffer.split_to(end).freeze();
        }
        let block = Bytes::copy_from_slice(&self.buffer[..end]);
        self.buffer.copy_within(rest, 0);
        block
    }

    /// The end of the stream: what is left is a record, or a part of one.
    fn finish(&mut self, payloads: &mut Vec<Bytes>) -> io::Result<()> {
        if self.filled == 0 {
            return Ok(());
        }
        match self.framing {
            Framing::Delimited(_) if self.filled > self.limit => Err(invalid(self.too_long())),
            Framing::Delimited(_) => {
                payloads.push(self.take_block(self.filled));
                self.count += 1;
                Ok(())
            }
            Framing::LengthPrefixed => {
                let number = self.count + 1;
                let why = match length(&self.buffer[..self.filled]) {
                    None => format!("the input ends within the {LENGTH} bytes of its length"),
                    Some(length) => format!("the input ends after {} of its {length} bytes", self.filled - LENGTH),
                };
                Err(invalid(format!("record {number} is cut short: {why}")))
            }
        }
    }

    /// Notes how far the beginning of a record has been searched, and finds out
    /// early that it will be too long.
    fn check_partial(&mut self) -> io::Result<()> {
        match &self.framing {
            Framing::Delimited(delimiter) => {
                // The last bytes may be the beginning of a delimiter.
                self.scanned = (self.filled + 1).saturating_sub(delimiter.len());
                if self.scanned > self.limit {
                    return Err(invalid(self.too_long()));
                }
            }
            Framing::LengthPrefixed => {
                let length = length(&self.buffer[..self.filled]);
                if let Some(length) = length.filter(|length| *length > self.limit) {
                    return Err(invalid(format!("{}; its length says {length}", self.too_long())));
                }
            }
        }
        Ok(())
    }

    /// What is wrong with the record after those that were counted.
    fn too_long(&self) -> String {
        let number = self.count + 1;
        let limit = self.limit;
        format!("record {number} is longer than {limit} bytes, the most that is allowed")
    }
}

#[cfg(test)]
mod tests;

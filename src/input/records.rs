//! The record reader: one read at a time, a payload for each record that is
//! complete. A record is kept byte for byte, NULs, carriage returns and invalid
//! UTF-8 included.
//!
//! Who holds which memory: the records that one read completes share one block.
//! If they fill a good part of what was read into, that itself is their block,
//! and nothing is copied. If not, they are copied into a block of just their
//! size: else each 20-byte line of a slow sensor, kept until its acknowledgement
//! comes, would hold the room that was made for the read, a whole chunk. And a
//! record longer than a chunk is a block of its own, lest a short one hold it.

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

/// Splits a stream into records.
#[derive(Debug)]
pub struct Records {
    framing: Framing,
    /// The beginning of a record whose end has not come.
    partial: BytesMut,
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
            partial: BytesMut::new(),
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

    /// Reads once, and appends the payload of each record that is complete.
    ///
    /// # Errors
    /// That of the read, or `InvalidData` with the number of a record that is
    /// too long, or that the end of the stream cuts short. The records before it
    /// have been appended; after `InvalidData` the place in the stream is lost,
    /// and there is no use in reading on.
    pub fn read(&mut self, source: &mut impl Read, payloads: &mut Vec<Bytes>) -> io::Result<Progress> {
        let old = self.partial.len();
        self.partial.resize(old + CHUNK, 0);
        let outcome = source.read(&mut self.partial[old..]);
        self.partial.truncate(old + outcome.as_ref().copied().unwrap_or(0));
        match outcome {
            Ok(0) => {
                self.finish(payloads)?;
                Ok(Progress::End)
            }
            Ok(_) => {
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
        if self.partial.len() > CHUNK {
            // Only the first record can be longer than a chunk: all but the
            // beginning of it came with this read.
            match self.framing.record(&self.partial, 0, self.scanned) {
                Some(place) if place.end > CHUNK => self.take_long(place, payloads)?,
                Some(_) => {}
                None => return self.check_partial(),
            }
        }
        let end = self.framing.complete(&self.partial, self.scanned);
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
        let rest = BytesMut::from(&self.partial[place.end..]);
        let record = mem::replace(&mut self.partial, rest).freeze();
        self.scanned = 0;
        payloads.push(record.slice(place.payload));
        self.count += 1;
        Ok(())
    }

    /// Takes the first bytes out, copied if they are few.
    fn take_block(&mut self, end: usize) -> Bytes {
        self.scanned = 0;
        if end >= LARGE {
            return self.partial.split_to(end).freeze();
        }
        let block = Bytes::copy_from_slice(&self.partial[..end]);
        let rest = self.partial.len() - end;
        self.partial.copy_within(end.., 0);
        self.partial.truncate(rest);
        block
    }

    /// The end of the stream: what is left is a record, or a part of one.
    fn finish(&mut self, payloads: &mut Vec<Bytes>) -> io::Result<()> {
        if self.partial.is_empty() {
            return Ok(());
        }
        match self.framing {
            Framing::Delimited(_) if self.partial.len() > self.limit => Err(invalid(self.too_long())),
            Framing::Delimited(_) => {
                payloads.push(self.take_block(self.partial.len()));
                self.count += 1;
                Ok(())
            }
            Framing::LengthPrefixed => {
                let number = self.count + 1;
                let why = match length(&self.partial) {
                    None => format!("the input ends within the {LENGTH} bytes of its length"),
                    Some(length) => format!(
                        "the input ends after {} of its {length} bytes",
                        self.partial.len() - LENGTH
                    ),
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
                self.scanned = (self.partial.len() + 1).saturating_sub(delimiter.len());
                if self.scanned > self.limit {
                    return Err(invalid(self.too_long()));
                }
            }
            Framing::LengthPrefixed => {
                let length = length(&self.partial);
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

//! Goes through the records of a spool from one segment to the next: to deliver
//! them, to count them, to drop the oldest.

use std::fs::File;
use std::io;
use std::time::SystemTime;

use super::folder::{Folder, Name};
use super::index::{Index, Losses, Position};
use super::reader::Reader;
use super::record::Record;

/// What there is in a spool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Status {
    /// How many messages are not delivered.
    pub messages: u64,
    /// How many bytes they have on the disk.
    pub bytes: u64,
    /// When the first of them was taken.
    pub oldest: Option<SystemTime>,
    /// What was lost since the spool was made.
    pub losses: Losses,
}

/// A record, and where it is.
#[derive(Debug)]
pub(super) struct Located {
    pub(super) begin: Position,
    pub(super) end: Position,
    pub(super) record: Record,
}

impl Located {
    pub(super) fn size(&self) -> u64 {
        self.end.offset - self.begin.offset
    }
}

/// A place in a spool that goes on from record to record.
#[derive(Debug)]
pub(super) struct Cursor {
    pub(super) position: Position,
    /// How many bytes it has come by that are no records.
    pub(super) strange: u64,
    reader: Option<Reader>,
}

impl Cursor {
    pub(super) fn new(position: Position) -> Self {
        Self {
            position,
            strange: 0,
            reader: None,
        }
    }

    /// The next record; `None` at the end, which the index tells.
    pub(super) fn next(&mut self, folder: &Folder, index: &Index) -> io::Result<Option<Located>> {
        while self.position < index.end {
            let Some(reader) = self.reader(folder, index)? else {
                self.position = index.end;
                break;
            };
            let number = reader.name().number;
            let is_last = number == index.end.segment;
            let limit = if is_last { index.end.offset } else { reader.length()? };
            let offset = reader.offset();
            if let Some(found) = reader.next(limit)? {
                self.strange += found.strange;
                let at = |offset| Position {
                    segment: number,
                    offset,
                };
                self.position = at(found.end);
                return Ok(Some(Located {
                    begin: at(found.begin),
                    end: at(found.end),
                    record: found.record,
                }));
            }
            self.strange += limit.saturating_sub(offset);
            self.reader = None;
            self.position = if is_last {
                index.end
            } else {
                Position {
                    segment: number + 1,
                    offset: 0,
                }
            };
        }
        Ok(None)
    }

    /// The segment to read from, which may be a later one if there is none with
    /// this number.
    fn reader(&mut self, folder: &Folder, index: &Index) -> io::Result<Option<&mut Reader>> {
        let number = self.position.segment;
        let fits = |reader: &Reader| reader.name().number == number && reader.offset() == self.position.offset;
        if !self.reader.as_ref().is_some_and(fits) {
            self.reader = None;
            let names = folder.segments()?.into_iter();
            let mut names = names.filter(|name| (number..=index.end.segment).contains(&name.number));
            if let Some(name) = names.next()
                && let Some(file) = folder.open_segment(name)?
            {
                let offset = if name.number == number { self.position.offset } else { 0 };
                self.reader = Some(Reader::new(file, name, offset));
            }
        }
        Ok(self.reader.as_mut())
    }
}

/// What a walk through a spool has found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Survey {
    pub(super) messages: u64,
    pub(super) bytes: u64,
    /// When the first was taken.
    pub(super) oldest: Option<SystemTime>,
    /// How many bytes were no records.
    pub(super) damaged: u64,
    /// Where the last one ended, in its segment.
    pub(super) end: u64,
}

impl Survey {
    /// What is between the start and the end.
    pub(super) fn of(folder: &Folder, index: &Index) -> io::Result<Self> {
        let mut survey = Self::default();
        let mut cursor = Cursor::new(index.start);
        while let Some(located) = cursor.next(folder, index)? {
            survey.oldest.get_or_insert(located.record.time);
            survey.add(located.size());
        }
        survey.damaged = cursor.strange;
        Ok(survey)
    }

    /// What is in the last segment behind the end, and before this length.
    pub(super) fn behind(file: File, index: &Index, length: u64) -> io::Result<Self> {
        let name = Name {
            number: index.end.segment,
            salt: index.salt,
        };
        let end = index.end.offset;
        let mut survey = Self { end, ..Self::default() };
        let mut reader = Reader::new(file, name, end);
        while let Some(found) = reader.next(length)? {
            survey.add(found.end - found.begin);
            survey.damaged += found.strange;
            survey.end = found.end;
        }
        Ok(survey)
    }

    /// Drops the oldest messages as long as `go_on` says so, of the time at which
    /// the next one was taken, and of how many bytes are dropped already; how many
    /// that were.
    pub(super) fn drop_oldest(
        folder: &Folder,
        index: &mut Index,
        go_on: impl Fn(SystemTime, u64) -> bool,
    ) -> io::Result<u64> {
        let mut dropped = Self::default();
        let mut cursor = Cursor::new(index.start);
        while let Some(located) = cursor.next(folder, index)? {
            if !go_on(located.record.time, dropped.bytes) {
                break;
            }
            dropped.add(located.size());
            index.start = located.end;
        }
        index.messages = index.messages.saturating_sub(dropped.messages);
        index.bytes = index.bytes.saturating_sub(dropped.bytes);
        Ok(dropped.messages)
    }

    fn add(&mut self, size: u64) {
        self.messages += 1;
        self.bytes += size;
    }
}

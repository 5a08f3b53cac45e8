//! Messages on the disk until they are delivered: a folder that any number of
//! processes add to and one at a time delivers from.
//!
//! Records are added to the end of segment files. Whoever changes anything has the
//! lock of the index, for as short as that takes; whoever delivers has the other
//! lock, for as long as it delivers. Both end with the process, however it ends.
//! What a process leaves unfinished, the next that has the lock of the index cuts
//! off. Nothing here knows a broker.

mod delivery;
mod folder;
mod index;
mod reader;
mod record;
mod survey;

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::time::{Duration, SystemTime};

pub use self::delivery::{Delivery, Needs, Outcome};
pub use self::index::Losses;
pub use self::survey::Status;

use self::folder::{Folder, Name};
use self::index::{Index, Position};
use self::survey::Survey;
use crate::config::spool::{self, Full, Sync};
use crate::exit::Exit;
use crate::failure::{Failure, io_reason};
use crate::message::{Message, Qos};

/// How long a segment becomes, unless one record is longer.
const SEGMENT: u64 = 4 << 20;

/// How long the last segment of an empty spool may be before a new one is begun.
const LEFTOVER: u64 = 64 << 10;

/// What has become of messages that were to be taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Taken {
    /// How many are on the disk: the first ones.
    pub count: usize,
    /// Why the next one was not taken, if there is one.
    pub refusal: Option<Refusal>,
}

/// Why a message was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// There is no room now.
    Full,
    /// There would be no room in an empty spool either.
    TooLarge,
}

/// Where a message stands that was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ticket(Position);

/// A spool.
#[derive(Debug)]
pub struct Spool {
    folder: Folder,
    settings: spool::Spool,
    /// The segment that records are added to.
    last: Option<(Name, File)>,
    /// What has to be said, once.
    news: Vec<String>,
}

impl Spool {
    /// Opens a spool; it is made if messages are to be taken.
    ///
    /// # Errors
    /// That of a file, with the folder's name.
    pub fn open(settings: &spool::Spool) -> Result<Self, Failure> {
        let open = || {
            let folder = Folder::open(&settings.folder, settings.task == spool::Task::Take)?;
            let mut spool = Self {
                folder,
                settings: settings.clone(),
                last: None,
                news: Vec::new(),
            };
            spool.locked(Self::look_around)?;
            Ok(spool)
        };
        open().map_err(|error| failure(&settings.folder, "open", &error))
    }

    /// What has to be said since the last call.
    pub fn take_news(&mut self) -> Vec<String> {
        std::mem::take(&mut self.news)
    }

    /// Takes messages: when this returns, those that count are on the disk, as
    /// surely as the settings say. `tickets` gets the place of each of them.
    ///
    /// # Errors
    /// That of a file: none of the messages counts as taken that are not in
    /// `tickets`.
    pub fn take(&mut self, messages: &[Message], now: SystemTime, tickets: &mut Vec<Ticket>) -> Result<Taken, Failure> {
        let once = match self.settings.sync {
            Sync::Always => 1,
            Sync::Batch | Sync::None => messages.len(),
        };
        let mut count = 0;
        for some in messages.chunks(once.max(1)) {
            let before = tickets.len();
            let outcome = self.locked(|spool, index| spool.append(index, some, now, tickets));
            let outcome = outcome.and_then(|refusal| {
                if tickets.len() > before {
                    self.sync()?;
                }
                Ok(refusal)
            });
            match outcome {
                Ok(refusal) => {
                    count += tickets.len() - before;
                    if refusal.is_some() {
                        return Ok(Taken { count, refusal });
                    }
                }
                Err(error) => {
                    tickets.truncate(before);
                    return Err(self.failure("write to", &error));
                }
            }
        }
        Ok(Taken { count, refusal: None })
    }

    /// How many messages wait.
    ///
    /// # Errors
    /// That of a file.
    pub fn waiting(&mut self) -> Result<u64, Failure> {
        let waiting = self.locked(|_, index| Ok(index.messages));
        waiting.map_err(|error| self.failure("read", &error))
    }

    /// Before this, everything is delivered or given up.
    ///
    /// # Errors
    /// That of a file.
    pub fn start(&mut self) -> Result<Ticket, Failure> {
        let start = self.locked(|_, index| Ok(Ticket(index.start)));
        start.map_err(|error| self.failure("read", &error))
    }

    /// What there is.
    ///
    /// # Errors
    /// That of a file.
    pub fn status(&mut self) -> Result<Status, Failure> {
        let status = self.locked(|spool, index| {
            let survey = Survey::of(&spool.folder, index)?;
            Ok(Status {
                messages: survey.messages,
                bytes: survey.bytes,
                oldest: survey.oldest,
                losses: index.losses,
            })
        });
        status.map_err(|error| self.failure("read", &error))
    }

    /// Begins to deliver; `None` if another process does.
    ///
    /// # Errors
    /// That of a file.
    pub fn deliver(&mut self) -> Result<Option<Delivery>, Failure> {
        let delivery = match self.folder.lock_delivery() {
            Ok(Some(lock)) => self.locked(|spool, index| Delivery::new(lock, &spool.folder, index).map(Some)),
            Ok(None) => Ok(None),
            Err(error) => Err(error),
        };
        delivery.map_err(|error| self.failure("open", &error))
    }

    fn failure(&self, what: &str, error: &io::Error) -> Failure {
        failure(&self.settings.folder, what, error)
    }

    /// Does something while nobody else changes anything. What it says in the
    /// index is written there if it succeeds.
    fn locked<T>(&mut self, work: impl FnOnce(&mut Self, &mut Index) -> io::Result<T>) -> io::Result<T> {
        self.folder.lock()?;
        let outcome = self.with_index(work);
        self.folder.unlock();
        outcome
    }

    fn with_index<T>(&mut self, work: impl FnOnce(&mut Self, &mut Index) -> io::Result<T>) -> io::Result<T> {
        let (known, existed) = self.folder.read_index()?;
        let mut index = match known {
            Some(index) => index,
            None => self.rebuild(existed)?,
        };
        self.cut_tail(&mut index)?;
        let outcome = work(self, &mut index);
        // Also after a failure: what was done before it is done.
        if known != Some(index) {
            index.turn += 1;
            self.folder.write_index(&index)?;
            if known.is_none_or(|known| known.start.segment < index.start.segment) {
                self.folder.purge(index.start.segment)?;
            }
        }
        outcome
    }

    /// The index that the segments tell of; all that is in them counts as not
    /// delivered.
    fn rebuild(&mut self, existed: bool) -> io::Result<Index> {
        let names = self.folder.segments()?;
        let (Some(first), Some(last)) = (names.first(), names.last()) else {
            let name = Name::new(1);
            let position = Position { segment: 1, offset: 0 };
            return Ok(Index {
                start: position,
                end: position,
                salt: name.salt,
                ..Index::default()
            });
        };
        if existed || names.len() > 1 {
            self.news
                .push("the index of the spool was damaged: what was delivered before may be so again".to_owned());
        }
        let start = Position {
            segment: first.number,
            offset: 0,
        };
        let mut index = Index {
            start,
            exactly_once: true,
            five: true,
            ..Index::default()
        };
        self.move_to(&mut index, *last)?;
        Ok(index)
    }

    /// What only the first look finds: segments that the index does not know of,
    /// because a power failure has left an older one.
    fn look_around(&mut self, index: &mut Index) -> io::Result<()> {
        match self.folder.segments()?.last() {
            Some(last) if last.number > index.end.segment => self.move_to(index, *last),
            _ => Ok(()),
        }
    }

    /// The end is in this segment, and is looked for.
    fn move_to(&mut self, index: &mut Index, last: Name) -> io::Result<()> {
        index.end = Position {
            segment: last.number,
            offset: 0,
        };
        index.salt = last.salt;
        self.cut_tail(index)?;
        let survey = Survey::of(&self.folder, index)?;
        (index.messages, index.bytes) = (survey.messages, survey.bytes);
        Ok(())
    }

    /// Compares the end with that of the file. Records behind it were taken and the
    /// index not written; what is no record is cut off.
    fn cut_tail(&mut self, index: &mut Index) -> io::Result<()> {
        let Some(file) = self.last_segment(index)? else {
            if index.end.offset > 0 {
                self.lose_tail(index);
            }
            return Ok(());
        };
        let length = file.metadata()?.len();
        if length == index.end.offset {
            return Ok(());
        }
        if length < index.end.offset {
            // The index reached the disk and the records did not: what is put here
            // now must not be taken for delivered.
            self.lose_tail(index);
            return Ok(());
        }
        let found = Survey::behind(file.try_clone()?, index, length)?;
        index.messages += found.messages;
        index.bytes += found.bytes;
        index.exactly_once |= found.messages > 0;
        index.five |= found.messages > 0;
        index.losses.damaged += found.damaged;
        index.end.offset = found.end;
        if found.end < length {
            let torn = length - found.end;
            file.set_len(found.end)?;
            index.losses.damaged += torn;
            self.news
                .push(format!("cut {torn} bytes off the spool that were no whole message"));
        }
        Ok(())
    }

    /// Goes on in a new segment, because the last one is shorter than it was.
    fn lose_tail(&mut self, index: &mut Index) {
        let survey = Survey::of(&self.folder, index).unwrap_or_default();
        (index.messages, index.bytes) = (survey.messages, survey.bytes);
        self.news
            .push("the spool is shorter than it was: messages were lost in a power failure".to_owned());
        begin_segment(index);
        if index.messages == 0 {
            index.start = index.end;
        }
    }

    /// The file of the segment that the end is in, if there is one.
    fn last_segment(&mut self, index: &Index) -> io::Result<Option<&File>> {
        let name = Name {
            number: index.end.segment,
            salt: index.salt,
        };
        if self.last.as_ref().is_none_or(|(known, _)| *known != name) {
            self.last = self.folder.open_segment(name)?.map(|file| (name, file));
        }
        Ok(self.last.as_ref().map(|(_, file)| file))
    }

    /// Adds messages at the end, as many as there is room for.
    fn append(
        &mut self,
        index: &mut Index,
        messages: &[Message],
        now: SystemTime,
        tickets: &mut Vec<Ticket>,
    ) -> io::Result<Option<Refusal>> {
        self.expire(index, now)?;
        let mut new = Unwritten::default();
        let mut refusal = None;
        for message in messages {
            let size = record::size(message);
            refusal = self.make_room(index, &mut new, size)?;
            if refusal.is_some() {
                break;
            }
            let begun = index.end.offset + new.bytes.len() as u64;
            if begun > 0 && begun + size > SEGMENT {
                self.flush(index, &mut new)?;
                // Nobody comes back to this one to force it to the disk.
                self.sync()?;
                begin_segment(index);
            }
            let place = index.place().after(new.bytes.len());
            if record::write(&mut new.bytes, place, now, message).is_err() {
                refusal = Some(Refusal::TooLarge);
                break;
            }
            new.messages += 1;
            tickets.push(Ticket(Position {
                segment: index.end.segment,
                offset: place.offset,
            }));
            index.exactly_once |= message.qos == Qos::ExactlyOnce;
            index.five |= !message.properties.is_empty();
        }
        self.flush(index, &mut new)?;
        Ok(refusal)
    }

    /// Writes records to the end of the last segment, all or none.
    fn flush(&mut self, index: &mut Index, new: &mut Unwritten) -> io::Result<()> {
        if new.bytes.is_empty() {
            return Ok(());
        }
        if self.last_segment(index)?.is_none() {
            let name = Name {
                number: index.end.segment,
                salt: index.salt,
            };
            let file = self.folder.create_segment(name, self.settings.sync != Sync::None)?;
            self.last = Some((name, file));
        }
        let Some((_, file)) = &self.last else { return Ok(()) };
        if let Err(error) = file.write_all_at(&new.bytes, index.end.offset) {
            let _ = file.set_len(index.end.offset);
            return Err(error);
        }
        index.end.offset += new.bytes.len() as u64;
        index.bytes += new.bytes.len() as u64;
        index.messages += new.messages;
        *new = Unwritten::default();
        Ok(())
    }

    /// Has the last segment on the disk.
    fn sync(&self) -> io::Result<()> {
        match &self.last {
            Some((_, file)) if self.settings.sync != Sync::None => file.sync_data(),
            _ => Ok(()),
        }
    }

    /// Has what became of the messages on the disk.
    fn sync_index(&self) -> io::Result<()> {
        match self.settings.sync {
            Sync::None => Ok(()),
            Sync::Always | Sync::Batch => self.folder.sync_index(),
        }
    }

    /// Sees to it that there is room for so many bytes behind those that are not
    /// written yet.
    fn make_room(&mut self, index: &mut Index, new: &mut Unwritten, more: u64) -> io::Result<Option<Refusal>> {
        let Some(most) = self.settings.size else {
            return Ok(None);
        };
        if more > most {
            return Ok(Some(Refusal::TooLarge));
        }
        if index.bytes + new.bytes.len() as u64 + more <= most {
            return Ok(None);
        }
        if self.settings.full == Full::Refuse {
            return Ok(Some(Refusal::Full));
        }
        self.flush(index, new)?;
        let excess = (index.bytes + more).saturating_sub(most);
        let dropped = Survey::drop_oldest(&self.folder, index, |_, bytes| bytes < excess)?;
        index.losses.dropped += dropped;
        Ok(None)
    }

    /// Drops what is older than the limit of age.
    fn expire(&mut self, index: &mut Index, now: SystemTime) -> io::Result<()> {
        if let Some(age) = self.settings.age
            && index.messages > 0
        {
            let dropped = Survey::drop_oldest(&self.folder, index, |time, _| older(time, age, now))?;
            index.losses.expired += dropped;
        }
        Ok(())
    }
}

/// Records on their way to a segment.
#[derive(Debug, Default)]
struct Unwritten {
    bytes: Vec<u8>,
    messages: u64,
}

/// Whether what was taken at `time` is older than `age`. A clock that was set back
/// makes nothing older.
fn older(time: SystemTime, age: Duration, now: SystemTime) -> bool {
    now.duration_since(time).is_ok_and(|passed| passed > age)
}

/// The end is at the beginning of a new segment.
fn begin_segment(index: &mut Index) {
    let name = Name::new(index.end.segment + 1);
    index.end = Position {
        segment: name.number,
        offset: 0,
    };
    index.salt = name.salt;
}

fn failure(folder: &Path, what: &str, error: &io::Error) -> Failure {
    let text = format!("cannot {what} the spool {}: {}", folder.display(), io_reason(error));
    Failure::new(Exit::Failed, text)
}

#[cfg(test)]
mod tests;

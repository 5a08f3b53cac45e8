//! Delivers from a spool: hands out messages in order, and notes what became of
//! them. Only one process at a time does that.

use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::time::{Duration, Instant, SystemTime};

use super::folder::Folder;
use super::index::{Index, Position};
use super::survey::{Cursor, Located, Survey};
use super::{LEFTOVER, Spool, Ticket, begin_segment, older};
use crate::chance;
use crate::failure::Failure;
use crate::message::{Message, Properties, Qos, Value};
use crate::property::{MESSAGE_EXPIRY_INTERVAL, Property};

/// How many bytes are handed out at once, or one message.
const PORTION: u64 = 1 << 20;

/// How often what became of the messages is forced to the disk.
const SYNC: Duration = Duration::from_secs(1);

/// What became of a message that was handed out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// Which one.
    pub ticket: Ticket,
    /// Whether it was delivered; otherwise it was refused for good.
    pub delivered: bool,
}

/// A record that was read and is not settled.
#[derive(Debug)]
struct Flight {
    begin: Position,
    /// What is before this is settled with it.
    end: Position,
    size: u64,
    /// It is too old and was not handed out.
    expired: bool,
}

/// What messages need of the connection that delivers them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Needs {
    /// Some are of `QoS` 2.
    pub exactly_once: bool,
    /// Some have properties, which are those of MQTT 5.
    pub properties: bool,
}

impl Needs {
    fn of(message: &Message) -> Self {
        Self {
            exactly_once: message.qos == Qos::ExactlyOnce,
            properties: !message.properties.is_empty(),
        }
    }

    /// What either needs.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            exactly_once: self.exactly_once || other.exactly_once,
            properties: self.properties || other.properties,
        }
    }
}

/// The right to deliver.
#[derive(Debug)]
pub struct Delivery {
    /// Ends with this.
    lock: File,
    cursor: Cursor,
    flying: VecDeque<Flight>,
    client_id: String,
    needs: Needs,
    /// What the connection that delivers can do.
    offer: Needs,
    /// The next message needs more than that.
    held: bool,
    /// Something was settled since the last time that this was on the disk.
    unsynced: bool,
    last_sync: Instant,
}

impl Delivery {
    pub(super) fn new(lock: File, folder: &Folder, index: &Index) -> io::Result<Self> {
        // No longer than MQTT 3.1 allows.
        let client_id = folder.text("client", || format!("mqpub-{}", chance::name()))?;
        Ok(Self {
            lock,
            cursor: Cursor::new(index.start),
            flying: VecDeque::new(),
            client_id,
            needs: Needs {
                exactly_once: index.exactly_once,
                properties: index.five,
            },
            offer: Needs {
                exactly_once: true,
                properties: true,
            },
            held: false,
            unsynced: false,
            last_sync: Instant::now(),
        })
    }

    /// A client identifier that is this spool's own.
    pub fn client_id(&self) -> &str {
        &self.client_id
    }

    /// What messages may need, of those that waited at the start or hold the others
    /// up.
    pub fn needs(&self) -> Needs {
        self.needs
    }

    /// Says what the connection can do; everything, before that. Messages that need more are not handed out,
    /// nor what is behind them.
    pub fn offer(&mut self, offer: Needs) {
        self.offer = offer;
        self.held = false;
    }

    /// Whether the next message needs another connection.
    pub fn is_held_up(&self) -> bool {
        self.held
    }

    /// Whether nothing that was handed out waits to be settled.
    pub fn is_idle(&self) -> bool {
        self.flying.is_empty()
    }

    /// How many of those that were handed out are not settled.
    pub fn underway(&self) -> usize {
        self.flying.len()
    }

    /// The next messages, in order, at most `most`. What says how long it is worth
    /// anything has that shortened by the time that it has been here (MQTT 5,
    /// 3.3.2.3.3).
    ///
    /// # Errors
    /// That of a file.
    pub fn next(&mut self, spool: &mut Spool, most: usize, now: SystemTime) -> Result<Vec<Message>, Failure> {
        let messages = spool.locked(|spool, index| self.read(spool, index, most, now));
        messages.map_err(|error| spool.failure("read", &error))
    }

    fn read(&mut self, spool: &mut Spool, index: &mut Index, most: usize, now: SystemTime) -> io::Result<Vec<Message>> {
        // What another process has dropped meanwhile is not handed out.
        if self.cursor.position < index.start {
            self.cursor = Cursor::new(index.start);
        }
        let (mut messages, mut size) = (Vec::new(), 0);
        while messages.len() < most && size < PORTION {
            let Some(located) = self.cursor.next(&spool.folder, index)? else {
                self.pass_over(index, index.end);
                break;
            };
            self.pass_over(index, located.begin);
            let needs = Needs::of(&located.record.message);
            if self.offer.and(needs) != self.offer {
                // Another process has taken it, after this delivery had begun.
                self.needs = self.needs.and(needs);
                self.held = true;
                self.cursor = Cursor::new(located.begin);
                break;
            }
            size += located.size();
            let expired = spool
                .settings
                .age
                .is_some_and(|age| older(located.record.time, age, now));
            let Located { begin, end, record } = located;
            let message = Some(record.message).filter(|_| !expired);
            let message = message.and_then(|message| remaining(message, record.time, now));
            self.flying.push_back(Flight {
                begin,
                end,
                size: end.offset - begin.offset,
                expired: message.is_none(),
            });
            messages.extend(message);
        }
        self.retire_expired(index);
        let strange = std::mem::take(&mut self.cursor.strange);
        if strange > 0 {
            index.losses.damaged += strange;
            spool.news.push(format!(
                "passed over {strange} bytes of the spool that are no message any more"
            ));
            // It is not known how many there were.
            let survey = Survey::of(&spool.folder, index)?;
            (index.messages, index.bytes) = (survey.messages, survey.bytes);
        }
        Ok(messages)
    }

    /// Nothing before this place is left but what flies.
    fn pass_over(&mut self, index: &mut Index, place: Position) {
        match self.flying.back_mut() {
            Some(flight) => flight.end = place,
            None => index.start = index.start.max(place),
        }
    }

    /// Of each message in the order in which they were handed out, whether it was
    /// delivered, or refused for good: they are here no longer. Also tells which
    /// messages they were.
    ///
    /// # Errors
    /// That of a file.
    pub fn settle(&mut self, spool: &mut Spool, delivered: &[bool]) -> Result<Vec<Outcome>, Failure> {
        if delivered.is_empty() {
            return Ok(Vec::new());
        }
        let outcomes = spool.locked(|_, index| {
            let mut outcomes = Vec::with_capacity(delivered.len());
            for &delivered in delivered {
                self.retire_expired(index);
                if let Some(flight) = self.flying.pop_front() {
                    index.losses.refused += u64::from(!delivered);
                    flight.retire(index);
                    let ticket = Ticket(flight.begin);
                    outcomes.push(Outcome { ticket, delivered });
                }
            }
            self.retire_expired(index);
            Ok(outcomes)
        });
        let outcomes = outcomes.and_then(|outcomes| {
            self.unsynced = true;
            if self.last_sync.elapsed() >= SYNC {
                self.last_sync = Instant::now();
                self.unsynced = false;
                spool.sync_index()?;
            }
            Ok(outcomes)
        });
        outcomes.map_err(|error| spool.failure("write to", &error))
    }

    /// Settles those at the front that were too old.
    fn retire_expired(&mut self, index: &mut Index) {
        while self.flying.front().is_some_and(|flight| flight.expired)
            && let Some(flight) = self.flying.pop_front()
        {
            index.losses.expired += 1;
            flight.retire(index);
        }
    }

    /// Ends the delivery, unless there is more to deliver. Who takes a message
    /// after this finds nobody delivering, and who took one before it has left
    /// it to us.
    ///
    /// # Errors
    /// That of a file.
    pub fn finish(self, spool: &mut Spool) -> Result<Option<Self>, Failure> {
        let unsynced = self.unsynced;
        let outcome = spool.locked(|_, index| {
            if !self.flying.is_empty() || self.cursor.position.max(index.start) < index.end {
                return Ok(Some(self));
            }
            index.start = index.end;
            (index.messages, index.bytes) = (0, 0);
            (index.exactly_once, index.five) = (false, false);
            if index.end.offset >= LEFTOVER {
                begin_segment(index);
                index.start = index.end;
            }
            drop(self.lock);
            Ok(None)
        });
        let outcome = outcome.and_then(|more| {
            if unsynced && more.is_none() {
                spool.sync_index()?;
            }
            Ok(more)
        });
        outcome.map_err(|error| spool.failure("write to", &error))
    }

    /// Ends the delivery; what is not settled waits for the next one.
    ///
    /// # Errors
    /// That of a file.
    pub fn give_up(self, spool: &mut Spool) -> Result<(), Failure> {
        let outcome = if self.unsynced { spool.sync_index() } else { Ok(()) };
        outcome.map_err(|error| spool.failure("write to", &error))
    }
}

impl Flight {
    /// It is here no longer. What another process has dropped is not counted twice.
    fn retire(&self, index: &mut Index) {
        if self.begin >= index.start {
            index.messages = index.messages.saturating_sub(1);
            index.bytes = index.bytes.saturating_sub(self.size);
        }
        index.start = index.start.max(self.end);
    }
}

/// The message as it is to be sent now, if it was taken then; `None` if it is worth
/// nothing any more.
fn remaining(mut message: Message, taken: SystemTime, now: SystemTime) -> Option<Message> {
    let Some(interval) = message.properties.number(MESSAGE_EXPIRY_INTERVAL) else {
        return Some(message);
    };
    let passed = now.duration_since(taken).unwrap_or_default().as_secs();
    let left = u64::from(interval).checked_sub(passed);
    let left = left.filter(|left| *left > 0 || passed == 0)?;
    let mut properties = Properties::default();
    for Property { id, value } in &message.properties {
        let value = match *id {
            MESSAGE_EXPIRY_INTERVAL => Value::Number(u32::try_from(left).unwrap_or(interval)),
            _ => value.clone(),
        };
        properties.push(*id, value);
    }
    message.properties = properties;
    Some(message)
}

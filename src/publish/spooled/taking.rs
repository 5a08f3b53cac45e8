//! From the input to the disk.

use std::time::{Instant, SystemTime};

use super::super::{BATCH, cannot_make};
use super::Run;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::spool::Refusal;

impl Run {
    /// Makes messages of what was read, and has them on the disk.
    pub(super) fn take(&mut self) -> anyhow::Result<()> {
        loop {
            self.refill();
            if self.held.is_empty() {
                self.held = self.feed.take(Instant::now(), true).into();
                if let Some(why) = self.feed.fault() {
                    self.failure.get_or_insert(cannot_make(&why));
                }
            }
            if self.held.is_empty() {
                return Ok(());
            }
            let mut tickets = Vec::new();
            let now = SystemTime::now();
            let taken = self.spool.take(self.held.make_contiguous(), now, &mut tickets);
            self.taken += tickets.len() as u64;
            self.exhausted = false;
            if !self.stream {
                self.own.extend(tickets);
            }
            let taken = taken?;
            self.held.drain(..taken.count);
            match taken.refusal {
                None => {}
                Some(Refusal::Full) => {
                    if !self.stream {
                        let why = "the spool is full (--spool-limit)";
                        self.failure.get_or_insert(Failure::new(Exit::Failed, why));
                    } else if !std::mem::replace(&mut self.told_full, true) {
                        self.say("the spool is full (--spool-limit): nothing is read until there is room");
                    }
                    return Ok(());
                }
                Some(Refusal::TooLarge) => {
                    self.held.pop_front();
                    let why = "a message is larger than the spool may be (--spool-limit)";
                    self.bad(Failure::new(Exit::Failed, why));
                }
            }
        }
    }

    /// Makes messages of records that were read.
    fn refill(&mut self) {
        while self.held.is_empty()
            && self.feed.wants_records()
            && let Some(stream) = &mut self.input.stream
        {
            let records: Vec<_> = std::iter::from_fn(|| stream.next()).take(BATCH).collect();
            let (is_over, is_empty) = (stream.is_over(), stream.waiting() == 0);
            for (number, record) in records {
                if let Err(why) = self.feed.add(&record) {
                    self.bad(Failure::new(Exit::Failed, format!("line {number}: {why}")));
                    if self.failure.is_some() {
                        return;
                    }
                }
            }
            if is_over {
                self.feed.close();
            } else if is_empty {
                return;
            }
        }
    }

    /// Something that was read cannot be taken.
    fn bad(&mut self, why: Failure) {
        self.bad_records += 1;
        if self.keep_going {
            self.progress.clear();
            self.report.warn(&why);
        } else {
            self.failure.get_or_insert(why);
            self.stop_reading();
            self.feed.close();
        }
    }

    /// Nothing more is read; what was read is still taken.
    pub(super) fn stop_reading(&mut self) {
        if let Some(stream) = &mut self.input.stream {
            stream.stop();
            if stream.is_over() {
                self.feed.close();
            }
        }
    }
}

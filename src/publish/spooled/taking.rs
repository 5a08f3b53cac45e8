//! From the input to the disk.

use std::time::{Instant, SystemTime};

use super::super::cannot_make;
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
        if self.held.is_empty() {
            for why in self.input.fill(&mut self.feed, self.keep_going, |_| ()) {
                self.bad(why);
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
        self.input.stop(&mut self.feed);
    }
}

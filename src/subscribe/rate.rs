//! Prints each second how many messages have come.

use std::fs::File;
use std::io::{self, Write as _};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::sink::Shared;

const SECOND: Duration = Duration::from_secs(1);

/// The printer of the rate.
#[derive(Debug)]
pub(super) struct Rate {
    output: File,
    /// When the next line is due.
    next: Option<Instant>,
}

impl Rate {
    pub(super) fn new(output: File) -> Self {
        Self { output, next: None }
    }

    /// The first second begins, unless it has begun before.
    pub(super) fn begin(&mut self, now: Instant) {
        self.next.get_or_insert(now + SECOND);
    }

    /// When the next line is due.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.next
    }

    /// Prints a line if it is due. A reader that does not read misses some: the
    /// run does not wait for it.
    ///
    /// # Errors
    /// That of the write.
    pub(super) fn tell(&mut self, shared: &Shared, now: Instant) -> io::Result<()> {
        let Some(next) = self.next.filter(|next| *next <= now) else {
            return Ok(());
        };
        // A machine that was asleep does not make up for it.
        self.next = Some((next + SECOND).max(now));
        let came = shared.take_came();
        let mut ready = [PollFd::new(&self.output, PollFlags::OUT)];
        if poll(&mut ready, Some(&Timespec::default())) == Ok(0) {
            return Ok(());
        }
        self.output.write_all(format!("{came} msgs/s\n").as_bytes())
    }
}

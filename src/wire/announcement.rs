//! How many PUBLISH packets Paho was given and has not written: until they have
//! come, others may wait for them in the buffer.

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use super::line::Line;
use super::seam::with_line;

/// PUBLISH packets that Paho was given and has not written.
static EXPECTED: AtomicI64 = AtomicI64::new(0);
/// None will come after these.
static LAST: AtomicBool = AtomicBool::new(false);

/// The announcement of PUBLISH packets that Paho will write soon.
pub(crate) struct Announcement {
    left: i64,
}

impl Announcement {
    /// Announces so many; `last` if no other will come after them.
    pub(crate) fn new(count: usize, last: bool) -> Self {
        let left = i64::try_from(count).unwrap_or(i64::MAX);
        LAST.store(last, Ordering::Relaxed);
        EXPECTED.fetch_add(left, Ordering::Relaxed);
        Self { left }
    }

    /// Paho has been given one of them.
    pub(crate) fn kept(&mut self) {
        self.left -= 1;
    }
}

impl Drop for Announcement {
    /// Those that will not come after all must not hold up the others.
    fn drop(&mut self) {
        if self.left > 0 {
            EXPECTED.fetch_sub(self.left, Ordering::Relaxed);
            with_line(Line::push_out);
        }
    }
}

/// Paho has written a packet, which is a PUBLISH or not: how many more PUBLISH
/// packets are on their way, and whether this was the last one of all.
pub(super) fn written(publish: bool) -> (u64, bool) {
    let expected = if publish {
        EXPECTED.fetch_sub(1, Ordering::Relaxed) - 1
    } else {
        EXPECTED.load(Ordering::Relaxed)
    };
    let expected = u64::try_from(expected).unwrap_or(0);
    (expected, expected == 0 && LAST.load(Ordering::Relaxed))
}

/// Nothing is on its way on a new line.
pub(super) fn forget() {
    EXPECTED.store(0, Ordering::Relaxed);
    LAST.store(false, Ordering::Relaxed);
}

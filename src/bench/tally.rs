//! The messages of a connection: what stands in their payloads, and what has come
//! of them. Pure: what time it is comes in as an argument.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;

use crate::latency::Latencies;

/// The payload of a message: its number and when it was to leave, since the
/// beginning of the run, eight bytes each, big end first; zeros behind it.
pub(super) fn payload(number: u64, time: Duration, size: usize) -> Bytes {
    let nanos = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
    let mut payload = Vec::with_capacity(size);
    payload.extend(number.to_be_bytes());
    payload.extend(nanos.to_be_bytes());
    payload.resize(size, 0);
    payload.into()
}

/// The number and the time that stand in a payload of this size.
fn parse(payload: &[u8], size: usize) -> Option<(u64, Duration)> {
    let (number, rest) = payload.split_first_chunk()?;
    let (nanos, _) = rest.split_first_chunk()?;
    let found = (u64::from_be_bytes(*number), u64::from_be_bytes(*nanos));
    (payload.len() == size).then_some((found.0, Duration::from_nanos(found.1)))
}

/// What has come of the messages.
#[derive(Debug)]
pub(super) struct Tally {
    size: usize,
    /// Which have come, a bit each, from number `from` on; all before it have.
    seen: VecDeque<u64>,
    from: u64,
    /// How many were given to the session.
    pub(super) sent: u64,
    /// How many of those have come.
    pub(super) received: u64,
    /// How many copies have come of such as had come before.
    pub(super) duplicated: u64,
    /// How many came after one that was sent later.
    pub(super) reordered: u64,
    /// One more than the largest number that has come.
    pub(super) next: u64,
    /// When the last one came, since the beginning of the run.
    pub(super) last: Duration,
    pub(super) latencies: Latencies,
}

impl Tally {
    /// Nothing has been sent.
    pub(super) fn new(size: usize, latencies: Latencies) -> Self {
        Self {
            size,
            seen: VecDeque::new(),
            from: 0,
            sent: 0,
            received: 0,
            duplicated: 0,
            reordered: 0,
            next: 0,
            last: Duration::ZERO,
            latencies,
        }
    }

    /// A message has come. What was not sent by this run is passed over.
    pub(super) fn take(&mut self, payload: &[u8], now: Duration) {
        let Some((number, time)) = parse(payload, self.size).filter(|(number, _)| *number < self.sent) else {
            return;
        };
        self.last = now;
        if !self.mark(number) {
            self.duplicated += 1;
            return;
        }
        self.received += 1;
        if number < self.next {
            self.reordered += 1;
        }
        self.next = self.next.max(number + 1);
        self.latencies.note(now.saturating_sub(time));
    }

    /// Notes that it has come; `false` if it had before.
    fn mark(&mut self, number: u64) -> bool {
        let Some(offset) = number.checked_sub(self.from) else {
            return false;
        };
        let (Ok(word), bit) = (usize::try_from(offset / 64), 1 << (offset % 64)) else {
            return false;
        };
        if word >= self.seen.len() {
            self.seen.resize(word + 1, 0);
        }
        let Some(bits) = self.seen.get_mut(word) else {
            return false;
        };
        let is_new = *bits & bit == 0;
        *bits |= bit;
        while self.seen.front() == Some(&u64::MAX) {
            self.seen.pop_front();
            self.from += 64;
        }
        is_new
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn tally(sent: u64) -> Tally {
        let mut tally = Tally::new(20, Latencies::new().unwrap());
        tally.sent = sent;
        tally
    }

    #[test]
    fn what_is_lost_doubled_and_late() {
        let mut tally = tally(6);
        for (number, at) in [(0, 3), (2, 4), (1, 5), (2, 6), (5, 7)] {
            tally.take(&payload(number, MS * 2, 20), MS * at);
        }
        assert_eq!((tally.received, tally.duplicated, tally.reordered), (4, 1, 1));
        assert_eq!((tally.next, tally.last), (6, MS * 7));
        assert_eq!(tally.latencies.quantile(0.0), Some(1.0));
        assert_eq!(tally.latencies.quantile(1.0), Some(5.003));
    }

    #[test]
    fn what_is_not_ours_does_not_count() {
        let mut tally = tally(2);
        for foreign in [&b""[..], &[0; 19], &[0; 21], &payload(2, MS, 20), &[0xff; 20]] {
            tally.take(foreign, MS);
        }
        assert_eq!((tally.received, tally.last), (0, Duration::ZERO));
    }

    #[test]
    fn what_has_come_in_order_takes_no_memory() {
        let mut tally = tally(100_000);
        for number in 0..100_000 {
            tally.take(&payload(number, MS, 20), MS);
        }
        assert!(tally.seen.len() <= 1, "{}", tally.seen.len());
        tally.take(&payload(7, MS, 20), MS);
        tally.take(&payload(99_999, MS, 20), MS);
        assert_eq!((tally.received, tally.duplicated, tally.reordered), (100_000, 2, 0));
    }
}

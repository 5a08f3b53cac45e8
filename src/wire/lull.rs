//! A broker that sends packet by packet wakes the receiving thread for each, and
//! to be woken costs more than what came. So when this happens quickly and time
//! and again, the thread sleeps for a moment before it waits, and then reads at
//! once what has gathered. By then it has let out all that it had; only what is
//! still to come waits, a fraction of a millisecond.
//!
//! A broker that has nothing more to send before it hears from us would be held
//! up. That shows: then less has gathered than came before in the same time, and
//! it is tried less and less often.

use std::time::{Duration, Instant};

/// How long it sleeps; the system adds about half of that.
const NAP: Duration = Duration::from_micros(100);

/// How far apart the times are, on average, that are quick.
const QUICK: Duration = Duration::from_micros(64);

/// How many bytes they bring, on average; who gets more is not woken for little.
const LITTLE: usize = 4096;

/// How many of them are a reason to sleep, at first and after many failures.
const FEW: u32 = 16;
const MANY: u32 = 4096;

/// What the receiving thread remembers of the last times that it was woken.
#[derive(Debug)]
pub(super) struct Lull {
    /// Since when the following is counted.
    since: Option<Instant>,
    woken: u32,
    bytes: usize,
    /// How many times are a reason to sleep, now.
    reason: u32,
    /// While it sleeps: how many bytes a second came without that.
    pace: Option<f64>,
}

impl Lull {
    pub(super) const fn new() -> Self {
        Self {
            since: None,
            woken: 0,
            bytes: 0,
            reason: FEW,
            pace: None,
        }
    }

    /// So many bytes have been read.
    pub(super) fn came(&mut self, bytes: usize) {
        self.bytes += bytes;
    }

    /// The thread is about to wait, at this moment: how long it is to sleep first.
    pub(super) fn before_waiting(&mut self, now: Instant) -> Option<Duration> {
        let taken = self.since.map(|since| now.saturating_duration_since(since));
        self.woken += 1;
        match (taken, self.pace) {
            (Some(taken), Some(pace)) => {
                if self.per_second(taken) * 3.0 < pace * 2.0 {
                    self.reason = (self.reason * 2).min(MANY);
                    self.pace = None;
                } else {
                    self.reason = FEW;
                }
            }
            (Some(taken), None) if taken <= QUICK * self.woken => {
                if self.woken < self.reason {
                    return None;
                }
                let little = self.bytes / LITTLE < self.woken as usize;
                self.pace = little.then(|| self.per_second(taken));
            }
            _ => {}
        }
        self.since = Some(now);
        self.woken = 0;
        self.bytes = 0;
        self.pace.map(|_| NAP)
    }

    #[expect(clippy::cast_precision_loss, reason = "few bytes, to be compared roughly")]
    fn per_second(&self, taken: Duration) -> f64 {
        self.bytes as f64 / taken.as_secs_f64()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lets packets of this size come, so many at a time, as far apart as is said;
    /// how often there was sleep.
    fn sleeps(lull: &mut Lull, now: &mut Instant, times: u32, gap: Duration, bytes: usize) -> u32 {
        let mut sleeps = 0;
        for _ in 0..times {
            lull.came(bytes);
            *now += gap;
            sleeps += u32::from(lull.before_waiting(*now).is_some());
        }
        sleeps
    }

    #[test]
    fn who_is_woken_slowly_is_woken_at_once() {
        let (mut lull, mut now) = (Lull::new(), Instant::now());
        assert_eq!(sleeps(&mut lull, &mut now, 1000, Duration::from_micros(70), 4), 0);
    }

    #[test]
    fn who_is_woken_quickly_for_little_sleeps() {
        let (mut lull, mut now) = (Lull::new(), Instant::now());
        let gap = Duration::from_micros(20);
        assert_eq!(sleeps(&mut lull, &mut now, FEW, gap, 4), 0);
        assert_eq!(sleeps(&mut lull, &mut now, 1, gap, 4), 1);
        // Seven packets gather in that time.
        let gap = Duration::from_micros(140);
        assert_eq!(sleeps(&mut lull, &mut now, 1000, gap, 28), 1000);
        // They become few.
        assert_eq!(sleeps(&mut lull, &mut now, 1, gap, 16), 0);
    }

    #[test]
    fn who_is_woken_for_much_does_not_sleep() {
        let (mut lull, mut now) = (Lull::new(), Instant::now());
        assert_eq!(
            sleeps(&mut lull, &mut now, 1000, Duration::from_micros(20), LITTLE + 400),
            0
        );
    }

    /// One message at a time: the next comes only when we have answered.
    #[test]
    fn whoever_waits_for_us_is_held_up_rarely() {
        let (mut lull, mut now) = (Lull::new(), Instant::now());
        let mut sleeps = 0;
        let mut slept = false;
        for _ in 0..100_000 {
            lull.came(4);
            now += Duration::from_micros(if slept { 170 } else { 40 });
            slept = lull.before_waiting(now).is_some();
            sleeps += u32::from(slept);
        }
        assert!(sleeps < 40, "{sleeps}");
    }

    #[test]
    fn after_a_silence_it_is_counted_anew() {
        let (mut lull, mut now) = (Lull::new(), Instant::now());
        let gap = Duration::from_micros(20);
        assert_eq!(sleeps(&mut lull, &mut now, FEW, gap, 4), 0);
        now += Duration::from_secs(1);
        assert_eq!(sleeps(&mut lull, &mut now, FEW, gap, 4), 0);
    }
}

//! When the next message may leave: a rate, or a fixed rhythm. Pure arithmetic on
//! instants that the caller gives.

use std::time::{Duration, Instant};

/// How much of a rate may leave at once after a pause: enough that a rate of
/// thousands a second does not need thousands of wake-ups.
const BURST: Duration = Duration::from_millis(10);

/// Lets messages go one by one.
#[derive(Clone, Copy, Debug)]
pub struct Pacer {
    /// The time between two messages.
    interval: Duration,
    /// How many may leave at once.
    burst: u32,
    /// When the next message would leave if all had left in time.
    due: Instant,
}

impl Pacer {
    /// At most `count` messages in every `period`, evenly.
    pub fn rate(count: u32, period: Duration, now: Instant) -> Self {
        let interval = period / count.max(1);
        let burst = BURST.as_nanos() / interval.as_nanos().max(1);
        Self {
            interval,
            burst: u32::try_from(burst).unwrap_or(u32::MAX).max(1),
            due: now,
        }
    }

    /// One message every `interval`, the first one now; late ones do not move
    /// those after them.
    pub fn rhythm(interval: Duration, now: Instant) -> Self {
        Self {
            interval,
            burst: u32::MAX,
            due: now,
        }
    }

    /// How many messages may leave now.
    pub fn allowance(&mut self, now: Instant) -> usize {
        let Some(late) = now.checked_duration_since(self.due) else {
            return 0;
        };
        let missed = late.as_nanos() / self.interval.as_nanos().max(1) + 1;
        let missed = u32::try_from(missed).unwrap_or(u32::MAX);
        if missed > self.burst {
            // What a pause has left unused is gone.
            let unused = self.interval * (self.burst - 1);
            self.due = now.checked_sub(unused).unwrap_or(now);
        }
        missed.min(self.burst) as usize
    }

    /// So many have left.
    pub fn spend(&mut self, count: usize) {
        self.due += self.interval * u32::try_from(count).unwrap_or(u32::MAX);
    }

    /// When the next one may leave.
    pub fn next(&self) -> Instant {
        self.due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn a_low_rate_is_even() {
        let start = Instant::now();
        let mut pacer = Pacer::rate(50, Duration::from_secs(1), start);
        assert_eq!(pacer.allowance(start), 1);
        pacer.spend(1);
        assert_eq!(pacer.allowance(start + 19 * MS), 0);
        assert_eq!(pacer.next(), start + 20 * MS);
        assert_eq!(pacer.allowance(start + 20 * MS), 1);
        pacer.spend(1);
        // A pause is not made up for.
        assert_eq!(pacer.allowance(start + 1000 * MS), 1);
        pacer.spend(1);
        assert_eq!(pacer.allowance(start + 1001 * MS), 0);
    }

    #[test]
    fn a_high_rate_comes_in_small_bursts_and_never_exceeds_itself() {
        let start = Instant::now();
        let mut pacer = Pacer::rate(10_000, Duration::from_secs(1), start);
        let mut sent = 0;
        for step in 0..=1000 {
            let allowed = pacer.allowance(start + step * MS);
            assert!(allowed <= 100);
            pacer.spend(allowed);
            sent += allowed;
        }
        assert!((9_990..=10_010).contains(&sent), "{sent}");
    }

    #[test]
    fn a_rhythm_does_not_drift() {
        let start = Instant::now();
        let mut pacer = Pacer::rhythm(100 * MS, start);
        assert_eq!(pacer.allowance(start), 1);
        pacer.spend(1);
        assert_eq!(pacer.allowance(start + 150 * MS), 1);
        pacer.spend(1);
        assert_eq!(pacer.next(), start + 200 * MS);
        // Those that a pause has held up follow at once.
        assert_eq!(pacer.allowance(start + 450 * MS), 3);
    }
}

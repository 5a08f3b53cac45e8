//! When the next message may leave: a rate, a fixed rhythm, or the times of a
//! recording. Pure arithmetic on instants that the caller gives.

use std::collections::VecDeque;
use std::fmt;
use std::time::{Duration, Instant, SystemTime};

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

/// From when on a message counts as late.
const LATE: Duration = Duration::from_millis(10);

/// How late the messages of a recording left.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lateness {
    /// How many left more than ten milliseconds after they were due.
    pub count: u64,
    /// How late the latest of them was.
    pub most: Duration,
}

impl fmt::Display for Lateness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let messages = if self.count == 1 { "message" } else { "messages" };
        let most = self.most.as_secs_f64();
        write!(
            f,
            "{} {messages} left late, at most {most:.3} s after their time",
            self.count
        )
    }
}

/// When the messages of a recording are due, by the times that stand in it.
#[derive(Clone, Debug)]
pub struct Timeline {
    /// How many times as fast as recorded.
    speed: f64,
    /// When the playing began.
    origin: Option<Instant>,
    /// The time of the first record of this round, and how long after the origin
    /// it was due.
    first: Option<(SystemTime, Duration)>,
    /// How long after the origin the last record was due.
    last: Duration,
    /// How long after the origin each message is due that has not left.
    due: VecDeque<Duration>,
    lateness: Lateness,
}

impl Timeline {
    /// Nothing is due yet.
    pub fn new(speed: f64) -> Self {
        Self {
            speed,
            origin: None,
            first: None,
            last: Duration::ZERO,
            due: VecDeque::new(),
            lateness: Lateness::default(),
        }
    }

    /// The next message was recorded at this time; one with an earlier time than
    /// its predecessor is due together with it.
    pub fn add(&mut self, time: SystemTime) {
        let (first, since) = *self.first.get_or_insert((time, self.last));
        let recorded = time.duration_since(first).unwrap_or_default().as_secs_f64();
        let offset = Duration::try_from_secs_f64(recorded / self.speed).unwrap_or(Duration::MAX);
        self.last = self.last.max(since.saturating_add(offset));
        self.due.push_back(self.last);
    }

    /// The recording begins again, where it has ended.
    pub fn rewind(&mut self) {
        self.first = None;
    }

    /// How many messages may leave now; they count as gone.
    pub fn spend(&mut self, now: Instant) -> usize {
        let elapsed = now.saturating_duration_since(*self.origin.get_or_insert(now));
        let count = self.due.partition_point(|due| *due <= elapsed);
        for due in self.due.drain(..count) {
            let late = elapsed.saturating_sub(due);
            if late > LATE {
                self.lateness.count += 1;
                self.lateness.most = self.lateness.most.max(late);
            }
        }
        count
    }

    /// When the next one may leave, if there is one and the playing has begun.
    pub fn next(&self) -> Option<Instant> {
        self.origin?.checked_add(*self.due.front()?)
    }

    /// How late the messages were so far.
    pub fn lateness(&self) -> Lateness {
        self.lateness
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::UNIX_EPOCH;

    #[test]
    fn a_recording_keeps_its_distances() {
        let start = Instant::now();
        let mut timeline = Timeline::new(2.0);
        for seconds in [100, 104, 102, 110] {
            timeline.add(UNIX_EPOCH + Duration::from_secs(seconds));
        }
        assert_eq!(timeline.next(), None, "it begins with the first message");
        assert_eq!(timeline.spend(start), 1);
        assert_eq!(timeline.next(), Some(start + 2000 * MS));
        assert_eq!(timeline.spend(start + 1999 * MS), 0);
        assert_eq!(timeline.spend(start + 2010 * MS), 2, "not before its predecessor");
        assert_eq!(timeline.lateness(), Lateness::default());
        assert_eq!(timeline.spend(start + 5600 * MS), 1);
        assert_eq!(
            timeline.lateness(),
            Lateness {
                count: 1,
                most: 600 * MS
            }
        );
        timeline.rewind();
        timeline.add(UNIX_EPOCH + Duration::from_secs(100));
        timeline.add(UNIX_EPOCH + Duration::from_secs(102));
        assert_eq!(timeline.spend(start + 5600 * MS), 1, "it begins where it ended");
        assert_eq!(timeline.next(), Some(start + 6000 * MS));
    }

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

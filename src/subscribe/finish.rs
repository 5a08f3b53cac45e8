//! Decides when a run is at its end, and with what. Pure: what has happened and
//! what time it is come in as arguments.

use std::time::Instant;

use crate::config::subscribe::Ends;
use crate::exit::Exit;
use crate::failure::Failure;

/// How a run ends by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// What was asked for is here.
    Done,
    /// The time ran out first.
    OutOfTime,
    /// There was silence for too long first.
    Silent(Failure),
}

/// The decision.
#[derive(Debug)]
pub(super) struct Finish {
    ends: Ends,
    /// When the time runs out.
    deadline: Option<Instant>,
    /// Something that ends the run has come.
    reached: bool,
    /// As many messages as were asked for have come, or none were.
    satisfied: bool,
    /// Since when messages can come; `None` while they cannot.
    since: Option<Instant>,
}

impl Finish {
    /// The time counts from `start`.
    pub(super) fn new(ends: Ends, start: Instant) -> Self {
        Self {
            deadline: ends.timeout.map(|timeout| start + timeout),
            reached: false,
            satisfied: ends.count.is_none(),
            since: None,
            ends,
        }
    }

    /// So many messages have come as were asked for.
    pub(super) fn counted(&mut self) {
        self.satisfied = true;
        self.reached = true;
    }

    /// A message has come after which none is wanted.
    pub(super) fn passed(&mut self) {
        self.reached = true;
    }

    /// Messages can come from now on.
    pub(super) fn subscribed(&mut self, now: Instant) {
        self.since = Some(now);
        self.reached |= self.ends.subscribed;
    }

    /// All that was retained has come.
    pub(super) fn retained(&mut self) {
        self.reached |= self.ends.until_retained;
    }

    /// The connection is lost.
    pub(super) fn away(&mut self) {
        self.since = None;
    }

    /// When it is to be asked again, if nothing happens before that; `moved` is
    /// when the last message came.
    pub(super) fn deadline(&self, moved: Option<Instant>) -> Option<Instant> {
        [self.deadline, self.silence(moved)].into_iter().flatten().min()
    }

    /// When there has been silence for too long.
    fn silence(&self, moved: Option<Instant>) -> Option<Instant> {
        let since = self.since?;
        Some(moved.map_or(since, |moved| moved.max(since)) + self.ends.idle?)
    }

    /// Whether and how the run ends; not while `pending` things that it has to
    /// wait for are under way, but for the time.
    pub(super) fn end(&self, now: Instant, moved: Option<Instant>, pending: bool) -> Option<End> {
        if self.reached && !pending {
            return Some(End::Done);
        }
        if self.deadline.is_some_and(|deadline| deadline <= now) {
            return Some(End::OutOfTime);
        }
        if pending || self.silence(moved).is_none_or(|at| at > now) {
            return None;
        }
        if self.satisfied {
            return Some(End::Done);
        }
        let idle = humantime::format_duration(self.ends.idle.unwrap_or_default());
        let why = format!("timed out: no message for {idle}");
        Some(End::Silent(Failure::new(Exit::TimedOut, why)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    const SECOND: Duration = Duration::from_secs(1);

    /// What it ends with: 0 or 27.
    fn status(end: Option<End>) -> Option<u8> {
        end.map(|end| match end {
            End::Done => 0,
            End::OutOfTime => 27,
            End::Silent(failure) => failure.exit().status(),
        })
    }

    fn finish(change: impl FnOnce(&mut Ends)) -> (Finish, Instant) {
        let mut ends = Ends::default();
        change(&mut ends);
        let start = Instant::now();
        (Finish::new(ends, start), start)
    }

    #[test]
    fn without_an_end_it_does_not_end() {
        let (mut finish, start) = finish(|_| {});
        finish.subscribed(start);
        finish.retained();
        assert_eq!(finish.end(start + 1000 * SECOND, None, false), None);
        assert_eq!(finish.deadline(None), None);
    }

    #[test]
    fn whatever_comes_first_decides() {
        let all = |ends: &mut Ends| {
            ends.count = Some(3);
            ends.timeout = Some(10 * SECOND);
            ends.idle = Some(2 * SECOND);
            ends.until_retained = true;
        };
        let (mut counted, start) = finish(all);
        counted.subscribed(start);
        assert_eq!(counted.end(start + SECOND, None, false), None);
        counted.counted();
        assert_eq!(status(counted.end(start + SECOND, None, false)), Some(0));
        // Also at a time that is over by now.
        assert_eq!(status(counted.end(start + 20 * SECOND, None, false)), Some(0));

        let (mut retained, start) = finish(all);
        retained.subscribed(start);
        retained.retained();
        assert_eq!(status(retained.end(start, None, false)), Some(0));

        let (mut late, start) = finish(all);
        assert_eq!(late.deadline(None), Some(start + 10 * SECOND));
        late.subscribed(start + 9 * SECOND);
        assert_eq!(status(late.end(start + 10 * SECOND, None, false)), Some(27));
    }

    #[test]
    fn silence_counts_from_the_subscription_or_the_last_message() {
        let (mut finish, start) = finish(|ends| ends.idle = Some(2 * SECOND));
        assert_eq!(finish.deadline(None), None, "nothing can come");
        finish.subscribed(start + SECOND);
        assert_eq!(finish.deadline(None), Some(start + 3 * SECOND));
        let moved = Some(start + 5 * SECOND);
        assert_eq!(finish.deadline(moved), Some(start + 7 * SECOND));
        assert_eq!(finish.end(start + 6 * SECOND, moved, false), None);
        assert_eq!(status(finish.end(start + 7 * SECOND, moved, false)), Some(0));
        finish.away();
        assert_eq!(finish.end(start + 100 * SECOND, moved, false), None, "away");
        finish.subscribed(start + 100 * SECOND);
        assert_eq!(finish.end(start + 101 * SECOND, moved, false), None);
    }

    #[test]
    fn silence_before_the_count_is_met_is_a_time_that_ran_out() {
        let (mut finish, start) = finish(|ends| {
            ends.idle = Some(2 * SECOND);
            ends.count = Some(5);
        });
        finish.subscribed(start);
        let end = finish.end(start + 2 * SECOND, None, false);
        let Some(End::Silent(failure)) = &end else {
            panic!("{end:?}")
        };
        assert_eq!(failure.to_string(), "timed out: no message for 2s");
        assert_eq!(status(end), Some(27));
    }

    #[test]
    fn what_is_under_way_is_waited_for_but_not_longer_than_the_time() {
        let (mut finish, start) = finish(|ends| {
            ends.count = Some(1);
            ends.timeout = Some(5 * SECOND);
            ends.idle = Some(SECOND);
        });
        finish.subscribed(start);
        finish.counted();
        assert_eq!(finish.end(start + 2 * SECOND, None, true), None);
        assert_eq!(status(finish.end(start + 2 * SECOND, None, false)), Some(0));
        assert_eq!(status(finish.end(start + 5 * SECOND, None, true)), Some(27));
    }

    #[test]
    fn the_answer_to_the_subscription_can_be_the_end() {
        let (mut finish, start) = finish(|ends| ends.subscribed = true);
        assert_eq!(finish.end(start, None, false), None);
        finish.subscribed(start);
        assert_eq!(status(finish.end(start, None, false)), Some(0));
    }
}

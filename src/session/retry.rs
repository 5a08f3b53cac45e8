//! When to try again after a connection did not come about, or was lost.

use std::time::{Duration, Instant};

/// The first pause and the longest.
const FIRST: Duration = Duration::from_millis(100);
const LONGEST: Duration = Duration::from_secs(30);

/// Whether a session that has lost its connection makes another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Connect again after a loss.
    pub reconnect: bool,
    /// Try this long, the first connection included; without it, try for ever
    /// after a loss and not at all before the first connection.
    pub bound: Option<Duration>,
}

/// Where in an outage a session is.
#[derive(Debug)]
pub(super) struct Retry {
    policy: Policy,
    /// When the outage began.
    since: Option<Instant>,
    pause: Duration,
    /// A connection has been up.
    seasoned: bool,
}

impl Retry {
    pub(super) fn new(policy: Policy) -> Self {
        Self {
            policy,
            since: None,
            pause: FIRST,
            seasoned: false,
        }
    }

    /// The first attempt of all begins.
    pub(super) fn begin(&mut self, now: Instant) {
        self.since.get_or_insert(now);
    }

    /// A connection is up. Where the broker still has to answer what it is asked
    /// for, it is not of use yet: a broker that ends each connection because of the
    /// question is asked less and less often.
    pub(super) fn connected(&mut self, asks: bool) {
        if asks {
            self.seasoned = true;
        } else {
            self.succeeded();
        }
    }

    /// A connection is of use.
    pub(super) fn succeeded(&mut self) {
        *self = Self {
            seasoned: true,
            ..Self::new(self.policy)
        };
    }

    /// Whether a connection has been up before.
    pub(super) fn is_seasoned(&self) -> bool {
        self.seasoned
    }

    /// When to try again; `None` if it is not to be tried.
    pub(super) fn next(&mut self, now: Instant) -> Option<Instant> {
        let since = *self.since.get_or_insert(now);
        let mut at = now + self.pause.mul_f64(0.75 + 0.5 * fastrand::f64());
        self.pause = (self.pause * 2).min(LONGEST);
        match self.policy.bound {
            Some(_) if self.seasoned && !self.policy.reconnect => None,
            Some(bound) => {
                let end = since + bound;
                // The last attempt is made when the time is up, not before.
                at = at.min(end);
                (now < end).then_some(at)
            }
            None => (self.seasoned && self.policy.reconnect).then_some(at),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn retry(reconnect: bool, bound: Option<u64>) -> Retry {
        let bound = bound.map(Duration::from_secs);
        Retry::new(Policy { reconnect, bound })
    }

    #[test]
    fn the_first_connection_is_tried_once_unless_bounded() {
        let now = Instant::now();
        assert!(retry(true, None).next(now).is_none());
        let mut bounded = retry(true, Some(5));
        bounded.begin(now);
        assert!(bounded.next(now).is_some());
        assert_eq!(
            bounded.next(now + Duration::from_millis(4999)),
            Some(now + Duration::from_secs(5))
        );
        assert!(bounded.next(now + Duration::from_secs(5)).is_none());
    }

    #[test]
    fn a_lost_connection_is_tried_for_ever_with_longer_and_longer_pauses() {
        let mut retry = retry(true, None);
        retry.succeeded();
        let now = Instant::now();
        let pauses: Vec<Duration> = (0..20).map(|_| retry.next(now).unwrap() - now).collect();
        assert!(pauses[0] >= FIRST.mul_f64(0.75) && pauses[0] <= FIRST.mul_f64(1.25));
        assert!(pauses[19] >= LONGEST.mul_f64(0.75) && pauses[19] <= LONGEST.mul_f64(1.25));
        retry.succeeded();
        assert!(retry.next(now).unwrap() - now < Duration::from_millis(200));
    }

    #[test]
    fn a_connection_that_is_of_no_use_does_not_make_the_pauses_shorter() {
        let mut retry = retry(true, None);
        let now = Instant::now();
        for _ in 0..20 {
            retry.connected(true);
            assert!(retry.next(now).is_some());
        }
        retry.connected(true);
        assert!(retry.next(now).unwrap() - now >= LONGEST.mul_f64(0.75));
        retry.connected(false);
        assert!(retry.next(now).unwrap() - now < Duration::from_millis(200));
    }

    #[test]
    fn no_reconnection_where_it_is_off() {
        let mut off = retry(false, Some(5));
        off.succeeded();
        assert!(off.next(Instant::now()).is_none());
    }
}

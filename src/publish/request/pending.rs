//! The requests that wait for their replies, and what has become of all of them.
//! Pure: what has happened and what time it is come in as arguments.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::message::{Message, Qos};

/// What a reply was to the request that it names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Taken {
    /// One that it waited for, so long after it was sent.
    Wanted(Duration),
    /// It does not wait: it was answered before, is given up, or was never sent.
    Late,
}

/// A request that waits.
#[derive(Clone, Debug)]
struct Open {
    /// To send it again, if need be.
    message: Message,
    sent: Instant,
    /// When it was sent, or answered last.
    moved: Instant,
    replies: u64,
    /// The broker has it.
    delivered: bool,
}

/// What has become of the requests, in numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Totals {
    /// Sent, or given to be sent.
    pub(super) asked: u64,
    /// Answered, as often as was asked for.
    pub(super) answered: u64,
    /// Refused by the broker.
    pub(super) refused: u64,
    /// Not answered, or not as often as was asked for.
    pub(super) unanswered: u64,
    /// How many replies were taken.
    pub(super) replies: u64,
    /// How many messages came that are no replies, because nothing tells to what.
    pub(super) unknown: u64,
}

/// The requests.
#[derive(Debug)]
pub(super) struct Pending {
    /// By their numbers.
    open: BTreeMap<u64, Open>,
    /// How many replies each waits for; `None` for all that come in time.
    count: Option<u64>,
    totals: Totals,
}

impl Pending {
    pub(super) fn new(count: Option<u64>) -> Self {
        Self {
            open: BTreeMap::new(),
            count,
            totals: Totals::default(),
        }
    }

    pub(super) fn totals(&self) -> &Totals {
        &self.totals
    }

    /// How many wait.
    pub(super) fn len(&self) -> usize {
        self.open.len()
    }

    /// Another request is sent.
    pub(super) fn ask(&mut self, number: u64, message: Message, now: Instant) {
        self.totals.asked += 1;
        let open = Open {
            message,
            sent: now,
            moved: now,
            replies: 0,
            delivered: false,
        };
        self.open.insert(number, open);
    }

    /// The one that waits, if it is one.
    pub(super) fn the_one(&self) -> Option<u64> {
        let mut numbers = self.open.keys();
        numbers.next().filter(|_| self.open.len() == 1).copied()
    }

    /// A message came that may be a reply.
    pub(super) fn unknown(&mut self) {
        self.totals.unknown += 1;
    }

    /// A reply has come.
    pub(super) fn reply(&mut self, number: u64, now: Instant) -> Taken {
        let Some(open) = self.open.get_mut(&number) else {
            return Taken::Late;
        };
        open.replies += 1;
        open.moved = now;
        self.totals.replies += 1;
        let latency = now.saturating_duration_since(open.sent);
        if self.count.is_some_and(|count| open.replies >= count) {
            self.open.remove(&number);
            self.totals.answered += 1;
        }
        Taken::Wanted(latency)
    }

    /// The broker has acknowledged a request, or at QoS 0 it is on its way.
    pub(super) fn delivered(&mut self, number: u64) {
        if let Some(open) = self.open.get_mut(&number) {
            open.delivered = true;
        }
    }

    /// The broker has refused a request.
    pub(super) fn refused(&mut self, number: u64) {
        if self.open.remove(&number).is_some() {
            self.totals.refused += 1;
        }
    }

    /// When the next one has waited long enough.
    pub(super) fn next(&self, idle: Option<Duration>) -> Option<Instant> {
        let idle = idle?;
        self.open.values().map(|open| open.moved + idle).min()
    }

    /// Gives up those that have waited long enough.
    pub(super) fn expire(&mut self, idle: Option<Duration>, now: Instant) {
        let Some(idle) = idle else { return };
        self.close(|open| open.moved + idle <= now);
    }

    /// Gives up those that wait, as the run ends.
    pub(super) fn give_up(&mut self) {
        self.close(|_| true);
    }

    /// The connection is lost: a reply to a request that was sent at QoS 0 has
    /// nobody to come to, and the request is not sent twice. Returns how many.
    pub(super) fn lose(&mut self) -> u64 {
        self.close(|open| open.delivered && open.message.qos == Qos::AtMostOnce)
    }

    /// The broker has forgotten us, and the replies that came meanwhile: the
    /// requests that it had, and that may be sent twice, are to be sent again. Those
    /// that may not are given up. Returns the ones, and how many of the others.
    pub(super) fn forgotten(&mut self) -> (Vec<(u64, Message)>, u64) {
        let lost = self.close(|open| open.delivered && open.message.qos == Qos::ExactlyOnce);
        let open = self.open.iter_mut().filter(|(_, open)| open.delivered);
        let again = open.map(|(number, open)| {
            open.delivered = false;
            (*number, open.message.clone())
        });
        (again.collect(), lost)
    }

    /// The message of a request that waits and may be sent twice.
    pub(super) fn repeatable(&self, number: u64) -> Option<Message> {
        let open = self.open.get(&number)?;
        (open.message.qos == Qos::AtLeastOnce).then(|| open.message.clone())
    }

    fn close(&mut self, is_over: impl Fn(&Open) -> bool) -> u64 {
        let before = self.totals.unanswered;
        let count = self.count.unwrap_or(1);
        let totals = &mut self.totals;
        self.open.retain(|_, open| {
            let over = is_over(open);
            if over && open.replies >= count {
                totals.answered += 1;
            } else if over {
                totals.unanswered += 1;
            }
            !over
        });
        self.totals.unanswered - before
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::{Properties, Topic};
    use bytes::Bytes;

    const SECOND: Duration = Duration::from_secs(1);

    fn message(qos: Qos) -> Message {
        Message {
            topic: Topic::new("t").unwrap(),
            payload: Bytes::new(),
            qos,
            retain: false,
            properties: Properties::default(),
        }
    }

    fn pending(count: Option<u64>, qos: &[Qos]) -> (Pending, Instant) {
        let now = Instant::now();
        let mut pending = Pending::new(count);
        for (number, qos) in (1..).zip(qos) {
            pending.ask(number, message(*qos), now);
        }
        (pending, now)
    }

    #[test]
    fn each_reply_finds_its_request_once() {
        let (mut pending, now) = pending(Some(1), &[Qos::AtMostOnce; 3]);
        assert_eq!(pending.the_one(), None);
        assert_eq!(pending.reply(2, now + SECOND), Taken::Wanted(SECOND));
        assert_eq!(pending.reply(2, now + SECOND), Taken::Late, "a duplicate");
        assert_eq!(pending.reply(4, now + SECOND), Taken::Late, "never asked");
        pending.refused(1);
        assert_eq!((pending.the_one(), pending.len()), (Some(3), 1));
        pending.give_up();
        let expected = Totals {
            asked: 3,
            answered: 1,
            refused: 1,
            unanswered: 1,
            replies: 1,
            unknown: 0,
        };
        assert_eq!(*pending.totals(), expected);
    }

    #[test]
    fn silence_ends_a_request_that_waits_for_more() {
        for (count, answered, unanswered) in [(None, 1, 1), (Some(2), 0, 2)] {
            let (mut pending, now) = pending(count, &[Qos::AtMostOnce; 2]);
            assert_eq!(pending.next(None), None);
            assert_eq!(pending.next(Some(2 * SECOND)), Some(now + 2 * SECOND));
            pending.reply(1, now + SECOND);
            pending.expire(Some(2 * SECOND), now + 2 * SECOND);
            assert_eq!((pending.len(), pending.the_one()), (1, Some(1)));
            assert_eq!(pending.next(Some(2 * SECOND)), Some(now + 3 * SECOND));
            pending.expire(Some(2 * SECOND), now + 3 * SECOND);
            let totals = pending.totals();
            assert_eq!(
                (totals.answered, totals.unanswered),
                (answered, unanswered),
                "{count:?}"
            );
        }
    }

    #[test]
    fn what_a_loss_means_depends_on_the_level() {
        let levels = [Qos::AtMostOnce, Qos::AtLeastOnce, Qos::ExactlyOnce];
        let (mut pending, _) = pending(Some(1), &levels.repeat(2));
        for number in 1..=3 {
            pending.delivered(number);
        }
        assert_eq!(pending.lose(), 1);
        let (again, lost) = pending.forgotten();
        let again: Vec<u64> = again.iter().map(|(number, _)| *number).collect();
        assert_eq!((again.as_slice(), lost), (&[2][..], 1));
        assert!(pending.forgotten().0.is_empty(), "it is not delivered again yet");
        // What the broker did not have, the session sends again.
        assert_eq!(pending.open.keys().copied().collect::<Vec<_>>(), [2, 4, 5, 6]);
        assert!(pending.repeatable(2).is_some() && pending.repeatable(6).is_none());
    }
}

//! A question that the broker answers only when it has sent what it owed us: the
//! retained messages of new subscriptions.
//!
//! A broker reads the packets of a client in order, so it answers a PINGREQ that
//! we send behind our acknowledgements after whatever those acknowledgements
//! made it send. If nothing that it owed came between the two, nothing is left;
//! otherwise we acknowledge that, and ask again.

/// How far the question is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Barrier {
    /// Nobody wants to know.
    #[default]
    Idle,
    /// To be asked when everything received has been acknowledged.
    Wanted {
        /// Nothing older than the subscriptions can be on its way.
        fresh: bool,
    },
    /// Asked; and what has come since.
    Asked {
        /// As above.
        fresh: bool,
        /// A message that was retained.
        retained: bool,
        /// A message of `QoS` 1 or 2 that was not.
        live: bool,
        /// The next step of a message of `QoS` 2.
        released: bool,
    },
}

impl Barrier {
    /// Wants to know from now on.
    pub(crate) fn want(&mut self, fresh: bool) {
        *self = Self::Wanted { fresh };
    }

    /// Whether the question is to be sent.
    pub(crate) fn is_wanted(self) -> bool {
        matches!(self, Self::Wanted { .. })
    }

    /// The question is sent.
    pub(crate) fn ask(&mut self) {
        if let Self::Wanted { fresh } = *self {
            *self = Self::Asked {
                fresh,
                retained: false,
                live: false,
                released: false,
            };
        }
    }

    /// A PUBLISH with this first byte comes.
    pub(crate) fn published(&mut self, first: u8) {
        if let Self::Asked { retained, live, .. } = self {
            let (level, flag) = (first >> 1 & 3, first & 1);
            *retained |= flag == 1;
            *live |= flag == 0 && level > 0;
        }
    }

    /// A PUBREL comes.
    pub(crate) fn released(&mut self) {
        if let Self::Asked { released, .. } = self {
            *released = true;
        }
    }

    /// The answer comes: `true` if nothing is owed any more, and nobody needs to
    /// ask again.
    ///
    /// Messages of `QoS` 1 and 2 wait in one queue for our acknowledgements. One
    /// that was not retained is younger than the subscriptions, and so behind all
    /// that are; unless the session is older, and with it what is in its queue.
    pub(crate) fn answer(&mut self) -> bool {
        let Self::Asked {
            fresh,
            retained,
            live,
            released,
        } = *self
        else {
            return false;
        };
        let complete = !retained && if fresh { live || !released } else { !live && !released };
        *self = if complete { Self::Idle } else { Self::Wanted { fresh } };
        complete
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether the answer says so, after these first bytes.
    fn round(fresh: bool, came: &[u8]) -> bool {
        let mut barrier = Barrier::default();
        assert!(!barrier.answer(), "not asked");
        barrier.want(fresh);
        assert!(!barrier.answer() && barrier.is_wanted(), "not asked yet");
        barrier.ask();
        for first in came {
            match first >> 4 {
                3 => barrier.published(*first),
                _ => barrier.released(),
            }
        }
        let complete = barrier.answer();
        assert_eq!(barrier.is_wanted(), !complete, "it is asked again");
        complete
    }

    #[test]
    fn the_answer_counts_if_nothing_owed_came_before_it() {
        for (fresh, came, complete) in [
            (true, &[][..], true),
            (true, &[0x31], false),
            (true, &[0x33], false),
            (true, &[0x35, 0x30], false),
            // Live messages owe nothing.
            (true, &[0x30], true),
            (true, &[0x32], true),
            // Somebody's exchange goes on, and frees a place in the queue.
            (true, &[0x62], false),
            (true, &[0x62, 0x34], true),
            (true, &[0x62, 0x30], false),
            (false, &[], true),
            (false, &[0x30], true),
            (false, &[0x32], false),
            (false, &[0x62, 0x34], false),
            (false, &[0x31], false),
        ] {
            assert_eq!(round(fresh, came), complete, "{fresh} {came:x?}");
        }
    }
}

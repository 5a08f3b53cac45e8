//! What has become of everything that was read, in numbers and in words.

use std::fmt::Write as _;

use crate::session::Counts;

/// The numbers of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Account {
    /// What the session was given.
    pub(super) counts: Counts,
    /// Messages that were read and that the session was not given.
    pub(super) unsent: u64,
    /// Bytes that were read of a record whose end had not come.
    pub(super) fragment: usize,
}

impl Account {
    /// How many messages were read.
    pub(super) fn read(&self) -> u64 {
        self.counts.taken + self.unsent
    }

    /// Says how many messages were read and how many delivered.
    pub(super) fn summary(&self) -> String {
        let (read, delivered) = (self.read(), self.counts.delivered);
        let messages = if read == 1 { "message" } else { "messages" };
        format!("{read} {messages} read, {delivered} delivered")
    }

    /// Says the same, and what has become of the others, if not all were delivered.
    pub(super) fn shortfall(&self) -> Option<String> {
        let Counts {
            taken,
            delivered,
            refused,
            doubtful,
        } = self.counts;
        if delivered == self.read() && self.fragment == 0 {
            return None;
        }
        let mut text = self.summary();
        for (count, what) in [
            (refused, "refused"),
            (taken - delivered - refused - doubtful, "not acknowledged"),
            (self.unsent, "not sent"),
            (doubtful, "possibly lost"),
        ] {
            if count > 0 {
                let _ = write!(text, ", {count} {what}");
            }
        }
        if self.fragment > 0 {
            let bytes = if self.fragment == 1 { "byte" } else { "bytes" };
            let _ = write!(text, "; {} {bytes} of an unfinished one not sent", self.fragment);
        }
        Some(text)
    }

    /// Whether what was not delivered was refused, all of it.
    pub(super) fn is_refusal(&self) -> bool {
        let Counts { delivered, refused, .. } = self.counts;
        refused > 0 && refused + delivered == self.read()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(numbers: [u64; 5], fragment: usize) -> Account {
        let [taken, delivered, refused, doubtful, unsent] = numbers;
        Account {
            counts: Counts {
                taken,
                delivered,
                refused,
                doubtful,
            },
            unsent,
            fragment,
        }
    }

    #[test]
    fn nothing_is_left_out() {
        for (numbers, fragment, expected) in [
            ([0, 0, 0, 0, 0], 0, None),
            ([3, 3, 0, 0, 0], 0, None),
            (
                [1, 0, 0, 0, 0],
                0,
                Some("1 message read, 0 delivered, 1 not acknowledged"),
            ),
            (
                [10, 4, 1, 2, 20],
                0,
                Some("30 messages read, 4 delivered, 1 refused, 3 not acknowledged, 20 not sent, 2 possibly lost"),
            ),
            (
                [2, 2, 0, 0, 0],
                7,
                Some("2 messages read, 2 delivered; 7 bytes of an unfinished one not sent"),
            ),
        ] {
            assert_eq!(account(numbers, fragment).shortfall().as_deref(), expected);
        }
        assert!(account([3, 2, 1, 0, 0], 0).is_refusal());
        assert!(!account([3, 2, 1, 0, 1], 0).is_refusal() && !account([2, 2, 0, 0, 0], 0).is_refusal());
    }
}

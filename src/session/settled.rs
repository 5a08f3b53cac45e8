//! In which order messages came to their end. That order is the input's: what is
//! settled before an earlier message waits for it here.

use std::collections::BTreeMap;

/// Tells of each message in turn whether it was delivered.
#[derive(Debug, Default)]
pub(super) struct Settled {
    /// The number of the next message to tell of.
    next: u64,
    /// What has not been asked for.
    told: Vec<bool>,
    /// Those that are ahead of their turn.
    early: BTreeMap<u64, bool>,
}

impl Settled {
    /// The message with this number, from 0, is `delivered`, or refused for good.
    pub(super) fn note(&mut self, number: u64, delivered: bool) {
        if number != self.next {
            self.early.insert(number, delivered);
            return;
        }
        self.told.push(delivered);
        self.next += 1;
        while let Some(delivered) = self.early.remove(&self.next) {
            self.told.push(delivered);
            self.next += 1;
        }
    }

    /// What is told since the last call.
    pub(super) fn take(&mut self) -> Vec<bool> {
        std::mem::take(&mut self.told)
    }

    /// Whether there is something to take.
    pub(super) fn is_empty(&self) -> bool {
        self.told.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_waits_for_those_before_it() {
        let mut settled = Settled::default();
        settled.note(2, true);
        settled.note(1, false);
        assert!(settled.is_empty());
        settled.note(0, true);
        assert_eq!(settled.take(), [true, false, true]);
        settled.note(3, false);
        assert_eq!(settled.take(), [false]);
        assert!(settled.is_empty());
    }
}

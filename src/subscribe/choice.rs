//! Decides of each message that comes what is to be done with it. Pure: no clock,
//! no output; chance comes in as an argument.

use crate::config::subscribe::Selection;

/// What is to be done with a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// It is not taken, and stays with the broker.
    Leave {
        /// It is the one after which nothing is wanted any more.
        ends: bool,
    },
    /// It is taken, and nobody hears of it.
    Skip {
        /// It is to be deleted.
        delete: bool,
    },
    /// It counts.
    Count {
        /// It is shown.
        show: bool,
        /// It is to be deleted.
        delete: bool,
        /// It is the last one that was asked for.
        last: bool,
    },
}

/// What is looked at in a message.
#[derive(Clone, Copy, Debug)]
pub(super) struct Look<'a> {
    pub(super) topic: &'a str,
    pub(super) retain: bool,
    pub(super) empty: bool,
}

/// The decision.
#[derive(Debug)]
pub(super) struct Choice {
    selection: Selection,
    /// How many messages are still asked for, if that was said.
    left: Option<u64>,
    /// Nothing is wanted any more.
    over: bool,
}

impl Choice {
    pub(super) fn new(selection: Selection, count: Option<u64>) -> Self {
        Self {
            over: selection.nothing,
            selection,
            left: count,
        }
    }

    /// Whether messages that were retained are deleted.
    pub(super) fn deletes(&self) -> bool {
        self.selection.remove_retained
    }

    /// What is to be done with this message; `chance` gives a number from 0 up to
    /// but not including 1.
    pub(super) fn judge(&mut self, look: Look<'_>, chance: impl FnOnce() -> f64) -> Fate {
        let selection = &self.selection;
        if self.over {
            return Fate::Leave { ends: false };
        }
        if selection.retained_only && !look.retain {
            // What our own deletions make the broker send is no end.
            if selection.remove_retained {
                return Fate::Skip { delete: false };
            }
            self.over = true;
            return Fate::Leave { ends: true };
        }
        if selection.out.iter().any(|filter| filter.matches(look.topic)) {
            return Fate::Skip { delete: false };
        }
        // An empty one is a deletion itself; with --retain-as-published ours
        // would come back, and be deleted, for ever.
        let delete = selection.remove_retained && look.retain && !look.empty;
        if selection.no_retained && look.retain {
            return Fate::Skip { delete };
        }
        let show = selection.fraction.is_none_or(|part| chance() < part);
        let last = match &mut self.left {
            None => false,
            Some(left) => {
                *left = left.saturating_sub(1);
                *left == 0
            }
        };
        self.over = last;
        Fate::Count { show, delete, last }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::Filter;

    const SHOWN: Fate = Fate::Count {
        show: true,
        delete: false,
        last: false,
    };
    const SKIPPED: Fate = Fate::Skip { delete: false };
    const LEFT: Fate = Fate::Leave { ends: false };

    fn look(topic: &str) -> Look<'_> {
        Look {
            topic,
            retain: false,
            empty: false,
        }
    }

    fn retained(topic: &str) -> Look<'_> {
        Look {
            retain: true,
            ..look(topic)
        }
    }

    fn judge(choice: &mut Choice, look: Look<'_>) -> Fate {
        choice.judge(look, || 0.5)
    }

    #[test]
    fn what_is_filtered_does_not_count() {
        let selection = Selection {
            out: vec![Filter::new("a/#").unwrap(), Filter::new("+/x").unwrap()],
            no_retained: true,
            ..Selection::default()
        };
        let mut choice = Choice::new(selection, Some(2));
        assert_eq!(judge(&mut choice, look("a/b")), SKIPPED);
        assert_eq!(judge(&mut choice, look("b/x")), SKIPPED);
        assert_eq!(judge(&mut choice, retained("b/c")), SKIPPED);
        assert_eq!(judge(&mut choice, look("b/c")), SHOWN);
        let last = judge(&mut choice, look("b/c"));
        assert!(matches!(last, Fate::Count { last: true, .. }));
        assert_eq!(judge(&mut choice, look("b/c")), LEFT);
    }

    #[test]
    fn what_chance_hides_counts() {
        let selection = Selection {
            fraction: Some(0.25),
            ..Selection::default()
        };
        let mut choice = Choice::new(selection, Some(2));
        let count = |show, last| Fate::Count {
            show,
            delete: false,
            last,
        };
        assert_eq!(choice.judge(look("a"), || 0.25), count(false, false));
        assert_eq!(choice.judge(look("a"), || 0.2499), count(true, true));
    }

    #[test]
    fn only_retained_ones_up_to_the_first_other() {
        let selection = Selection {
            retained_only: true,
            ..Selection::default()
        };
        let mut choice = Choice::new(selection, None);
        assert_eq!(judge(&mut choice, retained("a")), SHOWN);
        assert_eq!(judge(&mut choice, look("a")), Fate::Leave { ends: true });
        assert_eq!(judge(&mut choice, retained("a")), LEFT);
    }

    #[test]
    fn what_was_retained_is_deleted_once() {
        let delete = Fate::Count {
            show: true,
            delete: true,
            last: false,
        };
        let mut selection = Selection {
            remove_retained: true,
            out: vec![Filter::new("keep/#").unwrap()],
            ..Selection::default()
        };
        let mut choice = Choice::new(selection.clone(), None);
        assert!(choice.deletes());
        assert_eq!(judge(&mut choice, retained("a")), delete);
        assert_eq!(judge(&mut choice, retained("keep/a")), SKIPPED);
        let echo = Look {
            empty: true,
            ..retained("a")
        };
        assert_eq!(judge(&mut choice, echo), SHOWN);
        assert_eq!(judge(&mut choice, look("a")), SHOWN);

        selection.no_retained = true;
        let mut choice = Choice::new(selection.clone(), None);
        assert_eq!(judge(&mut choice, retained("a")), Fate::Skip { delete: true });

        selection.no_retained = false;
        selection.retained_only = true;
        let mut choice = Choice::new(selection, None);
        assert_eq!(judge(&mut choice, look("a")), SKIPPED);
        assert_eq!(judge(&mut choice, retained("a")), delete);
    }

    #[test]
    fn nothing_is_nothing() {
        let selection = Selection {
            nothing: true,
            ..Selection::default()
        };
        assert_eq!(judge(&mut Choice::new(selection, None), retained("a")), LEFT);
    }
}

//! Messages that are acknowledged when somebody says so and not before; in the
//! order in which they came, whatever the order in which that is said (MQTT 5,
//! 4.6). And those that are not acknowledged at all.

use std::collections::{BTreeSet, VecDeque};

/// A message that has come.
#[derive(Debug)]
struct Message {
    /// The name that it goes by; higher than those of the ones before.
    token: u64,
    /// Its packet identifier.
    mid: u16,
    /// Its acknowledgement, once Paho has written it.
    packet: Option<[u8; 4]>,
    /// It may be acknowledged.
    done: bool,
}

impl Message {
    /// Whether this is the acknowledgement that Paho has not written yet.
    fn awaits(&self, mid: u16) -> bool {
        self.mid == mid && self.packet.is_none()
    }
}

/// The messages of a connection.
#[derive(Debug, Default)]
pub(super) struct Held {
    /// Those to be acknowledged, oldest first.
    messages: VecDeque<Message>,
    /// The packet identifiers of those that are left with the broker.
    left: BTreeSet<u16>,
}

impl Held {
    /// Holds the acknowledgement of a message that comes just now.
    pub(super) fn hold(&mut self, mid: u16, token: u64) {
        self.messages.push_back(Message {
            token,
            mid,
            packet: None,
            done: false,
        });
    }

    /// Leaves a message with the broker: it is not acknowledged.
    pub(super) fn leave(&mut self, mid: u16) {
        self.left.insert(mid);
    }

    /// Whether the message is left.
    pub(super) fn is_left(&self, mid: u16) -> bool {
        !self.left.is_empty() && self.left.contains(&mid)
    }

    /// Whether the message, which is to be acknowledged now, is held.
    pub(super) fn holds(&self, mid: u16) -> bool {
        self.messages.iter().rev().any(|message| message.awaits(mid))
    }

    /// Takes an acknowledgement, if it is that of a message that is held.
    pub(super) fn keep(&mut self, mid: u16, packet: [u8; 4]) -> bool {
        let message = self.messages.iter_mut().rev().find(|message| message.awaits(mid));
        message.map(|message| message.packet = Some(packet)).is_some()
    }

    /// The message of this name may be acknowledged; one of an earlier connection
    /// is not there any more.
    pub(super) fn finish(&mut self, token: u64) {
        if let Ok(at) = self.messages.binary_search_by_key(&token, |message| message.token)
            && let Some(message) = self.messages.get_mut(at)
        {
            message.done = true;
        }
    }

    /// The next acknowledgement whose turn has come.
    pub(super) fn next(&mut self) -> Option<[u8; 4]> {
        let packet = self.messages.front().filter(|first| first.done)?.packet?;
        self.messages.pop_front();
        Some(packet)
    }

    /// Whether nothing is held.
    pub(super) fn is_empty(&self) -> bool {
        self.messages.is_empty()
    }

    /// Forgets everything: there is nobody to be told.
    pub(super) fn clear(&mut self) {
        self.messages.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn released(held: &mut Held) -> Vec<u8> {
        std::iter::from_fn(|| held.next()).flatten().collect()
    }

    fn keep(held: &mut Held, kind: u8, mid: u16) -> bool {
        let [high, low] = mid.to_be_bytes();
        held.keep(mid, [kind, 2, high, low])
    }

    #[test]
    fn acknowledgements_leave_in_the_order_of_arrival() {
        let mut held = Held::default();
        for (mid, token) in [(7, 10), (3, 11), (9, 15)] {
            held.hold(mid, token);
            assert!(keep(&mut held, 4, mid));
        }
        held.finish(11);
        held.finish(99);
        assert_eq!(released(&mut held), [0; 0]);
        held.finish(10);
        assert_eq!(released(&mut held), [4, 2, 0, 7, 4, 2, 0, 3]);
        assert!(!held.is_empty());
        held.finish(15);
        assert_eq!(released(&mut held), [4, 2, 0, 9]);
        assert!(held.is_empty());
    }

    #[test]
    fn what_is_done_before_paho_has_written_waits_for_it() {
        let mut held = Held::default();
        held.hold(7, 1);
        held.finish(1);
        assert_eq!(released(&mut held), [0; 0]);
        assert!(!keep(&mut held, 4, 8), "not held");
        assert!(keep(&mut held, 5, 7));
        assert!(!keep(&mut held, 7, 7), "there is one acknowledgement");
        assert_eq!(released(&mut held), [5, 2, 0, 7]);
    }

    #[test]
    fn what_is_left_is_not_held() {
        let mut held = Held::default();
        assert!(!held.is_left(7));
        held.leave(7);
        assert!(held.is_left(7) && !held.is_left(8));
        assert!(!keep(&mut held, 4, 7));
    }

    #[test]
    fn an_identifier_may_be_used_again() {
        let mut held = Held::default();
        for token in [1, 2] {
            held.hold(7, token);
            keep(&mut held, 4, 7);
            held.finish(token);
            assert_eq!(released(&mut held), [4, 2, 0, 7]);
        }
    }
}

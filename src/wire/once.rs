//! The `QoS` 2 exchanges of the messages that come (MQTT 5, 4.3.3). They are held
//! here and not by Paho.
//!
//! Before MQTT 5 Paho answers PUBREC when a message comes, and hands it over only
//! at PUBREL (`MQTTProtocol_handlePublishes`, `MQTTProtocol_handlePubrels`): what
//! lies between would be lost at the end of a run or of a connection. And a new
//! client of Paho's knows nothing of what an earlier one was given. So Paho sees
//! each of these messages at `QoS` 1, hands it over at once and acknowledges it; that
//! PUBACK becomes the PUBREC, which leaves when the message has been written. PUBREL
//! is taken out of the stream and answered by the wire.
//!
//! What was taken is remembered until its PUBREL comes, over connections too, for as
//! long as the broker has the session.

use std::collections::VecDeque;

use super::watch::kind;
use crate::config::connection::Version;

/// "Packet Identifier not found" (MQTT 5, 3.7.2.1).
const NOT_FOUND: u8 = 0x92;

/// What is known of a packet identifier.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Known {
    /// It is not in use.
    #[default]
    Free,
    /// Its message was taken, and PUBREL has not come.
    Taken,
    /// The same, on an earlier connection.
    Before,
}

/// A message of `QoS` 2 that Paho hands over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    /// For the first time.
    First,
    /// It has been taken before, and is only to be acknowledged again.
    Again,
}

/// The exchanges, by their packet identifiers.
#[derive(Debug, Default)]
pub(crate) struct Once {
    /// An entry for each identifier, once one is needed.
    known: Option<Box<[Known]>>,
    /// What Paho was shown and has not acknowledged, oldest first: identifiers, each
    /// with whether the broker says that it may have sent this before.
    shown: VecDeque<(u16, bool)>,
}

impl Once {
    /// Whether there has been any message of `QoS` 2.
    pub(super) fn is_in_use(&self) -> bool {
        self.known.is_some()
    }

    /// CONNACK has come: what was taken before counts if the broker has the session.
    /// MQTT 3.1 does not tell.
    pub(super) fn connected(&mut self, session_present: bool, version: Version) {
        if !session_present && version != Version::V31 {
            self.known = None;
        }
    }

    /// What the next connection has to know.
    pub(super) fn outlive(&mut self) -> Self {
        let mut known = self.known.take();
        for entry in known.iter_mut().flatten().filter(|entry| **entry == Known::Taken) {
            *entry = Known::Before;
        }
        Self {
            known,
            shown: VecDeque::new(),
        }
    }

    /// PUBLISH has come, and Paho will see it.
    pub(super) fn show(&mut self, mid: u16, dup: bool) {
        self.known
            .get_or_insert_with(|| vec![Known::Free; 65_536].into_boxed_slice());
        self.shown.push_back((mid, dup));
    }

    /// Paho hands over a message with this identifier: `None` if that is not one of
    /// `QoS` 2.
    ///
    /// A broker that sends a message again on another connection has to say so
    /// (MQTT 5, 3.3.1.1). If it does not, it has forgotten the exchange, as after a
    /// crash, and begins another one.
    pub(super) fn turn(&self, mid: u16) -> Option<Turn> {
        let (_, dup) = self.shown.front().filter(|(shown, _)| *shown == mid)?;
        Some(match self.get(mid) {
            Known::Taken => Turn::Again,
            Known::Before if *dup => Turn::Again,
            Known::Before | Known::Free => Turn::First,
        })
    }

    /// Paho acknowledges the message with this identifier, which has been `taken`, or
    /// else is left with the broker or held. Whether PUBREC is the answer.
    pub(super) fn acknowledge(&mut self, mid: u16, taken: bool) -> bool {
        if self.shown.front().is_none_or(|(shown, _)| *shown != mid) {
            return false;
        }
        self.shown.pop_front();
        if taken {
            self.take(mid);
        }
        true
    }

    /// The message with this identifier has been taken.
    pub(super) fn take(&mut self, mid: u16) {
        self.set(mid, Known::Taken);
    }

    /// PUBREL has come: puts the answer behind `answers`. One that nobody waits for
    /// is answered as well: an earlier run may have waited.
    pub(super) fn release(&mut self, mid: u16, version: Version, answers: &mut Vec<u8>) {
        let found = self.get(mid) != Known::Free;
        self.set(mid, Known::Free);
        let [high, low] = mid.to_be_bytes();
        if found || version != Version::V5 {
            answers.extend_from_slice(&[kind::PUBCOMP << 4, 2, high, low]);
        } else {
            answers.extend_from_slice(&[kind::PUBCOMP << 4, 3, high, low, NOT_FOUND]);
        }
    }

    fn get(&self, mid: u16) -> Known {
        let known = self.known.as_ref();
        known
            .and_then(|known| known.get(usize::from(mid)).copied())
            .unwrap_or_default()
    }

    fn set(&mut self, mid: u16, now: Known) {
        if let Some(entry) = self.known.as_mut().and_then(|known| known.get_mut(usize::from(mid))) {
            *entry = now;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A message comes, is handed over and acknowledged.
    fn exchange(once: &mut Once, mid: u16, dup: bool) -> Turn {
        once.show(mid, dup);
        let turn = once.turn(mid).unwrap();
        assert!(once.acknowledge(mid, true));
        turn
    }

    fn release(once: &mut Once, mid: u16, version: Version) -> Vec<u8> {
        let mut answers = Vec::new();
        once.release(mid, version, &mut answers);
        answers
    }

    #[test]
    fn a_message_has_one_turn_until_it_is_released() {
        let mut once = Once::default();
        assert!(!once.is_in_use());
        assert_eq!(once.turn(7), None, "of another quality of service");
        assert!(!once.acknowledge(7, true));
        assert_eq!(exchange(&mut once, 7, false), Turn::First);
        assert_eq!(exchange(&mut once, 7, true), Turn::Again);
        assert_eq!(exchange(&mut once, 7, false), Turn::Again, "the flag does not matter");
        assert_eq!(exchange(&mut once, 8, true), Turn::First);
        assert_eq!(release(&mut once, 7, Version::V5), [0x70, 2, 0, 7]);
        assert_eq!(exchange(&mut once, 7, false), Turn::First);
        assert!(once.is_in_use());
    }

    #[test]
    fn several_are_acknowledged_in_their_order() {
        let mut once = Once::default();
        for mid in [1, 2, 1] {
            once.show(mid, false);
        }
        assert_eq!(once.turn(2), None, "1 is first");
        assert!(!once.acknowledge(2, true));
        let turns: Vec<Turn> = [1, 2, 1]
            .into_iter()
            .filter_map(|mid| {
                let turn = once.turn(mid);
                once.acknowledge(mid, true);
                turn
            })
            .collect();
        assert_eq!(turns, [Turn::First, Turn::First, Turn::Again]);
    }

    #[test]
    fn what_is_left_can_come_again() {
        let mut once = Once::default();
        once.show(7, false);
        assert!(once.acknowledge(7, false));
        assert_eq!(exchange(&mut once, 7, true), Turn::First);
    }

    #[test]
    fn a_kept_session_goes_on_and_another_begins_anew() {
        let begin = || {
            let mut once = Once::default();
            exchange(&mut once, 7, false);
            exchange(&mut once, 65_535, false);
            once.show(8, false);
            once.outlive()
        };
        for (session_present, version, turn) in [
            (true, Version::V311, Turn::Again),
            (true, Version::V5, Turn::Again),
            (false, Version::V311, Turn::First),
            (false, Version::V5, Turn::First),
            (false, Version::V31, Turn::Again),
        ] {
            let mut once = begin();
            once.connected(session_present, version);
            assert_eq!(once.turn(8), None, "Paho will not acknowledge that any more");
            assert_eq!(exchange(&mut once, 7, true), turn, "{session_present} {version}");
            assert_eq!(exchange(&mut once, 65_535, true), turn);
            assert_eq!(exchange(&mut once, 8, true), Turn::First);
        }
        let mut once = begin();
        once.connected(true, Version::V5);
        assert_eq!(exchange(&mut once, 7, false), Turn::First, "that is another message");
        assert_eq!(release(&mut once, 65_535, Version::V5), [0x70, 2, 255, 255]);
    }

    #[test]
    fn a_release_that_nobody_waits_for_is_answered() {
        let mut once = Once::default();
        assert_eq!(release(&mut once, 258, Version::V311), [0x70, 2, 1, 2]);
        assert_eq!(release(&mut once, 258, Version::V5), [0x70, 3, 1, 2, 0x92]);
        exchange(&mut once, 258, false);
        assert_eq!(release(&mut once, 258, Version::V5), [0x70, 2, 1, 2]);
        assert_eq!(release(&mut once, 258, Version::V5), [0x70, 3, 1, 2, 0x92]);
    }
}

//! The publishes between the input and the broker: waiting, handed to Paho, or
//! written but not yet surely in the kernel. Messages enter and leave in order;
//! what the broker has not acknowledged is kept, so that it can be sent again.
//! Pure bookkeeping: no locks, no Paho.

use std::collections::VecDeque;

use crate::message::{Message, Qos};

/// What has become of the messages, in numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Taken from the input.
    pub taken: u64,
    /// Acknowledged by the broker, or at QoS 0 written to a live connection.
    pub delivered: u64,
    /// Refused by the broker with a reason.
    pub refused: u64,
    /// QoS 0: written to a connection that broke before the broker was heard of
    /// again.
    pub doubtful: u64,
}

/// A message that Paho has been given.
#[derive(Debug)]
struct Flight {
    message: Message,
    /// The how-manieth PUBLISH of this connection it is, from 1.
    ordinal: u64,
    answer: Answer,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answer {
    Awaited,
    Acknowledged,
    Refused,
}

/// The bookkeeping.
#[derive(Debug)]
pub(super) struct Window {
    waiting: VecDeque<Message>,
    flying: VecDeque<Flight>,
    /// Ordinal of the flight at the front.
    front: u64,
    /// Ordinal of each slot's message.
    slots: Vec<u64>,
    free: Vec<usize>,
    /// How many slots there are unless the broker wants fewer.
    most: usize,
    counts: Counts,
    /// QoS 0 messages in the kernel that nothing has proven to be read.
    unproven: u64,
}

impl Window {
    /// At most `limit` messages are in Paho's hands at once.
    pub(super) fn new(limit: usize) -> Self {
        Self {
            waiting: VecDeque::new(),
            flying: VecDeque::new(),
            front: 1,
            slots: vec![0; limit],
            free: (0..limit).rev().collect(),
            most: limit,
            counts: Counts::default(),
            unproven: 0,
        }
    }

    /// How many messages wait to be handed to Paho.
    pub(super) fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// How many slots there are.
    pub(super) fn limit(&self) -> usize {
        self.slots.len()
    }

    /// Uses at most `maximum` slots on this connection, as its broker wants;
    /// only before the first message.
    pub(super) fn narrow(&mut self, maximum: usize) {
        if self.flying.is_empty() {
            self.open_slots(self.most.min(maximum).max(1));
        }
    }

    fn open_slots(&mut self, count: usize) {
        self.slots = vec![0; count];
        self.free = (0..count).rev().collect();
    }

    /// Whether nothing is left to do.
    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty() && self.flying.is_empty()
    }

    /// Whether Paho has none of the messages.
    pub(super) fn is_idle(&self) -> bool {
        self.free.len() == self.slots.len()
    }

    /// How many messages could be handed to Paho now.
    pub(super) fn ready(&self) -> usize {
        self.free.len().min(self.waiting.len())
    }

    /// Takes messages at the end of the queue.
    pub(super) fn enqueue(&mut self, messages: impl IntoIterator<Item = Message>) {
        let before = self.waiting.len();
        self.waiting.extend(messages);
        self.counts.taken += (self.waiting.len() - before) as u64;
    }

    /// The next message for Paho, with the slot that it gets.
    pub(super) fn next(&mut self) -> Option<(usize, &Message)> {
        if self.waiting.is_empty() {
            return None;
        }
        let slot = self.free.pop()?;
        let message = self.waiting.pop_front()?;
        let ordinal = self.front + self.flying.len() as u64;
        self.slots[slot] = ordinal;
        self.flying.push_back(Flight {
            message,
            ordinal,
            answer: Answer::Awaited,
        });
        self.flying.back().map(|flight| (slot, &flight.message))
    }

    /// Paho is done with the message in this slot. `carried` PUBLISH packets of
    /// this connection are in the kernel.
    pub(super) fn complete(&mut self, slot: usize, carried: impl FnOnce() -> u64) {
        self.answer(slot, Answer::Acknowledged, carried);
    }

    /// The broker has refused the message in this slot, for good.
    pub(super) fn refuse(&mut self, slot: usize, carried: impl FnOnce() -> u64) {
        self.answer(slot, Answer::Refused, carried);
    }

    fn answer(&mut self, slot: usize, answer: Answer, carried: impl FnOnce() -> u64) {
        let Some(ordinal) = self.slots.get(slot).copied().filter(|ordinal| *ordinal >= self.front) else {
            return;
        };
        self.free.push(slot);
        let index = usize::try_from(ordinal - self.front).unwrap_or(usize::MAX);
        let Some(flight) = self.flying.get_mut(index) else {
            return;
        };
        flight.answer = answer;
        let carried = if flight.message.qos == Qos::AtMostOnce {
            carried()
        } else {
            0
        };
        self.retire(carried);
    }

    /// Lets go of what is finished at the front.
    fn retire(&mut self, carried: u64) {
        while let Some(flight) = self.flying.front() {
            let at_most_once = flight.message.qos == Qos::AtMostOnce;
            match flight.answer {
                Answer::Awaited => break,
                Answer::Acknowledged if at_most_once && flight.ordinal > carried => break,
                Answer::Acknowledged => {
                    self.counts.delivered += 1;
                    self.unproven += u64::from(at_most_once);
                }
                Answer::Refused => self.counts.refused += 1,
            }
            self.flying.pop_front();
            self.front += 1;
        }
    }

    /// The broker has answered something sent after everything so far: what is
    /// in the kernel has been read.
    pub(super) fn prove(&mut self) {
        self.unproven = 0;
    }

    /// Whether the broker is not known to have read everything delivered.
    pub(super) fn has_unproven(&self) -> bool {
        self.unproven > 0
    }

    /// The connection is gone, with `carried` PUBLISH packets in its kernel's
    /// hands: what is not finished waits again, in its old order.
    pub(super) fn rewind(&mut self, carried: u64) {
        self.retire(carried);
        for flight in self.flying.drain(..).rev() {
            match flight.answer {
                Answer::Refused => self.counts.refused += 1,
                // A QoS 0 message that Paho wrote but the kernel never had.
                Answer::Acknowledged if flight.message.qos != Qos::AtMostOnce => self.counts.delivered += 1,
                _ => self.waiting.push_front(flight.message),
            }
        }
        self.counts.delivered -= self.unproven;
        self.counts.doubtful += std::mem::take(&mut self.unproven);
        self.front = 1;
        self.open_slots(self.most);
    }

    /// What has become of everything so far.
    pub(super) fn counts(&self) -> Counts {
        self.counts
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::{Properties, Topic};

    fn message(text: &str, qos: Qos) -> Message {
        Message {
            topic: Topic::new("t").unwrap(),
            payload: text.to_owned().into(),
            qos,
            retain: false,
            properties: Properties::default(),
        }
    }

    fn window(limit: usize, texts: &[&str], qos: Qos) -> Window {
        let mut window = Window::new(limit);
        window.enqueue(texts.iter().map(|text| message(text, qos)));
        window
    }

    fn take(window: &mut Window) -> Vec<(usize, String)> {
        let mut taken = Vec::new();
        while let Some((slot, message)) = window.next() {
            taken.push((slot, String::from_utf8(message.payload.to_vec()).unwrap()));
        }
        taken
    }

    fn unasked() -> u64 {
        panic!("only QoS 0 needs to know")
    }

    #[test]
    fn no_more_than_the_limit_is_in_flight() {
        let mut window = window(2, &["a", "b", "c"], Qos::AtLeastOnce);
        let taken = take(&mut window);
        assert_eq!(taken.len(), 2);
        assert_eq!(window.ready(), 0);
        window.complete(taken[0].0, unasked);
        assert_eq!(window.ready(), 1);
        assert_eq!(take(&mut window)[0].1, "c");
        assert!(!window.is_empty());
    }

    #[test]
    fn a_broker_may_want_fewer() {
        let mut window = window(3, &["a", "b", "c"], Qos::AtLeastOnce);
        window.narrow(1);
        assert_eq!(take(&mut window).len(), 1);
        window.rewind(0);
        assert_eq!(take(&mut window).len(), 3);
    }

    #[test]
    fn what_is_not_acknowledged_is_sent_again_in_order() {
        let mut window = window(4, &["a", "b", "c", "d", "e"], Qos::AtLeastOnce);
        let taken = take(&mut window);
        window.complete(taken[0].0, unasked);
        window.complete(taken[2].0, unasked);
        window.rewind(4);
        let again: Vec<String> = take(&mut window).into_iter().map(|(_, text)| text).collect();
        assert_eq!(again, ["b", "d", "e"]);
        assert_eq!(window.counts().delivered, 2);
        assert_eq!(window.counts().taken, 5);
    }

    #[test]
    fn at_most_once_is_done_when_the_kernel_has_it() {
        let mut window = window(4, &["a", "b", "c"], Qos::AtMostOnce);
        let taken = take(&mut window);
        window.complete(taken[0].0, || 0);
        window.complete(taken[1].0, || 0);
        assert_eq!(window.counts().delivered, 0);
        assert!(window.is_idle() || window.ready() == 0);
        window.complete(taken[2].0, || 3);
        assert_eq!(window.counts().delivered, 3);
        assert!(window.is_empty() && window.has_unproven());
        window.prove();
        assert!(!window.has_unproven());
    }

    #[test]
    fn a_broken_connection_leaves_at_most_once_in_doubt() {
        let mut window = window(4, &["a", "b", "c"], Qos::AtMostOnce);
        let taken = take(&mut window);
        window.complete(taken[0].0, || 1);
        window.complete(taken[1].0, || 1);
        window.rewind(1);
        let counts = window.counts();
        assert_eq!((counts.delivered, counts.doubtful), (0, 1));
        let again: Vec<String> = take(&mut window).into_iter().map(|(_, text)| text).collect();
        assert_eq!(again, ["b", "c"]);
    }

    #[test]
    fn a_refused_message_is_final() {
        let mut window = window(2, &["a", "b"], Qos::AtLeastOnce);
        let taken = take(&mut window);
        window.refuse(taken[0].0, unasked);
        window.complete(taken[1].0, unasked);
        assert_eq!(window.counts().refused, 1);
        assert_eq!(window.counts().delivered, 1);
        assert!(window.is_empty());
    }

    #[test]
    fn an_answer_for_an_earlier_connection_is_ignored() {
        let mut window = window(2, &["a"], Qos::AtLeastOnce);
        let taken = take(&mut window);
        window.rewind(0);
        window.complete(taken[0].0, unasked);
        assert_eq!(window.counts().delivered, 0);
        assert_eq!(window.waiting(), 1);
    }
}

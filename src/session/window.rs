//! The publishes between the input and the broker: waiting, handed to Paho, or
//! written but not yet surely in the kernel. Messages enter and leave in order;
//! what the broker has not acknowledged is kept, so that it can be sent again.
//! Pure bookkeeping: no locks, no Paho.

#![expect(
    clippy::indexing_slicing,
    reason = "the slots that are free are those that there are"
)]

use std::collections::VecDeque;

use super::limits::Limits;
use super::settled::Settled;
use crate::failure::Failure;
use crate::message::{Message, Qos};
use crate::wire::Fate;

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
    /// The how-manieth message of all it is, from 0.
    number: u64,
    message: Message,
    /// The how-manieth PUBLISH of this connection it is, from 1.
    ordinal: u64,
    /// Its packet identifier; 0 while it is not known, and at QoS 0.
    mid: u16,
    answer: Answer,
}

/// A QoS 2 message whose exchange a lost connection has cut. If the broker kept
/// the session, it goes on where it was; if not, it begins anew.
#[derive(Clone, Debug)]
pub(super) struct Unresolved {
    number: u64,
    pub(super) message: Message,
    pub(super) mid: u16,
    /// PUBREC has come: only PUBREL is to be sent.
    pub(super) received: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answer {
    Awaited,
    Acknowledged,
    Refused,
}

/// How many messages may be over and done with behind one that is not, before no more
/// are handed on; more than are gathered until they leave.
const BEHIND: usize = 8192;

/// The bookkeeping.
#[derive(Debug)]
pub(super) struct Window {
    /// Each with its number.
    waiting: VecDeque<(u64, Message)>,
    flying: VecDeque<Flight>,
    /// Ordinal of the flight at the front.
    front: u64,
    /// Ordinal of each slot's message.
    slots: Vec<u64>,
    free: Vec<usize>,
    /// How many slots there are unless the broker wants fewer.
    most: usize,
    counts: Counts,
    /// How many PUBLISH packets of this connection are known to be in the kernel.
    carried: u64,
    /// QoS 0 messages in the kernel that nothing has proven to be read, as
    /// ranges of ordinals: a stream of QoS 0 alone is one range.
    unproven: VecDeque<(u64, u64)>,
    /// The last ordinal that the broker is known to have read.
    proven: u64,
    /// QoS 2 exchanges that a lost connection has cut, oldest first.
    unresolved: VecDeque<Unresolved>,
    limits: Limits,
    /// What became of each message, if somebody wants to know.
    settled: Option<Settled>,
    /// QoS 0 messages too are kept until the broker is known to have read them.
    insists: bool,
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
            carried: 0,
            unproven: VecDeque::new(),
            proven: 0,
            unresolved: VecDeque::new(),
            limits: Limits::default(),
            settled: None,
            insists: false,
        }
    }

    /// Takes a QoS 0 message for delivered only when the broker has read it, and
    /// sends it again after a loss before that; to be called before the first.
    pub(super) fn insist(&mut self) {
        self.insists = true;
    }

    /// Whether it does that.
    pub(super) fn insists(&self) -> bool {
        self.insists
    }

    /// Notes what becomes of each message; to be called before the first.
    pub(super) fn keep_settled(&mut self) {
        self.settled = Some(Settled::default());
    }

    /// Of each message in turn, whether it was delivered: those of which that is
    /// known since the last call.
    pub(super) fn take_settled(&mut self) -> Vec<bool> {
        self.settled.as_mut().map(Settled::take).unwrap_or_default()
    }

    /// Whether there is something new for [`Window::take_settled`].
    pub(super) fn has_settled(&self) -> bool {
        self.settled.as_ref().is_some_and(|settled| !settled.is_empty())
    }

    /// A message has come to its end.
    fn settle(&mut self, number: u64, delivered: bool) {
        if delivered {
            self.counts.delivered += 1;
        } else {
            self.counts.refused += 1;
        }
        if let Some(settled) = &mut self.settled {
            settled.note(number, delivered);
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

    /// Uses at most `maximum` slots on this connection, and keeps to what else
    /// its broker takes; only before the first message.
    pub(super) fn narrow(&mut self, maximum: usize, limits: Limits) {
        self.limits = limits;
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
        self.waiting.is_empty() && self.flying.is_empty() && self.unresolved.is_empty()
    }

    /// Whether Paho has none of the messages.
    pub(super) fn is_idle(&self) -> bool {
        self.free.len() == self.slots.len()
    }

    /// How many messages could be handed to Paho now.
    pub(super) fn ready(&self) -> usize {
        self.free.len().min(self.waiting.len()).min(self.room())
    }

    /// How many more may be kept that Paho has been given. Those that insist are proven
    /// to be read soon, or the connection is lost.
    fn room(&self) -> usize {
        if self.insists {
            return usize::MAX;
        }
        (self.slots.len() + BEHIND).saturating_sub(self.flying.len())
    }

    /// Takes messages at the end of the queue.
    pub(super) fn enqueue(&mut self, messages: impl IntoIterator<Item = Message>) {
        let before = self.waiting.len();
        self.waiting.extend((self.counts.taken..).zip(messages));
        self.counts.taken += (self.waiting.len() - before) as u64;
    }

    /// Takes the messages at the front of the queue out that the broker would
    /// end the connection over, and says why; they count as refused.
    pub(super) fn reject(&mut self) -> Vec<Failure> {
        let mut complaints = Vec::new();
        while let Some((number, message)) = self.waiting.front()
            && let Some(complaint) = self.limits.complaint(message)
        {
            let number = *number;
            self.waiting.pop_front();
            self.settle(number, false);
            complaints.push(complaint);
        }
        complaints
    }

    /// The next message for Paho, with the slot that it gets.
    pub(super) fn next(&mut self) -> Option<(usize, &Message)> {
        let (_, message) = self.waiting.front()?;
        if self.room() == 0 || self.limits.complaint(message).is_some() {
            return None;
        }
        let slot = self.free.pop()?;
        let (number, message) = self.waiting.pop_front()?;
        let ordinal = self.front + self.flying.len() as u64;
        self.slots[slot] = ordinal;
        self.flying.push_back(Flight {
            number,
            message,
            ordinal,
            mid: 0,
            answer: Answer::Awaited,
        });
        self.flying.back().map(|flight| (slot, &flight.message))
    }

    /// Notes the packet identifier of the message in this slot, which Paho
    /// tells only when it has taken it.
    pub(super) fn identify(&mut self, slot: usize, mid: u16) {
        let index = self.slots.get(slot).and_then(|ordinal| ordinal.checked_sub(self.front));
        let flight = index.and_then(|index| self.flying.get_mut(usize::try_from(index).ok()?));
        if let Some(flight) = flight
            && flight.mid == 0
            && flight.answer == Answer::Awaited
        {
            flight.mid = mid;
        }
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
        self.retire(carried);
    }

    /// Lets go of what is finished at the front. `carried` tells how many PUBLISH
    /// packets of this connection are in the kernel; it is asked only if need be.
    pub(super) fn retire(&mut self, carried: impl FnOnce() -> u64) {
        let mut carried = Some(carried);
        while let Some(flight) = self.flying.front() {
            let number = flight.number;
            let at_most_once = flight.message.qos == Qos::AtMostOnce;
            match flight.answer {
                Answer::Awaited => break,
                Answer::Acknowledged => {
                    let ordinal = flight.ordinal;
                    if at_most_once && self.insists {
                        if ordinal > self.proven {
                            break;
                        }
                    } else if at_most_once && ordinal > self.carried {
                        self.carried = carried.take().map_or(self.carried, |carried| carried());
                        if ordinal > self.carried {
                            break;
                        }
                    }
                    self.settle(number, true);
                    // The broker's answer may be quicker than Paho's word.
                    if at_most_once && !self.insists && ordinal > self.proven {
                        match self.unproven.back_mut() {
                            Some((_, last)) if *last + 1 == ordinal => *last = ordinal,
                            _ => self.unproven.push_back((ordinal, ordinal)),
                        }
                    }
                }
                Answer::Refused => self.settle(number, false),
            }
            self.flying.pop_front();
            self.front += 1;
        }
    }

    /// The broker has answered something sent after the first `ordinal` PUBLISH
    /// packets of this connection: it has read those.
    pub(super) fn prove(&mut self, ordinal: u64) {
        self.proven = ordinal;
        if self.insists {
            self.retire(|| 0);
        }
        while let Some((first, last)) = self.unproven.front_mut() {
            if *last > ordinal {
                *first = (*first).max(ordinal + 1);
                break;
            }
            self.unproven.pop_front();
        }
    }

    /// What nothing has proven to be read is possibly lost.
    pub(super) fn doubt(&mut self) {
        let lengths = self.unproven.drain(..).map(|(first, last)| last - first + 1);
        let doubtful: u64 = lengths.sum();
        self.counts.delivered -= doubtful;
        self.counts.doubtful += doubtful;
    }

    /// Whether the broker is not known to have read everything delivered.
    pub(super) fn has_unproven(&self) -> bool {
        let waits = |flight: &Flight| flight.answer == Answer::Acknowledged && flight.message.qos == Qos::AtMostOnce;
        !self.unproven.is_empty() || self.insists && self.flying.front().is_some_and(waits)
    }

    /// The connection is gone, with `carried` PUBLISH packets in its kernel's
    /// hands: what is not finished waits again, in its old order. `fate` tells how
    /// far the exchange of a message has come, by the message's ordinal (0 for one
    /// that was resumed) and its packet identifier; the QoS 2 exchanges that are
    /// not over are kept to be gone on with if the broker `resumes` sessions.
    pub(super) fn rewind(&mut self, carried: u64, resumes: bool, fate: impl Fn(u64, u16) -> Fate) {
        self.retire(|| carried);
        for mut exchange in std::mem::take(&mut self.unresolved) {
            match fate(0, exchange.mid) {
                Fate::Delivered => self.settle(exchange.number, true),
                Fate::Refused => self.settle(exchange.number, false),
                fate => {
                    exchange.received |= fate == Fate::Received;
                    self.unresolved.push_back(exchange);
                }
            }
        }
        let earlier = self.unresolved.len();
        for flight in std::mem::take(&mut self.flying).into_iter().rev() {
            let Flight {
                number, message, mid, ..
            } = flight;
            let fate = match (message.qos, flight.answer) {
                // Also what Paho wrote and the kernel never had.
                (Qos::AtMostOnce, _) => Fate::Unsent,
                (_, Answer::Acknowledged) => Fate::Delivered,
                (_, Answer::Refused) => Fate::Refused,
                // The answer may have come that Paho was not told of.
                (_, Answer::Awaited) if mid != 0 => fate(flight.ordinal, mid),
                (_, Answer::Awaited) => Fate::Unsent,
            };
            match fate {
                Fate::Delivered => self.settle(number, true),
                Fate::Refused => self.settle(number, false),
                Fate::Unanswered | Fate::Received if resumes && message.qos == Qos::ExactlyOnce => {
                    let received = fate == Fate::Received;
                    let exchange = Unresolved {
                        number,
                        message,
                        mid,
                        received,
                    };
                    self.unresolved.insert(earlier, exchange);
                }
                _ => self.waiting.push_front((number, message)),
            }
        }
        self.doubt();
        self.front = 1;
        self.proven = 0;
        self.carried = 0;
        self.open_slots(self.most);
    }

    /// The size of the payload at the front of what is not finished.
    pub(super) fn front_size(&self) -> Option<usize> {
        let cut = self.unresolved.front().map(|cut| &cut.message);
        let waiting = self.waiting.front().map(|(_, message)| message);
        cut.or(waiting).map(|message| message.payload.len())
    }

    /// Whether there are QoS 2 exchanges to go on with.
    pub(super) fn is_cut(&self) -> bool {
        !self.unresolved.is_empty()
    }

    /// The QoS 2 exchanges to go on with, oldest first: as many as the broker
    /// takes at once.
    pub(super) fn unresolved(&self) -> impl Iterator<Item = &Unresolved> {
        self.unresolved.iter().take(self.limit())
    }

    /// Ends the cut exchanges whose PUBLISH the broker would now end the
    /// connection over, and says why; they count as refused.
    pub(super) fn reject_cut(&mut self) -> Vec<Failure> {
        let mut complaints = Vec::new();
        for exchange in std::mem::take(&mut self.unresolved) {
            let complaint = self.limits.complaint(&exchange.message);
            match complaint.filter(|_| !exchange.received) {
                Some(complaint) => {
                    self.settle(exchange.number, false);
                    complaints.push(complaint);
                }
                None => self.unresolved.push_back(exchange),
            }
        }
        complaints
    }

    /// The broker has forgotten the session: what was cut begins anew.
    pub(super) fn start_over(&mut self) {
        for exchange in self.unresolved.drain(..).rev() {
            self.waiting.push_front((exchange.number, exchange.message));
        }
    }

    /// An exchange that was cut has come to its end; `refused` if by a refusal.
    pub(super) fn resolve(&mut self, mid: u16, refused: bool) {
        if let Some(exchange) = self.take_cut(mid) {
            self.settle(exchange.number, !refused);
        }
    }

    /// An exchange that was cut begins anew, before everything that waits.
    pub(super) fn restart(&mut self, mid: u16) {
        if let Some(exchange) = self.take_cut(mid) {
            self.waiting.push_front((exchange.number, exchange.message));
        }
    }

    fn take_cut(&mut self, mid: u16) -> Option<Unresolved> {
        let index = self.unresolved.iter().position(|exchange| exchange.mid == mid)?;
        self.unresolved.remove(index)
    }

    /// What has become of everything so far.
    pub(super) fn counts(&self) -> Counts {
        self.counts
    }
}

#[cfg(test)]
mod tests;

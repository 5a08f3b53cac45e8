//! The publishes between the input and the broker: waiting, handed to Paho, or
//! written but not yet surely in the kernel. Messages enter and leave in order;
//! what the broker has not acknowledged is kept, so that it can be sent again.
//! Pure bookkeeping: no locks, no Paho.

use std::collections::VecDeque;

use bytes::Bytes;

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
    /// Its packet identifier; 0 while it is not known, and at QoS 0.
    mid: u16,
    answer: Answer,
}

/// A QoS 2 message whose exchange a lost connection has cut. If the broker kept
/// the session, it goes on where it was; if not, it begins anew.
#[derive(Clone, Debug)]
pub(super) struct Unresolved {
    pub(super) message: Message,
    pub(super) mid: u16,
    /// PUBREC has come: only PUBREL is to be sent.
    pub(super) received: bool,
}

/// What a broker has said it takes (MQTT 5, 3.2.2.3).
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// The largest packet, in bytes.
    pub(super) packet: u32,
    pub(super) qos: Qos,
    pub(super) retain: bool,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            packet: u32::MAX,
            qos: Qos::ExactlyOnce,
            retain: true,
        }
    }
}

impl Limits {
    /// Why the broker would end the connection over this message, if it would.
    fn complaint(self, message: &Message) -> Option<String> {
        if message.qos > self.qos {
            return Some(format!("the broker takes no more than QoS {}", self.qos as u8));
        }
        if message.retain && !self.retain {
            return Some("the broker keeps no retained messages".to_owned());
        }
        let size = message.packet_size();
        (size > u64::from(self.packet)).then(|| {
            format!(
                "its packet has {size} bytes, and the broker takes no more than {}",
                self.packet
            )
        })
    }
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
    /// How many PUBLISH packets of this connection are known to be in the kernel.
    carried: u64,
    /// QoS 0 messages in the kernel that nothing has proven to be read, as
    /// ranges of ordinals: a stream of QoS 0 alone is one range.
    unproven: VecDeque<(u64, u64)>,
    /// QoS 2 exchanges that a lost connection has cut, oldest first.
    unresolved: VecDeque<Unresolved>,
    limits: Limits,
    /// Payloads that were delivered, in order, if somebody wants them.
    delivered: Option<Vec<Bytes>>,
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
            unresolved: VecDeque::new(),
            limits: Limits::default(),
            delivered: None,
        }
    }

    /// Keeps the payloads that are delivered until they are taken.
    pub(super) fn keep_delivered(&mut self) {
        self.delivered = Some(Vec::new());
    }

    /// What was delivered since the last call.
    pub(super) fn take_delivered(&mut self) -> Vec<Bytes> {
        self.delivered.as_mut().map(std::mem::take).unwrap_or_default()
    }

    /// Whether something delivered waits to be taken.
    pub(super) fn has_delivered(&self) -> bool {
        self.delivered.as_ref().is_some_and(|delivered| !delivered.is_empty())
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
        self.free.len().min(self.waiting.len())
    }

    /// Takes messages at the end of the queue.
    pub(super) fn enqueue(&mut self, messages: impl IntoIterator<Item = Message>) {
        let before = self.waiting.len();
        self.waiting.extend(messages);
        self.counts.taken += (self.waiting.len() - before) as u64;
    }

    /// Takes the messages at the front of the queue out that the broker would
    /// end the connection over, and says why; they count as refused.
    pub(super) fn reject(&mut self) -> Vec<String> {
        let mut complaints = Vec::new();
        while let Some(complaint) = self.waiting.front().and_then(|message| self.limits.complaint(message)) {
            self.waiting.pop_front();
            self.counts.refused += 1;
            complaints.push(complaint);
        }
        complaints
    }

    /// The next message for Paho, with the slot that it gets.
    pub(super) fn next(&mut self) -> Option<(usize, &Message)> {
        if self
            .waiting
            .front()
            .is_none_or(|message| self.limits.complaint(message).is_some())
        {
            return None;
        }
        let slot = self.free.pop()?;
        let message = self.waiting.pop_front()?;
        let ordinal = self.front + self.flying.len() as u64;
        self.slots[slot] = ordinal;
        self.flying.push_back(Flight {
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
            let at_most_once = flight.message.qos == Qos::AtMostOnce;
            match flight.answer {
                Answer::Awaited => break,
                Answer::Acknowledged => {
                    let ordinal = flight.ordinal;
                    if at_most_once && ordinal > self.carried {
                        self.carried = carried.take().map_or(self.carried, |carried| carried());
                        if ordinal > self.carried {
                            break;
                        }
                    }
                    self.counts.delivered += 1;
                    if at_most_once {
                        match self.unproven.back_mut() {
                            Some((_, last)) if *last + 1 == ordinal => *last = ordinal,
                            _ => self.unproven.push_back((ordinal, ordinal)),
                        }
                    }
                    if let Some(delivered) = &mut self.delivered {
                        delivered.push(flight.message.payload.clone());
                    }
                }
                Answer::Refused => self.counts.refused += 1,
            }
            self.flying.pop_front();
            self.front += 1;
        }
    }

    /// The broker has answered something sent after the first `ordinal` PUBLISH
    /// packets of this connection: it has read those.
    pub(super) fn prove(&mut self, ordinal: u64) {
        while let Some((first, last)) = self.unproven.front_mut() {
            if *last > ordinal {
                *first = (*first).max(ordinal + 1);
                break;
            }
            self.unproven.pop_front();
        }
    }

    /// Whether the broker is not known to have read everything delivered.
    pub(super) fn has_unproven(&self) -> bool {
        !self.unproven.is_empty()
    }

    /// The connection is gone, with `carried` PUBLISH packets in its kernel's
    /// hands: what is not finished waits again, in its old order. `received`
    /// tells of a packet identifier whether PUBREC has come, if the broker is
    /// asked to keep the session.
    pub(super) fn rewind(&mut self, carried: u64, received: Option<&dyn Fn(u16) -> bool>) {
        self.retire(|| carried);
        for exchange in &mut self.unresolved {
            exchange.received |= received.is_some_and(|received| received(exchange.mid));
        }
        let earlier = self.unresolved.len();
        for flight in self.flying.drain(..).rev() {
            match (flight.answer, received) {
                (Answer::Refused, _) => self.counts.refused += 1,
                (Answer::Acknowledged, _) if flight.message.qos != Qos::AtMostOnce => self.counts.delivered += 1,
                (Answer::Awaited, Some(received)) if flight.message.qos == Qos::ExactlyOnce && flight.mid != 0 => {
                    self.unresolved.insert(
                        earlier,
                        Unresolved {
                            received: received(flight.mid),
                            message: flight.message,
                            mid: flight.mid,
                        },
                    );
                }
                // At QoS 0 also what Paho wrote and the kernel never had.
                _ => self.waiting.push_front(flight.message),
            }
        }
        let doubtful = self
            .unproven
            .drain(..)
            .map(|(first, last)| last - first + 1)
            .sum::<u64>();
        self.counts.delivered -= doubtful;
        self.counts.doubtful += doubtful;
        self.front = 1;
        self.carried = 0;
        self.open_slots(self.most);
    }

    /// The size of the payload at the front of what is not finished.
    pub(super) fn front_size(&self) -> Option<usize> {
        let cut = self.unresolved.front().map(|cut| &cut.message);
        let waiting = self.waiting.front();
        cut.or(waiting).map(|message| message.payload.len())
    }

    /// The QoS 2 exchanges to go on with, oldest first.
    pub(super) fn unresolved(&self) -> impl Iterator<Item = &Unresolved> {
        self.unresolved.iter()
    }

    /// The broker has forgotten the session: what was cut begins anew.
    pub(super) fn start_over(&mut self) {
        for exchange in self.unresolved.drain(..).rev() {
            self.waiting.push_front(exchange.message);
        }
    }

    /// An exchange that was cut has come to its end; `refused` if by a refusal.
    pub(super) fn resolve(&mut self, mid: u16, refused: bool) {
        let index = self.unresolved.iter().position(|exchange| exchange.mid == mid);
        let Some(exchange) = index.and_then(|index| self.unresolved.remove(index)) else {
            return;
        };
        if refused {
            self.counts.refused += 1;
            return;
        }
        self.counts.delivered += 1;
        if let Some(delivered) = &mut self.delivered {
            delivered.push(exchange.message.payload);
        }
    }

    /// What has become of everything so far.
    pub(super) fn counts(&self) -> Counts {
        self.counts
    }
}

#[cfg(test)]
mod tests;

//! How a line takes the messages that we publish: large ones with their payload
//! back in its place, those that the broker would have to keep too many of a little
//! later, their topics as aliases.

use std::io::IoSlice;

use bytes::Bytes;

use super::super::packet;
use super::super::ticket::{self, Ticket};
use super::{BUFFER, GATHERED_PUBLISHES, Line, UNASKED, UNASKED_FOR};

impl Line {
    /// Gives topics aliases, where the broker takes some and it saves bytes.
    pub(crate) fn alias_topics(&mut self) {
        self.aliases = Some(Box::default());
    }

    /// Gives the broker no more QoS 2 messages than this to keep at once.
    pub(crate) fn narrow(&mut self, most: usize) {
        self.gate.narrow(most);
    }

    /// Takes a large payload: Paho is to be given the ticket in its place.
    pub(crate) fn deposit(&mut self, payload: &Bytes) -> Option<Ticket> {
        self.cloakroom.deposit(payload)
    }

    /// Takes a PUBLISH from Paho, which ends with its payload or a ticket for it.
    pub(super) fn publish(&mut self, packet: &[IoSlice<'_>], expected: u64, last: bool) {
        let large = packet
            .split_last()
            .and_then(|(ticket, head)| Some((head, self.cloakroom.redeem(ticket)?)));
        let Some((head, payload)) = large else {
            return self.admit(packet, None, expected, last);
        };
        let Some((first, rest)) = head.split_first() else {
            return;
        };
        let header = ticket::header(first, payload.len());
        let mut slices = vec![IoSlice::new(&header)];
        slices.extend_from_slice(rest);
        slices.push(IoSlice::new(&payload));
        self.admit(&slices, Some(&payload), expected, last);
    }

    /// Takes a PUBLISH, for now or for later; a large payload is there in `shared`
    /// memory too.
    fn admit(&mut self, packet: &[IoSlice<'_>], shared: Option<&Bytes>, expected: u64, last: bool) {
        let first = packet::first_byte(packet);
        if !self.gate.holds_back(first, self.watch.kept()) {
            return self.alias(packet, expected, last);
        }
        let Some((payload, head)) = packet.split_last() else {
            return;
        };
        let payload = shared.map_or_else(|| Bytes::copy_from_slice(payload), Bytes::clone);
        self.watch.parked(first, packet);
        self.gate.park(head, payload, last);
        if expected == 0 {
            // Those before it may wait for it in the buffer.
            self.push_out();
        }
    }

    /// Takes those that have waited and need not any more. They leave together with
    /// the PUBREL that made room for them, which is still to be sent.
    pub(super) fn publish_parked(&mut self) {
        while let Some(parked) = self.gate.pass(self.watch.kept()) {
            self.alias(&parked.slices(), 1, parked.last);
        }
    }

    fn alias(&mut self, packet: &[IoSlice<'_>], expected: u64, last: bool) {
        let first = packet::first_byte(packet);
        let length = packet.iter().map(|slice| slice.len()).sum();
        let mut aliases = self.aliases.take();
        let other = aliases
            .as_mut()
            .and_then(|aliases| aliases.apply(packet, self.watch.facts()));
        let alias = other.as_ref().map(|other| other.alias);
        self.watch.sent(first, packet, length, alias);
        self.put(other.as_ref().map_or(packet, |other| &other.packet), expected, last);
        self.aliases = aliases;
    }

    /// Takes a PUBLISH, as it is to leave.
    fn put(&mut self, packet: &[IoSlice<'_>], expected: u64, last: bool) {
        let at_most_once = packet::first_byte(packet) & 0b0110 == 0;
        let length: usize = packet.iter().map(|slice| slice.len()).sum();
        if length > BUFFER {
            self.send_buffered();
            self.published += 1;
            for slice in packet {
                self.carry(slice);
            }
            self.settled();
        } else {
            // What this may push out first does not include it.
            self.gather(packet, length);
            self.published += 1;
        }
        let due = last || (expected == 0 && self.asked.elapsed() >= UNASKED_FOR);
        if at_most_once && due && !self.watch.awaits_pong() {
            self.ask();
        }
        if expected == 0 || self.published - self.carried >= GATHERED_PUBLISHES {
            self.push_out();
        }
        self.unasked += u64::from(at_most_once);
        if self.unasked >= UNASKED && !self.watch.awaits_pong() {
            self.ping();
        }
    }
}

//! How a line acknowledges what came: when it is safe, when somebody says so, or
//! not at all.

use std::io::IoSlice;

use super::{Line, kind};

impl Line {
    /// Leaves a message with the broker: it is not acknowledged.
    pub(crate) fn leave(&mut self, mid: u16) {
        self.held.leave(mid);
    }

    /// Holds back the acknowledgement of a message that comes just now, and with it
    /// those of later ones that are held, until [`Line::allow`] is told its token,
    /// which is higher than those before.
    pub(crate) fn hold(&mut self, mid: u16, token: u64) {
        self.held.hold(mid, token);
    }

    /// Acknowledges a message that is held, when those before it are: at once, if
    /// nothing else waits to be acknowledged.
    pub(crate) fn allow(&mut self, token: u64) {
        if self.down.is_none() {
            self.held.finish(token);
            let at_once = self.acknowledgements.is_empty();
            self.answer_held();
            if at_once && !self.acknowledgements.is_empty() {
                self.release();
            }
        }
    }

    fn answer_held(&mut self) {
        while let Some(packet) = self.held.next() {
            if let [first, _, high, low] = packet
                && first >> 4 == kind::PUBREC
            {
                self.watch.once().take(u16::from_be_bytes([high, low]));
            }
            self.answer(&packet);
        }
    }

    /// Takes Paho's PUBACK: that is the end of a message of `QoS` 1, and the first
    /// answer to one of `QoS` 2. It counts as taken even if the line is down; one that
    /// is held, when it is answered.
    pub(super) fn acknowledge(&mut self, packet: &[IoSlice<'_>]) {
        // Behind two bytes of head, for these packets are short.
        let mut mid = packet.iter().flat_map(|slice| slice.iter().copied()).skip(2);
        let (high, low) = (mid.next().unwrap_or(0), mid.next().unwrap_or(0));
        let mid = u16::from_be_bytes([high, low]);
        let left = self.held.is_left(mid);
        let taken = !left && !self.held.holds(mid);
        let exactly_once = self.watch.once().acknowledge(mid, taken);
        let answer = if exactly_once { kind::PUBREC } else { kind::PUBACK };
        let answer = [answer << 4, 2, high, low];
        if left || self.down.is_some() {
            return;
        }
        if self.held.keep(mid, answer) {
            self.answer_held();
        } else {
            self.answer(&answer);
        }
    }

    /// Puts an acknowledgement to those that leave when it is safe.
    fn answer(&mut self, packet: &[u8]) {
        let first = packet.first().copied().unwrap_or_default();
        self.watch.sent(first, &[IoSlice::new(packet)], packet.len(), None);
        self.acknowledgements.extend_from_slice(packet);
        self.has_answered = true;
    }
}

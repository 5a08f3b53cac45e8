//! How many QoS 2 messages a broker is to keep for us at once. It keeps one from
//! PUBLISH until PUBREL, and no longer (MQTT 3.1.1, 4.3.3): so Paho may have more
//! exchanges under way, and what is too much waits here for the next PUBREL, with
//! everything behind it.
//!
//! So does a message of QoS 1 that comes while the broker keeps as many as it will:
//! mosquitto drops it, and acknowledges it all the same, for before MQTT 5 it has no
//! word for no (`handle__publish`).

use std::collections::VecDeque;
use std::io::IoSlice;

use bytes::Bytes;

/// A PUBLISH packet that waits.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Parked {
    head: Vec<u8>,
    payload: Bytes,
    /// No other will come after it.
    pub(super) last: bool,
}

impl Parked {
    /// The packet: what stands before the payload, and that.
    pub(super) fn slices(&self) -> [IoSlice<'_>; 2] {
        [IoSlice::new(&self.head), IoSlice::new(&self.payload)]
    }
}

/// The gate, and what waits before it.
#[derive(Debug)]
pub(super) struct Gate {
    /// How many messages the broker is to keep at most.
    most: usize,
    parked: VecDeque<Parked>,
}

impl Gate {
    /// A gate that is never shut.
    pub(super) const fn open() -> Self {
        Self {
            most: usize::MAX,
            parked: VecDeque::new(),
        }
    }

    /// Lets the broker keep so many at most.
    pub(super) fn narrow(&mut self, most: usize) {
        self.most = most;
    }

    /// Whether a PUBLISH with this first byte has to wait while the broker keeps so
    /// many.
    pub(super) fn holds_back(&self, first: u8, kept: usize) -> bool {
        self.holds_some() || self.is_shut(first, kept)
    }

    /// Whether something waits.
    pub(super) fn holds_some(&self) -> bool {
        !self.parked.is_empty()
    }

    /// Has a PUBLISH wait: what stands before its payload, and that.
    pub(super) fn park(&mut self, head: &[IoSlice<'_>], payload: Bytes, last: bool) {
        let head = head.iter().flat_map(|slice| slice.iter().copied()).collect();
        self.parked.push_back(Parked { head, payload, last });
    }

    /// The next one that may pass while the broker keeps so many.
    pub(super) fn pass(&mut self, kept: usize) -> Option<Parked> {
        let first = *self.parked.front()?.head.first()?;
        if self.is_shut(first, kept) {
            return None;
        }
        self.parked.pop_front()
    }

    /// Forgets what waits: it was never sent.
    pub(super) fn clear(&mut self) {
        self.parked.clear();
    }

    fn is_shut(&self, first: u8, kept: usize) -> bool {
        first & 0b0110 != 0 && kept >= self.most
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONCE: u8 = 0x34;
    const LEAST: u8 = 0x32;
    const MOST: u8 = 0x30;

    /// Whether the gate has a packet wait.
    fn park(gate: &mut Gate, first: u8, kept: usize) -> bool {
        let waits = gate.holds_back(first, kept);
        if waits {
            gate.park(&[IoSlice::new(&[first, 3])], Bytes::from_static(b"abc"), false);
        }
        waits
    }

    #[test]
    fn an_open_gate_is_never_shut() {
        assert!(!park(&mut Gate::open(), ONCE, 65_535));
    }

    #[test]
    fn what_is_too_much_waits_and_what_is_behind_it_too() {
        let mut gate = Gate::open();
        gate.narrow(2);
        assert!(!park(&mut gate, ONCE, 1));
        assert!(!park(&mut gate, LEAST, 1));
        assert!(!park(&mut gate, MOST, 2), "nothing is kept of it");
        for (first, kept) in [(LEAST, 2), (ONCE, 2), (MOST, 2)] {
            assert!(park(&mut gate, first, kept));
        }
        assert!(park(&mut gate, ONCE, 1), "in the order in which they came");
        assert_eq!(gate.pass(2), None);
        for (first, kept) in [(LEAST, 1), (ONCE, 1), (MOST, 2)] {
            assert_eq!(gate.pass(kept).map(|parked| parked.head[0]), Some(first));
        }
        assert_eq!(gate.pass(2), None);
        assert!(gate.pass(0).is_some() && gate.pass(0).is_none());
    }

    #[test]
    fn a_packet_passes_as_it_came() {
        let mut gate = Gate::open();
        gate.narrow(0);
        let head = [IoSlice::new(b"\x34\x05"), IoSlice::new(b"ab")];
        gate.park(&head, Bytes::from_static(b"xyz"), true);
        gate.narrow(1);
        let parked = gate.pass(0).unwrap();
        assert!(parked.last);
        assert_eq!(
            parked.slices().map(|slice| slice.to_vec()),
            [b"\x34\x05ab".to_vec(), b"xyz".to_vec()]
        );
    }

    #[test]
    fn a_cleared_gate_is_empty() {
        let mut gate = Gate::open();
        gate.narrow(1);
        assert!(park(&mut gate, ONCE, 1));
        gate.clear();
        assert_eq!(gate.pass(0), None);
    }
}

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

use super::packet;

/// A PUBLISH packet that waits.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Parked {
    packet: Vec<u8>,
    /// Where the last of the slices begins that Paho wrote.
    last_slice: usize,
    /// No other will come after it.
    pub(super) last: bool,
}

impl Parked {
    /// The packet in two slices, the second as Paho wrote its last one.
    pub(super) fn slices(&self) -> [IoSlice<'_>; 2] {
        let (head, last) = self.packet.split_at(self.last_slice);
        [IoSlice::new(head), IoSlice::new(last)]
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

    /// Parks this PUBLISH if it has to wait while the broker keeps so many; whether
    /// it has.
    pub(super) fn park(&mut self, packet: &[IoSlice<'_>], kept: usize, last: bool) -> bool {
        let waits = !self.parked.is_empty() || self.is_shut(packet::first_byte(packet), kept);
        if waits {
            let length: usize = packet.iter().map(|slice| slice.len()).sum();
            self.parked.push_back(Parked {
                packet: packet.iter().flat_map(|slice| slice.iter().copied()).collect(),
                last_slice: length - packet.last().map_or(0, |slice| slice.len()),
                last,
            });
        }
        waits
    }

    /// The next one that may pass while the broker keeps so many.
    pub(super) fn pass(&mut self, kept: usize) -> Option<Parked> {
        let first = *self.parked.front()?.packet.first()?;
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

    fn park(gate: &mut Gate, first: u8, kept: usize) -> bool {
        gate.park(&[IoSlice::new(&[first, 3]), IoSlice::new(b"abc")], kept, false)
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
            assert_eq!(gate.pass(kept).map(|parked| parked.packet[0]), Some(first));
        }
        assert_eq!(gate.pass(2), None);
        assert!(gate.pass(0).is_some() && gate.pass(0).is_none());
    }

    #[test]
    fn a_packet_passes_as_it_came() {
        let mut gate = Gate::open();
        gate.narrow(0);
        gate.park(
            &[IoSlice::new(b"\x34\x05"), IoSlice::new(b"ab"), IoSlice::new(b"xyz")],
            0,
            true,
        );
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

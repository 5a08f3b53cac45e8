//! Holds the broker back: while paused, nothing more is read for Paho, which goes
//! on otherwise. It would take the silence for a dead connection, so it is given
//! the answers to its PINGREQs here: the PINGREQs leave as ever, and keep the
//! connection alive.

use std::sync::atomic::{AtomicBool, Ordering};

/// Nothing is read.
static PAUSED: AtomicBool = AtomicBool::new(false);
/// Paho may be waiting for a PINGRESP.
static OWED: AtomicBool = AtomicBool::new(false);

/// A PINGRESP (MQTT 5, 3.13).
pub(super) const PONG: [u8; 2] = [0xd0, 0];

/// Reads nothing from now on; to be called in a callback on Paho's receiving
/// thread, where Paho has consumed a whole packet.
pub(crate) fn pause() {
    OWED.store(true, Ordering::Release);
    PAUSED.store(true, Ordering::Release);
}

/// Reads again. Whoever waits for the kernel has to be woken.
pub(super) fn end() {
    PAUSED.store(false, Ordering::Release);
}

pub(super) fn is_on() -> bool {
    PAUSED.load(Ordering::Acquire)
}

/// Paho has sent a PINGREQ.
pub(super) fn pinged() {
    OWED.store(true, Ordering::Release);
}

/// Whether Paho is to be given a PINGRESP, once.
pub(super) fn owes_pong() -> bool {
    is_on() && OWED.swap(false, Ordering::AcqRel)
}

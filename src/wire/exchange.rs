//! How far the exchanges of the messages that we publish have come, by their
//! packet identifiers.

use crate::exit::Exit;
use crate::failure::Failure;

use super::watch::kind;

/// How far the exchange of a message has come, as far as the broker's answers
/// tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// The message has not been sent on this connection.
    Unsent,
    /// It is not answered.
    Unanswered,
    /// PUBREC has come, and not yet PUBCOMP.
    Received,
    /// It is delivered.
    Delivered,
    /// It is refused.
    Refused,
}

/// What stands for the packet type where the message waits to leave: whatever the
/// broker says of it, it says of something else.
pub(super) const PARKED: u8 = 0x40;

/// What stands for the packet type where an exchange has ended.
pub(super) const DELIVERED: u8 = 0x10;
pub(super) const REFUSED: u8 = 0x20;

/// The type of the packet that each packet identifier of ours waits for, or how
/// its last exchange has ended; 0 where it has not been in use. PUBREL is what we
/// have to send, all else what the broker has.
#[derive(Default)]
pub(super) struct Awaited {
    table: Option<Box<[u8]>>,
    /// How many wait for PUBREC or PUBREL.
    kept: usize,
}

impl Awaited {
    pub(super) fn set(&mut self, mid: u16, next: u8) {
        let table = self.table.get_or_insert_with(|| vec![0; 65_536].into_boxed_slice());
        if let Some(entry) = table.get_mut(usize::from(mid)) {
            self.kept += usize::from(is_kept(next));
            self.kept -= usize::from(is_kept(*entry));
            *entry = next;
        }
    }

    /// How many QoS 2 messages the broker keeps, or is about to: those whose PUBREL
    /// has not left.
    pub(super) fn kept(&self) -> usize {
        self.kept
    }

    pub(super) fn get(&self, mid: u16) -> u8 {
        let table = self.table.as_ref();
        table
            .and_then(|table| table.get(usize::from(mid)).copied())
            .unwrap_or(0)
    }

    /// How far the exchange with this packet identifier has come.
    pub(super) fn fate(&self, mid: u16) -> Fate {
        match self.get(mid) {
            0 | PARKED => Fate::Unsent,
            kind::PUBREL | kind::PUBCOMP => Fate::Received,
            DELIVERED => Fate::Delivered,
            REFUSED => Fate::Refused,
            _ => Fate::Unanswered,
        }
    }
}

/// Whether an exchange that waits for this packet is one that a broker keeps a
/// message for.
fn is_kept(awaited: u8) -> bool {
    matches!(awaited, kind::PUBREC | kind::PUBREL)
}

/// What to say of PUBACK for a message at `QoS` 2. The broker has the message, and
/// would take it again on each connection.
pub(super) fn downgraded() -> Failure {
    let what = "the broker sent PUBACK for a message at QoS 2, as if it were at QoS 1";
    let failure = Failure::new(Exit::Undelivered, what).permanent();
    failure.hint("it does not speak QoS 2: publish with -q 1")
}

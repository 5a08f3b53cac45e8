//! Large payloads, past Paho: it is given a ticket in the place of the payload,
//! which it would copy (`MQTTAsync_send`), and the seam puts the payload back into
//! the packet when it leaves.

use bytes::Bytes;

use super::packet;

/// What stands for a payload: nothing that a payload is by chance.
pub(crate) type Ticket = [u8; 16];

/// From this size on a copy is worth the trouble of avoiding it, in bytes.
const LARGE: usize = 1 << 20;

/// The payloads that Paho has tickets for, oldest first.
#[derive(Debug)]
pub(super) struct Cloakroom {
    left: Vec<(Ticket, Bytes)>,
}

impl Cloakroom {
    pub(super) const fn new() -> Self {
        Self { left: Vec::new() }
    }

    /// Takes a payload, if it is large.
    pub(super) fn deposit(&mut self, payload: &Bytes) -> Option<Ticket> {
        if payload.len() < LARGE {
            return None;
        }
        let ticket = fastrand::u128(..).to_ne_bytes();
        self.left.push((ticket, payload.clone()));
        Some(ticket)
    }

    /// Gives out the payload that this one stands for, if it stands for another.
    pub(super) fn redeem(&mut self, payload: &[u8]) -> Option<Bytes> {
        let index = self.left.iter().position(|(ticket, _)| ticket == payload)?;
        Some(self.left.remove(index).1)
    }
}

/// The fixed header (MQTT 5, 2.1) of the packet that starts with these bytes, for a
/// body with `more` bytes in the place of a ticket.
pub(super) fn header(packet: &[u8], more: usize) -> Vec<u8> {
    let (first, length) = packet
        .split_first()
        .map_or((0, &[][..]), |(first, rest)| (*first, rest));
    let length = packet::varying(length).unwrap_or(0) + more - size_of::<Ticket>();
    let mut header = vec![first];
    packet::put_varying(&mut header, length);
    header
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_payload_is_given_out_once_and_for_its_ticket_alone() {
        let mut room = Cloakroom::new();
        let large = Bytes::from(vec![7; LARGE]);
        assert_eq!(room.deposit(&large.slice(1..)), None);
        let ticket = room.deposit(&large).unwrap();
        let other = room.deposit(&large).unwrap();
        assert_ne!(ticket, other);
        assert_eq!(room.redeem(&ticket[1..]), None);
        assert_eq!(room.redeem(&ticket), Some(large.clone()));
        assert_eq!(room.redeem(&ticket), None);
        assert_eq!(room.redeem(&other), Some(large));
    }

    #[test]
    fn the_length_is_that_with_the_payload() {
        // A topic of one byte and a ticket: 19 bytes.
        assert_eq!(header(&[0x32, 19], LARGE), [0x32, 0x83, 0x80, 0x40]);
        assert_eq!(header(&[0x30, 0x80, 0x01], 200), [0x30, 0xb8, 0x02]);
    }
}

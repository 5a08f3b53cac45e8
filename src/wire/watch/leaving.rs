//! What is noted of the packets that leave, and told of them.

use std::io::IoSlice;

use super::super::exchange::PARKED;
use super::super::packet::Reader;
use super::super::trace::{self, Way};
use super::{Pinger, Watch, kind};

impl Watch {
    /// A packet leaves; with an alias for its topic, if there is one.
    pub(crate) fn sent(&mut self, first: u8, packet: &[IoSlice<'_>], length: usize, alias: Option<u16>) {
        self.expect(first, packet);
        if let Some(tracer) = &self.tracer {
            let words = trace::leaving(first, packet, length, self.version);
            match alias {
                None => tracer(&words),
                Some(alias) => tracer(&format!("{words} with topic alias {alias}")),
            }
        }
    }

    /// A PUBLISH waits to leave.
    pub(crate) fn parked(&mut self, first: u8, packet: &[IoSlice<'_>]) {
        if first & 0b0110 != 0
            && let Some(mid) = identifier(first, packet)
        {
            self.awaited.set(mid, PARKED);
        }
    }

    /// Whether the broker is to get this PUBREL. Paho answers each PUBREC; of a second
    /// one it would get a second PUBCOMP, when the identifier may be in use again.
    pub(crate) fn wants(&self, first: u8, pubrel: &[IoSlice<'_>]) -> bool {
        let state = identifier(first, pubrel).map_or(0, |mid| self.awaited.get(mid));
        matches!(state, 0 | kind::PUBREL)
    }

    /// A PINGREQ leaves.
    pub(crate) fn pinged(&mut self, by: Pinger) {
        self.pings.push_back(by);
        // Paho's is told of like its other packets.
        if by != Pinger::Paho {
            self.tell(&[kind::PINGREQ << 4, 0]);
        }
    }

    /// Tells of packets, one behind the other, that leave past Paho.
    pub(crate) fn tell(&self, mut packets: &[u8]) {
        let Some(tracer) = &self.tracer else { return };
        while let Some((first, rest)) = packets.split_first() {
            let mut reader = Reader::new(rest);
            let length = reader.varying().and_then(|length| usize::try_from(length).ok());
            let Some(body) = length.and_then(|length| reader.take(length)) else {
                return;
            };
            tracer(&trace::describe(Way::Sending, *first, body, body.len(), self.version));
            packets = reader.rest();
        }
    }

    /// Notes which answer the packet asks for.
    fn expect(&mut self, first: u8, packet: &[IoSlice<'_>]) {
        let answer = match (first >> 4, first >> 1 & 3) {
            (kind::PUBLISH, 1) => kind::PUBACK,
            (kind::PUBLISH, 2) => kind::PUBREC,
            (kind::PUBREL, _) => kind::PUBCOMP,
            (8, _) => kind::SUBACK,
            (10, _) => kind::UNSUBACK,
            _ => return,
        };
        // PUBREL may leave for a PUBREC that we had not asked for.
        if let Some(mid) = identifier(first, packet)
            && (answer != kind::PUBCOMP || self.awaited.get(mid) == kind::PUBREL)
        {
            self.awaited.set(mid, answer);
        }
    }
}

/// The packet identifier of a PUBLISH above QoS 0, or of a packet that begins with it.
fn identifier(first: u8, packet: &[IoSlice<'_>]) -> Option<u16> {
    let byte = |at: usize| {
        let mut before = 0;
        packet.iter().find_map(|slice| {
            let byte = slice.get(at.wrapping_sub(before)).copied().filter(|_| at >= before);
            before += slice.len();
            byte
        })
    };
    let two = |at| Some(u16::from_be_bytes([byte(at)?, byte(at + 1)?]));
    // Behind the first byte stands the remaining length, of up to four bytes.
    let body = (1..5).find(|at| byte(*at).is_some_and(|byte| byte & 0x80 == 0))? + 1;
    match first >> 4 {
        kind::PUBLISH => two(body + 2 + usize::from(two(body)?)),
        _ => two(body),
    }
}

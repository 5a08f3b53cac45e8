//! A line of words for each control packet that passes, for the debug output.
//! Payloads and credentials are never in it.

use std::io::IoSlice;

use super::packet::Reader;
use super::shape::{self, Head};
use super::watch::kind;
use crate::config::connection::Version;

/// How much of a packet that leaves is looked at to describe it: of a PUBLISH its topic,
/// its identifier, and how long its properties are.
const PREFIX: usize = 256;

/// Takes the lines.
pub(crate) type Tracer = std::sync::Arc<dyn Fn(&str) + Send + Sync>;

/// Which way a packet goes.
#[derive(Clone, Copy, Debug)]
pub(super) enum Way {
    Sending,
    Received,
}

/// Describes a packet of this length, in all, that leaves.
pub(super) fn leaving(first: u8, packet: &[IoSlice<'_>], length: usize, version: Version) -> String {
    let bytes = packet.iter().flat_map(|slice| slice.iter().copied());
    let bytes: Vec<u8> = bytes.take(PREFIX).collect();
    // Behind the first byte stands the remaining length.
    let mut header = bytes.iter().skip(1);
    let body = header.position(|byte| byte & 0x80 == 0).map_or(0, |at| at + 2);
    let rest = bytes.get(body..).unwrap_or_default();
    describe(Way::Sending, first, rest, length.saturating_sub(body), version)
}

/// Describes a packet by its first byte, the beginning of its body and the length
/// of all of the body.
pub(super) fn describe(way: Way, first: u8, body: &[u8], length: usize, version: Version) -> String {
    let way = match way {
        Way::Sending => "sending",
        Way::Received => "received",
    };
    let packet = first >> 4;
    let name = name(packet);
    let mut reader = Reader::new(body);
    let rest = match packet {
        kind::PUBLISH => {
            let qos = first >> 1 & 3;
            let topic = reader.binary().map(String::from_utf8_lossy);
            let mid = if qos == 0 { 0 } else { reader.two().unwrap_or(0) };
            let (dup, retain) = (first >> 3 & 1, first & 1);
            let topic = topic.as_deref().unwrap_or("…");
            let payload = match shape::publish_head(first, body, version == Version::V5) {
                Head::Of(head) => length.checked_sub(head),
                Head::Within(_) => None,
            };
            let length = payload.map_or_else(|| "…".to_owned(), |length| format!("{length} bytes"));
            format!(" (d{dup}, q{qos}, r{retain}, m{mid}, '{topic}', {length})")
        }
        kind::CONNACK => {
            let present = reader.byte().unwrap_or(0) & 1;
            format!(" (session present {present}, code {})", reader.byte().unwrap_or(0))
        }
        kind::PUBACK..=kind::SUBACK | 10 | kind::UNSUBACK => {
            let mid = reader.two().unwrap_or(0);
            match (packet, reader.byte()) {
                (kind::PUBACK..=kind::PUBCOMP, Some(reason)) => format!(" (m{mid}, reason {reason})"),
                _ => format!(" (m{mid})"),
            }
        }
        _ => String::new(),
    };
    format!("{way} {name}{rest}")
}

fn name(packet: u8) -> &'static str {
    match packet {
        1 => "CONNECT",
        kind::CONNACK => "CONNACK",
        kind::PUBLISH => "PUBLISH",
        kind::PUBACK => "PUBACK",
        kind::PUBREC => "PUBREC",
        kind::PUBREL => "PUBREL",
        kind::PUBCOMP => "PUBCOMP",
        8 => "SUBSCRIBE",
        kind::SUBACK => "SUBACK",
        10 => "UNSUBSCRIBE",
        kind::UNSUBACK => "UNSUBACK",
        kind::PINGREQ => "PINGREQ",
        kind::PINGRESP => "PINGRESP",
        kind::DISCONNECT => "DISCONNECT",
        kind::AUTH => "AUTH",
        _ => "a packet of no known type",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_in_words() {
        for (way, first, body, length, expected) in [
            (
                Way::Sending,
                0x3b,
                &b"\0\x03a/b\0\x07payload"[..],
                14,
                "sending PUBLISH (d1, q1, r1, m7, 'a/b', 7 bytes)",
            ),
            (Way::Received, 0x40, &[0, 7, 0x10], 3, "received PUBACK (m7, reason 16)"),
            (
                Way::Received,
                0x20,
                &[1, 0],
                2,
                "received CONNACK (session present 1, code 0)",
            ),
            (Way::Sending, 0x10, b"secret", 6, "sending CONNECT"),
            (
                Way::Received,
                0x30,
                &[0xff],
                1,
                "received PUBLISH (d0, q0, r0, m0, '…', …)",
            ),
            (
                Way::Received,
                0x30,
                b"\0\x05a",
                3,
                "received PUBLISH (d0, q0, r0, m0, '…', …)",
            ),
        ] {
            assert_eq!(describe(way, first, body, length, Version::V311), expected);
        }
    }
}

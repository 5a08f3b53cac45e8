//! A line of words for each control packet that passes, for the debug output.
//! Payloads and credentials are never in it.

use super::packet::Reader;
use super::watch::kind;

/// How much of a PUBLISH is kept to describe it: its topic and identifier.
pub(super) const PREFIX: usize = 256;

/// Takes the lines.
pub(crate) type Tracer = std::sync::Arc<dyn Fn(&str) + Send + Sync>;

/// Which way a packet goes.
#[derive(Clone, Copy, Debug)]
pub(super) enum Way {
    Sending,
    Received,
}

/// Describes a packet by its first byte, the beginning of its body and the length
/// of all of the body.
pub(super) fn describe(way: Way, first: u8, body: &[u8], length: usize) -> String {
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
            format!(" (d{dup}, q{qos}, r{retain}, m{mid}, '{topic}', {length} bytes)")
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
        assert_eq!(
            describe(Way::Sending, 0x3b, b"\0\x03a/b\0\x07payload", 14),
            "sending PUBLISH (d1, q1, r1, m7, 'a/b', 14 bytes)"
        );
        assert_eq!(
            describe(Way::Received, 0x40, &[0, 7, 0x10], 3),
            "received PUBACK (m7, reason 16)"
        );
        assert_eq!(
            describe(Way::Received, 0x20, &[1, 0], 2),
            "received CONNACK (session present 1, code 0)"
        );
        assert_eq!(describe(Way::Sending, 0x10, b"secret", 6), "sending CONNECT");
        assert_eq!(
            describe(Way::Received, 0x30, &[0xff], 1),
            "received PUBLISH (d0, q0, r0, m0, '…', 1 bytes)"
        );
    }
}

//! The shape of a PUBLISH before its payload. Paho reads the properties of one that
//! is cut short from beyond its end (`MQTTProperty_read`), so that it must not get
//! such a packet whole.

use super::packet::{self, Reader};

/// How many bytes of the body of a PUBLISH stand before its payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Head {
    /// So many.
    Of(usize),
    /// That stands within so many bytes, which are more than there are.
    Within(usize),
}

/// How far the head of a PUBLISH with this first byte reaches, which has these bytes
/// and maybe more behind it.
pub(super) fn publish_head(first: u8, body: &[u8], five: bool) -> Head {
    let Some(topic) = Reader::new(body).two() else {
        return Head::Within(2);
    };
    let identifier = if first & 0b0110 == 0 { 0 } else { 2 };
    let before = 2 + usize::from(topic) + identifier;
    if !five {
        return Head::Of(before);
    }
    let properties = body.get(before..).unwrap_or_default();
    let mut reader = Reader::new(properties);
    match reader.varying().and_then(|length| usize::try_from(length).ok()) {
        Some(length) => Head::Of(body.len() - reader.rest().len() + length),
        // Four bytes that are no length never will be one.
        None if properties.len() < 4 => Head::Within(before + properties.len() + 1),
        None => Head::Of(body.len()),
    }
}

/// The packet identifier of a PUBLISH with this first byte, 0 at QoS 0; `None` if
/// it is malformed before its payload (MQTT 5, 3.3.1 and 3.3.2).
pub(super) fn publish(first: u8, body: &mut Reader<'_>, five: bool) -> Option<u16> {
    body.binary()?;
    let mid = match first >> 1 & 3 {
        0 => 0,
        1 | 2 => body.two().filter(|mid| *mid != 0)?,
        _ => return None,
    };
    if five {
        packet::pass_properties(body)?;
    }
    Some(mid)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_ends_where_the_payload_begins() {
        for (first, body, five, expected) in [
            (0x30, &b"\0\x01tab"[..], false, Head::Of(3)),
            (0x32, b"\0\x01t\0\x07ab", false, Head::Of(5)),
            (0x30, b"\0\x01t\0ab", true, Head::Of(4)),
            (0x34, b"\0\x01t\0\x07\x03\x01\x01\0ab", true, Head::Of(9)),
            // Two bytes for a length of 130, of which little is there.
            (0x30, b"\0\x01t\x82\x01\x26", true, Head::Of(135)),
            (0x30, b"\0\x01t", true, Head::Within(4)),
            (0x30, b"\0\x01t\x82", true, Head::Within(5)),
            (0x30, b"\x01\0t", true, Head::Within(259)),
            (0x30, b"\x01\0t", false, Head::Of(258)),
            (0x30, b"\0", false, Head::Within(2)),
            (0x30, b"\0\x01t\x80\x80\x80\x80", true, Head::Of(7)),
        ] {
            assert_eq!(publish_head(first, body, five), expected, "{body:?}");
        }
    }
}

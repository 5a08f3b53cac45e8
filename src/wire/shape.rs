//! The shape of a PUBLISH before its payload. Paho reads the properties of one that
//! is cut short from beyond its end (`MQTTProperty_read`), so that it must not get
//! such a packet whole.

use super::packet::{self, Reader};

/// How many bytes stand before the payload of a PUBLISH with this first byte and
/// this body; more than there are of the body where these do not tell.
pub(super) fn publish_head(first: u8, body: &[u8], five: bool) -> usize {
    let Some(topic) = Reader::new(body).two() else {
        return 2;
    };
    let identifier = if first & 0b0110 == 0 { 0 } else { 2 };
    let before = 2 + usize::from(topic) + identifier;
    if !five {
        return before;
    }
    let properties = body.get(before..).unwrap_or_default();
    let mut reader = Reader::new(properties);
    match reader.varying().and_then(|length| usize::try_from(length).ok()) {
        Some(length) => body.len() - reader.rest().len() + length,
        // Four bytes that are no length never will be one.
        None if properties.len() < 4 => before + properties.len() + 1,
        None => body.len(),
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

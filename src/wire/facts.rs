//! What a broker has said on a connection: the packets that Paho hides, as plain
//! data.

use super::packet::{self, Reader};
use crate::message::Properties;

/// The reason code of "No matching subscribers" (MQTT 5, 3.4.2.1).
const NOBODY_SUBSCRIBES: u8 = 0x10;

/// What a CONNACK said (MQTT 5, 3.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Connack {
    pub(crate) session_present: bool,
    /// The return code of MQTT 3, or the reason code of MQTT 5.
    pub(crate) code: u8,
    /// Whether it has the form of MQTT 3, which has no properties.
    pub(crate) old_form: bool,
    pub(crate) properties: Properties,
}

/// What a SUBACK, an UNSUBACK or a DISCONNECT said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Verdict {
    /// The packet identifier; 0 in a DISCONNECT.
    pub(crate) mid: u16,
    /// A code for each filter; one in a DISCONNECT.
    pub(crate) codes: Vec<u8>,
    pub(crate) properties: Properties,
}

/// What the broker has said so far on this connection.
#[derive(Clone, Debug, Default)]
pub(crate) struct Facts {
    pub(crate) connack: Option<Connack>,
    /// Each SUBACK and UNSUBACK.
    pub(crate) answers: Vec<Verdict>,
    pub(crate) disconnect: Option<Verdict>,
    /// How many of our messages nobody subscribes to (MQTT 5, reason code 0x10).
    pub(crate) unheard: u64,
}

impl Facts {
    /// The reason code of an acknowledgement, if that is a refusal.
    pub(super) fn refusal(&mut self, reason: Option<u8>) -> Option<u8> {
        self.unheard += u64::from(reason == Some(NOBODY_SUBSCRIBES));
        reason.filter(|reason| *reason >= 0x80)
    }
}

/// Reads a CONNACK; `None` if it is malformed.
pub(super) fn connack(body: &mut Reader<'_>, five: bool) -> Option<Connack> {
    let flags = body.byte()?;
    let code = body.byte()?;
    let old_form = body.is_empty();
    let properties = if five && !old_form {
        packet::properties(body)?
    } else {
        Properties::default()
    };
    Some(Connack {
        session_present: flags & 1 == 1,
        code,
        old_form,
        properties,
    })
}

/// Reads a SUBACK or an UNSUBACK; `None` if it is malformed.
pub(super) fn verdict(body: &mut Reader<'_>, five: bool) -> Option<Verdict> {
    let mid = body.two()?;
    let properties = if five {
        packet::properties(body)?
    } else {
        Properties::default()
    };
    Some(Verdict {
        mid,
        codes: body.rest().to_vec(),
        properties,
    })
}

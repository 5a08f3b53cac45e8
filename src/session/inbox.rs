//! What takes the messages that arrive. It is called on Paho's receiving thread,
//! with the message still in Paho's memory: write it, or copy it.

use std::time::SystemTime;

use super::ffi::Arrival;
use crate::message::{Qos, Received};

/// Takes messages. A message counts as received, and is acknowledged, after the
/// next successful [`Inbox::settle`].
pub trait Inbox: Send {
    /// Takes one message.
    fn deliver(&mut self, message: &Received<'_>) -> Flow;

    /// Nothing more is waiting: whatever was taken must now be where it belongs.
    /// `false` if that cannot be: then it is not acknowledged.
    fn settle(&mut self) -> bool;

    /// A message came that cannot be shown, and why. It is acknowledged, for it
    /// would only come again.
    fn refuse(&mut self, why: &str);
}

/// Whether more is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    /// More, please.
    Continue,
    /// No message after this one is to be taken or acknowledged.
    Stop,
}

/// Hands a message of Paho's to the inbox.
pub(super) fn deliver(inbox: &mut dyn Inbox, arrival: &Arrival<'_>) -> Flow {
    let Ok(topic) = std::str::from_utf8(arrival.topic) else {
        inbox.refuse("a message was skipped: its topic is not UTF-8");
        return Flow::Continue;
    };
    if topic.contains('\0') {
        inbox.refuse("a message was skipped: its topic has a NUL character");
        return Flow::Continue;
    }
    inbox.deliver(&Received {
        time: SystemTime::now(),
        topic,
        payload: arrival.payload,
        qos: Qos::try_from(arrival.qos).unwrap_or_default(),
        retain: arrival.retain,
        dup: arrival.dup,
        mid: if arrival.qos == 0 { 0 } else { arrival.mid },
        properties: arrival.properties.clone(),
    })
}

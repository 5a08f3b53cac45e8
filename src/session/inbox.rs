//! What takes the messages that arrive. It is called on Paho's receiving thread,
//! with the message still in Paho's memory: write it, or copy it.

use std::collections::HashMap;
use std::time::SystemTime;

use super::ffi::Arrival;
use crate::message::{Decoding, Message, Qos, Received};
use crate::property::TOPIC_ALIAS;
use crate::wire::Turn;

/// Takes messages. A message counts as received, and is acknowledged, after the
/// next successful [`Inbox::settle`].
pub trait Inbox: Send {
    /// Takes one message.
    fn deliver(&mut self, message: &Received<'_>) -> Flow;

    /// What to publish now that the last message has been taken, if anything.
    fn answer(&mut self) -> Option<Message> {
        None
    }

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
    /// More; but this message was not taken, and is left with the broker.
    Leave,
    /// No message after this one is to be taken or acknowledged.
    Stop,
}

/// The topics that stand behind the topic aliases of a connection (MQTT 5,
/// 3.3.2.3.4), which Paho does not look up.
pub(super) type Aliases = HashMap<u32, String>;

/// Hands a message of Paho's to the inbox. With a turn it is one of `QoS` 2, which
/// Paho takes for one of `QoS` 1.
pub(super) fn deliver(inbox: &mut dyn Inbox, arrival: &Arrival<'_>, turn: Option<Turn>, aliases: &mut Aliases) -> Flow {
    let mut refuse = |why: &str| {
        inbox.refuse(&format!("a message was skipped: {why}"));
        Flow::Continue
    };
    let Ok(mut topic) = std::str::from_utf8(arrival.topic) else {
        return refuse("its topic is not UTF-8");
    };
    if topic.contains('\0') {
        return refuse("its topic has a NUL character");
    }
    if let Some(alias) = arrival.properties.number(TOPIC_ALIAS) {
        if !topic.is_empty() {
            aliases.insert(alias, topic.to_owned());
        } else if let Some(known) = aliases.get(&alias) {
            topic = known;
        }
    }
    if turn == Some(Turn::Again) {
        // Its alias holds nevertheless.
        return Flow::Continue;
    }
    if topic.is_empty() {
        return refuse("it has no topic");
    }
    let qos = match turn {
        Some(_) => Qos::ExactlyOnce,
        None => Qos::try_from(arrival.qos).unwrap_or_default(),
    };
    inbox.deliver(&Received {
        time: SystemTime::now(),
        topic,
        payload: arrival.payload,
        decoding: Decoding::None,
        qos,
        retain: arrival.retain,
        dup: arrival.dup,
        mid: if arrival.qos == 0 { 0 } else { arrival.mid },
        properties: arrival.properties.clone(),
    })
}

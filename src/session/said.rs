//! For who wants to know a broker: what it has said on this connection, and a cut
//! as a cable has it.

use super::Session;
use crate::message::Properties;
use crate::wire;

/// What a broker has said on a connection.
#[derive(Clone, Debug, Default)]
pub struct Said {
    /// MQTT 5: the properties of CONNACK.
    pub properties: Properties,
    /// Whether it still had a session of ours.
    pub session_present: bool,
    /// The levels, or the refusals, with which it answered the subscriptions, in
    /// the order of its answers.
    pub codes: Vec<u8>,
}

impl Session {
    /// What the broker has said on this connection.
    pub fn said(&self) -> Said {
        let facts = wire::with_line(|line| line.facts().clone()).unwrap_or_default();
        let connack = facts.connack;
        Said {
            session_present: connack.as_ref().is_some_and(|connack| connack.session_present),
            properties: connack.map(|connack| connack.properties).unwrap_or_default(),
            codes: facts.answers.into_iter().flat_map(|answer| answer.codes).collect(),
        }
    }

    /// Cuts the connection without a word to the broker, which is to take it for a
    /// client that has died. [`super::Event::Away`] or [`super::Event::Down`] follows.
    pub fn cut(&self) {
        wire::hang_up();
    }
}

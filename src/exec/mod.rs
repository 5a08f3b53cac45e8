//! Runs a command for each message. What it is given: arguments ([`Recipe`]) and
//! [`environment`]. Which runs when: `queue`, held by the [`Pool`]. One command
//! from its start to its end: `child`. No shell has a part in it, and nothing
//! here knows of a broker or of the command line.

mod argument;
mod child;
pub mod environment;
mod pool;
mod queue;
mod registry;

use std::sync::Arc;
use std::time::SystemTime;

use crate::message::{Properties, Qos, Received};

pub use self::argument::{Argument, Recipe, VARIABLES};
pub use self::pool::{Outcome, Overseer, Pool, Terms};

/// A message that a command is to be run for.
#[derive(Clone, Debug)]
pub struct Task {
    /// Tells it from all others.
    pub token: u64,
    /// What the command finds on its stdin, if that is not the payload.
    pub stdin: Option<Vec<u8>>,
    /// As in [`Received`], as all that follows.
    pub topic: Arc<str>,
    /// Its payload.
    pub payload: Vec<u8>,
    /// When it came.
    pub time: SystemTime,
    /// The level that it was delivered with.
    pub qos: Qos,
    /// Whether it was retained.
    pub retain: bool,
    /// Whether it may have come before.
    pub dup: bool,
    /// The packet identifier, or 0.
    pub mid: u16,
    /// The properties.
    pub properties: Properties,
}

impl Task {
    /// A copy of a message.
    pub fn new(token: u64, message: &Received<'_>, stdin: Option<Vec<u8>>) -> Self {
        Self {
            token,
            stdin,
            topic: message.topic.into(),
            payload: message.payload.to_vec(),
            time: message.time,
            qos: message.qos,
            retain: message.retain,
            dup: message.dup,
            mid: message.mid,
            properties: message.properties.clone(),
        }
    }

    /// How many bytes it takes, roughly.
    fn size(&self) -> usize {
        let stdin = self.stdin.as_ref().map_or(0, Vec::len);
        size_of::<Self>() + self.topic.len() + self.payload.len() + stdin + self.properties.encoded_size()
    }
}

#[cfg(test)]
pub(crate) fn task(token: u64, topic: &str, payload: &[u8]) -> Task {
    Task {
        token,
        stdin: None,
        topic: topic.into(),
        payload: payload.to_vec(),
        time: SystemTime::UNIX_EPOCH,
        qos: Qos::AtMostOnce,
        retain: false,
        dup: false,
        mid: 0,
        properties: Properties::default(),
    }
}

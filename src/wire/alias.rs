//! Topic aliases (MQTT 5, 3.3.2.3.4): a short number in the place of a topic that
//! is published again and again, given out where the broker takes some and where
//! that makes less to send.
//!
//! They are put in behind Paho, as a packet leaves: what Paho and the session keep
//! to send again carries its topic, and a new line knows of no alias, just as its
//! broker does not.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher as _, RandomState};
use std::io::IoSlice;
use std::sync::Arc;

use super::facts::Facts;
use super::packet::{self, Reader};
use crate::property;

/// How many bytes a topic alias takes in a packet.
const COST: usize = 3;

/// From this length on, in bytes, a topic gets an alias: what the alias adds to the
/// packet that brings it in, the next one makes good.
const SHORTEST: usize = 2 * COST;

/// How many bytes of topics are remembered at most; after them no more aliases are
/// given out.
const ROOM: usize = 4 << 20;

/// How many topics that were published once are remembered at least.
const ONCE: usize = 1024;

/// The largest remaining length there is (MQTT 5, 2.1.4).
const LARGEST: usize = 268_435_455;

/// The aliases of a connection.
#[derive(Debug, Default)]
pub(super) struct Aliases {
    /// What the broker takes, once it has said so.
    table: Option<Table>,
    /// None are given out any more, nor used.
    over: bool,
    /// The packet in the place of Paho's, up to its payload.
    head: Vec<u8>,
}

/// A packet in the place of one of Paho's.
#[derive(Debug)]
pub(super) struct Aliased<'a> {
    pub(super) packet: [IoSlice<'a>; 2],
    pub(super) alias: u16,
}

/// What stands for which topic, and what may get an alias next.
#[derive(Debug)]
struct Table {
    /// The highest alias that the broker takes.
    maximum: u16,
    /// The largest packet that it takes, in bytes.
    largest: usize,
    aliases: HashMap<Arc<[u8]>, u16>,
    /// The topic with an alias that was published last: mostly it is the next one too.
    last: Option<(Arc<[u8]>, u16)>,
    /// Hashes of topics that were published once.
    once: HashSet<u64>,
    hasher: RandomState,
    /// How many more bytes of topics may be remembered.
    room: usize,
}

/// What is done with a topic.
#[derive(Debug, PartialEq, Eq)]
enum Step {
    /// It stays.
    Whole,
    /// It stays, and gets this alias.
    Introduce(u16),
    /// This alias takes its place.
    Replace(u16),
}

impl Aliases {
    /// The packet to send in the place of this PUBLISH of Paho's, if there is one.
    ///
    /// Paho (`MQTTPacket_send_publish`) has the fixed header in one slice, the length
    /// of the topic and the topic in two more, packet identifier and properties in
    /// the fourth, and behind them the payload.
    pub(super) fn apply<'a>(&'a mut self, packet: &'a [IoSlice<'a>], facts: &Facts) -> Option<Aliased<'a>> {
        let [header, _, topic, rest, payload @ ..] = packet else {
            return None;
        };
        if self.over {
            return None;
        }
        let first = *header.first()?;
        let at_most_once = first & 0b0110 == 0;
        let (mid, block) = rest.split_at_checked(if at_most_once { 0 } else { 2 })?;
        let mut reader = Reader::new(block);
        let length = usize::try_from(reader.varying()?).ok()?;
        let properties = reader.rest();
        if gives_alias(properties) {
            // The user knows better; and may use any number.
            self.over = true;
            return None;
        }
        if self.table.is_none() {
            self.table = Table::new(facts);
            self.over = self.table.is_none();
        }
        let payload = payload.first().map_or(&[][..], |payload| payload);
        let before = mid.len() + varying_length(length + COST);
        let others = 2 + before + COST + properties.len() + payload.len();
        let (alias, topic) = match self.table.as_mut()?.step(topic, others) {
            Step::Whole => return None,
            Step::Introduce(alias) => (alias, &topic[..]),
            Step::Replace(alias) => (alias, &[][..]),
        };
        let mut head = std::mem::take(&mut self.head);
        head.clear();
        head.push(first);
        packet::put_varying(&mut head, others + topic.len());
        if topic.is_empty() {
            head.extend_from_slice(&[0, 0]);
        } else {
            packet::put_binary(&mut head, topic);
        }
        if !at_most_once {
            head.extend_from_slice(mid);
        }
        packet::put_varying(&mut head, length + COST);
        let [high, low] = alias.to_be_bytes();
        head.extend_from_slice(&[property::TOPIC_ALIAS, high, low]);
        head.extend_from_slice(properties);
        self.head = head;
        Some(Aliased {
            packet: [IoSlice::new(&self.head), IoSlice::new(payload)],
            alias,
        })
    }
}

impl Table {
    /// What the broker takes, if it takes any.
    fn new(facts: &Facts) -> Option<Self> {
        let connack = &facts.connack.as_ref()?.properties;
        let maximum = connack.number(property::TOPIC_ALIAS_MAXIMUM)?;
        let maximum = u16::try_from(maximum).ok().filter(|maximum| *maximum > 0)?;
        let largest = connack.number(property::MAXIMUM_PACKET_SIZE);
        let largest = largest.and_then(|largest| usize::try_from(largest).ok());
        Some(Self {
            maximum,
            largest: largest.unwrap_or(usize::MAX),
            aliases: HashMap::new(),
            last: None,
            once: HashSet::new(),
            hasher: RandomState::new(),
            room: ROOM,
        })
    }

    /// What is to be done with a topic that is about to be published, in a packet
    /// that has so many `others` bytes behind its fixed header if it has an alias.
    ///
    /// An alias that is given out stays where it is. Where topics take turns, another
    /// rule would take it away just before it is used, and cost more than no alias.
    fn step(&mut self, topic: &[u8], others: usize) -> Step {
        if topic.len() < SHORTEST {
            return Step::Whole;
        }
        if let Some((_, alias)) = self.last.as_ref().filter(|(last, _)| **last == *topic) {
            return Step::Replace(*alias);
        }
        if let Some((topic, alias)) = self.aliases.get_key_value(topic) {
            self.last = Some((Arc::clone(topic), *alias));
            return Step::Replace(*alias);
        }
        let next = u16::try_from(self.aliases.len() + 1).unwrap_or(u16::MAX);
        if self.aliases.len() >= usize::from(self.maximum) || topic.len() > self.room {
            return Step::Whole;
        }
        let hash = self.hasher.hash_one(topic);
        if !self.once.contains(&hash) {
            if self.once.len() >= ONCE.max(2 * usize::from(self.maximum)) {
                // Of so many that come once, those that come often come again.
                self.once.clear();
            }
            self.once.insert(hash);
            return Step::Whole;
        }
        let body = others + topic.len();
        if body > LARGEST || 1 + varying_length(body) + body > self.largest {
            return Step::Whole;
        }
        self.once.remove(&hash);
        let topic: Arc<[u8]> = topic.into();
        self.room -= topic.len();
        self.aliases.insert(Arc::clone(&topic), next);
        self.last = Some((topic, next));
        Step::Introduce(next)
    }
}

/// How many bytes a variable byte integer takes (MQTT 5, 1.5.5).
fn varying_length(value: usize) -> usize {
    [1 << 7, 1 << 14, 1 << 21].iter().filter(|most| value >= **most).count() + 1
}

/// Whether there is a topic alias among these properties.
fn gives_alias(properties: &[u8]) -> bool {
    let mut reader = Reader::new(properties);
    while let Some(id) = reader.byte() {
        if id == property::TOPIC_ALIAS {
            return true;
        }
        if packet::pass_value(&mut reader, id).is_none() {
            return false;
        }
    }
    false
}

#[cfg(test)]
mod tests;

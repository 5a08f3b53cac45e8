//! What messages are made of: what they have in common, and texts with variables.

use std::time::SystemTime;

use bytes::Bytes;

use super::request::Address;
use crate::codec::Codec;
use crate::exit::Exit;
use crate::failure::{Failure, quote};
use crate::message::{Message, Properties, Qos, Topic};
use crate::pattern::{Pattern, Values};

/// What the messages have in common.
#[derive(Clone, Debug, PartialEq)]
pub struct Template {
    /// Where to: each message to each of them. Empty only for records that have
    /// their topic in them, and where there are patterns.
    pub topics: Vec<Topic>,
    /// What topics and payloads are made of, if they have variables.
    pub patterns: Option<Patterns>,
    /// How surely.
    pub qos: Qos,
    /// Whether the broker keeps the messages for later subscribers.
    pub retain: bool,
    /// MQTT 5: the properties of PUBLISH.
    pub properties: Properties,
    /// What makes requests of the messages, if they are any.
    pub address: Option<Address>,
    /// What the texts of the payloads are turned into, if not into themselves.
    pub codec: Option<Codec>,
}

/// What the topics and the payload of each message are made of.
#[derive(Clone, Debug, PartialEq)]
pub struct Patterns {
    /// Where to: each message to each of them.
    pub topics: Vec<Pattern>,
    /// The payload, if it is not the record itself.
    pub payload: Option<Pattern>,
}

impl Patterns {
    /// Fills in what stays the same for the whole run.
    ///
    /// # Errors
    /// [`Exit::Usage`]: that a variable of the environment is not there.
    pub fn settle(&mut self, host: &str, environment: impl Fn(&str) -> Option<String>) -> Result<(), Failure> {
        for pattern in self.topics.iter_mut().chain(&mut self.payload) {
            pattern
                .settle(host, &environment)
                .map_err(|why| Failure::new(Exit::Usage, format!("--template: {why}")))?;
        }
        Ok(())
    }

    /// Whether any of them says where the reply should go.
    pub fn ask(&self) -> bool {
        self.topics.iter().chain(&self.payload).any(Pattern::asks)
    }

    /// The topics and the payload's text.
    fn fill(&self, values: &Values<'_>) -> Result<(Vec<Topic>, Bytes), String> {
        let topics = self.topics.iter().map(|pattern| {
            let name = String::from_utf8(pattern.fill(values)?).map_err(|_| "its topic is not UTF-8".to_owned())?;
            Topic::new(&name).map_err(|why| format!("cannot publish to topic {}: {why}", quote(&name)))
        });
        let topics = topics.collect::<Result<_, _>>()?;
        let text = match &self.payload {
            Some(pattern) => pattern.fill(values)?.into(),
            None => Bytes::copy_from_slice(values.payload),
        };
        Ok((topics, text))
    }
}

impl Template {
    /// The messages that are made of a record or a given payload, which has this
    /// number, from 1: one to each topic.
    ///
    /// # Errors
    /// Why none can be made, in a clause.
    pub fn make(&self, text: &Bytes, number: u64) -> Result<Vec<Message>, String> {
        let Some(patterns) = &self.patterns else {
            let payload = self.payload(text.clone())?;
            return Ok(self.messages(&payload).collect());
        };
        let response = self.address.as_ref().map(|address| address.topic(number));
        let (topics, text) = patterns.fill(&Values {
            response: response.as_deref().unwrap_or_default(),
            counter: number,
            time: SystemTime::now(),
            payload: text,
        })?;
        let payload = self.payload(text)?;
        let messages = topics.into_iter().map(|topic| self.message(topic, payload.clone()));
        Ok(messages.collect())
    }

    /// Makes requests of the messages that were made of the record of this number.
    ///
    /// # Errors
    /// Why one cannot be a request, in a clause.
    pub fn put_on<'a>(&self, messages: impl Iterator<Item = &'a mut Message>, number: u64) -> Result<(), String> {
        let Some(address) = &self.address else { return Ok(()) };
        let mut messages = messages;
        messages.try_for_each(|message| address.put_on(message, number))
    }

    /// How many messages are made of a record.
    pub fn copies(&self) -> usize {
        self.patterns
            .as_ref()
            .map_or(self.topics.len(), |patterns| patterns.topics.len())
    }

    /// The payload that a text stands for.
    ///
    /// # Errors
    /// Why it stands for none, in a clause.
    pub fn payload(&self, text: Bytes) -> Result<Bytes, String> {
        match self.codec {
            None => Ok(text),
            Some(codec) => codec.encode(&text).map(Bytes::from),
        }
    }

    /// A message to each topic.
    pub fn messages(&self, payload: &Bytes) -> impl Iterator<Item = Message> {
        self.topics
            .iter()
            .map(|topic| self.message(topic.clone(), payload.clone()))
    }

    /// A message to this topic.
    pub fn message(&self, topic: Topic, payload: Bytes) -> Message {
        Message {
            topic,
            payload,
            qos: self.qos,
            retain: self.retain,
            properties: self.properties.clone(),
        }
    }
}

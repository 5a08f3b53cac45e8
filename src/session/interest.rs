//! What a session asks the broker for on each connection, and what the broker has
//! said to that.

use std::fmt;
use std::sync::Arc;

use super::errors;
use super::ffi::Sender;
use crate::config::connection::Version;
use crate::failure::Failure;
use crate::message::{Filter, Properties, Subscription, Value};
use crate::property::{self, SUBSCRIPTION_IDENTIFIER};
use crate::wire::Verdict;

/// What a session asks for.
#[derive(Clone, Debug, Default)]
pub struct Interest {
    /// The subscriptions.
    pub subscriptions: Vec<Subscription>,
    /// The subscriptions to end; of a session that was kept.
    pub unsubscribe: Vec<Filter>,
    /// MQTT 5: the properties of SUBSCRIBE. A subscription's own identifier goes
    /// before one in here.
    pub subscribe_properties: Properties,
    /// MQTT 5: the properties of UNSUBSCRIBE.
    pub unsubscribe_properties: Properties,
    /// Whether to find out when all retained messages have come.
    pub until_retained: bool,
    /// Whether nothing is published on a connection before the broker has granted
    /// all of the subscriptions there: for who publishes what others answer.
    pub first: bool,
    /// Where what comes is to be expected instead, if the broker says where replies
    /// belong.
    pub replies: Option<Replies>,
}

/// The filter of all subscriptions by the broker's Response Information (MQTT 5,
/// 3.2.2.3.15), if it has said any; or they stay as they are.
#[derive(Clone)]
pub struct Replies(Arc<Tell>);

/// Tells the filter.
type Tell = dyn Fn(Option<&str>) -> Option<Filter> + Send + Sync;

impl Replies {
    /// What tells the filter.
    pub fn new(filter: impl Fn(Option<&str>) -> Option<Filter> + Send + Sync + 'static) -> Self {
        Self(Arc::new(filter))
    }
}

impl fmt::Debug for Replies {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Replies")
    }
}

/// A question that is on its way.
#[derive(Clone, Debug)]
enum Question {
    Subscribe(Vec<Filter>),
    Unsubscribe(Vec<Filter>),
}

/// The questions of a connection, each with its packet identifier.
#[derive(Debug, Default)]
pub(super) struct Asked(Vec<(u16, Question)>);

/// What the broker has answered to all of them.
#[derive(Clone, Debug, Default)]
pub(super) struct Answer {
    pub(super) granted: usize,
    pub(super) refused: Vec<Failure>,
}

impl Interest {
    /// Whether there is nothing to ask for.
    pub(super) fn is_empty(&self) -> bool {
        self.subscriptions.is_empty() && self.unsubscribe.is_empty()
    }

    /// The subscriptions that go in one packet, which has room for one identifier
    /// (MQTT 5, 3.8.2.1.2); in the order in which they were asked for.
    fn packets(&self) -> Vec<(Properties, Vec<Subscription>)> {
        let mut packets: Vec<(Option<u32>, Vec<Subscription>)> = Vec::new();
        for one in &self.subscriptions {
            match packets.iter_mut().find(|(identifier, _)| *identifier == one.identifier) {
                Some((_, others)) => others.push(one.clone()),
                None => packets.push((one.identifier, vec![one.clone()])),
            }
        }
        let properties = |identifier| match identifier {
            None => self.subscribe_properties.clone(),
            Some(identifier) => {
                let mut properties = Properties::default();
                for property in &self.subscribe_properties {
                    if property.id != SUBSCRIPTION_IDENTIFIER {
                        properties.push(property.id, property.value.clone());
                    }
                }
                properties.push(SUBSCRIPTION_IDENTIFIER, Value::Number(identifier));
                properties
            }
        };
        let packets = packets.into_iter();
        packets
            .map(|(identifier, subscriptions)| (properties(identifier), subscriptions))
            .collect()
    }

    /// Asks for everything, from one of Paho's threads, once the broker has said
    /// this in its CONNACK.
    ///
    /// # Errors
    /// Paho's return code.
    pub(super) fn ask(&self, sender: Sender<'_>, connack: &Properties) -> Result<Asked, i32> {
        let mut asked = Vec::new();
        let information = connack.text(property::RESPONSE_INFORMATION);
        let moved = self.replies.as_ref().and_then(|Replies(filter)| filter(information));
        for (properties, mut wanted) in self.packets() {
            if let Some(filter) = &moved {
                for one in &mut wanted {
                    one.filter = filter.clone();
                }
            }
            let mid = sender.subscribe(&wanted, &properties)?;
            let filters = wanted.into_iter().map(|one| one.filter).collect();
            asked.push((mid, Question::Subscribe(filters)));
        }
        if !self.unsubscribe.is_empty() {
            let mid = sender.unsubscribe(&self.unsubscribe, &self.unsubscribe_properties)?;
            asked.push((mid, Question::Unsubscribe(self.unsubscribe.clone())));
        }
        Ok(Asked(asked))
    }
}

impl Asked {
    /// What the broker has answered to everything, once; `None` until it has.
    pub(super) fn settle(&mut self, verdicts: &[Verdict], version: Version) -> Option<Answer> {
        if self.0.is_empty() {
            return None;
        }
        let mut answer = Answer::default();
        for (mid, question) in &self.0 {
            let verdict = verdicts.iter().find(|verdict| verdict.mid == *mid)?;
            let words = verdict.properties.text(property::REASON_STRING);
            match question {
                Question::Subscribe(filters) => {
                    for (index, filter) in filters.iter().enumerate() {
                        // A broker that says too little has not granted the rest.
                        let code = verdict.codes.get(index).copied().unwrap_or(errors::REFUSAL);
                        if code < errors::REFUSAL {
                            answer.granted += 1;
                        } else {
                            let refusal = errors::refused_subscription(filter.as_str(), version, code, words);
                            answer.refused.push(refusal);
                        }
                    }
                }
                Question::Unsubscribe(filters) => {
                    for (filter, code) in filters.iter().zip(&verdict.codes) {
                        if *code >= errors::REFUSAL {
                            answer.refused.push(errors::refused_end(filter.as_str(), *code, words));
                        }
                    }
                }
            }
        }
        self.0.clear();
        Some(answer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::Qos;

    fn verdict(mid: u16, codes: &[u8]) -> Verdict {
        Verdict {
            mid,
            codes: codes.to_vec(),
            properties: Properties::default(),
        }
    }

    fn filters(names: &[&str]) -> Vec<Filter> {
        names.iter().map(|name| Filter::new(name).unwrap()).collect()
    }

    #[test]
    fn a_packet_has_one_identifier() {
        let one = |name: &str, identifier| Subscription {
            identifier,
            ..Subscription::new(Filter::new(name).unwrap(), Qos::AtMostOnce)
        };
        let mut interest = Interest {
            subscriptions: vec![one("a", None), one("b", Some(7)), one("c", None), one("d", Some(7))],
            ..Interest::default()
        };
        interest
            .subscribe_properties
            .push(SUBSCRIPTION_IDENTIFIER, Value::Number(1));
        let packets: Vec<(Option<u32>, Vec<String>)> = interest
            .packets()
            .into_iter()
            .map(|(properties, wanted)| {
                let names = wanted.iter().map(|one| one.filter.as_str().to_owned()).collect();
                assert_eq!(properties.iter().count(), 1);
                (properties.number(SUBSCRIPTION_IDENTIFIER), names)
            })
            .collect();
        assert_eq!(
            packets,
            [
                (Some(1), vec!["a".to_owned(), "c".to_owned()]),
                (Some(7), vec!["b".to_owned(), "d".to_owned()]),
            ]
        );
    }

    #[test]
    fn the_answer_is_there_once_when_all_have_come() {
        let mut asked = Asked(vec![
            (1, Question::Subscribe(filters(&["a", "b"]))),
            (2, Question::Subscribe(filters(&["c", "d"]))),
            (3, Question::Unsubscribe(filters(&["e", "f"]))),
        ]);
        let version = Version::V5;
        assert!(asked.settle(&[], version).is_none());
        let mut verdicts = vec![verdict(3, &[0x11, 0x87]), verdict(1, &[0, 0x87])];
        assert!(asked.settle(&verdicts, version).is_none());
        // One code too few.
        verdicts.push(verdict(2, &[2]));
        let answer = asked.settle(&verdicts, version).unwrap();
        assert_eq!(answer.granted, 2);
        let refused: Vec<String> = answer.refused.iter().map(ToString::to_string).collect();
        assert!(refused[0].contains("'b' refused: not authorised"), "{refused:?}");
        assert!(refused[1].contains("'d' refused"), "{refused:?}");
        assert!(refused[2].contains("'f'"), "{refused:?}");
        assert_eq!(refused.len(), 3);
        assert!(asked.settle(&verdicts, version).is_none(), "only once");
    }
}

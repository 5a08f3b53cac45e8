//! What requests are, and which of the messages that come answer them.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use uuid::Uuid;

use super::connection::Version;
use super::output::{Form, Framing, Output};
use crate::exit::Exit;
use crate::failure::{Failure, quote};
use crate::flags::request::RequestFlags;
use crate::message::{Filter, Message, Properties, Qos, RetainHandling, Subscription, Topic, Value};
use crate::property::{CORRELATION_DATA, RESPONSE_TOPIC};

/// What stands before the identifier of a run in its response topics.
const PREFIX: &str = "mqpub/reply/";

/// How many requests may wait for their replies, unless it is said.
pub const MAX_REQUESTS: u16 = 100;

/// What is to be done with requests.
#[derive(Clone, Debug)]
pub struct Request {
    /// What makes a message a request.
    pub address: Address,
    /// Where the replies come from.
    pub subscription: Subscription,
    /// MQTT 5: the properties of SUBSCRIBE.
    pub properties: Properties,
    /// How many requests may wait for their replies at once, at least one.
    pub most: usize,
    /// How many replies each waits for; `None` for all that come in time.
    pub count: Option<u64>,
    /// How long each waits for the next reply.
    pub idle: Option<Duration>,
    /// Whether what is retained may be a reply.
    pub retained: bool,
    /// What is printed of the replies.
    pub output: Output,
    /// Whether to tell how long they took.
    pub latency: bool,
}

/// What makes a message a request, and another one the reply to it.
#[derive(Clone, Debug, PartialEq)]
pub struct Address {
    /// Random; tells the requests of this run from all others.
    id: String,
    /// The topic of the replies; without the number, where there is one.
    topic: String,
    /// Each request has a response topic of its own, by its number.
    numbered: bool,
    /// There is only one request.
    one: bool,
    /// What stands in the place of `topic`, if the first broker has said where
    /// replies belong; all copies know of it.
    moved: Arc<OnceLock<Option<String>>>,
    mark: Mark,
}

/// The correlation data of requests.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Mark {
    /// None: before MQTT 5 there is no place for any.
    None,
    /// What the user says, for all of them.
    Given(Vec<u8>),
    /// Identifier and number.
    Made,
}

/// Which request a message answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answers {
    /// That of this number.
    Number(u64),
    /// The one that is under way.
    TheOne,
    /// None of this run's.
    None,
    /// That cannot be told: it has no correlation data.
    Unknown,
}

impl Request {
    /// Gives the flags their meaning; `one` if there is only one request. Takes
    /// what belongs to a request out of the properties of all messages.
    ///
    /// # Errors
    /// [`Exit::Usage`], with the options named.
    pub(super) fn new(
        flags: &RequestFlags,
        version: Version,
        qos: Qos,
        one: bool,
        published: &mut Properties,
        subscribe: Properties,
    ) -> Result<Self, Failure> {
        let given = published.text(RESPONSE_TOPIC).map(str::to_owned);
        let correlation = published.iter().find_map(|property| match &property.value {
            Value::Binary(bytes) if property.id == CORRELATION_DATA => Some(bytes.clone()),
            _ => None,
        });
        let others = published
            .iter()
            .filter(|property| ![RESPONSE_TOPIC, CORRELATION_DATA].contains(&property.id));
        let mut rest = Properties::default();
        others.for_each(|property| rest.push(property.id, property.value.clone()));
        *published = rest;
        let usage = |why: String| Failure::new(Exit::Usage, why);
        if given.is_some() && flags.response_topic.is_some() {
            let why = "-e and -D publish response-topic cannot be used together";
            return Err(usage(why.to_owned()));
        }
        let named = flags.response_topic.clone().or(given);
        if let Some(name) = &named {
            Topic::new(name).map_err(|why| {
                usage(format!(
                    "-e: replies cannot be published to topic {}: {why}",
                    quote(name)
                ))
            })?;
        }
        let mark = match correlation {
            Some(bytes) => Mark::Given(bytes),
            None if version == Version::V5 => Mark::Made,
            None => Mark::None,
        };
        let address = Address::new(named, mark, one);
        // Without a number in its topic or in its correlation data, nothing tells
        // a reply from the one before.
        let distinct = address.numbered || address.mark == Mark::Made;
        if let Some(most) = flags.max_requests.filter(|most| *most > 1 && !distinct) {
            let why = "the replies to -e could not be told apart without correlation data of their own";
            return Err(usage(format!("--max-requests {most}: {why}")));
        }
        let most = flags.max_requests.unwrap_or(MAX_REQUESTS);
        let filter = address.filter();
        let filter =
            Filter::new(&filter).map_err(|why| usage(format!("cannot subscribe to {}: {why}", quote(&filter))))?;
        let retained = flags.retain_handling.is_some_and(|when| when != RetainHandling::Never) && !flags.no_retained;
        Ok(Self {
            subscription: Subscription {
                retain_handling: flags.retain_handling.unwrap_or(RetainHandling::Never),
                retain_as_published: flags.retain_as_published,
                ..Subscription::new(filter, qos)
            },
            properties: subscribe,
            most: if distinct { most.into() } else { 1 },
            count: flags.count.or_else(|| flags.idle.is_none().then_some(1)),
            idle: flags.idle,
            // With the flag as published, it does not tell what was retained.
            retained: retained || flags.retain_as_published,
            output: output(flags)?,
            latency: flags.latency,
            address,
        })
    }
}

/// What is printed of the replies.
fn output(flags: &RequestFlags) -> Result<Output, Failure> {
    let usage = |why: &str| Err(Failure::new(Exit::Usage, why));
    for (given, other) in [
        (flags.verbose, "-v"),
        (flags.format.is_some(), "-F"),
        (flags.no_newline, "-N"),
    ] {
        if given && flags.reply_json {
            return usage(&format!("--reply-json and {other} cannot be used together"));
        }
    }
    if flags.pretty && !flags.format.as_ref().is_some_and(crate::format::Format::has_json) {
        return usage("--pretty needs -F with %j or %J");
    }
    Ok(Output {
        form: match &flags.format {
            Some(format) => Form::Format {
                format: format.clone(),
                pretty: flags.pretty,
            },
            None if flags.reply_json => Form::Json { parse: false },
            None if flags.verbose => Form::Verbose,
            None => Form::Payload,
        },
        framing: if flags.no_newline {
            Framing::Nothing
        } else {
            Framing::Newline
        },
        folder: None,
        decode: None,
    })
}

impl Address {
    fn new(named: Option<String>, mark: Mark, one: bool) -> Self {
        let id = Uuid::new_v4().simple().to_string();
        Self {
            numbered: named.is_none(),
            topic: named.unwrap_or_else(|| format!("{PREFIX}{id}")),
            id,
            mark,
            one,
            moved: Arc::default(),
        }
    }

    /// Whether a broker may say under which topic the replies belong.
    pub fn is_movable(&self) -> bool {
        self.numbered
    }

    /// Puts the response topics under what the broker has for them, its Response
    /// Information (MQTT 5, 3.2.2.3.15), and returns the filter of all replies;
    /// `None` if there is none that makes a topic. What was said first, or was not,
    /// stays for the run: requests under way have the topic in them.
    pub fn put_under(&self, information: Option<&str>) -> Option<Filter> {
        let moved = self.moved.get_or_init(|| {
            let above = information.filter(|above| self.numbered && !above.is_empty())?;
            let topic = format!("{}/{}", above.strip_suffix('/').unwrap_or(above), self.id);
            Topic::new(&format!("{topic}/{}", u64::MAX)).ok().map(|_| topic)
        });
        moved.as_ref().and_then(|_| Filter::new(&self.filter()).ok())
    }

    /// The topic of the replies; without the number, where there is one.
    fn base(&self) -> &str {
        self.moved.get().and_then(Option::as_deref).unwrap_or(&self.topic)
    }

    /// Where the reply to the request of this number should go.
    pub fn topic(&self, number: u64) -> String {
        if self.numbered {
            format!("{}/{number}", self.base())
        } else {
            self.topic.clone()
        }
    }

    /// The filter of all replies. A broker that lets nobody use wildcards may
    /// still let one request be answered.
    fn filter(&self) -> String {
        match (self.numbered, self.one) {
            (false, _) => self.topic.clone(),
            (true, true) => self.topic(1),
            (true, false) => format!("{}/+", self.base()),
        }
    }

    /// The correlation data of the request of this number.
    fn correlation(&self, number: u64) -> Option<Vec<u8>> {
        match &self.mark {
            Mark::None => None,
            Mark::Given(bytes) => Some(bytes.clone()),
            Mark::Made => Some(format!("{}-{number}", self.id).into_bytes()),
        }
    }

    /// Makes a message the request of this number.
    ///
    /// # Errors
    /// That it is somebody else's already, in a clause.
    pub fn put_on(&self, message: &mut Message, number: u64) -> Result<(), String> {
        for (id, name) in [
            (RESPONSE_TOPIC, "response-topic"),
            (CORRELATION_DATA, "correlation-data"),
        ] {
            if message.properties.has(id) {
                return Err(format!("it has a {name} of its own, and --request gives it one"));
            }
        }
        message.properties.push(RESPONSE_TOPIC, Value::Text(self.topic(number)));
        if let Some(bytes) = self.correlation(number) {
            message.properties.push(CORRELATION_DATA, Value::Binary(bytes));
        }
        Ok(())
    }

    /// Which request a message on this topic answers, with this correlation data.
    ///
    /// Without any, its topic may tell; what has some that is not ours, or not that
    /// of the request that the topic tells, answers nothing.
    pub fn answers(&self, topic: &str, correlation: Option<&[u8]>) -> Answers {
        let number = |text: &str| text.parse().ok().filter(|number: &u64| number.to_string() == text);
        if self.numbered {
            let rest = topic.strip_prefix(self.base()).and_then(|rest| rest.strip_prefix('/'));
            let Some(number) = rest.and_then(number) else {
                return Answers::None;
            };
            let fits = correlation.is_none_or(|bytes| self.correlation(number).is_none_or(|own| own == bytes));
            return if fits { Answers::Number(number) } else { Answers::None };
        }
        match (&self.mark, correlation) {
            (Mark::None, _) | (Mark::Given(_), None) => Answers::TheOne,
            (Mark::Given(own), Some(bytes)) if own == bytes => Answers::TheOne,
            (Mark::Given(_), Some(_)) => Answers::None,
            (Mark::Made, None) => Answers::Unknown,
            (Mark::Made, Some(bytes)) => {
                let text = std::str::from_utf8(bytes).ok();
                let rest = text.and_then(|text| text.strip_prefix(&self.id)?.strip_prefix('-'));
                rest.and_then(number).map_or(Answers::None, Answers::Number)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::publish::Publish;
    use crate::flags::{self, PublishFlags};
    use bytes::Bytes;

    fn request(words: &str) -> Result<Request, String> {
        let line = format!("mqpub -t t --request {words}");
        let flags: PublishFlags = flags::parse(line.split_ascii_whitespace().map(Into::into)).unwrap();
        let publish = Publish::new(flags).map_err(|failure| failure.to_string())?;
        Ok(publish.request.unwrap())
    }

    fn message() -> Message {
        Message {
            topic: Topic::new("t").unwrap(),
            payload: Bytes::new(),
            qos: Qos::AtMostOnce,
            retain: false,
            properties: Properties::default(),
        }
    }

    #[test]
    fn each_request_has_a_topic_that_nobody_guesses() {
        let address = request("-l").unwrap().address;
        let topic = address.topic(7);
        let id = topic.strip_prefix("mqpub/reply/").unwrap().strip_suffix("/7").unwrap();
        assert!(
            id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit()),
            "{id}"
        );
        assert_ne!(request("-l").unwrap().address.topic(7), topic);
        let mut message = message();
        address.put_on(&mut message, 7).unwrap();
        assert_eq!(message.properties.text(RESPONSE_TOPIC), Some(&*topic));
        let mark = format!("{id}-7");
        let data = Value::Binary(mark.clone().into_bytes());
        assert!(message.properties.iter().any(|property| property.value == data));
        assert!(address.put_on(&mut message, 8).unwrap_err().contains("response-topic"));
        for (topic, data, answers) in [
            (topic.clone(), Some(mark.clone()), Answers::Number(7)),
            (topic.clone(), None, Answers::Number(7)),
            (topic.clone(), Some(format!("{id}-8")), Answers::None),
            (topic.clone(), Some("x".to_owned()), Answers::None),
            (format!("{topic}/x"), None, Answers::None),
            (format!("mqpub/reply/{id}/07"), None, Answers::None),
            (format!("mqpub/reply/{id}"), None, Answers::None),
        ] {
            let data = data.as_ref().map(String::as_bytes);
            assert_eq!(address.answers(&topic, data), answers, "{topic} {data:?}");
        }
    }

    #[test]
    fn a_broker_may_say_where_replies_belong() {
        for (words, information, filter) in [
            ("-l", "answers/7", Some("answers/7/ID/+")),
            ("-m x", "answers/7/", Some("answers/7/ID/1")),
            ("-m x", "/", Some("/ID/1")),
            ("-m x", "", None),
            ("-m x", "answers/#", None),
            ("-m x -e r", "answers", None),
        ] {
            let address = request(words).unwrap().address;
            let copy = address.clone();
            let before = copy.topic(1);
            let put = address.put_under(Some(information));
            let put = put.map(|filter| filter.as_str().replace(&address.id, "ID"));
            assert_eq!(put.as_deref(), filter, "{words} {information}");
            let topic = copy.topic(1);
            assert_eq!(topic == before, filter.is_none(), "{topic}");
            if filter.is_some() {
                assert_eq!(copy.answers(&topic, None), Answers::Number(1));
                assert_eq!(copy.answers(&before, None), Answers::None);
            }
            for later in [Some("elsewhere"), None] {
                assert_eq!(address.put_under(later).is_some(), filter.is_some());
                assert_eq!(address.topic(1), topic, "what was said first stays");
            }
        }
    }

    #[test]
    fn on_a_topic_of_the_users_the_correlation_data_tells() {
        let address = request("-l -e r").unwrap().address;
        let own = address.correlation(3).unwrap();
        assert_eq!(address.answers("r", Some(&own)), Answers::Number(3));
        assert_eq!(address.answers("r", Some(b"3")), Answers::None);
        assert_eq!(address.answers("r", None), Answers::Unknown);
        let given = request("-l -e r -D publish correlation-data x").unwrap();
        assert_eq!((given.most, given.address.correlation(3)), (1, Some(b"x".to_vec())));
        assert_eq!(given.address.answers("r", Some(b"x")), Answers::TheOne);
        assert_eq!(given.address.answers("r", Some(b"y")), Answers::None);
        assert_eq!(given.address.answers("r", None), Answers::TheOne);
        let old = request("-l -e r -V 311").unwrap();
        assert_eq!((old.most, old.address.answers("r", None)), (1, Answers::TheOne));
    }

    #[test]
    fn what_is_subscribed_to() {
        let of = |words: &str| {
            let request = request(words).unwrap();
            let text = request.subscription.filter.as_str().to_owned();
            let text = text.replace(&request.address.id, "ID");
            (text, request.most, request.count, request.retained)
        };
        for (words, filter, most, count) in [
            ("-m x", "mqpub/reply/ID/1", 100, Some(1)),
            ("-m x --repeat 2", "mqpub/reply/ID/+", 100, Some(1)),
            ("-l", "mqpub/reply/ID/+", 100, Some(1)),
            ("-l -V 311", "mqpub/reply/ID/+", 100, Some(1)),
            ("-l -e a/b --max-requests 3", "a/b", 3, Some(1)),
            ("-n -D publish response-topic a/b", "a/b", 100, Some(1)),
            ("-n -C 3", "mqpub/reply/ID/1", 100, Some(3)),
            ("-n --idle 1", "mqpub/reply/ID/1", 100, None),
            ("-n --idle 1 -C 3", "mqpub/reply/ID/1", 100, Some(3)),
        ] {
            assert_eq!(of(words), (filter.to_owned(), most, count, false), "{words}");
        }
        assert!(of("-n -e a --retain-handling always").3);
        assert!(!of("-n -e a --retain-handling always -R").3);
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for (words, why) in [
            (
                "-n -e a -D publish response-topic b",
                "-e and -D publish response-topic cannot be used together",
            ),
            ("-n -e a/#", "-e: replies cannot be published to topic 'a/#'"),
            (
                "-l -e a -V 311 --max-requests 2",
                "--max-requests 2: the replies to -e could not be told apart",
            ),
            ("-n --reply-json -v", "--reply-json and -v cannot be used together"),
            ("-n --reply-json -N", "--reply-json and -N cannot be used together"),
            ("-n --reply-json -F %p", "--reply-json and -F cannot be used together"),
            ("-n --pretty", "--pretty needs -F with %j or %J"),
        ] {
            let error = request(words).unwrap_err();
            assert!(error.starts_with(why), "{words}: {error}");
        }
    }
}

//! What to publish next, and when: records become messages, copies follow one
//! another, and each leaves when its time has come. Pure: no I/O, and the caller
//! tells the time.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use bytes::Bytes;

use crate::config::publish::{Pace, Record, Template};
use crate::input::Keys;
use crate::json::{Defaults, read_record, read_recorded};
use crate::message::Message;
use crate::pace::{Lateness, Pacer, Timeline};

/// How many messages of rounds to come are made in advance.
const BATCH: usize = 1024;

/// How a record becomes messages.
enum Form {
    Payload,
    Keyed(Keys),
    Json(Defaults),
}

/// What holds messages back.
enum Gate {
    Open,
    Rate(Pacer),
    /// A round at a time, in a fixed rhythm.
    Every(Pacer),
    /// A round at a time, each so long after the one before it was delivered.
    Delay {
        pause: Duration,
        until: Option<Instant>,
        begun: bool,
    },
    /// When the records say.
    Replay(Timeline),
}

/// The messages of a run, in order.
pub struct Feed {
    template: Template,
    form: Form,
    gate: Gate,
    /// Records may still come.
    open: bool,
    /// Messages that are made and have not left.
    stock: VecDeque<Message>,
    /// Of requests in stock, which number each has.
    numbers: VecDeque<u64>,
    /// How many messages that were made of records will not leave.
    given_up: usize,
    /// What is published again in each round, and how many rounds are left.
    round: Vec<Message>,
    rounds: u64,
    /// What the messages of a round are made of anew, if they are.
    texts: Vec<Bytes>,
    /// How many records or texts were made messages of.
    made: u64,
    /// Why no messages could be made of a text.
    fault: Option<String>,
}

impl Feed {
    /// A feed that records come to until [`Feed::close`].
    pub fn stream(template: Template, record: &Record, pace: Pace, now: Instant) -> Self {
        let form = match record {
            Record::Payload => Form::Payload,
            Record::Keyed(separator) => Form::Keyed(Keys::new(separator.to_vec())),
            Record::Json { prefix } => Form::Json(Defaults {
                topic: template.topics.first().cloned(),
                qos: template.qos,
                retain: template.retain,
                properties: template.properties.clone(),
                prefix: prefix.clone(),
            }),
        };
        Self {
            template,
            form,
            gate: gate(pace, now),
            open: true,
            stock: VecDeque::new(),
            numbers: VecDeque::new(),
            given_up: 0,
            round: Vec::new(),
            rounds: 0,
            texts: Vec::new(),
            made: 0,
            fault: None,
        }
    }

    /// A feed of these payloads, each to each topic, `rounds` times.
    ///
    /// # Errors
    /// Why no message can be made of one of them, in a clause.
    pub fn fixed(template: Template, texts: Vec<Bytes>, rounds: u64, pace: Pace, now: Instant) -> Result<Self, String> {
        let round = round(&template, &texts, 0)?;
        let anew = template.patterns.is_some() || template.address.is_some();
        let texts = if anew { texts } else { Vec::new() };
        Ok(Self {
            texts,
            made: 0,
            fault: None,
            form: Form::Payload,
            gate: gate(pace, now),
            open: false,
            stock: VecDeque::new(),
            numbers: VecDeque::new(),
            given_up: 0,
            round,
            rounds,
            template,
        })
    }

    /// Makes messages of a record.
    ///
    /// # Errors
    /// What is wrong with the record, as one clause.
    pub fn add(&mut self, record: &Bytes) -> Result<(), String> {
        self.made += 1;
        let before = self.stock.len();
        match &mut self.form {
            Form::Payload => {
                if self.template.patterns.is_some() {
                    self.stock.extend(self.template.make(record, self.made)?);
                } else {
                    let payload = self.template.payload(record.clone())?;
                    self.stock.extend(self.template.messages(&payload));
                }
            }
            Form::Keyed(keys) => {
                let (topic, text) = keys.split(record)?;
                let payload = self.template.payload(text)?;
                self.stock.push_back(self.template.message(topic, payload));
            }
            Form::Json(defaults) => match &mut self.gate {
                Gate::Replay(timeline) => {
                    let (mut message, time) = read_recorded(record, defaults)?;
                    message.payload = self.template.payload(message.payload)?;
                    timeline.add(time);
                    self.stock.push_back(message);
                }
                _ => {
                    let mut message = read_record(record, defaults)?;
                    message.payload = self.template.payload(message.payload)?;
                    self.stock.push_back(message);
                }
            },
        }
        let addressed = self.template.put_on(self.stock.range_mut(before..), self.made);
        if addressed.is_err() {
            self.stock.truncate(before);
        }
        self.number(self.made);
        addressed
    }

    /// What is new in stock are the requests of this number.
    fn number(&mut self, number: u64) {
        if self.template.address.is_some() {
            self.numbers.resize(self.stock.len(), number);
        }
    }

    /// The numbers of so many requests that [`Feed::take`] has returned, once.
    pub fn take_numbers(&mut self, count: usize) -> Vec<u64> {
        self.numbers.drain(..count.min(self.numbers.len())).collect()
    }

    /// The same records come again.
    pub fn rewind(&mut self) {
        if let Gate::Replay(timeline) = &mut self.gate {
            timeline.rewind();
        }
    }

    /// How late the messages of a recording left, if any did.
    pub fn lateness(&self) -> Option<Lateness> {
        match &self.gate {
            Gate::Replay(timeline) => Some(timeline.lateness()).filter(|lateness| lateness.count > 0),
            _ => None,
        }
    }

    /// No more records come.
    pub fn close(&mut self) {
        self.open = false;
    }

    /// No more rounds begin, and those that have not left do not.
    pub fn stop_repeating(&mut self) {
        self.rounds = 0;
        if !self.round.is_empty() {
            self.stock.clear();
            self.numbers.clear();
        }
    }

    /// What has not left does not leave any more.
    pub fn give_up(&mut self) {
        self.stop_repeating();
        self.open = false;
        self.given_up += self.stock.len();
        self.stock.clear();
        self.numbers.clear();
    }

    /// Throws away the messages that have not left; returns how many.
    pub fn discard(&mut self) -> usize {
        self.numbers.clear();
        self.stock.drain(..).count()
    }

    /// How many messages are made of a record.
    pub fn copies(&self) -> usize {
        match self.form {
            Form::Payload => self.template.copies(),
            Form::Keyed(_) | Form::Json(_) => 1,
        }
    }

    /// How many messages were made of records and have not left.
    pub fn unsent(&self) -> usize {
        self.stock.len() + self.given_up
    }

    /// Whether records may be added: nothing is in stock.
    pub fn wants_records(&self) -> bool {
        self.open && self.stock.is_empty()
    }

    /// Whether every message has left.
    pub fn is_over(&self) -> bool {
        !self.open && self.stock.is_empty() && self.rounds == 0
    }

    /// The messages that may leave now. `delivered` says that all earlier ones
    /// have been.
    pub fn take(&mut self, now: Instant, delivered: bool) -> Vec<Message> {
        while self.stock.len() < BATCH && self.rounds > 0 && self.next_round_is_due(now, delivered) {
            self.rounds -= 1;
            self.begin_round();
        }
        let allowed = match &mut self.gate {
            Gate::Rate(pacer) => {
                let allowed = pacer.allowance(now).min(self.stock.len());
                pacer.spend(allowed);
                allowed
            }
            // An empty stock must not start the clock.
            Gate::Replay(timeline) if !self.stock.is_empty() => timeline.spend(now),
            _ => self.stock.len(),
        };
        self.stock.drain(..allowed).collect()
    }

    fn begin_round(&mut self) {
        if self.texts.is_empty() {
            self.stock.extend(self.round.iter().cloned());
            return;
        }
        match round(&self.template, &self.texts, self.made) {
            Ok(messages) if self.template.address.is_some() => {
                // One of each text.
                for (message, number) in messages.into_iter().zip(self.made + 1..) {
                    self.stock.push_back(message);
                    self.number(number);
                }
            }
            Ok(messages) => self.stock.extend(messages),
            Err(why) => {
                self.rounds = 0;
                self.fault = Some(why);
            }
        }
        self.made += self.texts.len() as u64;
    }

    /// Why a round could not begin, if that is what ended the feed.
    pub fn fault(&mut self) -> Option<String> {
        self.fault.take()
    }

    /// When more may leave, if it is only a matter of time.
    pub fn next(&self) -> Option<Instant> {
        match &self.gate {
            Gate::Open => None,
            Gate::Rate(pacer) => (!self.stock.is_empty() || self.rounds > 0).then(|| pacer.next()),
            Gate::Every(pacer) => (self.rounds > 0).then(|| pacer.next()),
            Gate::Delay { until, .. } => *until,
            Gate::Replay(timeline) => timeline.next(),
        }
    }

    fn next_round_is_due(&mut self, now: Instant, delivered: bool) -> bool {
        match &mut self.gate {
            Gate::Open | Gate::Rate(_) | Gate::Replay(_) => true,
            Gate::Every(pacer) => {
                let due = pacer.allowance(now) > 0;
                pacer.spend(usize::from(due));
                due
            }
            Gate::Delay { pause, until, begun } => {
                if !*begun {
                    *begun = true;
                    return true;
                }
                if until.is_none() && delivered && self.stock.is_empty() {
                    *until = Some(now + *pause);
                }
                let due = until.is_some_and(|until| until <= now);
                if due {
                    *until = None;
                }
                due
            }
        }
    }
}

/// The messages of a round, which follow so many texts.
fn round(template: &Template, texts: &[Bytes], made: u64) -> Result<Vec<Message>, String> {
    let mut messages = Vec::new();
    for (text, number) in texts.iter().zip(made + 1..) {
        let mut made = template.make(text, number)?;
        template.put_on(made.iter_mut(), number)?;
        messages.extend(made);
    }
    Ok(messages)
}

fn gate(pace: Pace, now: Instant) -> Gate {
    match pace {
        Pace::None => Gate::Open,
        Pace::Rate { count, per } => Gate::Rate(Pacer::rate(count, per, now)),
        Pace::Every(interval) => Gate::Every(Pacer::rhythm(interval, now)),
        Pace::Replay(speed) => Gate::Replay(Timeline::new(speed)),
        Pace::Delay(pause) => Gate::Delay {
            pause,
            until: None,
            begun: false,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::{Properties, Qos, Topic};

    const SECOND: Duration = Duration::from_secs(1);

    fn template(topics: &[&str]) -> Template {
        Template {
            topics: topics.iter().map(|topic| Topic::new(topic).unwrap()).collect(),
            qos: Qos::AtMostOnce,
            retain: false,
            properties: Properties::default(),
            codec: None,
            patterns: None,
            address: None,
        }
    }

    fn texts(messages: &[Message]) -> Vec<String> {
        let text = |message: &Message| {
            let payload = String::from_utf8_lossy(&message.payload).into_owned();
            format!("{} {payload}", message.topic.as_str())
        };
        messages.iter().map(text).collect()
    }

    fn fixed(rounds: u64, pace: Pace, now: Instant) -> Feed {
        Feed::fixed(template(&["t"]), vec![Bytes::from_static(b"x")], rounds, pace, now).unwrap()
    }

    #[test]
    fn each_payload_goes_to_each_topic_in_each_round() {
        let now = Instant::now();
        let payloads = [Bytes::from_static(b"1"), Bytes::from_static(b"2")];
        let mut feed = Feed::fixed(template(&["a", "b"]), payloads.to_vec(), 2, Pace::None, now).unwrap();
        let mut all = Vec::new();
        while !feed.is_over() {
            all.extend(feed.take(now, false));
        }
        let round = ["a 1", "b 1", "a 2", "b 2"];
        assert_eq!(texts(&all), [round, round].concat());
    }

    #[test]
    fn a_delay_begins_with_the_delivery() {
        let now = Instant::now();
        let mut feed = fixed(2, Pace::Delay(SECOND), now);
        assert_eq!(feed.take(now, false).len(), 1);
        assert!(feed.take(now + 5 * SECOND, false).is_empty());
        assert_eq!(feed.next(), None);
        assert!(feed.take(now + 6 * SECOND, true).is_empty());
        assert_eq!(feed.next(), Some(now + 7 * SECOND));
        assert_eq!(feed.take(now + 7 * SECOND, true).len(), 1);
        assert!(feed.is_over());
    }

    #[test]
    fn a_rhythm_counts_from_the_start() {
        let now = Instant::now();
        let mut feed = fixed(3, Pace::Every(SECOND), now);
        assert_eq!(feed.take(now, false).len(), 1);
        assert!(feed.take(now + SECOND / 2, true).is_empty());
        assert_eq!(feed.next(), Some(now + SECOND));
        assert_eq!(feed.take(now + SECOND + SECOND / 2, true).len(), 1);
        assert_eq!(feed.next(), Some(now + 2 * SECOND));
    }

    #[test]
    fn a_rate_holds_records_back() {
        let now = Instant::now();
        let pace = Pace::Rate { count: 2, per: SECOND };
        let mut feed = Feed::stream(template(&["t"]), &Record::Payload, pace, now);
        for text in ["a", "b", "c"] {
            feed.add(&Bytes::from_static(text.as_bytes())).unwrap();
        }
        assert!(!feed.wants_records());
        assert_eq!(texts(&feed.take(now, false)), ["t a"]);
        assert!(feed.take(now, false).is_empty());
        assert_eq!(feed.next(), Some(now + SECOND / 2));
        assert_eq!(texts(&feed.take(now + SECOND / 2, false)), ["t b"]);
        feed.close();
        assert!(!feed.is_over());
        assert_eq!(texts(&feed.take(now + SECOND, false)), ["t c"]);
        assert!(feed.is_over());
    }

    #[test]
    fn what_is_held_back_can_be_given_up_and_is_counted() {
        let now = Instant::now();
        let pace = Pace::Rate { count: 2, per: SECOND };
        let mut feed = Feed::stream(template(&["a", "b"]), &Record::Payload, pace, now);
        feed.add(&Bytes::from_static(b"x")).unwrap();
        assert_eq!((feed.copies(), feed.take(now, false).len(), feed.unsent()), (2, 1, 1));
        feed.give_up();
        assert!(feed.is_over() && feed.take(now + SECOND, false).is_empty());
        assert_eq!(feed.unsent(), 1);
        // Copies of what was sent before were never read.
        let mut feed = fixed(5, pace, now);
        assert_eq!(feed.take(now, false).len(), 1);
        feed.stop_repeating();
        assert!(feed.is_over());
        assert_eq!(feed.unsent(), 0);
    }

    #[test]
    fn records_may_bring_their_topics() {
        let now = Instant::now();
        let keyed = Record::Keyed(Bytes::from_static(b": "));
        let mut feed = Feed::stream(template(&[]), &keyed, Pace::None, now);
        feed.add(&Bytes::from_static(b"a/b: 1: 2")).unwrap();
        assert!(feed.add(&Bytes::from_static(b"no separator")).is_err());
        assert_eq!(texts(&feed.take(now, false)), ["a/b 1: 2"]);

        let mut feed = Feed::stream(
            template(&["d"]),
            &Record::Json { prefix: String::new() },
            Pace::None,
            now,
        );
        feed.add(&Bytes::from_static(br#"{"payload":"1"}"#)).unwrap();
        feed.add(&Bytes::from_static(br#"{"topic":"e","payload":"2"}"#))
            .unwrap();
        assert!(feed.add(&Bytes::from_static(b"{")).is_err());
        assert_eq!(texts(&feed.take(now, false)), ["d 1", "e 2"]);
    }
}

//! `mqpub --check`: tries a broker out, from the connection to the will, and tells
//! what it found. A process has one connection at a time, so it takes two sessions,
//! one after the other: the first one publishes to itself, leaves something
//! retained, and is cut, so that the will goes to the same session, which the broker
//! keeps meanwhile; the second one finds what is retained, and takes it away.

mod account;
mod talk;

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use bytes::Bytes;

use self::account::{Broker, Outcome, Steps};
use self::talk::{Stop, Talk};
use crate::chance;
use crate::config::connection::{Connection, Persistence, Version, Will};
use crate::config::probe::Probe;
use crate::entry::Ending;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::message::{Filter, Message, Properties, Qos, Subscription, Topic, Value};
use crate::property::SESSION_EXPIRY_INTERVAL;
use crate::report::Report;
use crate::session::{Interest, Policy, Said};
use crate::signal::Signals;
use crate::waker::Waker;

/// How long the broker is asked to keep our session, in seconds, should we die.
const EXPIRY: u32 = 60;

/// How long the end of a session, and tidying up after a failure, may take each.
const TIDYING: Duration = Duration::from_secs(2);

/// How long a message may be behind one that was published after it.
const STRAGGLING: Duration = Duration::from_millis(300);

/// How long it rests at a time while it tidies up.
const PAUSE: Duration = Duration::from_millis(20);

/// The levels, each with its name.
const LEVELS: [(Qos, &str); 3] = [
    (Qos::AtMostOnce, "qos 0"),
    (Qos::AtLeastOnce, "qos 1"),
    (Qos::ExactlyOnce, "qos 2"),
];

/// Tries the broker out.
pub(crate) fn run(probe: Probe, bound: Option<Duration>, start: Instant, report: Report) -> anyhow::Result<Ending> {
    for warning in &probe.warnings {
        report.warn(warning);
    }
    let waker = Arc::new(Waker::new().context("cannot make a pipe")?);
    let signals = Signals::listen(&waker).context("cannot listen for signals")?;
    let random = chance::name();
    let mut check = Check {
        base: format!("{}/{random}", probe.prefix.as_str()),
        random,
        policy: Policy { reconnect: true, bound },
        waker,
        signals: &signals,
        deadline: probe.timeout.map(|timeout| start + timeout),
        steps: Steps::default(),
        broker: Broker::new(probe.connection.version),
        may_be_retained: false,
        report,
        start,
        probe,
    };
    let outcome = check.first().and_then(|()| check.second());
    let signal = match outcome {
        Err(Stop::Signal(signal)) => Some(signal),
        _ => None,
    };
    check.tidy();
    if let Some(signal) = signal {
        return Ok(Ending::Signal(signal));
    }
    let host = check.probe.connection.route.to_string();
    account::tell(&check.steps, &check.broker, &host, check.probe.account)
}

struct Check<'a> {
    probe: Probe,
    /// The topic of chance.
    base: String,
    random: String,
    policy: Policy,
    waker: Arc<Waker>,
    signals: &'a Signals,
    deadline: Option<Instant>,
    steps: Steps,
    broker: Broker,
    /// The broker may have a retained message of ours.
    may_be_retained: bool,
    report: Report,
    start: Instant,
}

impl<'a> Check<'a> {
    fn topic(&self, name: &str) -> Result<Topic, Failure> {
        let text = format!("{}/{name}", self.base);
        Topic::new(&text).map_err(|why| Failure::new(Exit::Usage, format!("--check-prefix: {why}")))
    }

    fn subscription(filter: &str) -> Result<Subscription, Failure> {
        let filter = Filter::new(filter).map_err(|why| Failure::new(Exit::Usage, format!("--check-prefix: {why}")))?;
        Ok(Subscription::new(filter, Qos::ExactlyOnce))
    }

    fn message(&self, name: &str, qos: Qos, retain: bool) -> Result<Message, Failure> {
        Ok(Message {
            topic: self.topic(name)?,
            payload: Bytes::from(self.random.clone()),
            qos,
            retain,
            properties: Properties::default(),
        })
    }

    /// Until when the broker may take for its next answer.
    fn until(&self) -> Instant {
        Instant::now() + self.probe.wait
    }

    /// The connection of the first session: with a will, and kept over the cut.
    fn kept(&self) -> Result<Connection, Failure> {
        let mut connection = self.plain();
        if connection.version == Version::V31 {
            return Ok(connection);
        }
        connection.persistence = Persistence::Run;
        connection.will = Some(Will {
            topic: self.topic("will")?,
            payload: Bytes::from(self.random.clone()),
            qos: Qos::AtLeastOnce,
            retain: false,
            properties: Properties::default(),
        });
        if connection.version == Version::V5 {
            let expiry = |properties: &mut Properties, seconds| {
                if properties.number(SESSION_EXPIRY_INTERVAL).is_none() {
                    properties.push(SESSION_EXPIRY_INTERVAL, Value::Number(seconds));
                }
            };
            expiry(&mut connection.properties, EXPIRY);
            expiry(&mut connection.disconnect_properties, 0);
        }
        Ok(connection)
    }

    fn plain(&self) -> Connection {
        let mut connection = self.probe.connection.clone();
        if connection.client_id.is_empty() {
            // Of the letters, and no more of them, that each broker has to take
            // (MQTT 3.1.1, 3.1.3.1).
            connection.client_id = format!("mqpub{}", self.random);
        }
        connection
    }

    fn talk(&self, connection: Connection, subscriptions: Vec<Subscription>) -> Talk<'a> {
        let interest = Interest {
            subscriptions,
            ..Interest::default()
        };
        let ends = (&self.waker, self.signals);
        Talk::new(connection, self.policy, interest, ends, self.deadline, self.report)
    }

    /// Notes how a step went, and ends the check where it went wrong.
    fn step<T>(&mut self, name: &'static str, since: Instant, outcome: Result<T, Stop>, late: &str) -> Result<T, Stop> {
        let why = match outcome {
            Ok(done) => {
                self.steps.note(name, Outcome::Took(since.elapsed()));
                return Ok(done);
            }
            Err(Stop::Signal(signal)) => return Err(Stop::Signal(signal)),
            Err(Stop::Failed(why)) => why,
            Err(Stop::OutOfTime) => Failure::new(Exit::TimedOut, "timed out"),
            Err(Stop::Late) => {
                let wait = humantime::format_duration(self.probe.wait);
                let why = Failure::new(Exit::Undelivered, format!("{late} within {wait}"));
                if self.probe.connection.version == Version::V5 {
                    why.hint(
                        "may this user publish and subscribe there? a broker may drop what it may not, without a word",
                    )
                } else {
                    why.hint("may this user publish and subscribe there? before MQTT 5 a broker refuses a message without a word")
                }
            }
        };
        self.steps.note(name, Outcome::Failed(why.clone()));
        Err(why.into())
    }

    /// Publishes to itself, leaves something retained, and dies.
    fn first(&mut self) -> Result<(), Stop> {
        let connection = self.kept()?;
        let filters = ["qos", "will"].map(|name| Self::subscription(&format!("{}/{name}", self.base)));
        let filters = filters.into_iter().collect::<Result<_, _>>()?;
        // Where it can be done at once, the way is open before this returns.
        let since = Instant::now();
        let mut talk = self.talk(connection, filters);
        let outcome = self.publish_to_itself(&mut talk, since);
        // A lost connection comes back for this, unless it does not.
        if self.may_be_retained && outcome.is_err() {
            self.clear(&mut talk);
        }
        talk.close(Instant::now() + TIDYING);
        outcome
    }

    fn publish_to_itself(&mut self, talk: &mut Talk<'_>, since: Instant) -> Result<(), Stop> {
        let timeout =
            Instant::now() + self.probe.connection.connect_timeout * 2 + self.policy.bound.unwrap_or_default();
        let connected = talk.wait(timeout, |talk| talk.news.up);
        self.step("connect", since, connected, "the broker did not answer")?;
        self.broker.heard(&talk.session.said());
        let since = Instant::now();
        let subscribed = talk.wait(self.until(), |talk| talk.news.subscribed.is_some());
        let subscribed = subscribed.and_then(|()| match talk.news.subscribed.take().unwrap_or_default().pop() {
            Some(refusal) => Err(refusal.into()),
            None => Ok(()),
        });
        self.step(
            "subscribe",
            since,
            subscribed,
            "the broker did not answer the subscription",
        )?;
        let Said { codes, .. } = talk.session.said();
        self.broker.granted(codes.first().copied());
        for (qos, name) in LEVELS {
            if let Some(most) = self.broker.most().filter(|most| qos as u8 > *most) {
                self.steps.note(
                    name,
                    Outcome::Unsupported(format!("the broker takes no more than QoS {most}")),
                );
                continue;
            }
            let since = Instant::now();
            let message = self.message("qos", qos, false)?;
            let came = self.there_and_back(talk, message);
            let came = came.map_err(|stop| match stop {
                Stop::Failed(why) if why.exit() == Exit::Undelivered && why.hint_text().is_none() => {
                    Stop::Failed(why.hint("may this user publish and subscribe there?"))
                }
                other => other,
            });
            let late = format!("the message of QoS {} did not come back", qos as u8);
            self.step(name, since, came, &late)?;
        }
        self.steps.round = Some(self.start.elapsed());
        if self.broker.retain == Some(false) {
            let why = "the broker keeps no retained messages".to_owned();
            self.steps.note("retained", Outcome::Unsupported(why));
        } else {
            let message = self.message("retained", self.level(), true)?;
            self.may_be_retained = true;
            self.steps.retained_since = Some(Instant::now());
            let until = self.until();
            if let Err(stop) = talk.publish(message, until) {
                let stop = match stop {
                    Stop::Failed(why) if why.exit() == Exit::Undelivered => {
                        Stop::Failed(why.hint("does the broker keep retained messages?"))
                    }
                    other => other,
                };
                self.step(
                    "retained",
                    until,
                    Err(stop),
                    "the retained message was not acknowledged",
                )?;
            }
        }
        self.will(talk)
    }

    /// The level of what has to be acknowledged.
    fn level(&self) -> Qos {
        match self.broker.most() {
            Some(0) => Qos::AtMostOnce,
            _ => Qos::AtLeastOnce,
        }
    }

    fn there_and_back(&self, talk: &mut Talk<'_>, message: Message) -> Result<(), Stop> {
        let (topic, payload) = (message.topic.as_str().to_owned(), message.payload.clone());
        let until = self.until();
        talk.publish(message, until)?;
        talk.wait(until, |talk| {
            talk.take_mail(&topic).is_some_and(|mail| mail.payload == payload)
        })
    }

    /// Dies, comes back, and looks whether the broker has told.
    fn will(&mut self, talk: &mut Talk<'_>) -> Result<(), Stop> {
        if self.probe.connection.version == Version::V31 {
            let why = "not tried: MQTT 3.1 does not tell whether a session was kept".to_owned();
            self.steps.note("will", Outcome::Unsupported(why));
            return Ok(());
        }
        let since = Instant::now();
        let again = Instant::now() + self.probe.connection.connect_timeout + self.probe.wait;
        let cut = talk.cut(again);
        self.step("will", since, cut, "after a cut, there was no connection again")
            .inspect(|()| self.steps.forget("will"))?;
        if !talk.session.said().session_present {
            let why = "not tried: the broker has not kept the session over a cut".to_owned();
            self.steps.note("will", Outcome::Unsupported(why));
            return Ok(());
        }
        let topic = self.topic("will")?;
        let came = talk.wait(self.until(), |talk| talk.take_mail(topic.as_str()).is_some());
        self.step("will", since, came, "the will did not come after a cut")
    }

    /// Finds what is retained, and tries filters out.
    fn second(&mut self) -> Result<(), Stop> {
        let mut filters = vec![Self::subscription(&format!("{}/retained", self.base))?];
        filters.push(Self::subscription(&format!("{}/last", self.base))?);
        if self.broker.wildcards != Some(false) {
            filters.push(Self::subscription(&format!("{}/wild/+", self.base))?);
        }
        if self.broker.shared != Some(false) {
            filters.push(Self::subscription(&format!(
                "$share/{}/{}/shared",
                self.random, self.base
            ))?);
        }
        let connection = self.plain();
        let mut talk = self.talk(connection, filters);
        let outcome = self.find(&mut talk);
        if self.may_be_retained {
            self.clear(&mut talk);
        }
        talk.close(Instant::now() + TIDYING);
        outcome
    }

    fn find(&mut self, talk: &mut Talk<'_>) -> Result<(), Stop> {
        let since = self.steps.retained_since.unwrap_or_else(Instant::now);
        let timeout = Instant::now() + self.probe.connection.connect_timeout + self.probe.wait;
        let subscribed = talk.wait(timeout, |talk| talk.news.subscribed.is_some());
        let topic = self.topic("retained")?;
        if self.may_be_retained {
            let until = self.until();
            let came = subscribed.and_then(|()| {
                talk.wait(until, |talk| {
                    talk.take_mail(topic.as_str()).is_some_and(|mail| mail.retain)
                })
            });
            self.step(
                "retained",
                since,
                came,
                "the retained message did not come to a new subscription",
            )?;
            self.broker.retain = Some(true);
        } else {
            self.step(
                "subscribe again",
                since,
                subscribed,
                "the broker did not answer the subscription",
            )
            .inspect(|()| self.steps.forget("subscribe again"))?;
        }
        // What is refused here is a lack, and no fault.
        for name in ["wild/x", "shared", "last"] {
            let until = self.until();
            let message = self.message(name, self.level(), false)?;
            match talk.publish(message, until) {
                Ok(()) | Err(Stop::Late | Stop::Failed(_)) => {}
                Err(stop) => return Err(stop),
            }
        }
        let mut names: Vec<(&str, bool)> = vec![("wild/x", false), ("shared", false)];
        let base = self.base.clone();
        let last = format!("{base}/last");
        let mut outcome = talk.wait(self.until(), |talk| talk.take_mail(&last).is_some());
        if outcome.is_ok() {
            outcome = talk.wait(Instant::now() + STRAGGLING, |talk| {
                for (name, came) in &mut names {
                    *came |= talk.take_mail(&format!("{base}/{name}")).is_some();
                }
                names.iter().all(|(_, came)| *came)
            });
        }
        if let Err(Stop::Signal(signal)) = outcome {
            return Err(Stop::Signal(signal));
        }
        for (place, (_, came)) in [&mut self.broker.wildcards, &mut self.broker.shared]
            .into_iter()
            .zip(names)
        {
            *place = Some(came);
        }
        Ok(())
    }

    /// Takes away what may be retained; a signal, or the end of the time, does not
    /// keep it from that.
    fn clear(&mut self, talk: &mut Talk<'_>) {
        let Ok(mut message) = self.message("retained", self.level(), true) else {
            return;
        };
        message.payload = Bytes::new();
        let until = Instant::now() + TIDYING;
        // Also a connection that was lost may be there again.
        while !talk.news.up && Instant::now() < until {
            talk.rest(Instant::now() + PAUSE);
        }
        let before = talk.session.counts();
        talk.session.publish([message]);
        while Instant::now() < until {
            if talk.session.is_drained() && talk.news.up {
                let after = talk.session.counts();
                self.may_be_retained = after.delivered == before.delivered;
                return;
            }
            talk.rest(Instant::now() + PAUSE);
        }
    }

    /// Says what could not be taken away.
    fn tidy(&self) {
        if self.may_be_retained {
            let topic = format!("{}/retained", self.base);
            self.report
                .warn(format_args!("a retained message may be left behind under '{topic}'"));
        }
    }
}

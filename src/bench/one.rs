//! The measurement of one connection.

use std::io::{self, Read as _};
use std::os::fd::AsFd as _;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use rustix::event::PollFlags;

use super::outcome::{Numbers, Outcome};
use super::plan::Plan;
use super::tally::{Tally, payload};
use crate::chance;
use crate::config::bench::Bench;
use crate::entry::{self, FAREWELL, end_of_grace};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::latency::Latencies;
use crate::message::{Filter, Message, Received, Subscription, Topic};
use crate::report::Report;
use crate::session::{Event, Flow, Inbox, Interest, Policy, Session};
use crate::signal::Signals;
use crate::waker::Waker;

/// After so long without a message, those under way count as lost.
const SILENCE: Duration = Duration::from_secs(2);

/// How long at most it waits for what is under way at the end.
const PATIENCE: Duration = Duration::from_secs(10);

/// How many messages, and how many bytes of them, are made at once.
const BATCH: usize = 256;
const BATCH_BYTES: usize = 1 << 20;

/// What a part says when it could begin.
pub(super) const READY: &str = "ready\n";

/// What the main thread and the inbox share.
struct Shared {
    tally: Mutex<Tally>,
    /// What all times count from.
    origin: Instant,
    waker: Arc<Waker>,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Tally> {
        self.tally.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Counter {
    shared: Arc<Shared>,
    topic: Topic,
}

impl Inbox for Counter {
    fn deliver(&mut self, message: &Received<'_>) -> Flow {
        if message.topic == self.topic.as_str() {
            let now = self.shared.origin.elapsed();
            self.shared.lock().take(message.payload, now);
            self.shared.waker.wake();
        }
        Flow::Continue
    }

    fn settle(&mut self) -> bool {
        true
    }

    fn refuse(&mut self, _why: &str) {}
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// Until the broker has granted the subscription.
    Connecting,
    /// Until the other parts are as far.
    Ready,
    /// Since when.
    Publishing(Instant),
    /// Waiting for what is under way, since when.
    Draining(Instant),
    /// Waiting for DISCONNECT to leave, until when.
    Leaving(Instant),
}

struct One<'a> {
    bench: &'a Bench,
    topic: Topic,
    session: Session,
    shared: Arc<Shared>,
    waker: Arc<Waker>,
    signals: &'a Signals,
    report: Report,
    /// This is a part: begins and ends when stdin says so.
    part: bool,
    stage: Stage,
    plan: Option<Plan>,
    /// How many have been sent, and how many of the first of them are not waited
    /// for any more.
    sent: u64,
    forgiven: u64,
    /// The last one was sent.
    last_sent: Instant,
    begun: Option<Instant>,
    /// How long it published.
    published: Duration,
    /// Until when a write may wait for the broker.
    limit: Arc<OnceLock<Instant>>,
    failure: Option<Failure>,
}

/// Measures over one connection; a `part` waits for the word of who started it.
pub(super) fn run(
    bench: &Bench,
    policy: Policy,
    part: bool,
    (waker, signals): (Arc<Waker>, &Signals),
    report: Report,
) -> anyhow::Result<Outcome> {
    let random = chance::name();
    let name = format!("{}/{random}", bench.prefix.as_str());
    let usage = |why| Failure::new(Exit::Usage, format!("-t: {why}"));
    let topic = Topic::new(&name).map_err(usage)?;
    let filter = Filter::new(&name).map_err(usage)?;
    let now = Instant::now();
    let shared = Arc::new(Shared {
        tally: Mutex::new(Tally::new(bench.size, latencies()?)),
        origin: now,
        waker: Arc::clone(&waker),
    });
    let interest = Interest {
        subscriptions: vec![Subscription::new(filter, bench.qos)],
        subscribe_properties: bench.subscribe.clone(),
        first: true,
        ..Interest::default()
    };
    let inbox = Counter {
        shared: Arc::clone(&shared),
        topic: topic.clone(),
    };
    let mut session = Session::new(
        bench.connection.clone(),
        policy,
        bench.window,
        interest,
        Some(Box::new(inbox)),
        Arc::clone(&waker),
    );
    entry::trace(report, &mut session);
    let limit = Arc::new(OnceLock::new());
    let (until, asked) = (Arc::clone(&limit), signals.clone());
    session.hurry_at(move || {
        let limits = [end_of_grace(&asked), until.get().copied()];
        limits.into_iter().flatten().min()
    });
    One {
        bench,
        topic,
        session,
        shared,
        waker,
        signals,
        report,
        part,
        stage: Stage::Connecting,
        plan: bench.rate.map(Plan),
        sent: 0,
        forgiven: 0,
        last_sent: now,
        begun: None,
        published: Duration::ZERO,
        limit,
        failure: None,
    }
    .run()
}

/// No latencies yet.
pub(super) fn latencies() -> Result<Latencies, Failure> {
    Latencies::new().ok_or_else(|| Failure::new(Exit::Failed, "cannot make a histogram"))
}

impl One<'_> {
    fn run(mut self) -> anyhow::Result<Outcome> {
        self.session.connect();
        loop {
            while let Some(event) = self.session.event() {
                if self.note(event)? {
                    return self.end();
                }
            }
            if self.signals.received().is_some() {
                self.stop();
            }
            let now = Instant::now();
            match self.stage {
                Stage::Publishing(since) => {
                    self.hand_on(since);
                    if now >= since + self.bench.duration {
                        self.stop();
                    }
                }
                Stage::Draining(since) => {
                    if self.plan.is_some()
                        && let Some(begun) = self.begun
                    {
                        self.hand_on(begun);
                    }
                    if self.is_over(since, now) {
                        self.leave();
                    }
                }
                Stage::Leaving(until) if until <= now => return self.end(),
                Stage::Connecting | Stage::Ready | Stage::Leaving(_) => {}
            }
            self.wait()?;
        }
    }

    /// Waits for whatever comes first.
    fn wait(&mut self) -> anyhow::Result<()> {
        let stage = match self.stage {
            Stage::Connecting | Stage::Ready => None,
            Stage::Publishing(since) => {
                let next = self.plan.map(|plan| since + plan.time(self.sent));
                // Past its time is what there is no room for.
                let next = next.filter(|next| *next > Instant::now());
                let end = since + self.bench.duration;
                [next, Some(self.silent_at(since)), Some(end)]
                    .into_iter()
                    .flatten()
                    .min()
            }
            Stage::Draining(since) => Some(self.silent_at(since).min(since + PATIENCE)),
            Stage::Leaving(until) => Some(until),
        };
        let deadline = [stage, self.session.deadline()].into_iter().flatten().min();
        let stdin = io::stdin();
        let listens = self.part && matches!(self.stage, Stage::Connecting | Stage::Ready | Stage::Publishing(_));
        let source = listens.then(|| stdin.as_fd());
        let [word] = self.waker.wait([(source, PollFlags::IN)], deadline)?;
        if !word.is_empty() {
            let mut byte = [0];
            match stdin.lock().read(&mut byte) {
                Ok(1..) if self.stage == Stage::Ready => self.begin(),
                Ok(1..) => {}
                Ok(0) | Err(_) => self.stop(),
            }
        }
        Ok(())
    }

    /// Takes note of an event; `true` if it was the last one.
    fn note(&mut self, event: Event) -> anyhow::Result<bool> {
        let leaving = matches!(self.stage, Stage::Leaving(_));
        match event {
            Event::Up { .. } => entry::describe(self.report, &self.session),
            Event::Subscribed { mut refused, .. } => match refused.pop() {
                Some(why) => self.fail(why),
                None if self.stage == Stage::Connecting && self.part => {
                    self.stage = Stage::Ready;
                    entry::print_out(READY)?;
                }
                None if self.stage == Stage::Connecting => self.begin(),
                None => {}
            },
            Event::Refused(why) => self.fail(why),
            Event::Away { why, lost: false } if !leaving => self.report.debug(why),
            Event::Down(why) | Event::Away { why, .. } => {
                if !leaving {
                    self.published_until_now();
                    self.failure.get_or_insert(why);
                }
                return Ok(true);
            }
            Event::Closed => return Ok(true),
            Event::Retained | Event::Proven => {}
        }
        Ok(false)
    }

    fn begin(&mut self) {
        let now = Instant::now();
        self.begun = Some(now);
        self.last_sent = now;
        self.limit.get_or_init(|| now + self.bench.duration + PATIENCE);
        self.stage = Stage::Publishing(now);
    }

    /// Publishes nothing more; before it has begun, it leaves.
    fn stop(&mut self) {
        match self.stage {
            Stage::Connecting | Stage::Ready => self.leave(),
            Stage::Publishing(_) => {
                self.published_until_now();
                self.stage = Stage::Draining(Instant::now());
            }
            Stage::Draining(_) | Stage::Leaving(_) => {}
        }
    }

    fn published_until_now(&mut self) {
        if let Stage::Publishing(since) = self.stage {
            self.published = since.elapsed().min(self.bench.duration);
        }
    }

    fn fail(&mut self, why: Failure) {
        self.failure.get_or_insert(why);
        self.stop();
    }

    fn leave(&mut self) {
        self.stage = Stage::Leaving(Instant::now() + FAREWELL);
        self.session.disconnect();
    }

    /// Gives the session what may leave now.
    fn hand_on(&mut self, begun: Instant) {
        let batch = (BATCH_BYTES / self.bench.size).clamp(1, BATCH) as u64;
        while self.session.wants_more() {
            let count = self.room(begun).min(batch);
            if count == 0 {
                return;
            }
            let now = Instant::now();
            let origin = self.shared.origin;
            let messages: Vec<Message> = (self.sent..self.sent + count)
                .map(|number| {
                    let time = self.plan.map_or(now, |plan| begun + plan.time(number));
                    Message {
                        topic: self.topic.clone(),
                        payload: payload(number, time - origin, self.bench.size),
                        qos: self.bench.qos,
                        retain: false,
                        properties: self.bench.properties.clone(),
                    }
                })
                .collect();
            self.sent += count;
            self.last_sent = now;
            self.shared.lock().sent = self.sent;
            self.session.publish(messages);
        }
    }

    /// How many messages more may be under way.
    fn room(&mut self, begun: Instant) -> u64 {
        if let Some(plan) = self.plan {
            return self.due(plan, begun.elapsed()).saturating_sub(self.sent);
        }
        if matches!(self.stage, Stage::Draining(_)) || begun.elapsed() >= self.bench.duration {
            return 0;
        }
        let window = self.bench.window.most as u64;
        // What comes after another was sent before it, or is lost.
        let done = self.shared.lock().next.max(self.forgiven);
        let room = window.saturating_sub(self.sent.saturating_sub(done));
        if room == 0 && self.silent_at(begun) <= Instant::now() {
            self.forgiven = self.sent;
            return window;
        }
        room
    }

    /// How many are due by the plan, as far as it was published.
    fn due(&self, plan: Plan, passed: Duration) -> u64 {
        match self.stage {
            Stage::Publishing(_) => plan.due(passed.min(self.bench.duration)),
            _ => plan.due(self.published),
        }
    }

    /// When there will have been silence for too long.
    fn silent_at(&self, since: Instant) -> Instant {
        let last = self.shared.origin + self.shared.lock().last;
        last.max(self.last_sent).max(since) + SILENCE
    }

    /// Whether nothing more is worth waiting for.
    fn is_over(&self, since: Instant, now: Instant) -> bool {
        let received = self.shared.lock().received;
        let all = received + self.session.counts().refused >= self.sent;
        let unsent = self.plan.is_some_and(|plan| plan.due(self.published) > self.sent);
        all && !unsent && self.session.is_drained() || self.silent_at(since) <= now || since + PATIENCE <= now
    }

    fn end(self) -> anyhow::Result<Outcome> {
        let mut outcome = Outcome::new(latencies()?);
        let mut tally = self.shared.lock();
        outcome.started = self.begun.is_some();
        let begun = self.begun.map_or(Duration::ZERO, |begun| begun - self.shared.origin);
        let due = self.plan.map_or(0, |plan| plan.due(self.published));
        outcome.numbers = Numbers {
            sent: self.sent,
            received: tally.received,
            duplicated: tally.duplicated,
            reordered: tally.reordered,
            refused: self.session.counts().refused,
            unsent: due.saturating_sub(self.sent),
            time: self.published.max(tally.last.saturating_sub(begun)),
        };
        std::mem::swap(&mut outcome.latencies, &mut tally.latencies);
        drop(tally);
        outcome.signal = self.signals.received();
        outcome.failure = self.failure;
        Ok(outcome)
    }
}

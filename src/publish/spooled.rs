//! mqpub with a spool: input to the disk, and from the disk to the session.
//!
//! Two things go on side by side. Messages are taken: they are on the disk before
//! they count. And, in one process at a time, what is there is delivered in order,
//! whoever took it. A message that this run took and did not deliver is queued.

mod delivering;
mod ending;
mod status;
mod taking;

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use rustix::event::PollFlags;

use super::input::Input;
use super::{FAREWELL, end_of_grace};
use crate::config::connection::{Connection, InFlight};
use crate::config::publish::{Pace, Publish};
use crate::config::spool::{self, Task};
use crate::entry::Ending;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::feed::Feed;
use crate::message::Message;
use crate::pace::Pacer;
use crate::progress::Progress;
use crate::report::Report;
use crate::session::{Event, Policy, Session};
use crate::signal::Signals;
use crate::spool::{Delivery, Spool, Ticket};
use crate::waker::Waker;

/// How long a stream goes on trying to connect.
const FOR_EVER: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);

/// Runs mqpub with a spool.
pub(super) fn run(
    publish: Publish,
    settings: &spool::Spool,
    mut policy: Policy,
    start: Instant,
    report: Report,
) -> anyhow::Result<Ending> {
    let mut spool = Spool::open(settings)?;
    if let Task::Status { json } = settings.task {
        let status = spool.status()?;
        for news in spool.take_news() {
            report.warn(news);
        }
        return status::print(status, json);
    }
    let stream = publish.is_stream();
    if stream && policy.reconnect {
        policy.bound.get_or_insert(FOR_EVER);
    }
    let deadline = publish.timeout.map(|timeout| start + timeout);
    let mut input = Input::open(&publish, deadline)?;
    let now = Instant::now();
    let feed = input.feed(&publish, Pace::None, now)?;
    let waker = Arc::new(Waker::new().context("cannot make a pipe")?);
    let signals = Signals::listen(&waker).context("cannot listen for signals")?;
    Run {
        spool,
        required: settings.required,
        drains: settings.task == Task::Drain,
        stream,
        patient: is_patient(policy, stream),
        keep_going: publish.keep_going,
        stats: publish.stats,
        progress: Progress::new(report, publish.progress, stream, now),
        pacer: match publish.pace {
            Pace::Rate { count, per } => Some(Pacer::rate(count, per, now)),
            _ => None,
        },
        connection: publish.connection,
        policy,
        window: publish.window,
        start,
        deadline,
        input,
        feed,
        held: VecDeque::new(),
        own: BTreeSet::new(),
        taken: 0,
        delivery: None,
        session: None,
        next_look: now,
        exhausted: false,
        proving: false,
        connected: false,
        out_of_reach: None,
        leaving: false,
        changing: false,
        refused: 0,
        bad_records: 0,
        failure: None,
        grace: None,
        told_full: false,
        told_other: false,
        waker,
        signals,
        report,
    }
    .run()
}

/// Whether the end of the input does not end the attempts to connect.
fn is_patient(policy: Policy, stream: bool) -> bool {
    policy.bound.is_some_and(|bound| !stream || bound < FOR_EVER)
}

/// A run of mqpub with a spool.
struct Run {
    spool: Spool,
    /// To queue is not enough.
    required: bool,
    /// Nothing is taken.
    drains: bool,
    stream: bool,
    /// The end of the input does not end the attempts to connect.
    patient: bool,
    keep_going: bool,
    stats: bool,
    progress: Progress,
    pacer: Option<Pacer>,
    connection: Connection,
    policy: Policy,
    window: InFlight,
    start: Instant,
    /// When `-W` runs out.
    deadline: Option<Instant>,
    input: Input,
    feed: Feed,
    /// Messages that there was no room for.
    held: VecDeque<Message>,
    /// What a run that is no stream took and has not seen delivered.
    own: BTreeSet<Ticket>,
    /// How many messages this run took.
    taken: u64,
    /// The right to deliver, while this run has it.
    delivery: Option<Delivery>,
    session: Option<Session>,
    /// When to look what other processes have done.
    next_look: Instant,
    /// There was nothing more to hand on at the last look.
    exhausted: bool,
    /// The broker has been asked whether it has read everything.
    proving: bool,
    connected: bool,
    /// Why there is no connection, after an attempt to make one.
    out_of_reach: Option<Failure>,
    /// DISCONNECT is on its way, or nothing is.
    leaving: bool,
    /// Another connection is to follow this one.
    changing: bool,
    refused: u64,
    bad_records: u64,
    /// The first thing that went wrong and ends the run.
    failure: Option<Failure>,
    /// Until when the end may take, once it was asked for.
    grace: Option<Instant>,
    told_full: bool,
    told_other: bool,
    waker: Arc<Waker>,
    signals: Signals,
    report: Report,
}

impl Run {
    fn run(mut self) -> anyhow::Result<Ending> {
        loop {
            self.obey_signals();
            self.take()?;
            self.tell_news();
            if self.delivery.is_none() && !self.leaving {
                self.begin_delivery()?;
            }
            if self.hear()? || self.obey_time() {
                return self.end();
            }
            self.settle()?;
            self.hand_on()?;
            if !self.leaving && self.is_done()? {
                self.leave();
            }
            if self.leaving && self.session.is_none() {
                return self.end();
            }
            if let Some(session) = &self.session {
                self.progress.show(Instant::now(), session.counts(), self.connected);
            }
            self.wait()?;
        }
    }

    /// Waits for whatever comes first.
    fn wait(&mut self) -> anyhow::Result<()> {
        let now = Instant::now();
        let session = self.session.as_ref();
        let paced = self.pacer.as_ref().filter(|_| self.connected && !self.exhausted);
        let looks = match self.delivery {
            Some(_) => self.exhausted && self.connected && !self.leaving,
            None => self.out_of_reach.is_none() && !self.leaving,
        };
        let deadlines = [
            session.and_then(Session::deadline),
            self.grace,
            self.deadline.filter(|_| !self.leaving),
            paced.map(Pacer::next).filter(|next| *next > now),
            self.progress.next().filter(|_| session.is_some()),
            Some(self.next_look).filter(|_| looks),
        ];
        let deadline = deadlines.into_iter().flatten().min();
        let reads = self.held.is_empty() && self.feed.wants_records();
        let source = self.input.source(reads);
        let [input] = self.waker.wait([(source, PollFlags::IN)], deadline)?;
        if !input.is_empty()
            && let Err(why) = self.input.read(&mut self.feed)
        {
            self.failure.get_or_insert(why);
        }
        Ok(())
    }

    /// What the session tells; `true` if that is the end.
    fn hear(&mut self) -> anyhow::Result<bool> {
        while let Some(event) = self.session.as_mut().and_then(Session::event) {
            match event {
                Event::Closed | Event::Down(_) if self.changing && !self.leaving => self.changed(),
                Event::Closed => return Ok(true),
                Event::Down(why) | Event::Away { why, .. } if self.leaving => {
                    self.report.debug(why);
                    return Ok(true);
                }
                Event::Up { again, .. } => {
                    self.connected = true;
                    self.proving = false;
                    if self.out_of_reach.take().is_some() || again {
                        self.say("connected");
                    }
                }
                Event::Away { why, lost } => {
                    self.connected = false;
                    if lost || self.out_of_reach.is_none() && self.stream {
                        self.say(&format!("{why}; trying again, messages are queued meanwhile"));
                    }
                    self.out_of_reach = Some(why).filter(|_| !lost);
                }
                Event::Down(why) => {
                    self.connected = false;
                    self.settle()?;
                    self.session = None;
                    if let Some(delivery) = self.delivery.take() {
                        delivery.give_up(&mut self.spool)?;
                    }
                    if why.is_permanent() {
                        self.failure.get_or_insert(why);
                        self.stop_reading();
                        self.leaving = true;
                    } else {
                        if self.stream && !self.feed.is_over() {
                            self.say(&format!("{why}; messages are queued"));
                        }
                        self.out_of_reach = Some(why);
                    }
                }
                Event::Refused(why) => {
                    self.progress.clear();
                    self.report.warn(&why);
                }
                _ => {}
            }
        }
        Ok(false)
    }

    fn leave(&mut self) {
        self.leaving = true;
        let grace = Instant::now() + FAREWELL;
        self.grace = Some(self.grace.map_or(grace, |earlier| earlier.min(grace)));
        if let Some(session) = &mut self.session {
            session.disconnect();
        }
    }

    fn obey_signals(&mut self) {
        if self.grace.is_none()
            && let Some(grace) = end_of_grace(&self.signals)
        {
            self.grace = Some(grace);
            self.stop_reading();
        }
    }

    /// Ends the run if its time is over; `true` if also that of the end is.
    fn obey_time(&mut self) -> bool {
        let now = Instant::now();
        if !self.leaving && self.deadline.is_some_and(|deadline| deadline <= now) {
            self.stop_reading();
            let why = self.session.as_ref().map(Session::out_of_time);
            self.failure = Some(why.unwrap_or_else(|| Failure::new(Exit::TimedOut, "timed out")));
            self.leave();
        }
        self.grace.is_some_and(|grace| grace <= now)
    }

    fn tell_news(&mut self) {
        for news in self.spool.take_news() {
            self.progress.clear();
            self.report.warn(news);
        }
    }

    fn say(&mut self, text: &str) {
        self.progress.clear();
        self.report.note(text);
    }
}

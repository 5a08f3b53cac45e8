//! mqpub with requests: each message asks for a reply, which is printed.
//!
//! The session subscribes to the replies before it publishes anything. A request is
//! handed to it only when fewer than so many wait for their replies: neither the
//! input nor a slow answerer can make the memory grow.

mod desk;
mod ending;
mod latency;
mod pending;
mod taking;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use rustix::event::PollFlags;

use self::desk::{Counter, Desk};
use super::input::Input;
use super::{FAREWELL, end_of_grace};
use crate::config::connection::Version;
use crate::config::publish::Publish;
use crate::config::request::Request;
use crate::entry::{self, Ending};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::feed::Feed;
use crate::latency::Latencies;
use crate::message::Message;
use crate::output::Trouble;
use crate::report::Report;
use crate::session::{Event, Interest, Policy, Replies, Session};
use crate::signal::Signals;
use crate::subscribe;
use crate::waker::Waker;

/// Runs mqpub with requests; `named` if under the name `mosquitto_rr`.
pub(super) fn run(
    publish: Publish,
    request: Request,
    policy: Policy,
    named: bool,
    start: Instant,
    report: Report,
) -> anyhow::Result<Ending> {
    let deadline = publish.timeout.map(|timeout| start + timeout);
    let mut input = Input::open(&publish, deadline)?;
    let now = Instant::now();
    let feed = input.feed(&publish, publish.pace, now)?;
    let waker = Arc::new(Waker::new().context("cannot make a pipe")?);
    let signals = Signals::listen(&waker).context("cannot listen for signals")?;
    let measures = request.latency || publish.stats;
    let latencies = if measures { Latencies::new() } else { None };
    let desk = Arc::new(Desk::new(&request, latencies, Arc::clone(&waker)));
    let printer = subscribe::printer(&request.output)?;
    let interest = Interest {
        subscriptions: vec![request.subscription],
        subscribe_properties: request.properties,
        first: true,
        replies: request
            .address
            .is_movable()
            .then(|| Replies::new(move |information| request.address.put_under(information))),
        ..Interest::default()
    };
    let has_properties = publish.connection.version == Version::V5;
    let mut session = Session::new(
        publish.connection,
        policy,
        publish.window,
        interest,
        Some(Box::new(Counter::new(Arc::clone(&desk), printer, report))),
        Arc::clone(&waker),
    );
    session.alias_topics();
    entry::trace(report, &mut session);
    let asked = signals.clone();
    session.hurry_at(move || [deadline, end_of_grace(&asked)].into_iter().flatten().min());
    session.keep_settled();
    Run {
        most: request.most,
        idle: request.idle,
        line: (request.latency && named).then_some(latency::line),
        tells_latency: measures && !(named && request.latency),
        keep_going: publish.keep_going,
        stats: publish.stats,
        has_properties,
        start,
        deadline,
        input,
        feed,
        made: VecDeque::new(),
        again: VecDeque::new(),
        order: VecDeque::new(),
        session,
        desk,
        connection: 0,
        forgotten: 0,
        subscribed: false,
        leaving: false,
        signalled: false,
        bad_records: 0,
        unheard: 0,
        failure: None,
        quiet_end: false,
        grace: None,
        waker,
        signals,
        report,
    }
    .run()
}

/// A run of mqpub with requests.
struct Run {
    /// How many requests may wait at once.
    most: usize,
    idle: Option<Duration>,
    /// The latency is told on stdout, in this form.
    line: Option<fn(Duration) -> String>,
    tells_latency: bool,
    keep_going: bool,
    stats: bool,
    /// Requests say where the reply should go.
    has_properties: bool,
    start: Instant,
    /// When `-W` runs out.
    deadline: Option<Instant>,
    input: Input,
    feed: Feed,
    /// Requests that there is no room for yet, each with its number.
    made: VecDeque<(u64, Message)>,
    /// Requests to be sent once more.
    again: VecDeque<(u64, Message)>,
    /// What the session was given and has not told the fate of: the number of the
    /// request, and on which connection.
    order: VecDeque<(u64, u64)>,
    session: Session,
    desk: Arc<Desk>,
    /// The how-manieth connection this is, and which one was the last at whose
    /// start the broker had forgotten us.
    connection: u64,
    forgotten: u64,
    /// Replies can come.
    subscribed: bool,
    leaving: bool,
    /// A signal has ended the waiting.
    signalled: bool,
    bad_records: u64,
    /// How many requests the broker had nobody to pass on to.
    unheard: u64,
    /// The first thing that went wrong and ends the run.
    failure: Option<Failure>,
    /// Nobody reads the replies any more.
    quiet_end: bool,
    /// Until when the end may take.
    grace: Option<Instant>,
    waker: Arc<Waker>,
    signals: Signals,
    report: Report,
}

impl Run {
    fn run(mut self) -> anyhow::Result<Ending> {
        self.session.connect();
        loop {
            while let Some(event) = self.session.event() {
                match event {
                    Event::Closed => return self.end(),
                    Event::Down(why) | Event::Away { why, .. } if self.leaving => {
                        self.report.debug(why);
                        return self.end();
                    }
                    Event::Down(why) => {
                        self.settle();
                        return self.cut_off(why);
                    }
                    other => self.note(other),
                }
            }
            self.settle();
            self.obey();
            let now = Instant::now();
            if self.grace.is_some_and(|grace| grace <= now) {
                return self.end();
            }
            self.desk.lock().pending.expire(self.idle, now);
            let mut hungry = self.is_hungry();
            while hungry && self.hand_on() {
                hungry = self.is_hungry();
            }
            if !self.leaving && self.is_done() {
                self.leave();
            }
            self.wait(hungry)?;
        }
    }

    /// Waits for whatever comes first; if there is room, also for input, of which it
    /// reads a piece.
    fn wait(&mut self, hungry: bool) -> anyhow::Result<()> {
        let stdout = std::io::stdout();
        let deadlines = [
            self.session.deadline(),
            self.grace,
            self.deadline.filter(|_| !self.leaving),
            self.feed.next().filter(|_| hungry),
            self.desk.lock().pending.next(self.idle).filter(|_| !self.leaving),
        ];
        let deadline = deadlines.into_iter().flatten().min();
        let reads = hungry && self.feed.wants_records();
        let source = self.input.source(reads);
        // Asking for nothing still tells of a reader that has gone.
        let reader = (!self.leaving).then(|| std::os::fd::AsFd::as_fd(&stdout));
        let [input, gone] = self
            .waker
            .wait([(source, PollFlags::IN), (reader, PollFlags::empty())], deadline)?;
        if gone.contains(PollFlags::ERR) {
            self.quiet_end = true;
            self.leave();
        } else if !input.is_empty()
            && let Err(why) = self.input.read(&mut self.feed)
        {
            self.failure.get_or_insert(why);
        }
        Ok(())
    }

    /// Whether another request may leave now.
    fn is_hungry(&self) -> bool {
        !self.leaving && self.subscribed && self.room() > 0 && self.session.wants_more()
    }

    fn room(&self) -> usize {
        self.most.saturating_sub(self.desk.lock().pending.len())
    }

    /// Whether everything has been asked and answered, as far as it will be.
    fn is_done(&self) -> bool {
        let waits = {
            let state = self.desk.lock();
            state.pending.len() > 0 || state.busy || state.trouble.is_some()
        };
        !waits && self.made.is_empty() && self.again.is_empty() && self.feed.is_over() && self.session.is_drained()
    }

    /// What has become of the messages that were given to the session.
    fn settle(&mut self) {
        for delivered in self.session.take_settled() {
            let Some((number, connection)) = self.order.pop_front() else {
                continue;
            };
            let mut state = self.desk.lock();
            if !delivered {
                state.pending.refused(number);
                continue;
            }
            state.pending.delivered(number);
            if connection < self.forgotten
                && let Some(message) = state.pending.repeatable(number)
            {
                // It was delivered before or after the loss: that cannot be told.
                self.again.push_back((number, message));
            }
        }
    }

    fn note(&mut self, event: Event) {
        match event {
            Event::Up { again, .. } => {
                if again {
                    self.report.note("connected again");
                }
                entry::describe(self.report, &self.session);
            }
            Event::Away { why, lost } => {
                self.subscribed = false;
                if !lost {
                    self.report.debug(why);
                    return;
                }
                self.report.note(format_args!("{why}; trying again"));
                self.settle();
                let lost = self.desk.lock().pending.lose();
                self.tell_lost(lost, "at QoS 0");
            }
            Event::Subscribed { mut refused, .. } => match refused.pop() {
                Some(why) => self.give_up(why),
                None => self.subscribed(),
            },
            Event::Refused(why) if self.keep_going => self.report.warn(&why),
            Event::Refused(why) => {
                self.failure.get_or_insert(why);
                self.stop_reading();
                self.feed.give_up();
            }
            _ => {}
        }
    }

    /// Replies can come; those that came while there was no connection may not.
    fn subscribed(&mut self) {
        self.subscribed = true;
        self.connection += 1;
        if self.connection > 1 && !self.session.is_known() {
            self.forgotten = self.connection;
            self.settle();
            let (again, lost) = self.desk.lock().pending.forgotten();
            if !again.is_empty() {
                let count = again.len();
                let requests = if count == 1 { "request is" } else { "requests are" };
                self.report
                    .note(format_args!("{count} {requests} sent again: the replies may be lost"));
            }
            self.again.extend(again);
            self.tell_lost(lost, "at QoS 2, after a loss of the session,");
        }
    }

    fn tell_lost(&self, lost: u64, when: &str) {
        if lost > 0 {
            let requests = if lost == 1 { "request" } else { "requests" };
            self.report.note(format_args!(
                "{lost} {requests} not answered: {when} none is sent twice"
            ));
        }
    }

    /// Does what a signal, the time or the output asks for.
    fn obey(&mut self) {
        if self.leaving {
            return;
        }
        let trouble = self.desk.lock().trouble.take();
        match trouble {
            Some(Trouble::ReaderGone) => {
                self.quiet_end = true;
                self.leave();
            }
            Some(Trouble::Broken(why)) => self.give_up(Failure::new(Exit::Failed, why)),
            None => {}
        }
        if self.signals.received().is_some() && !std::mem::replace(&mut self.signalled, true) {
            self.leave();
        }
        if !self.leaving && self.deadline.is_some_and(|deadline| deadline <= Instant::now()) {
            self.failure = None;
            self.give_up(self.session.out_of_time());
        }
    }

    /// Ends the run for this reason.
    fn give_up(&mut self, why: Failure) {
        self.failure.get_or_insert(why);
        self.leave();
    }

    fn leave(&mut self) {
        if self.leaving {
            return;
        }
        self.unheard = self.session.unheard();
        self.stop_reading();
        self.feed.give_up();
        self.leaving = true;
        self.grace = Some(Instant::now() + FAREWELL);
        self.session.disconnect();
    }
}

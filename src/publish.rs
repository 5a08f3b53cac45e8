//! mqpub from start to end: flags to configuration, input to session, exit.

mod account;
mod ending;
mod input;
mod rehearsal;
mod request;
mod spooled;
mod tee;

use std::ffi::OsString;
use std::fs::File;
use std::io::ErrorKind;
use std::os::fd::AsFd as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use bytes::Bytes;
use rustix::event::PollFlags;

use self::input::Input;
use self::tee::Tee;
use crate::config::bench::Bench;
use crate::config::probe::Probe;
use crate::config::publish::{Pace, Publish, Source};
use crate::entry::{self, Ending, FAREWELL, end_of_grace};
use crate::exit::{self, Exit};
use crate::failure::{Failure, io_reason};
use crate::feed::Feed;
use crate::flags::PublishFlags;
use crate::progress::Progress;
use crate::report::Report;
use crate::session::{Event, Interest, Session};
use crate::signal::Signals;
use crate::waker::Waker;
use crate::{bench, check, process};

/// How many records are made messages of at once: enough that the session does
/// not wait for more, and few enough that a signal finds most of what was read
/// still unsent, and leaves it so.
const BATCH: usize = 1024;

/// How long a run whose time is over waits for the broker's word that it has read the
/// QoS 0 messages.
const LAST_WORD: Duration = Duration::from_millis(250);

/// Runs mqpub, and returns its exit status.
pub fn main(arguments: &[OsString]) -> u8 {
    let start = Instant::now();
    let named = arguments.first().is_some_and(|name| exit::asks(name));
    entry::run(arguments, |mut flags: PublishFlags, report| {
        flags.request.named = named;
        let stream = flags.stream().is_some();
        let is_rehearsal = flags.shared.general.dry_run;
        let (bench, probe) = (Bench::new(&flags)?, Probe::new(&flags)?);
        if let Some(probe) = probe {
            entry::find_files(&probe.connection)?;
            return check::run(probe, flags.shared.connection.retry_for, start, report);
        }
        let policy = entry::policy(&flags.shared.connection, stream);
        if let Some(bench) = bench {
            entry::find_files(&bench.connection)?;
            return bench::run(&bench, policy, arguments, report);
        }
        let mut publish = Publish::new(flags)?;
        for warning in &publish.warnings {
            report.warn(warning);
        }
        if let Some(patterns) = &mut publish.template.patterns {
            let system = rustix::system::uname();
            patterns.settle(&system.nodename().to_string_lossy(), |name| std::env::var(name).ok())?;
        }
        // A spool takes the message all the same.
        if is_rehearsal || publish.spool.is_none() {
            entry::find_files(&publish.connection)?;
        }
        if is_rehearsal {
            return rehearsal::run(publish, report);
        }
        if let Some(spool) = publish.spool.clone() {
            return spooled::run(publish, &spool, policy, start, report);
        }
        if !stream {
            process::share_heap();
        }
        if let Some(request) = publish.request.take() {
            return request::run(publish, request, policy, named, start, report);
        }
        let deadline = publish.timeout.map(|timeout| start + timeout);
        let mut input = Input::open(&publish, deadline)?;
        let now = Instant::now();
        let feed = input.feed(&publish, publish.pace, now)?;
        let tee = match publish.source {
            Source::Stream(stream) if stream.tee => Some(Tee::to_stdout(stream.framing, feed.copies())?),
            _ => None,
        };
        let waker = Arc::new(Waker::new().context("cannot make a pipe")?);
        let signals = Signals::listen(&waker).context("cannot listen for signals")?;
        let mut session = Session::new(
            publish.connection,
            policy,
            publish.window,
            Interest::default(),
            None,
            Arc::clone(&waker),
        );
        let asked = signals.clone();
        session.hurry_at(move || [deadline, end_of_grace(&asked)].into_iter().flatten().min());
        session.alias_topics();
        entry::trace(report, &mut session);
        if tee.is_some() {
            session.keep_settled();
        }
        Run {
            unpaced: publish.pace == Pace::None,
            keep_going: publish.keep_going,
            stats: publish.stats,
            progress: Progress::new(report, publish.progress, stream, now),
            start,
            deadline,
            input,
            feed,
            tee,
            session,
            waker,
            signals,
            report,
            stage: Stage::Delivering,
            connected: false,
            bad_records: 0,
            failure: None,
            grace: None,
        }
        .run()
    })
}

fn cannot_make(why: &str) -> Failure {
    Failure::new(Exit::Failed, format!("cannot make the message: {why}"))
}

/// How far the run is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// Reading, sending, waiting for acknowledgements.
    Delivering,
    /// Waiting for the broker's word that it has read everything.
    Proving,
    /// Waiting for DISCONNECT to leave.
    Leaving,
}

/// A run of mqpub.
struct Run {
    input: Input,
    feed: Feed,
    tee: Option<Tee<File>>,
    /// Nothing but the window holds messages back.
    unpaced: bool,
    keep_going: bool,
    stats: bool,
    progress: Progress,
    start: Instant,
    /// When `-W` runs out.
    deadline: Option<Instant>,
    session: Session,
    waker: Arc<Waker>,
    signals: Signals,
    report: Report,
    stage: Stage,
    connected: bool,
    /// Records that were no messages.
    bad_records: u64,
    /// The first thing that went wrong and ends the run once what is underway
    /// has been delivered.
    failure: Option<Failure>,
    /// Until when the end may take, once it was asked for.
    grace: Option<Instant>,
}

impl Run {
    fn run(mut self) -> anyhow::Result<Ending> {
        if self.unpaced {
            // So that they leave as soon as the broker has said yes.
            self.hand_on();
        }
        self.session.connect();
        loop {
            while let Some(event) = self.session.event() {
                match event {
                    Event::Closed => return self.end(),
                    Event::Down(why) | Event::Away { why, .. } if self.stage == Stage::Leaving => {
                        self.report.debug(why);
                        return self.end();
                    }
                    Event::Down(why) => return self.cut_off(why),
                    other => self.note(other),
                }
            }
            self.obey_signals();
            self.obey_time();
            self.pass_on()?;
            if self.grace.is_some_and(|grace| grace <= Instant::now()) {
                return self.end();
            }
            let mut hungry = self.session.wants_more();
            while hungry && self.hand_on() {
                hungry = self.session.wants_more();
            }
            if self.feed.is_over() {
                self.advance();
            }
            self.progress
                .show(Instant::now(), self.session.counts(), self.connected);
            self.wait(hungry)?;
        }
    }

    /// Waits for whatever comes first; if the session is hungry, also for input,
    /// of which it reads a piece.
    fn wait(&mut self, hungry: bool) -> anyhow::Result<()> {
        let paced = self.feed.next().filter(|_| self.connected);
        let deadline = self.deadline.filter(|_| self.stage != Stage::Leaving);
        let deadlines = [
            self.session.deadline(),
            self.grace,
            deadline,
            paced,
            self.progress.next(),
        ];
        let deadline = deadlines.into_iter().flatten().min();
        let reads = hungry && self.feed.wants_records();
        let source = self.input.source(reads);
        // Asking for nothing still tells of a reader that has gone.
        let reader = self.tee.as_ref().map(|tee| tee.out().as_fd());
        let [input, gone] = self
            .waker
            .wait([(source, PollFlags::IN), (reader, PollFlags::empty())], deadline)?;
        if gone.contains(PollFlags::ERR) {
            self.reader_has_gone();
        }
        if !input.is_empty() {
            self.read();
        }
        Ok(())
    }

    /// Reads once, and hands on what may leave.
    fn read(&mut self) {
        if let Err(why) = self.input.read(&mut self.feed) {
            self.failure.get_or_insert(why);
        }
        self.hand_on();
    }

    /// Makes messages of records that were read, as many as there is use for.
    fn refill(&mut self) {
        let tee = &mut self.tee;
        let note = |record: &Bytes| {
            if let Some(tee) = tee {
                tee.note(record);
            }
        };
        for why in self.input.fill(&mut self.feed, self.keep_going, note) {
            self.bad_records += 1;
            if self.keep_going {
                self.progress.clear();
                self.report.warn(&why);
            } else {
                // What stands before it is still sent.
                self.failure.get_or_insert(why);
                self.input.stop(&mut self.feed);
                self.feed.close();
            }
        }
    }

    /// The run ends once what is underway has been delivered: nothing more is read
    /// or sent.
    fn give_up(&mut self, why: Failure) {
        self.failure.get_or_insert(why);
        self.stop_reading();
        self.feed.give_up();
    }

    /// Nothing more is read; what was read is still delivered.
    fn stop_reading(&mut self) {
        self.feed.stop_repeating();
        self.input.stop(&mut self.feed);
    }

    /// Gives the session what may leave now; `false` if nothing may.
    fn hand_on(&mut self) -> bool {
        self.refill();
        let delivered = self.session.is_drained();
        let messages = self.feed.take(Instant::now(), delivered);
        if let Some(why) = self.feed.fault() {
            self.failure.get_or_insert(cannot_make(&why));
        }
        let some = !messages.is_empty();
        if some {
            if self.feed.is_over() {
                self.session.conclude();
            }
            self.session.publish(messages);
        }
        some
    }

    /// Writes delivered records to stdout.
    fn pass_on(&mut self) -> anyhow::Result<()> {
        let Some(tee) = &mut self.tee else { return Ok(()) };
        match tee.pass_on(&self.session.take_settled()) {
            Ok(()) => Ok(()),
            Err(error) if error.kind() == ErrorKind::BrokenPipe => {
                self.reader_has_gone();
                Ok(())
            }
            Err(error) => {
                Err(Failure::new(Exit::Failed, format!("cannot write to stdout: {}", io_reason(&error))).into())
            }
        }
    }

    /// Nobody wants to know any more.
    fn reader_has_gone(&mut self) {
        self.tee = None;
        self.stop_reading();
    }

    fn obey_signals(&mut self) {
        if self.grace.is_none()
            && let Some(grace) = end_of_grace(&self.signals)
        {
            self.grace = Some(grace);
            self.stop_reading();
            if !self.unpaced {
                // What has to wait its turn would use up the time for nothing.
                self.feed.give_up();
            }
        }
    }

    /// Ends the run if its time is over; what has become of QoS 0 messages it still
    /// asks, if nobody is being asked yet.
    fn obey_time(&mut self) {
        let now = Instant::now();
        if self.stage == Stage::Leaving || self.deadline.is_none_or(|deadline| deadline > now) {
            return;
        }
        let asks = self.stage == Stage::Delivering && self.connected && self.session.needs_proof();
        self.stop_reading();
        self.feed.give_up();
        self.failure = Some(self.session.out_of_time());
        self.grace = Some(now + FAREWELL);
        if asks {
            self.prove();
            self.deadline = Some(now + LAST_WORD);
        } else {
            self.leave();
        }
    }

    /// Goes on to the next stage when this one is done.
    fn advance(&mut self) {
        if self.stage == Stage::Delivering && self.session.is_drained() {
            if self.session.needs_proof() {
                self.prove();
            } else {
                self.leave();
            }
        }
    }

    fn prove(&mut self) {
        self.stage = Stage::Proving;
        self.session.prove();
    }

    fn leave(&mut self) {
        self.stage = Stage::Leaving;
        self.session.disconnect();
    }

    fn note(&mut self, event: Event) {
        match event {
            Event::Up { again, .. } => {
                self.connected = true;
                if again {
                    self.say("connected again");
                }
                entry::describe(self.report, &self.session);
            }
            Event::Away { why, lost } => {
                self.connected = false;
                if lost {
                    self.stage = Stage::Delivering;
                    self.say(&format!("{why}; trying again"));
                } else {
                    self.report.debug(why);
                }
            }
            Event::Refused(why) if self.keep_going => {
                self.progress.clear();
                self.report.warn(&why);
            }
            Event::Refused(why) => self.give_up(why),
            Event::Proven if self.stage == Stage::Proving => self.leave(),
            _ => {}
        }
    }

    fn say(&mut self, text: &str) {
        self.progress.clear();
        self.report.note(text);
    }
}

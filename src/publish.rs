//! mqpub from start to end: flags to configuration, input to session, exit.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::fs::File;
use std::os::fd::AsFd as _;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use anyhow::Context as _;
use bytes::Bytes;
use rustix::event::PollFlags;

use crate::config::publish::{Publish, Source};
use crate::config::{GRACE, WINDOW};
use crate::entry::{self, Ending};
use crate::exit::Exit;
use crate::failure::{Failure, io_reason};
use crate::flags::PublishFlags;
use crate::input::{self, Framing, Progress, Records};
use crate::message::Message;
use crate::report::Report;
use crate::session::{Counts, Event, Session};
use crate::signal::Signals;
use crate::waker::Waker;

/// Runs mqpub.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    entry::run("mqpub", arguments, |flags: PublishFlags, report| {
        let policy = entry::policy(&flags.connection, flags.message.stdin_line);
        let publish = Publish::new(flags)?;
        let single = single_payload(&publish.source)?;
        let waker = Arc::new(Waker::new().context("cannot make a pipe")?);
        let signals = Signals::listen(&waker).context("cannot listen for signals")?;
        let session = Session::new(publish.connection.clone(), policy, WINDOW, None, Arc::clone(&waker));
        Run {
            template: publish.template,
            session,
            waker,
            signals,
            report,
            stage: Stage::Delivering,
            stopped: None,
            refusal: None,
            grace: None,
        }
        .run(single)
    })
}

/// The payload of a run that has only one; `None` for a stream.
fn single_payload(source: &Source) -> anyhow::Result<Option<Bytes>> {
    match source {
        Source::Lines => Ok(None),
        Source::Literal(payload) => Ok(Some(payload.clone())),
        Source::Stdin => {
            let payload = input::whole(&mut stdin()?).map_err(|error| input_failure(&error))?;
            Ok(Some(payload))
        }
        Source::File(path) => {
            let read = File::open(path).and_then(|mut file| input::whole(&mut file));
            let payload =
                read.map_err(|error| Failure::new(Exit::Failed, format!("{}: {}", path.display(), io_reason(&error))))?;
            Ok(Some(payload))
        }
    }
}

/// Stdin without a buffer of its own.
fn stdin() -> anyhow::Result<File> {
    let descriptor = std::io::stdin().as_fd().try_clone_to_owned();
    Ok(File::from(descriptor.context("cannot use stdin")?))
}

fn input_failure(error: &std::io::Error) -> Failure {
    Failure::new(Exit::Failed, format!("cannot read stdin: {}", io_reason(error)))
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
    template: Message,
    session: Session,
    waker: Arc<Waker>,
    signals: Signals,
    report: Report,
    stage: Stage,
    /// The signal that asked for the end.
    stopped: Option<i32>,
    /// The first thing that the broker refused, or the input that cannot be read.
    refusal: Option<Failure>,
    /// Until when the end may take, once it was asked for.
    grace: Option<Instant>,
}

impl Run {
    fn run(mut self, single: Option<Bytes>) -> anyhow::Result<Ending> {
        let mut stream = match single {
            Some(payload) => {
                self.session.publish([self.message(payload)]);
                None
            }
            None => Some((stdin()?, Records::new(Framing::default()))),
        };
        self.session.connect();
        loop {
            while let Some(event) = self.session.event() {
                match event {
                    Event::Closed => return self.end(),
                    Event::Down(why) if self.stage == Stage::Leaving => {
                        self.report.debug(why);
                        return self.end();
                    }
                    Event::Down(why) => return Err(self.undelivered(why)),
                    other => self.note(other),
                }
            }
            if let Some(signal) = self.signals.received()
                && self.stopped.is_none()
            {
                self.stopped = Some(signal);
                self.grace = Some(Instant::now() + GRACE);
                stream = None;
            }
            if self.grace.is_some_and(|grace| grace <= Instant::now()) {
                return self.end();
            }
            if self.refusal.is_some() {
                stream = None;
            }
            let wants_input = stream.is_some() && self.session.wants_more();
            if stream.is_none() {
                self.advance();
            }
            let deadline = [self.session.deadline(), self.grace].into_iter().flatten().min();
            let source = stream
                .as_ref()
                .filter(|_| wants_input)
                .map(|(source, _)| source.as_fd());
            let [ready] = self.waker.wait([(source, PollFlags::IN)], deadline)?;
            if !ready.is_empty()
                && let Some((source, records)) = &mut stream
            {
                let mut payloads = Vec::new();
                let progress = records.read(source, &mut payloads);
                let messages = payloads.into_iter().map(|payload| self.message(payload));
                self.session.publish(messages.collect::<Vec<_>>());
                match progress {
                    Ok(Progress::End) => stream = None,
                    Ok(_) => {}
                    Err(error) => self.refusal = Some(input_failure(&error)),
                }
            }
        }
    }

    fn message(&self, payload: Bytes) -> Message {
        Message {
            payload,
            ..self.template.clone()
        }
    }

    /// Goes on to the next stage when this one is done.
    fn advance(&mut self) {
        if self.stage == Stage::Delivering && self.session.is_drained() {
            if self.session.needs_proof() {
                self.stage = Stage::Proving;
                self.session.prove();
            } else {
                self.leave();
            }
        }
    }

    fn leave(&mut self) {
        self.stage = Stage::Leaving;
        self.session.disconnect();
    }

    fn note(&mut self, event: Event) {
        match event {
            Event::Up { again: true } => self.report.note("connected again"),
            Event::Up { again: false } => self
                .report
                .debug(format_args!("connected: {}", self.session.describe())),
            Event::Away { why, lost: true } => {
                self.stage = Stage::Delivering;
                self.report.note(format_args!("{why}; trying again"));
            }
            Event::Away { why, lost: false } => self.report.debug(why),
            Event::Refused(why) => {
                self.refusal.get_or_insert(why);
            }
            Event::Proven if self.stage == Stage::Proving => self.leave(),
            _ => {}
        }
    }

    /// The connection is gone for good.
    fn undelivered(&self, why: Failure) -> anyhow::Error {
        match shortfall(self.session.counts()) {
            Some(text) => anyhow::Error::new(why).context(text),
            None => why.into(),
        }
    }

    /// Everything that could be done has been done.
    fn end(self) -> anyhow::Result<Ending> {
        let shortfall = shortfall(self.session.counts());
        if let Some(signal) = self.stopped {
            if let Some(text) = shortfall {
                self.report.warn(text);
            }
            return Ok(Ending::Signal(signal));
        }
        match (self.refusal, shortfall) {
            (Some(why), Some(text)) => Err(anyhow::Error::new(why).context(text)),
            (Some(why), None) => Err(why.into()),
            (None, Some(text)) => Err(Failure::new(Exit::Undelivered, text).into()),
            (None, None) => Ok(Ending::Status(Exit::Done)),
        }
    }
}

/// Says how many messages were read and not delivered, if any.
fn shortfall(counts: Counts) -> Option<String> {
    let Counts {
        taken,
        delivered,
        refused,
        doubtful,
    } = counts;
    let unacknowledged = taken - delivered - refused - doubtful;
    if delivered == taken || taken <= 1 {
        return None;
    }
    let mut text = format!("{taken} messages read, {delivered} delivered");
    for (count, what) in [
        (refused, "refused"),
        (unacknowledged, "not acknowledged"),
        (doubtful, "possibly lost"),
    ] {
        if count > 0 {
            let _ = write!(text, ", {count} {what}");
        }
    }
    Some(text)
}

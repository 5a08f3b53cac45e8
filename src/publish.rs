//! mqpub from start to end: flags to configuration, input to session, exit.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::fs::File;
use std::os::fd::AsFd as _;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use anyhow::Context as _;
use bytes::Bytes;
use rustix::event::PollFlags;

use crate::config::GRACE;
use crate::config::publish::{Publish, Source, Template};
use crate::entry::{self, Ending};
use crate::exit::Exit;
use crate::failure::{Failure, io_reason};
use crate::flags::PublishFlags;
use crate::input::{self, Lines, Progress};
use crate::message::Message;
use crate::report::Report;
use crate::session::{Counts, Event, Session};
use crate::signal::Signals;
use crate::waker::Waker;

/// Runs mqpub.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    entry::run("mqpub", arguments, |flags: PublishFlags, report| {
        let policy = entry::policy(&flags.connection, flags.stream().is_some());
        let publish = Publish::new(flags)?;
        for warning in &publish.warnings {
            report.warn(warning);
        }
        let payloads = payloads(&publish.source)?;
        let waker = Arc::new(Waker::new().context("cannot make a pipe")?);
        let signals = Signals::listen(&waker).context("cannot listen for signals")?;
        let mut session = Session::new(publish.connection, policy, publish.window, None, Arc::clone(&waker));
        if report.debugs() {
            session.trace(move |text| report.debug(text));
        }
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
        .run(payloads)
    })
}

/// The payloads of a run that knows them beforehand; `None` for a stream.
fn payloads(source: &Source) -> anyhow::Result<Option<Vec<Bytes>>> {
    match source {
        Source::Stream(_) => Ok(None),
        Source::Literal(payload) => Ok(Some(vec![payload.clone()])),
        Source::Stdin => Ok(Some(vec![whole_stdin()?])),
        Source::Files(paths) => paths
            .iter()
            .map(|path| whole_file(path))
            .collect::<Result<_, _>>()
            .map(Some),
    }
}

fn whole_file(path: &Path) -> anyhow::Result<Bytes> {
    if path.as_os_str() == "-" {
        return whole_stdin();
    }
    let read = File::open(path).and_then(|mut file| input::whole(&mut file));
    Ok(read.map_err(|error| Failure::new(Exit::Failed, format!("{}: {}", path.display(), io_reason(&error))))?)
}

fn whole_stdin() -> anyhow::Result<Bytes> {
    Ok(input::whole(&mut stdin()?).map_err(|error| input_failure(&error))?)
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
    template: Template,
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
    fn run(mut self, payloads: Option<Vec<Bytes>>) -> anyhow::Result<Ending> {
        let mut stream = match payloads {
            Some(payloads) => {
                self.session.publish(self.messages(&payloads));
                None
            }
            None => Some((stdin()?, Lines::default())),
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
                && let Some((source, lines)) = &mut stream
            {
                let mut payloads = Vec::new();
                let progress = lines.read(source, &mut payloads);
                self.session.publish(self.messages(&payloads));
                match progress {
                    Ok(Progress::End) => stream = None,
                    Ok(_) => {}
                    Err(error) => self.refusal = Some(input_failure(&error)),
                }
            }
        }
    }

    /// Each payload to each topic.
    fn messages(&self, payloads: &[Bytes]) -> Vec<Message> {
        let messages = payloads.iter().flat_map(|payload| self.template.messages(payload));
        messages.collect()
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
        let counts = self.session.counts();
        // Of one message that never left, the reason says it all.
        let text = shortfall(counts).filter(|_| counts.taken > 1 || why.exit() == Exit::Undelivered);
        match text {
            Some(text) => anyhow::Error::new(why).context(text),
            None => why.into(),
        }
    }

    /// Everything that could be done has been done.
    fn end(self) -> anyhow::Result<Ending> {
        let counts = self.session.counts();
        let shortfall = shortfall(counts);
        if let Some(signal) = self.stopped {
            if let Some(text) = shortfall {
                self.report.warn(text);
            }
            return Ok(Ending::Signal(signal));
        }
        match (self.refusal, shortfall) {
            (Some(why), Some(text)) if counts.taken > 1 => Err(anyhow::Error::new(why).context(text)),
            (Some(why), _) => Err(why.into()),
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
    if delivered == taken {
        return None;
    }
    let messages = if taken == 1 { "message" } else { "messages" };
    let mut text = format!("{taken} {messages} read, {delivered} delivered");
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

//! mqpub from start to end: flags to configuration, input to session, exit.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::fs::File;
use std::io::{ErrorKind, Write as _};
use std::os::fd::AsFd as _;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use anyhow::Context as _;
use bytes::Bytes;
use rustix::event::PollFlags;

use crate::config::GRACE;
use crate::config::publish::{Framing, Pace, Publish, Source, Stream};
use crate::entry::{self, Ending};
use crate::exit::Exit;
use crate::failure::{Failure, io_reason};
use crate::feed::Feed;
use crate::flags::PublishFlags;
use crate::input::{self, Progress as Read, Records};
use crate::progress::{self, Progress};
use crate::report::Report;
use crate::session::{Counts, Event, Session};
use crate::signal::Signals;
use crate::waker::Waker;

/// Runs mqpub.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    entry::run("mqpub", arguments, |flags: PublishFlags, report| {
        let stream = flags.stream().is_some();
        let policy = entry::policy(&flags.connection, stream);
        let publish = Publish::new(flags)?;
        for warning in &publish.warnings {
            report.warn(warning);
        }
        let input = Input::open(&publish)?;
        let now = Instant::now();
        let feed = match &publish.source {
            Source::Stream(stream) => Feed::stream(publish.template, &stream.record, publish.pace, now),
            _ => Feed::fixed(publish.template, &input.payloads, publish.repeat, publish.pace, now),
        };
        let waker = Arc::new(Waker::new().context("cannot make a pipe")?);
        let signals = Signals::listen(&waker).context("cannot listen for signals")?;
        let mut session = Session::new(publish.connection, policy, publish.window, None, Arc::clone(&waker));
        if report.debugs() {
            session.trace(move |text| report.debug(text));
        }
        if input.tee.is_some() {
            session.keep_delivered();
        }
        Run {
            unpaced: publish.pace == Pace::None,
            keep_going: publish.keep_going,
            stats: publish.stats,
            progress: Progress::new(report, publish.progress, stream, now),
            start: now,
            input,
            feed,
            session,
            waker,
            signals,
            report,
            stage: Stage::Delivering,
            connected: false,
            bad_records: 0,
            stopped: None,
            failure: None,
            grace: None,
        }
        .run()
    })
}

/// What is read: everything before the start, or a stream as the run goes.
struct Input {
    payloads: Vec<Bytes>,
    stream: Option<(File, Records)>,
    /// Where delivered records go, and how they are framed there.
    tee: Option<(File, Framing)>,
}

impl Input {
    /// Reads the whole payloads; a stream is only opened.
    fn open(publish: &Publish) -> anyhow::Result<Self> {
        let most = publish.max_payload;
        let whole = |mut source: File, name: &str| {
            let read = input::whole(&mut source).map_err(|error| io_reason(&error));
            let fits = read.and_then(|payload| match payload.len() {
                length if length > most => Err(format!("{length} bytes are more than --max-payload allows")),
                _ => Ok(payload),
            });
            fits.map_err(|why| Failure::new(Exit::Failed, format!("cannot read {name}: {why}")))
        };
        let mut input = Self {
            payloads: Vec::new(),
            stream: None,
            tee: None,
        };
        match &publish.source {
            Source::Literal(payload) => input.payloads.push(payload.clone()),
            Source::Stdin => input.payloads.push(whole(stdin()?, "stdin")?),
            Source::Files(paths) => {
                for path in paths {
                    input.payloads.push(if path == Path::new("-") {
                        whole(stdin()?, "stdin")?
                    } else {
                        let name = path.display().to_string();
                        let file = File::open(path).map_err(|error| {
                            Failure::new(Exit::Failed, format!("cannot read {name}: {}", io_reason(&error)))
                        })?;
                        whole(file, &name)?
                    });
                }
            }
            Source::Stream(stream) => {
                let framing = match &stream.framing {
                    Framing::Delimited(bytes) => {
                        input::Framing::Delimited(input::Delimiter::new(bytes).unwrap_or_default())
                    }
                    Framing::Framed => input::Framing::LengthPrefixed,
                };
                input.stream = Some((stdin()?, Records::new(framing).limit(most)));
                input.tee = Self::tee(stream)?;
            }
        }
        Ok(input)
    }

    fn tee(stream: &Stream) -> anyhow::Result<Option<(File, Framing)>> {
        if !stream.tee {
            return Ok(None);
        }
        let stdout = std::io::stdout().as_fd().try_clone_to_owned();
        let stdout = File::from(stdout.context("cannot use stdout")?);
        Ok(Some((stdout, stream.framing.clone())))
    }
}

/// Stdin without a buffer of its own.
fn stdin() -> anyhow::Result<File> {
    let descriptor = std::io::stdin().as_fd().try_clone_to_owned();
    Ok(File::from(descriptor.context("cannot use stdin")?))
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
    /// Nothing but the window holds messages back.
    unpaced: bool,
    keep_going: bool,
    stats: bool,
    progress: Progress,
    start: Instant,
    session: Session,
    waker: Arc<Waker>,
    signals: Signals,
    report: Report,
    stage: Stage,
    connected: bool,
    /// Records that were no messages.
    bad_records: u64,
    /// The signal that asked for the end.
    stopped: Option<i32>,
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
                    Event::Down(why) if self.stage == Stage::Leaving => {
                        self.report.debug(why);
                        return self.end();
                    }
                    Event::Down(why) => return Err(self.undelivered(why)),
                    other => self.note(other),
                }
            }
            self.obey_signals();
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
            let reads = hungry && self.feed.wants_records();
            self.wait(reads)?;
        }
    }

    /// Waits for whatever comes first; reads a piece of the input if it has come.
    fn wait(&mut self, reads: bool) -> anyhow::Result<()> {
        let paced = self.feed.next().filter(|_| self.connected);
        let deadlines = [self.session.deadline(), self.grace, paced, self.progress.next()];
        let deadline = deadlines.into_iter().flatten().min();
        let source = self.input.stream.as_ref().filter(|_| reads);
        let source = source.map(|(source, _)| source.as_fd());
        // Asking for nothing still tells of a reader that has gone.
        let reader = self.input.tee.as_ref().map(|(stdout, _)| stdout.as_fd());
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

    /// Reads once, and makes messages of the records that are complete.
    fn read(&mut self) {
        let Some((source, records)) = &mut self.input.stream else {
            return;
        };
        let before = records.count();
        let mut payloads = Vec::new();
        let progress = records.read(source, &mut payloads);
        for (number, payload) in (before + 1..).zip(payloads) {
            if let Err(why) = self.feed.add(&payload) {
                self.bad_records += 1;
                let failure = Failure::new(Exit::Failed, format!("line {number}: {why}"));
                self.object(failure);
                if self.failure.is_some() {
                    break;
                }
            }
        }
        match progress {
            Ok(Read::End) => self.feed.close(),
            Ok(_) => {}
            Err(error) => {
                let why = format!("cannot read stdin: {}", io_reason(&error));
                self.failure.get_or_insert(Failure::new(Exit::Failed, why));
            }
        }
        if self.failure.is_some() {
            self.feed.close();
        }
        self.hand_on();
    }

    /// Something is wrong with a message: the end, unless it was asked to go on.
    fn object(&mut self, why: Failure) {
        if self.keep_going {
            self.progress.clear();
            self.report.warn(&why);
        } else {
            self.failure.get_or_insert(why);
            self.feed.close();
        }
    }

    /// Gives the session what may leave now; `false` if nothing may.
    fn hand_on(&mut self) -> bool {
        let delivered = self.session.is_drained();
        let messages = self.feed.take(Instant::now(), delivered);
        let some = !messages.is_empty();
        if some {
            self.session.publish(messages);
        }
        some
    }

    /// Writes delivered records to stdout.
    fn pass_on(&mut self) -> anyhow::Result<()> {
        let Some((stdout, framing)) = &mut self.input.tee else {
            return Ok(());
        };
        let mut text = Vec::new();
        for payload in self.session.take_delivered() {
            if let Framing::Framed = framing {
                let length = u32::try_from(payload.len()).unwrap_or(u32::MAX);
                text.extend_from_slice(&length.to_be_bytes());
            }
            text.extend_from_slice(&payload);
            if let Framing::Delimited(delimiter) = framing {
                text.extend_from_slice(delimiter);
            }
        }
        match stdout.write_all(&text) {
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

    /// Nobody wants to know any more: what was read is still delivered.
    fn reader_has_gone(&mut self) {
        self.input.tee = None;
        self.feed.close();
    }

    fn obey_signals(&mut self) {
        if self.stopped.is_none() {
            self.stopped = self.signals.received();
            if self.stopped.is_some() {
                self.grace = Some(Instant::now() + GRACE);
                self.feed.close();
            }
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
            Event::Up { again } => {
                self.connected = true;
                if again {
                    self.say("connected again");
                } else {
                    self.report
                        .debug(format_args!("connected: {}", self.session.describe()));
                }
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
            Event::Refused(why) => self.object(why),
            Event::Proven if self.stage == Stage::Proving => self.leave(),
            _ => {}
        }
    }

    fn say(&mut self, text: &str) {
        self.progress.clear();
        self.report.note(text);
    }

    /// The connection is gone for good.
    fn undelivered(mut self, why: Failure) -> anyhow::Error {
        self.progress.clear();
        let counts = self.session.counts();
        // Of one message that never left, the reason says it all.
        let text = shortfall(counts).filter(|_| counts.taken > 1 || why.exit() == Exit::Undelivered);
        match text {
            Some(text) => anyhow::Error::new(why).context(text),
            None => why.into(),
        }
    }

    /// Everything that could be done has been done.
    fn end(mut self) -> anyhow::Result<Ending> {
        // What was delivered last, on its way out.
        self.pass_on()?;
        self.progress.clear();
        let counts = self.session.counts();
        let shortfall = shortfall(counts);
        if self.stats {
            let elapsed = self.start.elapsed();
            let rate = progress::rate(counts.delivered, elapsed);
            let seconds = elapsed.as_secs_f64();
            let text = shortfall.clone().unwrap_or_else(|| summary(counts));
            self.report.note(format_args!("{text}, in {seconds:.3} s, {rate}"));
        }
        if let Some(signal) = self.stopped {
            if let Some(text) = shortfall {
                self.report.warn(text);
            }
            return Ok(Ending::Signal(signal));
        }
        let failure = self.failure.or_else(|| match self.bad_records {
            0 => None,
            1 => Some(Failure::new(Exit::Failed, "1 line was no message")),
            count => Some(Failure::new(Exit::Failed, format!("{count} lines were no messages"))),
        });
        match (failure, shortfall) {
            (Some(why), Some(text)) if counts.taken > 1 => Err(anyhow::Error::new(why).context(text)),
            (Some(why), _) => Err(why.into()),
            (None, Some(text)) if counts.refused > 0 && counts.refused + counts.delivered == counts.taken => {
                Err(Failure::new(Exit::Refused, text).into())
            }
            (None, Some(text)) => Err(Failure::new(Exit::Undelivered, text).into()),
            (None, None) => Ok(Ending::Status(Exit::Done)),
        }
    }
}

/// Says how many messages were read and how many delivered.
fn summary(counts: Counts) -> String {
    let messages = if counts.taken == 1 { "message" } else { "messages" };
    format!("{} {messages} read, {} delivered", counts.taken, counts.delivered)
}

/// Says how many messages were read and not delivered, if any.
fn shortfall(counts: Counts) -> Option<String> {
    let unacknowledged = counts.taken - counts.delivered - counts.refused - counts.doubtful;
    if counts.delivered == counts.taken {
        return None;
    }
    let mut text = summary(counts);
    for (count, what) in [
        (counts.refused, "refused"),
        (unacknowledged, "not acknowledged"),
        (counts.doubtful, "possibly lost"),
    ] {
        if count > 0 {
            let _ = write!(text, ", {count} {what}");
        }
    }
    Some(text)
}

//! mqsub from start to end: flags to configuration, session to output, exit.

use std::ffi::OsString;
use std::fs::File;
use std::io::IsTerminal as _;
use std::os::fd::AsFd as _;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use anyhow::Context as _;
use rustix::event::PollFlags;

use crate::clock::Zone;
use crate::config::GRACE;
use crate::config::output::Output;
use crate::config::subscribe::Subscribe;
use crate::entry::{self, Ending};
use crate::exit::Exit;
use crate::failure::{Failure, quote};
use crate::flags::SubscribeFlags;
use crate::message::Received;
use crate::output::{Folder, Printer, Trouble};
use crate::report::Report;
use crate::session::{Event, Flow, Inbox, Interest, Session};
use crate::signal::Signals;
use crate::template::Misfit;
use crate::waker::Waker;

/// Runs mqsub.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let start = Instant::now();
    entry::run("mqsub", arguments, |flags: SubscribeFlags, report| {
        let policy = entry::policy(&flags.connection, true);
        let subscribe = Subscribe::new(flags)?;
        for warning in &subscribe.warnings {
            report.warn(warning);
        }
        let waker = Arc::new(Waker::new().context("cannot make a pipe")?);
        let signals = Signals::listen(&waker).context("cannot listen for signals")?;
        let verdict = Arc::new(Mutex::new(None));
        let sink = Sink {
            printer: printer(&subscribe.output)?,
            left: subscribe.count,
            verdict: Arc::clone(&verdict),
            waker: Arc::clone(&waker),
            report,
            failed: false,
        };
        let interest = Interest {
            subscriptions: subscribe.subscriptions.clone(),
            subscribe_properties: subscribe.properties.clone(),
            unsubscribe_properties: subscribe.unsubscribe_properties.clone(),
            ..Interest::default()
        };
        let mut session = Session::new(
            subscribe.connection.clone(),
            policy,
            subscribe.window,
            interest,
            Some(Box::new(sink)),
            Arc::clone(&waker),
        );
        if report.debugs() {
            session.trace(move |text| report.debug(text));
        }
        Run {
            deadline: subscribe.timeout.map(|timeout| start + timeout),
            session,
            waker,
            signals,
            report,
            verdict,
            ending: None,
            grace: None,
        }
        .run()
    })
}

/// What prints, and where to.
fn printer(output: &Output) -> anyhow::Result<Printer<File>> {
    let zone = || Zone::local(|name| std::env::var(name).ok(), |path| std::fs::read(path));
    let output = output.clone();
    if let Some(folder) = &output.folder {
        let folder = Folder::open(folder).map_err(|why| Failure::new(Exit::Failed, why))?;
        return Ok(Printer::to_folder(folder, output, zone));
    }
    let stdout = std::io::stdout();
    let terminal = stdout.is_terminal();
    let stdout = stdout.as_fd().try_clone_to_owned().context("cannot use stdout")?;
    Ok(Printer::new(File::from(stdout), terminal, output, zone))
}

/// Why the output wants no more.
#[derive(Debug)]
enum Verdict {
    /// All the messages asked for have been printed.
    Complete,
    /// The reader has gone.
    ReaderGone,
    /// The output cannot be written.
    Broken(String),
}

/// The inbox that prints.
struct Sink {
    printer: Printer<File>,
    /// How many messages are still asked for, if that was said.
    left: Option<u64>,
    verdict: Arc<Mutex<Option<Verdict>>>,
    waker: Arc<Waker>,
    report: Report,
    /// Something could not be written: nothing after it counts as received.
    failed: bool,
}

impl Sink {
    /// Notes why there is no more to do, and wakes the main thread.
    fn conclude(&self, verdict: Verdict) {
        let mut noted = self.verdict.lock().unwrap_or_else(PoisonError::into_inner);
        noted.get_or_insert(verdict);
        self.waker.wake();
    }

    /// What came of it, unless it went wrong.
    fn checked<T>(&mut self, outcome: Result<T, Trouble>) -> Option<T> {
        self.failed |= outcome.is_err();
        match outcome {
            Ok(done) => return Some(done),
            Err(Trouble::ReaderGone) => self.conclude(Verdict::ReaderGone),
            Err(Trouble::Broken(why)) => self.conclude(Verdict::Broken(why)),
        }
        None
    }

    /// Tells of a message that could not be shown whole.
    fn lacks(&self, message: &Received<'_>, misfit: Misfit) {
        let Misfit { specifier, wanted } = misfit;
        self.report.warn(format_args!(
            "message on topic {}: {specifier} needs a payload of {wanted} bytes, not {}",
            quote(message.topic),
            message.payload.len()
        ));
    }
}

impl Inbox for Sink {
    fn deliver(&mut self, message: &Received<'_>) -> Flow {
        let printed = self.printer.print(message);
        match self.checked(printed) {
            None => return Flow::Stop,
            Some(None) => {}
            Some(Some(misfit)) => self.lacks(message, misfit),
        }
        if let Some(left) = &mut self.left {
            *left = left.saturating_sub(1);
            if *left == 0 {
                if self.settle() {
                    self.conclude(Verdict::Complete);
                }
                return Flow::Stop;
            }
        }
        Flow::Continue
    }

    fn settle(&mut self) -> bool {
        let flushed = self.printer.flush();
        self.checked(flushed).is_some() && !self.failed
    }

    fn refuse(&mut self, why: &str) {
        self.report.warn(why);
    }
}

/// A run of mqsub.
struct Run {
    session: Session,
    waker: Arc<Waker>,
    signals: Signals,
    report: Report,
    /// When `-W` runs out.
    deadline: Option<Instant>,
    verdict: Arc<Mutex<Option<Verdict>>>,
    /// How the run will end, once DISCONNECT has left.
    ending: Option<anyhow::Result<Ending>>,
    /// Until when that may take.
    grace: Option<Instant>,
}

impl Run {
    fn run(mut self) -> anyhow::Result<Ending> {
        let stdout = std::io::stdout();
        self.session.connect();
        loop {
            while let Some(event) = self.session.event() {
                match (event, self.ending.take()) {
                    (Event::Closed | Event::Down(_), Some(ending)) => return ending,
                    (Event::Down(why), None) => return Err(why.into()),
                    (other, ending) => {
                        self.ending = ending;
                        self.note(other);
                    }
                }
            }
            self.look_for_an_end();
            if self.grace.is_some_and(|grace| grace <= Instant::now())
                && let Some(ending) = self.ending.take()
            {
                return ending;
            }
            let deadline = match self.ending {
                Some(_) => self.grace,
                None => self.deadline,
            };
            let deadline = [deadline, self.session.deadline()].into_iter().flatten().min();
            // Asking for nothing still tells of a reader that has gone.
            let watched = self.ending.is_none().then(|| stdout.as_fd());
            let [reader] = self.waker.wait([(watched, PollFlags::empty())], deadline)?;
            if reader.contains(PollFlags::ERR) {
                self.end_with(Ok(Ending::Status(Exit::Done)));
            }
        }
    }

    fn note(&mut self, event: Event) {
        match event {
            Event::Up { again } => {
                if again {
                    self.report.note("connected again");
                }
                entry::describe(self.report, &self.session);
            }
            Event::Subscribed { refused, .. } => {
                if let Some(refusal) = refused.into_iter().next() {
                    self.end_with(Err(refusal.into()));
                } else {
                    self.report.debug("subscribed");
                }
            }
            Event::Away { why, lost: true } => self.report.note(format_args!("{why}; trying again")),
            Event::Away { why, lost: false } => self.report.debug(why),
            _ => {}
        }
    }

    /// The output, a signal or the time may have ended the run.
    fn look_for_an_end(&mut self) {
        if self.ending.is_some() {
            return;
        }
        let verdict = self.verdict.lock().unwrap_or_else(PoisonError::into_inner).take();
        let ending = match verdict {
            Some(Verdict::Complete | Verdict::ReaderGone) => Ok(Ending::Status(Exit::Done)),
            Some(Verdict::Broken(why)) => Err(Failure::new(Exit::Failed, why).into()),
            None => match self.signals.received() {
                Some(signal) => Ok(Ending::Signal(signal)),
                None if self.deadline.is_some_and(|deadline| deadline <= Instant::now()) => {
                    Err(Failure::new(Exit::TimedOut, "timed out").into())
                }
                None => return,
            },
        };
        self.end_with(ending);
    }

    fn end_with(&mut self, ending: anyhow::Result<Ending>) {
        if self.ending.is_none() {
            self.ending = Some(ending);
            self.grace = Some(Instant::now() + GRACE);
            self.session.disconnect();
        }
    }
}

//! mqsub from start to end: flags to configuration, session to output, exit.
//!
//! Who decides what: `choice` of each message, what is done with it; `finish` of
//! the run, when it ends and how; here, what is done about either.

mod answer;
mod choice;
mod exec;
mod finish;
mod rate;
mod ready;
mod rehearsal;
mod screen;
mod sink;

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, ErrorKind, IsTerminal as _};
use std::os::fd::AsFd as _;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use anyhow::Context as _;
use rustix::event::PollFlags;
use rustix::process::{Signal, getpid, kill_process};

use self::choice::Choice;
use self::exec::Desk;
use self::finish::{End, Finish};
use self::rate::Rate;
use self::ready::Ready;
use self::screen::{Screen, Wish};
use self::sink::{Decoder, Display, Shared, Sink, Verdict};
use crate::clock::Zone;
use crate::config::GRACE;
use crate::config::output::{Form, Output};
use crate::config::subscribe::{Subscribe, View};
use crate::entry::{self, Ending};
use crate::exit::Exit;
use crate::failure::{Failure, io_reason};
use crate::flags::SubscribeFlags;
use crate::output::{Folder, Printer, Renderer};
use crate::report::Report;
use crate::session::{Event, Interest, Session};
use crate::signal::Signals;
use crate::table::Table;
use crate::waker::Waker;

/// Runs mqsub, and returns its exit status.
pub fn main(arguments: &[OsString]) -> u8 {
    let start = Instant::now();
    entry::run(arguments, |flags: SubscribeFlags, report| {
        let policy = entry::policy(&flags.shared.connection, true);
        let is_rehearsal = flags.shared.general.dry_run;
        let subscribe = Subscribe::new(flags)?;
        for warning in &subscribe.warnings {
            report.warn(warning);
        }
        entry::find_files(&subscribe.connection)?;
        if is_rehearsal {
            return rehearsal::run(&subscribe);
        }
        let ready = Ready::new(subscribe.ready, report)?;
        let waker = Arc::new(Waker::new().context("cannot make a pipe")?);
        let mut desk = None;
        let (display, view) = match (subscribe.view, subscribe.exec) {
            (_, Some(exec)) => {
                let renderer = renderer(&subscribe.output);
                let (taker, ours) = exec::open(exec, renderer, &subscribe.subscriptions, &waker, report)?;
                desk = Some(ours);
                (Display::Command(Box::new(taker)), Shown::Messages)
            }
            (View::Rate, _) => (Display::Number, Shown::Rate(Rate::new(stdout()?))),
            (View::Messages, _) => (Display::Printer(Box::new(printer(&subscribe.output)?)), Shown::Messages),
            (View::Table, _) if !std::io::stdout().is_terminal() => {
                let why = "--watch needs a terminal, and stdout is none";
                return Err(Failure::new(Exit::Usage, why).into());
            }
            (View::Table, _) => {
                let table = Arc::new(Mutex::new(Table::new(start)));
                let screen = Screen::open(stdout()?, Arc::clone(&table), Arc::clone(&waker));
                let screen = screen.context("cannot use the terminal")?;
                (Display::Table(table), Shown::Table(screen))
            }
        };
        let listening = match &desk {
            None => Signals::listen(&waker),
            // Nothing that we have started goes on without us.
            Some(desk) => {
                let pool = desk.pool();
                Signals::listen_with(&waker, move |die| pool.kill(die))
            }
        };
        let signals = listening.context("cannot listen for signals")?;
        let shared = Arc::new(Shared::new(Arc::clone(&waker), start));
        let output = &subscribe.output;
        // A table is looked at, and its last line tells.
        let shows_undecoded = output.form.tells_undecoded() || subscribe.view == View::Table;
        let decoder = output.decode.map(|codec| Decoder::new(codec, shows_undecoded));
        let deletes = subscribe.selection.remove_retained;
        let choice = Choice::new(subscribe.selection, subscribe.ends.count);
        let interest = Interest {
            subscriptions: subscribe.subscriptions,
            unsubscribe: subscribe.unsubscribe,
            subscribe_properties: subscribe.properties,
            unsubscribe_properties: subscribe.unsubscribe_properties,
            until_retained: subscribe.ends.until_retained,
            first: false,
            replies: None,
        };
        let mut session = Session::new(
            subscribe.connection,
            policy,
            subscribe.window,
            interest,
            Some(Box::new(Sink::new(
                choice,
                display,
                Arc::clone(&shared),
                report,
                decoder,
            ))),
            Arc::clone(&waker),
        );
        if desk.as_ref().is_some_and(Desk::answers) {
            session.keep_settled();
        }
        entry::trace(report, &mut session);
        Run {
            finish: Finish::new(subscribe.ends, start),
            session,
            waker,
            signals,
            report,
            shared,
            ready: Some(ready),
            desk,
            patience: None,
            view,
            deletes,
            refused: false,
            ending: None,
            grace: None,
        }
        .run()
    })
}

fn stdout() -> anyhow::Result<File> {
    entry::stdout().context("cannot use stdout")
}

/// The local time zone.
fn zone() -> Zone {
    Zone::local(|name| std::env::var(name).ok(), |path| std::fs::read(path))
}

/// What a command reads, if it is not the payload.
fn renderer(output: &Output) -> Option<Renderer> {
    let wanted = !matches!(output.form, Form::Payload | Form::Verbose);
    wanted.then(|| Renderer::new(output.form.clone(), zone))
}

/// What prints, and where to.
pub(crate) fn printer(output: &Output) -> anyhow::Result<Printer<File>> {
    let output = output.clone();
    if let Some(folder) = &output.folder {
        let folder = Folder::open(folder).map_err(|why| Failure::new(Exit::Failed, why))?;
        return Ok(Printer::to_folder(folder, output, zone));
    }
    let terminal = std::io::stdout().is_terminal();
    Ok(Printer::new(stdout()?, terminal, output, zone))
}

/// The end of a run whose output cannot be written.
fn unwritten(error: &io::Error) -> anyhow::Result<Ending> {
    if error.kind() == ErrorKind::BrokenPipe {
        return Ok(Ending::Status(Exit::Done));
    }
    let why = format!("cannot write to stdout: {}", io_reason(error));
    Err(Failure::new(Exit::Failed, why).into())
}

/// What the main thread shows by itself.
enum Shown {
    Messages,
    Rate(Rate),
    Table(Screen),
}

/// A run of mqsub.
struct Run {
    finish: Finish,
    session: Session,
    waker: Arc<Waker>,
    signals: Signals,
    report: Report,
    shared: Arc<Shared>,
    /// Whom to tell when the subscriptions have been acknowledged.
    ready: Option<Ready>,
    /// What runs commands for the messages.
    desk: Option<Desk>,
    /// Until when commands may go on, once the run is to end.
    patience: Option<Instant>,
    view: Shown,
    /// Retained messages are deleted.
    deletes: bool,
    /// The broker has refused some of what was asked for.
    refused: bool,
    /// How the run will end, once DISCONNECT has left.
    ending: Option<anyhow::Result<Ending>>,
    /// Until when that may take.
    grace: Option<Instant>,
}

impl Run {
    fn run(mut self) -> anyhow::Result<Ending> {
        let ending = self.drive();
        match &self.desk {
            Some(desk) => {
                let hurry = self.patience.is_some_and(|patience| patience <= Instant::now());
                desk.close(hurry);
                self.with_losses(ending)
            }
            None => ending,
        }
    }

    /// Tells of commands that have failed; they are the failure of a run that is
    /// none otherwise.
    fn with_losses(&self, ending: anyhow::Result<Ending>) -> anyhow::Result<Ending> {
        match (ending, self.desk.as_ref().and_then(Desk::losses)) {
            (Ok(Ending::Status(Exit::Done)), Some(losses)) => Err(losses.into()),
            (ending, Some(losses)) => {
                self.report.warn(losses);
                ending
            }
            (ending, None) => ending,
        }
    }

    fn drive(&mut self) -> anyhow::Result<Ending> {
        let stdout = std::io::stdout();
        self.session.connect();
        loop {
            while let Some(event) = self.session.event() {
                match (event, self.ending.take()) {
                    (Event::Closed | Event::Down(_), Some(ending)) => return self.conclude(ending),
                    (Event::Down(why), None) => {
                        let lost = Err(why.into());
                        return self.conclude(lost);
                    }
                    (other, ending) => {
                        self.ending = ending;
                        self.note(other);
                    }
                }
            }
            let fatal = self.desk.as_mut().and_then(|desk| desk.attend(&self.session));
            if let Some(fatal) = fatal {
                self.end_with(Err(fatal.into()));
            }
            self.look_for_an_end();
            let now = Instant::now();
            self.see_commands_out(now);
            if self.grace.is_some_and(|grace| grace <= now)
                && let Some(ending) = self.ending.take()
            {
                return self.conclude(ending);
            }
            self.show(now);
            let deadline = match self.ending {
                Some(_) => self.grace.or(self.patience),
                None => self.finish.deadline(self.shared.moved(now)),
            };
            let tick = match &self.view {
                Shown::Messages => None,
                Shown::Rate(rate) => rate.deadline(),
                Shown::Table(screen) => screen.deadline(),
            };
            let deadline = [deadline, tick, self.session.deadline()].into_iter().flatten().min();
            // Asking for nothing still tells of a reader that has gone.
            let answers = self.desk.as_ref().is_some_and(Desk::answers);
            let watched = (self.ending.is_none() && !answers).then(|| stdout.as_fd());
            let [reader] = self.waker.wait([(watched, PollFlags::empty())], deadline)?;
            if reader.contains(PollFlags::ERR) {
                self.end_with(Ok(Ending::Status(Exit::Done)));
            }
        }
    }

    /// The end, and what could not be decoded until then.
    fn conclude(&self, ending: anyhow::Result<Ending>) -> anyhow::Result<Ending> {
        let why = match self.shared.undecoded() {
            0 => return ending,
            1 => "1 message could not be decoded".to_owned(),
            count => format!("{count} messages could not be decoded"),
        };
        if let Ok(Ending::Status(Exit::Done)) = ending {
            return Err(Failure::new(Exit::Failed, why).into());
        }
        self.report.warn(why);
        ending
    }

    /// Shows what is shown from time to time.
    fn show(&mut self, now: Instant) {
        let shown = match &mut self.view {
            Shown::Messages => Ok(None),
            Shown::Rate(rate) => rate.tell(&self.shared, now).map(|()| None),
            Shown::Table(screen) => screen.attend(now),
        };
        match shown {
            // As the terminal would have done itself, had it been left to it.
            Ok(Some(Wish::Interrupt)) => drop(kill_process(getpid(), Signal::INT)),
            Ok(Some(_)) => self.end_with(Ok(Ending::Status(Exit::Done))),
            Ok(None) => {}
            Err(error) => self.end_with(unwritten(&error)),
        }
    }

    fn warn(&mut self, why: &Failure) {
        match &mut self.view {
            Shown::Table(screen) => screen.remark(&format!("warning: {why}")),
            _ => self.report.warn(why),
        }
    }

    /// Says something: below the table, if there is one.
    fn say(&mut self, text: &str) {
        match &mut self.view {
            Shown::Table(screen) => screen.remark(text),
            _ => self.report.note(text),
        }
    }

    fn note(&mut self, event: Event) {
        match event {
            Event::Up { again, forgotten } => {
                if forgotten {
                    self.say("connected again, but the broker has not kept the session: messages may be missing");
                } else if again {
                    self.say("connected again");
                }
                entry::describe(self.report, &self.session);
            }
            Event::Subscribed { granted, refused } => self.subscribed(granted, refused),
            Event::Retained => self.finish.retained(),
            Event::Refused(why) => {
                self.refused = true;
                self.warn(&why);
            }
            Event::Away { why, lost } => {
                self.finish.away();
                if lost {
                    self.say(&format!("{why}; trying again"));
                } else {
                    self.report.debug(why);
                }
            }
            _ => {}
        }
    }

    /// The broker has answered: without any subscription there is nothing to wait
    /// for; without some of them the run goes on, and the status will tell.
    fn subscribed(&mut self, granted: usize, mut refused: Vec<Failure>) {
        self.refused |= !refused.is_empty();
        let fatal = if granted == 0 { refused.pop() } else { None };
        for refusal in refused {
            self.warn(&refusal);
        }
        if let Some(refusal) = fatal {
            self.end_with(Err(refusal.into()));
            return;
        }
        self.report.debug("subscribed");
        let now = Instant::now();
        self.finish.subscribed(now);
        if let Shown::Rate(rate) = &mut self.view {
            rate.begin(now);
        }
        if let Some(Err(why)) = self.ready.take().map(Ready::tell) {
            self.end_with(Err(why.into()));
        }
    }

    /// The output, a signal or what was asked for may have ended the run.
    fn look_for_an_end(&mut self) {
        if self.ending.is_some() {
            return;
        }
        match self.shared.take_verdict() {
            Some(Verdict::ReaderGone) => return self.end_with(Ok(Ending::Status(Exit::Done))),
            Some(Verdict::Broken(why)) => return self.end_with(Err(Failure::new(Exit::Failed, why).into())),
            Some(Verdict::Counted) => self.finish.counted(),
            Some(Verdict::Passed) => self.finish.passed(),
            None => {}
        }
        if let Some(signal) = self.signals.received() {
            return self.end_with(Ok(Ending::Signal(signal)));
        }
        let now = Instant::now();
        let busy = self.desk.as_ref().is_some_and(Desk::is_busy);
        let pending = busy || self.deletions_left() > 0;
        match self.finish.end(now, self.shared.moved(now), pending) {
            Some(End::Done) if self.refused => self.end_with(Ok(Ending::Status(Exit::Refused))),
            Some(End::Done) => self.end_with(Ok(Ending::Status(Exit::Done))),
            Some(End::OutOfTime) => self.end_with(Err(self.session.out_of_time().into())),
            Some(End::Silent(why)) => self.end_with(Err(why.into())),
            None => {}
        }
    }

    /// How many deletions the broker has not answered; if there are some, the main
    /// thread is woken when there are none.
    fn deletions_left(&self) -> u64 {
        if !self.deletes {
            return 0;
        }
        self.session.is_drained();
        let counts = self.session.counts();
        let done = counts.delivered + counts.refused;
        self.shared.deletions().saturating_sub(done)
    }

    fn end_with(&mut self, ending: anyhow::Result<Ending>) {
        if self.ending.is_some() {
            return;
        }
        let left = self.deletions_left();
        if left > 0 {
            let were = if left == 1 { "message" } else { "messages" };
            self.report
                .warn(format_args!("{left} retained {were} may not have been deleted"));
        }
        if let Shown::Table(screen) = &mut self.view {
            screen.close();
        }
        self.ending = Some(ending);
        match &self.desk {
            Some(desk) => {
                desk.stop();
                self.patience = Some(Instant::now() + GRACE);
            }
            None => self.leave(),
        }
    }

    /// Says goodbye to the broker.
    fn leave(&mut self) {
        self.grace = Some(Instant::now() + GRACE);
        self.session.disconnect();
    }

    /// Waits at the end of the run for commands that are under way: what comes of
    /// them is still acknowledged and answered.
    fn see_commands_out(&mut self, now: Instant) {
        let (Some(desk), Some(patience)) = (&self.desk, self.patience) else {
            return;
        };
        if self.grace.is_some() {
            return;
        }
        let late = patience <= now;
        if late {
            desk.terminate();
        }
        if late || !desk.is_busy() {
            self.leave();
        }
    }
}

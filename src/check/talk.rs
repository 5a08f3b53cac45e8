//! One session of a check: what has come of it so far, and waiting for more.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use crate::config::connection::{Connection, InFlight};
use crate::entry;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::message::{Message, Received};
use crate::report::Report;
use crate::session::{Event, Flow, Inbox, Interest, Policy, Session};
use crate::signal::Signals;
use crate::waker::Waker;

/// Why it is waited no longer.
#[derive(Debug)]
pub(super) enum Stop {
    /// Something went wrong.
    Failed(Failure),
    /// It did not come in time.
    Late,
    /// All of the time is over.
    OutOfTime,
    /// A signal asked for the end.
    Signal(i32),
}

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

/// A message that came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Mail {
    pub(super) topic: String,
    pub(super) payload: Vec<u8>,
    pub(super) retain: bool,
}

/// The messages that came.
type Mailbox = Arc<Mutex<Vec<Mail>>>;

/// The most messages that are kept: who else publishes there cannot fill the memory.
const MOST: usize = 1000;

struct Postman {
    mailbox: Mailbox,
    waker: Arc<Waker>,
}

impl Inbox for Postman {
    fn deliver(&mut self, message: &Received<'_>) -> Flow {
        let mut mails = self.mailbox.lock().unwrap_or_else(PoisonError::into_inner);
        if mails.len() < MOST {
            mails.push(Mail {
                topic: message.topic.to_owned(),
                payload: message.payload.to_vec(),
                retain: message.retain,
            });
        }
        self.waker.wake();
        Flow::Continue
    }

    fn settle(&mut self) -> bool {
        true
    }

    fn refuse(&mut self, _why: &str) {}
}

/// What has come of a session.
#[derive(Debug, Default)]
pub(super) struct News {
    /// How many connections there have been.
    pub(super) ups: u32,
    /// It is connected.
    pub(super) up: bool,
    /// The broker has answered the subscriptions of this connection.
    pub(super) subscribed: Option<Vec<Failure>>,
    /// A message was refused.
    refused: Option<Failure>,
    closed: bool,
}

/// A session, and what has come of it.
pub(super) struct Talk<'a> {
    pub(super) session: Session,
    pub(super) news: News,
    mailbox: Mailbox,
    waker: Arc<Waker>,
    signals: &'a Signals,
    /// When all of the time is over.
    deadline: Option<Instant>,
    /// A loss is wanted.
    cutting: bool,
}

impl<'a> Talk<'a> {
    pub(super) fn new(
        connection: Connection,
        policy: Policy,
        interest: Interest,
        (waker, signals): (&Arc<Waker>, &'a Signals),
        deadline: Option<Instant>,
        report: Report,
    ) -> Self {
        let mailbox = Mailbox::default();
        let postman = Postman {
            mailbox: Arc::clone(&mailbox),
            waker: Arc::clone(waker),
        };
        let waker = Arc::clone(waker);
        let mut session = Session::new(
            connection,
            policy,
            InFlight::one(),
            interest,
            Some(Box::new(postman)),
            Arc::clone(&waker),
        );
        entry::trace(report, &mut session);
        session.connect();
        Self {
            session,
            news: News::default(),
            mailbox,
            waker,
            signals,
            deadline,
            cutting: false,
        }
    }

    /// The first message that came for a topic, which is looked at no more.
    pub(super) fn take_mail(&self, topic: &str) -> Option<Mail> {
        let mut mails = self.mailbox.lock().unwrap_or_else(PoisonError::into_inner);
        let at = mails.iter().position(|mail| mail.topic == topic)?;
        Some(mails.remove(at))
    }

    /// Waits until something has come true.
    pub(super) fn wait(&mut self, until: Instant, mut done: impl FnMut(&Self) -> bool) -> Result<(), Stop> {
        loop {
            while let Some(event) = self.session.event() {
                self.note(event)?;
            }
            if let Some(signal) = self.signals.received() {
                return Err(Stop::Signal(signal));
            }
            if done(self) {
                return Ok(());
            }
            if let Some(failure) = self.news.refused.take() {
                return Err(failure.into());
            }
            let now = Instant::now();
            if self.deadline.is_some_and(|deadline| deadline <= now) {
                return Err(Stop::OutOfTime);
            }
            if until <= now {
                return Err(Stop::Late);
            }
            let deadline = [Some(until), self.deadline, self.session.deadline()];
            let waited = self.waker.wait([], deadline.into_iter().flatten().min());
            waited.map_err(|error| Failure::new(Exit::Failed, format!("cannot wait: {error}")))?;
        }
    }

    /// Publishes a message and waits until the broker has acknowledged it; of QoS
    /// 0, until it is in the kernel.
    pub(super) fn publish(&mut self, message: Message, until: Instant) -> Result<(), Stop> {
        self.session.publish([message]);
        self.wait(until, |talk| talk.session.is_drained())?;
        self.news.refused.take().map_or(Ok(()), |failure| Err(failure.into()))
    }

    /// Cuts the connection and waits for the next one.
    pub(super) fn cut(&mut self, until: Instant) -> Result<(), Stop> {
        self.cutting = true;
        self.news.subscribed = None;
        self.session.cut();
        let before = self.news.ups;
        let outcome = self.wait(until, |talk| talk.news.ups > before);
        self.cutting = false;
        outcome
    }

    /// Ends the session in order. A signal or the end of the time does not keep it
    /// from that; a broker that does not answer does.
    pub(super) fn close(mut self, until: Instant) {
        self.session.disconnect();
        self.deadline = None;
        while !self.news.closed && Instant::now() < until {
            while let Some(event) = self.session.event() {
                if matches!(event, Event::Closed | Event::Down(_)) {
                    return;
                }
            }
            let deadline = [Some(until), self.session.deadline()].into_iter().flatten().min();
            if self.waker.wait([], deadline).is_err() {
                return;
            }
        }
    }

    /// Lets some time pass, whatever comes.
    pub(super) fn rest(&mut self, until: Instant) {
        while let Some(event) = self.session.event() {
            let _ = self.note(event);
        }
        let _ = self.waker.wait([], Some(until));
    }

    fn note(&mut self, event: Event) -> Result<(), Stop> {
        match event {
            Event::Up { .. } => {
                self.news.ups += 1;
                self.news.up = true;
            }
            Event::Subscribed { refused, .. } => self.news.subscribed = Some(refused),
            Event::Refused(why) => drop(self.news.refused.get_or_insert(why)),
            Event::Away { why, lost } => {
                self.news.up = false;
                // An attempt to come back may fail and be made again.
                if lost && !self.cutting {
                    return Err(why.into());
                }
            }
            Event::Down(why) => {
                self.news.up = false;
                return Err(why.into());
            }
            Event::Closed => self.news.closed = true,
            Event::Retained | Event::Proven => {}
        }
        Ok(())
    }
}

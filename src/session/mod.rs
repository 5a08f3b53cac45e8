//! The broker side: connect, publish, subscribe, the next event, close. Paho
//! speaks MQTT, the wire carries the bytes, and this module owns both; it is the
//! only place that names Paho.
//!
//! Paho's two threads call back with Paho's mutex held. Here they do the fast
//! work where it is cheapest: they hand on the next waiting messages and give
//! arrived ones to the inbox. Everything that needs a decision becomes an
//! [`Event`] for the main thread.

mod delivery;
mod errors;
mod event;
mod ffi;
mod goodbye;
mod homes;
mod hub;
mod inbox;
mod interest;
mod lasting;
mod limits;
mod reins;
mod retry;
mod round;
mod said;
mod settled;
mod window;

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

pub use self::event::Event;
pub use self::inbox::{Flow, Inbox};
pub use self::interest::{Interest, Replies};
pub use self::reins::Reins;
pub use self::retry::Policy;
pub use self::round::rehearse;
pub use self::said::Said;
pub use self::window::Counts;

use self::ffi::{Callbacks, Client};
use self::homes::Homes;
use self::hub::{Hub, Link, Notice};
use self::lasting::Oblivion;
use self::retry::Retry;
use self::round::Round;
use self::window::Window;
use crate::config::connection::{Connection, Host, InFlight, Persistence, Route};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::waker::Waker;
use crate::wire;

/// The libraries below, each by name and version, a line each.
pub(crate) fn libraries() -> String {
    format!("Paho MQTT C {}\n{}\n", ffi::library_version(), wire::tls_library())
}

/// Keeps the library below from writing to stdout, whatever the environment says; to
/// be called first of all, before there is another thread.
pub(crate) fn silence() {
    ffi::silence();
}

/// The least time that a write to the broker may wait without progress.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long after its time the way to the broker may be reported as not open.
const LATENESS: Duration = Duration::from_secs(1);

/// A client of a broker.
pub struct Session {
    connection: Arc<Connection>,
    hub: Arc<Hub>,
    client: Option<Client>,
    /// The client before, which Paho must not lose before the next one exists.
    previous: Option<Client>,
    /// When the attempt under way is given up.
    deadline: Option<Instant>,
    /// When the next attempt begins.
    next_attempt: Option<Instant>,
    retry: Retry,
    /// The brokers tried since the last pause.
    round: Round,
    homes: Homes,
    /// The longest silence: the broker's word comes first (MQTT 5, 3.2.2.3.14).
    keep_alive_limit: Duration,
    /// When to look whether Paho is held up and cannot keep the connection
    /// alive by itself.
    next_look: Option<Instant>,
    /// There is no inbox.
    publishes_only: bool,
    /// The end was asked for.
    leaving: bool,
    /// [`Event::Up`] has been told since the last loss.
    announced: bool,
    /// What is done about a session that must not be there.
    oblivion: Oblivion,
    /// Nobody listened at the broker's port since the last connection.
    broker_was_down: bool,
    /// Why there is no connection.
    trouble: Option<Failure>,
    tracer: Option<wire::Tracer>,
    /// Topics that are published again get aliases.
    aliases_topics: bool,
    /// How many QoS 2 messages the broker may have to keep for us at once.
    kept: usize,
    /// Until when a write may wait for the broker.
    limit: Option<wire::Limit>,
    /// How many messages were done with at the last loss, and how often in a
    /// row it was that many.
    last_loss_at: Option<u64>,
    strikes: u32,
}

impl Session {
    /// A session that is not connected. No more messages than the `window` says are
    /// under way at once; messages that arrive go to the inbox. On each
    /// connection it subscribes to what it is interested in, unless the broker
    /// has kept the subscriptions; [`Event::Subscribed`] follows.
    pub fn new(
        connection: Connection,
        policy: Policy,
        window: InFlight,
        interest: Interest,
        inbox: Option<Box<dyn Inbox>>,
        waker: Arc<Waker>,
    ) -> Self {
        let publishes_only = inbox.is_none();
        let kept = window.kept(connection.version);
        Self {
            connection: Arc::new(connection),
            hub: Arc::new(Hub::new(Window::new(window.most), interest, inbox, waker)),
            client: None,
            previous: None,
            deadline: None,
            next_attempt: None,
            retry: Retry::new(policy),
            round: Round::default(),
            homes: Homes::default(),
            keep_alive_limit: Duration::ZERO,
            next_look: None,
            publishes_only,
            leaving: false,
            announced: false,
            oblivion: Oblivion::Unneeded,
            broker_was_down: false,
            trouble: None,
            tracer: None,
            aliases_topics: false,
            kept,
            limit: None,
            last_loss_at: None,
            strikes: 0,
        }
    }

    /// Tells of each packet that passes.
    pub fn trace(&mut self, tracer: impl Fn(&str) + Send + Sync + 'static) {
        self.tracer = Some(Arc::new(tracer));
    }

    /// Lets no write wait for the broker after the instant that this tells, once it
    /// tells one: a broker that has stopped reading would hold up whoever calls in
    /// here. Then the connection is lost.
    pub fn hurry_at(&mut self, limit: impl Fn() -> Option<Instant> + Send + Sync + 'static) {
        self.limit = Some(Arc::new(limit));
    }

    /// Starts to connect; [`Event::Up`], [`Event::Away`] or [`Event::Down`] follows.
    pub fn connect(&mut self) {
        let now = Instant::now();
        let connection = self.homes.restrict(&self.connection);
        let deadline = self.round.begin(now + connection.connect_timeout);
        // Who opens the way tells better what took too long, but may be late.
        self.deadline = Some(deadline + LATENESS);
        self.next_attempt = None;
        self.retry.begin(now);
        if self.broker_was_down && self.must_forget() {
            self.oblivion = Oblivion::Before;
        }
        let attempt = {
            let mut state = self.hub.lock();
            state.attempt += 1;
            state.up = false;
            state.greeted = false;
            state.errand = self.oblivion.is_under_way();
            state.unacquainted = self.is_unacquainted();
            state.suspicious = self.broker_was_down && self.connection.persistence == Persistence::Run;
            state.renewing = false;
            state.attempt
        };
        let terms = Arc::clone(&connection);
        let tracer = self.tracer.clone();
        let limit = self.limit.clone();
        let (aliases_topics, kept) = (self.aliases_topics, self.kept);
        let line = move |open: wire::Open| {
            let patience = (terms.keep_alive * 3 / 2).max(PATIENCE);
            let way = (open.carrier, open.route);
            let mut line = wire::Line::new(way, terms.version, patience, limit, tracer);
            line.narrow(kept);
            if aliases_topics {
                line.alias_topics();
            }
            (line, open.until)
        };
        let tried = self.round.tried().to_vec();
        if tried.is_empty()
            && let Some(open) = wire::open_near(&connection, deadline)
        {
            self.hub.notice(attempt, Notice::Opened(Box::new(open.map(line))));
            return;
        }
        // On a thread of its own, because resolving a name cannot be interrupted.
        let hub = Arc::clone(&self.hub);
        let opening = thread::Builder::new().name("connect".into()).spawn(move || {
            let line = wire::open(&connection, &tried, deadline).map(line);
            hub.notice(attempt, Notice::Opened(Box::new(line)));
        });
        if let Err(error) = opening {
            let failure = Failure::new(Exit::Failed, format!("cannot start a thread: {error}"));
            self.hub.notice(attempt, Notice::Opened(Box::new(Err(Some(failure)))));
        }
    }

    /// When [`Session::event`] should be asked again even if nothing woke the
    /// main thread.
    pub fn deadline(&self) -> Option<Instant> {
        self.deadline.or(self.next_attempt).or(self.next_look)
    }

    /// What a run ends by whose time is over: that, and what stood in the way of a
    /// connection if there was none.
    pub fn out_of_time(&self) -> Failure {
        let failure = |why: String| Failure::new(Exit::TimedOut, why);
        match &self.trouble {
            _ if self.hub.lock().greeted => failure("timed out".to_owned()),
            Some(why) => failure(format!("timed out: {why}")),
            None => failure(format!("timed out connecting to {}", self.host())),
        }
    }

    /// The broker that is being tried.
    fn host(&self) -> &Host {
        self.round.current().unwrap_or(&self.connection.route.host)
    }

    /// The next event, if there is one.
    pub fn event(&mut self) -> Option<Event> {
        loop {
            let (attempt, notice) = {
                let mut state = self.hub.lock();
                let current = state.attempt;
                match state.notices.pop_front() {
                    Some((attempt, notice)) if attempt == current => (attempt, notice),
                    Some(_) => continue,
                    None => break,
                }
            };
            if let Some(event) = self.translate(attempt, notice) {
                return Some(event);
            }
        }
        if self.deadline.is_some_and(|deadline| deadline <= Instant::now()) {
            let what = format!("cannot connect to {}", self.host());
            let why = Failure::new(Exit::NoConnection, "timed out").context(what);
            return self.gone(Some(why));
        }
        if self.next_attempt.is_some_and(|at| at <= Instant::now()) {
            self.connect();
        }
        if self.next_look.is_some_and(|at| at <= Instant::now()) {
            self.keep_alive();
        }
        None
    }

    fn translate(&mut self, attempt: u64, notice: Notice) -> Option<Event> {
        match notice {
            Notice::Opened(line) => match *line {
                Ok((line, until)) => {
                    self.round.opened(line.route().host.clone());
                    self.deadline = Some(until);
                    self.meet(line.route());
                    let failure = self.greet(attempt, line).err()?;
                    self.gone(Some(failure))
                }
                Err(failure) => self.gone(failure),
            },
            Notice::Stale => {
                self.round = Round::default();
                self.oblivion = Oblivion::Before;
                self.homes.stay();
                self.say_goodbye();
                None
            }
            Notice::Connected if self.oblivion.is_under_way() => {
                self.deadline = None;
                self.broker_was_down = false;
                self.round = Round::default();
                self.say_goodbye();
                None
            }
            Notice::Connected => {
                self.deadline = None;
                self.previous = None;
                self.homes.settle();
                let again = self.retry.is_seasoned();
                self.retry.connected(!self.hub.interest.is_empty());
                self.round = Round::default();
                self.take_terms();
                self.keep_alive();
                self.resume();
                self.broker_was_down = false;
                self.trouble = None;
                // Once for each loss, however many connections it takes.
                let forgotten =
                    again && self.connection.persistence != Persistence::Clean && !hub::is_session_present();
                (!std::mem::replace(&mut self.announced, true)).then_some(Event::Up { again, forgotten })
            }
            Notice::ConnectFailed => {
                let failure =
                    self.explain(|route, down, facts| errors::connect_failure(&self.connection, route, down, facts));
                self.gone(Some(failure))
            }
            Notice::Lost => {
                let failure = self.explain(errors::loss);
                self.gone(Some(failure))
            }
            Notice::Fault(code) => {
                let failure = Failure::new(Exit::Failed, format!("the MQTT library refused a packet (code {code})"));
                self.gone(Some(failure.permanent()))
            }
            Notice::Answered(answer) => {
                self.retry.succeeded();
                // What may have waited for this.
                self.feed();
                Some(Event::Subscribed {
                    granted: answer.granted,
                    refused: answer.refused,
                })
            }
            Notice::Retained => Some(Event::Retained),
            Notice::Refused(failure) => Some(Event::Refused(failure)),
            Notice::Resolved(exchanges) => {
                self.hub.lock().resolve(exchanges);
                self.resume();
                None
            }
            Notice::Proven => Some(Event::Proven),
            Notice::Closed => self.closed(),
        }
    }

    /// Hands the line to Paho, which sends CONNECT.
    fn greet(&mut self, attempt: u64, line: wire::Line) -> Result<(), Failure> {
        let slots = self.hub.lock().window.limit();
        let this = Arc::new(Link::new(&self.hub, attempt, self.connection.version));
        let attendant: Arc<dyn wire::Attendant> = Arc::clone(&this) as _;
        let callbacks: Arc<dyn Callbacks> = this;
        wire::attach(line, attendant);
        let fail = |code| {
            Failure::new(
                Exit::Failed,
                format!("the MQTT library refused to connect (code {code})"),
            )
        };
        let client = Client::new(wire::URI, &self.connection, slots, &callbacks).map_err(fail)?;
        client
            .connect(&self.connection, self.starts_clean(), &self.connect_properties())
            .map_err(fail)?;
        self.previous = self.client.replace(client);
        Ok(())
    }

    /// Tells of the end of an attempt, or of a connection, from what the line saw.
    fn explain(&self, words: impl Fn(&Route, Option<wire::Down>, &wire::Facts) -> Failure) -> Failure {
        wire::with_line(|line| words(line.route(), line.down().cloned(), line.facts()))
            .unwrap_or_else(|| words(&self.connection.route, None, &wire::Facts::default()))
    }

    /// The attempt, or the connection, is over: what was not acknowledged waits
    /// for the next one. No reason means that there was nobody left to try.
    fn gone(&mut self, why: Option<Failure>) -> Option<Event> {
        let connecting = self.deadline.take().is_some();
        self.next_look = None;
        let carried = wire::with_line(|line| line.carried()).unwrap_or(0);
        {
            let fate = |ordinal, mid| wire::with_line(|line| line.fate(ordinal, mid)).unwrap_or(wire::Fate::Unsent);
            let mut state = self.hub.lock();
            let renewing = state.renewing;
            let fate = |ordinal, mid| match fate(ordinal, mid) {
                // It may only have had too much to remember.
                wire::Fate::Refused if renewing && ordinal == 0 => wire::Fate::Unanswered,
                fate => fate,
            };
            state.attempt += 1;
            if state.renewing && !state.up {
                // What the broker knows and what we know do not go together.
                self.oblivion = Oblivion::Before;
            }
            state.up = false;
            state.greeted = false;
            state.window.rewind(carried, self.resumes(), fate);
        }
        wire::hang_up();
        if connecting && let Some(client) = self.client.take() {
            // Destroying a client while its connect is pending leaves Paho's
            // mutex locked for ever.
            std::mem::forget(client);
        }
        if self.leaving && self.oblivion == Oblivion::After {
            return self.parted(why.as_ref());
        }
        self.homes.roam();
        self.broker_was_down |= why.as_ref().is_some_and(Failure::says_nobody_listens);
        if connecting && self.connection.has_choice() && self.round.may_go_on() {
            let why = self.round.go_on(why);
            // At once: the next broker may well be there.
            self.next_attempt = Some(Instant::now());
            return Some(Event::Away { why, lost: false });
        }
        let why = self.round.conclude(why);
        let why = if connecting { why } else { self.judge(why) };
        self.trouble = Some(why.clone());
        self.next_attempt = if why.is_permanent() {
            None
        } else {
            self.retry.next(Instant::now())
        };
        Some(match self.next_attempt {
            Some(_) => {
                self.announced &= connecting;
                Event::Away { why, lost: !connecting }
            }
            None if self.retry.is_seasoned() => Event::Down(why.for_good()),
            None => Event::Down(why),
        })
    }

    /// A slow reader of the output holds up Paho's receiving thread, which also
    /// sends the PINGREQs: while it does, they are sent from here.
    fn keep_alive(&mut self) {
        if self.publishes_only {
            return;
        }
        let limit = self.keep_alive_limit;
        wire::try_with_line(|line| {
            // Paho looks every tenth of the limit.
            if line.quiet_for() > limit + limit / 8 {
                line.ping();
            }
        });
        self.next_look = Some(Instant::now() + limit / 8);
    }
}

impl Drop for Session {
    /// Leaves everything of Paho's as it is: the process is about to end, and
    /// tearing down would wait up to a second for Paho's threads.
    fn drop(&mut self) {
        std::mem::forget(self.client.take());
        std::mem::forget(self.previous.take());
    }
}

//! The broker side: connect, publish, subscribe, the next event, close. Paho
//! speaks MQTT, the wire carries the bytes, and this module owns both; it is the
//! only place that names Paho.
//!
//! Paho's two threads call back with Paho's mutex held. Here they do the fast
//! work where it is cheapest: they hand on the next waiting messages and give
//! arrived ones to the inbox. Everything that needs a decision becomes an
//! [`Event`] for the main thread.

mod errors;
mod ffi;
mod inbox;
mod retry;
mod window;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

pub use self::inbox::{Flow, Inbox};
pub use self::retry::Policy;
pub use self::window::Counts;

use self::ffi::{Arrival, Callbacks, Client, Sender};
use self::retry::Retry;
use self::window::Window;
use crate::config::connection::Connection;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::message::{Filter, Message, Qos};
use crate::property;
use crate::waker::Waker;
use crate::wire;

/// How few waiting messages are a reason to ask for more.
const LOW: usize = 1024;

/// The least time that a write to the broker may wait without progress.
const PATIENCE: Duration = Duration::from_secs(10);

/// What the main thread is told.
#[derive(Debug)]
pub enum Event {
    /// The broker has accepted the connection; `again` if not for the first time.
    Up {
        /// There was a connection before.
        again: bool,
    },
    /// An attempt to connect has failed, or the connection is gone, and why;
    /// another attempt will be made. `lost` if there was a connection.
    Away {
        /// Why.
        why: Failure,
        /// There was a connection until now.
        lost: bool,
    },
    /// The same, and no attempt will be made.
    Down(Failure),
    /// The broker has answered the SUBSCRIBE: the refused filters, and why.
    Subscribed(Vec<Failure>),
    /// The broker has refused a message, for good.
    Refused(Failure),
    /// The broker has read everything that was sent before [`Session::prove`].
    Proven,
    /// DISCONNECT has left.
    Closed,
}

/// Something that Paho's threads, or the connecting thread, noticed.
enum Notice {
    Opened(Box<Result<wire::Line, Failure>>),
    Connected,
    ConnectFailed,
    Lost,
    Answered,
    Refused(Failure),
    Ponged,
    Closed,
    /// Paho refused a message for a reason of its own: its return code.
    Fault(i32),
}

/// What is shared with Paho's threads.
struct State {
    /// Which attempt to connect counts.
    attempt: u64,
    notices: VecDeque<(u64, Notice)>,
    window: Window,
    /// The connection is up: messages may be handed to Paho.
    up: bool,
    /// The main thread is handing messages on; the callbacks leave it to it.
    feeding: bool,
    /// What the main thread waits for.
    wanted: Wanted,
}

/// What the window can wake the main thread for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wanted {
    Nothing,
    /// Room for more input.
    Room,
    /// The end of all deliveries.
    Empty,
}

struct Hub {
    state: Mutex<State>,
    inbox: Mutex<Option<Box<dyn Inbox>>>,
    waker: Arc<Waker>,
}

/// One attempt's callbacks.
struct Link {
    hub: Arc<Hub>,
    attempt: u64,
}

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
    /// When to look whether Paho is held up and cannot keep the connection
    /// alive by itself.
    next_look: Option<Instant>,
    /// The filters of the SUBSCRIBE that is under way.
    asked: Vec<(Filter, u8)>,
    /// There is no inbox.
    publishes_only: bool,
    /// The end was asked for.
    leaving: bool,
}

impl Session {
    /// A session that is not connected. At most `window` messages are
    /// unacknowledged at once; messages that arrive go to the inbox.
    pub fn new(
        connection: Connection,
        policy: Policy,
        window: usize,
        inbox: Option<Box<dyn Inbox>>,
        waker: Arc<Waker>,
    ) -> Self {
        let publishes_only = inbox.is_none();
        Self {
            connection: Arc::new(connection),
            hub: Arc::new(Hub {
                state: Mutex::new(State {
                    attempt: 0,
                    notices: VecDeque::new(),
                    window: Window::new(window),
                    up: false,
                    feeding: false,
                    wanted: Wanted::Nothing,
                }),
                inbox: Mutex::new(inbox),
                waker,
            }),
            client: None,
            previous: None,
            deadline: None,
            next_attempt: None,
            retry: Retry::new(policy),
            next_look: None,
            asked: Vec::new(),
            publishes_only,
            leaving: false,
        }
    }

    /// Starts to connect; [`Event::Up`], [`Event::Away`] or [`Event::Down`] follows.
    pub fn connect(&mut self) {
        let now = Instant::now();
        let deadline = now + self.connection.connect_timeout;
        self.deadline = Some(deadline);
        self.next_attempt = None;
        self.retry.begin(now);
        let attempt = {
            let mut state = self.hub.lock();
            state.attempt += 1;
            state.up = false;
            state.attempt
        };
        // On a thread of its own, because resolving a name cannot be interrupted.
        let connection = Arc::clone(&self.connection);
        let hub = Arc::clone(&self.hub);
        let opening = thread::Builder::new().name("connect".into()).spawn(move || {
            let patience = (connection.keep_alive * 3 / 2).max(PATIENCE);
            let line = wire::open(&connection.route, deadline)
                .map(|carrier| wire::Line::new(carrier, connection.version, patience));
            hub.notice(attempt, Notice::Opened(Box::new(line)));
        });
        if let Err(error) = opening {
            let failure = Failure::new(Exit::Failed, format!("cannot start a thread: {error}"));
            self.hub.notice(attempt, Notice::Opened(Box::new(Err(failure))));
        }
    }

    /// When [`Session::event`] should be asked again even if nothing woke the
    /// main thread.
    pub fn deadline(&self) -> Option<Instant> {
        self.deadline.or(self.next_attempt).or(self.next_look)
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
            let why = Failure::new(Exit::NoConnection, "timed out")
                .context(format_args!("cannot connect to {}", self.connection.route));
            return Some(self.gone(why));
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
                Ok(line) => self.greet(attempt, line).err().map(|failure| self.gone(failure)),
                Err(failure) => Some(self.gone(failure)),
            },
            Notice::Connected => {
                self.deadline = None;
                self.previous = None;
                let again = self.retry.is_seasoned();
                self.retry.succeeded();
                self.keep_alive();
                Some(Event::Up { again })
            }
            Notice::ConnectFailed => {
                let failure = self.explain(errors::connect_failure);
                Some(self.gone(failure))
            }
            Notice::Lost => {
                let failure = self.explain(errors::loss);
                Some(self.gone(failure))
            }
            Notice::Fault(code) => {
                let failure = Failure::new(
                    Exit::Failed,
                    format!("the MQTT library refused a message (code {code})"),
                );
                Some(self.gone(failure.permanent()))
            }
            Notice::Answered => Some(Event::Subscribed(self.refusals())),
            Notice::Refused(failure) => Some(Event::Refused(failure)),
            Notice::Ponged => {
                self.hub.lock().window.prove();
                Some(Event::Proven)
            }
            // Paho also says DISCONNECT by itself when it gives a connection up.
            Notice::Closed => self.leaving.then_some(Event::Closed),
        }
    }

    /// Hands the line to Paho, which sends CONNECT.
    fn greet(&mut self, attempt: u64, line: wire::Line) -> Result<(), Failure> {
        let slots = self.hub.lock().window.limit();
        let attendant: Arc<dyn wire::Attendant> = Arc::new(Link {
            hub: Arc::clone(&self.hub),
            attempt,
        });
        let callbacks: Arc<dyn Callbacks> = Arc::new(Link {
            hub: Arc::clone(&self.hub),
            attempt,
        });
        wire::attach(line, attendant);
        let fail = |code| {
            Failure::new(
                Exit::Failed,
                format!("the MQTT library refused to connect (code {code})"),
            )
        };
        let client = Client::new(wire::URI, &self.connection, slots, &callbacks).map_err(fail)?;
        client.connect(&self.connection).map_err(fail)?;
        self.previous = self.client.replace(client);
        Ok(())
    }

    fn explain(&self, words: fn(&Connection, Option<wire::Down>, &wire::Facts) -> Failure) -> Failure {
        wire::with_line(|line| words(&self.connection, line.down().cloned(), line.facts()))
            .unwrap_or_else(|| words(&self.connection, None, &wire::Facts::default()))
    }

    /// The attempt, or the connection, is over: what was not acknowledged waits
    /// for the next one.
    fn gone(&mut self, why: Failure) -> Event {
        let connecting = self.deadline.take().is_some();
        self.next_look = None;
        let carried = wire::with_line(|line| line.carried()).unwrap_or(0);
        {
            let mut state = self.hub.lock();
            state.attempt += 1;
            state.up = false;
            state.window.rewind(carried);
        }
        wire::hang_up();
        if connecting && let Some(client) = self.client.take() {
            // Destroying a client while its connect is pending leaves Paho's
            // mutex locked for ever.
            std::mem::forget(client);
        }
        self.next_attempt = if why.is_permanent() {
            None
        } else {
            self.retry.next(Instant::now())
        };
        match self.next_attempt {
            Some(_) => Event::Away { why, lost: !connecting },
            None => Event::Down(why),
        }
    }

    /// A slow reader of the output holds up Paho's receiving thread, which also
    /// sends the PINGREQs: while it does, they are sent from here.
    fn keep_alive(&mut self) {
        if self.publishes_only {
            return;
        }
        let limit = self.connection.keep_alive;
        wire::try_with_line(|line| {
            // Paho looks every tenth of the limit.
            if line.quiet_for() > limit + limit / 8 {
                line.ping();
            }
        });
        self.next_look = Some(Instant::now() + limit / 8);
    }

    /// What the SUBACK refused.
    fn refusals(&self) -> Vec<Failure> {
        let suback = wire::with_line(|line| line.facts().suback.clone())
            .flatten()
            .unwrap_or_default();
        let words = suback.properties.text(property::REASON_STRING);
        let version = self.connection.version;
        self.asked
            .iter()
            .enumerate()
            .filter_map(|(index, (filter, _))| match suback.codes.get(index) {
                Some(code) if *code < errors::REFUSAL => None,
                Some(code) => Some(errors::refused_subscription(filter.as_str(), version, *code, words)),
                None => Some(errors::refused_subscription(
                    filter.as_str(),
                    version,
                    errors::REFUSAL,
                    None,
                )),
            })
            .collect()
    }

    /// Takes messages to publish, in order. Ask [`Session::wants_more`] first.
    pub fn publish(&self, messages: impl IntoIterator<Item = Message>) {
        let mut state = self.hub.lock();
        let backlog = state.window.waiting() > 0;
        state.window.enqueue(messages);
        // With a backlog and messages in Paho's hands, the callbacks go on.
        let leave_it = backlog && !state.window.is_idle();
        drop(state);
        if !leave_it {
            self.feed();
        }
    }

    /// Whether the window has room for more input; if not, the main thread is
    /// woken when it has.
    pub fn wants_more(&self) -> bool {
        let mut state = self.hub.lock();
        let wants = state.up && state.window.waiting() < LOW;
        state.wanted = if wants { Wanted::Nothing } else { Wanted::Room };
        wants
    }

    /// A line for the debug output: how the connection is made.
    pub fn describe(&self) -> String {
        let way = wire::with_line(|line| line.describe()).unwrap_or_default();
        format!("{way}, {}", self.connection.version)
    }

    /// Whether every message has been delivered or refused; if not, the main
    /// thread is woken when that is so.
    pub fn is_drained(&self) -> bool {
        let mut state = self.hub.lock();
        let drained = state.window.is_empty();
        state.wanted = if drained { Wanted::Nothing } else { Wanted::Empty };
        drained
    }

    /// Whether it is not known that the broker has read all QoS 0 messages.
    pub fn needs_proof(&self) -> bool {
        self.hub.lock().window.has_unproven()
    }

    /// Asks the broker for an answer that it gives only after it has read
    /// everything sent so far; [`Event::Proven`] follows.
    pub fn prove(&self) {
        wire::with_line(wire::Line::ping);
    }

    /// What has become of the messages.
    pub fn counts(&self) -> Counts {
        self.hub.lock().window.counts()
    }

    /// Hands waiting messages to Paho from the main thread, as many as there
    /// are slots; once Paho has some, its callbacks hand on the rest.
    fn feed(&self) {
        let Some(client) = &self.client else { return };
        let mut state = self.hub.lock();
        if !state.up {
            return;
        }
        state.feeding = true;
        loop {
            let mut batch = Vec::with_capacity(state.window.ready());
            while let Some((slot, message)) = state.window.next() {
                batch.push((slot, message.clone()));
            }
            drop(state);
            wire::expect_publishes(i64::try_from(batch.len()).unwrap_or(i64::MAX));
            for (slot, message) in &batch {
                // The error of a connection that is gone is reported by itself,
                // and the message is still in the window.
                let _ = client.sender().publish(message, *slot);
            }
            state = self.hub.lock();
            if state.window.ready() == 0 || !state.window.is_idle() {
                break;
            }
        }
        state.feeding = false;
    }

    /// Subscribes; [`Event::Subscribed`] follows.
    ///
    /// # Errors
    /// The MQTT library's refusal, with its code.
    pub fn subscribe(&mut self, filters: &[(Filter, Qos)]) -> Result<(), Failure> {
        self.asked = filters
            .iter()
            .map(|(filter, qos)| (filter.clone(), *qos as u8))
            .collect();
        let Some(client) = &self.client else { return Ok(()) };
        client
            .subscribe(&self.asked)
            .map_err(|code| Failure::new(Exit::Failed, format!("cannot subscribe (code {code})")))
    }

    /// Ends the session: DISCONNECT behind everything sent; [`Event::Closed`]
    /// follows, or [`Event::Down`].
    pub fn disconnect(&mut self) {
        self.leaving = true;
        let (attempt, up) = {
            let state = self.hub.lock();
            (state.attempt, state.up)
        };
        let Some(client) = self.client.take().filter(|_| up) else {
            self.hub.notice(attempt, Notice::Closed);
            return;
        };
        let publishes_only = self.publishes_only;
        let hub = Arc::clone(&self.hub);
        let say_goodbye = move || {
            if client.disconnect().is_err() {
                hub.notice(attempt, Notice::Closed);
            }
            // Never torn down: that would wait for Paho's threads.
            std::mem::forget(client);
        };
        if publishes_only {
            say_goodbye();
        } else if thread::Builder::new().spawn(say_goodbye).is_err() {
            // A callback that waits for a slow reader would hold us up here, so
            // without a thread there is no DISCONNECT.
            self.hub.notice(attempt, Notice::Closed);
        }
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

impl Hub {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn inbox(&self) -> MutexGuard<'_, Option<Box<dyn Inbox>>> {
        self.inbox.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn notice(&self, attempt: u64, notice: Notice) {
        self.lock().notices.push_back((attempt, notice));
        self.waker.wake();
    }
}

impl State {
    /// Hands on waiting messages from one of Paho's threads. Acknowledgements
    /// come in bunches: the slots that one bunch frees are filled together.
    fn refill(&mut self, sender: Sender<'_>) -> Result<(), i32> {
        let ready = self.window.ready();
        let worth_it = !wire::more_waiting() || self.window.is_idle() || ready * 2 >= self.window.limit();
        if self.feeding || ready == 0 || !worth_it {
            return Ok(());
        }
        wire::expect_publishes(i64::try_from(ready).unwrap_or(i64::MAX));
        while let Some((slot, message)) = self.window.next() {
            sender.publish(message, slot)?;
        }
        Ok(())
    }
}

/// Paho's code for a connection that is gone (`MQTTASYNC_DISCONNECTED`), which
/// is reported by itself.
const DISCONNECTED: i32 = -3;

impl Link {
    fn advance(&self, sender: Sender<'_>, step: impl FnOnce(&mut Window)) {
        let mut state = self.hub.lock();
        if state.attempt != self.attempt {
            return;
        }
        step(&mut state.window);
        let fault = state.refill(sender).err().filter(|code| *code != DISCONNECTED);
        let wake = match state.wanted {
            Wanted::Nothing => false,
            Wanted::Room => state.window.waiting() < LOW / 2,
            Wanted::Empty => state.window.is_empty(),
        };
        if wake {
            state.wanted = Wanted::Nothing;
            self.hub.waker.wake();
        }
        drop(state);
        if let Some(code) = fault {
            self.hub.notice(self.attempt, Notice::Fault(code));
        }
    }
}

impl Callbacks for Link {
    /// What waits leaves at once, without a word to the main thread first.
    fn connected(&self, sender: Sender<'_>) {
        let maximum = wire::with_line(|line| {
            let connack = line.facts().connack.as_ref();
            connack.and_then(|connack| connack.properties.number(property::RECEIVE_MAXIMUM))
        });
        let mut state = self.hub.lock();
        if state.attempt == self.attempt {
            state.up = true;
            if let Some(maximum) = maximum.flatten() {
                state.window.narrow(usize::try_from(maximum).unwrap_or(usize::MAX));
            }
        }
        drop(state);
        self.hub.notice(self.attempt, Notice::Connected);
        self.advance(sender, |_| {});
    }

    fn connect_failed(&self) {
        self.hub.notice(self.attempt, Notice::ConnectFailed);
    }

    fn lost(&self) {
        self.hub.notice(self.attempt, Notice::Lost);
    }

    fn arrived(&self, arrival: &Arrival<'_>) {
        let mut inbox = self.hub.inbox();
        if let Some(inbox) = inbox.as_mut()
            && inbox::deliver(inbox.as_mut(), arrival) == Flow::Stop
        {
            wire::stop_reading();
        }
    }

    fn completed(&self, sender: Sender<'_>, slot: usize) {
        self.advance(sender, |window| window.complete(slot, carried));
    }

    fn refused(&self, sender: Sender<'_>, slot: usize, reason: u8, words: Option<String>) {
        let words = words.map(|words| format!(" ({words})")).unwrap_or_default();
        let text = format!("message refused by the broker: {}{words}", errors::reason(reason));
        self.advance(sender, |window| window.refuse(slot, carried));
        self.hub
            .notice(self.attempt, Notice::Refused(Failure::new(Exit::Refused, text)));
    }

    fn answered(&self) {
        self.hub.notice(self.attempt, Notice::Answered);
    }
}

fn carried() -> u64 {
    wire::with_line(|line| line.carried()).unwrap_or(0)
}

impl wire::Attendant for Link {
    fn settle(&self) -> bool {
        self.hub.inbox().as_mut().is_none_or(|inbox| inbox.settle())
    }

    fn ponged(&self) {
        self.hub.notice(self.attempt, Notice::Ponged);
    }

    fn closed(&self) {
        self.hub.notice(self.attempt, Notice::Closed);
    }
}

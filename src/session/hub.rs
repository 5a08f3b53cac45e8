//! What the main thread and Paho's two threads share, and what Paho's threads do
//! when they call back. Paho's mutex is held in every callback, so nothing here
//! waits for another call into Paho.
//!
//! Locks are taken in this order: Paho's mutex, the state, the line.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use super::errors;
use super::ffi::{Arrival, Callbacks, Sender};
use super::inbox::{self, Aliases, Flow, Inbox};
use super::interest::{Answer, Asked, Interest};
use super::limits::Limits;
use super::window::Window;
use crate::config::connection::Version;
use crate::failure::Failure;
use crate::message::Message;
use crate::property;
use crate::waker::Waker;
use crate::wire;

/// How few waiting messages are a reason to ask for more.
pub(super) const LOW: usize = 1024;

/// Something that Paho's threads, or the connecting thread, noticed.
pub(super) enum Notice {
    /// A line, and until when it should lead to a CONNACK; or why there is none.
    Opened(Box<Result<(wire::Line, Instant), Option<Failure>>>),
    Connected,
    /// Connected, and the broker has a session of an earlier run under our
    /// identifier, which this run must not take up.
    Stale,
    ConnectFailed,
    Lost,
    /// The broker has answered all that was asked of it.
    Answered(Answer),
    /// All retained messages have come.
    Retained,
    Refused(Failure),
    /// The resumed QoS 2 exchanges have ended.
    Resolved(Vec<(u16, Option<u8>)>),
    /// The broker has read all QoS 0 messages.
    Proven,
    Closed,
    /// Paho refused a message for a reason of its own: its return code.
    Fault(i32),
}

/// What is shared with Paho's threads.
pub(super) struct State {
    /// Which attempt to connect counts.
    pub(super) attempt: u64,
    pub(super) notices: VecDeque<(u64, Notice)>,
    pub(super) window: Window,
    /// A session that the broker already has is not to be taken up.
    pub(super) unacquainted: bool,
    /// This is another broker than that of the connection before.
    pub(super) moved: bool,
    /// The broker was down: what it knows of a session may be of an earlier time.
    pub(super) suspicious: bool,
    /// It is such a session, which is to be ended once what was cut is over.
    pub(super) renewing: bool,
    /// The connection only serves to end a session: no message is for it.
    pub(super) errand: bool,
    /// The broker has said yes: it can be said goodbye to.
    pub(super) greeted: bool,
    /// The connection is up, and nothing earlier is to be resumed: messages may
    /// be handed to Paho.
    pub(super) up: bool,
    /// Nothing is published before the broker has granted the subscriptions.
    pub(super) held: bool,
    /// Nothing comes after what is in the window.
    pub(super) concluded: bool,
    /// The main thread is handing messages on; the callbacks leave it to it.
    pub(super) feeding: bool,
    /// One has.
    pub(super) left_to_main: bool,
    /// What the last CONNACK has settled; the main thread takes it from here, as
    /// the line may be busy with a write.
    pub(super) terms: Terms,
    /// What the main thread waits for.
    pub(super) wanted: Wanted,
    /// What was asked on this connection and is not answered.
    asked: Asked,
    /// A subscription of an earlier connection: what was granted. If the broker
    /// keeps the session, it stands.
    granted: Option<usize>,
    /// Whether to find out when all retained messages have come.
    until_retained: bool,
}

/// What a CONNACK of MQTT 5 settles for more than its moment.
#[derive(Debug, Default)]
pub(super) struct Terms {
    /// The client identifier that the broker has chosen.
    pub(super) client_id: Option<String>,
    /// The broker's keep-alive, in seconds.
    pub(super) keep_alive: Option<u32>,
}

/// What the main thread wants to be woken for.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Wanted {
    /// Room for more input.
    pub(super) room: bool,
    /// News of what became of messages.
    pub(super) settled: bool,
    /// The end of all deliveries.
    pub(super) empty: bool,
    /// QoS 0 messages that the broker has to be asked about.
    pub(super) doubt: bool,
}

pub(super) struct Hub {
    state: Mutex<State>,
    inbox: Mutex<Option<Box<dyn Inbox>>>,
    pub(super) interest: Interest,
    waker: Arc<Waker>,
}

/// One attempt's callbacks.
pub(super) struct Link {
    hub: Arc<Hub>,
    attempt: u64,
    version: Version,
    aliases: Mutex<Aliases>,
}

impl Hub {
    pub(super) fn new(window: Window, interest: Interest, inbox: Option<Box<dyn Inbox>>, waker: Arc<Waker>) -> Self {
        Self {
            state: Mutex::new(State {
                attempt: 0,
                notices: VecDeque::new(),
                window,
                unacquainted: false,
                moved: false,
                suspicious: false,
                renewing: false,
                errand: false,
                greeted: false,
                up: false,
                held: false,
                concluded: false,
                feeding: false,
                left_to_main: false,
                terms: Terms::default(),
                wanted: Wanted::default(),
                asked: Asked::default(),
                granted: None,
                until_retained: interest.until_retained,
            }),
            inbox: Mutex::new(inbox),
            interest,
            waker,
        }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn inbox(&self) -> MutexGuard<'_, Option<Box<dyn Inbox>>> {
        self.inbox.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn notice(&self, attempt: u64, notice: Notice) {
        self.lock().notices.push_back((attempt, notice));
        self.waker.wake();
    }
}

impl State {
    /// Whether messages may be handed to Paho.
    pub(super) fn may_publish(&self) -> bool {
        self.up && !self.held
    }

    /// Whether something has come true that the main thread wants to be woken
    /// for; each wish is good for once.
    fn take_wish(&mut self) -> bool {
        let room = self.wanted.room && !self.concluded && self.window.waiting() < LOW / 2;
        let settled = self.wanted.settled && self.window.has_settled();
        let empty = self.wanted.empty && self.window.is_empty() && !self.awaits_proof();
        let doubt = self.wanted.doubt && self.window.has_unproven();
        self.wanted.room &= !room;
        self.wanted.settled &= !settled;
        self.wanted.empty &= !empty;
        self.wanted.doubt &= !doubt;
        room || settled || empty || doubt
    }

    /// Whether the broker's word is still to come that it has read the last QoS 0
    /// message of all, and the question has left: the answer wakes the main thread.
    fn awaits_proof(&self) -> bool {
        self.concluded && self.window.has_unproven() && wire::with_line(|line| line.is_asked()).unwrap_or(false)
    }

    /// Takes out of the queue what the broker would end the connection over.
    pub(super) fn reject(&mut self) {
        let complaints = self.window.reject();
        self.complain(complaints);
    }

    /// Ends the cut exchanges that have been gone on with, each with the reason code
    /// of its refusal, if it was refused.
    pub(super) fn resolve(&mut self, exchanges: Vec<(u16, Option<u8>)>) {
        for (mid, refusal) in exchanges.into_iter().rev() {
            match refusal {
                // A broker that still counts exchanges of an earlier time may have
                // no room for this one, and will have when those are forgotten.
                Some(_) if self.renewing => self.window.restart(mid),
                Some(reason) => {
                    self.window.resolve(mid, true);
                    let failure = errors::refused_message(reason, None);
                    self.notices.push_back((self.attempt, Notice::Refused(failure)));
                }
                None => self.window.resolve(mid, false),
            }
        }
    }

    /// Ends the cut exchanges that the broker would end the connection over.
    pub(super) fn reject_cut(&mut self) {
        let complaints = self.window.reject_cut();
        self.complain(complaints);
    }

    fn complain(&mut self, complaints: Vec<Failure>) {
        for failure in complaints {
            self.notices.push_back((self.attempt, Notice::Refused(failure)));
        }
    }

    /// Hands on waiting messages from one of Paho's threads: all that the
    /// acknowledgements of one read have made room for. Not later: a broker that
    /// waits for our TCP acknowledgement before its next small packet (Nagle's
    /// algorithm) has it with our next message, and 40 ms later without one.
    fn refill(&mut self, sender: Sender<'_>) -> Result<(), i32> {
        self.reject();
        let ready = self.window.ready();
        let worth_it = !wire::more_waiting() || self.window.is_idle() || ready * 4 >= self.window.limit();
        self.left_to_main |= self.feeding;
        if self.feeding || !self.may_publish() || ready == 0 || !worth_it {
            return Ok(());
        }
        let mut announced = wire::Announcement::new(ready, self.concluded && ready == self.window.waiting());
        while let Some((slot, message)) = self.window.next() {
            let mid = hand_over(sender, message, slot)?;
            announced.kept();
            self.window.identify(slot, mid);
        }
        Ok(())
    }
}

/// Gives a message to Paho, or a large one's ticket.
pub(super) fn hand_over(sender: Sender<'_>, message: &Message, slot: usize) -> Result<u16, i32> {
    let ticket = wire::with_line(|line| line.deposit(&message.payload)).flatten();
    let payload = ticket.as_ref().map_or(&message.payload[..], |ticket| &ticket[..]);
    sender.publish(message, payload, slot)
}

/// Paho's code for a connection that is gone (`MQTTASYNC_DISCONNECTED`), which
/// is reported by itself.
pub(super) const DISCONNECTED: i32 = -3;

impl Link {
    pub(super) fn new(hub: &Arc<Hub>, attempt: u64, version: Version) -> Self {
        Self {
            hub: Arc::clone(hub),
            attempt,
            version,
            aliases: Mutex::default(),
        }
    }

    /// Asks for what the session wants, unless the broker still knows. Here, and
    /// not from the main thread: that would wait for a message that came first
    /// and that nobody reads.
    fn ask(&self, sender: Sender<'_>, connack: &wire::Connack) {
        if self.hub.interest.is_empty() {
            return;
        }
        let mut state = self.hub.lock();
        if state.attempt != self.attempt || state.errand {
            return;
        }
        if let Some(granted) = state.granted.filter(|_| connack.session_present) {
            state.held = false;
            want_retained(&state, false);
            let answer = Answer {
                granted,
                ..Answer::default()
            };
            drop(state);
            self.hub.notice(self.attempt, Notice::Answered(answer));
            return;
        }
        match self.hub.interest.ask(sender, &connack.properties) {
            Ok(asked) => state.asked = asked,
            Err(DISCONNECTED) => {}
            Err(code) => {
                drop(state);
                self.hub.notice(self.attempt, Notice::Fault(code));
            }
        }
    }

    fn advance(&self, sender: Sender<'_>, step: impl FnOnce(&mut Window)) {
        let mut state = self.hub.lock();
        if state.attempt != self.attempt {
            return;
        }
        step(&mut state.window);
        let fault = state.refill(sender).err().filter(|code| *code != DISCONNECTED);
        let quiet = matches!(state.notices.front(), Some((1, Notice::Connected))) && state.notices.len() == 1;
        if state.take_wish() || !(state.notices.is_empty() || quiet) {
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
        let connack = wire::with_line(|line| line.facts().connack.clone()).flatten();
        let Some(connack) = connack else { return };
        let limits = Limits::new(self.version, &connack.properties);
        let maximum = connack.properties.number(property::RECEIVE_MAXIMUM).unwrap_or(u32::MAX);
        let mut state = self.hub.lock();
        state.greeted |= state.attempt == self.attempt;
        if connack.session_present && state.unacquainted && state.attempt == self.attempt {
            drop(state);
            self.hub.notice(self.attempt, Notice::Stale);
            return;
        }
        if state.attempt == self.attempt {
            state.terms = Terms {
                client_id: connack
                    .properties
                    .text(property::ASSIGNED_CLIENT_IDENTIFIER)
                    .map(str::to_owned),
                keep_alive: connack.properties.number(property::SERVER_KEEP_ALIVE),
            };
            state
                .window
                .narrow(usize::try_from(maximum).unwrap_or(usize::MAX), limits);
            if !connack.session_present || state.moved {
                state.window.start_over();
            }
            // What was cut goes on before anything new.
            state.renewing = state.suspicious && connack.session_present;
            state.up = !state.errand && !state.renewing && !state.window.is_cut();
            state.held = self.hub.interest.first && !self.hub.interest.is_empty();
        }
        // The main thread of a short run has nothing to do before its messages are
        // delivered: to wake it would only take time from the others.
        let quiet = state.concluded && self.attempt == 1 && state.up && !state.window.is_empty();
        if quiet {
            state.notices.push_back((self.attempt, Notice::Connected));
        }
        drop(state);
        if !quiet {
            self.hub.notice(self.attempt, Notice::Connected);
        }
        self.advance(sender, |_| {});
        self.ask(sender, &connack);
    }

    fn connect_failed(&self) {
        self.hub.notice(self.attempt, Notice::ConnectFailed);
    }

    fn lost(&self) {
        self.hub.notice(self.attempt, Notice::Lost);
    }

    fn arrived(&self, sender: Sender<'_>, arrival: &Arrival<'_>) {
        let mut inbox = self.hub.inbox();
        let Some(inbox) = inbox.as_mut() else { return };
        let mut aliases = self.aliases.lock().unwrap_or_else(PoisonError::into_inner);
        let turn = if arrival.qos == 1 {
            wire::turn(arrival.mid)
        } else {
            None
        };
        match inbox::deliver(inbox.as_mut(), arrival, turn, &mut aliases) {
            Flow::Continue => {}
            Flow::Leave if arrival.qos == 0 => {}
            Flow::Leave => wire::leave(arrival.mid),
            Flow::Stop => wire::stop_reading(),
        }
        if let Some(answer) = inbox.answer() {
            self.advance(sender, |window| window.enqueue([answer]));
            // Whoever was told of the message looks again, and sees the answer.
            self.hub.waker.wake();
        }
    }

    fn completed(&self, sender: Sender<'_>, slot: usize) {
        self.advance(sender, |window| window.complete(slot, carried));
    }

    fn refused(&self, sender: Sender<'_>, slot: usize, reason: u8, words: Option<String>) {
        let failure = errors::refused_message(reason, words.as_deref());
        // Told first: with this message the run may be over.
        self.hub.notice(self.attempt, Notice::Refused(failure));
        self.advance(sender, |window| window.refuse(slot, carried));
    }

    /// Paho also says so when the connection is lost: then there is no answer.
    fn answered(&self) {
        let mut state = self.hub.lock();
        if state.attempt != self.attempt {
            return;
        }
        let verdicts = wire::with_line(|line| line.facts().answers.clone()).unwrap_or_default();
        let Some(answer) = state.asked.settle(&verdicts, self.version) else {
            return;
        };
        let fresh = !is_session_present();
        want_retained(&state, fresh);
        state.granted = Some(answer.granted);
        state.held &= !answer.refused.is_empty();
        drop(state);
        self.hub.notice(self.attempt, Notice::Answered(answer));
    }
}

/// From now on it shall be found out when all retained messages have come, if
/// somebody wants to know; `fresh` if the session is no older than this.
fn want_retained(state: &State, fresh: bool) {
    if state.until_retained {
        wire::with_line(|line| line.watch().barrier().want(fresh));
    }
}

/// Whether the broker goes on with an earlier session, as its CONNACK says.
pub(super) fn is_session_present() -> bool {
    let present = |line: &mut wire::Line| {
        let connack = line.facts().connack.as_ref();
        connack.is_some_and(|connack| connack.session_present)
    };
    wire::with_line(present).unwrap_or(true)
}

/// How many PUBLISH packets of this connection are in the kernel.
pub(super) fn carried() -> u64 {
    wire::with_line(|line| line.carried()).unwrap_or(0)
}

impl wire::Attendant for Link {
    fn settle(&self) -> bool {
        self.hub.inbox().as_mut().is_none_or(|inbox| inbox.settle())
    }

    fn proven(&self, ordinal: u64) {
        let mut state = self.hub.lock();
        if state.attempt != self.attempt {
            return;
        }
        state.window.prove(ordinal);
        let all = state.window.is_empty() && !state.window.has_unproven();
        if state.take_wish() {
            self.hub.waker.wake();
        }
        drop(state);
        if all {
            self.hub.notice(self.attempt, Notice::Proven);
        }
    }

    fn passed(&self) {
        self.hub.lock().until_retained = false;
        self.hub.notice(self.attempt, Notice::Retained);
    }

    fn resolved(&self, exchanges: Vec<(u16, Option<u8>)>) {
        self.hub.notice(self.attempt, Notice::Resolved(exchanges));
    }

    fn closed(&self) {
        self.hub.notice(self.attempt, Notice::Closed);
    }
}

//! Publishing: messages into the window, what has become of them, and the proof
//! that QoS 0 messages were read.

use super::hub::{self, LOW};
use super::{Counts, Session, errors};
use crate::config::connection::Version;
use crate::message::Message;
use crate::wire;

impl Session {
    /// Gives topics aliases where the broker takes some and it saves bytes (MQTT 5,
    /// 3.3.2.3.4).
    pub fn alias_topics(&mut self) {
        self.aliases_topics = self.connection.version == Version::V5;
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

    /// No message comes after those that were published: the last one, at QoS 0,
    /// takes the question of [`Session::prove`] along.
    pub fn conclude(&self) {
        self.hub.lock().concluded = true;
    }

    /// Whether the window has room for more input; if not, the main thread is
    /// woken when it has.
    pub fn wants_more(&self) -> bool {
        let mut state = self.hub.lock();
        let wants = state.may_publish() && state.window.waiting() < LOW;
        state.wanted.room = !wants;
        wants
    }

    /// Lines for the debug output: how the connection is made, and what the
    /// broker has said of it.
    pub fn describe(&self) -> Vec<String> {
        let (way, facts) = wire::with_line(|line| (line.describe(), line.facts().clone())).unwrap_or_default();
        let mut lines = way.into_iter();
        let first = lines.next().unwrap_or_default();
        let first = format!("connected: {first}, {}", self.connection.version);
        let terms = facts.connack.as_ref().and_then(errors::terms);
        std::iter::once(first).chain(lines).chain(terms).collect()
    }

    /// Whether the broker still knew us at the start of this connection: it has kept
    /// the subscriptions, and what came meanwhile.
    pub fn is_known(&self) -> bool {
        hub::is_session_present()
    }

    /// How many messages of this connection the broker had nobody to pass on to, as
    /// far as it says so: in MQTT 5, above QoS 0.
    pub fn unheard(&self) -> u64 {
        wire::with_line(|line| line.facts().unheard).unwrap_or(0)
    }

    /// Whether every message has been delivered or refused; if not, the main
    /// thread is woken when that is so.
    pub fn is_drained(&self) -> bool {
        let mut state = self.hub.lock();
        state.window.retire(hub::carried);
        let drained = state.window.is_empty();
        state.wanted.empty = !drained;
        drained
    }

    /// Notes what becomes of each message for [`Session::take_settled`]; to be
    /// called before the first one is published.
    pub fn keep_settled(&self) {
        self.hub.lock().window.keep_settled();
    }

    /// Of each message in the order of publishing, whether it was delivered: those
    /// of which that is known since the last call. The main thread is woken when
    /// there are more.
    pub fn take_settled(&self) -> Vec<bool> {
        let mut state = self.hub.lock();
        let settled = state.window.take_settled();
        state.wanted.settled = true;
        settled
    }

    /// Takes a QoS 0 message for delivered only when the broker has read it, and
    /// sends it again after a loss before that; to be called before the first.
    pub fn insist(&self) {
        self.hub.lock().window.insist();
    }

    /// Whether it is not known that the broker has read all QoS 0 messages.
    pub fn needs_proof(&self) -> bool {
        let mut state = self.hub.lock();
        let needs = state.window.has_unproven();
        state.wanted.doubt = state.window.insists() && !needs;
        needs
    }

    /// Counts the QoS 0 messages as possibly lost of which the broker has not said
    /// that it read them: there is no time any more to ask.
    pub fn doubt(&self) {
        self.hub.lock().window.doubt();
    }

    /// Asks the broker for an answer that it gives only after it has read
    /// everything sent so far; [`super::Event::Proven`] follows.
    pub fn prove(&self) {
        wire::with_line(wire::Line::prove);
    }

    /// What has become of the messages.
    pub fn counts(&self) -> Counts {
        self.hub.lock().window.counts()
    }

    /// Hands waiting messages to Paho from the main thread, as many as there
    /// are slots; once Paho has some, its callbacks hand on the rest.
    pub(super) fn feed(&self) {
        let Some(client) = &self.client else { return };
        let mut state = self.hub.lock();
        if !state.may_publish() {
            return;
        }
        state.feeding = true;
        loop {
            state.left_to_main = false;
            state.reject();
            let mut batch = Vec::with_capacity(state.window.ready());
            while let Some((slot, message)) = state.window.next() {
                batch.push((slot, message.clone()));
            }
            let last = state.concluded && state.window.waiting() == 0;
            drop(state);
            let mut announced = wire::Announcement::new(batch.len(), last);
            let mut mids = Vec::with_capacity(batch.len());
            for (slot, message) in &batch {
                // The error of a connection that is gone is reported by itself,
                // and the message is still in the window.
                if let Ok(mid) = hub::hand_over(client.sender(), message, *slot) {
                    announced.kept();
                    mids.push((*slot, mid));
                }
            }
            drop(announced);
            state = self.hub.lock();
            for (slot, mid) in mids {
                state.window.identify(slot, mid);
            }
            // What Paho still has may have to wait for its answer for long.
            if state.window.ready() == 0 || !(state.left_to_main || state.window.is_idle()) {
                break;
            }
        }
        state.feeding = false;
    }
}

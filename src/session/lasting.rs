//! What outlives a connection: whether the broker is asked to keep the session,
//! how cut QoS 2 exchanges go on, and when a message gets the blame for losses.

use std::sync::Arc;
use std::time::Duration;

use super::round::Round;
use super::{Event, Session};
use crate::config::connection::{Persistence, Route, Version};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::message::{Properties, Value};
use crate::property;
use crate::wire;

/// How long, in seconds, the broker is asked to keep the session of a run that
/// it does not hear from any more.
const RUN_EXPIRY: u32 = 24 * 60 * 60;

/// How often in a row a connection may be lost with the same message at the
/// front of the window before that message gets the blame.
const STRIKES: u32 = 10;

/// What is done about a session that must not be there. Before MQTT 5 only a
/// connection that asks for a clean session ends one, and it cannot have one of
/// its own to keep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Oblivion {
    /// Nothing, so far.
    Unneeded,
    /// There is a session of an earlier run, or of an earlier time of a broker that
    /// was down, whose unfinished exchanges would be taken for ours, or leave no room
    /// for ours: before MQTT 5 a broker then takes a message and drops it without a
    /// word. It is said goodbye to, if it was taken up; then another connection ends
    /// it, if need be.
    Before,
    /// That is done.
    Done,
    /// The run is over; one more connection ends its session.
    After,
}

impl Oblivion {
    /// Whether the current connection is only there to end a session.
    pub(super) fn is_under_way(self) -> bool {
        matches!(self, Self::Before | Self::After)
    }
}

impl Session {
    /// Takes up what CONNACK has settled: the client identifier that the broker
    /// has chosen is ours from now on (MQTT 5, 3.2.2.3.7), or each reconnection
    /// would leave another session behind.
    pub(super) fn take_terms(&mut self) {
        let terms = std::mem::take(&mut self.hub.lock().terms);
        if let Some(assigned) = terms.client_id
            && self.connection.client_id.is_empty()
        {
            Arc::make_mut(&mut self.connection).client_id = assigned;
        }
        self.keep_alive_limit = match terms.keep_alive {
            // The broker asks for no PINGREQ at all.
            Some(0) => Duration::from_secs(u16::MAX.into()),
            Some(seconds) => Duration::from_secs(seconds.into()),
            None => self.connection.keep_alive,
        };
    }

    /// DISCONNECT has left.
    pub(super) fn closed(&mut self) -> Option<Event> {
        if self.leaving && self.must_forget() {
            self.oblivion = Oblivion::After;
            self.homes.go_home();
            self.connect();
            return None;
        }
        if self.leaving && self.oblivion == Oblivion::After {
            return self.parted(None);
        }
        if self.leaving {
            return Some(Event::Closed);
        }
        // Paho also says DISCONNECT by itself when it gives a connection up.
        if self.oblivion == Oblivion::Before {
            // MQTT 5 has a word for it in DISCONNECT.
            let ended = self.connection.version == Version::V5 || self.hub.lock().errand;
            if ended {
                self.oblivion = Oblivion::Done;
                self.homes.settle();
            }
            self.connect();
        }
        None
    }

    /// The session is over with one more broker, or cannot be ended there: then for
    /// this reason. The next is one that was left for another, and has kept what was
    /// not finished.
    pub(super) fn parted(&mut self, failure: Option<&Failure>) -> Option<Event> {
        let tell = |words: String| self.tracer.iter().for_each(|tracer| tracer(&words));
        if let Some(why) = failure {
            tell(format!("a broker keeps its session: {why}"));
        }
        let Some(host) = self.homes.part() else {
            return Some(Event::Closed);
        };
        tell(format!("ending the session that {host} may have kept"));
        self.round = Round::default();
        self.connect();
        None
    }

    /// The attempt under way has reached this broker. What another one knows of
    /// packet identifiers says nothing here.
    pub(super) fn meet(&mut self, route: &Route) {
        let moved = self.homes.reach(route);
        let keeps = self.keeps_for_the_run();
        let mut state = self.hub.lock();
        state.moved = moved;
        state.unacquainted |= moved && keeps && !state.errand;
    }

    /// Whether a session that is there already is not one of this run.
    pub(super) fn is_unacquainted(&self) -> bool {
        self.keeps_for_the_run() && self.oblivion == Oblivion::Unneeded && !self.retry.is_seasoned()
    }

    /// Whether the session lasts as long as the run, and MQTT has no word for that.
    fn keeps_for_the_run(&self) -> bool {
        self.connection.persistence == Persistence::Run && self.connection.version == Version::V311
    }

    /// Whether the broker is to forget what it knew of the client identifier.
    pub(super) fn starts_clean(&self) -> bool {
        match self.connection.persistence {
            Persistence::Clean => true,
            Persistence::Kept => false,
            // MQTT 5 tells apart whether a session begins anew and whether it is
            // kept; before that, one bit says both.
            Persistence::Run => {
                let begins = !self.retry.is_seasoned() || self.homes.has_moved();
                self.oblivion.is_under_way() || (self.connection.version == Version::V5 && begins)
            }
        }
    }

    pub(super) fn connect_properties(&self) -> Properties {
        let mut properties = self.connection.properties.clone();
        let expiry = property::SESSION_EXPIRY_INTERVAL;
        if self.connection.persistence == Persistence::Run && properties.number(expiry).is_none() {
            properties.push(expiry, Value::Number(RUN_EXPIRY));
        }
        properties
    }

    pub(super) fn disconnect_properties(&self) -> Properties {
        let mut properties = self.connection.disconnect_properties.clone();
        let expiry = property::SESSION_EXPIRY_INTERVAL;
        let ours = self.connection.properties.number(expiry).is_none();
        if self.connection.persistence == Persistence::Run && ours && properties.number(expiry).is_none() {
            properties.push(expiry, Value::Number(0));
        }
        properties
    }

    /// Before MQTT 5 a session that was kept for this run ends only with another
    /// connection that asks for a clean one.
    pub(super) fn must_forget(&self) -> bool {
        self.keeps_for_the_run() && self.oblivion != Oblivion::After && self.retry.is_seasoned()
    }

    /// Whether QoS 2 exchanges go on after a loss; MQTT 3.1 does not tell whether
    /// the broker has kept the session.
    pub(super) fn resumes(&self) -> bool {
        self.connection.persistence != Persistence::Clean && self.connection.version != Version::V31
    }

    /// Goes on with the QoS 2 exchanges that the loss has cut: the broker has
    /// kept the session. Those that it takes at once; after them the next, and
    /// then what is new.
    pub(super) fn resume(&mut self) {
        let mut state = self.hub.lock();
        if state.up {
            return;
        }
        state.reject_cut();
        if !state.window.is_cut() {
            let renew = state.renewing;
            state.up = !renew;
            drop(state);
            if renew {
                self.oblivion = Oblivion::Before;
                self.say_goodbye();
            } else {
                self.feed();
            }
            return;
        }
        let mut exchanges = Vec::new();
        let mut packets = Vec::new();
        for cut in state.window.unresolved().take(self.kept) {
            // A broker that was down may have lost what it had received and not
            // yet written to its disk. If it has not, it knows the identifier.
            let release = cut.received && !self.broker_was_down;
            exchanges.push((cut.mid, release));
            if release {
                wire::packet::pubrel(&mut packets, cut.mid);
            } else {
                wire::packet::publish_again(&mut packets, &cut.message, cut.mid, self.connection.version);
            }
        }
        drop(state);
        wire::with_line(|line| line.resume(&exchanges, &packets));
    }

    /// A message over which the connection is lost again and again must not
    /// hold up the rest for ever without a word.
    pub(super) fn judge(&mut self, why: Failure) -> Failure {
        let state = self.hub.lock();
        let counts = state.window.counts();
        let Some(size) = state.window.front_size().filter(|_| !self.leaving) else {
            return why;
        };
        drop(state);
        let done = counts.delivered + counts.refused + counts.doubtful;
        self.strikes = if self.last_loss_at == Some(done) {
            self.strikes + 1
        } else {
            1
        };
        self.last_loss_at = Some(done);
        if self.strikes < STRIKES {
            return why;
        }
        Failure::new(
            Exit::Undelivered,
            format!("{why}, {STRIKES} times in a row at message {} ({size} bytes)", done + 1),
        )
        .hint("does the broker accept a message of this size and topic?")
        .permanent()
    }
}

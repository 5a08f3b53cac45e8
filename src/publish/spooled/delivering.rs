//! From the disk to the session.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use super::super::{BATCH, end_of_grace};
use super::Run;
use crate::config::connection::{Persistence, Version};
use crate::entry;
use crate::session::{Interest, Session};
use crate::spool::{Delivery, Needs};

/// How many messages may be underway: enough for the window, and for QoS 0
/// messages whose arrival the broker has not confirmed.
const UNDERWAY: usize = 4096;

/// How often it is looked for what other processes have taken, or whether the one
/// that delivers has ended.
const LOOK: Duration = Duration::from_millis(200);
/// The same for who waits for it.
const SHORT_LOOK: Duration = Duration::from_millis(20);

impl Run {
    /// Becomes the one that delivers, unless another process is.
    pub(super) fn begin_delivery(&mut self) -> anyhow::Result<()> {
        if self.next_look > Instant::now() || self.out_of_reach.is_some() {
            return Ok(());
        }
        self.look_later();
        let Some(mut delivery) = self.spool.deliver()? else {
            if !std::mem::replace(&mut self.told_other, true) {
                self.report.debug("another process delivers from this spool");
            }
            self.own = self.own.split_off(&self.spool.start()?);
            return Ok(());
        };
        // What is before the start another process has delivered.
        self.own = self.own.split_off(&self.spool.start()?);
        let is_empty = self.spool.waiting()? == 0;
        if self.session.is_none() && !(is_empty && self.feed.is_over()) {
            self.connect(&mut delivery);
        }
        self.exhausted = false;
        self.delivery = Some(delivery);
        Ok(())
    }

    fn look_later(&mut self) {
        let waits = self.feed.is_over();
        self.next_look = Instant::now() + if waits { SHORT_LOOK } else { LOOK };
    }

    pub(super) fn connect(&mut self, delivery: &mut Delivery) {
        let mut connection = self.connection.clone();
        if delivery.needs().properties {
            // Without them the messages would be others.
            connection.version = Version::V5;
        }
        if delivery.needs().exactly_once
            && connection.version != Version::V31
            && connection.persistence == Persistence::Clean
        {
            connection.persistence = Persistence::Run;
        }
        if connection.client_id.is_empty() {
            delivery.client_id().clone_into(&mut connection.client_id);
        }
        delivery.offer(Needs {
            exactly_once: delivery.needs().exactly_once || connection.persistence != Persistence::Clean,
            properties: connection.version == Version::V5,
        });
        let waker = Arc::clone(&self.waker);
        let mut session = Session::new(connection, self.policy, self.window, Interest::default(), None, waker);
        let (asked, deadline) = (self.signals.clone(), self.deadline);
        session.hurry_at(move || [deadline, end_of_grace(&asked)].into_iter().flatten().min());
        session.alias_topics();
        entry::trace(self.report, &mut session);
        session.keep_settled();
        session.insist();
        session.connect();
        self.session = Some(session);
    }

    /// Lets the spool know what became of messages.
    pub(super) fn settle(&mut self) -> anyhow::Result<()> {
        let (Some(delivery), Some(session)) = (&mut self.delivery, &self.session) else {
            return Ok(());
        };
        let settled = session.take_settled();
        if settled.is_empty() {
            return Ok(());
        }
        self.proving = false;
        for outcome in delivery.settle(&mut self.spool, &settled)? {
            let own = self.stream || self.drains || self.own.remove(&outcome.ticket);
            self.refused += u64::from(own && !outcome.delivered);
        }
        Ok(())
    }

    /// Gives the session what is next in the spool.
    pub(super) fn hand_on(&mut self) -> anyhow::Result<()> {
        let (Some(delivery), Some(session)) = (&mut self.delivery, &self.session) else {
            return Ok(());
        };
        if self.exhausted && self.next_look <= Instant::now() {
            self.exhausted = false;
            self.next_look = Instant::now() + LOOK;
        }
        // A signal is not to wait until a spool is empty.
        let goes_on = !self.leaving && !self.changing && self.grace.is_none();
        while goes_on && !self.exhausted && session.wants_more() {
            let mut most = UNDERWAY.saturating_sub(delivery.underway()).min(BATCH);
            if let Some(pacer) = &mut self.pacer {
                most = most.min(pacer.allowance(Instant::now()));
            }
            if most == 0 {
                break;
            }
            let messages = delivery.next(&mut self.spool, most, SystemTime::now())?;
            if messages.is_empty() && delivery.is_held_up() {
                // Not before the others have arrived.
                if delivery.is_idle() {
                    self.change();
                    return Ok(());
                }
                break;
            }
            if messages.is_empty() {
                self.exhausted = true;
                self.next_look = Instant::now() + LOOK;
            } else if let Some(pacer) = &mut self.pacer {
                pacer.spend(messages.len());
            }
            session.publish(messages);
        }
        if self.connected && !self.proving && session.needs_proof() {
            self.proving = true;
            session.prove();
        }
        Ok(())
    }

    /// Makes another connection, for messages that need more than this one can do.
    fn change(&mut self) {
        self.changing = true;
        self.connected = false;
        if let Some(session) = &mut self.session {
            session.disconnect();
        }
    }

    /// The connection before has ended.
    pub(super) fn changed(&mut self) {
        self.changing = false;
        self.session = None;
        if let Some(mut delivery) = self.delivery.take() {
            self.connect(&mut delivery);
            self.delivery = Some(delivery);
        }
    }

    /// Whether everything was read, and taken, and delivered as far as can be.
    pub(super) fn is_done(&mut self) -> anyhow::Result<bool> {
        let hurries = self.grace.is_some();
        let is_stuck = self.out_of_reach.is_some() && !self.patient;
        let waits_for_room = !self.held.is_empty() && !hurries && !is_stuck && self.failure.is_none();
        if !self.feed.is_over() || waits_for_room {
            return Ok(false);
        }
        let Some(delivery) = &self.delivery else {
            // Another process delivers, or nobody can.
            let waits = self.drains || self.required && !self.own.is_empty();
            return Ok(!waits || hurries || self.out_of_reach.is_some());
        };
        if is_stuck || hurries && delivery.is_idle() {
            return Ok(true);
        }
        if self.changing || !delivery.is_idle() || !self.exhausted && self.session.is_some() {
            return Ok(false);
        }
        let Some(delivery) = self.delivery.take() else {
            return Ok(true);
        };
        let Some(mut delivery) = delivery.finish(&mut self.spool)? else {
            return Ok(true);
        };
        // Another process has left us a message.
        self.exhausted = false;
        if self.session.is_none() {
            self.connect(&mut delivery);
        }
        self.delivery = Some(delivery);
        Ok(false)
    }
}

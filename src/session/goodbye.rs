//! How a session ends: DISCONNECT, and nothing torn down.

use std::sync::Arc;
use std::thread;

use super::Session;
use super::hub::Notice;
use crate::wire;

impl Session {
    /// Ends the session: DISCONNECT behind everything sent; [`super::Event::Closed`]
    /// follows, or [`super::Event::Down`].
    pub fn disconnect(&mut self) {
        self.leaving = true;
        self.say_goodbye();
    }

    /// Sends DISCONNECT; [`Notice::Closed`] follows.
    pub(super) fn say_goodbye(&mut self) {
        let (attempt, greeted, idle) = {
            let mut state = self.hub.lock();
            // Nothing leaves behind it.
            state.up = false;
            (state.attempt, state.greeted, state.window.is_idle())
        };
        if greeted && self.publishes_only && idle && self.leaving && !self.must_forget() {
            // Paho has nothing left to do, and need not be asked for this. Where
            // another connection follows, it must: two at once confuse it.
            let mut packet = Vec::new();
            wire::packet::disconnect(&mut packet, &self.disconnect_properties(), self.connection.version);
            // First, lest the end of the line be taken for a loss.
            self.hub.notice(attempt, Notice::Closed);
            wire::with_line(|line| line.say_goodbye(&packet));
            std::mem::forget(self.client.take());
            return;
        }
        let client = match self.client.take() {
            Some(client) if greeted => client,
            other => {
                // Never destroyed while its connect may be pending, see `gone`.
                std::mem::forget(other);
                self.hub.notice(attempt, Notice::Closed);
                return;
            }
        };
        let publishes_only = self.publishes_only;
        let properties = self.disconnect_properties();
        let hub = Arc::clone(&self.hub);
        let say_goodbye = move || {
            if client.disconnect(&properties).is_err() {
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

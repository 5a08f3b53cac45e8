//! From the input to the session.

use std::time::Instant;

use super::super::cannot_make;
use super::Run;
use crate::failure::Failure;
use crate::message::{Message, Properties};

impl Run {
    /// Gives the session what may leave now; `false` if nothing may.
    pub(super) fn hand_on(&mut self) -> bool {
        let room = self.room();
        let mut messages: Vec<Message> = Vec::new();
        while let Some((number, message)) = self.again.pop_front() {
            self.order.push_back((number, self.connection));
            messages.push(message);
        }
        self.make();
        let ready = self.made.len().min(room);
        let now = Instant::now();
        {
            let mut state = self.desk.lock();
            for (number, mut message) in self.made.drain(..ready) {
                if !self.has_properties {
                    // There is no place for them.
                    message.properties = Properties::default();
                }
                state.pending.ask(number, message.clone(), now);
                self.order.push_back((number, self.connection));
                messages.push(message);
            }
        }
        let some = !messages.is_empty();
        if some {
            self.session.publish(messages);
        }
        some
    }

    /// Makes requests, as many as there is use for.
    fn make(&mut self) {
        self.refill();
        if !self.made.is_empty() {
            return;
        }
        let answered = self.desk.lock().pending.len() == 0;
        let messages = self.feed.take(Instant::now(), answered && self.session.is_drained());
        if let Some(why) = self.feed.fault() {
            self.failure.get_or_insert(cannot_make(&why));
        }
        let numbers = self.feed.take_numbers(messages.len());
        self.made.extend(numbers.into_iter().zip(messages));
    }

    /// Makes messages of records that were read.
    fn refill(&mut self) {
        if self.made.is_empty() {
            for why in self.input.fill(&mut self.feed, self.keep_going, |_| ()) {
                self.bad(why);
            }
        }
    }

    /// A record that is no request.
    fn bad(&mut self, why: Failure) {
        self.bad_records += 1;
        if self.keep_going {
            self.report.warn(&why);
        } else {
            // What stands before it is still asked.
            self.failure.get_or_insert(why);
            self.stop_reading();
            self.feed.close();
        }
    }
}

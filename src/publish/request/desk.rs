//! Where replies come in: on Paho's receiving thread, as they come. What the main
//! thread knows of them is in the [`Desk`].

use std::fs::File;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::pending::{Pending, Taken};
use crate::config::request::{Address, Answers, Request};
use crate::failure::quote;
use crate::json::Reply;
use crate::latency::Latencies;
use crate::message::{Received, Value};
use crate::output::{Printer, Trouble};
use crate::property::CORRELATION_DATA;
use crate::report::Report;
use crate::session::{Flow, Inbox};
use crate::template::Misfit;
use crate::waker::Waker;

/// What the main thread and the inbox share.
pub(super) struct Desk {
    address: Address,
    /// What is retained may be a reply.
    retained: bool,
    state: Mutex<State>,
    waker: Arc<Waker>,
}

/// What changes of it.
pub(super) struct State {
    pub(super) pending: Pending,
    pub(super) latencies: Option<Latencies>,
    /// The latency of the last reply.
    pub(super) last: Option<Duration>,
    /// Replies have been taken that may not have been written yet.
    pub(super) busy: bool,
    /// Why nothing more can be written.
    pub(super) trouble: Option<Trouble>,
}

impl Desk {
    pub(super) fn new(request: &Request, latencies: Option<Latencies>, waker: Arc<Waker>) -> Self {
        Self {
            address: request.address.clone(),
            retained: request.retained,
            state: Mutex::new(State {
                pending: Pending::new(request.count),
                latencies,
                last: None,
                busy: false,
                trouble: None,
            }),
            waker,
        }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes that nothing more can be written, and wakes the main thread.
    fn fail(&self, trouble: Trouble) {
        self.lock().trouble.get_or_insert(trouble);
        self.waker.wake();
    }
}

/// The inbox.
pub(super) struct Counter {
    desk: Arc<Desk>,
    printer: Printer<File>,
    report: Report,
    /// Something could not be written: nothing after it counts as received.
    failed: bool,
}

impl Counter {
    pub(super) fn new(desk: Arc<Desk>, printer: Printer<File>, report: Report) -> Self {
        Self {
            desk,
            printer,
            report,
            failed: false,
        }
    }

    /// Which request a message is the reply to, how long that took, and the number
    /// of those that wait; or what it is instead.
    fn judge(&self, message: &Received<'_>) -> Result<(Reply, usize), &'static str> {
        if message.retain && !self.desk.retained {
            return Err("it was retained");
        }
        let correlation = message.properties.iter().find_map(|property| match &property.value {
            Value::Binary(bytes) if property.id == CORRELATION_DATA => Some(bytes.as_slice()),
            _ => None,
        });
        let mut state = self.desk.lock();
        let none_waits = "no request waits for it";
        let number = match self.desk.address.answers(message.topic, correlation) {
            Answers::Number(number) => number,
            Answers::TheOne => state.pending.the_one().ok_or(none_waits)?,
            Answers::None => return Err("its correlation data or its topic is not that of a request"),
            Answers::Unknown => match state.pending.the_one() {
                // Of one request, what answers it can be told without.
                Some(number) if state.pending.totals().asked == 1 => number,
                _ => {
                    state.pending.unknown();
                    return Err("it has no correlation data");
                }
            },
        };
        let Taken::Wanted(latency) = state.pending.reply(number, Instant::now()) else {
            return Err(none_waits);
        };
        if let Some(latencies) = &mut state.latencies {
            latencies.note(latency);
        }
        state.last = Some(latency);
        state.busy = true;
        let reply = Reply {
            request: number,
            latency,
        };
        Ok((reply, state.pending.len()))
    }

    /// What came of it, unless it went wrong.
    fn checked<T>(&mut self, outcome: Result<T, Trouble>) -> Option<T> {
        outcome
            .map_err(|trouble| {
                self.failed = true;
                self.desk.fail(trouble);
            })
            .ok()
    }
}

impl Inbox for Counter {
    fn deliver(&mut self, message: &Received<'_>) -> Flow {
        let (reply, waiting) = match self.judge(message) {
            Ok(judged) => judged,
            Err(why) => {
                self.report.debug(format_args!(
                    "no reply: a message on topic {}: {why}",
                    quote(message.topic)
                ));
                return Flow::Continue;
            }
        };
        let outcome = self.printer.print_reply(message, reply);
        let Some(misfit) = self.checked(outcome) else {
            return Flow::Stop;
        };
        if let Some(misfit) = misfit {
            let (Misfit { specifier, wanted }, size) = (misfit, message.payload.len());
            let text = format!("{specifier} needs a payload of {wanted} bytes, not {size}");
            self.report
                .warn(format_args!("reply to request {}: {text}", reply.request));
        }
        // Before there is nothing left to wait for.
        if waiting.is_power_of_two() {
            self.desk.waker.wake();
        }
        Flow::Continue
    }

    fn settle(&mut self) -> bool {
        let flushed = self.printer.flush();
        let settled = self.checked(flushed).is_some() && !self.failed;
        let was_busy = std::mem::take(&mut self.desk.lock().busy);
        if was_busy {
            self.desk.waker.wake();
        }
        settled
    }

    fn refuse(&mut self, why: &str) {
        self.report.warn(why);
    }
}

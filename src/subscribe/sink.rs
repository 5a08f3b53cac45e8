//! The inbox that shows messages: on Paho's receiving thread, as they come.

use std::fs::File;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::choice::{Choice, Fate, Look};
use super::exec::Taker;
use crate::codec::Codec;
use crate::failure::{io_reason, quote};
use crate::message::{Decoding, Message, Properties, Qos, Received, Topic};
use crate::output::{Printer, Trouble};
use crate::report::Report;
use crate::session::{Flow, Inbox};
use crate::table::Table;
use crate::template::Misfit;
use crate::waker::Waker;

/// Why the output wants no more.
#[derive(Debug)]
pub(super) enum Verdict {
    /// All the messages asked for have been shown.
    Counted,
    /// A message has come after which none is wanted.
    Passed,
    /// The reader has gone.
    ReaderGone,
    /// The output cannot be written, and why.
    Broken(String),
}

/// What the main thread sees of the sink.
#[derive(Debug)]
pub(super) struct Shared {
    verdict: Mutex<Option<Verdict>>,
    waker: Arc<Waker>,
    start: Instant,
    /// Messages have been taken that may not have been written yet.
    busy: AtomicBool,
    /// When the last ones were, in milliseconds since the start; 0 for never.
    moved: AtomicU64,
    /// How many messages have come since the last look.
    came: AtomicU64,
    /// How many deletions there were to be.
    deletions: AtomicU64,
    /// How many payloads could not be decoded.
    undecoded: AtomicU64,
}

impl Shared {
    pub(super) fn new(waker: Arc<Waker>, start: Instant) -> Self {
        Self {
            verdict: Mutex::new(None),
            waker,
            start,
            busy: AtomicBool::new(false),
            moved: AtomicU64::new(0),
            came: AtomicU64::new(0),
            deletions: AtomicU64::new(0),
            undecoded: AtomicU64::new(0),
        }
    }

    /// Why no more is wanted, once.
    pub(super) fn take_verdict(&self) -> Option<Verdict> {
        self.verdict.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// When the last message came: now, as long as one is being written.
    pub(super) fn moved(&self, now: Instant) -> Option<Instant> {
        if self.busy.load(Ordering::Acquire) {
            return Some(now);
        }
        match self.moved.load(Ordering::Acquire) {
            0 => None,
            moved => Some(self.start + Duration::from_millis(moved)),
        }
    }

    /// How many messages have come since the last call.
    pub(super) fn take_came(&self) -> u64 {
        self.came.swap(0, Ordering::Relaxed)
    }

    /// How many messages there were to be deleted.
    pub(super) fn deletions(&self) -> u64 {
        self.deletions.load(Ordering::Acquire)
    }

    /// How many payloads could not be decoded.
    pub(super) fn undecoded(&self) -> u64 {
        self.undecoded.load(Ordering::Acquire)
    }

    /// Notes why there is no more to do, and wakes the main thread.
    fn conclude(&self, verdict: Verdict) {
        let mut noted = self.verdict.lock().unwrap_or_else(PoisonError::into_inner);
        noted.get_or_insert(verdict);
        self.waker.wake();
    }

    fn rest(&self) {
        if self.busy.load(Ordering::Acquire) {
            let passed = self.start.elapsed().as_millis();
            let passed = u64::try_from(passed).unwrap_or(u64::MAX).max(1);
            self.moved.store(passed, Ordering::Release);
            self.busy.store(false, Ordering::Release);
        }
    }
}

/// Where messages are shown.
pub(super) enum Display {
    /// On stdout, one by one.
    Printer(Box<Printer<File>>),
    /// Nowhere: only their number matters.
    Number,
    /// In a table that the main thread draws.
    Table(Arc<Mutex<Table>>),
    /// To a command, one by one.
    Command(Box<Taker>),
}

/// Makes texts of payloads.
#[derive(Debug)]
pub(super) struct Decoder {
    pub(super) codec: Codec,
    /// What could not be decoded is shown, too: it cannot be taken for what was.
    pub(super) shows_undecoded: bool,
    /// The last text; its memory is used again.
    text: Vec<u8>,
}

/// How much memory a decoder keeps for the next text.
const KEPT: usize = 256 * 1024;

/// How many bytes are told of what cannot be decoded.
const TOLD: usize = 32;

impl Decoder {
    pub(super) fn new(codec: Codec, shows_undecoded: bool) -> Self {
        Self {
            codec,
            shows_undecoded,
            text: Vec::new(),
        }
    }
}

/// The inbox.
pub(super) struct Sink {
    choice: Choice,
    display: Display,
    shared: Arc<Shared>,
    report: Report,
    decoder: Option<Decoder>,
    /// What to publish next.
    answer: Option<Message>,
    /// Something could not be written: nothing after it counts as received.
    failed: bool,
}

impl Sink {
    pub(super) fn new(
        choice: Choice,
        display: Display,
        shared: Arc<Shared>,
        report: Report,
        decoder: Option<Decoder>,
    ) -> Self {
        Self {
            choice,
            display,
            shared,
            report,
            decoder,
            answer: None,
            failed: false,
        }
    }

    /// What came of it, unless it went wrong.
    fn checked<T>(&mut self, outcome: Result<T, Trouble>) -> Option<T> {
        self.failed |= outcome.is_err();
        match outcome {
            Ok(done) => return Some(done),
            Err(Trouble::ReaderGone) => self.shared.conclude(Verdict::ReaderGone),
            Err(Trouble::Broken(why)) => self.shared.conclude(Verdict::Broken(why)),
        }
        None
    }

    /// A message that deletes what is retained under this topic.
    fn delete(&mut self, topic: &str) {
        match Topic::received(topic) {
            Ok(topic) => {
                self.shared.deletions.fetch_add(1, Ordering::AcqRel);
                self.answer = Some(Message {
                    topic,
                    payload: Bytes::new(),
                    qos: Qos::AtLeastOnce,
                    retain: true,
                    properties: Properties::default(),
                });
            }
            Err(why) => self
                .report
                .warn(format_args!("cannot delete a retained message: {why}")),
        }
    }

    /// A message that is taken and not shown.
    fn pass_over(&mut self, message: &Received<'_>) {
        if let Display::Command(taker) = &mut self.display {
            taker.skip(message);
        }
    }

    /// Shows a message, or what it stands for.
    fn show(&mut self, message: &Received<'_>) -> bool {
        let Some(mut decoder) = self.decoder.take() else {
            return self.show_as_it_is(message);
        };
        decoder.text.clear();
        let shown = match decoder.codec.decode(message.payload, &mut decoder.text) {
            Ok(()) => self.show_as_it_is(&Received {
                payload: &decoder.text,
                decoding: Decoding::Done(message.payload),
                ..message.clone()
            }),
            Err(why) => {
                self.cannot_decode(message, &why);
                if decoder.shows_undecoded {
                    self.show_as_it_is(&Received {
                        decoding: Decoding::Failed,
                        ..message.clone()
                    })
                } else {
                    self.pass_over(message);
                    true
                }
            }
        };
        decoder.text.shrink_to(KEPT);
        self.decoder = Some(decoder);
        shown
    }

    /// Tells of a payload that could not be decoded.
    fn cannot_decode(&mut self, message: &Received<'_>, why: &str) {
        self.shared.undecoded.fetch_add(1, Ordering::AcqRel);
        let payload = message.payload;
        let mut told = Vec::new();
        // Hex digits stand for any bytes.
        let _ = Codec::Hex.decode(payload.get(..TOLD).unwrap_or(payload), &mut told);
        let (told, more) = (
            String::from_utf8_lossy(&told),
            if payload.len() > TOLD { "…" } else { "" },
        );
        let (count, bytes) = (payload.len(), if payload.len() == 1 { "byte" } else { "bytes" });
        let content = if told.is_empty() {
            String::new()
        } else {
            format!(": {told}{more}")
        };
        self.refuse(&format!(
            "message on topic {} not decoded: {why} ({count} {bytes}{content})",
            quote(message.topic)
        ));
    }

    fn show_as_it_is(&mut self, message: &Received<'_>) -> bool {
        let outcome = match &mut self.display {
            Display::Printer(printer) => printer.print(message),
            Display::Number => Ok(None),
            Display::Command(taker) => {
                let outcome = taker.take(message);
                outcome.map_err(|error| Trouble::Broken(format!("cannot start a thread: {}", io_reason(&error))))
            }
            Display::Table(table) => {
                let mut table = table.lock().unwrap_or_else(PoisonError::into_inner);
                table.note(message.topic, message.payload, Instant::now());
                Ok(None)
            }
        };
        match self.checked(outcome) {
            None => return false,
            Some(None) => {}
            Some(Some(misfit)) => self.lacks(message, misfit),
        }
        true
    }

    /// Tells of a message that could not be shown whole.
    fn lacks(&self, message: &Received<'_>, misfit: Misfit) {
        let Misfit { specifier, wanted } = misfit;
        self.report.warn(format_args!(
            "message on topic {}: {specifier} needs a payload of {wanted} bytes, not {}",
            quote(message.topic),
            message.payload.len()
        ));
    }
}

impl Inbox for Sink {
    fn deliver(&mut self, message: &Received<'_>) -> Flow {
        let look = Look {
            topic: message.topic,
            retain: message.retain,
            empty: message.payload.is_empty(),
        };
        if matches!(self.display, Display::Number) {
            self.shared.came.fetch_add(1, Ordering::Relaxed);
        }
        let (show, delete, last) = match self.choice.judge(look, fastrand::f64) {
            Fate::Leave { ends } => {
                if ends {
                    self.shared.conclude(Verdict::Passed);
                }
                return Flow::Leave;
            }
            Fate::Skip { delete } => {
                if delete {
                    self.delete(message.topic);
                }
                self.pass_over(message);
                return Flow::Continue;
            }
            Fate::Count { show, delete, last } => (show, delete, last),
        };
        self.shared.busy.store(true, Ordering::Release);
        if delete {
            self.delete(message.topic);
        }
        if !show {
            self.pass_over(message);
        } else if !self.show(message) {
            return Flow::Stop;
        }
        if last {
            if self.settle() {
                self.shared.conclude(Verdict::Counted);
            }
            // The acknowledgements of deletions and answers come behind more messages.
            return if self.choice.deletes() || matches!(self.display, Display::Command(_)) {
                Flow::Continue
            } else {
                Flow::Stop
            };
        }
        Flow::Continue
    }

    fn answer(&mut self) -> Option<Message> {
        self.answer.take()
    }

    fn settle(&mut self) -> bool {
        let flushed = match &mut self.display {
            Display::Printer(printer) => printer.flush(),
            Display::Number | Display::Table(_) | Display::Command(_) => Ok(()),
        };
        let settled = self.checked(flushed).is_some() && !self.failed;
        self.shared.rest();
        settled
    }

    fn refuse(&mut self, why: &str) {
        match &self.display {
            Display::Table(table) => table.lock().unwrap_or_else(PoisonError::into_inner).remark(why),
            _ => self.report.warn(why),
        }
    }
}

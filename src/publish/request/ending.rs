//! How a run with requests ended, in a status and in words.

use std::fmt::Write as _;

use super::super::ending::in_vain;
use super::Run;
use crate::entry::{self, Ending};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::progress;

impl Run {
    /// Nothing more is read.
    pub(super) fn stop_reading(&mut self) {
        self.feed.stop_repeating();
        self.input.stop(&mut self.feed);
    }

    /// The connection is gone for good.
    pub(super) fn cut_off(self, why: Failure) -> anyhow::Result<Ending> {
        let signal = self.signals.received();
        self.desk.lock().pending.give_up();
        let text = self.shortfall();
        self.tell_stats();
        // Of one request that never left, the reason says it all.
        let text = text.filter(|_| self.asked() > 1 || why.exit() == Exit::Undelivered);
        let error = match text {
            Some(text) => anyhow::Error::new(why).context(text),
            None => why.into(),
        };
        match signal {
            Some(signal) => {
                self.report.warn(format_args!("{error:#}"));
                Ok(Ending::Signal(signal))
            }
            None => Err(error),
        }
    }

    /// Everything that could be done has been done.
    pub(super) fn end(mut self) -> anyhow::Result<Ending> {
        self.settle();
        self.desk.lock().pending.give_up();
        let last = self.desk.lock().last;
        if let (Some(line), Some(latency)) = (self.line, last) {
            entry::print_out(&line(latency))?;
        }
        self.tell_stats();
        let shortfall = self.shortfall();
        if let Some(signal) = self.signals.received() {
            if let Some(text) = shortfall {
                self.report.warn(text);
            }
            return Ok(Ending::Signal(signal));
        }
        if self.quiet_end {
            return Ok(Ending::Status(Exit::Done));
        }
        let failure = self.failure.take();
        let failure = failure.or_else(|| in_vain(self.bad_records, "request"));
        match (failure, shortfall) {
            (Some(why), Some(text)) if self.asked() > 1 || why.exit() == Exit::TimedOut => {
                Err(anyhow::Error::new(self.hinted(why)).context(text))
            }
            (Some(why), _) => Err(why.into()),
            (None, None) => Ok(Ending::Status(Exit::Done)),
            (None, Some(text)) => {
                let totals = *self.desk.lock().pending.totals();
                let exit = if totals.unanswered > 0 {
                    Exit::TimedOut
                } else {
                    Exit::Refused
                };
                Err(self.hinted(Failure::new(exit, text)).into())
            }
        }
    }

    /// The same failure, with what may be behind it.
    fn hinted(&self, why: Failure) -> Failure {
        let totals = *self.desk.lock().pending.totals();
        if totals.unanswered == 0 {
            why
        } else if self.unheard > 0 {
            why.hint("the broker says that nobody subscribes to the topic of the request (reason code 16)")
        } else if totals.unknown > 0 {
            let were = if totals.unknown == 1 { "message" } else { "messages" };
            why.hint(format!(
                "{} {were} without correlation data came: ask one at a time, without --response-topic",
                totals.unknown
            ))
        } else {
            why
        }
    }

    /// How many requests there were to be.
    fn asked(&self) -> u64 {
        self.desk.lock().pending.totals().asked + self.unsent()
    }

    /// Requests that were read and never sent.
    fn unsent(&self) -> u64 {
        (self.made.len() + self.input.unsent(&self.feed)) as u64
    }

    /// Says what has become of the requests, if not all were answered.
    fn shortfall(&self) -> Option<String> {
        let totals = *self.desk.lock().pending.totals();
        let fragment = self.input.unfinished();
        if totals.answered == self.asked() && fragment == 0 {
            return None;
        }
        let mut text = self.summary();
        for (count, what) in [
            (totals.refused, "refused"),
            (totals.unanswered, "not answered"),
            (self.unsent(), "not sent"),
        ] {
            if count > 0 {
                let _ = write!(text, ", {count} {what}");
            }
        }
        if fragment > 0 {
            let bytes = if fragment == 1 { "byte" } else { "bytes" };
            let _ = write!(text, "; {fragment} {bytes} of an unfinished one not sent");
        }
        Some(text)
    }

    fn summary(&self) -> String {
        let (asked, answered) = (self.asked(), self.desk.lock().pending.totals().answered);
        let requests = if asked == 1 { "request" } else { "requests" };
        format!("{asked} {requests}, {answered} answered")
    }

    fn tell_stats(&self) {
        if self.stats {
            let elapsed = self.start.elapsed();
            let replies = self.desk.lock().pending.totals().replies;
            let rate = progress::rate(replies, elapsed);
            let text = self.shortfall().unwrap_or_else(|| self.summary());
            let seconds = elapsed.as_secs_f64();
            self.report.note(format_args!("{text}, in {seconds:.3} s, {rate}"));
        }
        if self.tells_latency {
            let text = self.desk.lock().latencies.as_ref().and_then(super::Latencies::summary);
            if let Some(text) = text {
                self.report.note(text);
            }
        }
    }
}

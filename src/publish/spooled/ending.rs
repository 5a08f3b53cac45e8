//! How a run with a spool ended, in a status and in words.

use super::super::ending::in_vain;
use super::Run;
use crate::entry::Ending;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::progress;

impl Run {
    /// Everything that could be done has been done.
    pub(super) fn end(mut self) -> anyhow::Result<Ending> {
        self.settle()?;
        if let Some(delivery) = self.delivery.take() {
            delivery.give_up(&mut self.spool)?;
        }
        self.tell_news();
        self.progress.clear();
        self.tell_stats();
        let waiting = self.spool.waiting()?;
        let queued = if self.stream || self.drains {
            waiting
        } else {
            self.own.len() as u64
        };
        let lost = self.not_taken();
        if let Some(signal) = self.signals.received() {
            if let Some(lost) = lost {
                self.report.warn(lost);
            }
            if queued > 0 {
                self.report.note(count(queued, "queued"));
            }
            return Ok(Ending::Signal(signal));
        }
        let why = self.out_of_reach.take();
        if let Some(failure) = self.failure.take() {
            let parts = [lost, (queued > 0).then(|| count(queued, "queued"))];
            let text = parts.into_iter().flatten().collect::<Vec<_>>().join("; ");
            let error = anyhow::Error::new(failure);
            return Err(if text.is_empty() { error } else { error.context(text) });
        }
        if let Some(lost) = lost {
            return Err(Failure::new(Exit::Failed, lost).into());
        }
        if let Some(why) = in_vain(self.bad_records, "message") {
            return Err(why.into());
        }
        if self.refused > 0 {
            return Err(Failure::new(Exit::Refused, count(self.refused, "refused by the broker")).into());
        }
        if queued == 0 {
            return Ok(Ending::Status(Exit::Done));
        }
        let text = count(queued, "queued");
        if self.drains {
            let error = why.unwrap_or_else(|| Failure::new(Exit::Undelivered, "not delivered"));
            return Err(anyhow::Error::new(error).context(text));
        }
        let reason = why.map_or_else(
            || "another mqpub delivers from the spool".to_owned(),
            |why| why.to_string(),
        );
        if self.required {
            return Err(Failure::new(Exit::Undelivered, format!("{text}, not delivered: {reason}")).into());
        }
        self.report.note(format_args!("{text} ({reason})"));
        Ok(Ending::Status(Exit::Done))
    }

    /// What was read and could not be taken.
    fn not_taken(&self) -> Option<String> {
        let lost = (self.held.len() + self.input.unsent(&self.feed)) as u64;
        match (lost, self.input.unfinished()) {
            (0, 0) => None,
            (0, bytes) => Some(format!("{bytes} bytes of an unfinished message not taken")),
            (lost, 0) => Some(count(lost, "read and not taken")),
            (lost, bytes) => Some(format!(
                "{}; {bytes} bytes of an unfinished one not taken",
                count(lost, "read and not taken")
            )),
        }
    }

    fn tell_stats(&self) {
        if self.stats {
            let delivered = self.session.as_ref().map_or(0, |session| session.counts().delivered);
            let elapsed = self.start.elapsed();
            let rate = progress::rate(delivered, elapsed);
            let seconds = elapsed.as_secs_f64();
            let taken = count(self.taken, "taken");
            self.report.note(format_args!(
                "{taken}, {delivered} delivered, in {seconds:.3} s, {rate}"
            ));
        }
    }
}

/// So many messages, and what of them.
fn count(number: u64, what: &str) -> String {
    let messages = if number == 1 { "message" } else { "messages" };
    format!("{number} {messages} {what}")
}

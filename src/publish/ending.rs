//! How a run ended, in a status and in words.

use super::Run;
use super::account::Account;
use crate::entry::Ending;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::progress;

impl Run {
    /// What has become of everything that was read.
    fn account(&self) -> Account {
        Account {
            counts: self.session.counts(),
            unsent: self.input.unsent(&self.feed) as u64,
            fragment: self.input.unfinished(),
        }
    }

    /// The connection is gone for good.
    pub(super) fn cut_off(mut self, why: Failure) -> anyhow::Result<Ending> {
        self.progress.clear();
        let account = self.account();
        self.tell_stats(account);
        // Of one message that never left, the reason says it all.
        let text = account
            .shortfall()
            .filter(|_| account.read() > 1 || why.exit() == Exit::Undelivered);
        let error = match text {
            Some(text) => anyhow::Error::new(why).context(text),
            None => why.into(),
        };
        match self.signals.received() {
            Some(signal) => {
                self.report.warn(format_args!("{error:#}"));
                Ok(Ending::Signal(signal))
            }
            None => Err(error),
        }
    }

    fn tell_stats(&self, account: Account) {
        if self.stats {
            let elapsed = self.start.elapsed();
            let rate = progress::rate(account.counts.delivered, elapsed);
            let seconds = elapsed.as_secs_f64();
            let text = account.shortfall().unwrap_or_else(|| account.summary());
            self.report.note(format_args!("{text}, in {seconds:.3} s, {rate}"));
        }
    }

    /// Everything that could be done has been done.
    pub(super) fn end(mut self) -> anyhow::Result<Ending> {
        // Where there was no time to ask the broker what it has read.
        self.session.doubt();
        // What was delivered last, on its way out.
        self.pass_on()?;
        self.progress.clear();
        let account = self.account();
        let shortfall = account.shortfall();
        if let Some(lateness) = self.feed.lateness() {
            self.report.note(lateness);
        }
        self.tell_stats(account);
        if let Some(signal) = self.signals.received() {
            if let Some(text) = shortfall {
                self.report.warn(text);
            }
            return Ok(Ending::Signal(signal));
        }
        let failure = self.failure.or_else(|| in_vain(self.bad_records, "message"));
        match (failure, shortfall) {
            (Some(why), Some(text)) if account.read() > 1 || why.exit() == Exit::TimedOut => {
                Err(anyhow::Error::new(why).context(text))
            }
            (Some(why), _) => Err(why.into()),
            (None, Some(text)) if account.is_refusal() => Err(Failure::new(Exit::Refused, text).into()),
            (None, Some(text)) => Err(Failure::new(Exit::Undelivered, text).into()),
            (None, None) => Ok(Ending::Status(Exit::Done)),
        }
    }
}

/// That so many lines were no messages, or no requests, if there were any.
pub(super) fn in_vain(lines: u64, what: &str) -> Option<Failure> {
    let text = match lines {
        0 => return None,
        1 => format!("1 line was no {what}"),
        lines => format!("{lines} lines were no {what}s"),
    };
    Some(Failure::new(Exit::Failed, text))
}

//! A live line about a long run: on a terminal one that is drawn anew, elsewhere,
//! and only if asked for, a line from time to time.

use std::time::{Duration, Instant};

use crate::report::Report;
use crate::session::Counts;

/// How long a run must last before the line shows itself unasked.
const PATIENCE: Duration = Duration::from_secs(2);
/// How often the line on a terminal changes.
const REDRAW: Duration = Duration::from_millis(200);
/// How often there is a line elsewhere.
const LINE: Duration = Duration::from_secs(5);

/// The live line.
pub struct Progress {
    report: Report,
    start: Instant,
    next: Option<Instant>,
    terminal: bool,
    drawn: bool,
}

impl Progress {
    /// `asked` if by `--progress`; `stream` if the run may be a long one.
    pub fn new(report: Report, asked: bool, stream: bool, now: Instant) -> Self {
        let terminal = report.is_terminal();
        let first = match (asked, terminal) {
            (true, true) => Some(now),
            (true, false) => Some(now + LINE),
            (false, true) if stream && !report.debugs() => Some(now + PATIENCE),
            (false, _) => None,
        };
        Self {
            report,
            start: now,
            next: first.filter(|_| !report.is_quiet()),
            terminal,
            drawn: false,
        }
    }

    /// When to call [`Progress::show`] next.
    pub fn next(&self) -> Option<Instant> {
        self.next
    }

    /// Shows how far the run is, if it is time to.
    pub fn show(&mut self, now: Instant, counts: Counts, connected: bool) {
        if self.next.is_none_or(|next| next > now) {
            return;
        }
        let text = describe(counts, now - self.start, connected);
        if self.terminal {
            self.report.draw(&text);
            self.drawn = true;
            self.next = Some(now + REDRAW);
        } else {
            self.report.note(text);
            self.next = Some(now + LINE);
        }
    }

    /// Takes the line off the terminal, so that something else can be said.
    pub fn clear(&mut self) {
        if std::mem::take(&mut self.drawn) {
            self.report.draw("");
        }
    }
}

/// Read, delivered, in flight, the rate and the state of the connection.
fn describe(counts: Counts, elapsed: Duration, connected: bool) -> String {
    let Counts {
        taken,
        delivered,
        refused,
        doubtful,
    } = counts;
    let open = taken - delivered - refused - doubtful;
    let state = if connected { "connected" } else { "not connected" };
    let rate = rate(delivered, elapsed);
    format!("{taken} read, {delivered} delivered, {open} in flight, {rate}, {state}")
}

/// Messages a second, in words.
pub fn rate(count: u64, elapsed: Duration) -> String {
    let seconds = elapsed.as_secs_f64().max(1e-9);
    #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
    let rate = count as f64 / seconds;
    if rate < 10.0 {
        format!("{rate:.1}/s")
    } else {
        format!("{rate:.0}/s")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_has_the_numbers() {
        let counts = Counts {
            taken: 100,
            delivered: 80,
            refused: 5,
            doubtful: 5,
        };
        assert_eq!(
            describe(counts, Duration::from_secs(2), true),
            "100 read, 80 delivered, 10 in flight, 40/s, connected"
        );
        assert_eq!(rate(3, Duration::from_secs(2)), "1.5/s");
    }
}

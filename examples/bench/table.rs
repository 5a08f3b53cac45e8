//! From samples to a table in Markdown: medians, ratios, and whether what was to
//! be shown holds. A run that lost messages is marked, and wins nothing.

use std::fmt::Write as _;
use std::time::Duration;

use super::measure::Sample;

/// What is compared, and how much of theirs ours may or must be.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Goal {
    /// The time, at most so many times theirs.
    Time(f64),
    /// Messages a second, at least so many times theirs.
    Rate(f64),
}

/// All runs of one program at one job.
#[derive(Clone, Debug, Default)]
pub(crate) struct Series(pub(crate) Vec<Sample>);

impl Series {
    fn sorted<T: PartialOrd + Copy>(&self, value: impl Fn(&Sample) -> T) -> Vec<T> {
        let mut values: Vec<T> = self.0.iter().map(value).collect();
        values.sort_by(|a, b| a.partial_cmp(b).unwrap_or(std::cmp::Ordering::Equal));
        values
    }

    fn median<T: PartialOrd + Copy>(&self, value: impl Fn(&Sample) -> T) -> Option<T> {
        let values = self.sorted(value);
        values.get(values.len() / 2).copied()
    }

    /// The median time in seconds.
    pub(crate) fn time(&self) -> f64 {
        self.median(|sample| sample.time.as_secs_f64()).unwrap_or(f64::NAN)
    }

    /// The time that 99 of 100 runs do not exceed: of a few runs, the longest.
    pub(crate) fn p99(&self) -> f64 {
        let times = self.sorted(|sample| sample.time.as_secs_f64());
        let last = times.len().saturating_sub(1);
        times
            .get((times.len() * 99 / 100).min(last))
            .copied()
            .unwrap_or(f64::NAN)
    }

    fn rate(&self) -> f64 {
        let rate = |sample: &Sample| sample.arrived as f64 / sample.time.as_secs_f64();
        self.median(rate).unwrap_or(f64::NAN)
    }

    /// Of a whole run, in seconds.
    fn cpu(&self) -> f64 {
        self.median(|sample| sample.cpu.as_secs_f64()).unwrap_or(f64::NAN)
    }

    /// Of each message, in microseconds.
    fn cpu_each(&self) -> f64 {
        let each = |sample: &Sample| sample.cpu.as_secs_f64() * 1e6 / sample.arrived.max(1) as f64;
        self.median(each).unwrap_or(f64::NAN)
    }

    /// In megabytes, of the largest run.
    pub(crate) fn peak(&self) -> f64 {
        self.0.iter().map(|sample| sample.peak).max().unwrap_or(0) as f64 / 1e6
    }

    fn arrived(&self) -> u64 {
        self.median(|sample| sample.arrived).unwrap_or(0)
    }

    fn lost(&self, expected: u64) -> bool {
        self.0.iter().any(|sample| sample.arrived < expected)
    }

    fn failed(&self) -> bool {
        self.0.iter().any(|sample| !sample.succeeded)
    }
}

pub(crate) const HEAD: &str = "\
| job | | median | p99 | CPU s | µs CPU a message | peak MB | arrived | ratio | goal | CPU ratio |
| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |";

/// Two lines of the table: ours and theirs.
pub(crate) fn rows(job: &str, goal: Goal, cpu_goal: bool, expected: u64, ours: &Series, theirs: &Series) -> String {
    let mut text = String::new();
    let (ratio, limit, better) = match goal {
        Goal::Time(limit) => (
            ours.time() / theirs.time(),
            format!("≤ {limit}"),
            ours.time() / theirs.time() <= limit,
        ),
        Goal::Rate(limit) => (
            ours.rate() / theirs.rate(),
            format!("≥ {limit}"),
            ours.rate() / theirs.rate() >= limit,
        ),
    };
    let verdict = match (ours.lost(expected) || ours.failed(), better) {
        (true, _) => "**LOST MESSAGES**",
        (false, true) => "yes",
        (false, false) => "**no**",
    };
    let cpu = ours.cpu_each() / theirs.cpu_each();
    let cpu = if cpu_goal && cpu > 0.8 {
        format!("{cpu:.2} **> 0.8**")
    } else {
        format!("{cpu:.2}")
    };
    for (side, series) in [("mqtools", ours), ("mosquitto", theirs)] {
        let (median, worst) = match goal {
            Goal::Time(_) => (span(series.time()), span(series.p99())),
            Goal::Rate(_) => (per_second(series.rate()), span(series.p99())),
        };
        let arrived = series.arrived();
        let loss = if series.lost(expected) {
            format!(
                "{arrived}, **lost {:.0} %**",
                100.0 - arrived as f64 / expected as f64 * 100.0
            )
        } else {
            format!("{arrived}")
        };
        let _ = write!(
            text,
            "| {} | {side} | {median} | {worst} | {:.3} | {:.2} | {:.1} | {loss} |",
            if side == "mqtools" { job } else { "" },
            series.cpu(),
            series.cpu_each(),
            series.peak(),
        );
        if side == "mqtools" {
            let _ = writeln!(text, " {ratio:.2} | {limit}: {verdict} | {cpu} |");
        } else {
            let _ = writeln!(text, " | | |");
        }
    }
    text
}

/// Seconds in words.
pub(crate) fn span(seconds: f64) -> String {
    if seconds < 1.0 {
        format!("{:.2} ms", seconds * 1e3)
    } else {
        format!("{seconds:.2} s")
    }
}

fn per_second(rate: f64) -> String {
    if rate >= 1e6 {
        format!("{:.2} M/s", rate / 1e6)
    } else {
        format!("{:.0} k/s", rate / 1e3)
    }
}

/// The value that so many of a hundred do not exceed.
pub(crate) fn percentile(sorted: &[Duration], percent: usize) -> Duration {
    let last = sorted.len().saturating_sub(1);
    sorted
        .get((sorted.len() * percent / 100).min(last))
        .copied()
        .unwrap_or_default()
}

//! The options of the spool.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

/// Messages on the disk until they are delivered.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Spool")]
pub struct SpoolFlags {
    /// Keep each message in this folder until it is delivered, by this run or another
    ///
    /// A message counts as taken once it is on the disk. Where the broker is out
    /// of reach, a single message ends with status 0, and stderr says that it is
    /// queued; a stream goes on reading. The next run delivers first what is
    /// there. Several runs may have the same folder at once: one delivers. A run
    /// that is killed while it delivers may leave messages that the next one
    /// delivers again, at any QoS: what was underway is not known to it.
    #[arg(long, value_name = "DIR")]
    pub spool: Option<PathBuf>,

    /// When messages are forced to the disk: always (each by itself), batch (those read at once together), none (when the system likes) [default: batch]
    ///
    /// With always and batch, what was taken survives a power failure, with none
    /// only the end of the program.
    #[arg(long, value_name = "SYNC", value_parser = sync)]
    pub spool_sync: Option<Sync>,

    /// How much the spool may hold, such as 500k, 100M or 2G, or how long it keeps a message, such as 12h or 7d
    ///
    /// May be given twice, with a size and a time. Messages that are too old are
    /// dropped and counted; --spool-full says what becomes of those there is no
    /// room for.
    #[arg(long, value_name = "SIZE|AGE", value_parser = limit)]
    pub spool_limit: Vec<Limit>,

    /// When the spool is full: refuse (a new message; a stream waits) or drop-oldest (and count them) [default: refuse]
    #[arg(long, value_name = "POLICY", value_parser = full)]
    pub spool_full: Option<Full>,

    /// End with status 5 when a message could only be queued
    #[arg(long)]
    pub spool_required_delivery: bool,

    /// Deliver what is in the spool, and nothing else
    #[arg(long)]
    pub spool_drain: bool,

    /// Print how many messages are in the spool, their size and the oldest one's age; with --json as JSON
    #[arg(long)]
    pub spool_status: bool,
}

impl SpoolFlags {
    /// The option by which no message is taken, if there is one.
    pub fn without_message(&self) -> Option<&'static str> {
        if self.spool_drain {
            Some("--spool-drain")
        } else {
            self.spool_status.then_some("--spool-status")
        }
    }
}

/// When messages are forced to the disk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sync {
    /// Each by itself, before it counts as taken.
    Always,
    /// Those that were read at once together, before they count as taken.
    #[default]
    Batch,
    /// When the system likes.
    None,
}

/// What happens when the spool is full.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Full {
    /// New messages are not taken.
    #[default]
    Refuse,
    /// The oldest are dropped.
    DropOldest,
}

/// A limit of the spool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// In bytes, at least one.
    Size(u64),
    /// More than none.
    Age(Duration),
}

impl Limit {
    /// The size, if it is one.
    pub fn size(self) -> Option<u64> {
        match self {
            Self::Size(size) => Some(size),
            Self::Age(_) => None,
        }
    }

    /// The age, if it is one.
    pub fn age(self) -> Option<Duration> {
        match self {
            Self::Age(age) => Some(age),
            Self::Size(_) => None,
        }
    }
}

/// When messages are forced to the disk.
fn sync(text: &str) -> Result<Sync, String> {
    match text {
        "always" => Ok(Sync::Always),
        "batch" => Ok(Sync::Batch),
        "none" => Ok(Sync::None),
        _ => Err("must be always, batch or none".to_owned()),
    }
}

/// What happens when the spool is full.
fn full(text: &str) -> Result<Full, String> {
    match text {
        "refuse" => Ok(Full::Refuse),
        "drop-oldest" => Ok(Full::DropOldest),
        _ => Err("must be refuse or drop-oldest".to_owned()),
    }
}

/// A size with its unit (of 1024 each), or a time with its unit; `m` is a minute.
fn limit(text: &str) -> Result<Limit, String> {
    let wrong = || "must be a size such as 500k, 100M or 2G, or a time such as 30m, 12h or 7d".to_owned();
    for (unit, factor) in [("k", 1 << 10), ("K", 1 << 10), ("M", 1 << 20), ("G", 1 << 30)] {
        if let Some(number) = text.strip_suffix(unit) {
            let size = number.parse().ok().and_then(|number: u64| number.checked_mul(factor));
            return size.filter(|size| *size > 0).map(Limit::Size).ok_or_else(wrong);
        }
    }
    match humantime::parse_duration(text) {
        Ok(age) if !age.is_zero() => Ok(Limit::Age(age)),
        _ => Err(wrong()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_a_size_or_a_time() {
        for (text, size) in [
            ("1k", 1 << 10),
            ("500K", 500 << 10),
            ("100M", 100 << 20),
            ("2G", 2 << 30),
        ] {
            assert_eq!(limit(text), Ok(Limit::Size(size)), "{text}");
        }
        for (text, seconds) in [
            ("30s", 30),
            ("10m", 600),
            ("12h", 43_200),
            ("7d", 604_800),
            ("1h 30m", 5400),
        ] {
            assert_eq!(limit(text), Ok(Limit::Age(Duration::from_secs(seconds))), "{text}");
        }
        for bad in [
            "",
            "100",
            "0k",
            "0s",
            "-1M",
            "1.5G",
            "M",
            "99999999999999999999G",
            "17179869184G",
            "x",
        ] {
            assert!(limit(bad).is_err(), "{bad}");
        }
    }
}

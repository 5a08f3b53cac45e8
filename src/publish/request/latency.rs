//! How long replies took: kept in a histogram, so that a long run takes no more
//! memory than a short one.

use std::time::Duration;

use hdrhistogram::Histogram;

/// The time beyond which it does not matter any more.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

/// The latencies of a run, each to three digits.
#[derive(Debug)]
pub(super) struct Latencies(Histogram<u64>);

impl Latencies {
    /// None yet; `None` if there cannot be any.
    pub(super) fn new() -> Option<Self> {
        let longest = u64::try_from(LONGEST.as_micros()).ok()?;
        Histogram::new_with_max(longest, 3).ok().map(Self)
    }

    pub(super) fn note(&mut self, latency: Duration) {
        let micros = u64::try_from(latency.as_micros()).unwrap_or(u64::MAX);
        self.0.saturating_record(micros.max(1));
    }

    /// Least, median, 99th percentile and most; `None` without any reply.
    pub(super) fn summary(&self) -> Option<String> {
        if self.0.is_empty() {
            return None;
        }
        let words = |micros: u64| {
            if micros < 1_000_000 {
                format!("{}.{:03} ms", micros / 1000, micros % 1000)
            } else {
                format!("{}.{:03} s", micros / 1_000_000, micros / 1000 % 1000)
            }
        };
        Some(format!(
            "latency: min {}, median {}, p99 {}, max {}",
            words(self.0.min()),
            words(self.0.value_at_quantile(0.5)),
            words(self.0.value_at_quantile(0.99)),
            words(self.0.max())
        ))
    }
}

/// The line that `mosquitto_rr` has for it.
pub(super) fn line(latency: Duration) -> String {
    let (seconds, nanos) = (latency.as_secs(), latency.subsec_nanos());
    let text = if seconds > 0 {
        format!("{seconds}.{nanos:09}")
    } else if nanos >= 1_000_000 {
        format!("{}.{:06}ms", nanos / 1_000_000, nanos % 1_000_000)
    } else if nanos >= 1000 {
        format!("{}.{:06}µs", nanos / 1000, nanos % 1000 * 1000)
    } else {
        format!("{nanos}ns")
    };
    format!("Latency: {text}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_told_is_right_to_three_digits() {
        let mut latencies = Latencies::new().unwrap();
        assert_eq!(latencies.summary(), None);
        for millis in 1..=1000 {
            latencies.note(Duration::from_millis(millis));
        }
        let text = latencies.summary().unwrap();
        assert_eq!(
            text,
            "latency: min 1.000 ms, median 500.223 ms, p99 990.207 ms, max 1.000 s"
        );
        latencies.note(Duration::from_secs(1_000_000));
        assert!(latencies.summary().is_some());
    }

    #[test]
    fn the_line_of_mosquitto_rr() {
        for (nanos, text) in [
            (7, "7ns"),
            (172_315, "172.315000µs"),
            (12_345_678, "12.345678ms"),
            (1_002_000_003, "1.002000003"),
        ] {
            assert_eq!(line(Duration::from_nanos(nanos)), format!("Latency: {text}\n"));
        }
    }
}

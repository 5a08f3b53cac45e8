//! How long things took: kept in a histogram, so that a long run takes no more
//! memory than a short one.

use std::time::Duration;

use hdrhistogram::Histogram;

/// The time beyond which it does not matter any more.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

/// The latencies of a run, each to three digits.
#[derive(Debug)]
pub(crate) struct Latencies(Histogram<u64>);

impl Latencies {
    /// None yet; `None` if there cannot be any.
    pub(crate) fn new() -> Option<Self> {
        let longest = u64::try_from(LONGEST.as_micros()).ok()?;
        Histogram::new_with_max(longest, 3).ok().map(Self)
    }

    pub(crate) fn note(&mut self, latency: Duration) {
        let micros = u64::try_from(latency.as_micros()).unwrap_or(u64::MAX);
        self.0.saturating_record(micros.max(1));
    }

    /// So many have taken so many microseconds: a row of [`Latencies::rows`].
    pub(crate) fn add(&mut self, micros: u64, count: u64) {
        self.0.saturating_record_n(micros, count);
    }

    /// All of them, in microseconds, each with how many there were.
    pub(crate) fn rows(&self) -> Vec<(u64, u64)> {
        let rows = self.0.iter_recorded();
        rows.map(|row| (row.value_iterated_to(), row.count_at_value()))
            .collect()
    }

    /// What so large a part of them did not take longer than, in milliseconds: of
    /// 0 the least, of 1 the most; `None` without any.
    #[expect(clippy::cast_precision_loss, reason = "a day of microseconds has 37 bits")]
    pub(crate) fn quantile(&self, part: f64) -> Option<f64> {
        let micros = match part {
            _ if self.0.is_empty() => return None,
            0.0 => self.0.min(),
            _ => self.0.value_at_quantile(part).min(self.0.max()),
        };
        Some(micros as f64 / 1000.0)
    }

    /// Least, median, 99th percentile and most; `None` without any reply.
    pub(crate) fn summary(&self) -> Option<String> {
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
        assert_eq!(latencies.quantile(0.0), Some(1.0));
        let mut copy = Latencies::new().unwrap();
        assert_eq!(copy.quantile(0.5), None);
        latencies
            .rows()
            .into_iter()
            .for_each(|(micros, count)| copy.add(micros, count));
        assert_eq!(copy.summary(), Some(text));
        latencies.note(Duration::from_secs(1_000_000));
        assert!(latencies.summary().is_some());
    }
}

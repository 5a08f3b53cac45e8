//! What was measured: of one connection, and of all of them together; as JSON and
//! in words.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::config::bench::Bench;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::latency::Latencies;

/// The numbers of a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Numbers {
    pub(super) sent: u64,
    pub(super) received: u64,
    pub(super) duplicated: u64,
    pub(super) reordered: u64,
    pub(super) refused: u64,
    /// Due by the rate, and never given to the broker.
    pub(super) unsent: u64,
    /// From the first message to the last one.
    pub(super) time: Duration,
}

/// What came of a measurement.
#[derive(Debug)]
pub(super) struct Outcome {
    /// It has begun.
    pub(super) started: bool,
    pub(super) numbers: Numbers,
    pub(super) latencies: Latencies,
    /// What has ended it before its time.
    pub(super) failure: Option<Failure>,
    pub(super) signal: Option<i32>,
}

/// The same as one process hands it to the other.
#[derive(Debug, Serialize, Deserialize)]
struct Parcel {
    started: bool,
    numbers: Numbers,
    latencies: Vec<(u64, u64)>,
    failure: Option<(u8, String, Option<String>)>,
}

/// The result as it is printed.
#[derive(Debug, Serialize)]
struct Object {
    connections: u16,
    qos: u8,
    size: usize,
    seconds: f64,
    sent: u64,
    received: u64,
    lost: u64,
    duplicated: u64,
    reordered: u64,
    refused: u64,
    unsent: u64,
    rate: f64,
    latency_ms: Option<Quantiles>,
}

#[derive(Debug, Serialize)]
struct Quantiles {
    min: f64,
    p50: Option<f64>,
    p90: Option<f64>,
    p99: Option<f64>,
    p999: Option<f64>,
    max: Option<f64>,
}

impl Numbers {
    pub(super) fn lost(&self) -> u64 {
        self.sent.saturating_sub(self.received + self.refused)
    }

    fn add(&mut self, other: &Self) {
        self.sent += other.sent;
        self.received += other.received;
        self.duplicated += other.duplicated;
        self.reordered += other.reordered;
        self.refused += other.refused;
        self.unsent += other.unsent;
        self.time = self.time.max(other.time);
    }

    /// How many have come in a second.
    #[expect(clippy::cast_precision_loss, reason = "a rate is told to a tenth")]
    fn rate(&self) -> f64 {
        let seconds = self.time.as_secs_f64();
        if seconds > 0.0 {
            (self.received as f64 / seconds * 10.0).round() / 10.0
        } else {
            0.0
        }
    }
}

impl Outcome {
    /// Nothing has come yet.
    pub(super) fn new(latencies: Latencies) -> Self {
        Self {
            started: false,
            numbers: Numbers::default(),
            latencies,
            failure: None,
            signal: None,
        }
    }

    /// Makes a parcel of it, in one line.
    pub(super) fn pack(&self) -> Option<String> {
        let failure = self.failure.as_ref();
        let parcel = Parcel {
            started: self.started,
            numbers: self.numbers,
            latencies: self.latencies.rows(),
            failure: failure.map(|why| {
                let hint = why.hint_text().map(ToString::to_string);
                (why.exit() as u8, why.to_string(), hint)
            }),
        };
        serde_json::to_string(&parcel).ok().map(|text| text + "\n")
    }

    /// Adds what is in a parcel; `None` if it is none.
    pub(super) fn unpack(&mut self, text: &str) -> Option<()> {
        let parcel: Parcel = serde_json::from_str(text).ok()?;
        self.started |= parcel.started;
        self.numbers.add(&parcel.numbers);
        for (micros, count) in parcel.latencies {
            self.latencies.add(micros, count);
        }
        if let Some((status, text, hint)) = parcel.failure {
            let kinds = [Exit::Usage, Exit::NoConnection, Exit::Refused, Exit::Undelivered];
            let exit = kinds.into_iter().find(|exit| *exit as u8 == status);
            let failure = Failure::new(exit.unwrap_or(Exit::Failed), text);
            self.failure.get_or_insert(match hint {
                Some(hint) => failure.hint(hint),
                None => failure,
            });
        }
        Some(())
    }

    /// The result, an object of JSON in one line.
    pub(super) fn json(&self, bench: &Bench) -> String {
        let numbers = &self.numbers;
        let millis = |part| self.latencies.quantile(part);
        let latency_ms = millis(0.0).map(|min| Quantiles {
            min,
            p50: millis(0.5),
            p90: millis(0.9),
            p99: millis(0.99),
            p999: millis(0.999),
            max: millis(1.0),
        });
        let object = Object {
            connections: bench.connections,
            qos: bench.qos as u8,
            size: bench.size,
            seconds: (numbers.time.as_secs_f64() * 1e6).round() / 1e6,
            sent: numbers.sent,
            received: numbers.received,
            lost: numbers.lost(),
            duplicated: numbers.duplicated,
            reordered: numbers.reordered,
            refused: numbers.refused,
            unsent: numbers.unsent,
            rate: numbers.rate(),
            latency_ms,
        };
        serde_json::to_string(&object)
            .map(|text| text + "\n")
            .unwrap_or_default()
    }

    /// The same in words.
    pub(super) fn words(&self) -> String {
        let numbers = &self.numbers;
        let messages = if numbers.received == 1 { "message" } else { "messages" };
        let mut text = format!(
            "{} {messages} in {:.3} s, {}/s",
            numbers.received,
            numbers.time.as_secs_f64(),
            numbers.rate()
        );
        for (count, what) in [
            (numbers.lost(), "lost"),
            (numbers.duplicated, "duplicated"),
            (numbers.reordered, "reordered"),
            (numbers.refused, "refused"),
            (numbers.unsent, "not sent in time"),
        ] {
            if count > 0 || what == "lost" {
                text = format!("{text}, {count} {what}");
            }
        }
        match self.latencies.summary() {
            Some(latency) => format!("{text}; {latency}"),
            None => text,
        }
    }

    /// What the run ends with, if not well.
    pub(super) fn fault(&self) -> Option<Failure> {
        let numbers = &self.numbers;
        let lost = match (numbers.lost(), numbers.sent) {
            (0, _) => None,
            (lost, 1) => Some(format!("{lost} of 1 message lost")),
            (lost, sent) => Some(format!("{lost} of {sent} messages lost")),
        };
        match (self.failure.clone(), lost) {
            (Some(why), Some(lost)) => Some(why.context(lost)),
            (Some(why), None) => Some(why),
            (None, Some(lost)) => Some(Failure::new(Exit::Undelivered, lost)),
            (None, None) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(sent: u64, received: u64, millis: u64) -> Outcome {
        let mut outcome = Outcome::new(Latencies::new().unwrap());
        outcome.started = true;
        outcome.numbers = Numbers {
            sent,
            received,
            duplicated: 1,
            time: Duration::from_millis(millis),
            ..Numbers::default()
        };
        outcome.latencies.note(Duration::from_millis(millis));
        outcome
    }

    #[test]
    fn parcels_add_up() {
        let mut whole = Outcome::new(Latencies::new().unwrap());
        whole.unpack(&outcome(10, 10, 500).pack().unwrap()).unwrap();
        let mut second = outcome(20, 17, 1000);
        second.failure = Some(Failure::new(Exit::Refused, "no").hint("ask"));
        whole.unpack(&second.pack().unwrap()).unwrap();
        assert_eq!(whole.unpack("ready"), None);
        let numbers = whole.numbers;
        assert_eq!((numbers.sent, numbers.received, numbers.duplicated), (30, 27, 2));
        assert_eq!(numbers.time, Duration::from_secs(1));
        assert_eq!(whole.latencies.rows().len(), 2);
        let fault = whole.fault().unwrap();
        assert_eq!((fault.exit(), fault.hint_text().is_some()), (Exit::Refused, true));
        assert_eq!(fault.to_string(), "3 of 30 messages lost: no");
    }

    #[test]
    fn what_is_told() {
        let text = outcome(10, 9, 500).words();
        assert_eq!(
            text,
            "9 messages in 0.500 s, 18/s, 1 lost, 1 duplicated; latency: min 499.968 ms, median 500.223 ms, \
             p99 500.223 ms, max 500.223 ms"
        );
        assert_eq!(outcome(10, 9, 500).fault().unwrap().exit(), Exit::Undelivered);
        assert_eq!(outcome(9, 9, 500).fault(), None);
    }
}

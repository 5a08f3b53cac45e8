//! What a check found, in words, as JSON, or for a monitor.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use serde_json::{Map, Value, json};

use crate::config::connection::Version;
use crate::config::probe::{Account, Limits};
use crate::entry::{self, Ending};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::property;
use crate::session::Said;

/// How a step went.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Outcome {
    Took(Duration),
    /// The broker does not have it; that is no fault.
    Unsupported(String),
    Failed(Failure),
}

/// The steps, in the order in which they were done.
#[derive(Debug, Default)]
pub(super) struct Steps {
    done: Vec<(&'static str, Outcome)>,
    /// From the start until a message of each level had come back.
    pub(super) round: Option<Duration>,
    /// When the retained message was published.
    pub(super) retained_since: Option<Instant>,
}

impl Steps {
    pub(super) fn note(&mut self, name: &'static str, outcome: Outcome) {
        self.done.push((name, outcome));
    }

    /// It was only the beginning of a step.
    pub(super) fn forget(&mut self, name: &str) {
        self.done.retain(|(other, _)| *other != name);
    }

    /// What went wrong, if something did.
    pub(super) fn failure(&self) -> Option<(&'static str, &Failure)> {
        self.done.iter().find_map(|(name, outcome)| match outcome {
            Outcome::Failed(why) => Some((*name, why)),
            _ => None,
        })
    }
}

/// What a broker has, as far as it is known.
#[derive(Debug)]
pub(super) struct Broker {
    version: Version,
    /// What CONNACK says is the highest level.
    most_said: Option<u32>,
    /// The level that a subscription was granted with.
    granted: Option<u8>,
    pub(super) retain: Option<bool>,
    pub(super) wildcards: Option<bool>,
    pub(super) shared: Option<bool>,
    identifiers: Option<bool>,
    alias_maximum: Option<u32>,
    packet_maximum: Option<u32>,
    receive_maximum: Option<u32>,
    keep_alive: Option<u32>,
    assigned_id: Option<String>,
}

impl Broker {
    pub(super) fn new(version: Version) -> Self {
        Self {
            version,
            most_said: None,
            granted: None,
            retain: None,
            wildcards: None,
            shared: None,
            identifiers: None,
            alias_maximum: None,
            packet_maximum: None,
            receive_maximum: None,
            keep_alive: None,
            assigned_id: None,
        }
    }

    /// Takes up what CONNACK says (MQTT 5, 3.2.2.3). What it leaves out it has.
    pub(super) fn heard(&mut self, said: &Said) {
        if self.version != Version::V5 {
            return;
        }
        let number = |id| said.properties.number(id);
        let has = |id| Some(number(id) != Some(0));
        self.most_said = Some(number(property::MAXIMUM_QOS).unwrap_or(2));
        self.retain = has(property::RETAIN_AVAILABLE);
        self.wildcards = has(property::WILDCARD_SUBSCRIPTION_AVAILABLE);
        self.shared = has(property::SHARED_SUBSCRIPTION_AVAILABLE);
        self.identifiers = has(property::SUBSCRIPTION_IDENTIFIERS_AVAILABLE);
        self.alias_maximum = Some(number(property::TOPIC_ALIAS_MAXIMUM).unwrap_or(0));
        self.packet_maximum = number(property::MAXIMUM_PACKET_SIZE);
        self.receive_maximum = Some(number(property::RECEIVE_MAXIMUM).unwrap_or(u16::MAX.into()));
        self.keep_alive = number(property::SERVER_KEEP_ALIVE);
        let assigned = said.properties.text(property::ASSIGNED_CLIENT_IDENTIFIER);
        self.assigned_id = assigned.map(str::to_owned);
    }

    /// Takes up the level that a subscription was granted with.
    pub(super) fn granted(&mut self, code: Option<u8>) {
        self.granted = code.filter(|code| *code <= 2);
    }

    /// The highest level, if it is known.
    pub(super) fn most(&self) -> Option<u8> {
        let said = self.most_said.and_then(|most| u8::try_from(most).ok());
        [said, self.granted].into_iter().flatten().min()
    }

    /// Each with its value, `null` where it is not known.
    fn rows(&self) -> Vec<(&'static str, Value)> {
        let five = self.version == Version::V5;
        let mut rows = vec![
            ("maximum_qos", json!(self.most())),
            ("retain", json!(self.retain)),
            ("wildcard_subscriptions", json!(self.wildcards)),
            ("shared_subscriptions", json!(self.shared)),
        ];
        if five {
            rows.extend([
                ("subscription_identifiers", json!(self.identifiers)),
                ("topic_alias_maximum", json!(self.alias_maximum)),
                ("maximum_packet_size", json!(self.packet_maximum)),
                ("receive_maximum", json!(self.receive_maximum)),
                ("server_keep_alive", json!(self.keep_alive)),
                ("assigned_client_identifier", json!(self.assigned_id)),
            ]);
        }
        rows
    }
}

/// Tells it in the form that was asked for.
pub(super) fn tell(steps: &Steps, broker: &Broker, host: &str, account: Account) -> anyhow::Result<Ending> {
    match account {
        Account::Text => entry::print_out(&text(steps, broker, host))?,
        Account::Json => entry::print_out(&object(steps, broker, host))?,
        Account::Nagios(limits) => {
            let (status, line) = monitor(steps, limits);
            entry::print_out(&line)?;
            return Ok(Ending::Plugin(status));
        }
    }
    match steps.failure() {
        Some((name, why)) => Err(why.clone().context(name).into()),
        None => Ok(Ending::Status(Exit::Done)),
    }
}

fn milliseconds(time: Duration) -> f64 {
    (time.as_secs_f64() * 1e6).round() / 1e3
}

fn text(steps: &Steps, broker: &Broker, host: &str) -> String {
    let mut text = format!("{host}, {}\n", broker.version);
    for (name, outcome) in &steps.done {
        let _ = match outcome {
            Outcome::Took(time) => writeln!(text, "{name:<12}{:>10.3} ms", milliseconds(*time)),
            Outcome::Unsupported(why) => writeln!(text, "{name:<12}{:>10}     {why}", "-"),
            Outcome::Failed(why) => writeln!(text, "{name:<12}{:>10}     {why}", "failed"),
        };
    }
    if let Some(round) = steps.round {
        let _ = writeln!(text, "{:<12}{:>10.3} ms", "round trip", milliseconds(round));
    }
    for (name, value) in broker.rows() {
        let value = match value {
            Value::Null => continue,
            Value::Bool(true) => "yes".to_owned(),
            Value::Bool(false) => "no".to_owned(),
            Value::String(text) => crate::failure::quote(&text),
            other => other.to_string(),
        };
        let _ = writeln!(text, "{}: {value}", name.replace('_', " "));
    }
    text
}

fn object(steps: &Steps, broker: &Broker, host: &str) -> String {
    let each = steps.done.iter().map(|(name, outcome)| {
        let mut step = Map::new();
        step.insert("name".to_owned(), json!(name));
        match outcome {
            Outcome::Took(time) => {
                step.insert("outcome".to_owned(), json!("ok"));
                step.insert("ms".to_owned(), json!(milliseconds(*time)));
            }
            Outcome::Unsupported(why) => {
                step.insert("outcome".to_owned(), json!("unsupported"));
                step.insert("why".to_owned(), json!(why));
            }
            Outcome::Failed(why) => {
                step.insert("outcome".to_owned(), json!("failed"));
                step.insert("why".to_owned(), json!(why.to_string()));
            }
        }
        Value::Object(step)
    });
    let support = broker.rows().into_iter();
    let support: Map<String, Value> = support.map(|(name, value)| (name.to_owned(), value)).collect();
    let object = json!({
        "ok": steps.failure().is_none(),
        "broker": host,
        "version": broker.version.to_string(),
        "round_trip_ms": steps.round.map(milliseconds),
        "steps": each.collect::<Vec<_>>(),
        "supports": support,
    });
    format!("{object}\n")
}

/// The status and the line of a plugin (Monitoring Plugins Development
/// Guidelines): 0 is fine, 1 worth a warning, 2 critical, 3 not known.
fn monitor(steps: &Steps, limits: Limits) -> (u8, String) {
    let exceeds = |limit: Option<Duration>| limit.zip(steps.round).is_some_and(|(limit, round)| round > limit);
    let (status, word) = match steps.failure() {
        Some((_, why)) if why.exit() == Exit::Usage => (3, "UNKNOWN"),
        Some(_) => (2, "CRITICAL"),
        None if exceeds(limits.crit) => (2, "CRITICAL"),
        None if exceeds(limits.warn) => (1, "WARNING"),
        None => (0, "OK"),
    };
    let round = steps
        .round
        .map(|round| format!("round trip {:.3} ms", milliseconds(round)));
    let said = match (steps.failure(), round) {
        (Some((name, why)), _) => format!("{name}: {why}"),
        (None, Some(round)) => round,
        (None, None) => "nothing was tried".to_owned(),
    };
    // A bar begins the figures, and a line is all there is.
    let mut line = format!("MQTT {word} - {}", said.replace(['|', '\n', '\r'], "/"));
    let seconds = |limit: Option<Duration>| limit.map(|limit| limit.as_secs_f64().to_string()).unwrap_or_default();
    let mut figures = Vec::new();
    if let Some(round) = steps.round {
        let (warn, crit) = (seconds(limits.warn), seconds(limits.crit));
        figures.push(format!("time={:.6}s;{warn};{crit};0", round.as_secs_f64()));
    }
    for (name, outcome) in &steps.done {
        if let Outcome::Took(time) = outcome {
            figures.push(format!("{}={:.6}s;;;0", name.replace(' ', ""), time.as_secs_f64()));
        }
    }
    if !figures.is_empty() {
        let _ = write!(line, " | {}", figures.join(" "));
    }
    line.push('\n');
    (status, line)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn steps(failure: Option<Failure>) -> Steps {
        let mut steps = Steps::default();
        steps.note("connect", Outcome::Took(Duration::from_micros(1500)));
        steps.note(
            "qos 2",
            Outcome::Unsupported("the broker takes no more than QoS 1".to_owned()),
        );
        match failure {
            Some(why) => steps.note("retained", Outcome::Failed(why)),
            None => steps.round = Some(Duration::from_millis(250)),
        }
        steps
    }

    #[test]
    fn a_monitor_gets_a_status_and_figures() {
        let limits = |warn, crit| Limits {
            warn: Some(Duration::from_millis(warn)),
            crit: Some(Duration::from_millis(crit)),
        };
        for (warn, crit, status, word) in [(500, 900, 0, "OK"), (100, 900, 1, "WARNING"), (100, 200, 2, "CRITICAL")] {
            let (told, line) = monitor(&steps(None), limits(warn, crit));
            assert_eq!(told, status);
            let (warn, crit) = (warn / 100, crit / 100);
            let figures = format!("time=0.250000s;0.{warn};0.{crit};0 connect=0.001500s;;;0");
            assert_eq!(line, format!("MQTT {word} - round trip 250.000 ms | {figures}\n"));
        }
        let failure = Failure::new(Exit::Undelivered, "a|b\nc");
        let (status, line) = monitor(&steps(Some(failure)), limits(1, 2));
        assert_eq!(status, 2);
        assert_eq!(line, "MQTT CRITICAL - retained: a/b/c | connect=0.001500s;;;0\n");
        let unknown = Failure::new(Exit::Usage, "x");
        assert_eq!(monitor(&steps(Some(unknown)), limits(1, 2)).0, 3);
    }

    #[test]
    fn all_of_it_is_told() {
        let mut broker = Broker::new(Version::V311);
        broker.granted(Some(1));
        broker.shared = Some(false);
        let told = text(&steps(None), &broker, "h:1");
        let expected = "h:1, MQTT 3.1.1\n\
                        connect          1.500 ms\n\
                        qos 2                -     the broker takes no more than QoS 1\n\
                        round trip     250.000 ms\n\
                        maximum qos: 1\n\
                        shared subscriptions: no\n";
        assert_eq!(told, expected);
        let json: Value = serde_json::from_str(&object(&steps(None), &broker, "h:1")).unwrap();
        assert_eq!(json["ok"], true);
        assert_eq!(json["steps"][0]["ms"], 1.5);
        assert_eq!(json["supports"]["retain"], Value::Null);
    }
}

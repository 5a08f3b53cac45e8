//! What the options mean that try a broker out.

use std::time::Duration;

use super::check::{apart, own, usage};
use super::connection::Connection;
use crate::failure::{Failure, quote};
use crate::flags::PublishFlags;
use crate::message::{Qos, Topic};

/// The topic below which the messages are, unless it is said.
const PREFIX: &str = "mqtools/check";

/// How long each answer may take, unless it is said.
const WAIT: Duration = Duration::from_secs(5);

/// How the account is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Account {
    /// A line a step.
    Text,
    /// An object of JSON.
    Json,
    /// A line for a monitor.
    Nagios(Limits),
}

/// What a monitor is to find too slow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Worth a warning.
    pub warn: Option<Duration>,
    /// Critical.
    pub crit: Option<Duration>,
}

/// How a broker is to be tried out.
#[derive(Clone, Debug)]
pub struct Probe {
    /// The broker.
    pub connection: Connection,
    /// The topic below which the messages are.
    pub prefix: Topic,
    /// How the account is given.
    pub account: Account,
    /// How long each answer may take.
    pub wait: Duration,
    /// How long everything may take.
    pub timeout: Option<Duration>,
    /// What was accepted and has no effect, one sentence each.
    pub warnings: Vec<String>,
}

impl Probe {
    /// Gives the flags their meaning; `None` if nothing is to be tried out.
    ///
    /// # Errors
    /// [`Exit::Usage`](crate::exit::Exit::Usage), with the options named.
    pub fn new(flags: &PublishFlags) -> Result<Option<Self>, Failure> {
        needs_check(flags)?;
        if !flags.probe.check {
            return Ok(None);
        }
        let check = (true, "--check");
        own::messages(check, flags)?;
        for other in [
            (!flags.message.topic.is_empty(), "-t"),
            (flags.message.qos != Qos::AtMostOnce, "-q"),
            (flags.pace.rate.is_some(), "--rate"),
            (flags.shared.connection.max_inflight.is_some(), "-M"),
        ] {
            apart(check, other)?;
        }
        let common = super::common(flags)?;
        apart(check, (!common.url_topics.is_empty(), "a topic in -L"))?;
        let given = &flags.probe;
        let prefix = given.check_prefix.as_deref().unwrap_or(PREFIX);
        let prefix = Topic::new(prefix.trim_end_matches('/')).map_err(|why| {
            usage(format!(
                "--check-prefix: cannot publish below topic {}: {why}",
                quote(prefix)
            ))
        })?;
        Ok(Some(Self {
            connection: common.connection,
            prefix,
            account: match (given.nagios, flags.input.json) {
                (true, _) => Account::Nagios(Limits {
                    warn: given.warn,
                    crit: given.crit,
                }),
                (false, true) => Account::Json,
                (false, false) => Account::Text,
            },
            wait: given.check_wait.unwrap_or(WAIT),
            timeout: flags.pace.timeout,
            warnings: common.warnings,
        }))
    }
}

/// What means nothing without `--check`, or without `--nagios`.
fn needs_check(flags: &PublishFlags) -> Result<(), Failure> {
    let given = &flags.probe;
    for (option, is_given) in [
        ("--check-prefix", given.check_prefix.is_some()),
        ("--check-wait", given.check_wait.is_some()),
        ("--nagios", given.nagios),
    ] {
        if is_given && !given.check {
            return Err(usage(format!("{option} needs --check")));
        }
    }
    for (option, is_given) in [("--warn", given.warn.is_some()), ("--crit", given.crit.is_some())] {
        if is_given && !given.nagios {
            return Err(usage(format!("{option} needs --check --nagios")));
        }
    }
    if let (Some(warn), Some(crit)) = (given.warn, given.crit)
        && warn > crit
    {
        return Err(usage("--warn must not be longer than --crit"));
    }
    apart((given.nagios, "--nagios"), (flags.input.json, "--json"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flags;

    fn probe(line: &str) -> Result<Option<Probe>, String> {
        let flags: PublishFlags = flags::parse(line.split(' ').map(Into::into)).unwrap();
        Probe::new(&flags).map_err(|failure| failure.to_string())
    }

    #[test]
    fn defaults_and_what_is_said() {
        assert!(probe("mqpub -t t -m x").unwrap().is_none());
        let plain = probe("mqpub --check").unwrap().unwrap();
        assert_eq!((plain.prefix.as_str(), plain.wait), (PREFIX, WAIT));
        assert_eq!((plain.account, plain.timeout), (Account::Text, None));
        let said = probe("mqpub --check --check-prefix a/b/ --check-wait 2 --json -W 9 -V 5");
        let said = said.unwrap().unwrap();
        assert_eq!((said.prefix.as_str(), said.account), ("a/b", Account::Json));
        assert_eq!(said.timeout, Some(Duration::from_secs(9)));
        let nagios = probe("mqpub --check --nagios --warn 0.5 --crit 2").unwrap().unwrap();
        let limits = Limits {
            warn: Some(Duration::from_millis(500)),
            crit: Some(Duration::from_secs(2)),
        };
        assert_eq!(nagios.account, Account::Nagios(limits));
    }

    #[test]
    fn what_does_not_go_together_is_named() {
        for (line, why) in [
            ("-t t -m x --nagios", "--nagios needs --check"),
            ("-t t -m x --check-prefix a", "--check-prefix needs --check"),
            ("--check --warn 1", "--warn needs --check --nagios"),
            (
                "--check --nagios --warn 2 --crit 1",
                "--warn must not be longer than --crit",
            ),
            ("--check --nagios --json", "--nagios and --json cannot be used together"),
            ("--check -t t", "--check and -t cannot be used together"),
            ("--check -l", "--check and -l cannot be used together"),
            ("--check -q 1", "--check and -q cannot be used together"),
            ("--check --spool d", "--check and --spool cannot be used together"),
            ("--check -c -i a", "--check and -c cannot be used together"),
            (
                "--check -L mqtt://h/t",
                "--check and a topic in -L cannot be used together",
            ),
        ] {
            assert_eq!(probe(&format!("mqpub {line}")).unwrap_err(), why, "{line}");
        }
        assert!(
            probe("mqpub --check --check-prefix /")
                .unwrap_err()
                .contains("--check-prefix")
        );
    }
}

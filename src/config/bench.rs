//! What the options mean that measure a broker.

use std::time::Duration;

use super::check::{apart, own, usage};
use super::connection::{Connection, InFlight};
use crate::failure::{Failure, quote};
use crate::flags::PublishFlags;
use crate::flags::value::Rate;
use crate::message::{Properties, Qos, Topic};
use crate::property::{SESSION_EXPIRY_INTERVAL, TOPIC_ALIAS};

/// The topic below which the messages are, unless it is said.
const PREFIX: &str = "mqtools/bench";

/// How long it publishes, unless it is said.
const DURATION: Duration = Duration::from_secs(10);

/// How large the payloads are, unless it is said.
const SIZE: usize = 64;

/// The least size of a payload: its number, and when it was sent.
pub const LEAST: usize = 16;

/// How a broker is to be measured.
#[derive(Clone, Debug)]
pub struct Bench {
    /// The broker.
    pub connection: Connection,
    /// The topic below which the messages are.
    pub prefix: Topic,
    /// Of the messages, and of the subscription.
    pub qos: Qos,
    /// MQTT 5: of each message.
    pub properties: Properties,
    /// MQTT 5: of the subscription.
    pub subscribe: Properties,
    /// The size of each payload, in bytes: [`LEAST`] or more.
    pub size: usize,
    /// How many messages of a connection may be under way at once.
    pub window: InFlight,
    /// The pace of each connection; `None` for as fast as it goes.
    pub rate: Option<Rate>,
    /// How long it publishes.
    pub duration: Duration,
    /// How many connections there are, at least one.
    pub connections: u16,
    /// What was accepted and has no effect, one sentence each.
    pub warnings: Vec<String>,
}

impl Bench {
    /// Gives the flags their meaning; `None` if nothing is to be measured.
    ///
    /// # Errors
    /// [`Exit::Usage`](crate::exit::Exit::Usage), with the options named.
    pub fn new(flags: &PublishFlags) -> Result<Option<Self>, Failure> {
        needs_bench(flags)?;
        if !flags.bench.bench {
            return Ok(None);
        }
        alone(flags)?;
        let given = &flags.bench;
        let connections = given.connections.unwrap_or(1);
        if connections > 1 {
            one_secret(flags)?;
        }
        let size = given.size.unwrap_or(SIZE);
        if size < LEAST {
            return Err(usage(format!("--size must be {LEAST} bytes or more")));
        }
        let mut common = super::common(flags)?;
        let expiry = common.connection.properties.has(SESSION_EXPIRY_INTERVAL);
        apart((true, "--bench"), (expiry, "-D connect session-expiry-interval"))?;
        let alias = common.properties.publish.has(TOPIC_ALIAS);
        apart((true, "--bench"), (alias, "-D publish topic-alias"))?;
        let prefix = flags.message.topic.first().cloned().or(common.url_topics.pop());
        let prefix = prefix.as_deref().unwrap_or(PREFIX);
        let prefix = Topic::new(prefix.trim_end_matches('/'))
            .map_err(|why| usage(format!("-t: cannot publish below topic {}: {why}", quote(prefix))))?;
        let qos = flags.message.qos;
        let mut window = common.window;
        if qos == Qos::ExactlyOnce {
            // What waits for the broker to have room is not to be measured.
            window.most = window.most.min(window.kept(common.connection.version));
        }
        Ok(Some(Self {
            prefix,
            qos,
            properties: common.properties.publish,
            subscribe: common.properties.subscribe,
            size,
            window,
            rate: flags.pace.rate,
            duration: given.duration.unwrap_or(DURATION),
            connections,
            connection: common.connection,
            warnings: common.warnings,
        }))
    }
}

/// What means nothing without `--bench`.
fn needs_bench(flags: &PublishFlags) -> Result<(), Failure> {
    let given = &flags.bench;
    for (option, is_given) in [
        ("--connections", given.connections.is_some()),
        ("--for", given.duration.is_some()),
        ("--size", given.size.is_some()),
    ] {
        if is_given && !given.bench {
            return Err(usage(format!("{option} needs --bench")));
        }
    }
    Ok(())
}

/// What means nothing with it.
fn alone(flags: &PublishFlags) -> Result<(), Failure> {
    let bench = (true, "--bench");
    own::messages(bench, flags)?;
    for other in [
        (flags.probe.check, "--check"),
        (flags.message.topic.len() > 1, "several -t"),
        (flags.input.json, "--json"),
        (flags.pace.timeout.is_some(), "-W"),
    ] {
        apart(bench, other)?;
    }
    Ok(())
}

/// Each connection is made by a process of its own, which has to find out what it
/// needs by itself, and has a session of its own.
fn one_secret(flags: &PublishFlags) -> Result<(), Failure> {
    let (connection, tls) = (&flags.shared.connection, &flags.shared.tls);
    let several = (true, "several --connections");
    apart(several, (connection.id.is_some(), "-i"))?;
    apart(several, (connection.ask_password, "--ask-password"))?;
    apart(several, (connection.password_fd.is_some(), "--password-fd"))?;
    if tls.key_passphrase.is_some() && tls.key_passphrase_file.is_none() {
        return Err(usage("--connections needs --key-passphrase-file: each asks for itself"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flags;

    fn bench(line: &str) -> Result<Option<Bench>, String> {
        let flags: PublishFlags = flags::parse(line.split(' ').map(Into::into)).unwrap();
        Bench::new(&flags).map_err(|failure| failure.to_string())
    }

    #[test]
    fn defaults_and_what_is_said() {
        assert!(bench("mqpub -t t -m x").unwrap().is_none());
        let plain = bench("mqpub --bench").unwrap().unwrap();
        assert_eq!((plain.prefix.as_str(), plain.duration), (PREFIX, DURATION));
        assert_eq!((plain.size, plain.window.most, plain.connections), (64, 100, 1));
        assert_eq!((plain.qos, plain.rate), (Qos::AtMostOnce, None));
        let exactly = bench("mqpub --bench -q 2").unwrap().unwrap();
        assert_eq!(exactly.window.most, 16);
        let said = "mqpub --bench -L mqtt://h/a/b -q 1 --rate 50/s --for 300ms --size 1k -M 7 --connections 3";
        let said = bench(said).unwrap().unwrap();
        assert_eq!((said.prefix.as_str(), said.size, said.window.most), ("a/b", 1024, 7));
        assert_eq!((said.connections, said.rate.unwrap().count), (3, 50));
        assert_eq!(said.duration, Duration::from_millis(300));
        assert_eq!(bench("mqpub --bench -t x/").unwrap().unwrap().prefix.as_str(), "x");
    }

    #[test]
    fn what_does_not_go_together_is_named() {
        for (line, other) in [
            ("-t a -t b", "several -t"),
            ("-m x", "-m"),
            ("-l", "-l"),
            ("-r", "-r"),
            ("--json", "--json"),
            ("--repeat 2", "--repeat"),
            ("-W 1", "-W"),
            ("--check", "--check"),
            ("--request", "--request"),
            ("--spool d", "--spool"),
            ("--stats", "--stats"),
            ("-c -i a", "-c"),
            ("-x 5", "-x"),
            (
                "-D connect session-expiry-interval 5",
                "-D connect session-expiry-interval",
            ),
            ("-D publish topic-alias 5", "-D publish topic-alias"),
            ("--will-topic w", "--will-topic"),
            ("--no-reconnect", "--no-reconnect"),
            ("--dry-run", "--dry-run"),
        ] {
            let why = format!("--bench and {other} cannot be used together");
            assert_eq!(bench(&format!("mqpub --bench {line}")).unwrap_err(), why);
        }
        for (line, why) in [
            ("-t t -m x --for 3", "--for needs --bench"),
            ("-t t -m x --size 300", "--size needs --bench"),
            ("-t t -m x --connections 3", "--connections needs --bench"),
            ("--bench -v", "-v needs --request"),
            ("--bench --size 15", "--size must be 16 bytes or more"),
            (
                "--bench --connections 2 -i a",
                "several --connections and -i cannot be used together",
            ),
            (
                "--bench --connections 2 --ask-password",
                "several --connections and --ask-password cannot be used together",
            ),
        ] {
            assert_eq!(bench(&format!("mqpub {line}")).unwrap_err(), why);
        }
        assert!(bench("mqpub --bench --connections 1 -i a").is_ok());
    }
}

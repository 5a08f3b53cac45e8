//! The relations between options, as small named checks. Each message names the
//! options that do not go together.

use std::net::IpAddr;

use super::connection::{Route, Version};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::flags::PublishFlags;
use crate::flags::connection::ConnectionFlags;
use crate::flags::publish::{AccountFlags, InputFlags, PaceFlags};
use crate::property::{Properties, TOPIC_ALIAS};

pub(super) mod own;
pub(super) mod request;
pub(super) mod spool;

pub(super) fn usage(why: impl Into<String>) -> Failure {
    Failure::new(Exit::Usage, why)
}

/// The checks of the shared options.
pub(super) fn connection(flags: &ConnectionFlags) -> Result<(), Failure> {
    one_id(flags)?;
    ws_path(flags)
}

fn one_id(flags: &ConnectionFlags) -> Result<(), Failure> {
    apart((flags.id.is_some(), "-i"), (flags.id_prefix.is_some(), "-I"))
}

/// A session that outlives a run is found again by the client identifier, which
/// `-I` makes another one for each run.
pub(super) fn kept_session(flags: &ConnectionFlags, version: Version, expiry: Option<u32>) -> Result<(), Failure> {
    let kept = flags.disable_clean_session;
    let for_ever = expiry == Some(u32::MAX);
    if flags.id.is_some() {
        Ok(())
    } else if kept && (version != Version::V5 || flags.id_prefix.is_none()) {
        Err(usage("-c needs -i: the broker keeps a session for a client identifier"))
    } else if kept && for_ever {
        Err(usage("-c with -I needs -x: a session that never expires needs -i"))
    } else if for_ever {
        Err(usage(
            "a session that never expires needs -i: the broker keeps it for a client identifier",
        ))
    } else {
        Ok(())
    }
}

fn ws_path(flags: &ConnectionFlags) -> Result<(), Failure> {
    if flags.ws_path.starts_with('/') {
        Ok(())
    } else {
        Err(usage("--ws-path must begin with '/'"))
    }
}

/// What lies between the hosts and MQTT.
pub(super) fn ways(flags: &ConnectionFlags, websocket: bool) -> Result<(), Failure> {
    if !websocket && !flags.ws_header.is_empty() {
        return Err(usage("--ws-header needs --ws"));
    }
    apart((flags.ipv4, "--ipv4"), (flags.ipv6, "--ipv6"))?;
    // There are records for MQTT over TCP and over TLS only.
    apart((flags.srv, "-S"), (websocket, "--ws"))?;
    apart((flags.srv, "-S"), (flags.port.is_some(), "-p"))
}

/// What the hosts turn out to be.
pub(super) fn hosts(flags: &ConnectionFlags, routes: &[Route]) -> Result<(), Failure> {
    for Route { host, .. } in routes {
        let is_socket = host.socket_path().is_some();
        let proxied = flags.proxy.as_deref().is_some_and(|proxy| proxy != super::proxy::NONE);
        apart((proxied, "--proxy"), (is_socket, "--unix"))?;
        apart((flags.bind.is_some(), "-A"), (is_socket, "--unix"))?;
        apart((flags.ipv4, "--ipv4"), (is_socket, "--unix"))?;
        apart((flags.ipv6, "--ipv6"), (is_socket, "--unix"))?;
        apart((flags.srv, "-S"), (is_socket, "--unix"))?;
        if flags.srv && host.name.parse::<IpAddr>().is_ok() {
            return Err(usage(format!("-S needs a domain, not the address {}", host.name)));
        }
    }
    Ok(())
}

/// Two options, each with whether it was given, that exclude one another.
pub(super) fn apart(one: (bool, &str), other: (bool, &str)) -> Result<(), Failure> {
    match (one, other) {
        ((true, one), (true, other)) => Err(usage(format!("{one} and {other} cannot be used together"))),
        _ => Ok(()),
    }
}

/// The checks of mqpub's options.
pub(super) fn publish(flags: &PublishFlags) -> Result<(), Failure> {
    one_payload(flags)?;
    stdin_once(flags)?;
    one_framing(&flags.input)?;
    one_record(&flags.input)?;
    one_source_of_topics(flags)?;
    one_pace(&flags.pace)?;
    replay(flags)?;
    template(&flags.input)?;
    repetition(&flags.pace, flags.stream())?;
    account(&flags.account, flags.stream(), flags.shared.general.quiet)
}

/// Exactly one way to say what the payload is.
fn one_payload(flags: &PublishFlags) -> Result<(), Failure> {
    if flags.spool.without_message().is_some() {
        return Ok(());
    }
    let message = &flags.message;
    let other = !message.file.is_empty() || flags.stream().is_some() || message.stdin_file;
    let given: Vec<&str> = [
        // With a template it may say what the other becomes.
        (message.message.is_some() && !(flags.input.template && other)).then_some("-m"),
        (!message.file.is_empty()).then_some("-f"),
        flags.stream(),
        message.stdin_file.then_some("-s"),
        message.null_message.then_some("-n"),
    ]
    .into_iter()
    .flatten()
    .collect();
    match given.as_slice() {
        [_] => Ok(()),
        [] => Err(usage("no message: one of -m, -f, -l, -s and -n is needed")),
        [first, second, ..] => Err(usage(format!("{first} and {second} cannot be used together"))),
    }
}

fn stdin_once(flags: &PublishFlags) -> Result<(), Failure> {
    match flags.message.file.iter().filter(|file| file.as_os_str() == "-").count() {
        0 | 1 => Ok(()),
        _ => Err(usage("-f -: stdin can be read only once")),
    }
}

fn one_framing(flags: &InputFlags) -> Result<(), Failure> {
    let (delimiter, nul, framed) = (
        (flags.delimiter.is_some(), "--delimiter"),
        (flags.nul, "-0"),
        (flags.framed, "--framed"),
    );
    apart(delimiter, nul)?;
    apart(delimiter, framed)?;
    apart(nul, framed)
}

/// A record has its topic in it, and is a line.
fn one_record(flags: &InputFlags) -> Result<(), Failure> {
    for other in [
        (flags.key_separator.is_some(), "--key-separator"),
        (flags.delimiter.is_some(), "--delimiter"),
        (flags.nul, "-0"),
        (flags.framed, "--framed"),
    ] {
        apart((flags.json, "--json"), other)?;
    }
    Ok(())
}

fn one_source_of_topics(flags: &PublishFlags) -> Result<(), Failure> {
    let topics = (!flags.message.topic.is_empty(), "-t");
    apart((flags.input.key_separator.is_some(), "--key-separator"), topics)
}

/// A topic alias stands for one topic.
pub(super) fn one_alias(properties: &Properties, topics: usize, flags: &InputFlags) -> Result<(), Failure> {
    let alias = (properties.has(TOPIC_ALIAS), "-D publish topic-alias");
    apart(alias, (topics > 1, "several -t"))?;
    apart(alias, (flags.key_separator.is_some(), "--key-separator"))?;
    apart(alias, (flags.json, "--json"))
}

fn one_pace(flags: &PaceFlags) -> Result<(), Failure> {
    let (every, rate, delay) = (
        (flags.every.is_some(), "--every"),
        (flags.rate.is_some(), "--rate"),
        (flags.repeat_delay.is_some(), "--repeat-delay"),
    );
    apart(every, rate)?;
    apart(every, delay)?;
    apart(delay, rate)
}

/// Only records have times, and their own pace; and only they have topics to put
/// something before.
fn replay(flags: &PublishFlags) -> Result<(), Failure> {
    let (replay, pace) = (&flags.replay, &flags.pace);
    let needs = |option: &str, other: &str| Err(usage(format!("{option} needs {other}")));
    if !flags.input.json {
        if replay.replay {
            let hint = "mqsub --json records what mqpub --json --replay plays back";
            return Err(usage("--replay needs --json").hint(hint));
        }
        if replay.topic_prefix.is_some() {
            return needs("--topic-prefix", "--json");
        }
    }
    if !replay.replay {
        if replay.speed.is_some() {
            return needs("--speed", "--replay");
        }
        if replay.rounds.is_some() {
            return needs("--loop", "--replay");
        }
    }
    apart((replay.replay, "--replay"), (pace.rate.is_some(), "--rate"))?;
    apart(
        (replay.rounds.is_some_and(|rounds| rounds > 1), "--loop"),
        (flags.account.tee, "--tee"),
    )
}

/// A record with its topic in it is no place for patterns.
fn template(flags: &InputFlags) -> Result<(), Failure> {
    let template = (flags.template, "--template");
    apart(template, (flags.json, "--json"))?;
    apart(template, (flags.key_separator.is_some(), "--key-separator"))
}

/// What is repeated must be there to be sent again.
fn repetition(flags: &PaceFlags, stream: Option<&str>) -> Result<(), Failure> {
    if let Some(stream) = stream {
        apart((flags.repeat.is_some(), "--repeat"), (true, stream))?;
    }
    let needs = |option: &str| Err(usage(format!("{option} needs --repeat")));
    match flags.repeat {
        None if flags.every.is_some() => needs("--every"),
        None if flags.repeat_delay.is_some() => needs("--repeat-delay"),
        _ => Ok(()),
    }
}

fn account(flags: &AccountFlags, stream: Option<&str>, quiet: bool) -> Result<(), Failure> {
    if flags.tee && stream.is_none() {
        return Err(usage("--tee needs a stream: -l or its kin"));
    }
    let quiet = (quiet, "--quiet");
    apart((flags.stats, "--stats"), quiet)?;
    apart((flags.progress, "--progress"), quiet)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flags;

    fn checked(line: &str) -> Result<(), String> {
        let flags: PublishFlags = flags::parse(line.split(' ').map(Into::into)).unwrap();
        publish(&flags).map_err(|failure| failure.to_string())
    }

    #[test]
    fn what_goes_together() {
        for line in [
            "mqpub -m x --repeat 3",
            "mqpub -m x --repeat 3 --repeat-delay 1",
            "mqpub -n --repeat 3 --every 1",
            "mqpub -f a -f b --repeat 3 --rate 5",
            "mqpub -f a -f - --rate 5",
            "mqpub -l --rate 5 --tee --stats --progress --keep-going",
            "mqpub -l --delimiter x",
            "mqpub --delimiter x --key-separator y",
            "mqpub --framed --key-separator y",
            "mqpub -0 --tee",
            "mqpub -l --json -t a -t b",
            "mqpub --json",
            "mqpub -m x --max-payload 1k --quiet",
            "mqpub --json --replay --speed 2x --loop 3 --topic-prefix a/",
            "mqpub --json --topic-prefix a/ --rate 3",
            "mqpub -l -m {payload} --template",
            "mqpub -f a -m {payload} --template",
            "mqpub -m {counter} --template --repeat 3",
        ] {
            assert_eq!(checked(line), Ok(()), "{line}");
        }
    }

    #[test]
    fn both_options_are_named() {
        for (line, one, other) in [
            ("mqpub -m x -n", "-m", "-n"),
            ("mqpub -m x -l", "-m", "-l"),
            ("mqpub -f x -s", "-f", "-s"),
            ("mqpub -m x --delimiter y", "-m", "--delimiter"),
            ("mqpub -s -0", "-0", "-s"),
            ("mqpub -f x --framed", "-f", "--framed"),
            ("mqpub -n --json", "--json", "-n"),
            ("mqpub -m x --key-separator y", "-m", "--key-separator"),
            ("mqpub --delimiter x -0", "--delimiter", "-0"),
            ("mqpub --delimiter x --framed", "--delimiter", "--framed"),
            ("mqpub -0 --framed", "-0", "--framed"),
            ("mqpub --json --delimiter x", "--json", "--delimiter"),
            ("mqpub --json -0", "--json", "-0"),
            ("mqpub --json --framed", "--json", "--framed"),
            ("mqpub --json --key-separator x", "--json", "--key-separator"),
            ("mqpub -t a --key-separator x", "--key-separator", "-t"),
            ("mqpub -m x --repeat 2 --every 1 --rate 1", "--every", "--rate"),
            (
                "mqpub -m x --repeat 2 --every 1 --repeat-delay 1",
                "--every",
                "--repeat-delay",
            ),
            (
                "mqpub -m x --repeat 2 --rate 1 --repeat-delay 1",
                "--repeat-delay",
                "--rate",
            ),
            ("mqpub -l --repeat 2", "--repeat", "-l"),
            ("mqpub --json --repeat 2", "--repeat", "--json"),
            ("mqpub --json --template", "--template", "--json"),
            ("mqpub --key-separator x --template", "--template", "--key-separator"),
            ("mqpub -l -n -m x --template", "-l", "-n"),
            ("mqpub --json --replay --rate 3", "--replay", "--rate"),
            ("mqpub --json --replay --loop 2 --tee", "--loop", "--tee"),
            ("mqpub -m x --stats --quiet", "--stats", "--quiet"),
            ("mqpub -m x --progress --quiet", "--progress", "--quiet"),
        ] {
            let expected = format!("{one} and {other} cannot be used together");
            assert_eq!(checked(line), Err(expected), "{line}");
        }
    }

    #[test]
    fn what_is_missing_is_named() {
        for (line, why) in [
            ("mqpub", "no message: one of -m, -f, -l, -s and -n is needed"),
            ("mqpub -m x --every 1", "--every needs --repeat"),
            ("mqpub -m x --repeat-delay 1", "--repeat-delay needs --repeat"),
            ("mqpub -l --every 1", "--every needs --repeat"),
            ("mqpub -s --tee", "--tee needs a stream: -l or its kin"),
            ("mqpub -l --replay", "--replay needs --json"),
            ("mqpub -l --topic-prefix a", "--topic-prefix needs --json"),
            ("mqpub --json --speed 2", "--speed needs --replay"),
            ("mqpub --json --loop 2", "--loop needs --replay"),
            ("mqpub -f - -f -", "-f -: stdin can be read only once"),
        ] {
            assert_eq!(checked(line), Err(why.to_owned()), "{line}");
        }
    }
}

//! The relations of the spool's options.

use super::{apart, usage};
use crate::failure::Failure;
use crate::flags::PublishFlags;
use crate::flags::spool::{Limit, SpoolFlags};
use crate::property::{Properties, TOPIC_ALIAS};

/// The checks of the spool's options.
pub(in crate::config) fn all(flags: &PublishFlags) -> Result<(), Failure> {
    let spool = &flags.spool;
    has_a_folder(spool)?;
    one_task(spool)?;
    one_limit_of_a_kind(spool)?;
    policy_has_a_limit(spool)?;
    if spool.spool.is_some() {
        keeps_no_pace(flags)?;
        apart((flags.account.tee, "--tee"), (true, "--spool"))?;
    }
    match spool.without_message() {
        Some(task) => takes_nothing(flags, task),
        None => Ok(()),
    }
}

/// What is said of a spool says it of one.
fn has_a_folder(flags: &SpoolFlags) -> Result<(), Failure> {
    let given = [
        (flags.spool_sync.is_some(), "--spool-sync"),
        (!flags.spool_limit.is_empty(), "--spool-limit"),
        (flags.spool_full.is_some(), "--spool-full"),
        (flags.spool_required_delivery, "--spool-required-delivery"),
        (flags.spool_drain, "--spool-drain"),
        (flags.spool_status, "--spool-status"),
    ];
    match given.iter().find(|(given, _)| *given) {
        Some((_, option)) if flags.spool.is_none() => Err(usage(format!("{option} needs --spool DIR"))),
        _ => Ok(()),
    }
}

fn one_task(flags: &SpoolFlags) -> Result<(), Failure> {
    apart(
        (flags.spool_drain, "--spool-drain"),
        (flags.spool_status, "--spool-status"),
    )
}

fn one_limit_of_a_kind(flags: &SpoolFlags) -> Result<(), Failure> {
    let sizes = flags.spool_limit.iter().filter_map(|limit| limit.size()).count();
    let ages = flags.spool_limit.len() - sizes;
    if sizes > 1 || ages > 1 {
        return Err(usage("--spool-limit may be given twice only as a size and as an age"));
    }
    Ok(())
}

fn policy_has_a_limit(flags: &SpoolFlags) -> Result<(), Failure> {
    let is_limited = flags.spool_limit.iter().any(|limit| matches!(limit, Limit::Size(_)));
    if flags.spool_full.is_some() && !is_limited {
        return Err(usage("--spool-full needs --spool-limit SIZE"));
    }
    Ok(())
}

/// What is taken is taken at once; how fast it is delivered can be said.
fn keeps_no_pace(flags: &PublishFlags) -> Result<(), Failure> {
    let (pace, replay) = (&flags.pace, &flags.replay);
    for option in [
        (pace.repeat.is_some(), "--repeat"),
        (pace.repeat_delay.is_some(), "--repeat-delay"),
        (pace.every.is_some(), "--every"),
        (replay.replay, "--replay"),
    ] {
        apart(option, (true, "--spool"))?;
    }
    Ok(())
}

/// What is for messages that are taken has no use without them.
fn takes_nothing(flags: &PublishFlags, task: &str) -> Result<(), Failure> {
    let (message, input, spool) = (&flags.message, &flags.input, &flags.spool);
    for option in [
        (!message.topic.is_empty(), "-t"),
        (message.message.is_some(), "-m"),
        (!message.file.is_empty(), "-f"),
        (message.stdin_line, "-l"),
        (message.stdin_file, "-s"),
        (message.null_message, "-n"),
        (input.delimiter.is_some(), "--delimiter"),
        (input.nul, "-0"),
        (input.framed, "--framed"),
        (input.key_separator.is_some(), "--key-separator"),
        (input.json && flags.spool.spool_drain, "--json"),
        (input.encode.is_some(), "--encode"),
        (input.template, "--template"),
        (input.max_payload.is_some(), "--max-payload"),
        (input.keep_going, "--keep-going"),
        (spool.spool_sync.is_some(), "--spool-sync"),
        (spool.spool_full.is_some(), "--spool-full"),
        (spool.spool_required_delivery, "--spool-required-delivery"),
    ] {
        apart(option, (true, task))?;
    }
    if !spool.spool_status {
        return Ok(());
    }
    for option in [
        (!spool.spool_limit.is_empty(), "--spool-limit"),
        (flags.pace.rate.is_some(), "--rate"),
        (flags.pace.timeout.is_some(), "-W"),
        (flags.account.stats, "--stats"),
        (flags.account.progress, "--progress"),
        (flags.shared.connection.retry_for.is_some(), "--retry-for"),
    ] {
        apart(option, (true, task))?;
    }
    Ok(())
}

/// An alias is good for one connection, and a message in a spool may meet another.
pub(in crate::config) fn no_alias(flags: &SpoolFlags, properties: &Properties) -> Result<(), Failure> {
    let alias = (properties.has(TOPIC_ALIAS), "-D publish topic-alias");
    apart(alias, (flags.spool.is_some(), "--spool"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::publish::Publish;
    use crate::flags;

    fn checked(line: &str) -> Result<(), String> {
        let flags: PublishFlags = flags::parse(line.split(' ').map(Into::into)).unwrap();
        Publish::new(flags).map(drop).map_err(|failure| failure.to_string())
    }

    #[test]
    fn what_goes_together() {
        for line in [
            "mqpub --spool d -t a -m x",
            "mqpub --spool d -t a -l --spool-sync always --rate 5 --stats",
            "mqpub --spool d -t a -m x --spool-limit 10M --spool-limit 7d --spool-full drop-oldest",
            "mqpub --spool d -t a -m x --spool-required-delivery --retry-for 5",
            "mqpub --spool d --spool-drain",
            "mqpub --spool d --spool-drain -W 5 --rate 5 --spool-limit 7d",
            "mqpub --spool d --spool-status",
            "mqpub --spool d --spool-status --json",
        ] {
            assert_eq!(checked(line), Ok(()), "{line}");
        }
    }

    #[test]
    fn both_options_are_named() {
        for (options, one, other) in [
            ("-t a -m x --repeat 3", "--repeat", "--spool"),
            ("-t a -l --tee", "--tee", "--spool"),
            ("--replay --json", "--replay", "--spool"),
            ("--spool-drain --spool-status", "--spool-drain", "--spool-status"),
            ("--spool-drain -t a", "-t", "--spool-drain"),
            ("--spool-drain --json", "--json", "--spool-drain"),
            ("--spool-drain --spool-sync none", "--spool-sync", "--spool-drain"),
            ("--spool-status -m x", "-m", "--spool-status"),
            ("--spool-status -W 5", "-W", "--spool-status"),
            (
                "-t a -m x -D publish topic-alias 1",
                "-D publish topic-alias",
                "--spool",
            ),
        ] {
            let expected = format!("{one} and {other} cannot be used together");
            assert_eq!(
                checked(&format!("mqpub --spool d {options}")),
                Err(expected),
                "{options}"
            );
        }
        for (line, why) in [
            ("mqpub -t a -m x --spool-drain", "--spool-drain needs --spool DIR"),
            ("mqpub -t a -m x --spool-limit 1M", "--spool-limit needs --spool DIR"),
            (
                "mqpub --spool d -t a -m x --spool-full refuse --spool-limit 7d",
                "--spool-full needs --spool-limit SIZE",
            ),
            (
                "mqpub --spool d -t a -m x --spool-limit 1M --spool-limit 2M",
                "--spool-limit may be given twice only as a size and as an age",
            ),
        ] {
            assert_eq!(checked(line), Err(why.to_owned()), "{line}");
        }
    }
}

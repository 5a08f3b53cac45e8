//! What does not go together with a run whose messages are its own.

use super::apart;
use crate::failure::Failure;
use crate::flags::PublishFlags;

/// Refuses what says which messages to publish, and how; the session is its own as
/// well, and leaves nothing behind. `run` is the option that asks for the run.
pub(in crate::config) fn messages(run: (bool, &str), flags: &PublishFlags) -> Result<(), Failure> {
    let (message, input, pace) = (&flags.message, &flags.input, &flags.pace);
    let (account, will, spool) = (&flags.account, &flags.shared.will, &flags.spool);
    for other in [
        (message.message.is_some(), "-m"),
        (!message.file.is_empty(), "-f"),
        (message.stdin_line, "-l"),
        (message.stdin_file, "-s"),
        (message.null_message, "-n"),
        (message.retain, "-r"),
        (input.delimiter.is_some(), "--delimiter"),
        (input.nul, "-0"),
        (input.framed, "--framed"),
        (input.key_separator.is_some(), "--key-separator"),
        (input.encode.is_some(), "--encode"),
        (input.template, "--template"),
        (input.max_payload.is_some(), "--max-payload"),
        (input.keep_going, "--keep-going"),
        (pace.repeat.is_some(), "--repeat"),
        (pace.repeat_delay.is_some(), "--repeat-delay"),
        (pace.every.is_some(), "--every"),
        (flags.replay.replay, "--replay"),
        (flags.replay.speed.is_some(), "--speed"),
        (flags.replay.rounds.is_some(), "--loop"),
        (flags.replay.topic_prefix.is_some(), "--topic-prefix"),
        (account.tee, "--tee"),
        (account.stats, "--stats"),
        (account.progress, "--progress"),
        (flags.request.request || flags.request.named, "--request"),
        (spool.spool.is_some(), "--spool"),
        (spool.without_message().is_some(), "--spool-drain and --spool-status"),
        (flags.shared.connection.disable_clean_session, "-c"),
        (flags.shared.properties.session_expiry_interval.is_some(), "-x"),
        (flags.shared.connection.no_reconnect, "--no-reconnect"),
        (will.will_topic.is_some(), "--will-topic"),
        (flags.shared.general.dry_run, "--dry-run"),
    ] {
        apart(run, other)?;
    }
    super::request::all(flags)
}

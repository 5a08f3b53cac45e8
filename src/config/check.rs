//! The relations between options, as small named checks. Each message names the
//! options that do not go together.

use super::connection::Version;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::flags::connection::{ConnectionFlags, TlsFlags};
use crate::flags::publish::MessageFlags;
use crate::flags::subscribe::OutputFlags;

fn usage(why: impl Into<String>) -> Failure {
    Failure::new(Exit::Usage, why)
}

/// The checks of the shared options.
pub(super) fn connection(flags: &ConnectionFlags, tls: &TlsFlags) -> Result<(), Failure> {
    cert_and_key(tls)?;
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

fn cert_and_key(tls: &TlsFlags) -> Result<(), Failure> {
    match (&tls.cert, &tls.key) {
        (Some(_), None) => Err(usage("--cert needs --key")),
        (None, Some(_)) => Err(usage("--key needs --cert")),
        _ => Ok(()),
    }
}

fn ws_path(flags: &ConnectionFlags) -> Result<(), Failure> {
    if flags.ws_path.starts_with('/') {
        Ok(())
    } else {
        Err(usage("--ws-path must begin with '/'"))
    }
}

/// Two options, each with whether it was given, that exclude one another.
fn apart(one: (bool, &str), other: (bool, &str)) -> Result<(), Failure> {
    match (one, other) {
        ((true, one), (true, other)) => Err(usage(format!("{one} and {other} cannot be used together"))),
        _ => Ok(()),
    }
}

/// Exactly one way to say what the payload is.
pub(super) fn one_payload(flags: &MessageFlags) -> Result<(), Failure> {
    let given: Vec<&str> = [
        (flags.message.is_some(), "-m"),
        (flags.file.is_some(), "-f"),
        (flags.stdin_line, "-l"),
        (flags.stdin_file, "-s"),
        (flags.null_message, "-n"),
    ]
    .into_iter()
    .filter_map(|(given, name)| given.then_some(name))
    .collect();
    match given.as_slice() {
        [_] => Ok(()),
        [] => Err(usage("no message: one of -m, -f, -l, -s and -n is needed")),
        [first, second, ..] => Err(usage(format!("{first} and {second} cannot be used together"))),
    }
}

/// One form of output.
pub(super) fn one_format(flags: &OutputFlags) -> Result<(), Failure> {
    if !flags.json {
        return Ok(());
    }
    let other = if flags.verbose {
        "-v"
    } else if flags.no_newline {
        "-N"
    } else {
        return Ok(());
    };
    Err(usage(format!("--json and {other} cannot be used together")))
}

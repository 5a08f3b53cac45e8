//! The relations between options, as small named checks. Each message names the
//! options that do not go together.

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
    ws_path(flags)
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

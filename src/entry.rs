//! What both tools share at start and end: the command line, the one error, the
//! exit status.

use std::ffi::OsString;
use std::io::Write as _;
use std::process::ExitCode;

use clap::error::ErrorKind;

use crate::exit::Exit;
use crate::failure::Failure;
use crate::flags::connection::ConnectionFlags;
use crate::flags::{self, Flags};
use crate::report::Report;
use crate::session::Policy;
use crate::signal;

/// How a run that did not fail ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// With a status.
    Status(Exit),
    /// By a signal.
    Signal(i32),
}

/// Runs a tool: parses the command line, does the work, tells how it went.
pub(crate) fn run<F: Flags>(
    program: &'static str,
    arguments: impl IntoIterator<Item = OsString>,
    work: impl FnOnce(F, Report) -> anyhow::Result<Ending>,
) -> ExitCode {
    let flags: F = match flags::parse(arguments) {
        Ok(flags) => flags,
        Err(error) => return answer(program, &error),
    };
    let general = flags.general();
    let report = Report::new(program, general.quiet, general.debug);
    match work(flags, report) {
        Ok(Ending::Status(exit)) => exit.into(),
        Ok(Ending::Signal(signal)) => {
            signal::die_of(signal);
            // Only if that signal does not kill.
            Exit::Failed.into()
        }
        Err(error) => {
            let exit = status_of(&error);
            if exit == Exit::Usage {
                // A command line that makes no sense is never passed over.
                Report::new(program, false, false).error(&error);
            } else {
                report.error(&error);
            }
            exit.into()
        }
    }
}

/// Streams connect again after a loss, unless told not to; what is done in one
/// go does not.
pub(crate) fn policy(flags: &ConnectionFlags, stream: bool) -> Policy {
    Policy {
        reconnect: (stream || flags.retry_for.is_some()) && !flags.no_reconnect,
        bound: flags.retry_for,
    }
}

/// The one mapping from errors to statuses.
fn status_of(error: &anyhow::Error) -> Exit {
    error.downcast_ref::<Failure>().map_or(Exit::Failed, Failure::exit)
}

/// Prints the help or the version, or one line about what is wrong.
fn answer(program: &'static str, error: &clap::Error) -> ExitCode {
    if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) {
        let text = error.render().to_string();
        return match std::io::stdout().write_all(text.as_bytes()) {
            Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Exit::Failed.into(),
            _ => Exit::Done.into(),
        };
    }
    let text = error.render().to_string();
    let text = text.strip_prefix("error: ").unwrap_or(&text);
    // The sentence ends at the first empty line; a list below it is part of it.
    let sentence = text.split("\n\n").next().unwrap_or_default();
    let sentence = sentence.split_whitespace().collect::<Vec<_>>().join(" ");
    let tip = text.lines().find_map(|line| line.trim_start().strip_prefix("tip: "));
    let hint = tip.map_or_else(|| format!("try {program} --help"), str::to_owned);
    let failure = Failure::new(Exit::Usage, sentence).hint(hint);
    Report::new(program, false, false).error(&failure.into());
    Exit::Usage.into()
}

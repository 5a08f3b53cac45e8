//! `mqpub --bench`: measures a broker. Each connection publishes to a topic of
//! chance, to which it subscribes; each message says which one it is, and when it
//! was to leave.

mod many;
mod one;
mod outcome;
mod plan;
mod tally;

use std::ffi::{OsStr, OsString};
use std::sync::Arc;

use anyhow::Context as _;

use self::outcome::Outcome;
use crate::config::bench::Bench;
use crate::entry::{self, Ending};
use crate::exit::Exit;
use crate::report::Report;
use crate::session::Policy;
use crate::signal::Signals;
use crate::waker::Waker;

/// The name under which the program is started for one of several connections.
const PART: &str = "mqpub-bench-part";

/// Measures the broker. The arguments are those of this run, its name first.
pub(crate) fn run(bench: &Bench, policy: Policy, arguments: &[OsString], report: Report) -> anyhow::Result<Ending> {
    let waker = Arc::new(Waker::new().context("cannot make a pipe")?);
    let signals = Signals::listen(&waker).context("cannot listen for signals")?;
    if arguments.first().is_some_and(|name| name == OsStr::new(PART)) {
        let outcome = one::run(bench, policy, true, (waker, &signals), report)?;
        if let Some(text) = outcome.pack() {
            entry::print_out(&text)?;
        }
        return Ok(Ending::Status(Exit::Done));
    }
    for warning in &bench.warnings {
        report.warn(warning);
    }
    let outcome = if bench.connections > 1 {
        many::run(bench, arguments, (&waker, &signals))?
    } else {
        one::run(bench, policy, false, (waker, &signals), report)?
    };
    tell(bench, &outcome, report)
}

/// Tells what was measured, and how the run ends.
fn tell(bench: &Bench, outcome: &Outcome, report: Report) -> anyhow::Result<Ending> {
    if outcome.started {
        entry::print_out(&outcome.json(bench))?;
        report.note(outcome.words());
    }
    match (outcome.signal, outcome.fault()) {
        (Some(signal), fault) => {
            if let Some(fault) = fault {
                report.warn(fault);
            }
            Ok(Ending::Signal(signal))
        }
        (None, Some(fault)) => Err(fault.into()),
        (None, None) => Ok(Ending::Status(Exit::Done)),
    }
}

//! The benchmark: every job side by side with the mosquitto clients that are
//! installed, interleaved, against the same peer in the same run. `scripts/bench`
//! builds and calls it; it is not installed with the tools.
//!
//! ```text
//! main     options, and the order of things
//! jobs     what is run, and what is to be shown
//! measure  a process from start to end: time, CPU, memory
//! peer     a sink and a source that acknowledge at once, so that no broker's
//!          limits are measured; a process of its own
//! broker   a real mosquitto, for the second table
//! latency  line in, line out, at a steady pace
//! client   just enough of MQTT to count and to feed
//! table    medians, ratios, verdicts
//! ```

#![expect(
    clippy::cast_precision_loss,
    clippy::indexing_slicing,
    reason = "the peer's packets are those of the clients under test; figures of three digits are printed, of counts that have far fewer than 53 bits"
)]

mod broker;
mod client;
mod jobs;
mod latency;
mod measure;
mod peer;
mod table;

use std::env;
use std::io::{self, Write as _};
use std::path::PathBuf;

use anyhow::{Context as _, bail};

/// What was asked for.
pub(crate) struct Options {
    /// Where `mqpub` and `mqsub` are.
    pub(crate) ours: PathBuf,
    /// Where `mosquitto_pub` and `mosquitto_sub` are.
    pub(crate) theirs: PathBuf,
    /// The broker for the second table.
    pub(crate) broker: PathBuf,
    /// Fewer runs, and smaller ones.
    pub(crate) quick: bool,
    /// Only jobs whose name contains one of these.
    pub(crate) only: Vec<String>,
}

impl Options {
    fn read(arguments: impl Iterator<Item = String>) -> anyhow::Result<Self> {
        let path = |name: &str| {
            env::var_os(name)
                .map(PathBuf::from)
                .with_context(|| format!("{name} is not set"))
        };
        let mut options = Self {
            ours: path("MQTOOLS_BIN")?,
            theirs: path("MOSQUITTO_BIN")?,
            broker: path("MOSQUITTO_BROKER")?,
            quick: false,
            only: Vec::new(),
        };
        for argument in arguments {
            match argument.as_str() {
                "--quick" => options.quick = true,
                option if option.starts_with('-') => bail!("{option} is no option; there is --quick"),
                name => options.only.push(name.to_owned()),
            }
        }
        Ok(options)
    }

    /// Whether this job was asked for.
    pub(crate) fn wants(&self, name: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|part| name.contains(part.as_str()))
    }
}

fn main() -> anyhow::Result<()> {
    let mut arguments = env::args().skip(1).peekable();
    if arguments.peek().is_some_and(|first| first == "peer") {
        return peer::main(arguments.skip(1));
    }
    let options = Options::read(arguments)?;
    let folder = tempfile::tempdir()?;
    let mut out = io::stdout();
    writeln!(out, "{}", measure::machine(&options)?)?;
    jobs::against_the_peer(&options, folder.path())?;
    jobs::through_a_broker(&options, folder.path())?;
    jobs::memory(&options, folder.path())?;
    Ok(())
}

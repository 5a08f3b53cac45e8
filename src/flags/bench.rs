//! The options of mqpub that measure a broker.

use std::time::Duration;

use clap::Args;

use super::value;

/// How a broker is measured.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Bench")]
pub struct BenchFlags {
    /// Measure the broker: publish to a topic of chance, take it all back, and print as JSON how much, how fast, and what was lost
    ///
    /// With --rate each connection keeps to that, and the latency counts from when
    /// a message should have left; without it, -M says how many messages of a
    /// connection are under way at once. -t is the topic below which it publishes
    /// [default: mqtools/bench].
    #[arg(long)]
    pub bench: bool,

    /// How many connections --bench has, each in a process of its own [default: 1]
    #[arg(long, value_name = "N", value_parser = value::whole(1..=1000))]
    pub connections: Option<u16>,

    /// How long --bench publishes [default: 10]
    #[arg(long = "for", value_name = "TIME", value_parser = value::positive_duration)]
    pub duration: Option<Duration>,

    /// How large the payloads of --bench are, at least 16 bytes [default: 64]
    #[arg(long, value_name = "SIZE", value_parser = value::payload_size)]
    pub size: Option<usize>,
}

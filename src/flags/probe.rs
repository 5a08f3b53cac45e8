//! The options of mqpub that try a broker out.

use std::time::Duration;

use clap::Args;

use super::value;

/// How a broker is tried out.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Check")]
pub struct ProbeFlags {
    /// Try the broker out: subscribe, publish and get back at each QoS, retained and will included; tell how long each step took
    ///
    /// Everything happens below a topic of chance, and nothing is left there. With
    /// --json the account is one object, with --nagios one line and a status for a
    /// monitor.
    #[arg(long)]
    pub check: bool,

    /// The topic below which --check has its own [default: mqtools/check]
    #[arg(long, value_name = "TOPIC", value_parser = value::topic_part)]
    pub check_prefix: Option<String>,

    /// How long --check waits for each answer of the broker [default: 5]
    #[arg(long, value_name = "TIME", value_parser = value::positive_duration)]
    pub check_wait: Option<Duration>,

    /// With --check: one line with figures, and the status that monitors expect of a plugin: 0, 1, 2 or 3
    #[arg(long)]
    pub nagios: bool,

    /// With --nagios: a warning if it took longer to connect, to subscribe, and to get a message of each QoS back
    #[arg(long, value_name = "TIME", value_parser = value::positive_duration)]
    pub warn: Option<Duration>,

    /// With --nagios: critical if that took longer
    #[arg(long, value_name = "TIME", value_parser = value::positive_duration)]
    pub crit: Option<Duration>,
}

//! The options of mqpub that play a recording back.

use clap::Args;

use super::value::{self, Speed};

/// How records are played back.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Replay")]
pub struct ReplayFlags {
    /// Publish the records of --json as far apart as their times are
    #[arg(long)]
    pub replay: bool,

    /// How fast to play back: 1x, 2.5x, 0.5x, or max [default: 1x]
    #[arg(long, value_name = "SPEED", value_parser = value::speed)]
    pub speed: Option<Speed>,

    /// Play back this many times; stdin must be a file
    #[arg(long = "loop", value_name = "N", value_parser = value::count)]
    pub rounds: Option<u64>,

    /// Put this before the topic of each record
    #[arg(long, value_name = "PREFIX", value_parser = value::topic_part)]
    pub topic_prefix: Option<String>,
}

//! What mqsub prints, and where.

use std::path::PathBuf;

use bytes::Bytes;
use clap::Args;

use super::value;
use crate::format::Format;

/// How to print.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Output")]
pub struct OutputFlags {
    /// Print the topic before each payload
    #[arg(short, long)]
    pub verbose: bool,

    /// Print each message in this form: %t topic, %p payload, %j JSON and many more; see mqsub(1)
    #[arg(short = 'F', long, value_name = "FORMAT", value_parser = Format::parse)]
    pub format: Option<Format>,

    /// Print what %j and %J stand for with a member a line, behind tabs
    #[arg(long)]
    pub pretty: bool,

    /// Print each message as a JSON object on a line of its own
    #[arg(long)]
    pub json: bool,

    /// With --json: a payload that is JSON is also there as JSON, under the key value
    #[arg(long)]
    pub parse_json: bool,

    /// Print no newline after each message
    #[arg(short = 'N', long = "no-newline")]
    pub no_newline: bool,

    /// What to print after each message, instead of a newline; \0, \t, \n, \r, \\ and \xNN stand for bytes
    #[arg(long, value_name = "STRING", value_parser = value::escaped)]
    pub delimiter: Option<Bytes>,

    /// Print a NUL after each message
    #[arg(short = '0', long)]
    pub nul: bool,

    /// Print the length of each message before it, four bytes, big end first
    #[arg(long)]
    pub framed: bool,

    /// Write each message to a file of its own below this folder, which is made if need be
    #[arg(long, value_name = "DIR")]
    pub output_dir: Option<PathBuf>,
}

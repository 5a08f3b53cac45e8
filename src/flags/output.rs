//! What mqsub prints, and where.

use std::path::PathBuf;

use bytes::Bytes;
use clap::Args;

use super::value;
use crate::codec::Codec;
use crate::format::Format;

/// How to print.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Output")]
pub struct OutputFlags {
    /// Print the topic before each payload
    #[arg(short, long)]
    pub verbose: bool,

    /// Print each message in this form: %t topic, %p payload, %j JSON and many more; see mqsub(1)
    #[arg(short = 'F', long, value_name = "FORMAT", value_parser = value::format())]
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

    /// Print each payload as a text that stands for it: hex digits, base64, or JSON for a cbor or msgpack value
    ///
    /// What JSON does not have is there as an object of one member, which mqpub
    /// --encode reads back; see mqtools(7). A payload that cannot be decoded is
    /// told on stderr and makes the status 1. It is printed only where it cannot be
    /// taken for one that was: as `payload_base64` in JSON, and by -F without %p.
    /// In -F, %p, %j and %J are about the text; %x, %X, %l, %f and %d are about the
    /// bytes that came.
    #[arg(long, value_name = "FORM", value_parser = value::codec)]
    pub decode: Option<Codec>,

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

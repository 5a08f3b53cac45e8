//! The options of mqpub.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;
use clap::{Args, Parser};

use super::bench::BenchFlags;
use super::probe::ProbeFlags;
use super::replay::ReplayFlags;
use super::request::RequestFlags;
use super::spool::SpoolFlags;
use super::value::{self, Rate};
use super::{Flags, SharedFlags, Tool, manual};
use crate::codec::Codec;
use crate::message::Qos;

/// Publish messages to an MQTT broker
#[derive(Clone, Debug, Parser)]
#[command(
    name = "mqpub",
    version,
    args_override_self = true,
    disable_help_flag = true,
    disable_version_flag = true,
    override_usage = "mqpub -t TOPIC [-m TEXT | -f FILE | -l | -s | -n] [OPTIONS]",
    after_help = manual::after_help(manual::PUBLISH_EXAMPLES),
)]
pub struct PublishFlags {
    /// What to publish, and where.
    #[command(flatten)]
    pub message: MessageFlags,
    /// How stdin is taken apart.
    #[command(flatten)]
    pub input: InputFlags,
    /// How often and how fast to publish.
    #[command(flatten)]
    pub pace: PaceFlags,
    /// How records are played back.
    #[command(flatten)]
    pub replay: ReplayFlags,
    /// Messages that are answered.
    #[command(flatten)]
    pub request: RequestFlags,
    /// What is told of the run.
    #[command(flatten)]
    pub account: AccountFlags,
    /// Messages on the disk until they are delivered.
    #[command(flatten)]
    pub spool: SpoolFlags,
    /// How a broker is tried out.
    #[command(flatten)]
    pub probe: ProbeFlags,
    /// How a broker is measured.
    #[command(flatten)]
    pub bench: BenchFlags,
    /// What both tools have.
    #[command(flatten)]
    pub shared: SharedFlags,
}

/// What to publish, and where.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Message")]
pub struct MessageFlags {
    /// The topic to publish to; several times, each message goes to each topic
    #[arg(short, long, value_name = "TOPIC")]
    pub topic: Vec<String>,

    /// The payload
    #[arg(short, long, value_name = "TEXT")]
    pub message: Option<OsString>,

    /// A file that is the payload, whole; - is stdin; several times, a message a file, in order
    #[arg(short, long, value_name = "FILE")]
    pub file: Vec<PathBuf>,

    /// Each line of stdin is a message
    #[arg(short = 'l', long)]
    pub stdin_line: bool,

    /// All of stdin is the payload
    #[arg(short = 's', long)]
    pub stdin_file: bool,

    /// An empty payload
    #[arg(short, long)]
    pub null_message: bool,

    /// How surely: 0 at most once, 1 at least once, 2 exactly once
    #[arg(short, long, value_name = "QOS", default_value = "0", value_parser = value::qos)]
    pub qos: Qos,

    /// Let the broker keep the message for later subscribers
    #[arg(short, long)]
    pub retain: bool,
}

/// How stdin is taken apart.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Input")]
pub struct InputFlags {
    /// What ends a message on stdin, instead of a newline; \0, \t, \n, \r, \\ and \xNN stand for bytes
    #[arg(long, value_name = "STRING", value_parser = value::escaped)]
    pub delimiter: Option<Bytes>,

    /// A NUL ends each message on stdin
    #[arg(short = '0', long)]
    pub nul: bool,

    /// Each message on stdin follows its length, four bytes, big end first
    #[arg(long)]
    pub framed: bool,

    /// Each message on stdin follows its topic and this string; escapes as in --delimiter
    #[arg(long, value_name = "STRING", value_parser = value::escaped)]
    pub key_separator: Option<Bytes>,

    /// Each line of stdin is a record as mqsub --json writes them; -t, -q and -r are for what it does not say
    #[arg(long)]
    pub json: bool,

    /// Make each payload of a text that stands for it: hex digits, base64, or the JSON of a cbor or msgpack value
    #[arg(long, value_name = "FORM", value_parser = value::codec)]
    pub encode: Option<Codec>,

    /// The topics of -t and the text of -m have variables, such as `{counter}`
    ///
    /// With a stream, -m says what each of its records becomes. Variables are
    /// `{counter}`, `{time}`, `{unix}`, `{uuid}`, `{random}`, `{random:A-B}`,
    /// `{host}`, `{env:NAME}`, `{payload}` (the record), `{json:/POINTER}` (a value in
    /// the record's JSON), and with --request `{response}` (where the reply should
    /// go); `{{` and `}}` stand for braces.
    #[arg(long)]
    pub template: bool,

    /// The longest payload to accept, such as 4096, 64k or 2M [default: 268435455 bytes]
    #[arg(long, value_name = "SIZE", value_parser = value::payload_size)]
    pub max_payload: Option<usize>,

    /// Go on after a message that is refused or a record that is wrong; count them
    #[arg(long)]
    pub keep_going: bool,
}

/// How often and how fast to publish.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Pace")]
pub struct PaceFlags {
    /// Publish this many times
    #[arg(long, value_name = "N", value_parser = value::count)]
    pub repeat: Option<u64>,

    /// Wait this long after each delivery before it is repeated [default: 0]
    #[arg(long, value_name = "TIME", value_parser = value::duration)]
    pub repeat_delay: Option<Duration>,

    /// Repeat at this interval, counted from the first time
    #[arg(long, value_name = "TIME", value_parser = value::positive_duration)]
    pub every: Option<Duration>,

    /// Publish no faster than this: 50/s, 3/m, 1000/h, 1/10s; a bare number is for a second
    #[arg(long, value_name = "N/UNIT", value_parser = value::rate)]
    pub rate: Option<Rate>,

    /// End after this time, counted from the start, with status 27
    #[arg(short = 'W', long, value_name = "TIME", value_parser = value::positive_duration)]
    pub timeout: Option<Duration>,
}

/// What is told of the run.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Account")]
pub struct AccountFlags {
    /// Pass each record of a stream on to stdout, as it was read, once it is delivered
    #[arg(long)]
    pub tee: bool,

    /// Tell at the end how many messages were delivered, in which time
    #[arg(long)]
    pub stats: bool,

    /// Show the progress on stderr, in one line
    #[arg(long)]
    pub progress: bool,
}

impl PublishFlags {
    /// The first option that makes stdin a stream of messages, if there is one.
    pub fn stream(&self) -> Option<&'static str> {
        let input = &self.input;
        [
            (self.message.stdin_line, "-l"),
            (input.delimiter.is_some(), "--delimiter"),
            (input.nul, "-0"),
            (input.framed, "--framed"),
            (input.key_separator.is_some(), "--key-separator"),
            (input.json, "--json"),
        ]
        .into_iter()
        .find_map(|(given, name)| given.then_some(name))
    }
}

impl Flags for PublishFlags {
    const TOOL: Tool = Tool::Publish;

    fn shared(&self) -> &SharedFlags {
        &self.shared
    }

    fn shared_mut(&mut self) -> &mut SharedFlags {
        &mut self.shared
    }

    fn asks(&self) -> bool {
        self.request.request
    }
}

//! The options of mqpub that make its messages requests, which are answered.

use std::time::Duration;

use clap::Args;

use super::selection::retain_handling;
use super::value;
use crate::format::Format;
use crate::message::RetainHandling;

/// How requests are answered, and what is printed of that.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Request")]
pub struct RequestFlags {
    /// Each message is a request: wait for the reply to it, and print that; MQTT 5, unless -V is given
    ///
    /// The broker is asked for the replies before anything is published. The
    /// response topic is `mqpub/reply/ID/N`, with an ID that nobody can guess and
    /// the number of the request, from 1; a broker that says where replies belong
    /// (MQTT 5: response information, which it is asked for) has it under there,
    /// as `INFORMATION/ID/N`. The correlation data is ID-N. Replies are printed as
    /// they come. Before MQTT 5 no message says where its reply
    /// should go: with --template, `{response}` says so in the topic or the payload.
    #[arg(long)]
    pub request: bool,

    /// Have the replies come to this topic
    ///
    /// Then the correlation data tells which request a reply is for. Where there
    /// is none, before MQTT 5, one request at a time is under way.
    #[arg(short = 'e', long, value_name = "TOPIC")]
    pub response_topic: Option<String>,

    /// How many requests may wait for their replies at once [default: 100]
    #[arg(long, value_name = "N", value_parser = value::whole(1..=u16::MAX))]
    pub max_requests: Option<u16>,

    /// Wait for this many replies to each request [default: 1]
    #[arg(short = 'C', long, value_name = "N", value_parser = value::count)]
    pub count: Option<u64>,

    /// Wait no longer than this for the next reply to a request; without -C, take all that come until then
    #[arg(long, value_name = "TIME", value_parser = value::positive_duration)]
    pub idle: Option<Duration>,

    /// Print the topic before each reply
    #[arg(short, long)]
    pub verbose: bool,

    /// Print each reply in this form: %t topic, %p payload, %j JSON and many more; see mqsub(1)
    #[arg(short = 'F', long, value_name = "FORMAT", value_parser = value::format())]
    pub format: Option<Format>,

    /// Print what %j and %J stand for with a member a line, behind tabs
    #[arg(long)]
    pub pretty: bool,

    /// Print no newline after each reply
    #[arg(short = 'N', long = "no-newline")]
    pub no_newline: bool,

    /// Print each reply as a JSON object on a line of its own, with the number of its request and the latency
    ///
    /// The record is that of mqsub --json, with request, the number of the
    /// message or line from 1, and latency, in seconds.
    #[arg(long)]
    pub reply_json: bool,

    /// Tell at the end how long the replies took: least, median, 99th percentile and most; so does --stats
    #[arg(long)]
    pub latency: bool,

    /// Take no retained message for a reply; it is so unless --retain-handling is given
    #[arg(short = 'R', long)]
    pub no_retained: bool,

    /// Take what the broker retains under the response topic for a reply: always, new or never; MQTT 5
    #[arg(long, value_name = "WHEN", value_parser = retain_handling)]
    pub retain_handling: Option<RetainHandling>,

    /// Keep the retain flag that a reply was published with; MQTT 5
    #[arg(long)]
    pub retain_as_published: bool,

    /// The program was started under the name `mosquitto_rr`.
    #[arg(skip)]
    pub named: bool,
}

impl RequestFlags {
    /// The options that say something of requests alone, each with whether it was
    /// given.
    pub fn given(&self) -> [(bool, &'static str); 13] {
        [
            (self.response_topic.is_some(), "-e"),
            (self.max_requests.is_some(), "--max-requests"),
            (self.count.is_some(), "-C"),
            (self.idle.is_some(), "--idle"),
            (self.verbose, "-v"),
            (self.format.is_some(), "-F"),
            (self.pretty, "--pretty"),
            (self.no_newline, "-N"),
            (self.reply_json, "--reply-json"),
            (self.latency, "--latency"),
            (self.no_retained, "-R"),
            (self.retain_handling.is_some(), "--retain-handling"),
            (self.retain_as_published, "--retain-as-published"),
        ]
    }
}

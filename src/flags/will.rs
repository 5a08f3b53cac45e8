//! The options of the will: the message that the broker publishes for us when
//! the connection ends without a farewell.

use std::ffi::OsString;
use std::path::PathBuf;

use bytes::Bytes;
use clap::Args;

use super::value;
use crate::message::Qos;

/// The will.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Will")]
pub struct WillFlags {
    /// The topic of the will
    #[arg(long, value_name = "TOPIC")]
    pub will_topic: Option<String>,

    /// The payload of the will [default: empty]
    #[arg(long, value_name = "TEXT")]
    pub will_payload: Option<OsString>,

    /// A file that is the payload of the will, at most 65535 bytes
    #[arg(long, value_name = "FILE")]
    pub will_payload_file: Option<PathBuf>,

    /// How surely the broker publishes the will: 0, 1 or 2 [default: 0]
    #[arg(long, value_name = "QOS", value_parser = value::qos)]
    pub will_qos: Option<Qos>,

    /// Let the broker keep the will for later subscribers
    #[arg(long)]
    pub will_retain: bool,

    /// What the file of `--will-payload-file` has; whoever reads files fills it in.
    #[arg(skip)]
    pub will_file_content: Option<Bytes>,
}

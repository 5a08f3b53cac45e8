//! The options of mqpub.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, Parser};

use super::connection::{ConnectionFlags, GeneralFlags, TlsFlags};
use super::{Flags, manual, value};
use crate::message::Qos;

/// Publish messages to a MQTT broker
#[derive(Clone, Debug, Parser)]
#[command(
    name = "mqpub",
    version,
    args_override_self = true,
    disable_help_flag = true,
    disable_version_flag = true,
    override_usage = "mqpub -t TOPIC [-m TEXT | -f FILE | -l | -s | -n] [OPTIONS]",
    after_help = manual::after_help(&manual::PUBLISH_EXAMPLES),
)]
pub struct PublishFlags {
    /// What to publish, and where.
    #[command(flatten)]
    pub message: MessageFlags,
    /// Which broker.
    #[command(flatten)]
    pub connection: ConnectionFlags,
    /// TLS.
    #[command(flatten)]
    pub tls: TlsFlags,
    /// Everything else.
    #[command(flatten)]
    pub general: GeneralFlags,
}

/// What to publish, and where.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Message")]
pub struct MessageFlags {
    /// The topic to publish to
    #[arg(short, long, value_name = "TOPIC", allow_hyphen_values = true)]
    pub topic: Option<String>,

    /// The payload
    #[arg(short, long, value_name = "TEXT", allow_hyphen_values = true)]
    pub message: Option<OsString>,

    /// A file that is the payload, whole; - is stdin
    #[arg(short, long, value_name = "FILE", allow_hyphen_values = true)]
    pub file: Option<PathBuf>,

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

impl Flags for PublishFlags {
    fn connection_mut(&mut self) -> &mut ConnectionFlags {
        &mut self.connection
    }

    fn general(&self) -> &GeneralFlags {
        &self.general
    }
}

//! The options of mqpub.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, Parser};

use super::connection::{ConnectionFlags, GeneralFlags, TlsFlags};
use super::properties::PropertyFlags;
use super::will::WillFlags;
use super::{Flags, Shared, Tool, manual, value};
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
    /// MQTT 5.
    #[command(flatten)]
    pub properties: PropertyFlags,
    /// The will.
    #[command(flatten)]
    pub will: WillFlags,
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
    #[arg(short, long, value_name = "TOPIC")]
    pub topic: Option<String>,

    /// The payload
    #[arg(short, long, value_name = "TEXT")]
    pub message: Option<OsString>,

    /// A file that is the payload, whole; - is stdin
    #[arg(short, long, value_name = "FILE")]
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
    const TOOL: Tool = Tool::Publish;

    fn shared(&self) -> Shared<'_> {
        Shared {
            connection: &self.connection,
            properties: &self.properties,
            will: &self.will,
            tls: &self.tls,
        }
    }

    fn connection_mut(&mut self) -> &mut ConnectionFlags {
        &mut self.connection
    }

    fn will_mut(&mut self) -> &mut WillFlags {
        &mut self.will
    }

    fn general(&self) -> &GeneralFlags {
        &self.general
    }
}

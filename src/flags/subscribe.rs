//! The options of mqsub.

use std::time::Duration;

use clap::{Args, Parser};

use super::connection::{ConnectionFlags, GeneralFlags};
use super::output::OutputFlags;
use super::properties::PropertyFlags;
use super::tls::TlsFlags;
use super::will::WillFlags;
use super::{Flags, Shared, Tool, manual, value};
use crate::message::Qos;

/// Subscribe to topics of a MQTT broker and print the messages
#[derive(Clone, Debug, Parser)]
#[command(
    name = "mqsub",
    version,
    args_override_self = true,
    disable_help_flag = true,
    disable_version_flag = true,
    override_usage = "mqsub -t FILTER... [OPTIONS]",
    after_help = manual::after_help(manual::SUBSCRIBE_EXAMPLES),
)]
pub struct SubscribeFlags {
    /// What to subscribe to.
    #[command(flatten)]
    pub subscription: SubscriptionFlags,
    /// How to print.
    #[command(flatten)]
    pub output: OutputFlags,
    /// When to end.
    #[command(flatten)]
    pub end: EndFlags,
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

/// What to subscribe to.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Subscription")]
pub struct SubscriptionFlags {
    /// A topic filter to subscribe to; may be given several times
    #[arg(short, long, value_name = "FILTER")]
    pub topic: Vec<String>,

    /// The highest level to receive with: 0, 1 or 2
    #[arg(short, long, value_name = "QOS", default_value = "0", value_parser = value::qos)]
    pub qos: Qos,
}

/// When to end.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "End")]
pub struct EndFlags {
    /// End after this many messages
    #[arg(short = 'C', long, value_name = "N", value_parser = value::count)]
    pub count: Option<u64>,

    /// End after this time, counted from the start, with status 27
    #[arg(short = 'W', long, value_name = "TIME", value_parser = value::positive_duration)]
    pub timeout: Option<Duration>,
}

impl Flags for SubscribeFlags {
    const TOOL: Tool = Tool::Subscribe;

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

    fn tls_mut(&mut self) -> &mut TlsFlags {
        &mut self.tls
    }

    fn general(&self) -> &GeneralFlags {
        &self.general
    }
}

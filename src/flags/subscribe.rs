//! The options of mqsub.

use std::time::Duration;

use clap::{Args, Parser};

use super::exec::ExecFlags;
use super::output::OutputFlags;
use super::selection::{DetailFlags, ReadyFlags, SelectionFlags, ViewFlags};
use super::{Flags, SharedFlags, Tool, manual, value};
use crate::message::Qos;

/// Subscribe to topics of an MQTT broker and print the messages
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
    /// The same, in detail.
    #[command(flatten)]
    pub detail: DetailFlags,
    /// Which messages are wanted.
    #[command(flatten)]
    pub selection: SelectionFlags,
    /// How to print.
    #[command(flatten)]
    pub output: OutputFlags,
    /// How else to look at the messages.
    #[command(flatten)]
    pub view: ViewFlags,
    /// What to run for each message.
    #[command(flatten)]
    pub exec: ExecFlags,
    /// When to end.
    #[command(flatten)]
    pub end: EndFlags,
    /// Whom to tell of the start.
    #[command(flatten)]
    pub ready: ReadyFlags,
    /// What both tools have.
    #[command(flatten)]
    pub shared: SharedFlags,
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

    /// End when no message has come for this time since the subscription or the last one
    ///
    /// The status is 0, but 27 if -C is given and so many have not come. The time
    /// does not run while the connection is lost.
    #[arg(long, value_name = "TIME", value_parser = value::positive_duration)]
    pub idle: Option<Duration>,

    /// End when every message has come that was retained, also if no other one comes
    ///
    /// A broker that answers a client's packets in order, as mosquitto does, is
    /// asked with a PINGREQ behind the acknowledgements. One that looks for
    /// retained messages in the background may answer too early: give it some
    /// --idle time instead.
    #[arg(long)]
    pub until_retained: bool,

    /// End when the broker has answered the subscriptions; print nothing
    #[arg(short = 'E', long)]
    pub subscribe_only: bool,
}

impl Flags for SubscribeFlags {
    const TOOL: Tool = Tool::Subscribe;

    fn shared(&self) -> &SharedFlags {
        &self.shared
    }

    fn shared_mut(&mut self) -> &mut SharedFlags {
        &mut self.shared
    }
}

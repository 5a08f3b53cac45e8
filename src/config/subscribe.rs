//! What mqsub is to do.

use std::time::Duration;

use super::connection::Connection;
use super::output::Output;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::flags::SubscribeFlags;
use crate::message::{Filter, Properties, Subscription};

/// What mqsub is to do.
#[derive(Clone, Debug)]
pub struct Subscribe {
    /// The broker.
    pub connection: Connection,
    /// What to subscribe to.
    pub subscriptions: Vec<Subscription>,
    /// What to print, and where.
    pub output: Output,
    /// After how many messages to end.
    pub count: Option<u64>,
    /// After which time to end.
    pub timeout: Option<Duration>,
    /// MQTT 5: the properties of SUBSCRIBE.
    pub properties: Properties,
    /// MQTT 5: the properties of UNSUBSCRIBE.
    pub unsubscribe_properties: Properties,
    /// How many messages of ours may be unacknowledged at once.
    pub window: usize,
    /// What was accepted and has no effect, one sentence each.
    pub warnings: Vec<String>,
}

impl Subscribe {
    /// Gives the flags their meaning.
    ///
    /// # Errors
    /// [`Exit::Usage`], with the options named.
    pub fn new(flags: SubscribeFlags) -> Result<Self, Failure> {
        let common = super::common(&flags)?;
        let texts: Vec<String> = flags.subscription.topic.into_iter().chain(common.url_topic).collect();
        if texts.is_empty() {
            return Err(Failure::new(Exit::Usage, "no topic: -t FILTER is needed").hint("try mqsub --help"));
        }
        let subscriptions = texts
            .iter()
            .map(|text| match Filter::new(text) {
                Ok(filter) => Ok(Subscription::new(filter, flags.subscription.qos)),
                Err(why) => Err(Failure::new(
                    Exit::Usage,
                    format!("cannot subscribe to '{text}': {why}"),
                )),
            })
            .collect::<Result<_, _>>()?;
        Ok(Self {
            connection: common.connection,
            subscriptions,
            output: Output::new(flags.output)?,
            count: flags.end.count,
            timeout: flags.end.timeout,
            properties: common.properties.subscribe,
            unsubscribe_properties: common.properties.unsubscribe,
            window: common.window,
            warnings: common.warnings,
        })
    }
}

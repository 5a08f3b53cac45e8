//! What mqsub is to do.

use std::time::Duration;

use super::connection::{Connection, InFlight, Version};
use super::exec::Exec;
use super::output::Output;
use super::{check_subscribe, wanted};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::flags::SubscribeFlags;
use crate::flags::selection::ReadyFlags;
use crate::message::{Filter, Properties, Subscription};
use crate::property::{RECEIVE_MAXIMUM, Value};

/// How many messages a broker may have on their way to us, unless it is told
/// otherwise, as mosquitto's client has it.
const RECEIVE: u16 = 20;

/// Which messages are wanted.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Selection {
    /// Not those whose topic one of these matches.
    pub out: Vec<Filter>,
    /// Not those that were retained.
    pub no_retained: bool,
    /// Only those that were retained.
    pub retained_only: bool,
    /// Delete those that were retained.
    pub remove_retained: bool,
    /// Not even these, but nothing at all.
    pub nothing: bool,
    /// This part of them, more than 0 and less than 1, by chance.
    pub fraction: Option<f64>,
}

/// How messages are looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum View {
    /// One by one.
    #[default]
    Messages,
    /// Their number in each second.
    Rate,
    /// A table of the topics.
    Table,
}

/// What ends a run; whichever comes first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ends {
    /// So many messages.
    pub count: Option<u64>,
    /// This time since the start.
    pub timeout: Option<Duration>,
    /// This time without a message.
    pub idle: Option<Duration>,
    /// The last retained message.
    pub until_retained: bool,
    /// The answer to the subscriptions.
    pub subscribed: bool,
}

/// What mqsub is to do.
#[derive(Clone, Debug)]
pub struct Subscribe {
    /// The broker.
    pub connection: Connection,
    /// What to subscribe to.
    pub subscriptions: Vec<Subscription>,
    /// What to print, and where.
    pub output: Output,
    /// What to run for each message, instead of printing it.
    pub exec: Option<Exec>,
    /// The subscriptions to end.
    pub unsubscribe: Vec<Filter>,
    /// Which messages are wanted.
    pub selection: Selection,
    /// How they are looked at.
    pub view: View,
    /// When to end.
    pub ends: Ends,
    /// Whom to tell when every subscription has been acknowledged.
    pub ready: ReadyFlags,
    /// MQTT 5: the properties of SUBSCRIBE.
    pub properties: Properties,
    /// MQTT 5: the properties of UNSUBSCRIBE.
    pub unsubscribe_properties: Properties,
    /// How many messages of ours may be unacknowledged at once.
    pub window: InFlight,
    /// What was accepted and has no effect, one sentence each.
    pub warnings: Vec<String>,
}

impl Subscribe {
    /// Gives the flags their meaning.
    ///
    /// # Errors
    /// [`Exit::Usage`], with the options named.
    pub fn new(flags: SubscribeFlags) -> Result<Self, Failure> {
        let mut common = super::common(&flags)?;
        check_subscribe::all(&flags)?;
        let version = common.connection.version;
        let exec = Exec::new(&flags, version)?;
        let topics = flags.subscription.topic.iter().chain(&common.url_topics);
        let (subscriptions, warning) = wanted::subscriptions(&flags, topics, version)?;
        common.warnings.extend(warning);
        let unsubscribe = wanted::filters("-U", &flags.detail.unsubscribe)?;
        if subscriptions.is_empty() && unsubscribe.is_empty() {
            return Err(Failure::new(Exit::Usage, "no topic: -t FILTER is needed").hint("try mqsub --help"));
        }
        let ends = Ends {
            count: flags.end.count,
            timeout: flags.end.timeout,
            idle: flags.end.idle,
            // Nothing else that was retained comes, and our own deletions do.
            until_retained: flags.end.until_retained
                || (flags.selection.retained_only && flags.selection.remove_retained),
            subscribed: flags.end.subscribe_only,
        };
        if version == Version::V5 && !common.connection.properties.has(RECEIVE_MAXIMUM) {
            let count = ends.count.and_then(|count| u16::try_from(count).ok());
            // One for each command, and one more that waits for it.
            let wanted = exec.as_ref().map_or(0, |exec| exec.jobs.saturating_mul(2)).max(RECEIVE);
            let maximum = count.unwrap_or(wanted).min(wanted);
            let maximum = Value::Number(maximum.into());
            common.connection.properties.push(RECEIVE_MAXIMUM, maximum);
        }
        let view = match (flags.view.message_rate, flags.view.watch) {
            (true, _) => View::Rate,
            (false, true) => View::Table,
            (false, false) => View::Messages,
        };
        let selection = wanted::selection(&flags)?;
        Ok(Self {
            connection: common.connection,
            subscriptions,
            unsubscribe,
            selection,
            view,
            ends,
            ready: flags.ready,
            output: Output::new(flags.output)?,
            exec,
            properties: common.properties.subscribe,
            unsubscribe_properties: common.properties.unsubscribe,
            window: common.window,
            warnings: common.warnings,
        })
    }
}

//! What mqpub is to do.

use std::os::unix::ffi::OsStringExt as _;
use std::path::PathBuf;

use bytes::Bytes;

use super::check;
use super::connection::{Connection, Persistence, Version};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::flags::PublishFlags;
use crate::message::{Message, Qos, Topic};

/// Where the payloads come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// The command line.
    Literal(Bytes),
    /// A file, whole.
    File(PathBuf),
    /// Stdin, whole.
    Stdin,
    /// Stdin, a line a message.
    Lines,
}

/// What mqpub is to do.
#[derive(Clone, Debug)]
pub struct Publish {
    /// The broker.
    pub connection: Connection,
    /// Where the payloads come from.
    pub source: Source,
    /// A message to fill with payloads.
    pub template: Message,
    /// How many messages may be unacknowledged at once.
    pub window: usize,
    /// What was accepted and has no effect, one sentence each.
    pub warnings: Vec<String>,
}

impl Publish {
    /// Gives the flags their meaning.
    ///
    /// # Errors
    /// [`Exit::Usage`], with the options named.
    pub fn new(flags: PublishFlags) -> Result<Self, Failure> {
        let common = super::common(&flags)?;
        let mut connection = common.connection;
        let message = flags.message;
        let Some(topic) = message.topic.clone().or(common.url_topic) else {
            return Err(Failure::new(Exit::Usage, "no topic: -t TOPIC is needed").hint("try mqpub --help"));
        };
        let topic = Topic::new(&topic)
            .map_err(|why| Failure::new(Exit::Usage, format!("cannot publish to topic '{topic}': {why}")))?;
        check::one_payload(&message)?;
        let source = if let Some(text) = message.message {
            Source::Literal(text.into_vec().into())
        } else if message.stdin_line {
            Source::Lines
        } else if message.stdin_file || message.file.as_ref().is_some_and(|file| file.as_os_str() == "-") {
            Source::Stdin
        } else if let Some(file) = message.file {
            Source::File(file)
        } else {
            Source::Literal(Bytes::new())
        };
        if source == Source::Lines && message.qos == Qos::ExactlyOnce && !flags.connection.no_reconnect {
            keep_session(&mut connection);
        }
        Ok(Self {
            connection,
            source,
            template: Message {
                topic,
                payload: Bytes::new(),
                qos: message.qos,
                retain: message.retain,
                properties: common.properties.publish,
            },
            window: common.window,
            warnings: common.warnings,
        })
    }

    /// Whether the input is a stream, which outlives a connection.
    pub fn is_stream(&self) -> bool {
        self.source == Source::Lines
    }

    /// The level that the messages are published with.
    pub fn qos(&self) -> Qos {
        self.template.qos
    }
}

/// A QoS 2 stream stays exactly once over a lost connection only if the broker
/// keeps the session for it, under an identifier that nobody else has.
fn keep_session(connection: &mut Connection) {
    if connection.persistence != Persistence::Clean || connection.version == Version::V31 {
        return;
    }
    connection.persistence = Persistence::Run;
    if connection.client_id.is_empty() {
        let random = std::iter::repeat_with(fastrand::alphanumeric).take(16);
        connection.client_id = "mqpub-".chars().chain(random).collect();
    }
}

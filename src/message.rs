//! Plain message data: what is published, what is received. No I/O, no JSON.

use std::ffi::{CStr, CString};
use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;

use crate::property::variable_length;
pub use crate::property::{Properties, Property, Value};

/// The largest payload of one message, in bytes: MQTT's remaining length stops
/// at 268 435 455 (MQTT 5, 1.5.5).
pub const MAX_PAYLOAD: usize = 268_435_455;

/// The longest topic, in bytes (MQTT 5, 1.5.4).
pub const MAX_TOPIC: usize = 65_535;

/// The levels of delivery (MQTT 5, 4.3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Qos {
    /// At most once.
    #[default]
    AtMostOnce = 0,
    /// At least once.
    AtLeastOnce = 1,
    /// Exactly once.
    ExactlyOnce = 2,
}

impl TryFrom<u8> for Qos {
    type Error = u8;

    /// # Errors
    /// The number itself, if it is not 0, 1 or 2.
    fn try_from(number: u8) -> Result<Self, u8> {
        match number {
            0 => Ok(Self::AtMostOnce),
            1 => Ok(Self::AtLeastOnce),
            2 => Ok(Self::ExactlyOnce),
            other => Err(other),
        }
    }
}

/// What is wrong with a topic name or a topic filter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadTopic {
    /// It has no characters (MQTT 5, 4.7.3).
    Empty,
    /// It has more than 65 535 bytes.
    TooLong,
    /// It has a NUL character.
    Nul,
    /// It has a character that a broker may end the connection over (MQTT 5, 1.5.4).
    Control,
    /// A topic name has `+` or `#` (MQTT 5, 3.3.2.1).
    Wildcard,
    /// A filter has `+` or `#` in the wrong place (MQTT 5, 4.7.1).
    Misplaced,
    /// A filter that begins with `$share/` is no shared one (MQTT 5, 4.8.2).
    Share,
}

impl fmt::Display for BadTopic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "it is empty",
            Self::TooLong => "it is longer than 65535 bytes",
            Self::Nul => "it has a NUL character",
            Self::Control => "it has a control character, over which brokers end the connection",
            Self::Wildcard => "it has the wildcard '+' or '#', which is for subscribing",
            Self::Misplaced => "each '+' must be a whole level, and '#' the whole last one",
            Self::Share => "a shared subscription is $share/GROUP/FILTER, without a wildcard in the group",
        })
    }
}

/// A topic name that a message can be published to. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Topic(Arc<CStr>);

impl Topic {
    /// Checks a topic name.
    ///
    /// # Errors
    /// Why it cannot be published to.
    pub fn new(name: &str) -> Result<Self, BadTopic> {
        let topic = Self::received(name)?;
        printable(name)?;
        Ok(topic)
    }

    /// Checks the topic name of a message that has come: what this broker has passed on
    /// it will take, too.
    ///
    /// # Errors
    /// Why it cannot be published to.
    pub fn received(name: &str) -> Result<Self, BadTopic> {
        if name.contains(['+', '#']) {
            return Err(BadTopic::Wildcard);
        }
        Ok(Self(plain(name)?.into()))
    }

    /// As C wants it.
    pub fn as_c_str(&self) -> &CStr {
        &self.0
    }

    /// As Rust wants it.
    pub fn as_str(&self) -> &str {
        self.0.to_str().unwrap_or_default()
    }
}

/// A topic filter that can be subscribed to: wildcards only where MQTT allows
/// them, shared subscriptions (`$share/group/filter`) included.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filter(CString);

impl Filter {
    /// Checks a topic filter.
    ///
    /// # Errors
    /// Why it cannot be subscribed to.
    pub fn new(text: &str) -> Result<Self, BadTopic> {
        let c_text = plain(text)?;
        printable(text)?;
        let levels = text.split('/').count();
        for (index, level) in text.split('/').enumerate() {
            let alone = level.len() == 1;
            let last = index + 1 == levels;
            if (level.contains('#') && !(alone && last)) || (level.contains('+') && !alone) {
                return Err(BadTopic::Misplaced);
            }
        }
        if let Some(shared) = text.strip_prefix("$share/") {
            match shared.split_once('/') {
                Some((group, filter)) if !group.is_empty() && !group.contains(['+', '#']) && !filter.is_empty() => {}
                _ => return Err(BadTopic::Share),
            }
        }
        Ok(Self(c_text))
    }

    /// As C wants it.
    pub fn as_c_str(&self) -> &CStr {
        &self.0
    }

    /// As Rust wants it.
    pub fn as_str(&self) -> &str {
        self.0.to_str().unwrap_or_default()
    }

    /// Whether it is that of a shared subscription (MQTT 5, 4.8.2).
    pub fn is_shared(&self) -> bool {
        self.as_str().starts_with("$share/")
    }

    /// Whether a topic is among those that it is for (MQTT 5, 4.7): wildcards in
    /// the first level leave out topics that begin with `$`. Of a shared
    /// subscription the filter in it counts.
    pub fn matches(&self, topic: &str) -> bool {
        let mut levels = topic.split('/');
        // `$share` and the name of the group.
        let aside = if self.is_shared() { 2 } else { 0 };
        for (index, wanted) in self.as_str().split('/').skip(aside).enumerate() {
            let wild = matches!(wanted, "+" | "#");
            if index == 0 && wild && topic.starts_with('$') {
                return false;
            }
            match (wanted, levels.next()) {
                // Also the level above, which has no more levels.
                ("#", _) => return true,
                (_, None) => return false,
                (_, Some(level)) if !wild && level != wanted => return false,
                _ => {}
            }
        }
        levels.next().is_none()
    }
}

/// When the broker sends the messages that it has retained to who subscribes
/// (MQTT 5, 3.8.3.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RetainHandling {
    /// Whenever the subscription is asked for.
    #[default]
    Always = 0,
    /// If there was no such subscription yet.
    New = 1,
    /// Never.
    Never = 2,
}

/// A topic filter with what is asked of the broker about it. Before MQTT 5 there
/// is only the level.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subscription {
    /// Which topics.
    pub filter: Filter,
    /// The highest level to deliver with.
    pub qos: Qos,
    /// Not what the same client publishes.
    pub no_local: bool,
    /// Keep the retain flag that a message was published with.
    pub retain_as_published: bool,
    /// When to send retained messages.
    pub retain_handling: RetainHandling,
    /// A number that comes with each message, from 1 to 268 435 455.
    pub identifier: Option<u32>,
}

impl Subscription {
    /// A filter with a level and nothing else.
    pub fn new(filter: Filter, qos: Qos) -> Self {
        Self {
            filter,
            qos,
            no_local: false,
            retain_as_published: false,
            retain_handling: RetainHandling::Always,
            identifier: None,
        }
    }
}

/// The checks that names and filters share.
fn plain(text: &str) -> Result<CString, BadTopic> {
    if text.is_empty() {
        return Err(BadTopic::Empty);
    }
    if text.len() > MAX_TOPIC {
        return Err(BadTopic::TooLong);
    }
    CString::new(text).map_err(|_| BadTopic::Nul)
}

/// Refuses the characters that a broker may take for a malformed packet: control
/// characters and those that Unicode has set aside (MQTT 5, 1.5.4).
fn printable(text: &str) -> Result<(), BadTopic> {
    let aside = |letter: char| {
        let code = u32::from(letter);
        code & 0xfffe == 0xfffe || (0xfdd0..=0xfdef).contains(&code)
    };
    if text.chars().any(|letter| letter.is_control() || aside(letter)) {
        return Err(BadTopic::Control);
    }
    Ok(())
}

/// A message to publish. Cheap to clone: topic and payload are shared.
#[derive(Clone, Debug, PartialEq)]
pub struct Message {
    /// Where to.
    pub topic: Topic,
    /// What, at most [`MAX_PAYLOAD`] bytes.
    pub payload: Bytes,
    /// How surely.
    pub qos: Qos,
    /// Whether the broker keeps it for later subscribers.
    pub retain: bool,
    /// MQTT 5 properties; empty for older versions.
    pub properties: Properties,
}

impl Message {
    /// How many bytes its PUBLISH packet has (MQTT 5, 3.3); `five` if it is one of
    /// MQTT 5, with properties.
    pub fn packet_size(&self, five: bool) -> u64 {
        let properties = if five { self.properties.encoded_size() } else { 0 };
        let identifier = if self.qos == Qos::AtMostOnce { 0 } else { 2 };
        let rest = 2 + self.topic.as_c_str().count_bytes() + identifier + properties + self.payload.len();
        (1 + variable_length(rest) + rest) as u64
    }
}

/// What has been done about a payload that came in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Decoding<'a> {
    /// Nothing: it was not asked for.
    #[default]
    None,
    /// It stands for a text, and these are the bytes that came.
    Done(&'a [u8]),
    /// It stands for no text of the kind that was asked for.
    Failed,
}

/// A message as it came in, borrowed from where it was received.
#[derive(Clone, Debug)]
pub struct Received<'a> {
    /// When it was received.
    pub time: SystemTime,
    /// Where it was published to.
    pub topic: &'a str,
    /// Its payload, any bytes; with `--decode` the text that it stands for.
    pub payload: &'a [u8],
    /// What has been done about the payload.
    pub decoding: Decoding<'a>,
    /// The level it was delivered with.
    pub qos: Qos,
    /// Whether it is a retained message, or was published as one and the
    /// subscription asked to be told.
    pub retain: bool,
    /// Whether the broker marked it as perhaps delivered before.
    pub dup: bool,
    /// The packet identifier; 0 at QoS 0, which has none.
    pub mid: u16,
    /// MQTT 5 properties in the order they came in.
    pub properties: Properties,
}

impl Received<'_> {
    /// The payload as it came.
    pub fn original(&self) -> &[u8] {
        match self.decoding {
            Decoding::Done(bytes) => bytes,
            Decoding::None | Decoding::Failed => self.payload,
        }
    }

    /// The payload as text, if it is to be shown as one: what should have been
    /// decoded and was not is never taken for what was.
    pub fn text(&self) -> Option<&str> {
        let payload = std::str::from_utf8(self.payload).ok();
        payload.filter(|_| self.decoding != Decoding::Failed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn topic_names_have_no_wildcards() {
        assert!(Topic::new("a/b").is_ok());
        assert!(Topic::new("/").is_ok());
        assert_eq!(Topic::new(""), Err(BadTopic::Empty));
        assert_eq!(Topic::new("a/+"), Err(BadTopic::Wildcard));
        assert_eq!(Topic::new("a#"), Err(BadTopic::Wildcard));
        assert_eq!(Topic::new("a\0b"), Err(BadTopic::Nul));
        for name in ["a\tb", "\u{1}", "\u{7f}", "\u{85}", "\u{fffe}", "\u{1ffff}", "\u{fdd0}"] {
            assert_eq!(Topic::new(name), Err(BadTopic::Control), "{name:?}");
            assert_eq!(Filter::new(name), Err(BadTopic::Control), "{name:?}");
            assert!(Topic::received(name).is_ok());
        }
        assert!(Topic::new("é/\u{fffd}/\u{10fffd}").is_ok());
        assert!(Topic::new(&"x".repeat(MAX_TOPIC)).is_ok());
        assert_eq!(Topic::new(&"x".repeat(MAX_TOPIC + 1)), Err(BadTopic::TooLong));
    }

    #[test]
    fn filters_match_topics() {
        for (filter, topic, expected) in [
            ("a/b", "a/b", true),
            ("a/b", "a/c", false),
            ("a/b", "a", false),
            ("a/b", "a/b/c", false),
            ("a/+", "a/b", true),
            ("a/+", "a", false),
            ("a/+", "a/", true),
            ("+/+", "/finance", true),
            ("/+", "/finance", true),
            ("+", "/finance", false),
            ("a/#", "a", true),
            ("a/#", "a/b/c", true),
            ("a/#", "ab", false),
            ("#", "a/b", true),
            ("#", "$SYS/x", false),
            ("+/x", "$SYS/x", false),
            ("$SYS/#", "$SYS/x", true),
            ("$SYS/+", "$SYS/x", true),
            ("a/+/c", "a/$b/c", true),
            ("$share/g/a/+", "a/b", true),
            ("$share/g/#", "$SYS/x", false),
            ("$share/a/b", "a/b", false),
        ] {
            assert_eq!(
                Filter::new(filter).unwrap().matches(topic),
                expected,
                "{filter} {topic}"
            );
        }
    }

    #[test]
    fn filters_have_wildcards_in_their_places() {
        for good in ["#", "+", "a/#", "+/a/+", "/", "$SYS/#", "$share/g/a/#", "$share/g/+"] {
            assert!(Filter::new(good).is_ok(), "{good}");
        }
        for (bad, why) in [
            ("a#", BadTopic::Misplaced),
            ("#/a", BadTopic::Misplaced),
            ("a+/b", BadTopic::Misplaced),
            ("a/#/b", BadTopic::Misplaced),
            ("", BadTopic::Empty),
            ("$share/g", BadTopic::Share),
            ("$share//a", BadTopic::Share),
            ("$share/+/a", BadTopic::Share),
        ] {
            assert_eq!(Filter::new(bad), Err(why), "{bad}");
        }
    }
}

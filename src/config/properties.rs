//! What `-D` and `-x` mean: the properties of each packet that a tool sends.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;

use crate::exit::Exit;
use crate::failure::Failure;
use crate::flags::Tool;
use crate::flags::properties::{PropertyFlags, TypedProperty};
use crate::property::{
    self, AUTHENTICATION_DATA, AUTHENTICATION_METHOD, Kind, Place, Properties, SESSION_EXPIRY_INTERVAL, USER_PROPERTY,
    Value,
};

/// The properties of each packet, in the order in which they were typed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PropertySet {
    /// CONNECT; the session expiry interval of `-x` included.
    pub connect: Properties,
    /// Each PUBLISH.
    pub publish: Properties,
    /// The will in CONNECT.
    pub will: Properties,
    /// DISCONNECT.
    pub disconnect: Properties,
    /// Each SUBSCRIBE.
    pub subscribe: Properties,
    /// Each UNSUBSCRIBE.
    pub unsubscribe: Properties,
}

impl PropertySet {
    fn place(&mut self, place: Place) -> &mut Properties {
        match place {
            Place::Connect => &mut self.connect,
            Place::Will => &mut self.will,
            Place::Publish => &mut self.publish,
            Place::Subscribe => &mut self.subscribe,
            Place::Unsubscribe => &mut self.unsubscribe,
            Place::Disconnect => &mut self.disconnect,
        }
    }
}

/// Gives `-D` and `-x` their meaning. A property of a packet that the tool never
/// sends is checked, left out and told of in a warning: mosquitto's clients
/// accept it, and so scripts may have it.
///
/// # Errors
/// [`Exit::Usage`], with the property and its range named.
pub(super) fn resolve(flags: &PropertyFlags, tool: Tool, asks: bool) -> Result<(PropertySet, Vec<String>), Failure> {
    let mut set = PropertySet::default();
    let mut warnings = Vec::new();
    for typed in &flags.property {
        let wrong = |why: String| usage(format!("-D {}: {why}", subject(typed)));
        let (place, command) = place(&typed.command).map_err(wrong)?;
        let (id, value) = value(typed, place).map_err(wrong)?;
        let list = set.place(place);
        if id != USER_PROPERTY && list.has(id) {
            return Err(wrong("cannot be given more than once".to_owned()));
        }
        list.push(id, value);
        if !sends(tool, asks, place) {
            let program = tool.program();
            warnings.push(format!(
                "-D {} has no effect: {program} does not {command}",
                subject(typed)
            ));
        }
    }
    for (place, _) in Place::ALL {
        if !sends(tool, asks, place) {
            *set.place(place) = Properties::default();
        }
    }
    if set.connect.has(AUTHENTICATION_DATA) && !set.connect.has(AUTHENTICATION_METHOD) {
        return Err(usage(
            "-D connect authentication-data needs -D connect authentication-method",
        ));
    }
    if let Some(seconds) = flags.session_expiry_interval {
        if set.connect.has(SESSION_EXPIRY_INTERVAL) {
            return Err(usage(
                "-x and -D connect session-expiry-interval cannot be used together",
            ));
        }
        set.connect.push(SESSION_EXPIRY_INTERVAL, Value::Number(seconds));
    }
    Ok((set, warnings))
}

/// Whether the tool ever sends this packet; `asks` if it wants replies.
fn sends(tool: Tool, asks: bool, place: Place) -> bool {
    match place {
        Place::Connect | Place::Will | Place::Disconnect => true,
        Place::Publish => tool == Tool::Publish,
        Place::Subscribe => tool == Tool::Subscribe || asks,
        Place::Unsubscribe => tool == Tool::Subscribe,
    }
}

/// Which packet, and its name.
fn place(command: &OsStr) -> Result<(Place, &'static str), String> {
    let mut places = Place::ALL.into_iter();
    let found = places.find(|(_, name)| command.eq_ignore_ascii_case(name));
    found.ok_or_else(|| {
        let names = Place::ALL.map(|(_, name)| name).join(", ");
        format!("COMMAND must be one of {names}")
    })
}

/// Which property, and its value.
fn value(typed: &TypedProperty, place: Place) -> Result<(u8, Value), String> {
    let name = typed.property.to_string_lossy();
    let (id, kind) = property::by_name(&name.to_ascii_lowercase()).ok_or("there is no such property")?;
    if !place.has(id) {
        return Err(match fitting(id).as_slice() {
            [] => "only a broker sends this property".to_owned(),
            places => format!("this property goes with {}", places.join(", ")),
        });
    }
    let text = typed.value.as_bytes();
    let value = match (kind, &typed.name) {
        (Kind::Pair, Some(name)) => Value::pair(name.as_bytes(), text)?,
        _ => Value::parse(id, text)?,
    };
    Ok((id, value))
}

/// The commands that a property goes with.
fn fitting(id: u8) -> Vec<&'static str> {
    let places = Place::ALL.into_iter().filter(|(place, _)| place.has(id));
    places.map(|(_, name)| name).collect()
}

/// The part of a `-D` that names it.
fn subject(typed: &TypedProperty) -> String {
    format!("{} {}", typed.command.display(), typed.property.display())
}

fn usage(why: impl Into<String>) -> Failure {
    Failure::new(Exit::Usage, why)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flags::{self, Flags as _, PublishFlags, SubscribeFlags};
    use std::ffi::OsString;
    use std::os::unix::ffi::OsStringExt as _;

    fn words(line: &str) -> Vec<OsString> {
        line.split(' ').map(OsString::from).collect()
    }

    fn publish(line: &str) -> Result<(PropertySet, Vec<String>), String> {
        let flags: PublishFlags = flags::parse(words(&format!("mqpub {line}"))).unwrap();
        resolve(&flags.shared.properties, PublishFlags::TOOL, flags.asks()).map_err(|failure| failure.to_string())
    }

    fn subscribe(line: &str) -> Result<(PropertySet, Vec<String>), String> {
        let flags: SubscribeFlags = flags::parse(words(&format!("mqsub {line}"))).unwrap();
        resolve(&flags.shared.properties, SubscribeFlags::TOOL, false).map_err(|failure| failure.to_string())
    }

    /// Each value with its identifier.
    fn values(properties: &Properties) -> Vec<(u8, Value)> {
        let pairs = properties.iter();
        pairs.map(|property| (property.id, property.value.clone())).collect()
    }

    #[test]
    fn each_packet_has_its_own_in_order() {
        let (set, warnings) = publish(
            "-D connect user-property a 1 -D publish content-type text/plain -D will will-delay-interval 5 \
             -D PUBLISH User-Property b 2 -D publish correlation-data -x -D disconnect reason-string bye \
             -D publish user-property b 2 -D connect receive-maximum 0191",
        )
        .unwrap();
        let pair = |name: &str, value: &str| Value::Pair(name.into(), value.into());
        assert_eq!(values(&set.connect), [(38, pair("a", "1")), (33, Value::Number(191))]);
        assert_eq!(
            values(&set.publish),
            [
                (3, Value::Text("text/plain".into())),
                (38, pair("b", "2")),
                (9, Value::Binary(b"-x".to_vec())),
                (38, pair("b", "2")),
            ]
        );
        assert_eq!(values(&set.will), [(24, Value::Number(5))]);
        assert_eq!(values(&set.disconnect), [(31, Value::Text("bye".into()))]);
        assert!(set.subscribe.is_empty() && set.unsubscribe.is_empty() && warnings.is_empty());
    }

    #[test]
    fn text_for_bytes_need_not_be_utf8() {
        let mut line = words("mqpub -D publish correlation-data");
        line.push(OsString::from_vec(b"\xff".to_vec()));
        let flags: PublishFlags = flags::parse(line).unwrap();
        let (set, _) = resolve(&flags.shared.properties, Tool::Publish, false).unwrap();
        assert_eq!(values(&set.publish), [(9, Value::Binary(vec![0xff]))]);
    }

    #[test]
    fn the_packets_of_the_other_tool_are_told_of_and_left_out() {
        let (set, warnings) = publish("-D subscribe subscription-identifier 7").unwrap();
        assert_eq!(set, PropertySet::default());
        assert_eq!(
            warnings,
            ["-D subscribe subscription-identifier has no effect: mqpub does not subscribe"]
        );
        let (set, warnings) = subscribe("-D publish topic-alias 1 -D unsubscribe user-property a b").unwrap();
        assert_eq!(
            warnings,
            ["-D publish topic-alias has no effect: mqsub does not publish"]
        );
        assert!(set.publish.is_empty() && set.unsubscribe.has(USER_PROPERTY));
        assert!(publish("-D subscribe subscription-identifier 0").is_err());
    }

    #[test]
    fn what_is_wrong_is_named_with_its_range() {
        for (line, text) in [
            (
                "-D auth user-property a b",
                "-D auth user-property: COMMAND must be one of connect, publish",
            ),
            (
                "-D publish nonsense 1",
                "-D publish nonsense: there is no such property",
            ),
            (
                "-D publish subscription-identifier 1",
                "-D publish subscription-identifier: this property goes with subscribe",
            ),
            (
                "-D connect will-delay-interval 1",
                "-D connect will-delay-interval: this property goes with will",
            ),
            (
                "-D connect maximum-qos 1",
                "-D connect maximum-qos: only a broker sends this property",
            ),
            (
                "-D publish topic-alias x",
                "-D publish topic-alias: must be a whole number from 1 to 65535",
            ),
            (
                "-D connect receive-maximum 0",
                "-D connect receive-maximum: must be a whole number from 1 to 65535",
            ),
            (
                "-D publish message-expiry-interval 4294967296",
                "-D publish message-expiry-interval: must be a whole number from 0 to 4294967295",
            ),
            (
                "-D publish response-topic a/#",
                "-D publish response-topic: must be a topic without wildcards",
            ),
            (
                "-D publish content-type a -D publish content-type a",
                "-D publish content-type: cannot be given more than once",
            ),
            (
                "-D connect authentication-data x",
                "-D connect authentication-data needs -D connect authentication-method",
            ),
        ] {
            let why = publish(line).unwrap_err();
            assert!(why.starts_with(text), "{line}: {why}");
        }
    }

    #[test]
    fn session_expiry_has_one_source() {
        let (set, _) = publish("-x 0x10").unwrap();
        assert_eq!(set.connect.number(SESSION_EXPIRY_INTERVAL), Some(16));
        let (set, _) = publish("-D connect session-expiry-interval 5").unwrap();
        assert_eq!(set.connect.number(SESSION_EXPIRY_INTERVAL), Some(5));
        let why = publish("-x 0 -D connect session-expiry-interval 5").unwrap_err();
        assert_eq!(why, "-x and -D connect session-expiry-interval cannot be used together");
        assert!(publish("-x 9 -D disconnect session-expiry-interval 5").is_ok());
    }
}

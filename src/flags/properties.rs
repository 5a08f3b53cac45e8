//! The options of MQTT 5: properties, and how long the broker keeps a session.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt as _;

use clap::builder::{OsStringValueParser, TypedValueParser as _};
use clap::{ArgAction, Args};

use super::value;

/// Properties, and how long the broker keeps a session.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "MQTT 5")]
pub struct PropertyFlags {
    /// A property of the packet COMMAND; turns MQTT 5 on; may be given several times
    ///
    /// COMMAND is connect, publish, will, disconnect, subscribe or unsubscribe.
    /// The property user-property takes NAME and VALUE, and may be repeated;
    /// each other one takes VALUE alone.
    #[arg(
        short = 'D',
        long,
        value_name = "COMMAND PROPERTY [NAME] VALUE",
        action = ArgAction::Append,
        value_parser = OsStringValueParser::new().try_map(TypedProperty::unpack),
    )]
    pub property: Vec<TypedProperty>,

    /// After which time without a connection the broker forgets the session, or never; turns MQTT 5 on
    ///
    /// -1 and ∞ also mean never, which needs -i.
    #[arg(short = 'x', long, value_name = "TIME", value_parser = value::expiry)]
    pub session_expiry_interval: Option<u32>,
}

/// What stands behind one `-D`, as typed.
///
/// The arguments behind `-D` are one value for clap, joined with NUL, which no
/// argument can have; `scan` does that.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TypedProperty {
    /// The packet that the property is for.
    pub command: OsString,
    /// The name of the property.
    pub property: OsString,
    /// The name of a user property.
    pub name: Option<OsString>,
    /// The value.
    pub value: OsString,
}

/// What joins the arguments behind `-D`.
const JOINT: u8 = 0;

/// What is wrong with too few arguments behind `-D`.
pub(super) const TOO_FEW: &str = "-D needs COMMAND PROPERTY VALUE, and for user-property NAME VALUE";

impl TypedProperty {
    /// How many arguments belong to a `-D`, where the second of them is this.
    pub(super) fn arity(property: Option<&OsString>) -> usize {
        if property.is_some_and(|name| name.eq_ignore_ascii_case("user-property")) {
            4
        } else {
            3
        }
    }

    /// Makes one value of several.
    pub(super) fn pack(fields: &[OsString]) -> OsString {
        let fields: Vec<&[u8]> = fields.iter().map(|field| field.as_encoded_bytes()).collect();
        OsString::from_vec(fields.join(&JOINT))
    }

    /// Takes them apart again.
    fn unpack(packed: OsString) -> Result<Self, &'static str> {
        let packed = packed.into_vec();
        let mut fields = packed
            .split(|byte| *byte == JOINT)
            .map(|field| OsString::from_vec(field.to_vec()));
        let mut next = || fields.next().ok_or(TOO_FEW);
        let (command, property, third) = (next()?, next()?, next()?);
        match (next().ok(), next()) {
            (None, _) => Ok(Self {
                command,
                property,
                name: None,
                value: third,
            }),
            (Some(value), Err(_)) => Ok(Self {
                command,
                property,
                name: Some(third),
                value,
            }),
            (Some(_), Ok(_)) => Err("it has a NUL character"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packed(fields: &[&str]) -> OsString {
        let fields: Vec<OsString> = fields.iter().map(OsString::from).collect();
        TypedProperty::pack(&fields)
    }

    #[test]
    fn the_fields_come_back() {
        let plain = TypedProperty::unpack(packed(&["publish", "content-type", ""])).unwrap();
        assert_eq!((plain.name, plain.value), (None, OsString::new()));
        let pair = TypedProperty::unpack(packed(&["publish", "user-property", "", "-x y"])).unwrap();
        assert_eq!((pair.name, pair.value), (Some(OsString::new()), "-x y".into()));
        assert!(TypedProperty::unpack(packed(&["publish", "content-type"])).is_err());
        assert!(TypedProperty::unpack(packed(&["a", "b", "c\0d", "e"])).is_err());
    }
}

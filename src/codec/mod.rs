//! Payloads between the form that devices speak and the one that a shell can
//! handle: bytes and hex digits or base64, CBOR or MessagePack and JSON. Never
//! applied unless asked for.
//!
//! What JSON does not have stands in it as an object of one member, and is read
//! back from there:
//!
//! | JSON | what it is |
//! | --- | --- |
//! | `{"$base64":"AQI="}` | a string of bytes |
//! | `{"$float":"NaN"}` | a number that is none, `Infinity`, `-Infinity` |
//! | `{"$map":[[1,2]]}` | a map whose keys are not all strings, or come twice; also one that looks like a row of this table |
//! | `{"$tag":[0,"…"]}` | CBOR: a tag and what it is about |
//! | `{"$ext":[5,"AQI="]}` | MessagePack: an extension, its type and its bytes |
//!
//! Whole numbers are there digit by digit. What is not kept is how many bytes a
//! value took, CBOR's `undefined`, which becomes null, and that a MessagePack
//! string that is not UTF-8 was to be a string.

mod cbor;
mod json;
mod pack;

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use data_encoding::{HEXLOWER, HEXLOWER_PERMISSIVE};

/// Base64 as people write it: with padding or without.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// How deep a CBOR or MessagePack value may be nested.
const DEPTH: usize = 128;

/// A form of payloads that a text stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Codec {
    /// Bytes as hex digits, blanks between them allowed.
    Hex,
    /// Bytes as base64 (RFC 4648, 4).
    Base64,
    /// CBOR (RFC 8949) as JSON.
    Cbor,
    /// MessagePack as JSON.
    Msgpack,
}

impl Codec {
    /// The codec of this name.
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "hex" => Some(Self::Hex),
            "base64" => Some(Self::Base64),
            "cbor" => Some(Self::Cbor),
            "msgpack" => Some(Self::Msgpack),
            _ => None,
        }
    }

    /// The bytes that a text stands for.
    ///
    /// # Errors
    /// Why it stands for none, in a clause.
    pub fn encode(self, text: &[u8]) -> Result<Vec<u8>, String> {
        let plain = || {
            text.iter()
                .copied()
                .filter(|byte| !byte.is_ascii_whitespace())
                .collect::<Vec<u8>>()
        };
        match self {
            Self::Hex => HEXLOWER_PERMISSIVE
                .decode(&plain())
                .map_err(|_| "it is not hex digits, two for each byte".to_owned()),
            Self::Base64 => BASE64
                .decode(plain())
                .map_err(|error| format!("it is not base64: {error}")),
            Self::Cbor => cbor::encode(&json::Node::parse(text)?),
            Self::Msgpack => pack::encode(&json::Node::parse(text)?),
        }
    }

    /// The name of this codec.
    pub fn name(self) -> &'static str {
        match self {
            Self::Hex => "hex",
            Self::Base64 => "base64",
            Self::Cbor => "cbor",
            Self::Msgpack => "msgpack",
        }
    }

    /// Appends the text that stands for these bytes, and that [`Codec::encode`]
    /// makes the same value of.
    ///
    /// # Errors
    /// Why there is none, in a clause; then nothing was appended.
    pub fn decode(self, bytes: &[u8], text: &mut Vec<u8>) -> Result<(), String> {
        let start = text.len();
        let decoded = match self {
            Self::Hex => {
                text.extend_from_slice(HEXLOWER.encode(bytes).as_bytes());
                Ok(())
            }
            Self::Base64 => {
                text.extend_from_slice(BASE64.encode(bytes).as_bytes());
                Ok(())
            }
            Self::Cbor => cbor::decode(bytes, text),
            Self::Msgpack => pack::decode(bytes, text),
        };
        if decoded.is_err() {
            text.truncate(start);
        }
        decoded
    }
}

/// What may stand behind a value: nothing.
fn ended(rest: &[u8], name: &str) -> Result<(), String> {
    match rest.len() {
        0 => Ok(()),
        1 => Err(format!("it has 1 byte behind its {name} value")),
        count => Err(format!("it has {count} bytes behind its {name} value")),
    }
}

#[cfg(test)]
mod tests;

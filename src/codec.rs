//! Payloads between the form that devices speak and the one that a shell can
//! handle: bytes and hex digits or base64, CBOR or MessagePack and JSON. Never
//! applied unless asked for.

use std::io::Write as _;

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use ciborium::Value as Cbor;
use data_encoding::{HEXLOWER, HEXLOWER_PERMISSIVE};
use rmpv::Value as Pack;
use serde::de::DeserializeOwned;

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
            Self::Cbor => {
                let mut bytes = Vec::new();
                // Writing to a vector cannot fail.
                let _ = ciborium::into_writer(&json::<Cbor>(text)?, &mut bytes);
                Ok(bytes)
            }
            Self::Msgpack => {
                let mut bytes = Vec::new();
                let _ = rmpv::encode::write_value(&mut bytes, &json::<Pack>(text)?);
                Ok(bytes)
            }
        }
    }

    /// Appends the text that stands for these bytes.
    ///
    /// In JSON, byte strings become base64, keys that are no strings become
    /// their JSON text, what is not a number becomes null, and tags are left out;
    /// an extension of MessagePack becomes an object of `type` and `base64`.
    ///
    /// # Errors
    /// Why there is none, in a clause; then nothing was appended.
    pub fn decode(self, bytes: &[u8], text: &mut Vec<u8>) -> Result<(), String> {
        match self {
            Self::Hex => text.extend_from_slice(HEXLOWER.encode(bytes).as_bytes()),
            Self::Base64 => text.extend_from_slice(BASE64.encode(bytes).as_bytes()),
            Self::Cbor => {
                let mut rest = bytes;
                let value: Cbor = ciborium::de::from_reader_with_recursion_limit(&mut rest, DEPTH)
                    .map_err(|_| "it is not CBOR".to_owned())?;
                ended(rest, "CBOR")?;
                from_cbor(&value, text);
            }
            Self::Msgpack => {
                let mut rest = bytes;
                let value = rmpv::decode::read_value_with_max_depth(&mut rest, DEPTH)
                    .map_err(|_| "it is not MessagePack".to_owned())?;
                ended(rest, "MessagePack")?;
                from_pack(&value, text);
            }
        }
        Ok(())
    }
}

fn json<T: DeserializeOwned>(text: &[u8]) -> Result<T, String> {
    serde_json::from_slice(text).map_err(|error| format!("it is not JSON: {error}"))
}

fn ended(rest: &[u8], name: &str) -> Result<(), String> {
    if rest.is_empty() {
        Ok(())
    } else {
        Err(format!("it has {} bytes behind its {name} value", rest.len()))
    }
}

fn from_cbor(value: &Cbor, text: &mut Vec<u8>) {
    match value {
        Cbor::Integer(number) => append(text, i128::from(*number)),
        Cbor::Bytes(bytes) => base64(bytes, text),
        Cbor::Float(number) => float(*number, text),
        Cbor::Text(value) => string(value, text),
        Cbor::Bool(value) => append(text, value),
        Cbor::Tag(_, value) => from_cbor(value, text),
        Cbor::Array(values) => list(values.iter(), text, from_cbor),
        Cbor::Map(pairs) => object(pairs.iter().map(|(key, value)| (key, value)), text, from_cbor),
        // Null, and what later versions of the crate may know.
        _ => text.extend_from_slice(b"null"),
    }
}

fn from_pack(value: &Pack, text: &mut Vec<u8>) {
    match value {
        Pack::Nil => text.extend_from_slice(b"null"),
        Pack::Boolean(value) => append(text, value),
        Pack::Integer(number) => append(text, number),
        Pack::F32(number) => float(f64::from(*number), text),
        Pack::F64(number) => float(*number, text),
        Pack::String(value) => match value.as_str() {
            Some(value) => string(value, text),
            None => base64(value.as_bytes(), text),
        },
        Pack::Binary(bytes) => base64(bytes, text),
        Pack::Array(values) => list(values.iter(), text, from_pack),
        Pack::Map(pairs) => object(pairs.iter().map(|(key, value)| (key, value)), text, from_pack),
        Pack::Ext(kind, bytes) => {
            append(text, format_args!("{{\"type\":{kind},\"base64\":"));
            base64(bytes, text);
            text.push(b'}');
        }
    }
}

fn list<'a, T: 'a>(values: impl Iterator<Item = &'a T>, text: &mut Vec<u8>, item: fn(&T, &mut Vec<u8>)) {
    text.push(b'[');
    for (index, value) in values.enumerate() {
        if index > 0 {
            text.push(b',');
        }
        item(value, text);
    }
    text.push(b']');
}

fn object<'a, T: 'a>(pairs: impl Iterator<Item = (&'a T, &'a T)>, text: &mut Vec<u8>, item: fn(&T, &mut Vec<u8>)) {
    text.push(b'{');
    for (index, (key, value)) in pairs.enumerate() {
        if index > 0 {
            text.push(b',');
        }
        let start = text.len();
        item(key, text);
        if text.get(start) != Some(&b'"') {
            // Keys of JSON are strings.
            let key = String::from_utf8_lossy(&text[start..]).into_owned();
            text.truncate(start);
            string(&key, text);
        }
        text.push(b':');
        item(value, text);
    }
    text.push(b'}');
}

fn string(value: &str, text: &mut Vec<u8>) {
    // Writing to a vector cannot fail, and a string always has a JSON form.
    let _ = serde_json::to_writer(text, value);
}

fn base64(bytes: &[u8], text: &mut Vec<u8>) {
    append(text, format_args!("\"{}\"", BASE64.encode(bytes)));
}

/// JSON has no numbers that are none, and none without an end.
fn float(number: f64, text: &mut Vec<u8>) {
    let _ = serde_json::to_writer(text, &number);
}

fn append(text: &mut Vec<u8>, value: impl std::fmt::Display) {
    let _ = write!(text, "{value}");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn there_and_back(codec: Codec, text: &str) -> (Vec<u8>, String) {
        let bytes = codec.encode(text.as_bytes()).unwrap();
        let mut back = Vec::new();
        codec.decode(&bytes, &mut back).unwrap();
        (bytes, String::from_utf8(back).unwrap())
    }

    #[test]
    fn digits_stand_for_bytes() {
        for (codec, text, bytes, back) in [
            (Codec::Hex, "00fFa1", &[0, 0xff, 0xa1][..], "00ffa1"),
            (Codec::Hex, " 48 65\n6C ", b"Hel", "48656c"),
            (Codec::Hex, "", b"", ""),
            (Codec::Base64, "SGVs", b"Hel", "SGVs"),
            (Codec::Base64, "SGVsbG8", b"Hello", "SGVsbG8="),
            (Codec::Base64, "SGVs\nbG8=\n", b"Hello", "SGVsbG8="),
        ] {
            assert_eq!(there_and_back(codec, text), (bytes.to_vec(), back.to_owned()), "{text}");
        }
        for (codec, text) in [
            (Codec::Hex, "0"),
            (Codec::Hex, "0x12"),
            (Codec::Hex, "g0"),
            (Codec::Base64, "S!"),
            (Codec::Cbor, "{"),
            (Codec::Cbor, ""),
            (Codec::Msgpack, "1 2"),
        ] {
            assert!(codec.encode(text.as_bytes()).is_err(), "{text}");
        }
    }

    #[test]
    fn json_comes_back_as_it_was() {
        for codec in [Codec::Cbor, Codec::Msgpack] {
            for text in [
                "null",
                "true",
                "0",
                "-1",
                "18446744073709551615",
                "-9223372036854775808",
                "1.5",
                "\"\\u0000 \\\" ü\"",
                "[]",
                "{\"z\":1,\"a\":[1,2,{\"b\":null}]}",
            ] {
                assert_eq!(there_and_back(codec, text).1, text, "{codec:?}");
            }
        }
        // RFC 8949, appendix A.
        assert_eq!(
            Codec::Cbor.encode(b"{\"a\":1,\"b\":[2,3]}").unwrap(),
            [0xa2, 0x61, 0x61, 0x01, 0x61, 0x62, 0x82, 0x02, 0x03]
        );
        assert_eq!(Codec::Msgpack.encode(b"{\"a\":1}").unwrap(), [0x81, 0xa1, 0x61, 0x01]);
    }

    fn decoded(codec: Codec, bytes: &[u8]) -> Result<String, String> {
        let mut text = b"before".to_vec();
        let outcome = codec.decode(bytes, &mut text);
        let text = String::from_utf8(text).unwrap();
        let behind = text.strip_prefix("before").unwrap().to_owned();
        assert!(outcome.is_ok() || behind.is_empty());
        outcome.map(|()| behind)
    }

    #[test]
    fn what_json_does_not_have_has_a_form() {
        for (codec, bytes, text) in [
            (Codec::Cbor, &[0x43, 1, 2, 3][..], "\"AQID\""),
            (Codec::Cbor, &[0xa1, 0x01, 0x20], "{\"1\":-1}"),
            (Codec::Cbor, &[0xa1, 0x81, 0x01, 0x02], "{\"[1]\":2}"),
            (
                Codec::Cbor,
                &[0xa1, 0x81, 0x61, b'"', 0x02],
                "{\"[\\\"\\\\\\\"\\\"]\":2}",
            ),
            (Codec::Cbor, &[0xf9, 0x7e, 0x00], "null"),
            (Codec::Cbor, &[0xc1, 0x01], "1"),
            (
                Codec::Cbor,
                &[0x3b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
                "-18446744073709551616",
            ),
            (Codec::Msgpack, &[0xc4, 1, 0xff], "\"/w==\""),
            (Codec::Msgpack, &[0xa1, 0xff], "\"/w==\""),
            (Codec::Msgpack, &[0xd4, 5, 0xff], "{\"type\":5,\"base64\":\"/w==\"}"),
            (Codec::Msgpack, &[0x81, 0xc0, 0xc2], "{\"null\":false}"),
        ] {
            assert_eq!(decoded(codec, bytes).as_deref(), Ok(text), "{bytes:x?}");
        }
        assert_eq!(
            decoded(Codec::Cbor, &[1, 2]),
            Err("it has 1 bytes behind its CBOR value".into())
        );
        assert_eq!(decoded(Codec::Cbor, &[]), Err("it is not CBOR".into()));
        assert_eq!(decoded(Codec::Msgpack, &[0x92]), Err("it is not MessagePack".into()));
        for codec in [Codec::Cbor, Codec::Msgpack] {
            assert!(decoded(codec, &vec![0x81; 100_000]).is_err());
            assert!(decoded(codec, &vec![0x91; 100_000]).is_err());
        }
    }

    #[test]
    fn whatever_comes_it_is_json_or_refused() {
        let mut random = fastrand::Rng::with_seed(7);
        for _ in 0..50_000 {
            let bytes: Vec<u8> = (0..random.usize(0..24)).map(|_| random.u8(..)).collect();
            for codec in [Codec::Cbor, Codec::Msgpack] {
                if let Ok(text) = decoded(codec, &bytes) {
                    assert!(
                        serde_json::from_str::<serde::de::IgnoredAny>(&text).is_ok(),
                        "{bytes:x?}: {text}"
                    );
                }
            }
        }
    }
}

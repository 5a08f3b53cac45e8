//! The JSON side: a text taken apart with its numbers digit by digit, and a
//! writer that keeps to the depth which readers of JSON can take.

#![expect(
    clippy::indexing_slicing,
    reason = "the positions are those that were found in the same bytes; windows have two"
)]

use std::fmt::Write as _;
use std::io::Write as _;

use base64::Engine as _;
use serde::Deserialize as _;
use serde::de::{MapAccess, Visitor};
use serde_json::value::RawValue;

use super::{BASE64, DEPTH};
use crate::failure::quote;

/// How many lists and objects may stand in one another in what is written:
/// what reads JSON here takes no more, and others little more.
const WRITTEN: usize = 100;

/// The most digits of a whole number. To turn digits into bytes takes a time that
/// grows with their square.
const DIGITS: usize = 1000;

/// A JSON text.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Node {
    Null,
    Bool(bool),
    /// As it stands there.
    Number(String),
    Text(String),
    List(Vec<Node>),
    /// In their order, each as often as it is there.
    Object(Vec<(String, Node)>),
}

/// A number: whole as long as it was written so.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Number {
    Whole(i128),
    /// One beyond that: whether it is negative, and its bytes, big end first.
    Large(bool, Vec<u8>),
    Float(f64),
}

/// A node that stands for what JSON does not have.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Special<'a> {
    Bytes(Vec<u8>),
    Float(f64),
    Map(Vec<(&'a Node, &'a Node)>),
    Tag(u64, &'a Node),
    Ext(i8, Vec<u8>),
}

/// The names of such nodes.
const SPECIAL: [&str; 5] = ["$base64", "$float", "$map", "$tag", "$ext"];

impl Node {
    /// Takes a text apart.
    pub(super) fn parse(text: &[u8]) -> Result<Self, String> {
        let not_json = |error: serde_json::Error| format!("it is not JSON: {error}");
        let text = std::str::from_utf8(text).map_err(|_| "it is not JSON: it is not UTF-8".to_owned())?;
        let raw: &RawValue = serde_json::from_str(text).map_err(not_json)?;
        Self::read(raw, DEPTH)
    }

    fn read(raw: &RawValue, depth: usize) -> Result<Self, String> {
        let inner = || {
            depth
                .checked_sub(1)
                .ok_or_else(|| format!("it is nested more than {DEPTH} deep"))
        };
        let text = raw.get();
        // Only a key or a string with half a surrogate pair goes wrong here.
        let not_json = |error: serde_json::Error| format!("it is not JSON: {error}");
        Ok(match text.as_bytes().first() {
            Some(b'{') => {
                let depth = inner()?;
                let mut reader = serde_json::Deserializer::from_str(text);
                let members = Members::deserialize(&mut reader).map_err(not_json)?.0;
                let members = members
                    .into_iter()
                    .map(|(name, raw)| Ok((name, Self::read(raw, depth)?)));
                Self::Object(members.collect::<Result<_, String>>()?)
            }
            Some(b'[') => {
                let depth = inner()?;
                let items: Vec<&RawValue> = serde_json::from_str(text).map_err(not_json)?;
                let items = items.into_iter().map(|raw| Self::read(raw, depth));
                Self::List(items.collect::<Result<_, String>>()?)
            }
            Some(b'"') => Self::Text(serde_json::from_str(text).map_err(not_json)?),
            Some(b't') => Self::Bool(true),
            Some(b'f') => Self::Bool(false),
            Some(b'n') => Self::Null,
            _ => Self::Number(text.to_owned()),
        })
    }

    /// What it stands for, if it is an object that stands for something else.
    pub(super) fn special(&self) -> Result<Option<Special<'_>>, String> {
        let Self::Object(members) = self else { return Ok(None) };
        let [(name, value)] = &members[..] else { return Ok(None) };
        if !is_special(name) {
            return Ok(None);
        }
        let special = match &**name {
            "$base64" => value.base64().map(Special::Bytes),
            "$float" => match value {
                Self::Text(text) if text == "NaN" => Some(Special::Float(f64::NAN)),
                Self::Text(text) if text == "Infinity" => Some(Special::Float(f64::INFINITY)),
                Self::Text(text) if text == "-Infinity" => Some(Special::Float(f64::NEG_INFINITY)),
                _ => None,
            },
            "$map" => value.list().and_then(|items| {
                let pairs = items.iter().map(|item| match item.list()? {
                    [key, value] => Some((key, value)),
                    _ => None,
                });
                pairs.collect::<Option<Vec<_>>>().map(Special::Map)
            }),
            "$tag" => match value.list() {
                Some([Self::Number(number), value]) => number.parse().ok().map(|tag| Special::Tag(tag, value)),
                _ => None,
            },
            _ => match value.list() {
                Some([Self::Number(number), bytes]) => {
                    let kind = number.parse().ok();
                    kind.and_then(|kind| Some(Special::Ext(kind, bytes.base64()?)))
                }
                _ => None,
            },
        };
        let wrong = || format!("its {name} is not of the form that {name} has");
        special.map(Some).ok_or_else(wrong)
    }

    fn list(&self) -> Option<&[Self]> {
        match self {
            Self::List(items) => Some(items),
            _ => None,
        }
    }

    fn base64(&self) -> Option<Vec<u8>> {
        match self {
            Self::Text(text) => BASE64.decode(text).ok(),
            _ => None,
        }
    }
}

/// Whether an object of one member with this name stands for something else.
fn is_special(name: &str) -> bool {
    SPECIAL.contains(&name)
}

/// Reads the digits of a JSON number.
pub(super) fn number(text: &str) -> Result<Number, String> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text),
    };
    // There is a zero below zero, but not among the whole numbers.
    if text == "-0" || text.contains(['.', 'e', 'E']) {
        let float: f64 = text.parse().map_err(|_| format!("{} is no number", quote(text)))?;
        return if float.is_finite() {
            Ok(Number::Float(float))
        } else {
            Err(format!("its number {} is too large", quote(text)))
        };
    }
    if let Ok(whole) = text.parse() {
        return Ok(Number::Whole(whole));
    }
    if digits.len() > DIGITS {
        return Err(format!("it has a number of more than {DIGITS} digits"));
    }
    // Little end first while it grows.
    let mut bytes: Vec<u8> = Vec::new();
    for digit in digits.bytes() {
        let mut carry = u16::from(digit - b'0');
        for byte in &mut bytes {
            let wide = u16::from(*byte) * 10 + carry;
            [*byte, _] = wide.to_le_bytes();
            carry = wide >> 8;
        }
        if carry > 0 {
            bytes.push(carry.to_le_bytes()[0]);
        }
    }
    bytes.reverse();
    Ok(Number::Large(negative, bytes))
}

/// The digits of a whole number, from its bytes, big end first; `None` if there
/// would be too many.
pub(super) fn digits(bytes: &[u8]) -> Option<String> {
    let bytes = bytes.strip_prefix(&[0][..]).map_or(bytes, |_| {
        let first = bytes.iter().position(|byte| *byte != 0);
        first.map_or(&[][..], |first| &bytes[first..])
    });
    // A digit needs 3.3 bits.
    if bytes.len() * 8 * 10 / 33 > DIGITS - 2 {
        return None;
    }
    let mut digits: Vec<u8> = vec![0];
    for byte in bytes {
        let mut carry = u16::from(*byte);
        for digit in &mut digits {
            let wide = u16::from(*digit) * 256 + carry;
            [*digit, _] = (wide % 10).to_le_bytes();
            carry = wide / 10;
        }
        while carry > 0 {
            digits.push((carry % 10).to_le_bytes()[0]);
            carry /= 10;
        }
    }
    Some(digits.iter().rev().map(|digit| char::from(b'0' + digit)).collect())
}

/// Writes JSON.
pub(super) struct Writer<'a> {
    text: &'a mut Vec<u8>,
    depth: usize,
}

impl<'a> Writer<'a> {
    /// Appends to this text.
    pub(super) fn new(text: &'a mut Vec<u8>) -> Self {
        Self { text, depth: 0 }
    }

    /// A word or a whole number.
    pub(super) fn plain(&mut self, value: impl std::fmt::Display) {
        // Writing to a vector cannot fail, here and below.
        let _ = write!(self.text, "{value}");
    }

    pub(super) fn string(&mut self, value: &str) {
        // A string always has a JSON form.
        let _ = serde_json::to_writer(&mut *self.text, value);
    }

    pub(super) fn base64(&mut self, bytes: &[u8]) {
        let mut text = String::with_capacity(bytes.len() / 3 * 4 + 6);
        text.push('"');
        BASE64.encode_string(bytes, &mut text);
        let _ = text.write_char('"');
        self.text.extend_from_slice(text.as_bytes());
    }

    pub(super) fn float(&mut self, number: f64) -> Result<(), String> {
        if number.is_finite() {
            let _ = serde_json::to_writer(&mut *self.text, &number);
            return Ok(());
        }
        let word = match number {
            number if number.is_nan() => "NaN",
            number if number > 0.0 => "Infinity",
            _ => "-Infinity",
        };
        self.special("$float", |writer| {
            writer.string(word);
            Ok(())
        })
    }

    /// An object that stands for what JSON does not have.
    pub(super) fn special(
        &mut self,
        name: &str,
        value: impl FnOnce(&mut Self) -> Result<(), String>,
    ) -> Result<(), String> {
        self.inside(*b"{}", |writer| {
            writer.string(name);
            writer.text.push(b':');
            value(writer)
        })
    }

    pub(super) fn list<T>(
        &mut self,
        items: impl IntoIterator<Item = T>,
        mut write: impl FnMut(&mut Self, T) -> Result<(), String>,
    ) -> Result<(), String> {
        self.inside(*b"[]", |writer| {
            for (index, item) in items.into_iter().enumerate() {
                if index > 0 {
                    writer.text.push(b',');
                }
                write(writer, item)?;
            }
            Ok(())
        })
    }

    /// A map; `name` tells of a key whether it is a string.
    pub(super) fn map<T>(
        &mut self,
        pairs: &[(T, T)],
        name: impl Fn(&T) -> Option<&str>,
        mut write: impl FnMut(&mut Self, &T) -> Result<(), String>,
    ) -> Result<(), String> {
        let names: Option<Vec<&str>> = pairs.iter().map(|(key, _)| name(key)).collect();
        let Some(names) = names.filter(|names| are_members(names)) else {
            return self.special("$map", |writer| {
                writer.list(pairs, |writer, (key, value)| writer.list([key, value], &mut write))
            });
        };
        self.inside(*b"{}", |writer| {
            for (index, (name, (_, value))) in names.into_iter().zip(pairs).enumerate() {
                if index > 0 {
                    writer.text.push(b',');
                }
                writer.string(name);
                writer.text.push(b':');
                write(writer, value)?;
            }
            Ok(())
        })
    }

    fn inside(
        &mut self,
        [open, close]: [u8; 2],
        content: impl FnOnce(&mut Self) -> Result<(), String>,
    ) -> Result<(), String> {
        if self.depth == WRITTEN {
            return Err(format!("it is nested more than {WRITTEN} deep"));
        }
        self.depth += 1;
        self.text.push(open);
        content(self)?;
        self.text.push(close);
        self.depth -= 1;
        Ok(())
    }
}

/// Whether these can be the names of an object's members: each once, and not for
/// something else.
fn are_members(names: &[&str]) -> bool {
    if let [name] = names {
        return !is_special(name);
    }
    let mut sorted = names.to_vec();
    sorted.sort_unstable();
    sorted.windows(2).all(|pair| pair[0] != pair[1])
}

/// The members of an object, none left out.
struct Members<'a>(Vec<(String, &'a RawValue)>);

impl<'de: 'a, 'a> serde::Deserialize<'de> for Members<'a> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Each;
        impl<'de> Visitor<'de> for Each {
            type Value = Vec<(String, &'de RawValue)>;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(members)
            }
        }
        deserializer.deserialize_map(Each).map(Members)
    }
}

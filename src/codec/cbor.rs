//! CBOR (RFC 8949).

use ciborium::Value;
use ciborium::de::Error;
use ciborium::value::Integer;

use super::json::{self, Node, Number, Special, Writer};
use super::{DEPTH, ended};

/// The tags of whole numbers of any size (RFC 8949, 3.4.3): one from 0 up, and
/// one from -1 down.
const UPWARD: u64 = 2;
const DOWNWARD: u64 = 3;

pub(super) fn encode(node: &Node) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    // Writing to a vector cannot fail.
    let _ = ciborium::into_writer(&value(node)?, &mut bytes);
    Ok(bytes)
}

pub(super) fn decode(bytes: &[u8], text: &mut Vec<u8>) -> Result<(), String> {
    let mut rest = bytes;
    let read = ciborium::de::from_reader_with_recursion_limit(&mut rest, DEPTH);
    let value: Value = read.map_err(|error| match error {
        Error::Io(_) => "it is not CBOR: it ends too early".to_owned(),
        Error::Syntax(offset) => format!("it is not CBOR, from byte {offset} on"),
        Error::Semantic(_, why) => format!("it has a CBOR value that cannot be read: {why}"),
        Error::RecursionLimitExceeded => format!("it is nested more than {DEPTH} deep"),
    })?;
    ended(rest, "CBOR")?;
    write(&mut Writer::new(text), &value)
}

fn value(node: &Node) -> Result<Value, String> {
    if let Some(special) = node.special()? {
        return match special {
            Special::Bytes(bytes) => Ok(Value::Bytes(bytes)),
            Special::Float(number) => Ok(Value::Float(number)),
            Special::Map(pairs) => {
                let pairs = pairs.into_iter().map(|(key, item)| Ok((value(key)?, value(item)?)));
                pairs.collect::<Result<_, String>>().map(Value::Map)
            }
            Special::Tag(tag, item) => Ok(Value::Tag(tag, Box::new(value(item)?))),
            Special::Ext(..) => Err("it has a $ext, which CBOR does not have".to_owned()),
        };
    }
    Ok(match node {
        Node::Null => Value::Null,
        Node::Bool(is) => Value::Bool(*is),
        Node::Text(text) => Value::Text(text.clone()),
        Node::Number(text) => match json::number(text)? {
            Number::Float(number) => Value::Float(number),
            Number::Whole(number) => match Integer::try_from(number) {
                Ok(number) => Value::Integer(number),
                Err(_) => large(number < 0, number.unsigned_abs().to_be_bytes().to_vec()),
            },
            Number::Large(negative, bytes) => large(negative, bytes),
        },
        Node::List(items) => Value::Array(items.iter().map(value).collect::<Result<_, _>>()?),
        Node::Object(members) => {
            let pairs = members
                .iter()
                .map(|(name, item)| Ok((Value::Text(name.clone()), value(item)?)));
            Value::Map(pairs.collect::<Result<_, String>>()?)
        }
    })
}

/// A whole number beyond the 64 bits of CBOR's own.
fn large(negative: bool, mut bytes: Vec<u8>) -> Value {
    if negative {
        step(&mut bytes, |byte| byte.overflowing_sub(1));
    }
    let first = bytes.iter().position(|byte| *byte != 0).unwrap_or(bytes.len());
    let bytes = bytes.split_off(first);
    Value::Tag(if negative { DOWNWARD } else { UPWARD }, Box::new(Value::Bytes(bytes)))
}

/// Adds or takes one, from the small end on as long as there is something to carry.
fn step(bytes: &mut [u8], one: impl Fn(u8) -> (u8, bool)) {
    for byte in bytes.iter_mut().rev() {
        let (next, carry) = one(*byte);
        *byte = next;
        if !carry {
            return;
        }
    }
}

fn write(writer: &mut Writer<'_>, value: &Value) -> Result<(), String> {
    match value {
        Value::Integer(number) => writer.plain(i128::from(*number)),
        Value::Bytes(bytes) => {
            return writer.special("$base64", |writer| {
                writer.base64(bytes);
                Ok(())
            });
        }
        Value::Float(number) => return writer.float(*number),
        Value::Text(text) => writer.string(text),
        Value::Bool(is) => writer.plain(is),
        Value::Null => writer.plain("null"),
        Value::Tag(tag, item) => {
            if let Some(digits) = digits(*tag, item) {
                writer.plain(digits);
                return Ok(());
            }
            return writer.special("$tag", |writer| {
                writer.list([None, Some(&**item)], |writer, part| match part {
                    None => {
                        writer.plain(tag);
                        Ok(())
                    }
                    Some(item) => write(writer, item),
                })
            });
        }
        Value::Array(items) => return writer.list(items, write),
        Value::Map(pairs) => return writer.map(pairs, Value::as_text, write),
        _ => return Err("it has a CBOR value of a kind that is not known".to_owned()),
    }
    Ok(())
}

/// The digits of a whole number that is too large for CBOR's own.
fn digits(tag: u64, item: &Value) -> Option<String> {
    let Value::Bytes(bytes) = item else { return None };
    match tag {
        UPWARD => json::digits(bytes),
        DOWNWARD => {
            let mut bytes = [&[0], &bytes[..]].concat();
            step(&mut bytes, |byte| byte.overflowing_add(1));
            Some(format!("-{}", json::digits(&bytes)?))
        }
        _ => None,
    }
}

//! MessagePack (the specification at msgpack.org, version 5).

use rmpv::Value;

use super::json::{self, Node, Number, Special, Writer};
use super::{DEPTH, ended};
use crate::failure::quote;

pub(super) fn encode(node: &Node) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    // Writing to a vector cannot fail.
    let _ = rmpv::encode::write_value(&mut bytes, &value(node)?);
    Ok(bytes)
}

pub(super) fn decode(bytes: &[u8], text: &mut Vec<u8>) -> Result<(), String> {
    let mut rest = bytes;
    let read = rmpv::decode::read_value_with_max_depth(&mut rest, DEPTH);
    let value = read.map_err(|error| match error {
        rmpv::decode::Error::DepthLimitExceeded => format!("it is nested more than {DEPTH} deep"),
        _ => "it is not MessagePack".to_owned(),
    })?;
    ended(rest, "MessagePack")?;
    write(&mut Writer::new(text), &value)
}

fn value(node: &Node) -> Result<Value, String> {
    if let Some(special) = node.special()? {
        return match special {
            Special::Bytes(bytes) => Ok(Value::Binary(bytes)),
            Special::Float(number) => Ok(Value::F64(number)),
            Special::Map(pairs) => {
                let pairs = pairs.into_iter().map(|(key, item)| Ok((value(key)?, value(item)?)));
                pairs.collect::<Result<_, String>>().map(Value::Map)
            }
            Special::Ext(kind, bytes) => Ok(Value::Ext(kind, bytes)),
            Special::Tag(..) => Err("it has a $tag, which MessagePack does not have".to_owned()),
        };
    }
    Ok(match node {
        Node::Null => Value::Nil,
        Node::Bool(is) => Value::Boolean(*is),
        Node::Text(text) => Value::from(text.as_str()),
        Node::Number(text) => match json::number(text)? {
            Number::Float(number) => Value::F64(number),
            Number::Whole(number) => match (u64::try_from(number), i64::try_from(number)) {
                (Ok(number), _) => Value::from(number),
                (_, Ok(number)) => Value::from(number),
                _ => return Err(too_large(text)),
            },
            Number::Large(..) => return Err(too_large(text)),
        },
        Node::List(items) => Value::Array(items.iter().map(value).collect::<Result<_, _>>()?),
        Node::Object(members) => {
            let pairs = members
                .iter()
                .map(|(name, item)| Ok((Value::from(name.as_str()), value(item)?)));
            Value::Map(pairs.collect::<Result<_, String>>()?)
        }
    })
}

fn too_large(number: &str) -> String {
    format!("its number {} is larger than MessagePack has them", quote(number))
}

fn write(writer: &mut Writer<'_>, value: &Value) -> Result<(), String> {
    match value {
        Value::Nil => writer.plain("null"),
        Value::Boolean(is) => writer.plain(is),
        Value::Integer(number) => writer.plain(number),
        Value::F32(number) => return writer.float(f64::from(*number)),
        Value::F64(number) => return writer.float(*number),
        Value::String(text) => match text.as_str() {
            Some(text) => writer.string(text),
            None => return bytes(writer, text.as_bytes()),
        },
        Value::Binary(binary) => return bytes(writer, binary),
        Value::Ext(kind, bytes) => {
            return writer.special("$ext", |writer| {
                writer.list([None, Some(bytes)], |writer, part| {
                    match part {
                        None => writer.plain(kind),
                        Some(bytes) => writer.base64(bytes),
                    }
                    Ok(())
                })
            });
        }
        Value::Array(items) => return writer.list(items, write),
        Value::Map(pairs) => return writer.map(pairs, Value::as_str, write),
    }
    Ok(())
}

fn bytes(writer: &mut Writer<'_>, bytes: &[u8]) -> Result<(), String> {
    writer.special("$base64", |writer| {
        writer.base64(bytes);
        Ok(())
    })
}

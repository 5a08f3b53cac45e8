//! The properties of a record: an object of names as in [`crate::property`].

use super::value::Json;
use crate::failure::quote;
use crate::message::{Properties, Value};
use crate::property::{Kind, Place, SUBSCRIPTION_IDENTIFIER, TOPIC_ALIAS, USER_PROPERTY, by_name, range};

/// What stands behind the name where binary data is base64.
const BASE64_SUFFIX: &str = "-base64";

/// Reads the properties in their order; `None` if there is no object at all.
///
/// `subscription-identifier` and `topic-alias` are left out: they tell how the
/// message came, and mean nothing, or something else, on another connection.
///
/// # Errors
/// What is wrong, with the name of the property.
pub(super) fn read(value: Json<'_>) -> Result<Option<Properties>, String> {
    let object = match value {
        Json::Null => return Ok(None),
        Json::Object(object) => object,
        other => return Err(format!("properties must be an object, not {}", other.kind())),
    };
    let mut properties = Properties::default();
    // Both as sets of identifiers.
    let (mut seen, mut seen_base64) = (0_u64, 0_u64);
    for (key, value) in object {
        let Some((id, kind, base64)) = find(&key) else {
            return Err(format!("unknown property {}", quote(&key)));
        };
        let bit = 1 << id;
        let same = if base64 { &mut seen_base64 } else { &mut seen };
        if *same & bit != 0 {
            return Err(format!("{key} is there twice"));
        }
        *same |= bit;
        if value == Json::Null || matches!(id, SUBSCRIPTION_IDENTIFIER | TOPIC_ALIAS) {
            continue;
        }
        if !Place::Publish.has(id) {
            return Err(format!("{key} is not a property of a message"));
        }
        if properties.has(id) {
            let name = key.strip_suffix(BASE64_SUFFIX).unwrap_or(&key);
            return Err(format!("it has both {name} and {name}{BASE64_SUFFIX}"));
        }
        if id == USER_PROPERTY {
            pairs(&key, value, &mut properties)?;
        } else if let Some(value) = single(id, kind, base64, &key, value)? {
            // Servers pass an empty response topic on, and what came goes out.
            if value != Value::Text(String::new()) {
                value.check(id).map_err(|why| format!("{key} {why}"))?;
            }
            properties.push(id, value);
        }
    }
    Ok(Some(properties))
}

/// Identifier and kind, and whether the value is base64.
fn find(key: &str) -> Option<(u8, Kind, bool)> {
    if let Some((id, kind)) = by_name(key) {
        return Some((id, kind, false));
    }
    let (id, kind) = by_name(key.strip_suffix(BASE64_SUFFIX)?)?;
    (kind == Kind::Binary).then_some((id, kind, true))
}

/// The value of a property that occurs once.
fn single(id: u8, kind: Kind, base64: bool, key: &str, value: Json<'_>) -> Result<Option<Value>, String> {
    Ok(match kind {
        Kind::Byte | Kind::Two | Kind::Four | Kind::Varying => value.number(key, range(id))?.map(Value::Number),
        Kind::Binary if base64 => value.base64(key)?.map(Value::Binary),
        Kind::Binary => value
            .text(key)?
            .map(|text| Value::Binary(text.into_owned().into_bytes())),
        Kind::Text | Kind::Pair => value.text(key)?.map(|text| Value::Text(text.into_owned())),
    })
}

/// A list of user properties: `[[name, value], …]`.
fn pairs(key: &str, value: Json<'_>, properties: &mut Properties) -> Result<(), String> {
    let wrong = || format!("{key} must be a list of [name, value] pairs of strings");
    let Json::List(list) = value else {
        return Err(wrong());
    };
    for pair in list {
        let Json::List(pair) = pair else {
            return Err(wrong());
        };
        let [Json::Text(name), Json::Text(value)] = <[Json<'_>; 2]>::try_from(pair).map_err(|_| wrong())? else {
            return Err(wrong());
        };
        let pair = Value::Pair(name.into_owned(), value.into_owned());
        pair.check(USER_PROPERTY).map_err(|why| format!("{key} {why}"))?;
        properties.push(USER_PROPERTY, pair);
    }
    Ok(())
}

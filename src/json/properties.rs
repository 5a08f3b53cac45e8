//! The properties of a record: an object of names as in [`crate::property`].

use super::value::Json;
use crate::failure::quote;
use crate::message::{Properties, Value};
use crate::property::{
    Kind, PAYLOAD_FORMAT_INDICATOR, RESPONSE_TOPIC, SUBSCRIPTION_IDENTIFIER, TOPIC_ALIAS, USER_PROPERTY,
    allowed_in_publish, by_name,
};

/// How many bytes a text, or binary data, has at most (MQTT 5, 1.5.4, 1.5.6).
const MOST: usize = 65_535;

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
        if !allowed_in_publish(id) {
            return Err(format!("{key} is not a property of a message"));
        }
        if properties.iter().any(|property| property.id == id) {
            let name = key.strip_suffix(BASE64_SUFFIX).unwrap_or(&key);
            return Err(format!("it has both {name} and {name}{BASE64_SUFFIX}"));
        }
        if id == USER_PROPERTY {
            pairs(&key, value, &mut properties)?;
        } else if let Some(value) = single(id, kind, base64, &key, value)? {
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
    let most = match kind {
        Kind::Binary => {
            let bytes = if base64 {
                value.base64(key)?
            } else {
                value.text(key)?.map(|text| text.into_owned().into_bytes())
            };
            return match bytes {
                Some(bytes) if bytes.len() > MOST => Err(too_long(key)),
                bytes => Ok(bytes.map(Value::Binary)),
            };
        }
        Kind::Text | Kind::Pair => {
            let text = value.text(key)?;
            let text = text.map(|text| plain(key, text.into_owned())).transpose()?;
            // MQTT 5, 3.3.2-14. An empty one is let through, as servers do.
            if id == RESPONSE_TOPIC && text.as_ref().is_some_and(|topic| topic.contains(['+', '#'])) {
                return Err(format!("{key} has a wildcard"));
            }
            return Ok(text.map(Value::Text));
        }
        Kind::Byte if id == PAYLOAD_FORMAT_INDICATOR => 1,
        Kind::Byte => u32::from(u8::MAX),
        Kind::Two => u32::from(u16::MAX),
        Kind::Four | Kind::Varying => u32::MAX,
    };
    Ok(value.number(key, most)?.map(Value::Number))
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
        let (name, value) = (plain(key, name.into_owned())?, plain(key, value.into_owned())?);
        properties.push(USER_PROPERTY, Value::Pair(name, value));
    }
    Ok(())
}

/// A text that MQTT can carry.
fn plain(key: &str, text: String) -> Result<String, String> {
    if text.len() > MOST {
        return Err(too_long(key));
    }
    if text.contains('\0') {
        return Err(format!("{key} has a NUL character"));
    }
    Ok(text)
}

fn too_long(key: &str) -> String {
    format!("{key} is longer than {MOST} bytes")
}

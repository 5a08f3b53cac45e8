//! Properties, from plain data to Paho's and back.

use std::ffi::c_int;

use paho_mqtt_sys as paho;

use super::bytes_of;
use crate::message::{Properties, Property, Value};
use crate::property::{self, Kind};

/// Properties in Paho's own memory, freed at the end.
pub(super) struct PropertyList(pub(super) paho::MQTTProperties);

impl PropertyList {
    pub(super) fn new(properties: &Properties) -> Self {
        let mut list = Self(paho::MQTTProperties::default());
        for Property { id, value } in properties {
            let Some((_, kind)) = property::entry(*id) else {
                continue;
            };
            let mut entry = paho::MQTTProperty {
                identifier: paho::MQTTPropertyCodes::from(*id),
                value: paho::MQTTProperty__bindgen_ty_1 { integer4: 0 },
            };
            match value {
                Value::Number(number) => match kind {
                    Kind::Byte => entry.value.byte = u8::try_from(*number).unwrap_or(u8::MAX),
                    Kind::Two => entry.value.integer2 = u16::try_from(*number).unwrap_or(u16::MAX),
                    _ => entry.value.integer4 = *number,
                },
                Value::Text(text) => entry.value.__bindgen_anon_1.data = len_string(text.as_bytes()),
                Value::Binary(bytes) => entry.value.__bindgen_anon_1.data = len_string(bytes),
                Value::Pair(name, value) => {
                    entry.value.__bindgen_anon_1.data = len_string(name.as_bytes());
                    entry.value.__bindgen_anon_1.value = len_string(value.as_bytes());
                }
            }
            // SAFETY: the list is valid; the entry's strings live through the
            // call, which copies them.
            unsafe { paho::MQTTProperties_add(&raw mut list.0, &raw const entry) };
        }
        list
    }
}

impl Drop for PropertyList {
    fn drop(&mut self) {
        // SAFETY: the list was filled by `MQTTProperties_add` alone.
        unsafe { paho::MQTTProperties_free(&raw mut self.0) };
    }
}

fn len_string(bytes: &[u8]) -> paho::MQTTLenString {
    paho::MQTTLenString {
        len: c_int::try_from(bytes.len()).unwrap_or(0),
        data: bytes.as_ptr().cast_mut().cast(),
    }
}

/// # Safety
/// The list is one of Paho's.
pub(super) unsafe fn read_properties(list: &paho::MQTTProperties) -> Properties {
    let mut properties = Properties::default();
    let count = usize::try_from(list.count).unwrap_or(0);
    if count == 0 || list.array.is_null() {
        return properties;
    }
    // SAFETY: Paho keeps `count` entries in the array.
    for entry in unsafe { std::slice::from_raw_parts(list.array, count) } {
        let Ok(id) = u8::try_from(entry.identifier) else {
            continue;
        };
        let Some((_, kind)) = property::entry(id) else { continue };
        // SAFETY: the kind of the identifier tells which member of the union
        // Paho filled; its strings have the length that stands beside them.
        let value = unsafe {
            let text = |string: paho::MQTTLenString| {
                String::from_utf8_lossy(bytes_of(string.data.cast(), string.len)).into_owned()
            };
            match kind {
                Kind::Byte => Value::Number(entry.value.byte.into()),
                Kind::Two => Value::Number(entry.value.integer2.into()),
                Kind::Four | Kind::Varying => Value::Number(entry.value.integer4),
                Kind::Text => Value::Text(text(entry.value.__bindgen_anon_1.data)),
                Kind::Binary => {
                    let data = entry.value.__bindgen_anon_1.data;
                    Value::Binary(bytes_of(data.data.cast(), data.len).to_vec())
                }
                Kind::Pair => Value::Pair(
                    text(entry.value.__bindgen_anon_1.data),
                    text(entry.value.__bindgen_anon_1.value),
                ),
            }
        };
        properties.push(id, value);
    }
    properties
}

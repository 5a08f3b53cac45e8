//! `--print-config`: each option that has a value, in the form of a profile, with
//! where it is from. Secrets are masked.

#![expect(
    clippy::indexing_slicing,
    reason = "`secrets::within` gives a range of the same bytes"
)]

use std::ffi::OsStr;
use std::fmt::Write as _;
use std::os::unix::ffi::OsStrExt as _;

use crate::flags::explain::Explained;
use crate::flags::secrets;

/// What is shown instead of a secret.
const MASK: &str = "***";

/// The text to print.
pub(super) fn text(options: &[Explained]) -> String {
    let mut text = String::new();
    for option in options {
        let long = &option.long;
        if option.values.is_empty() {
            // What the option itself does not know, only its description.
            if let Some(default) = &option.default {
                let _ = writeln!(text, "# {long}: {default} (default)");
            }
            continue;
        }
        let values = option.values.iter().map(|(fields, _)| match &fields[..] {
            [] => "true".to_owned(),
            [field] => value(&option.id, field),
            fields => list(fields.iter().map(|field| value(&option.id, field))),
        });
        let values: Vec<String> = values.collect();
        let values = match &values[..] {
            [one] if !option.is_list => one.clone(),
            many => list(many.iter().cloned()),
        };
        let mut places: Vec<&str> = Vec::new();
        for (_, place) in &option.values {
            if !places.contains(&place.as_str()) {
                places.push(place);
            }
        }
        let places = places.join(", ");
        let _ = if option.is_typed {
            // A profile cannot have it.
            writeln!(text, "# {long}: {values} ({places})")
        } else {
            writeln!(text, "{long} = {values}  # {places}")
        };
    }
    text
}

fn list(values: impl Iterator<Item = String>) -> String {
    format!("[{}]", values.collect::<Vec<_>>().join(", "))
}

/// A value as TOML has it: a number as it is, anything else as a string.
fn value(id: &str, value: &OsStr) -> String {
    let masked = match secrets::within(id, value.as_bytes()) {
        None => value.as_bytes().to_vec(),
        Some(range) => [
            &value.as_bytes()[..range.start],
            MASK.as_bytes(),
            &value.as_bytes()[range.end..],
        ]
        .concat(),
    };
    let text = String::from_utf8_lossy(&masked);
    let plain = text.len() < 19 && (text == "0" || !text.starts_with('0'));
    if plain && !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return text.into_owned();
    }
    let mut quoted = String::from("\"");
    for letter in text.chars() {
        match letter {
            '"' | '\\' => {
                quoted.push('\\');
                quoted.push(letter);
            }
            letter if letter.is_control() => {
                let _ = write!(quoted, "\\u{:04x}", u32::from(letter));
            }
            letter => quoted.push(letter),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_those_of_toml_and_secrets_are_masked() {
        for (id, typed, printed) in [
            ("port", "1883", "1883"),
            ("id", "007", "\"007\""),
            ("id", "", "\"\""),
            ("topic", "a \"b\" \\ \n", r#""a \"b\" \\ \u000a""#),
            ("password", "secret", "\"***\""),
            ("password", "12345", "\"***\""),
            ("url", "mqtt://me:secret@h/t", "\"mqtt://me:***@h/t\""),
            ("proxy", "http://me:secret@h", "\"http://me:***@h\""),
            ("ws_header", "Authorization: Bearer x", "\"Authorization:***\""),
        ] {
            assert_eq!(value(id, OsStr::new(typed)), printed);
        }
    }
}

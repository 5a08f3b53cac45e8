//! JSON pointers (RFC 6901): the value in a JSON text that a path leads to, as it
//! stands there, numbers digit by digit.

use std::borrow::Cow;
use std::collections::HashMap;

use serde_json::value::RawValue;

use crate::failure::in_line;

/// A path into a JSON value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pointer(Vec<String>);

impl Pointer {
    /// Reads a pointer: empty for the whole value, or `/` before each key or index,
    /// in which `~1` stands for a slash and `~0` for a tilde.
    ///
    /// # Errors
    /// That it is none.
    pub fn new(text: &str) -> Result<Self, String> {
        if text.is_empty() {
            return Ok(Self(Vec::new()));
        }
        let Some(path) = text.strip_prefix('/') else {
            return Err("a JSON pointer begins with /".to_owned());
        };
        let keys = path.split('/').map(|key| {
            let mut rest = key.split('~').skip(1);
            if rest.any(|behind| !behind.starts_with(['0', '1'])) {
                return Err("in a JSON pointer only ~0 and ~1 have a tilde".to_owned());
            }
            Ok(key.replace("~1", "/").replace("~0", "~"))
        });
        keys.collect::<Result<_, _>>().map(Self)
    }

    /// The value that it leads to in this text: a string as its characters,
    /// anything else as its JSON text.
    ///
    /// # Errors
    /// That the text is not JSON, or has no such value, in a clause.
    pub fn find<'a>(&self, text: &'a [u8]) -> Result<Cow<'a, str>, String> {
        let mut value: &RawValue = serde_json::from_slice(text).map_err(|_| "it is not JSON".to_owned())?;
        for key in &self.0 {
            value =
                step(value, key).ok_or_else(|| format!("its JSON has nothing at {}", in_line(&self.to_string())))?;
        }
        match value.get().as_bytes().first() {
            Some(b'"') => serde_json::from_str(value.get())
                .map(Cow::Owned)
                .map_err(|_| "its JSON has a string that is none".to_owned()),
            _ => Ok(Cow::Borrowed(value.get())),
        }
    }
}

/// One step into an object or an array; of a key that is there twice, the last.
fn step<'a>(value: &'a RawValue, key: &str) -> Option<&'a RawValue> {
    match value.get().as_bytes().first()? {
        b'{' => {
            let mut members: HashMap<Cow<'_, str>, &RawValue> = serde_json::from_str(value.get()).ok()?;
            members.remove(key)
        }
        b'[' if key == "0" || !key.starts_with(['0', '+']) => {
            let items: Vec<&RawValue> = serde_json::from_str(value.get()).ok()?;
            items.get(key.parse::<usize>().ok()?).copied()
        }
        _ => None,
    }
}

impl std::fmt::Display for Pointer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0
            .iter()
            .try_for_each(|key| write!(f, "/{}", key.replace('~', "~0").replace('/', "~1")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pointer_leads_to_a_value() {
        let text = br#" {"a":[1.50,{"b/c":"x\"y"},12345678901234567890],"":{"~":null},"t":true,"a\u0062":7} "#;
        for (pointer, expected) in [
            ("/a/0", Ok("1.50")),
            ("/a/1/b~1c", Ok("x\"y")),
            ("/a/2", Ok("12345678901234567890")),
            ("/a/1", Ok("{\"b/c\":\"x\\\"y\"}")),
            ("//~0", Ok("null")),
            ("/t", Ok("true")),
            ("/ab", Ok("7")),
            ("/a/3", Err("its JSON has nothing at /a/3")),
            ("/a/00", Err("its JSON has nothing at /a/00")),
            ("/a/+1", Err("its JSON has nothing at /a/+1")),
            ("/t/x", Err("its JSON has nothing at /t/x")),
            ("/b~1", Err("its JSON has nothing at /b~1")),
        ] {
            let found = Pointer::new(pointer).unwrap().find(text);
            assert_eq!(found.as_deref().map_err(String::as_str), expected, "{pointer}");
        }
        let whole = Pointer::new("").unwrap();
        assert_eq!(whole.find(b" \"x\" ").as_deref(), Ok("x"));
        assert_eq!(whole.find(b"{} x"), Err("it is not JSON".into()));
        assert_eq!(whole.find(b"\xff"), Err("it is not JSON".into()));
        assert!(Pointer::new("a").is_err() && Pointer::new("/~2").is_err() && Pointer::new("/a~").is_err());
    }
}

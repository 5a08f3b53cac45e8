//! A JSON value whose strings are borrowed from the text where they can be, and
//! what a key may demand of it. `null` stands for absence, for that is what jq
//! makes of a key that is not there.

use std::borrow::Cow;
use std::fmt;

use base64::Engine as _;
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

use super::BASE64;

/// A JSON value; no more of it than records need.
#[derive(Debug, Default, PartialEq)]
pub(super) enum Json<'a> {
    #[default]
    Null,
    Bool(bool),
    Whole(u64),
    /// A number that is no whole number, or negative.
    Number,
    Text(Cow<'a, str>),
    List(Vec<Json<'a>>),
    /// In order, repeated names included.
    Object(Vec<(Cow<'a, str>, Json<'a>)>),
}

impl<'a> Json<'a> {
    /// What it is, for the end of a sentence.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "true or false",
            Self::Whole(_) | Self::Number => "a number",
            Self::Text(_) => "a string",
            Self::List(_) => "a list",
            Self::Object(_) => "an object",
        }
    }

    /// A string, or nothing.
    ///
    /// # Errors
    /// That it is neither; so below.
    pub(super) fn text(self, key: &str) -> Result<Option<Cow<'a, str>>, String> {
        match self {
            Self::Null => Ok(None),
            Self::Text(text) => Ok(Some(text)),
            other => Err(format!("{key} must be a string, not {}", other.kind())),
        }
    }

    /// Bytes in base64 with its padding (RFC 4648, 4).
    pub(super) fn base64(self, key: &str) -> Result<Option<Vec<u8>>, String> {
        let text = self.text(key)?;
        let bytes = text.map(|text| BASE64.decode(&*text)).transpose();
        bytes.map_err(|_| format!("{key} is not base64"))
    }

    /// A number from 0 to `most`.
    pub(super) fn number(self, key: &str, most: u32) -> Result<Option<u32>, String> {
        let number = match self {
            Self::Null => return Ok(None),
            Self::Whole(number) => u32::try_from(number).ok().filter(|number| *number <= most),
            _ => None,
        };
        match number {
            Some(number) => Ok(Some(number)),
            None => Err(format!("{key} must be a whole number from 0 to {most}")),
        }
    }

    pub(super) fn bool(self, key: &str) -> Result<Option<bool>, String> {
        match self {
            Self::Null => Ok(None),
            Self::Bool(value) => Ok(Some(value)),
            other => Err(format!("{key} must be true or false, not {}", other.kind())),
        }
    }
}

/// The next key of an object.
pub(super) fn next_key<'de, A: MapAccess<'de>>(map: &mut A) -> Result<Option<Cow<'de, str>>, A::Error> {
    Ok(match map.next_key()? {
        Some(Json::Text(key)) => Some(key),
        _ => None,
    })
}

impl<'de> Deserialize<'de> for Json<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(JsonVisitor)
    }
}

struct JsonVisitor;

impl<'de> Visitor<'de> for JsonVisitor {
    type Value = Json<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Json<'de>, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Json<'de>, E> {
        Ok(Json::Bool(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Json<'de>, E> {
        Ok(Json::Whole(value))
    }

    fn visit_i64<E>(self, _: i64) -> Result<Json<'de>, E> {
        Ok(Json::Number)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Json<'de>, E> {
        Ok(Json::Number)
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Json<'de>, E> {
        Ok(Json::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Json<'de>, E> {
        Ok(Json::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Json<'de>, A::Error> {
        let mut list = Vec::new();
        while let Some(value) = seq.next_element()? {
            list.push(value);
        }
        Ok(Json::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Json<'de>, A::Error> {
        let mut object = Vec::new();
        while let Some(key) = next_key(&mut map)? {
            object.push((key, map.next_value()?));
        }
        Ok(Json::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(text: &str) -> Json<'_> {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn strings_are_borrowed_unless_they_have_escapes() {
        assert!(matches!(json(r#""abc é""#), Json::Text(Cow::Borrowed("abc é"))));
        assert_eq!(json(r#""a\u0000\"b""#), Json::Text("a\0\"b".into()));
        let Json::Object(object) = json(r#"{"a":1,"a":null,"b\n":[]}"#) else {
            panic!("not an object");
        };
        assert!(matches!(object[0], (Cow::Borrowed("a"), Json::Whole(1))));
        assert_eq!(
            object[1..],
            [("a".into(), Json::Null), ("b\n".into(), Json::List(vec![]))]
        );
    }

    #[test]
    fn demands() {
        assert_eq!(json("null").text("k"), Ok(None));
        assert_eq!(json("1").text("k").unwrap_err(), "k must be a string, not a number");
        assert_eq!(json(r#""AP8=""#).base64("k"), Ok(Some(vec![0, 255])));
        for bad in [r#""AP8""#, r#""A P8=""#, r#""!""#, r#""_w==""#] {
            assert_eq!(json(bad).base64("k").unwrap_err(), "k is not base64");
        }
        assert_eq!(json("7").number("k", 7), Ok(Some(7)));
        for bad in [
            "8",
            "-1",
            "1.0",
            "1e99",
            "18446744073709551616",
            r#""7""#,
            "[7]",
            "true",
        ] {
            assert_eq!(
                json(bad).number("k", 7).unwrap_err(),
                "k must be a whole number from 0 to 7"
            );
        }
        assert_eq!(json("4294967295").number("k", u32::MAX), Ok(Some(u32::MAX)));
        assert_eq!(json("true").bool("k"), Ok(Some(true)));
        assert_eq!(
            json("{}").bool("k").unwrap_err(),
            "k must be true or false, not an object"
        );
    }
}

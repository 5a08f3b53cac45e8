//! Texts with variables, of which topics and payloads are made: `{counter}`,
//! `{json:/a/b}` and their kin. Strict: a name that is not known is refused, and
//! a value that is not there is an error, never an empty text.

use std::ops::RangeInclusive;
use std::time::{SystemTime, UNIX_EPOCH};

use uuid::Uuid;

use crate::failure::in_line;
use crate::pointer::Pointer;

/// The variables, and what they stand for.
pub const VARIABLES: &[(&str, &str)] = &[
    ("{counter}", "the number of the message, from 1"),
    ("{time}", "now: RFC 3339, UTC, microseconds"),
    ("{unix}", "now: seconds since 1970, with microseconds"),
    ("{uuid}", "a random UUID"),
    ("{random}", "a random whole number below 4294967296"),
    ("{random:A-B}", "a random whole number from A to B"),
    ("{host}", "the name of this machine"),
    ("{env:NAME}", "the environment variable of this name"),
    ("{payload}", "the record of the stream, or the payload that is given"),
    ("{json:/POINTER}", "a value in the payload's JSON (RFC 6901)"),
    ("{response}", "the topic where the reply should go (--request)"),
];

/// A text with variables.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern(Vec<Part>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    Counter,
    Time,
    Unix,
    Uuid,
    Random(RangeInclusive<u64>),
    Host,
    Environment(String),
    Payload,
    Json(Pointer),
    Response,
}

/// What the variables of one message stand for.
#[derive(Clone, Copy, Debug)]
pub struct Values<'a> {
    /// The number of the message, from 1.
    pub counter: u64,
    /// Now.
    pub time: SystemTime,
    /// The record, or the payload that is given.
    pub payload: &'a [u8],
    /// Where the reply should go.
    pub response: &'a str,
}

/// Takes a text apart: what stands between its variables, and each variable by
/// what stands between its braces; `{{` and `}}` stand for braces.
///
/// # Errors
/// What is wrong with it, in a clause.
pub fn pieces<T>(
    text: &str,
    plain: impl Fn(String) -> T,
    variable: impl Fn(&str) -> Result<T, String>,
) -> Result<Vec<T>, String> {
    let mut parts = Vec::new();
    let mut gathered = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(['{', '}']) {
        gathered.push_str(&rest[..at]);
        let brace = &rest[at..=at];
        rest = &rest[at + 1..];
        if let Some(behind) = rest.strip_prefix(brace) {
            gathered.push_str(brace);
            rest = behind;
            continue;
        }
        let Some((name, behind)) = rest.split_once('}').filter(|_| brace == "{") else {
            return Err(format!("a {brace} stands alone; {brace}{brace} stands for one"));
        };
        if !gathered.is_empty() {
            parts.push(plain(std::mem::take(&mut gathered)));
        }
        parts.push(variable(name)?);
        rest = behind;
    }
    gathered.push_str(rest);
    if !gathered.is_empty() {
        parts.push(plain(gathered));
    }
    Ok(parts)
}

/// Says of the name of a variable that it is none of those that there are.
pub fn unknown(name: &str, variables: &[(&str, &str)]) -> String {
    let known: Vec<&str> = variables.iter().map(|(name, _)| *name).collect();
    format!("{{{}}} is no variable; there are {}", in_line(name), known.join(", "))
}

impl Pattern {
    /// Reads a pattern; `{{` and `}}` stand for braces.
    ///
    /// # Errors
    /// What is wrong with it, in a clause.
    pub fn new(text: &str) -> Result<Self, String> {
        pieces(text, Part::Text, Part::variable).map(Self)
    }

    /// Whether it says where the reply should go.
    pub fn asks(&self) -> bool {
        self.0.contains(&Part::Response)
    }

    /// Puts what does not change in the place of its variables: the name of this
    /// machine and the environment.
    ///
    /// # Errors
    /// That a variable of the environment is not there.
    pub fn settle(&mut self, host: &str, environment: impl Fn(&str) -> Option<String>) -> Result<(), String> {
        for part in &mut self.0 {
            match part {
                Part::Host => *part = Part::Text(host.to_owned()),
                Part::Environment(name) => match environment(name) {
                    Some(value) => *part = Part::Text(value),
                    None => return Err(format!("the environment has no variable {}", in_line(name))),
                },
                _ => {}
            }
        }
        Ok(())
    }

    /// The text with its variables filled in. Settle it first.
    ///
    /// # Errors
    /// Which value is not there, in a clause.
    pub fn fill(&self, values: &Values<'_>) -> Result<Vec<u8>, String> {
        let mut text = Vec::new();
        for part in &self.0 {
            match part {
                Part::Text(plain) => text.extend_from_slice(plain.as_bytes()),
                Part::Counter => text.extend_from_slice(values.counter.to_string().as_bytes()),
                Part::Time => {
                    let time = humantime::format_rfc3339_micros(values.time);
                    text.extend_from_slice(time.to_string().as_bytes());
                }
                Part::Unix => {
                    let since = values.time.duration_since(UNIX_EPOCH).unwrap_or_default();
                    let unix = format!("{}.{:06}", since.as_secs(), since.subsec_micros());
                    text.extend_from_slice(unix.as_bytes());
                }
                Part::Uuid => text.extend_from_slice(Uuid::new_v4().to_string().as_bytes()),
                Part::Random(range) => {
                    let number = fastrand::u64(range.clone());
                    text.extend_from_slice(number.to_string().as_bytes());
                }
                Part::Payload => text.extend_from_slice(values.payload),
                Part::Json(pointer) => text.extend_from_slice(pointer.find(values.payload)?.as_bytes()),
                Part::Response => text.extend_from_slice(values.response.as_bytes()),
                Part::Host | Part::Environment(_) => {}
            }
        }
        Ok(text)
    }
}

impl Part {
    fn variable(name: &str) -> Result<Self, String> {
        let (kind, detail) = match name.split_once(':') {
            Some((kind, detail)) => (kind, Some(detail)),
            None => (name, None),
        };
        match (kind, detail) {
            ("counter", None) => Ok(Self::Counter),
            ("time", None) => Ok(Self::Time),
            ("unix", None) => Ok(Self::Unix),
            ("uuid", None) => Ok(Self::Uuid),
            ("random", None) => Ok(Self::Random(0..=u64::from(u32::MAX))),
            ("random", Some(range)) => match range.split_once('-').map(|(a, b)| (a.parse(), b.parse())) {
                Some((Ok(a), Ok(b))) if a <= b => Ok(Self::Random(a..=b)),
                _ => Err(format!("{{{}}} is not a range such as {{random:1-6}}", in_line(name))),
            },
            ("host", None) => Ok(Self::Host),
            ("env", Some(variable)) if !variable.is_empty() => Ok(Self::Environment(variable.to_owned())),
            ("payload", None) => Ok(Self::Payload),
            ("response", None) => Ok(Self::Response),
            ("json", Some(pointer)) => Pointer::new(pointer)
                .map(Self::Json)
                .map_err(|why| format!("{{{}}}: {why}", in_line(name))),
            _ => Err(unknown(name, VARIABLES)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn filled(text: &str) -> Result<String, String> {
        let mut pattern = Pattern::new(text)?;
        pattern.settle("here", |name| (name == "ROOM").then(|| "attic".to_owned()))?;
        let values = Values {
            counter: 42,
            time: UNIX_EPOCH + Duration::from_millis(1_500),
            payload: br#"{"id":"a b","t":21.50}"#,
            response: "re/1",
        };
        pattern.fill(&values).map(|text| String::from_utf8(text).unwrap())
    }

    #[test]
    fn variables_are_filled_in() {
        for (text, expected) in [
            ("", ""),
            ("plain", "plain"),
            ("a/{counter}/b", "a/42/b"),
            ("{counter}{counter}", "4242"),
            ("{time}", "1970-01-01T00:00:01.500000Z"),
            ("{unix}", "1.500000"),
            ("{random:7-7}", "7"),
            ("{host}/{env:ROOM}", "here/attic"),
            ("to {response}", "to re/1"),
            ("{json:/id}={json:/t}", "a b=21.50"),
            ("<{payload}>", "<{\"id\":\"a b\",\"t\":21.50}>"),
            ("{{counter}} }}{{", "{counter} }{"),
            ("ü{counter}ü", "ü42ü"),
        ] {
            assert_eq!(filled(text).as_deref(), Ok(expected), "{text}");
        }
        let uuid = filled("{uuid}").unwrap();
        assert_eq!(Uuid::parse_str(&uuid).unwrap().get_version_num(), 4);
        assert_ne!(filled("{uuid}").unwrap(), uuid);
        assert!(filled("{random}").unwrap().parse::<u32>().is_ok());
    }

    #[test]
    fn what_is_not_known_is_refused() {
        for (text, why) in [
            ("{countre}", "{countre} is no variable; there are {counter}, "),
            ("{}", "{} is no variable"),
            ("{counter:1}", "{counter:1} is no variable"),
            ("{env:}", "{env:} is no variable"),
            ("{env:NOT_THERE}", "the environment has no variable NOT_THERE"),
            ("{random:6-1}", "{random:6-1} is not a range"),
            ("{random:x}", "{random:x} is not a range"),
            ("{json:id}", "{json:id}: a JSON pointer begins with /"),
            ("{json:/nothing}", "its JSON has nothing at /nothing"),
            ("{", "a { stands alone; {{ stands for one"),
            ("a}b", "a } stands alone; }} stands for one"),
            ("{counter", "a { stands alone"),
        ] {
            let error = filled(text).unwrap_err();
            assert!(error.starts_with(why), "{text}: {error}");
        }
    }
}

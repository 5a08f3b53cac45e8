//! The arguments of a command, with what they have of a message. Each is one
//! argument, whatever the message has in it: nothing splits it, nothing reads it.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};

use rustix::fs::{Access, access};

use super::Task;
use crate::failure::in_line;
use crate::pattern::{pieces, unknown};
use crate::pointer::Pointer;

/// The variables, and what they stand for.
pub const VARIABLES: &[(&str, &str)] = &[
    ("{topic}", "the topic"),
    ("{topic.N}", "its N-th level, from 1"),
    ("{payload}", "the payload"),
    ("{json:/POINTER}", "a value in the payload's JSON (RFC 6901)"),
];

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(Vec<u8>),
    Topic,
    /// From 1.
    Level(usize),
    Payload,
    Json(Pointer),
}

/// An argument with variables; or another text that is made of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Argument(Vec<Part>);

impl Argument {
    /// Reads it; `{{` and `}}` stand for braces.
    ///
    /// # Errors
    /// What is wrong with it, in a clause.
    pub fn new(text: &OsStr) -> Result<Self, String> {
        if let Some(text) = text.to_str() {
            return pieces(text, |plain| Part::Text(plain.into_bytes()), Part::variable).map(Self);
        }
        if text.as_bytes().iter().any(|byte| b"{}".contains(byte)) {
            return Err("it is not UTF-8".to_owned());
        }
        Ok(Self(vec![Part::Text(text.as_bytes().to_vec())]))
    }

    /// The text, if it is the same for every message.
    fn constant(&self) -> Option<OsString> {
        match self.0.as_slice() {
            [] => Some(OsString::new()),
            [Part::Text(text)] => Some(OsString::from_vec(text.clone())),
            _ => None,
        }
    }

    /// The text for a message.
    ///
    /// # Errors
    /// What the message does not have, or that it has a NUL, which neither an
    /// argument nor a topic can have; in a clause.
    pub fn fill(&self, topic: &str, payload: &[u8]) -> Result<OsString, String> {
        let mut text = Vec::new();
        for part in &self.0 {
            match part {
                Part::Text(plain) => text.extend_from_slice(plain),
                Part::Topic => text.extend_from_slice(topic.as_bytes()),
                Part::Level(number) => match topic.split('/').nth(number - 1) {
                    Some(level) => text.extend_from_slice(level.as_bytes()),
                    None => return Err(format!("its topic has no level {number}")),
                },
                Part::Payload => text.extend_from_slice(payload),
                Part::Json(pointer) => text.extend_from_slice(pointer.find(payload)?.as_bytes()),
            }
        }
        if text.contains(&0) {
            return Err("it has a NUL, which no argument can have".to_owned());
        }
        Ok(OsString::from_vec(text))
    }
}

impl Part {
    fn variable(name: &str) -> Result<Self, String> {
        if let Some(number) = name.strip_prefix("topic.") {
            return match number.parse() {
                Ok(number) if number > 0 && !name.contains('+') => Ok(Self::Level(number)),
                _ => Err(format!("{{{}}}: levels are numbered from 1", in_line(name))),
            };
        }
        match name.split_once(':') {
            None if name == "topic" => Ok(Self::Topic),
            None if name == "payload" => Ok(Self::Payload),
            Some(("json", pointer)) => match Pointer::new(pointer) {
                Ok(pointer) => Ok(Self::Json(pointer)),
                Err(why) => Err(format!("{{{}}}: {why}", in_line(name))),
            },
            _ => Err(unknown(name, VARIABLES)),
        }
    }
}

/// A command: which program, and its arguments. A message has no say in the
/// former.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recipe {
    program: OsString,
    arguments: Vec<Argument>,
}

impl Recipe {
    /// Reads the words of a command, the program first.
    ///
    /// # Errors
    /// Which word is wrong, and why, in a clause.
    pub fn new(words: &[OsString]) -> Result<Self, String> {
        let of = |word: &OsString| {
            let argument = Argument::new(word);
            argument.map_err(|why| format!("{}: {why}", crate::failure::quote(&word.to_string_lossy())))
        };
        let Some((program, arguments)) = words.split_first() else {
            return Err("there is no program".to_owned());
        };
        let program = of(program)?.constant();
        let program = program.ok_or("no message can choose the program: its name has no variables")?;
        if program.is_empty() {
            return Err("there is no program".to_owned());
        }
        Ok(Self {
            program,
            arguments: arguments.iter().map(of).collect::<Result<_, _>>()?,
        })
    }

    /// The program.
    pub fn program(&self) -> &OsStr {
        &self.program
    }

    /// Looks whether there is such a program; `path` is where, as in `PATH`.
    ///
    /// # Errors
    /// That there is none, in a clause.
    pub fn look(&self, path: Option<&OsStr>) -> Result<(), String> {
        if self.program.as_bytes().contains(&b'/') {
            return access(&self.program, Access::EXEC_OK)
                .map_err(|error| crate::failure::io_reason(&std::io::Error::from(error)));
        }
        // Without PATH the C library has a list of its own.
        let Some(path) = path else { return Ok(()) };
        let mut places = std::env::split_paths(path).map(|folder| folder.join(&self.program));
        if places.any(|place| place.is_file() && access(place, Access::EXEC_OK).is_ok()) {
            Ok(())
        } else {
            Err("there is no such program in PATH".to_owned())
        }
    }

    /// The arguments for a message.
    ///
    /// # Errors
    /// As [`Argument::fill`].
    pub(super) fn arguments(&self, task: &Task) -> Result<Vec<OsString>, String> {
        let filled = self.arguments.iter();
        filled
            .map(|argument| argument.fill(&task.topic, &task.payload))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::task;
    use super::*;

    fn filled(text: &str, topic: &str, payload: &[u8]) -> Result<String, String> {
        let filled = Argument::new(text.as_ref())?.fill(topic, payload);
        filled.map(|text| text.into_string().unwrap())
    }

    #[test]
    fn a_message_is_in_its_place() {
        let payload = br#"{"a":[1.50,"x y"]}"#;
        for (text, expected) in [
            ("", ""),
            ("plain", "plain"),
            ("{topic}", "a b/$(c)/'d'"),
            ("-t={topic.2}", "-t=$(c)"),
            ("{topic.1}{topic.3}", "a b'd'"),
            ("{{{topic.1}}}", "{a b}"),
            ("<{json:/a/1}> {json:/a/0}", "<x y> 1.50"),
            ("{json:}", r#"{"a":[1.50,"x y"]}"#),
            ("{payload}", r#"{"a":[1.50,"x y"]}"#),
        ] {
            assert_eq!(filled(text, "a b/$(c)/'d'", payload).as_deref(), Ok(expected), "{text}");
        }
        for hostile in [
            "'", "\"", "$(x)", "`x`", "a\nb", "\\", "; x", "{topic}", "--x", "ü\u{1}",
        ] {
            assert_eq!(filled("{payload}", "t", hostile.as_bytes()).as_deref(), Ok(hostile));
            assert_eq!(filled("{topic}", hostile, b"").as_deref(), Ok(hostile));
        }
        let bytes = Argument::new("{payload}".as_ref()).unwrap().fill("t", b"\xff").unwrap();
        assert_eq!(bytes.as_bytes(), b"\xff");
        let bytes = Argument::new(OsStr::from_bytes(b"\xff"))
            .unwrap()
            .fill("t", b"")
            .unwrap();
        assert_eq!(bytes.as_bytes(), b"\xff");
    }

    #[test]
    fn what_is_not_there_is_told() {
        for (text, payload, why) in [
            ("{payload}", &b"a\0b"[..], "it has a NUL, which no argument can have"),
            ("{json:/a}", br#"{"a":"\u0000"}"#, "it has a NUL"),
            ("{json:/a}", b"x", "it is not JSON"),
            ("{json:/a}", b"{}", "its JSON has nothing at /a"),
            ("{topic.2}", b"", "its topic has no level 2"),
        ] {
            let error = filled(text, "t", payload).unwrap_err();
            assert!(error.starts_with(why), "{text}: {error}");
        }
    }

    #[test]
    fn what_is_not_known_is_refused() {
        for (text, why) in [
            (
                "{tpic}",
                "{tpic} is no variable; there are {topic}, {topic.N}, {payload}, {json:/POINTER}",
            ),
            ("{}", "{} is no variable"),
            ("{topic.0}", "{topic.0}: levels are numbered from 1"),
            ("{topic.+1}", "{topic.+1}: levels"),
            ("{topic.x}", "{topic.x}: levels"),
            ("{json}", "{json} is no variable"),
            ("{json:a}", "{json:a}: a JSON pointer begins with /"),
            ("a{b", "a { stands alone"),
        ] {
            let error = Argument::new(text.as_ref()).unwrap_err();
            assert!(error.starts_with(why), "{text}: {error}");
        }
        assert!(Argument::new(OsStr::from_bytes(b"\xff{topic}")).is_err());
    }

    fn recipe(words: &[&str]) -> Result<Recipe, String> {
        Recipe::new(&words.iter().map(OsString::from).collect::<Vec<_>>())
    }

    #[test]
    fn no_message_chooses_the_program() {
        for words in [&["{payload}"][..], &["/bin/{topic}"], &[""], &[]] {
            assert!(recipe(words).is_err(), "{words:?}");
        }
        let sound = recipe(&["a{{b", "{topic}", "", "x {payload}"]).unwrap();
        assert_eq!(sound.program(), "a{b");
        let arguments = sound.arguments(&task(1, "t u", b"v w")).unwrap();
        assert_eq!(arguments, ["t u", "", "x v w"]);
        let error = recipe(&["a", "{b\n}"]).unwrap_err();
        assert!(error.contains(r"{b\n} is no variable"), "one line: {error:?}");
        let error = recipe(&["a", "{b}"]).unwrap_err();
        assert!(error.starts_with("'{b}': {b} is no variable"), "{error}");
    }

    #[test]
    fn a_program_is_looked_for() {
        let path = Some(OsStr::new("/nowhere:/usr/bin:/bin"));
        assert!(recipe(&["sh"]).unwrap().look(path).is_ok());
        assert!(recipe(&["/bin/sh"]).unwrap().look(None).is_ok());
        assert!(recipe(&["no-such-program"]).unwrap().look(path).is_err());
        let none = recipe(&["/bin/no-such-program"]).unwrap().look(path);
        assert_eq!(none.unwrap_err(), "no such file or directory");
    }
}

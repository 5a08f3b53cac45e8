//! Looks through arguments the way clap will, before clap does: which options
//! are there, and where their values stand. Three things need that: `-D` takes
//! three or four arguments, depending on the second, which no declaration can
//! say; `--exec` takes all that follow; and `-o` decides what else is read. Unlike a search for the text `-D`,
//! this knows another option's value when it sees one.

#![expect(
    clippy::indexing_slicing,
    reason = "`scan` gives places among these arguments, in order"
)]

use std::ffi::{OsStr, OsString};
use std::ops::Range;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};

use clap::error::ErrorKind;
use clap::{Arg, Command};

use super::exec::TypedCommand;
use super::properties::{TOO_FEW, TypedProperty};

/// The name that clap knows `-D` by.
const PROPERTY: &str = "property";

/// The name that clap knows `--exec` by.
pub(super) const COMMAND: &str = "exec";

/// An option that takes a value.
#[derive(Debug)]
pub(super) struct Found<'a> {
    /// The name that clap knows it by.
    pub id: &'a str,
    /// Which argument it stands in.
    at: usize,
    /// Where in that argument the option begins, and has what before it: the
    /// `-r` of `-rD`.
    before: usize,
    /// The value, or its beginning, if it stands in the same argument.
    attached: Option<OsString>,
    /// The arguments behind it that belong to it.
    behind: Range<usize>,
}

impl Found<'_> {
    /// Its value, unless that is missing.
    pub(super) fn value(&self, arguments: &[OsString]) -> Option<OsString> {
        let behind = || arguments.get(self.behind.start..self.behind.end)?.first().cloned();
        self.attached.clone().or_else(behind)
    }

    /// Its value as typed, in all of its words.
    pub(super) fn words(&self, arguments: &[OsString]) -> Vec<OsString> {
        let behind = arguments.get(self.behind.clone()).unwrap_or_default();
        self.attached.iter().chain(behind).cloned().collect()
    }

    /// The argument that its value stands in, and where it begins there.
    pub(super) fn place(&self, arguments: &[OsString]) -> Option<(usize, usize)> {
        match &self.attached {
            Some(value) => Some((self.at, arguments.get(self.at)?.len() - value.len())),
            None => Some((self.behind.start, 0)).filter(|_| !self.behind.is_empty()),
        }
    }
}

/// The options that take a value, in order. The program's name is not among the
/// arguments.
pub(super) fn scan<'a>(command: &'a Command, arguments: &[OsString]) -> Vec<Found<'a>> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(argument) = arguments.get(at) {
        if argument == "--" {
            break;
        }
        let mut next = at + 1;
        if let Some((option, before, attached)) = option_with_value(command, argument) {
            let id = option.get_id().as_str();
            let count = if id == PROPERTY {
                let second = if attached.is_some() { next } else { next + 1 };
                TypedProperty::arity(arguments.get(second))
            } else if id == COMMAND {
                arguments.len().saturating_sub(at).max(1)
            } else {
                1
            };
            let end = next + count - usize::from(attached.is_some());
            let behind = next..end.min(arguments.len());
            next = end;
            found.push(Found {
                id,
                at,
                before,
                attached,
                behind,
            });
        }
        at = next;
    }
    found
}

/// The option with a value that an argument has, if any; where in the argument
/// it begins; and what of the value is in the same argument.
fn option_with_value<'a>(command: &'a Command, argument: &OsStr) -> Option<(&'a Arg, usize, Option<OsString>)> {
    let bytes = argument.as_bytes();
    let takes_value = |option: &&Arg| option.get_action().takes_values();
    if let Some(long) = bytes.strip_prefix(b"--") {
        let mut parts = long.splitn(2, |byte| *byte == b'=');
        let name = parts.next()?;
        let mut options = command.get_arguments();
        let option = options.find(|option| option.get_long().is_some_and(|long| long.as_bytes() == name))?;
        let value = parts.next().map(|value| OsString::from_vec(value.to_vec()));
        return takes_value(&option).then_some((option, 0, value));
    }
    let letters = bytes.strip_prefix(b"-")?;
    for (index, letter) in letters.iter().enumerate() {
        let mut options = command.get_arguments();
        let option = options.find(|option| option.get_short() == Some(char::from(*letter)))?;
        if takes_value(&option) {
            let rest = &letters[index + 1..];
            let rest = rest.strip_prefix(b"=").unwrap_or(rest);
            let attached = letters.len() > index + 1;
            let value = attached.then(|| OsString::from_vec(rest.to_vec()));
            return Some((option, index + 1, value));
        }
    }
    None
}

/// Makes one value of the arguments behind each `-D`, and behind `--exec`.
///
/// # Errors
/// That some are missing.
pub(super) fn bundle(command: &Command, arguments: &[OsString]) -> Result<Vec<OsString>, clap::Error> {
    let mut bundled = Vec::with_capacity(arguments.len());
    let mut copied = 0;
    for found in scan(command, arguments) {
        if ![PROPERTY, COMMAND].contains(&found.id) {
            continue;
        }
        let fields: Vec<OsString> = found
            .attached
            .iter()
            .chain(&arguments[found.behind.clone()])
            .cloned()
            .collect();
        if found.id == COMMAND {
            // Without a word behind it, clap says so.
            if !fields.is_empty() {
                bundled.extend_from_slice(&arguments[copied..found.at]);
                bundled.push("--exec".into());
                bundled.push(TypedCommand::pack(&fields));
                copied = found.behind.end;
            }
            continue;
        }
        if fields.len() < TypedProperty::arity(fields.get(1)) {
            return Err(clap::Error::raw(ErrorKind::TooFewValues, TOO_FEW));
        }
        bundled.extend_from_slice(&arguments[copied..found.at]);
        if found.before > 1 {
            let cluster = &arguments[found.at].as_bytes()[..found.before];
            bundled.push(OsStr::from_bytes(cluster).to_owned());
        }
        bundled.push("-D".into());
        bundled.push(TypedProperty::pack(&fields));
        copied = found.behind.end;
    }
    bundled.extend_from_slice(&arguments[copied..]);
    Ok(bundled)
}

#[cfg(test)]
mod tests {
    use super::super::{PublishFlags, command};
    use super::*;

    fn words(line: &str) -> Vec<OsString> {
        line.split(' ').map(OsString::from).collect()
    }

    fn bundled(line: &str) -> String {
        let bundled = bundle(&command::<PublishFlags>(), &words(line)).unwrap();
        let texts: Vec<String> = bundled
            .into_iter()
            .map(|text| text.into_string().unwrap().replace('\0', "|"))
            .collect();
        texts.join(" ")
    }

    #[test]
    fn properties_are_bundled_where_they_are_options() {
        for (line, expected) in [
            ("-D publish content-type x -r", "-D publish|content-type|x -r"),
            (
                "-q 1 -D connect user-property -a -b -m x",
                "-q 1 -D connect|user-property|-a|-b -m x",
            ),
            ("--property will USER-Property a b", "-D will|USER-Property|a|b"),
            ("--property=will content-type -D", "-D will|content-type|-D"),
            ("-Dwill content-type x", "-D will|content-type|x"),
            ("-rD will user-property a b -d", "-r -D will|user-property|a|b -d"),
            ("-D a b c -D a user-property -D d", "-D a|b|c -D a|user-property|-D|d"),
            // Another option's value, however it stands.
            ("-m -D -t x", "-m -D -t x"),
            ("-rm -D", "-rm -D"),
            ("-mD -t x", "-mD -t x"),
            ("--message -D", "--message -D"),
            ("--message=-D -r", "--message=-D -r"),
            ("-- -D", "-- -D"),
            // What clap will refuse is left to it.
            ("-Q -D will content-type x", "-Q -D will|content-type|x"),
            ("stray -m", "stray -m"),
        ] {
            assert_eq!(bundled(line), expected, "{line}");
        }
    }

    #[test]
    fn missing_fields_are_told() {
        for line in [
            "-D",
            "-D publish",
            "-D publish content-type",
            "-D publish user-property a",
            "-Dpublish user-property a",
            "-r -D publish user-property",
        ] {
            let error = bundle(&command::<PublishFlags>(), &words(line)).unwrap_err();
            assert!(error.to_string().contains("-D needs COMMAND"), "{line}");
        }
    }

    #[test]
    fn values_are_found() {
        let command = command::<PublishFlags>();
        for (line, expected) in [
            ("-o x", vec![("options", Some("x"))]),
            ("-ox -q 1", vec![("options", Some("x")), ("qos", Some("1"))]),
            ("-o=x", vec![("options", Some("x"))]),
            ("--options=x", vec![("options", Some("x"))]),
            ("--options=", vec![("options", Some(""))]),
            ("-m -o -p 1", vec![("message", Some("-o")), ("port", Some("1"))]),
            ("-ro", vec![("options", None)]),
        ] {
            let arguments = words(line);
            let found = scan(&command, &arguments);
            let found: Vec<_> = found.iter().map(|found| (found.id, found.value(&arguments))).collect();
            let expected: Vec<_> = expected
                .into_iter()
                .map(|(id, value)| (id, value.map(OsString::from)))
                .collect();
            assert_eq!(found, expected, "{line}");
        }
    }
}

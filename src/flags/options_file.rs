//! The options file, as mosquitto's clients have it: an option a line, its value
//! behind the first space, without quotes. Its options count as if they stood
//! before those of the command line. Nothing here reads a file.

#![expect(
    clippy::indexing_slicing,
    reason = "the positions are those that were found in the same line"
)]

use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Path, PathBuf};

use clap::Command;
use clap::error::ErrorKind;

use super::properties::{TOO_FEW, TypedProperty};
use super::{Tool, scan};

/// A line of an options file that has an option.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Its number, from 1.
    pub number: usize,
    /// The option, and behind it the value, or those of a `-D`.
    pub arguments: Vec<OsString>,
}

/// Takes an options file apart.
///
/// The value is all that stands behind the first space, spaces included; CR and
/// LF at the end do not count; a `#` at the very beginning makes a comment. Of a
/// `-D` only the last field may have spaces.
///
/// # Errors
/// Which line is wrong, and why.
pub fn parse(text: &[u8]) -> Result<Vec<Line>, String> {
    let mut lines = Vec::new();
    for (index, line) in text.split(|byte| *byte == b'\n').enumerate() {
        let number = index + 1;
        if line.first() == Some(&b'#') {
            continue;
        }
        if line.contains(&0) {
            return Err(format!("line {number}: it has a NUL character"));
        }
        let end = line.iter().rposition(|byte| *byte != b'\r').map_or(0, |last| last + 1);
        let mut rest = Some(&line[..end]);
        let Some(option) = field(&mut rest) else {
            continue;
        };
        // A tab would otherwise become the beginning of the value.
        let name = option.split(|byte| *byte == b'=').next().unwrap_or_default();
        if name.contains(&b'\t') {
            return Err(format!(
                "line {number}: a space must separate option and value, not a tab"
            ));
        }
        let mut arguments = vec![string(option)];
        if option == b"-D" || option == b"--property" {
            let fields = property(rest).ok_or_else(|| format!("line {number}: {TOO_FEW}"))?;
            arguments.extend(fields);
        } else if let Some(value) = rest.filter(|value| !value.is_empty()) {
            arguments.push(string(value));
        }
        lines.push(Line { number, arguments });
    }
    Ok(lines)
}

/// Options whose values may well begin and end with a quote.
const QUOTABLE: [&[u8]; 6] = [
    b"-m",
    b"--message",
    b"--will-payload",
    b"-F",
    b"--format",
    b"--delimiter",
];

/// What looks like a quoted value, as a shell has them; here the quotes are part
/// of it.
pub fn quotes(lines: &[Line]) -> Vec<String> {
    let mut found = Vec::new();
    for Line { number, arguments } in lines {
        let Some((option, value)) = arguments.split_first().zip(arguments.last()) else {
            continue;
        };
        let (option, value) = (option.0.as_bytes(), value.as_bytes());
        let Some((mark @ (b'"' | b'\''), rest)) = value.split_first().filter(|_| arguments.len() > 1) else {
            continue;
        };
        if rest.last() != Some(mark) {
            let mark = char::from(*mark);
            found.push(format!(
                "line {number}: the value has one {mark} and no other, which is part of it: none is needed"
            ));
        } else if !QUOTABLE.contains(&option) {
            found.push(format!(
                "line {number}: the quotes are part of the value: none are needed"
            ));
        }
    }
    found
}

/// Takes the next field, if there is one; what is left begins behind the one
/// space that ends it, and is `None` without such a space.
fn field<'a>(rest: &mut Option<&'a [u8]>) -> Option<&'a [u8]> {
    let text = (*rest)?;
    let start = text.iter().position(|byte| *byte != b' ')?;
    let text = &text[start..];
    let end = text.iter().position(|byte| *byte == b' ').unwrap_or(text.len());
    *rest = text.get(end + 1..);
    Some(&text[..end])
}

/// The fields behind `-D`; the last one is the rest of the line.
fn property(mut rest: Option<&[u8]>) -> Option<Vec<OsString>> {
    let mut fields = vec![string(field(&mut rest)?), string(field(&mut rest)?)];
    if TypedProperty::arity(fields.get(1)) == 4 {
        fields.push(string(field(&mut rest)?));
    }
    fields.push(string(rest?));
    Some(fields)
}

fn string(bytes: &[u8]) -> OsString {
    OsString::from_vec(bytes.to_vec())
}

/// Where the options file is that is read without being asked for: that of
/// mosquitto's client of the same purpose; `asks` if that is `mosquitto_rr`.
pub fn path(variable: impl Fn(&str) -> Option<OsString>, tool: Tool, asks: bool) -> Option<PathBuf> {
    Some(folder(variable)?.join(tool.options_file(asks)))
}

/// The user's folder of settings.
pub(super) fn folder(variable: impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    let set = |name| variable(name).filter(|value| !value.is_empty());
    match set("XDG_CONFIG_HOME") {
        Some(folder) => Some(PathBuf::from(folder)),
        None => Some(Path::new(&set("HOME")?).join(".config")),
    }
}

/// The files, and the profile, that the command line asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Named {
    /// `-o`.
    pub options: Option<PathBuf>,
    /// `--config`.
    pub config: Option<PathBuf>,
    /// `--profile`.
    pub profile: Option<OsString>,
}

/// The files, and the profile, that the command line asks for.
///
/// # Errors
/// That it asks for more than one options file.
pub fn named(command: &Command, arguments: &[OsString]) -> Result<Named, clap::Error> {
    let arguments = arguments.get(1..).unwrap_or_default();
    let mut named = Named::default();
    for found in scan::scan(command, arguments) {
        match (found.id, found.value(arguments)) {
            ("options", Some(_)) if named.options.is_some() => {
                return Err(clap::Error::raw(
                    ErrorKind::ArgumentConflict,
                    "-o cannot be used more than once",
                ));
            }
            ("options", Some(file)) => named.options = Some(file.into()),
            ("config", Some(file)) => named.config = Some(file.into()),
            ("profile", Some(name)) => named.profile = Some(name),
            _ => {}
        }
    }
    Ok(named)
}

#[cfg(test)]
mod tests {
    use super::super::layers::Layer;
    use super::super::{Error, Flags, PublishFlags, SubscribeFlags, command, parse_after};
    use super::*;

    fn parsed(text: &str) -> Vec<Vec<String>> {
        let lines = parse(text.as_bytes()).unwrap();
        lines
            .into_iter()
            .map(|line| {
                let words = line.arguments.into_iter();
                words.map(|word| word.into_string().unwrap()).collect()
            })
            .collect()
    }

    #[test]
    fn quotes_are_told() {
        let told = |text: &str| quotes(&parse(text.as_bytes()).unwrap()).join("|");
        for (text, expected) in [
            (
                "-m \"abc",
                "line 1: the value has one \" and no other, which is part of it: none is needed",
            ),
            (
                "-r\n-t 'a b'",
                "line 2: the quotes are part of the value: none are needed",
            ),
            (
                "-D connect user-property a \"b\"",
                "line 1: the quotes are part of the value: none are needed",
            ),
            (
                "-t '",
                "line 1: the value has one ' and no other, which is part of it: none is needed",
            ),
            // JSON, and texts with quotes in them.
            ("-m \"abc\"\n-t it's\n-u a\"b\n-r\n-d \n\"a\"", ""),
        ] {
            assert_eq!(told(text), expected, "{text}");
        }
    }

    #[test]
    fn an_option_a_line() {
        let long = format!("-m {}", "x".repeat(5000));
        for (text, expected) in [
            ("", vec![]),
            ("\n  \n\r\n", vec![]),
            ("-r", vec![vec!["-r"]]),
            ("-r \n-d\r\n", vec![vec!["-r"], vec!["-d"]]),
            ("-m a  b ", vec![vec!["-m", "a  b "]]),
            ("-m  a", vec![vec!["-m", " a"]]),
            ("   -m a", vec![vec!["-m", "a"]]),
            ("-m \"a b\"\r\r\n", vec![vec!["-m", "\"a b\""]]),
            ("--message=a\tb", vec![vec!["--message=a\tb"]]),
            ("-m a # b", vec![vec!["-m", "a # b"]]),
            ("# -m a\n # b", vec![vec!["#", "b"]]),
            (&long, vec![vec!["-m", &long[3..]]]),
            (
                "-D connect user-property  name a value ",
                vec![vec!["-D", "connect", "user-property", "name", "a value "]],
            ),
            (
                "--property will content-type text/plain; x",
                vec![vec!["--property", "will", "content-type", "text/plain; x"]],
            ),
            ("-D will content-type ", vec![vec!["-D", "will", "content-type", ""]]),
        ] {
            assert_eq!(parsed(text), expected, "{text:?}");
        }
    }

    #[test]
    fn what_is_wrong_has_a_line_number() {
        assert!(parse(b"-r\n-m a\0b").unwrap_err().starts_with("line 2: "));
        assert!(parse(b"-r\n-m\ta").unwrap_err().starts_with("line 2: a space"));
        for text in ["-D publish", "-D publish content-type", "-D will user-property a"] {
            let text = format!("-r\n\n{text}\r\n");
            assert!(parse(text.as_bytes()).unwrap_err().starts_with("line 3: -D needs"));
        }
        for (text, number, why) in [
            ("-r\n\n--frobnicate", 3, "--frobnicate"),
            ("-r\n-t\n-q 1", 2, "--topic"),
            ("-q 3", 1, "must be 0, 1 or 2"),
            ("-d yes", 1, "yes"),
            (" # no comment", 1, "#"),
            ("\u{feff}-r", 1, "-r"),
            ("-r\n-o other", 2, "-o cannot be used in an options file"),
            ("-r\n--", 2, "'--'"),
            ("--options=other", 1, "-o cannot be used in an options file"),
        ] {
            let lines = parse(text.as_bytes()).unwrap();
            let layer = Layer::options_file(Path::new("f"), lines);
            match parse_after::<PublishFlags>(command::<PublishFlags>(), &[layer], &["mqpub".into()]) {
                Err(Error::At(place, error)) => {
                    assert_eq!(place, format!("f: line {number}"), "{text:?}");
                    assert!(error.to_string().contains(why), "{text:?}: {error}");
                }
                other => panic!("{text:?}: {other:?}"),
            }
        }
    }

    #[test]
    fn places() {
        let of = |home: Option<&str>, xdg: Option<&str>| {
            let variable = |name: &str| match name {
                "HOME" => home.map(OsString::from),
                "XDG_CONFIG_HOME" => xdg.map(OsString::from),
                _ => None,
            };
            path(variable, Tool::Publish, false).map(|path| path.into_os_string().into_string().unwrap())
        };
        assert_eq!(of(Some("/h"), Some("/x")).as_deref(), Some("/x/mosquitto_pub"));
        assert_eq!(of(Some("/h"), None).as_deref(), Some("/h/.config/mosquitto_pub"));
        assert_eq!(of(Some("/h"), Some("")).as_deref(), Some("/h/.config/mosquitto_pub"));
        assert_eq!(of(None, None), None);
        assert_eq!(
            path(|_| Some("/x".into()), Tool::Subscribe, false),
            Some("/x/mosquitto_sub".into())
        );
    }

    #[test]
    fn the_file_is_named_by_an_option_and_not_by_a_value() {
        let of = |line: &str| {
            let words: Vec<OsString> = line.split(' ').map(OsString::from).collect();
            named(&command::<PublishFlags>(), &words).map(|named| named.options)
        };
        assert_eq!(of("mqpub -o a").unwrap(), Some("a".into()));
        assert_eq!(of("mqpub -t x --options=a").unwrap(), Some("a".into()));
        assert_eq!(of("mqpub -m -o -p 1883").unwrap(), None);
        assert_eq!(of("mqpub -D publish content-type -o").unwrap(), None);
        assert_eq!(of("mqpub").unwrap(), None);
        assert!(of("mqpub -o a -o a").is_err());
    }

    fn both<F: Flags>(file: &str, line: &str) -> F {
        let lines = parse(file.as_bytes()).unwrap();
        let words: Vec<OsString> = line.split(' ').map(OsString::from).collect();
        parse_after(command::<F>(), &[Layer::options_file(Path::new("f"), lines)], &words).unwrap()
    }

    #[test]
    fn the_command_line_wins_over_the_file() {
        let flags: PublishFlags = both("-q 1\n-p 7\n-i file\n-m file", "mqpub -q 2 -m line");
        assert_eq!(flags.message.qos as u8, 2);
        assert_eq!(flags.shared.connection.port, Some(7));
        assert_eq!(flags.shared.connection.id.as_deref(), Some("file"));
        assert_eq!(flags.message.message, Some("line".into()));
    }

    #[test]
    fn lists_add_up_unless_mosquitto_has_one_value_there() {
        let flags: PublishFlags = both(
            "-h a\n-t a\n-f a\n-D publish user-property a 1",
            "mqpub -h b -h c -t b --file=b -D publish user-property b 2",
        );
        assert_eq!(flags.shared.connection.host, ["b", "c"]);
        assert_eq!(flags.message.topic, ["b"]);
        assert_eq!(flags.message.file, [PathBuf::from("b")]);
        let values: Vec<_> = flags
            .shared
            .properties
            .property
            .iter()
            .map(|typed| &typed.value)
            .collect();
        assert_eq!(values, ["1", "2"]);
        let flags: SubscribeFlags = both("-t a", "mqsub -t b");
        assert_eq!(flags.subscription.topic, ["a", "b"]);
        let flags: PublishFlags = both("-t a\n-t b", "mqpub -m x");
        assert_eq!(flags.message.topic, ["a", "b"]);
    }

    #[test]
    fn the_order_of_file_and_command_line_counts() {
        let flags: PublishFlags = both("-L mqtt://h/t", "mqpub -p 7");
        assert!(flags.shared.connection.after_url.port);
        let flags: PublishFlags = both("-p 7", "mqpub -L mqtt://h/t");
        assert!(!flags.shared.connection.after_url.port);
    }
}

//! What mqsub prints, and where.

use std::path::PathBuf;

use super::check::{apart, usage};
use crate::codec::Codec;
use crate::failure::Failure;
use crate::flags::output::OutputFlags;
use crate::format::Format;

/// What is printed of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Form {
    /// The payload.
    Payload,
    /// The topic, a space, the payload.
    Verbose,
    /// A JSON object.
    Json {
        /// With the payload as JSON, if it is that.
        parse: bool,
    },
    /// What a format makes of it.
    Format {
        /// The format.
        format: Format,
        /// Whether its JSON has a member a line.
        pretty: bool,
    },
}

impl Form {
    /// Whether a payload that could not be decoded cannot be taken for one that was.
    pub fn tells_undecoded(&self) -> bool {
        match self {
            Self::Payload | Self::Verbose => false,
            Self::Json { .. } => true,
            Self::Format { format, .. } => !format.has_payload(),
        }
    }
}

/// What sets messages apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Framing {
    /// A newline, and all of it as mosquitto_sub has it: an empty payload is
    /// `(null)` behind its topic, and alone it is nothing, not even a newline.
    Newline,
    /// Nothing; an empty payload prints nothing at all.
    Nothing,
    /// These bytes after each message.
    Delimiter(Vec<u8>),
    /// The length of each message before it: four bytes, big end first.
    Length,
}

/// What is printed, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Output {
    /// What of a message.
    pub form: Form,
    /// What sets messages apart.
    pub framing: Framing,
    /// What the payloads are decoded from.
    pub decode: Option<Codec>,
    /// A folder for files of one message each, instead of stdout.
    pub folder: Option<PathBuf>,
}

impl Output {
    /// Gives the flags their meaning.
    ///
    /// # Errors
    /// [`Exit::Usage`](crate::exit::Exit::Usage), with the options named.
    pub fn new(flags: OutputFlags) -> Result<Self, Failure> {
        one_form(&flags)?;
        one_framing(&flags)?;
        what_needs_another(&flags)?;
        a_file_is_a_message(&flags)?;
        let form = match flags.format {
            // As mosquitto_sub has it: -F goes before -v.
            Some(format) => Form::Format {
                format,
                pretty: flags.pretty,
            },
            None if flags.json => Form::Json {
                parse: flags.parse_json,
            },
            None if flags.verbose => Form::Verbose,
            None => Form::Payload,
        };
        let framing = match flags.delimiter {
            Some(delimiter) => Framing::Delimiter(delimiter.to_vec()),
            None if flags.nul => Framing::Delimiter(vec![0]),
            None if flags.framed => Framing::Length,
            None if flags.no_newline => Framing::Nothing,
            None => Framing::Newline,
        };
        Ok(Self {
            form,
            framing,
            decode: flags.decode,
            folder: flags.output_dir,
        })
    }
}

/// The framings, each with whether it was given.
fn framings(flags: &OutputFlags) -> [(bool, &'static str); 4] {
    [
        (flags.delimiter.is_some(), "--delimiter"),
        (flags.nul, "-0"),
        (flags.framed, "--framed"),
        (flags.no_newline, "-N"),
    ]
}

/// A record of JSON is a line.
fn one_form(flags: &OutputFlags) -> Result<(), Failure> {
    let json = (flags.json, "--json");
    apart(json, (flags.verbose, "-v"))?;
    apart(json, (flags.format.is_some(), "-F"))?;
    framings(flags).into_iter().try_for_each(|framing| apart(json, framing))
}

fn one_framing(flags: &OutputFlags) -> Result<(), Failure> {
    let mut rest = &framings(flags)[..];
    while let Some((first, behind)) = rest.split_first() {
        behind.iter().try_for_each(|other| apart(*first, *other))?;
        rest = behind;
    }
    Ok(())
}

fn what_needs_another(flags: &OutputFlags) -> Result<(), Failure> {
    let has_json = flags.format.as_ref().is_some_and(Format::has_json);
    if flags.pretty && !has_json {
        return Err(usage("--pretty needs -F with %j or %J"));
    }
    if flags.parse_json && !flags.json {
        return Err(usage("--parse-json needs --json"));
    }
    Ok(())
}

/// The name of a file says the topic, its end where the message ends.
fn a_file_is_a_message(flags: &OutputFlags) -> Result<(), Failure> {
    let folder = (flags.output_dir.is_some(), "--output-dir");
    apart(folder, (flags.verbose && flags.format.is_none(), "-v"))?;
    framings(flags)
        .into_iter()
        .try_for_each(|framing| apart(folder, framing))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flags::{self, SubscribeFlags};

    fn output(words: &str) -> Result<Output, String> {
        let line = format!("mqsub -t t {words}");
        let flags: SubscribeFlags = flags::parse(line.split_ascii_whitespace().map(Into::into)).unwrap();
        Output::new(flags.output).map_err(|failure| failure.to_string())
    }

    #[test]
    fn what_goes_together() {
        let format = |text: &str, pretty| Form::Format {
            format: Format::parse(text).unwrap(),
            pretty,
        };
        for (words, form, framing) in [
            ("", Form::Payload, Framing::Newline),
            ("-v", Form::Verbose, Framing::Newline),
            ("-v -N", Form::Verbose, Framing::Nothing),
            ("-v -0", Form::Verbose, Framing::Delimiter(vec![0])),
            ("-v --framed", Form::Verbose, Framing::Length),
            (
                r"--delimiter \x1e-",
                Form::Payload,
                Framing::Delimiter(b"\x1e-".to_vec()),
            ),
            ("--json", Form::Json { parse: false }, Framing::Newline),
            ("--json --parse-json", Form::Json { parse: true }, Framing::Newline),
            ("-F %t", format("%t", false), Framing::Newline),
            ("-v -F %t -N", format("%t", false), Framing::Nothing),
            ("-F %t -F %j --pretty", format("%j", true), Framing::Newline),
            ("--format=%J --pretty --framed", format("%J", true), Framing::Length),
        ] {
            let expected = Output {
                form,
                framing,
                decode: None,
                folder: None,
            };
            assert_eq!(output(words), Ok(expected), "{words}");
        }
        for words in ["--output-dir d", "--output-dir d --json", "--output-dir d -v -F %p"] {
            let folder = output(words).unwrap().folder;
            assert_eq!(folder, Some(PathBuf::from("d")), "{words}");
        }
    }

    #[test]
    fn both_options_are_named() {
        for (words, one, other) in [
            ("--json -v", "--json", "-v"),
            ("--json -N", "--json", "-N"),
            ("--json -F %j", "--json", "-F"),
            ("--json -0", "--json", "-0"),
            ("--json --framed", "--json", "--framed"),
            ("--json --delimiter x", "--json", "--delimiter"),
            ("--delimiter x -0", "--delimiter", "-0"),
            ("--delimiter x --framed", "--delimiter", "--framed"),
            ("--delimiter x -N", "--delimiter", "-N"),
            ("-0 --framed", "-0", "--framed"),
            ("-0 -N", "-0", "-N"),
            ("--framed -N", "--framed", "-N"),
            ("--output-dir d -v", "--output-dir", "-v"),
            ("--output-dir d -N", "--output-dir", "-N"),
            ("--output-dir d -0", "--output-dir", "-0"),
            ("--output-dir d --framed", "--output-dir", "--framed"),
            ("--output-dir d --delimiter x", "--output-dir", "--delimiter"),
        ] {
            let expected = format!("{one} and {other} cannot be used together");
            assert_eq!(output(words), Err(expected), "{words}");
        }
    }

    #[test]
    fn what_is_missing_is_named() {
        for words in ["--pretty", "--pretty -F %t", "--pretty --json"] {
            let expected = "--pretty needs -F with %j or %J".to_owned();
            assert_eq!(output(words), Err(expected), "{words}");
        }
        for words in ["--parse-json", "--parse-json -F %J"] {
            let expected = "--parse-json needs --json".to_owned();
            assert_eq!(output(words), Err(expected), "{words}");
        }
    }
}

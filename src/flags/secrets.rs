//! Which options have a secret in them, and where in their values it is: so that
//! it can be taken out of what others see.

#![expect(
    clippy::indexing_slicing,
    reason = "the positions are those that were found in the same bytes"
)]

use std::ffi::OsString;
use std::ops::Range;
use std::os::unix::ffi::OsStrExt as _;

use clap::Command;

use super::scan;

/// Where in a value the secret is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    /// All of it.
    Whole,
    /// The password of a URL.
    Url,
    /// What stands behind the colon.
    Header,
}

/// The options, by the names that clap knows them by.
const SECRETS: [(&str, Part); 6] = [
    ("password", Part::Whole),
    ("psk", Part::Whole),
    ("tls_engine_kpass_sha1", Part::Whole),
    ("url", Part::Url),
    ("proxy", Part::Url),
    ("ws_header", Part::Header),
];

/// Where in these arguments secrets are: the number of the argument, the bytes of
/// it. The program's name is not among the arguments.
pub fn find(command: &Command, arguments: &[OsString]) -> Vec<(usize, Range<usize>)> {
    let found = scan::scan(command, arguments);
    let places = found.iter().filter_map(|found| {
        let (index, from) = found.place(arguments)?;
        let value = arguments.get(index)?.as_bytes().get(from..)?;
        let within = within(found.id, value)?;
        Some((index, from + within.start..from + within.end))
    });
    places.collect()
}

/// Where in the value of an option the secret is, if it has one.
pub fn within(id: &str, value: &[u8]) -> Option<Range<usize>> {
    let (_, part) = SECRETS.iter().find(|(other, _)| *other == id)?;
    let range = match part {
        Part::Whole => 0..value.len(),
        Part::Url => {
            let start = memchr::memmem::find(value, b"://")? + 3;
            let end = value[start..].iter().position(|byte| *byte == b'/');
            // A slash may stand in a password by mistake.
            let end = end.map_or(value.len(), |end| start + end);
            let end = match value[start..end].iter().rposition(|byte| *byte == b'@') {
                Some(at) => start + at,
                None => start + value[start..].iter().rposition(|byte| *byte == b'@')?,
            };
            let colon = value[start..end].iter().position(|byte| *byte == b':')?;
            start + colon + 1..end
        }
        Part::Header => value.iter().position(|byte| *byte == b':')? + 1..value.len(),
    };
    Some(range).filter(|range| !range.is_empty())
}

#[cfg(test)]
mod tests {
    use super::super::{PublishFlags, command};
    use super::*;

    fn hidden(line: &str) -> String {
        let mut words: Vec<OsString> = line.split(' ').map(OsString::from).collect();
        for (index, range) in find(&command::<PublishFlags>(), &words) {
            let mut text = words[index].clone().into_string().unwrap();
            text.replace_range(range, "*");
            words[index] = text.into();
        }
        words
            .iter()
            .map(|word| word.to_str().unwrap())
            .collect::<Vec<_>>()
            .join(" ")
    }

    #[test]
    fn secrets_are_found_where_they_are() {
        for (line, expected) in [
            ("-u me -P secret -m x", "-u me -P * -m x"),
            ("-Psecret", "-P*"),
            ("-rP=secret", "-rP=*"),
            ("--pw secret", "--pw *"),
            ("--pw=secret", "--pw=*"),
            ("-m -P x", "-m -P x"),
            ("-P a -P b", "-P * -P *"),
            ("-P", "-P"),
            ("-L mqtt://me:secret@h/t", "-L mqtt://me:*@h/t"),
            ("-L mqtt://me:se@cret@h/a@b", "-L mqtt://me:*@h/a@b"),
            ("-L mqtt://me:sec/ret@h/t", "-L mqtt://me:*@h/t"),
            ("-L mqtt://:secret@h", "-L mqtt://:*@h"),
            ("-L mqtt://me@h:1883/t", "-L mqtt://me@h:1883/t"),
            ("-L mqtt://h:1883/t", "-L mqtt://h:1883/t"),
            ("--url=mqtts://me:secret@h", "--url=mqtts://me:*@h"),
            ("--proxy socks5h://me:secret@h", "--proxy socks5h://me:*@h"),
            ("--ws-header X:secret", "--ws-header X:*"),
            ("-t a:b -m x", "-t a:b -m x"),
        ] {
            assert_eq!(hidden(line), expected);
        }
    }
}

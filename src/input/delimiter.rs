//! What stands between two records: one byte or several, and how a person
//! writes them.

use memchr::memmem::Finder;
use memchr::{memchr, memrchr};

/// The bytes between two records; at least one.
#[derive(Clone, Debug)]
pub struct Delimiter(Kind);

#[derive(Clone, Debug)]
enum Kind {
    One(u8),
    Many(Box<Finder<'static>>),
}

impl Default for Delimiter {
    /// A newline.
    fn default() -> Self {
        Self(Kind::One(b'\n'))
    }
}

impl Delimiter {
    /// `None` for no bytes at all, which stand everywhere.
    pub fn new(bytes: &[u8]) -> Option<Self> {
        match bytes {
            [] => None,
            [byte] => Some(Self(Kind::One(*byte))),
            many => Some(Self(Kind::Many(Box::new(Finder::new(many).into_owned())))),
        }
    }

    /// How many bytes it has.
    #[expect(clippy::len_without_is_empty, reason = "it is never empty")]
    pub fn len(&self) -> usize {
        match &self.0 {
            Kind::One(_) => 1,
            Kind::Many(finder) => finder.needle().len(),
        }
    }

    /// Where the first one begins.
    #[inline]
    pub(super) fn find(&self, bytes: &[u8]) -> Option<usize> {
        match &self.0 {
            Kind::One(byte) => memchr(*byte, bytes),
            Kind::Many(finder) => finder.find(bytes),
        }
    }

    /// Where the last one ends, as seen by who takes one after the other from
    /// the beginning: of `xxx` the first two are the delimiter `xx`.
    pub(super) fn last_end(&self, bytes: &[u8]) -> Option<usize> {
        match &self.0 {
            Kind::One(byte) => memrchr(*byte, bytes).map(|at| at + 1),
            Kind::Many(finder) => finder.find_iter(bytes).last().map(|at| at + finder.needle().len()),
        }
    }
}

/// Reads a delimiter as it is typed: `\0`, `\n`, `\r`, `\t`, `\\` and `\xNN`
/// stand for one byte each, anything else for itself.
///
/// # Errors
/// What is wrong with it, in a clause that fits behind `invalid value 'x' for
/// '--option': `.
pub fn parse_delimiter(text: &str) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((plain, escape)) = rest.split_once('\\') {
        bytes.extend_from_slice(plain.as_bytes());
        let Some(letter) = escape.chars().next() else {
            return Err(r"a \ stands at its end (write \\ for one)".to_owned());
        };
        rest = &escape[letter.len_utf8()..];
        bytes.push(match letter {
            '0' => 0,
            'n' => b'\n',
            'r' => b'\r',
            't' => b'\t',
            '\\' => b'\\',
            'x' => {
                let byte = rest.get(..2).and_then(hexadecimal);
                rest = rest.get(2..).unwrap_or_default();
                byte.ok_or(r"\x needs two hexadecimal digits, as in \x1e")?
            }
            other => {
                return Err(format!(
                    r"it has the unknown escape \{}; known are \0 \n \r \t \\ \xNN",
                    other.escape_debug()
                ));
            }
        });
    }
    bytes.extend_from_slice(rest.as_bytes());
    if bytes.is_empty() {
        return Err("must not be empty".to_owned());
    }
    Ok(bytes)
}

/// A byte of two digits. `u8::from_str_radix` alone would take `+1`.
fn hexadecimal(digits: &str) -> Option<u8> {
    if digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        u8::from_str_radix(digits, 16).ok()
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes() {
        for (text, bytes) in [
            (r"\0", &b"\0"[..]),
            (r"\n\r\t\\", b"\n\r\t\\"),
            (r"\x1e\xFFx", b"\x1e\xffx"),
            (r"\\n", b"\\n"),
            (r"\x410", b"A0"),
            ("--\n", b"--\n"),
            ("é", "é".as_bytes()),
        ] {
            assert_eq!(parse_delimiter(text).as_deref(), Ok(bytes), "{text}");
        }
    }

    #[test]
    fn what_is_no_delimiter_is_refused() {
        for (text, why) in [
            ("", "must not be empty"),
            ("a\\", "at its end"),
            (r"\q", r"unknown escape \q"),
            ("\\\u{1}", r"unknown escape \\u{1}"),
            (r"\é", r"unknown escape \é"),
            (r"\x", "two hexadecimal digits"),
            (r"\x1", "two hexadecimal digits"),
            (r"\x+1", "two hexadecimal digits"),
            (r"\x1é", "two hexadecimal digits"),
        ] {
            let error = parse_delimiter(text).unwrap_err();
            assert!(error.contains(why), "{text}: {error}");
        }
        assert!(Delimiter::new(b"").is_none());
    }

    #[test]
    fn overlapping_delimiters_are_taken_from_the_beginning() {
        let delimiter = Delimiter::new(b"xx").unwrap();
        assert_eq!(delimiter.find(b"axxx"), Some(1));
        assert_eq!(delimiter.last_end(b"axxx"), Some(3));
        assert_eq!(delimiter.last_end(b"axxxx"), Some(5));
        assert_eq!(Delimiter::default().last_end(b"a\nb\nc"), Some(4));
    }
}

//! A JSON text (RFC 8259) into another one: checked, without its blanks, its
//! strings with no more escapes than they need, its numbers digit by digit.

#![expect(clippy::indexing_slicing, reason = "what is passed over was looked at before")]

use super::layout::Layout;
use super::text::{self, Run};

/// How many lists and objects may stand in one another. A deeper text counts as
/// none: programs that read JSON stop somewhere above (jq at 256), and a payload
/// must not spoil the line that it stands in.
pub(super) const DEPTH: u32 = 100;

/// Appends a text; `false`, with nothing appended, if it is not JSON. A text
/// with half a surrogate pair is not, though the grammar has it: no string that
/// programs know can hold it.
pub(super) fn embed(out: &mut Vec<u8>, text: &[u8], layout: Layout) -> bool {
    let start = out.len();
    // As mosquitto does: a byte order mark may stand before it.
    let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
    let embedded = std::str::from_utf8(text).is_ok() && {
        let mut embedder = Embedder { out, text, layout };
        embedder.value().is_some() && embedder.text.is_empty()
    };
    if !embedded {
        out.truncate(start);
    }
    embedded
}

struct Embedder<'a> {
    out: &'a mut Vec<u8>,
    /// What is left to read; UTF-8 at every place where it may be cut.
    text: &'a [u8],
    layout: Layout,
}

/// The lists and objects around a place, as bits: 1 is an object.
#[derive(Default)]
struct Around {
    kinds: u128,
    depth: u32,
}

impl Around {
    fn push(&mut self, object: bool) -> Option<()> {
        if self.depth == DEPTH {
            return None;
        }
        self.kinds = self.kinds << 1 | u128::from(object);
        self.depth += 1;
        Some(())
    }

    fn pop(&mut self) {
        self.kinds >>= 1;
        self.depth -= 1;
    }

    fn is_object(&self) -> bool {
        self.kinds & 1 == 1
    }
}

impl Embedder<'_> {
    /// A value, with the blanks around it.
    fn value(&mut self) -> Option<()> {
        let mut around = Around::default();
        loop {
            // A value begins.
            self.blanks();
            match *self.text.first()? {
                b'{' => {
                    self.text = &self.text[1..];
                    around.push(true)?;
                    self.layout.open_object(self.out);
                    self.blanks();
                    if self.text.first() == Some(&b'}') {
                        self.text = &self.text[1..];
                        self.layout.close_object(self.out, true);
                        around.pop();
                    } else {
                        self.name(true)?;
                        continue;
                    }
                }
                b'[' => {
                    self.text = &self.text[1..];
                    around.push(false)?;
                    self.layout.open_list(self.out);
                    self.blanks();
                    if self.text.first() == Some(&b']') {
                        self.text = &self.text[1..];
                        self.layout.close_list(self.out);
                        around.pop();
                    } else {
                        continue;
                    }
                }
                b'"' => self.string()?,
                b't' => self.word(b"true")?,
                b'f' => self.word(b"false")?,
                b'n' => self.word(b"null")?,
                _ => self.number()?,
            }
            // A value has ended, and perhaps what is around it.
            loop {
                self.blanks();
                if around.depth == 0 {
                    return Some(());
                }
                let (next, rest) = self.text.split_first()?;
                self.text = rest;
                match (next, around.is_object()) {
                    (b',', true) => {
                        self.blanks();
                        self.name(false)?;
                        break;
                    }
                    (b',', false) => {
                        self.layout.element(self.out, false);
                        break;
                    }
                    (b'}', true) => self.layout.close_object(self.out, false),
                    (b']', false) => self.layout.close_list(self.out),
                    _ => return None,
                }
                around.pop();
            }
        }
    }

    fn blanks(&mut self) {
        let blank = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\n' | b'\r');
        while let Some((_, rest)) = self.text.split_first().filter(|(next, _)| blank(next)) {
            self.text = rest;
        }
    }

    /// The name of a member and its colon.
    fn name(&mut self, first: bool) -> Option<()> {
        self.layout.member(self.out, first);
        if self.text.first() != Some(&b'"') {
            return None;
        }
        self.string()?;
        self.blanks();
        self.text = self.text.strip_prefix(b":")?;
        self.layout.colon(self.out);
        Some(())
    }

    fn word(&mut self, word: &[u8]) -> Option<()> {
        self.text = self.text.strip_prefix(word)?;
        self.out.extend_from_slice(word);
        Some(())
    }

    fn number(&mut self) -> Option<()> {
        let mut length = usize::from(self.text.first() == Some(&b'-'));
        let digits = |from: usize| {
            let rest = self.text.get(from..).unwrap_or_default();
            rest.iter().take_while(|byte| byte.is_ascii_digit()).count()
        };
        match (digits(length), self.text.get(length)) {
            // No zero stands before other digits.
            (0, _) | (2.., Some(b'0')) => return None,
            (count, _) => length += count,
        }
        if self.text.get(length) == Some(&b'.') {
            length += 1 + Some(digits(length + 1)).filter(|count| *count > 0)?;
        }
        if let Some(b'e' | b'E') = self.text.get(length) {
            length += 1 + usize::from(matches!(self.text.get(length + 1), Some(b'+' | b'-')));
            length += Some(digits(length)).filter(|count| *count > 0)?;
        }
        let (number, rest) = self.text.split_at(length);
        self.out.extend_from_slice(number);
        self.text = rest;
        Some(())
    }

    fn string(&mut self) -> Option<()> {
        self.out.push(b'"');
        self.text = &self.text[1..];
        loop {
            let Run { plain, special } = text::run(self.text);
            self.out.extend_from_slice(plain);
            let special = special?;
            self.text = &self.text[plain.len() + 1..];
            match special {
                b'"' => break,
                b'\\' => self.escape()?,
                // Control characters may not stand in a string.
                _ => return None,
            }
        }
        self.out.push(b'"');
        Some(())
    }

    fn escape(&mut self) -> Option<()> {
        let (letter, rest) = self.text.split_first()?;
        self.text = rest;
        match letter {
            b'/' => self.out.push(b'/'),
            b'"' | b'\\' | b'b' | b'f' | b'n' | b'r' | b't' => self.out.extend_from_slice(&[b'\\', *letter]),
            b'u' => {
                let mut code = self.unit()?;
                if (0xd800..0xdc00).contains(&code) {
                    self.text = self.text.strip_prefix(br"\u")?;
                    let low = self.unit()?.checked_sub(0xdc00).filter(|low| *low < 0x400)?;
                    code = 0x1_0000 + ((code - 0xd800) << 10) + low;
                }
                let letter = char::from_u32(code)?;
                text::escaped(self.out, letter.encode_utf8(&mut [0; 4]));
            }
            _ => return None,
        }
        Some(())
    }

    /// Four hexadecimal digits.
    fn unit(&mut self) -> Option<u32> {
        let (digits, rest) = self.text.split_first_chunk::<4>()?;
        self.text = rest;
        digits
            .iter()
            .try_fold(0, |code, digit| Some(code << 4 | char::from(*digit).to_digit(16)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn embedded(text: &[u8]) -> Option<String> {
        let mut out = b"before".to_vec();
        let is_json = embed(&mut out, text, Layout::new(false));
        let text = String::from_utf8(out).unwrap();
        let text = text.strip_prefix("before").unwrap().to_owned();
        assert!(is_json || text.is_empty(), "{text}");
        is_json.then_some(text)
    }

    #[test]
    fn values_keep_all_but_their_blanks() {
        for (text, expected) in [
            ("1", "1"),
            (" \r\n\t-0 ", "-0"),
            ("1.0", "1.0"),
            ("[1e3,1E+3,0.5e-300]", "[1e3,1E+3,0.5e-300]"),
            ("12345678901234567890.10", "12345678901234567890.10"),
            ("true", "true"),
            ("[false , null]", "[false,null]"),
            (r#""a\/b""#, r#""a/b""#),
            (
                r#""\u00e9\u000a\u0000\u001F\uD83D\ude00\u0022""#,
                r#""é\n\u0000\u001f😀\"""#,
            ),
            (r#""\"\\\b\f\n\r\t""#, r#""\"\\\b\f\n\r\t""#),
            ("{ }", "{}"),
            ("[ ]", "[]"),
            ("{\"a\" : 1 , \"a\":[{}]}", r#"{"a":1,"a":[{}]}"#),
            ("\u{feff}1", "1"),
        ] {
            assert_eq!(embedded(text.as_bytes()).as_deref(), Some(expected), "{text}");
        }
    }

    #[test]
    fn what_is_not_json_is_not_embedded() {
        for text in [
            "",
            " ",
            "1 2",
            "01",
            "1.",
            ".5",
            "1e",
            "1e+",
            "-",
            "+1",
            "0x1",
            "NaN",
            "nul",
            "truefalse",
            "[",
            "[1",
            "[1,",
            "[1,]",
            "[,1]",
            "[}",
            "{",
            "{]",
            "{\"a\"",
            "{\"a\":",
            "{\"a\":1",
            "{\"a\":1,",
            "{\"a\":1,}",
            "{1:2}",
            "{\"a\" 1}",
            "\"",
            "\"a",
            "\"\\",
            "\"\\q\"",
            "\"\\u12\"",
            "\"\\ud800\"",
            "\"\\ud800\\u0041\"",
            "\"\\udc00\"",
            "\"a\nb\"",
            "'a'",
            "1\0",
            "[1]]",
            "\u{feff}",
        ] {
            assert_eq!(embedded(text.as_bytes()), None, "{text:?}");
        }
        assert_eq!(embedded(b"\"\xff\""), None);
        assert_eq!(embedded(b"\"\xed\xa0\x80\""), None);
    }

    #[test]
    fn it_may_be_so_deep() {
        let nested = |depth: u32| {
            let depth = usize::try_from(depth).unwrap();
            ["{\"a\":[".repeat(depth / 2), "]}".repeat(depth / 2)].concat()
        };
        assert_eq!(embedded(nested(DEPTH).as_bytes()), Some(nested(DEPTH)));
        assert_eq!(embedded(nested(DEPTH + 2).as_bytes()), None);
        assert_eq!(embedded("[".repeat(1_000_000).as_bytes()), None);
    }
}

//! What `-F` says, as plain data: the format language of mosquitto_sub 2.1
//! (the manual of mosquitto_sub, "Output format"), parsed once.
//!
//! | written | meaning |
//! | --- | --- |
//! | `%[-\|0][width][.precision][separator]x` | a [`Field`] in a [`Layout`] |
//! | `@x` | what strftime(3) makes of `%x`; `@N` the nanoseconds, `@@` an @ |
//! | `\\ \0 \a \e \n \r \t \v` | one byte |
//! | anything else | itself |
//!
//! Widths and precisions count bytes.

#![expect(clippy::indexing_slicing, reason = "the position is that of a sign that was found")]

/// A format: what to print for each message, from left to right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Format {
    pieces: Vec<Piece>,
}

/// A piece of a format.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    /// These bytes.
    Text(Vec<u8>),
    /// A part of the message.
    Field(Field, Layout),
    /// What strftime(3) makes of `%` and this ASCII letter, which it knows.
    Time(char),
    /// The nine digits behind the second.
    Nanoseconds,
}

/// A part of a message, or of what is known of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    /// `%t`
    Topic,
    /// `%p`
    Payload,
    /// `%x`
    HexLower,
    /// `%X`
    HexUpper,
    /// `%l`, the payload's length in bytes
    Length,
    /// `%q`
    Qos,
    /// `%r`: 0 or 1
    Retain,
    /// `%m`; 0 at `QoS` 0
    Mid,
    /// `%f`: the payload as a float of four bytes in this machine's order
    Float,
    /// `%d`: the same of eight bytes
    Double,
    /// `%I`: local time, `2026-11-22T20:23:26+0000`
    LocalTime,
    /// `%U`: seconds since 1970 with nine decimals
    UnixTime,
    /// `%j`: a JSON object with the payload as a string
    Json,
    /// `%J`: the same with the payload as JSON
    ParsedJson,
    /// `%A`
    TopicAlias,
    /// `%C`
    ContentType,
    /// `%D`
    CorrelationData,
    /// `%E`
    ExpiryInterval,
    /// `%F`
    FormatIndicator,
    /// `%P`: `name:value` and a blank before the next
    UserProperties,
    /// `%R`
    ResponseTopic,
    /// `%S`, the first one
    SubscriptionIdentifier,
}

/// The letters of the fields. `%%` is a text.
const FIELDS: [(char, Field); 22] = [
    ('t', Field::Topic),
    ('p', Field::Payload),
    ('x', Field::HexLower),
    ('X', Field::HexUpper),
    ('l', Field::Length),
    ('q', Field::Qos),
    ('r', Field::Retain),
    ('m', Field::Mid),
    ('f', Field::Float),
    ('d', Field::Double),
    ('I', Field::LocalTime),
    ('U', Field::UnixTime),
    ('j', Field::Json),
    ('J', Field::ParsedJson),
    ('A', Field::TopicAlias),
    ('C', Field::ContentType),
    ('D', Field::CorrelationData),
    ('E', Field::ExpiryInterval),
    ('F', Field::FormatIndicator),
    ('P', Field::UserProperties),
    ('R', Field::ResponseTopic),
    ('S', Field::SubscriptionIdentifier),
];

/// The separators that may stand before a letter; only hexadecimal digits use
/// theirs.
const SEPARATORS: &str = "!\"#$&'()*+,-./:;<=>?@[\\]^_`{|}~ ";

/// The letters of strftime(3) that glibc knows. Others come out as they are.
const TIMES: &str = "aAbBcCdDeFgGhHIjklmMnpPrRsStTuUVwWxXyYzZ";

/// How a field is laid out. Which of these mean something depends on the field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    /// At least so many bytes.
    pub width: u16,
    /// Filled up on the right, with blanks.
    pub left: bool,
    /// Filled up with zeros, unless it is filled up on the right.
    pub zeros: bool,
    /// How many bytes of a text at most, how many decimals, how many
    /// hexadecimal digits in a group.
    pub precision: Option<u16>,
    /// What stands between two groups.
    pub separator: u8,
}

impl Default for Layout {
    fn default() -> Self {
        Self {
            width: 0,
            left: false,
            zeros: false,
            precision: None,
            separator: b' ',
        }
    }
}

impl Format {
    /// Reads a format.
    ///
    /// # Errors
    /// What is wrong with it, with the specifier, in a clause that fits behind
    /// `invalid value 'x' for '--format': `.
    pub fn parse(text: impl AsRef<[u8]>) -> Result<Self, String> {
        let mut format = Self { pieces: Vec::new() };
        for chunk in text.as_ref().utf8_chunks() {
            format.add(chunk.valid())?;
            format.text(chunk.invalid());
        }
        Ok(format)
    }

    fn add(&mut self, mut rest: &str) -> Result<(), String> {
        while let Some(at) = rest.find(['%', '@', '\\']) {
            self.text(&rest.as_bytes()[..at]);
            let (piece, behind) = match rest.as_bytes()[at] {
                b'%' => field(&rest[at..])?,
                b'@' => time(&rest[at..])?,
                _ => escape(&rest[at..])?,
            };
            match piece {
                Piece::Text(bytes) => self.text(&bytes),
                other => self.pieces.push(other),
            }
            rest = behind;
        }
        self.text(rest.as_bytes());
        Ok(())
    }

    /// From left to right; no two texts stand together.
    pub fn pieces(&self) -> &[Piece] {
        &self.pieces
    }

    /// Whether it has `%j` or `%J`.
    pub fn has_json(&self) -> bool {
        let json = |piece: &Piece| matches!(piece, Piece::Field(Field::Json | Field::ParsedJson, _));
        self.pieces.iter().any(json)
    }

    /// Whether it has `%p`.
    pub fn has_payload(&self) -> bool {
        let payload = |piece: &Piece| matches!(piece, Piece::Field(Field::Payload, _));
        self.pieces.iter().any(payload)
    }

    /// Whether the time zone matters to it.
    pub fn has_local_time(&self) -> bool {
        let local = |piece: &Piece| matches!(piece, Piece::Time(_) | Piece::Field(Field::LocalTime, _));
        self.has_json() || self.pieces.iter().any(local)
    }

    fn text(&mut self, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        match self.pieces.last_mut() {
            Some(Piece::Text(text)) => text.extend_from_slice(bytes),
            _ => self.pieces.push(Piece::Text(bytes.to_vec())),
        }
    }
}

/// What begins with `%`, and what stands behind it.
fn field(text: &str) -> Result<(Piece, &str), String> {
    let mut rest = &text[1..];
    // As mosquitto has it: `-0` is allowed, `0-` is not.
    let left = skip(&mut rest, '-');
    let mut layout = Layout {
        left,
        zeros: rest.starts_with('0'),
        width: number(&mut rest, text)?,
        ..Layout::default()
    };
    if skip(&mut rest, '.') {
        layout.precision = Some(number(&mut rest, text)?);
    }
    if let Some(separator) = rest.chars().next().filter(|next| SEPARATORS.contains(*next)) {
        layout.separator = u8::try_from(separator).unwrap_or(b' ');
        rest = &rest[1..];
    }
    let Some(letter) = rest.chars().next() else {
        return Err(format!("'{text}' at its end is not complete (write %% for a %)"));
    };
    rest = &rest[letter.len_utf8()..];
    if letter == '%' {
        return Ok((Piece::Text(b"%".to_vec()), rest));
    }
    match FIELDS.iter().find(|(known, _)| *known == letter) {
        Some((_, field)) => Ok((Piece::Field(*field, layout), rest)),
        None => {
            let known: String = FIELDS.iter().map(|(letter, _)| *letter).collect();
            let specifier = &text[..text.len() - rest.len()];
            Err(format!(
                "it has the unknown specifier '{}'; known are % with one of {known}, and %%",
                specifier.escape_debug()
            ))
        }
    }
}

/// What begins with `@`, and what stands behind it.
fn time(text: &str) -> Result<(Piece, &str), String> {
    let mut letters = text[1..].chars();
    let Some(letter) = letters.next() else {
        return Err("'@' at its end is not complete (write @@ for an @)".to_owned());
    };
    let piece = match letter {
        '@' => Piece::Text(b"@".to_vec()),
        '%' => Piece::Text(b"%".to_vec()),
        'N' => Piece::Nanoseconds,
        letter if TIMES.contains(letter) => Piece::Time(letter),
        // For strftime this is a width and no letter.
        '3'..='9' => {
            let width = usize::from(letter as u8 - b'0');
            Piece::Text(format!("{:>width$}", format!("%{letter}")).into_bytes())
        }
        other => Piece::Text(format!("%{other}").into_bytes()),
    };
    Ok((piece, letters.as_str()))
}

/// What begins with `\`, and what stands behind it.
fn escape(text: &str) -> Result<(Piece, &str), String> {
    let mut letters = text[1..].chars();
    let byte = match letters.next() {
        Some('\\') => b'\\',
        Some('0') => 0,
        Some('a') => 7,
        Some('e') => 0x1b,
        Some('n') => b'\n',
        Some('r') => b'\r',
        Some('t') => b'\t',
        Some('v') => 0x0b,
        Some(other) => {
            return Err(format!(
                r"it has the unknown escape '\{}'; known are \\ \0 \a \e \n \r \t \v",
                other.escape_debug()
            ));
        }
        None => return Err(r"'\' at its end is not complete (write \\ for a \)".to_owned()),
    };
    Ok((Piece::Text(vec![byte]), letters.as_str()))
}

fn skip(rest: &mut &str, letter: char) -> bool {
    match rest.strip_prefix(letter) {
        Some(behind) => {
            *rest = behind;
            true
        }
        None => false,
    }
}

/// The digits that `rest` begins with as a number; none are 0.
fn number(rest: &mut &str, specifier: &str) -> Result<u16, String> {
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    let (number, behind) = rest.split_at(digits);
    *rest = behind;
    match number {
        "" => Ok(0),
        number => number.parse().map_err(|_| {
            let shown = &specifier[..specifier.len() - behind.len()];
            format!("the number in '{shown}' is more than {}", u16::MAX)
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn only(text: &str) -> (Field, Layout) {
        match Format::parse(text).unwrap().pieces() {
            [Piece::Field(field, layout)] => (*field, *layout),
            other => panic!("{text}: {other:?}"),
        }
    }

    #[test]
    fn a_field_has_its_layout() {
        let plain = Layout::default();
        for (letter, field) in FIELDS {
            assert_eq!(only(&format!("%{letter}")), (field, plain));
        }
        let with = |width, left, zeros, precision, separator| Layout {
            width,
            left,
            zeros,
            precision,
            separator,
        };
        for (text, layout) in [
            ("%5t", with(5, false, false, None, b' ')),
            ("%-5t", with(5, true, false, None, b' ')),
            ("%05t", with(5, false, true, None, b' ')),
            ("%-05t", with(5, true, true, None, b' ')),
            ("%0t", with(0, false, true, None, b' ')),
            ("%.3t", with(0, false, false, Some(3), b' ')),
            ("%.t", with(0, false, false, Some(0), b' ')),
            ("%12.4:t", with(12, false, false, Some(4), b':')),
            ("%.4-t", with(0, false, false, Some(4), b'-')),
            ("%--t", with(0, true, false, None, b'-')),
            ("%..t", with(0, false, false, Some(0), b'.')),
            ("% t", with(0, false, false, None, b' ')),
            ("%0-t", with(0, false, true, None, b'-')),
            ("%65535t", with(65535, false, false, None, b' ')),
        ] {
            assert_eq!(only(text), (Field::Topic, layout), "{text}");
        }
    }

    #[test]
    fn texts_are_one() {
        let text = |text: &str| Format::parse(text).unwrap().pieces().to_vec();
        assert_eq!(text(""), []);
        let bytes = Piece::Text(b"a%b@c\\\0\x07\x1b\n\r\t\x0b%q%!%%E \xc3\xa9%\xc3\xa9".to_vec());
        assert_eq!(text(r"a%%b@@c\\\0\a\e\n\r\t\v@q@!@%@E é@é"), [bytes]);
        assert_eq!(text("@1@3@5"), [Piece::Text(b"%1 %3   %5".to_vec())]);
        assert_eq!(
            text("%tx@N@S@n"),
            [
                Piece::Field(Field::Topic, Layout::default()),
                Piece::Text(b"x".to_vec()),
                Piece::Nanoseconds,
                Piece::Time('S'),
                Piece::Time('n'),
            ]
        );
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (text, why) in [
            ("a%", "'%' at its end is not complete"),
            ("%-", "'%-' at its end is not complete"),
            ("%12.3", "'%12.3' at its end"),
            ("%5:", "'%5:' at its end"),
            ("%t%z", "unknown specifier '%z'; known are % with one of tpxX"),
            ("%+5l", "unknown specifier '%+5'"),
            ("%0-5l", "unknown specifier '%0-5'"),
            ("%é", "unknown specifier '%é'"),
            ("%\u{1b}", r"unknown specifier '%\u{1b}'"),
            ("%65536t", "the number in '%65536' is more than 65535"),
            ("%.99999999999t", "the number in '%.99999999999' is more than 65535"),
            ("@", "'@' at its end"),
            ("a\\", r"'\' at its end"),
            (r"\q", r"unknown escape '\q'; known are"),
            (r"\x41", r"unknown escape '\x'"),
        ] {
            let error = Format::parse(text).unwrap_err();
            assert!(error.contains(why), "{text}: {error}");
        }
    }

    #[test]
    fn what_a_format_needs() {
        let needs = |text: &str| {
            let format = Format::parse(text).unwrap();
            (format.has_json(), format.has_local_time())
        };
        assert_eq!(needs("%t %p %U @N @@"), (false, false));
        assert_eq!(needs("%j"), (true, true));
        assert_eq!(needs("x%J"), (true, true));
        assert_eq!(needs("@s"), (false, true));
        assert_eq!(needs("%I"), (false, true));
    }
}

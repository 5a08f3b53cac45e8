//! What a terminal is not to be sent: foreign text may have control characters
//! that move its cursor, change its colours, or answer in the user's name. They
//! are shown as `\x1b`. Pipes and files get all bytes as they are.

#![expect(clippy::indexing_slicing, reason = "a half of a byte is below 16")]

/// What may stay as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Text {
    /// Printable characters alone.
    Line,
    /// Line feeds and tabs too.
    Lines,
    /// JSON, whose strings have escapes of their own: `\u009b`.
    Json,
}

/// Makes what stands in the buffer from `start` on harmless to a terminal.
pub fn tame(buffer: &mut Vec<u8>, start: usize, text: Text) {
    let foreign = buffer.get(start..).unwrap_or_default();
    // Nothing beyond ASCII, in most cases, and nothing below it.
    if foreign.iter().all(|byte| matches!(byte, b' '..=b'~')) {
        return;
    }
    let foreign = foreign.to_vec();
    buffer.truncate(start);
    for chunk in foreign.utf8_chunks() {
        for letter in chunk.valid().chars() {
            let stays = match letter {
                '\n' | '\t' => text != Text::Line,
                other => !other.is_control(),
            };
            match (stays, text) {
                (true, _) => buffer.extend_from_slice(letter.encode_utf8(&mut [0; 4]).as_bytes()),
                (false, Text::Json) => escape(buffer, "\\u00", letter as u8),
                (false, _) => escape(buffer, "\\x", letter as u8),
            }
        }
        for byte in chunk.invalid() {
            escape(buffer, "\\x", *byte);
        }
    }
}

/// All control characters are below U+0100.
fn escape(buffer: &mut Vec<u8>, prefix: &str, byte: u8) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    buffer.extend_from_slice(prefix.as_bytes());
    buffer.push(DIGITS[usize::from(byte >> 4)]);
    buffer.push(DIGITS[usize::from(byte & 15)]);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tamed(bytes: &[u8], text: Text) -> String {
        let mut buffer = b"\x1b".to_vec();
        buffer.extend_from_slice(bytes);
        tame(&mut buffer, 1, text);
        assert_eq!(buffer[0], 0x1b, "what stood before it is not touched");
        String::from_utf8(buffer.split_off(1)).unwrap()
    }

    #[test]
    fn control_characters_are_shown() {
        let hostile = "\u{1b}[31mred\u{7f}\r\u{9b}2J\té\n€\0".as_bytes();
        assert_eq!(tamed(hostile, Text::Line), r"\x1b[31mred\x7f\x0d\x9b2J\x09é\x0a€\x00");
        assert_eq!(tamed(hostile, Text::Lines), "\\x1b[31mred\\x7f\\x0d\\x9b2J\té\n€\\x00");
        assert_eq!(tamed("\"\u{7f}\u{9b}é\"".as_bytes(), Text::Json), "\"\\u007f\\u009bé\"");
        assert_eq!(tamed(b"a\xff\x9bb\xe2\x82", Text::Lines), r"a\xff\x9bb\xe2\x82");
        assert_eq!(tamed(b"as it is ~", Text::Line), "as it is ~");
    }
}

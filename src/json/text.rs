//! Strings of JSON: what of a text may stand in one as it is, and what not.

#![expect(
    clippy::indexing_slicing,
    reason = "the position is that of a byte that was found; a half of a byte is below 16"
)]

/// The beginning of a text up to the first character that a JSON string cannot
/// have as it is: a quotation mark, a backslash, a control character.
pub(super) struct Run<'a> {
    pub(super) plain: &'a [u8],
    pub(super) special: Option<u8>,
}

/// Finds such a character, eight bytes at a time.
#[inline]
pub(super) fn run(text: &[u8]) -> Run<'_> {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGHS: u64 = ONES << 7;
    let mut at = 0;
    while let Some(word) = text.get(at..).and_then(<[u8]>::first_chunk::<8>) {
        let word = u64::from_le_bytes(*word);
        // The high bit of each byte that is less than a blank, or zero after
        // what is looked for was taken away from it. Above the first such byte
        // a borrow may mark others; the first one is right.
        let less = |word: u64, than: u64| word.wrapping_sub(ONES * than) & !word;
        let quotes = word ^ (ONES * u64::from(b'"'));
        let slashes = word ^ (ONES * u64::from(b'\\'));
        let found = (less(word, 0x20) | less(quotes, 1) | less(slashes, 1)) & HIGHS;
        if found != 0 {
            at += (found.trailing_zeros() / 8) as usize;
            return split(text, at);
        }
        at += 8;
    }
    let rest = text.get(at..).unwrap_or_default();
    let special = |byte: &u8| matches!(byte, 0..0x20 | b'"' | b'\\');
    at += rest.iter().position(special).unwrap_or(rest.len());
    split(text, at)
}

#[inline]
fn split(text: &[u8], at: usize) -> Run<'_> {
    Run {
        plain: &text[..at],
        special: text.get(at).copied(),
    }
}

/// Appends a JSON string.
#[inline]
pub(super) fn string(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    escaped(out, text);
    out.push(b'"');
}

/// Appends what stands in a JSON string for a text.
#[inline]
pub(super) fn escaped(out: &mut Vec<u8>, text: &str) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut rest = text.as_bytes();
    loop {
        let Run { plain, special } = run(rest);
        out.extend_from_slice(plain);
        let Some(special) = special else { return };
        rest = &rest[plain.len() + 1..];
        let letter = match special {
            b'"' | b'\\' => special,
            b'\n' => b'n',
            b'\r' => b'r',
            b'\t' => b't',
            8 => b'b',
            0x0c => b'f',
            _ => {
                let digits = [special >> 4, special & 15].map(|digit| DIGITS[usize::from(digit)]);
                out.extend_from_slice(b"\\u00");
                out.extend_from_slice(&digits);
                continue;
            }
        };
        out.extend_from_slice(&[b'\\', letter]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_are_those_of_serde() {
        let mut texts: Vec<String> = vec![String::new(), "é€😀\u{7f}\u{80}\u{2028}".repeat(9)];
        // Every character at every place of a word, and in twos.
        for letter in (0..0x100).filter_map(char::from_u32) {
            for before in 0..18 {
                texts.push(format!("{}{letter}{}", "x".repeat(before), "y".repeat(17 - before)));
                texts.push(format!("{}{letter}\u{1f}\"é{letter}", "x".repeat(before)));
            }
        }
        for text in texts {
            let mut ours = Vec::new();
            string(&mut ours, &text);
            assert_eq!(ours, serde_json::to_vec(&text).unwrap(), "{text:?}");
        }
    }
}

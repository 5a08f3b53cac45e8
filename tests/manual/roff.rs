//! Words as the formatters of manual pages want them.

use std::fmt::Write as _;

/// The longest line of a page's source, so that it can be read and compared.
const WIDTH: usize = 78;

/// The text, so that it comes out as it is, character by character.
pub(super) fn text(text: &str) -> String {
    let mut escaped = String::new();
    for character in text.chars() {
        match character {
            '\\' => escaped.push_str("\\e"),
            '-' => escaped.push_str("\\-"),
            '\'' => escaped.push_str("\\(aq"),
            '`' => escaped.push_str("\\(ga"),
            '^' => escaped.push_str("\\(ha"),
            '~' => escaped.push_str("\\(ti"),
            '"' => escaped.push_str("\\(dq"),
            // Terminals and locales without it would show nothing.
            '∞' => escaped.push_str("U+221E (infinity)"),
            other => {
                assert!(other.is_ascii(), "how is {other:?} written in roff?");
                escaped.push(other);
            }
        }
    }
    escaped
}

/// In bold.
pub(super) fn bold(words: &str) -> String {
    format!("\\fB{}\\fR", text(words))
}

/// In italics.
pub(super) fn italic(words: &str) -> String {
    format!("\\fI{}\\fR", text(words))
}

/// Prose, with what stands between backticks in bold.
pub(super) fn prose(words: &str) -> String {
    let parts = words.split('`').enumerate();
    parts
        .map(|(index, part)| if index % 2 == 1 { bold(part) } else { text(part) })
        .collect()
}

/// A paragraph that is filled: broken into lines where it has spaces.
pub(super) fn fill(words: &str) -> String {
    let mut lines = String::new();
    let mut length = 0;
    for word in words.split_whitespace() {
        if length > 0 && length + 1 + word.len() > WIDTH {
            lines.push('\n');
            length = 0;
        }
        if length > 0 {
            lines.push(' ');
            length += 1;
        } else if word.starts_with(['.', '\'']) {
            lines.push_str("\\&");
        }
        lines.push_str(word);
        length += word.len();
    }
    lines.push('\n');
    lines
}

/// An item of a list: what it is, and paragraphs about it.
pub(super) fn item(label: &str, paragraphs: &[String]) -> String {
    let mut item = format!(".TP\n{label}\n");
    for (index, paragraph) in paragraphs.iter().enumerate() {
        if index > 0 {
            item.push_str(".IP\n");
        }
        item.push_str(&fill(paragraph));
    }
    item
}

/// A heading inside a section.
pub(super) fn heading(words: &str) -> String {
    format!(".SS {words}\n")
}

/// Lines of a program or of a terminal, as they stand.
pub(super) fn verbatim(lines: &str) -> String {
    let mut block = String::from(".RS 4\n.EX\n");
    for line in lines.lines() {
        let guard = if line.starts_with(['.', '\'']) { "\\&" } else { "" };
        let _ = writeln!(block, "{guard}{}", text(line));
    }
    block + ".EE\n.RE\n"
}

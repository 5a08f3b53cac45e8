//! Values in the width that is asked for.

#![expect(clippy::indexing_slicing, reason = "a half of a byte is below 16")]

use std::io::Write as _;

use crate::format::Layout;

/// As many blanks, or zeros, as the width says: what stands for a value that is
/// not there.
pub(super) fn blank(out: &mut Vec<u8>, layout: Layout) {
    let byte = if layout.zeros { b'0' } else { b' ' };
    pad(out, usize::from(layout.width), byte);
}

/// These bytes, filled up to the width.
pub(super) fn filled(out: &mut Vec<u8>, bytes: &[u8], layout: Layout) {
    let missing = usize::from(layout.width).saturating_sub(bytes.len());
    if missing > 0 && !layout.left {
        pad(out, missing, if layout.zeros { b'0' } else { b' ' });
    }
    out.extend_from_slice(bytes);
    if layout.left {
        pad(out, missing, b' ');
    }
}

/// A number that is not negative.
pub(super) fn integer(out: &mut Vec<u8>, number: u32, layout: Layout) {
    filled(out, itoa::Buffer::new().format(number).as_bytes(), layout);
}

/// A number as printf(3) has it under `%f`.
pub(super) fn float(out: &mut Vec<u8>, number: f64, layout: Layout) {
    let start = out.len();
    let decimals = usize::from(layout.precision.unwrap_or(6));
    if number.is_sign_negative() {
        out.push(b'-');
    }
    // The sign is printed for what is no number, too. Writing to a vector
    // cannot fail.
    let _ = match number.abs() {
        number if number.is_nan() => out.write_all(b"nan"),
        number if number.is_infinite() => out.write_all(b"inf"),
        number => write!(out, "{number:.decimals$}"),
    };
    let missing = usize::from(layout.width).saturating_sub(out.len() - start);
    if missing == 0 {
        return;
    }
    if layout.left {
        pad(out, missing, b' ');
    } else if layout.zeros && number.is_finite() {
        // Behind the sign.
        let start = start + usize::from(number.is_sign_negative());
        insert(out, start, missing, b'0');
    } else {
        insert(out, start, missing, b' ');
    }
}

/// Bytes as hexadecimal digits. The precision says after how many of them the
/// separator stands; what fills up the width on the left is grouped likewise.
pub(super) fn hexadecimal(out: &mut Vec<u8>, bytes: &[u8], layout: Layout, digits: [u8; 16]) {
    let group = layout.precision.map_or(0, usize::from);
    let missing = usize::from(layout.width).saturating_sub(2 * bytes.len());
    let pair = |byte: u8| [digits[usize::from(byte >> 4)], digits[usize::from(byte & 15)]];
    if group == 0 {
        if !layout.left {
            pad(out, missing, if layout.zeros { b'0' } else { b' ' });
        }
        out.reserve(2 * bytes.len());
        out.extend(bytes.iter().flat_map(|byte| pair(*byte)));
    } else {
        let padding = if layout.left { 0 } else { missing };
        let fill = std::iter::repeat_n(if layout.zeros { b'0' } else { b' ' }, padding);
        let all = fill.chain(bytes.iter().flat_map(|byte| pair(*byte)));
        // No separator stands behind the last digit; one may behind the last of
        // what fills up.
        let last = if bytes.is_empty() {
            usize::MAX
        } else {
            padding + 2 * bytes.len() - 1
        };
        for (index, digit) in all.enumerate() {
            out.push(digit);
            if index % group == group - 1 && index != last {
                out.push(layout.separator);
            }
        }
    }
    if layout.left {
        pad(out, missing, b' ');
    }
}

fn pad(out: &mut Vec<u8>, count: usize, byte: u8) {
    out.resize(out.len() + count, byte);
}

fn insert(out: &mut Vec<u8>, at: usize, count: usize, byte: u8) {
    pad(out, count, byte);
    if let Some(tail) = out.get_mut(at..) {
        tail.rotate_right(count);
    }
}

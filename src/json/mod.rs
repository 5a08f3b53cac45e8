//! A message as one line of JSON (RFC 8259), out and in: stable keys in a stable
//! order; and out alone, as the object that mosquitto_sub has for one. No payload, topic or property can make a line that is not JSON: what
//! is not UTF-8 is base64, under a key of its own. What is written can be read
//! back, and is the same message. Payloads are bytes here: whether they are JSON
//! themselves does not matter.

mod embed;
mod layout;
mod object;
mod properties;
mod read;
mod text;
mod value;
mod write;

use std::io::Write as _;

use base64::display::Base64Display;
use base64::engine::general_purpose::STANDARD as BASE64;

pub use object::{Stamp, write_object};
pub use read::{Defaults, read_record, read_recorded, remedy};
pub use write::{Recorder, Reply};

/// Appends the bytes as a JSON string of base64.
fn base64(out: &mut Vec<u8>, bytes: &[u8]) {
    // Writing to a vector cannot fail.
    let _ = write!(out, "\"{}\"", Base64Display::new(bytes, &BASE64));
}

/// Appends a number.
fn number(out: &mut Vec<u8>, number: u32) {
    out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
}

/// Appends nanoseconds as the six digits of microseconds.
fn micros(out: &mut Vec<u8>, nanos: u32) {
    let mut digits = [b'0'; 6];
    let mut rest = nanos / 1000;
    for digit in digits.iter_mut().rev() {
        *digit = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
    out.extend_from_slice(&digits);
}

#[cfg(test)]
mod tests;

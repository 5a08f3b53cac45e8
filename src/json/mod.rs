//! A message as one line of JSON (RFC 8259), out and in: stable keys in a stable
//! order. No payload, topic or property can make a line that is not JSON: what
//! is not UTF-8 is base64, under a key of its own. What is written can be read
//! back, and is the same message. Payloads are bytes here: whether they are JSON
//! themselves does not matter.

mod properties;
mod read;
mod value;
mod write;

use base64::engine::general_purpose::STANDARD as BASE64;

pub use read::{Defaults, read_record, read_recorded};
pub use write::write_record;

#[cfg(test)]
mod tests;

//! A message as one line of JSON (RFC 8259), both ways: what `mqsub --json`
//! writes, `mqpub --json` takes.

pub mod read;
mod write;

pub use write::write_record;

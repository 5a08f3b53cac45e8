//! Bytes to payloads, exactly as they come: a whole stream as one payload, or
//! records that a delimiter or a length sets apart, each with its topic in
//! front of it if wanted. It reads from any `Read` and waits for nothing but the
//! next bytes; it does not know where they come from, nor what is published.

mod delimiter;
mod framing;
mod keyed;
mod records;

use std::io::{self, Read};

use bytes::Bytes;

pub use delimiter::Delimiter;
pub use framing::Framing;
pub use keyed::{Keys, split_key};
pub use records::Records;

use crate::message::MAX_PAYLOAD;

/// What one read gave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// Bytes; perhaps a whole record.
    More,
    /// Nothing yet.
    Nothing,
    /// The end.
    End,
}

/// Reads everything, as one payload.
///
/// # Errors
/// That of the read, or `InvalidData` if no message can hold it.
pub fn whole(source: &mut impl Read) -> io::Result<Bytes> {
    let mut payload = Vec::new();
    let limit = MAX_PAYLOAD as u64 + 1;
    source.take(limit).read_to_end(&mut payload)?;
    if payload.len() > MAX_PAYLOAD {
        return Err(invalid(format!(
            "longer than {MAX_PAYLOAD} bytes, the most that a message holds"
        )));
    }
    Ok(payload.into())
}

/// The error of input that can be read and makes no message.
fn invalid(why: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_is_one_payload() {
        assert_eq!(whole(&mut &b""[..]).unwrap(), &b""[..]);
        assert_eq!(whole(&mut &b"a\nb\0\n"[..]).unwrap(), &b"a\nb\0\n"[..]);
    }
}

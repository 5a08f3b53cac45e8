//! Bytes to payloads: lines, exactly as they come. A line is whatever stands
//! before a newline, NULs, carriage returns and invalid UTF-8 included; a last
//! line without a newline counts. Reading waits for nothing but the next bytes.

use std::io::{self, Read};

use bytes::{Bytes, BytesMut};
use memchr::{memchr, memchr_iter};

use crate::message::MAX_PAYLOAD;

/// How much is asked for at once.
const CHUNK: usize = 64 * 1024;

/// Splits a stream into lines.
#[derive(Debug, Default)]
pub struct Lines {
    /// The beginning of a line whose end has not come.
    partial: BytesMut,
    /// Lines so far.
    count: u64,
}

/// What one read gave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// Bytes; perhaps a whole line.
    More,
    /// Nothing yet.
    Nothing,
    /// The end.
    End,
}

impl Lines {
    /// Reads once, and appends the payload of each line that is complete.
    ///
    /// # Errors
    /// That of the read, or `InvalidData` for a line that no message can hold.
    pub fn read(&mut self, source: &mut impl Read, payloads: &mut Vec<Bytes>) -> io::Result<Progress> {
        let old = self.partial.len();
        self.partial.resize(old + CHUNK, 0);
        let outcome = source.read(&mut self.partial[old..]);
        self.partial.truncate(old + outcome.as_ref().copied().unwrap_or(0));
        match outcome {
            Ok(0) => {
                if !self.partial.is_empty() {
                    self.count += 1;
                    payloads.push(self.partial.split().freeze());
                }
                Ok(Progress::End)
            }
            Ok(_) => {
                self.split(old, payloads)?;
                Ok(Progress::More)
            }
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => {
                Ok(Progress::Nothing)
            }
            Err(error) => Err(error),
        }
    }

    /// Takes the lines out; the first `old` bytes are known to have no newline.
    fn split(&mut self, old: usize, payloads: &mut Vec<Bytes>) -> io::Result<()> {
        let Some(last) = memchr::memrchr(b'\n', &self.partial[old..]) else {
            return self.check_length();
        };
        let whole = self.partial.split_to(old + last + 1).freeze();
        let mut start = 0;
        // A line that began in an earlier read ends at the first newline here.
        let first = memchr(b'\n', &whole[old..]).map(|at| old + at);
        for end in first
            .into_iter()
            .chain(memchr_iter(b'\n', &whole[old..]).skip(1).map(|at| old + at))
        {
            self.count += 1;
            if end - start > MAX_PAYLOAD {
                return Err(self.too_long(self.count));
            }
            payloads.push(whole.slice(start..end));
            start = end + 1;
        }
        self.check_length()
    }

    fn check_length(&self) -> io::Result<()> {
        if self.partial.len() > MAX_PAYLOAD {
            return Err(self.too_long(self.count + 1));
        }
        Ok(())
    }

    #[expect(clippy::unused_self, reason = "reads better as a method")]
    fn too_long(&self, line: u64) -> io::Error {
        io::Error::new(
            io::ErrorKind::InvalidData,
            format!("line {line} is longer than {MAX_PAYLOAD} bytes, the most that a message holds"),
        )
    }
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
        return Err(io::Error::new(
            io::ErrorKind::InvalidData,
            format!("longer than {MAX_PAYLOAD} bytes, the most that a message holds"),
        ));
    }
    Ok(payload.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives at most `size` bytes a read.
    struct Trickle<'a> {
        left: &'a [u8],
        size: usize,
    }

    impl Read for Trickle<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let count = self.size.min(self.left.len()).min(buffer.len());
            let (now, later) = self.left.split_at(count);
            buffer[..count].copy_from_slice(now);
            self.left = later;
            Ok(count)
        }
    }

    fn lines(text: &[u8], size: usize) -> Vec<Vec<u8>> {
        let mut lines = Lines::default();
        let mut source = Trickle { left: text, size };
        let mut payloads = Vec::new();
        while lines.read(&mut source, &mut payloads).unwrap() != Progress::End {}
        payloads.iter().map(|payload| payload.to_vec()).collect()
    }

    #[test]
    fn lines_are_kept_byte_for_byte_however_they_come() {
        let text = b"a\n\n  b c \r\n\0x\0\n\xff\xfe\nlast";
        let expected: Vec<&[u8]> = vec![b"a", b"", b"  b c \r", b"\0x\0", b"\xff\xfe", b"last"];
        for size in 1..=text.len() {
            assert_eq!(lines(text, size), expected, "{size} bytes at a time");
        }
    }

    #[test]
    fn ends() {
        assert!(lines(b"", 1).is_empty());
        assert_eq!(lines(b"\n", 1), [b""]);
        assert_eq!(lines(b"a\n", 9), [b"a"]);
        assert_eq!(lines(b"a", 9), [b"a"]);
    }

    #[test]
    fn long_lines_are_whole() {
        let long = vec![b'x'; 3 * CHUNK + 17];
        let mut text = long.clone();
        text.push(b'\n');
        text.extend_from_slice(b"y");
        assert_eq!(lines(&text, 1000), [long, b"y".to_vec()]);
    }

    #[test]
    fn a_line_is_there_as_soon_as_it_is_read() {
        let mut payloads = Vec::new();
        let mut reader = Lines::default();
        let progress = reader.read(&mut &b"one\ntw"[..], &mut payloads).unwrap();
        assert_eq!((progress, payloads.len()), (Progress::More, 1));
    }
}

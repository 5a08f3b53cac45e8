//! Messages to stdout, or any writer: formatted into one buffer, written in one
//! piece as soon as nothing more is waiting. A reader that has gone is a quiet
//! end; any other error ends the run at once.

use std::io::{self, Write};

use crate::config::subscribe::Format;
use crate::json;
use crate::message::Received;

/// How much is gathered before it is written even though more is waiting.
const BUFFER: usize = 64 * 1024;

/// Writes messages.
#[derive(Debug)]
pub struct Printer<W> {
    writer: W,
    buffer: Vec<u8>,
    format: Format,
    newline: bool,
}

impl<W: Write> Printer<W> {
    /// Nothing is written before the first message.
    pub fn new(writer: W, format: Format, newline: bool) -> Self {
        Self {
            writer,
            buffer: Vec::with_capacity(BUFFER),
            format,
            newline,
        }
    }

    /// Formats a message; writes only if the buffer is full.
    ///
    /// # Errors
    /// That of the write.
    pub fn print(&mut self, message: &Received<'_>) -> io::Result<()> {
        match self.format {
            // As mosquitto_sub has it: an empty payload prints nothing at all.
            Format::Payload if message.payload.is_empty() => return Ok(()),
            Format::Payload => self.payload(message.payload)?,
            Format::Verbose => self.verbose(message)?,
            Format::Json => json::write_record(&mut self.buffer, message),
        }
        if self.newline {
            self.buffer.push(b'\n');
        }
        if self.buffer.len() >= BUFFER {
            self.flush()
        } else {
            Ok(())
        }
    }

    /// `topic payload`; `(null)` stands for an empty payload, unless no newline
    /// follows: then nothing is printed.
    fn verbose(&mut self, message: &Received<'_>) -> io::Result<()> {
        if message.payload.is_empty() && !self.newline {
            return Ok(());
        }
        self.buffer.extend_from_slice(message.topic.as_bytes());
        self.buffer.push(b' ');
        if message.payload.is_empty() {
            self.buffer.extend_from_slice(b"(null)");
            Ok(())
        } else {
            self.payload(message.payload)
        }
    }

    /// A large payload is written as it is: no second copy of it in memory.
    fn payload(&mut self, payload: &[u8]) -> io::Result<()> {
        if payload.len() < BUFFER {
            self.buffer.extend_from_slice(payload);
            return Ok(());
        }
        self.flush()?;
        self.writer.write_all(payload)
    }

    /// Writes everything formatted so far.
    ///
    /// # Errors
    /// That of the write; what could not be written is given up.
    pub fn flush(&mut self) -> io::Result<()> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        let outcome = self.writer.write_all(&self.buffer).and_then(|()| self.writer.flush());
        self.buffer.clear();
        // One large message must not keep its memory for ever.
        self.buffer.shrink_to(4 * BUFFER);
        outcome
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::{Properties, Qos};
    use std::time::UNIX_EPOCH;

    fn printed(format: Format, newline: bool, payloads: &[&[u8]]) -> Vec<u8> {
        let mut written = Vec::new();
        let mut printer = Printer::new(&mut written, format, newline);
        for payload in payloads {
            printer
                .print(&Received {
                    time: UNIX_EPOCH,
                    topic: "a/b c",
                    payload,
                    qos: Qos::AtMostOnce,
                    retain: false,
                    dup: false,
                    mid: 0,
                    properties: Properties::default(),
                })
                .unwrap();
        }
        printer.flush().unwrap();
        written
    }

    #[test]
    fn the_bytes_are_those_of_mosquitto_sub() {
        let payloads: [&[u8]; 4] = [b"x", b"", b"y\n", b"\0\xff"];
        assert_eq!(printed(Format::Payload, true, &payloads), b"x\ny\n\n\0\xff\n");
        assert_eq!(printed(Format::Payload, false, &payloads), b"xy\n\0\xff");
        assert_eq!(
            printed(Format::Verbose, true, &payloads),
            b"a/b c x\na/b c (null)\na/b c y\n\na/b c \0\xff\n"
        );
        assert_eq!(
            printed(Format::Verbose, false, &payloads),
            b"a/b c xa/b c y\na/b c \0\xff"
        );
    }

    #[test]
    fn a_full_device_is_an_error() {
        let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let mut printer = Printer::new(full, Format::Payload, true);
        printer.buffer.push(b'x');
        assert!(printer.flush().is_err());
    }
}

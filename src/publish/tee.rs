//! Passes the records of a stream on to stdout, as they were read and in their
//! order, each once it is delivered; one that is refused is left out.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Write};

use anyhow::Context as _;
use bytes::Bytes;

use crate::config::publish::Framing;
use crate::entry;

/// The records on their way to a writer.
pub(super) struct Tee<W> {
    out: W,
    framing: Framing,
    /// How many messages are made of each record, one at least.
    copies: usize,
    /// Those whose messages are not all settled.
    records: VecDeque<Bytes>,
    /// How many messages of the first of them are settled, and whether all of
    /// these were delivered.
    settled: usize,
    delivered: bool,
}

impl Tee<File> {
    /// Writes to stdout.
    pub(super) fn to_stdout(framing: Framing, copies: usize) -> anyhow::Result<Self> {
        let stdout = entry::stdout().context("cannot use stdout")?;
        Ok(Self::new(stdout, framing, copies))
    }
}

impl<W: Write> Tee<W> {
    pub(super) fn new(out: W, framing: Framing, copies: usize) -> Self {
        Self {
            out,
            framing,
            copies: copies.max(1),
            records: VecDeque::new(),
            settled: 0,
            delivered: true,
        }
    }

    /// Where it writes to.
    pub(super) fn out(&self) -> &W {
        &self.out
    }

    /// A record has been made messages of.
    pub(super) fn note(&mut self, record: &Bytes) {
        self.records.push_back(record.clone());
    }

    /// Of each message in turn, whether it was delivered: writes the records that
    /// are complete by that, in one piece.
    ///
    /// # Errors
    /// That of the write.
    pub(super) fn pass_on(&mut self, news: &[bool]) -> io::Result<()> {
        let mut text = Vec::new();
        for delivered in news {
            self.settled += 1;
            self.delivered &= delivered;
            if self.settled == self.copies {
                let record = self.records.pop_front().unwrap_or_default();
                if self.delivered {
                    self.frame(&mut text, &record);
                }
                self.settled = 0;
                self.delivered = true;
            }
        }
        if text.is_empty() {
            Ok(())
        } else {
            self.out.write_all(&text)
        }
    }

    fn frame(&self, text: &mut Vec<u8>, record: &[u8]) {
        match &self.framing {
            Framing::Delimited(delimiter) => {
                text.extend_from_slice(record);
                text.extend_from_slice(delimiter);
            }
            Framing::Framed => {
                let length = u32::try_from(record.len()).unwrap_or(u32::MAX);
                text.extend_from_slice(&length.to_be_bytes());
                text.extend_from_slice(record);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tee(framing: Framing, copies: usize, records: &[&'static str]) -> Tee<Vec<u8>> {
        let mut tee = Tee::new(Vec::new(), framing, copies);
        for record in records {
            tee.note(&Bytes::from_static(record.as_bytes()));
        }
        tee
    }

    #[test]
    fn what_is_delivered_is_passed_on_and_what_is_refused_is_not() {
        let mut lines = tee(Framing::Delimited(Bytes::from_static(b"\r\n")), 1, &["a", "b", "", "d"]);
        lines.pass_on(&[true, false]).unwrap();
        lines.pass_on(&[true]).unwrap();
        assert_eq!(lines.out(), b"a\r\n\r\n");
        let mut framed = tee(Framing::Framed, 1, &["ab", ""]);
        framed.pass_on(&[true, true]).unwrap();
        assert_eq!(framed.out(), b"\0\0\0\x02ab\0\0\0\0");
    }

    #[test]
    fn a_record_of_several_messages_is_passed_on_once_and_after_the_last() {
        let mut tee = tee(Framing::Delimited(Bytes::from_static(b"\n")), 2, &["a", "b", "c"]);
        tee.pass_on(&[true]).unwrap();
        assert_eq!(tee.out(), b"");
        tee.pass_on(&[true, false, true, true, true]).unwrap();
        assert_eq!(tee.out(), b"a\nc\n");
    }
}

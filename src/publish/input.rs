//! What is read: everything before the start, or a stream as the run goes.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{Read, Seek as _, SeekFrom};
use std::os::fd::{AsFd as _, BorrowedFd};
use std::path::Path;
use std::sync::mpsc;
use std::thread;
use std::time::Instant;

use anyhow::Context as _;
use bytes::Bytes;

use super::BATCH;
use crate::config::publish::{Framing, Pace, Publish, Source};
use crate::exit::Exit;
use crate::failure::{Failure, io_reason};
use crate::feed::Feed;
use crate::input::{self, Progress, Records};
use crate::json;

/// What is read.
pub(super) struct Input {
    /// The whole payloads.
    pub(super) payloads: Vec<Bytes>,
    /// The records of stdin.
    stream: Option<Stream>,
}

impl Input {
    /// Reads the whole payloads, for which there is time until the deadline, if
    /// there is one; a stream is only opened.
    pub(super) fn open(publish: &Publish, deadline: Option<Instant>) -> anyhow::Result<Self> {
        let most = publish.max_payload;
        let mut input = Self {
            payloads: Vec::new(),
            stream: None,
        };
        match &publish.source {
            Source::Literal(payload) => input.payloads.push(payload.clone()),
            Source::Stdin => input.payloads.push(whole("stdin", most, deadline, stdin)?),
            Source::Files(paths) => {
                for path in paths {
                    input.payloads.push(if path == Path::new("-") {
                        whole("stdin", most, deadline, stdin)?
                    } else {
                        let open = path.clone();
                        whole(&path.display().to_string(), most, deadline, move || File::open(open))?
                    });
                }
            }
            Source::Stream(stream) => {
                let framing = match &stream.framing {
                    Framing::Delimited(bytes) => {
                        input::Framing::Delimited(input::Delimiter::new(bytes).unwrap_or_default())
                    }
                    Framing::Framed => input::Framing::LengthPrefixed,
                };
                let mut source = stdin().context("cannot use stdin")?;
                let start = match stream.rounds {
                    1 => 0,
                    _ => source.stream_position().map_err(|_| cannot_rewind())?,
                };
                input.stream = Some(Stream {
                    source,
                    start,
                    rounds: stream.rounds - 1,
                    begins_again: false,
                    reader: Records::new(framing).limit(most),
                    records: VecDeque::new(),
                    ended: false,
                });
            }
        }
        Ok(input)
    }

    /// What makes messages of it.
    pub(super) fn feed(&mut self, publish: &Publish, pace: Pace, now: Instant) -> anyhow::Result<Feed> {
        let template = publish.template.clone();
        if let Source::Stream(stream) = &publish.source {
            return Ok(Feed::stream(template, &stream.record, pace, now));
        }
        let texts = std::mem::take(&mut self.payloads);
        let feed = Feed::fixed(template, texts, publish.repeat, pace, now);
        feed.map_err(|why| super::cannot_make(&why).into())
    }
}

/// What a run does with the stream, where there is one.
impl Input {
    /// The records of stdin.
    pub(super) fn stream(&mut self) -> Option<&mut Stream> {
        self.stream.as_mut()
    }

    /// What to read from, if more is `wanted` and all that was read has been taken.
    pub(super) fn source(&self, wanted: bool) -> Option<BorrowedFd<'_>> {
        self.stream.as_ref().filter(|_| wanted).and_then(Stream::source)
    }

    /// Reads once.
    ///
    /// # Errors
    /// Why no more can be read.
    pub(super) fn read(&mut self, feed: &mut Feed) -> Result<(), Failure> {
        let Some(stream) = &mut self.stream else { return Ok(()) };
        if stream.begins_again() {
            feed.rewind();
        }
        stream.read()
    }

    /// Makes messages of records that were read, as many as there is use for, and
    /// tells `taken` of each of these records. Returns what is wrong with the others;
    /// unless it is to `keep_going`, no more is made after the first.
    pub(super) fn fill(&mut self, feed: &mut Feed, keep_going: bool, mut taken: impl FnMut(&Bytes)) -> Vec<Failure> {
        let mut wrong = Vec::new();
        let Some(stream) = &mut self.stream else { return wrong };
        while feed.wants_records() {
            for (number, record) in std::iter::from_fn(|| stream.next()).take(BATCH) {
                match feed.add(&record) {
                    Ok(()) => taken(&record),
                    Err(why) => {
                        let failure = Failure::new(Exit::Failed, format!("line {number}: {why}"));
                        wrong.push(match json::remedy(&why) {
                            Some(remedy) => failure.hint(remedy),
                            None => failure,
                        });
                        if !keep_going {
                            return wrong;
                        }
                    }
                }
            }
            if stream.is_over() {
                feed.close();
            } else if stream.waiting() == 0 {
                break;
            }
        }
        wrong
    }

    /// Reads no more; what was read is still taken.
    pub(super) fn stop(&mut self, feed: &mut Feed) {
        if let Some(stream) = &mut self.stream {
            stream.ended = true;
            if stream.is_over() {
                feed.close();
            }
        }
    }

    /// How many messages would be made of what was read and not taken, and those that
    /// were made and have not left.
    pub(super) fn unsent(&self, feed: &Feed) -> usize {
        let waiting = self.stream.as_ref().map_or(0, Stream::waiting);
        feed.unsent() + waiting * feed.copies()
    }

    /// How many bytes were read of a record whose end has not come.
    pub(super) fn unfinished(&self) -> usize {
        self.stream.as_ref().map_or(0, |stream| stream.reader.unfinished())
    }
}

fn cannot_rewind() -> Failure {
    Failure::new(Exit::Failed, "--loop: stdin cannot be read again").hint("give it a file: < FILE")
}

/// Stdin without a buffer of its own.
fn stdin() -> std::io::Result<File> {
    let descriptor = std::io::stdin().as_fd().try_clone_to_owned()?;
    Ok(File::from(descriptor))
}

/// Reads a whole payload of at most `most` bytes. Neither the opening of a FIFO
/// nor a read can be given up, so where time is limited they have a thread.
fn whole(
    name: &str,
    most: usize,
    deadline: Option<Instant>,
    open: impl FnOnce() -> std::io::Result<File> + Send + 'static,
) -> anyhow::Result<Bytes> {
    let read = move || open().and_then(|mut source| bounded(&mut source, most));
    let outcome = match deadline {
        None => read(),
        Some(deadline) => {
            let (sender, receiver) = mpsc::channel();
            let reading = thread::Builder::new().spawn(move || {
                let _ = sender.send(read());
            });
            reading.context("cannot start a thread")?;
            let left = deadline.saturating_duration_since(Instant::now());
            match receiver.recv_timeout(left) {
                Ok(outcome) => outcome,
                Err(_) => return Err(Failure::new(Exit::TimedOut, format!("timed out reading {name}")).into()),
            }
        }
    };
    outcome.map_err(|error| Failure::new(Exit::Failed, format!("cannot read {name}: {}", io_reason(&error))).into())
}

/// Reads to the end, and no more than is needed to see that it is too much.
fn bounded(source: &mut impl Read, most: usize) -> std::io::Result<Bytes> {
    let payload = input::whole(&mut source.take(most as u64 + 1))?;
    if payload.len() > most {
        let why = format!("it has more than {most} bytes, the most that is allowed (--max-payload)");
        return Err(std::io::Error::new(std::io::ErrorKind::InvalidData, why));
    }
    Ok(payload)
}

/// The records of stdin.
pub(super) struct Stream {
    source: File,
    /// Where in it the first record is, and how many times more it is read from
    /// there.
    start: u64,
    rounds: u64,
    /// It has ended, and will be read again.
    begins_again: bool,
    reader: Records,
    /// What was read and not yet taken.
    records: VecDeque<Bytes>,
    /// No more is to be read.
    ended: bool,
}

impl Stream {
    /// Reads once; [`Stream::next`] has the records that this completed.
    ///
    /// # Errors
    /// Why no more can be read.
    pub(super) fn read(&mut self) -> Result<(), Failure> {
        let mut records = Vec::new();
        let outcome = self.reader.read(&mut self.source, &mut records);
        self.records.extend(records);
        match outcome {
            // Of nothing, again and again, there would be no end.
            Ok(Progress::End) if self.rounds > 0 && self.reader.count() > 0 => {
                self.rounds -= 1;
                self.begins_again = true;
                let sought = self.source.seek(SeekFrom::Start(self.start));
                self.ended = sought.is_err();
                return sought.map(|_| ()).map_err(|_| cannot_rewind());
            }
            Ok(Progress::End) => self.ended = true,
            Ok(_) => {}
            Err(error) => {
                self.ended = true;
                let why = format!("cannot read stdin: {}", io_reason(&error));
                return Err(Failure::new(Exit::Failed, why));
            }
        }
        Ok(())
    }

    /// Whether the next read is the first of another round; to be asked before it.
    pub(super) fn begins_again(&mut self) -> bool {
        std::mem::take(&mut self.begins_again)
    }

    /// The next record, with its number from 1.
    pub(super) fn next(&mut self) -> Option<(u64, Bytes)> {
        let record = self.records.pop_front()?;
        Some((self.reader.count() - self.records.len() as u64, record))
    }

    /// How many records were read and not taken.
    fn waiting(&self) -> usize {
        self.records.len()
    }

    /// Whether no more records come.
    pub(super) fn is_over(&self) -> bool {
        self.ended && self.records.is_empty()
    }

    /// What to read from, if all that was read has been taken.
    fn source(&self) -> Option<BorrowedFd<'_>> {
        (!self.ended && self.records.is_empty()).then(|| self.source.as_fd())
    }
}

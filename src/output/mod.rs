//! Messages to stdout, or any writer: formatted into one buffer, written in one
//! piece as soon as nothing more is waiting. Or to files, one for each message.
//! A reader that has gone is a quiet end; any other error ends the run at once.

mod folder;
mod path;

use std::io::{self, ErrorKind, Write};

use crate::clock::Zone;
use crate::config::output::{Form, Framing, Output};
use crate::failure::io_reason;
use crate::json::{Recorder, Reply};
use crate::message::Received;
use crate::template::{Misfit, Template};
use crate::terminal::{self, Text};

pub use folder::Folder;

/// The folders of a topic, for the fuzzer.
#[cfg(fuzzing)]
pub fn folders(topic: &str) -> Vec<String> {
    path::folders(topic)
}

/// How much is gathered before it is written even though more is waiting.
const BUFFER: usize = 64 * 1024;

/// How many bytes the length before a message has.
const LENGTH: usize = 4;

/// Why nothing more can be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// The reader has gone.
    ReaderGone,
    /// What does not work, and why: a sentence without its full stop.
    Broken(String),
}

/// Writes messages.
#[derive(Debug)]
pub struct Printer<W> {
    form: Prepared,
    place: Place<W>,
}

/// What of a message, ready to print.
#[derive(Debug)]
enum Prepared {
    Payload,
    Verbose,
    Json(Recorder),
    Format(Box<Template>),
}

/// Where to.
#[derive(Debug)]
enum Place<W> {
    Stream(Stream<W>),
    Folder(Folder, Vec<u8>),
}

/// A stream, and what is to be written to it.
#[derive(Debug)]
struct Stream<W> {
    writer: W,
    buffer: Vec<u8>,
    framing: Framing,
    /// Foreign text is made harmless.
    terminal: bool,
}

impl<W: Write> Printer<W> {
    /// Prints to a stream, which may be a `terminal`. Nothing is written before
    /// the first message; the time `zone` is asked for if it matters.
    pub fn new(writer: W, terminal: bool, output: Output, zone: impl FnOnce() -> Zone) -> Self {
        Self {
            form: prepared(output.form, zone, terminal),
            place: Place::Stream(Stream {
                writer,
                buffer: Vec::with_capacity(BUFFER),
                framing: output.framing,
                terminal,
            }),
        }
    }

    /// Writes each message to a file of its own. A record of JSON is a line
    /// there, with its newline; anything else is there as it is.
    pub fn to_folder(folder: Folder, output: Output, zone: impl FnOnce() -> Zone) -> Self {
        Self {
            form: prepared(output.form, zone, false),
            place: Place::Folder(folder, Vec::new()),
        }
    }

    /// Formats a message; writes only if the buffer is full, or to a file.
    /// Returns what could not be shown of the message.
    ///
    /// # Errors
    /// That of the write.
    pub fn print(&mut self, message: &Received<'_>) -> Result<Option<Misfit>, Trouble> {
        match &mut self.place {
            Place::Stream(stream) => stream.print(&mut self.form, message),
            Place::Folder(folder, buffer) => {
                let (bytes, misfit) = alone(&mut self.form, buffer, message);
                let written = folder.write(message.topic, message.time, bytes);
                buffer.shrink_to(4 * BUFFER);
                written.map(|()| misfit).map_err(Trouble::Broken)
            }
        }
    }

    /// The same of a reply.
    ///
    /// # Errors
    /// That of the write.
    pub fn print_reply(&mut self, message: &Received<'_>, reply: Reply) -> Result<Option<Misfit>, Trouble> {
        if let Prepared::Json(recorder) = &mut self.form {
            recorder.is_reply(reply);
        }
        self.print(message)
    }

    /// Writes everything formatted so far.
    ///
    /// # Errors
    /// That of the write; what could not be written is given up.
    pub fn flush(&mut self) -> Result<(), Trouble> {
        match &mut self.place {
            Place::Stream(stream) => stream.flush(),
            Place::Folder(..) => Ok(()),
        }
    }
}

/// Formats single messages, for who reads each of them by itself.
#[derive(Debug)]
pub struct Renderer {
    form: Prepared,
    buffer: Vec<u8>,
}

impl Renderer {
    /// The time `zone` is asked for if it matters.
    pub fn new(form: Form, zone: impl FnOnce() -> Zone) -> Self {
        Self {
            form: prepared(form, zone, false),
            buffer: Vec::new(),
        }
    }

    /// What is made of a message, as in a file of its own; and what could not be
    /// shown of it.
    pub fn render<'a>(&'a mut self, message: &'a Received<'_>) -> (&'a [u8], Option<Misfit>) {
        alone(&mut self.form, &mut self.buffer, message)
    }
}

/// A message as it stands alone: a record of JSON is a line, with its newline;
/// anything else is as it is.
fn alone<'a>(form: &mut Prepared, buffer: &'a mut Vec<u8>, message: &'a Received<'_>) -> (&'a [u8], Option<Misfit>) {
    buffer.clear();
    match form {
        Prepared::Payload | Prepared::Verbose => (message.payload, None),
        Prepared::Json(recorder) => {
            recorder.write(buffer, message);
            buffer.push(b'\n');
            (buffer, None)
        }
        Prepared::Format(template) => {
            let misfit = template.render(buffer, message);
            (buffer, misfit)
        }
    }
}

fn prepared(form: Form, zone: impl FnOnce() -> Zone, terminal: bool) -> Prepared {
    match form {
        Form::Payload => Prepared::Payload,
        Form::Verbose => Prepared::Verbose,
        Form::Json { parse } => Prepared::Json(Recorder::new(parse)),
        Form::Format { format, pretty } => Prepared::Format(Box::new(Template::new(&format, zone, pretty, terminal))),
    }
}

impl<W: Write> Stream<W> {
    fn print(&mut self, form: &mut Prepared, message: &Received<'_>) -> Result<Option<Misfit>, Trouble> {
        let start = self.buffer.len();
        let mut misfit = None;
        match form {
            Prepared::Payload => self.plain(None, message.payload)?,
            Prepared::Verbose => self.plain(Some(message.topic), message.payload)?,
            Prepared::Json(recorder) => {
                self.begin();
                recorder.write(&mut self.buffer, message);
                self.tame(start, Text::Json);
                self.end(start)?;
            }
            Prepared::Format(template) => {
                self.begin();
                misfit = template.render(&mut self.buffer, message);
                self.end(start)?;
            }
        }
        if self.buffer.len() >= BUFFER {
            self.flush()?;
        }
        Ok(misfit)
    }

    /// A payload, behind its topic and a space if there is one.
    fn plain(&mut self, topic: Option<&str>, payload: &[u8]) -> Result<(), Trouble> {
        let mut payload = payload;
        if payload.is_empty() {
            // As mosquitto_sub has it; who wants to tell messages apart asks for
            // another framing.
            match (&self.framing, topic) {
                (Framing::Newline, Some(_)) => payload = b"(null)",
                (Framing::Newline | Framing::Nothing, _) => return Ok(()),
                _ => {}
            }
        }
        let start = self.buffer.len();
        self.begin();
        if let Some(topic) = topic {
            let foreign = self.buffer.len();
            self.buffer.extend_from_slice(topic.as_bytes());
            self.tame(foreign, Text::Line);
            self.buffer.push(b' ');
        }
        if payload.len() < BUFFER || self.terminal {
            let foreign = self.buffer.len();
            self.buffer.extend_from_slice(payload);
            self.tame(foreign, Text::Lines);
            return self.end(start);
        }
        // A large payload is written as it is: no second copy of it in memory.
        self.measure(start, payload.len())?;
        self.flush()?;
        self.writer.write_all(payload).map_err(|error| trouble(&error))?;
        self.finish();
        Ok(())
    }

    fn tame(&mut self, start: usize, text: Text) {
        if self.terminal {
            terminal::tame(&mut self.buffer, start, text);
        }
    }

    /// What stands before a message.
    fn begin(&mut self) {
        if self.framing == Framing::Length {
            self.buffer.extend_from_slice(&[0; LENGTH]);
        }
    }

    /// The end of a message that began at `start`.
    fn end(&mut self, start: usize) -> Result<(), Trouble> {
        self.measure(start, 0)?;
        self.finish();
        Ok(())
    }

    /// Puts its length before a message that began at `start`, and of which
    /// `more` bytes are not in the buffer.
    fn measure(&mut self, start: usize, more: usize) -> Result<(), Trouble> {
        if self.framing != Framing::Length {
            return Ok(());
        }
        let length = (self.buffer.len() + more).saturating_sub(start + LENGTH);
        let Ok(length) = u32::try_from(length) else {
            return Err(Trouble::Broken("a message is longer than --framed can tell".to_owned()));
        };
        if let Some(place) = self.buffer.get_mut(start..start + LENGTH) {
            place.copy_from_slice(&length.to_be_bytes());
        }
        Ok(())
    }

    /// What stands after a message.
    fn finish(&mut self) {
        match &self.framing {
            Framing::Newline => self.buffer.push(b'\n'),
            Framing::Delimiter(bytes) => self.buffer.extend_from_slice(bytes),
            Framing::Nothing | Framing::Length => {}
        }
    }

    fn flush(&mut self) -> Result<(), Trouble> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        let outcome = self.writer.write_all(&self.buffer).and_then(|()| self.writer.flush());
        self.buffer.clear();
        // One large message must not keep its memory for ever.
        self.buffer.shrink_to(4 * BUFFER);
        outcome.map_err(|error| trouble(&error))
    }
}

/// What an error of stdout means.
fn trouble(error: &io::Error) -> Trouble {
    if error.kind() == ErrorKind::BrokenPipe {
        Trouble::ReaderGone
    } else {
        Trouble::Broken(format!("cannot write to stdout: {}", io_reason(error)))
    }
}

#[cfg(test)]
mod tests;

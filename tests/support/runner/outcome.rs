//! How a run of a tool ended, and the strict comparison of that with what a
//! test expects: exit status, standard output and standard error, all three,
//! each time.
//!
//! It does not run anything: see [`runner`](super::runner).

use std::borrow::Cow;
use std::fmt::{self, Write};
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;

use rustix::process::Signal;

pub use Text::{Contains, Satisfies};

/// The end of a run. It has to be checked by [`expect`](Self::expect): one that
/// is dropped unchecked fails the test.
#[derive(Debug)]
pub struct Outcome {
    /// What was written to standard output and not read before by the test.
    pub stdout: Vec<u8>,
    /// The same of standard error; bytes that are not UTF-8 are replaced.
    pub stderr: String,
    /// How the process ended.
    pub status: ExitStatus,
    command: String,
    checked: bool,
}

/// The expected end of a process: an exit code, or the signal that killed it.
/// Both convert into it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// The process exited by itself.
    Code(i32),
    /// A signal killed it.
    Signal(Signal),
}

/// The expectation on an output. Byte strings, strings and vectors convert into
/// [`Exactly`](Self::Exactly).
pub enum Text<'a> {
    /// These bytes and no others.
    Exactly(Cow<'a, [u8]>),
    /// Every one of these somewhere, in any order, among anything else.
    Contains(&'a [&'a str]),
    /// Whatever this is true for.
    Satisfies(&'a dyn Fn(&[u8]) -> bool),
}

impl Outcome {
    pub(super) fn new(command: String, status: ExitStatus, stdout: Vec<u8>, stderr: &[u8]) -> Self {
        Self {
            stdout,
            stderr: String::from_utf8_lossy(stderr).into_owned(),
            status,
            command,
            checked: false,
        }
    }

    /// Compares all three parts with what is expected, and panics with all that
    /// differ, and with the command line, if one does. Returns the outcome for
    /// closer looks.
    #[track_caller]
    pub fn expect<'a>(
        mut self,
        status: impl Into<Status>,
        stdout: impl Into<Text<'a>>,
        stderr: impl Into<Text<'a>>,
    ) -> Self {
        self.checked = true;
        let (status, actual) = (status.into(), Status::from(self.status));
        let (stdout, stderr) = (stdout.into(), stderr.into());
        let matches = status == actual && stdout.matches(&self.stdout) && stderr.matches(self.stderr.as_bytes());
        assert!(
            matches,
            "unexpected outcome of: {}\n{}{}{}",
            self.command,
            status.compare(actual),
            stdout.compare("stdout", &self.stdout),
            stderr.compare("stderr", self.stderr.as_bytes()),
        );
        self
    }

    /// Standard output as text; panics if it is none.
    pub fn stdout_text(&self) -> &str {
        std::str::from_utf8(&self.stdout).expect("UTF-8 on standard output")
    }
}

impl Drop for Outcome {
    fn drop(&mut self) {
        assert!(
            self.checked || std::thread::panicking(),
            "nobody checked the outcome of: {}",
            self.command
        );
    }
}

impl Status {
    fn compare(self, actual: Self) -> String {
        if self == actual {
            format!("  status: {actual}, as expected\n")
        } else {
            format!("  status: expected {self}, was {actual}\n")
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Code(code) => write!(f, "exit code {code}"),
            Self::Signal(signal) => write!(f, "{signal:?}"),
        }
    }
}

impl From<i32> for Status {
    fn from(code: i32) -> Self {
        Self::Code(code)
    }
}

impl From<Signal> for Status {
    fn from(signal: Signal) -> Self {
        Self::Signal(signal)
    }
}

impl From<ExitStatus> for Status {
    fn from(status: ExitStatus) -> Self {
        match status.code() {
            Some(code) => Self::Code(code),
            None => Self::Signal(
                status
                    .signal()
                    .and_then(Signal::from_named_raw)
                    .expect("a process that has ended by a signal with a name"),
            ),
        }
    }
}

impl Text<'_> {
    fn matches(&self, actual: &[u8]) -> bool {
        match self {
            Self::Exactly(expected) => **expected == *actual,
            Self::Contains(parts) => missing(parts, actual).is_empty(),
            Self::Satisfies(holds) => holds(actual),
        }
    }

    fn compare(&self, name: &str, actual: &[u8]) -> String {
        let was = show(actual);
        if self.matches(actual) {
            return format!("  {name}: as expected\n{was}");
        }
        match self {
            Self::Exactly(expected) => format!(
                "  {name}: differs from line {} on; expected\n{}  was\n{was}",
                first_difference(expected, actual),
                show(expected),
            ),
            Self::Contains(parts) => {
                format!("  {name}: lacks {:?}\n{was}", missing(parts, actual))
            }
            Self::Satisfies(_) => format!("  {name}: does not satisfy the test\n{was}"),
        }
    }
}

impl<'a> From<&'a [u8]> for Text<'a> {
    fn from(bytes: &'a [u8]) -> Self {
        Self::Exactly(Cow::Borrowed(bytes))
    }
}

impl<'a, const N: usize> From<&'a [u8; N]> for Text<'a> {
    fn from(bytes: &'a [u8; N]) -> Self {
        Self::from(bytes.as_slice())
    }
}

impl<'a> From<&'a str> for Text<'a> {
    fn from(text: &'a str) -> Self {
        Self::from(text.as_bytes())
    }
}

impl<'a> From<&'a String> for Text<'a> {
    fn from(text: &'a String) -> Self {
        Self::from(text.as_bytes())
    }
}

impl<'a> From<&'a Vec<u8>> for Text<'a> {
    fn from(bytes: &'a Vec<u8>) -> Self {
        Self::from(bytes.as_slice())
    }
}

impl From<String> for Text<'_> {
    fn from(text: String) -> Self {
        Self::from(text.into_bytes())
    }
}

impl From<Vec<u8>> for Text<'_> {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Exactly(Cow::Owned(bytes))
    }
}

/// Those of `parts` that are not in `actual`.
fn missing<'a>(parts: &[&'a str], actual: &[u8]) -> Vec<&'a str> {
    let actual = String::from_utf8_lossy(actual);
    let lacks = |part: &&str| !actual.contains(part);
    parts.iter().copied().filter(lacks).collect()
}

/// The number, from 1, of the first line in which the two differ.
fn first_difference(expected: &[u8], actual: &[u8]) -> usize {
    let same = expected.iter().zip(actual).take_while(|(a, b)| a == b);
    1 + same.filter(|(byte, _)| **byte == b'\n').count()
}

/// Shows output line by line: control characters and bytes beyond ASCII are
/// escaped, `$` stands for a line feed, and the middle of a long one is left
/// out.
pub(super) fn show(bytes: &[u8]) -> String {
    const LINES: usize = 40;
    const LINE: usize = 400;
    if bytes.is_empty() {
        return "    (nothing)\n".into();
    }
    let lines: Vec<_> = bytes.split_inclusive(|byte| *byte == b'\n').collect();
    let mut shown = String::new();
    for (index, line) in lines.iter().enumerate() {
        if index == LINES && lines.len() > 2 * LINES {
            let _ = writeln!(shown, "    ... {} more lines ...", lines.len() - 2 * LINES);
        }
        if index >= LINES && index + LINES < lines.len() {
            continue;
        }
        let text = line.strip_suffix(b"\n").unwrap_or(line);
        let end = if text.len() < line.len() { "$" } else { "" };
        let (head, tail) = text.split_at(text.len().min(LINE));
        let _ = write!(shown, "    |{}", head.escape_ascii());
        match tail.len() {
            0 => {
                let _ = writeln!(shown, "{end}");
            }
            more => {
                let _ = writeln!(shown, "... {more} more bytes ...{end}");
            }
        }
    }
    shown
}

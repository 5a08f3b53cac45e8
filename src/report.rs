//! The only writer to stderr.

use std::fmt::Display;
use std::io::{IsTerminal as _, Write as _};
use std::os::fd::AsFd as _;
use std::process::Stdio;

use crossterm::cursor::MoveToColumn;
use crossterm::queue;
use crossterm::style::Print;
use crossterm::terminal::{Clear, ClearType};
use rustix::termios::tcgetwinsize;

use crate::failure::Failure;

/// Says what has to be said, under the program's name.
#[derive(Clone, Copy, Debug)]
pub struct Report {
    program: &'static str,
    quiet: bool,
    debug: bool,
}

impl Report {
    /// `quiet` hides everything but debug lines; `debug` shows those.
    pub fn new(program: &'static str, quiet: bool, debug: bool) -> Self {
        Self { program, quiet, debug }
    }

    /// What ended the run; one line, and one more for the hint.
    pub fn error(&self, error: &anyhow::Error) {
        if self.quiet {
            return;
        }
        let hint = error.downcast_ref::<Failure>().and_then(Failure::hint_text);
        let hint = hint
            .map(|hint| format!("\n{}: hint: {hint}", self.program))
            .unwrap_or_default();
        self.line(format_args!("error: {error:#}{hint}"));
    }

    /// Something that the run goes on after.
    pub fn warn(&self, text: impl Display) {
        if !self.quiet {
            self.line(format_args!("warning: {text}"));
        }
    }

    /// Something good to know.
    pub fn note(&self, text: impl Display) {
        if !self.quiet {
            self.line(text);
        }
    }

    /// Whether stderr is a terminal.
    pub fn is_terminal(&self) -> bool {
        std::io::stderr().is_terminal()
    }

    /// Whether errors are hidden.
    pub fn is_quiet(&self) -> bool {
        self.quiet
    }

    /// Draws a line on the terminal, in the place of the one drawn before.
    pub fn draw(&self, text: &str) {
        // What does not fit would begin a line that is not taken away.
        let size = tcgetwinsize(std::io::stderr());
        let width = size.map_or(0, |size| usize::from(size.ws_col));
        let text: String = text.chars().take(width.checked_sub(1).unwrap_or(79)).collect();
        let mut bytes = Vec::new();
        let _ = queue!(bytes, MoveToColumn(0), Clear(ClearType::CurrentLine), Print(text));
        let _ = std::io::stderr().write_all(&bytes);
    }

    /// Where a program that we start may write what is no data.
    ///
    /// # Errors
    /// That of `dup(2)`: no descriptors are left.
    pub fn for_child(&self) -> std::io::Result<Stdio> {
        std::io::stderr().as_fd().try_clone_to_owned().map(Stdio::from)
    }

    /// Whether debug lines are shown.
    pub fn debugs(&self) -> bool {
        self.debug
    }

    /// Something for `-d`.
    pub fn debug(&self, text: impl Display) {
        if self.debug {
            self.line(format_args!("debug: {text}"));
        }
    }

    fn line(&self, text: impl Display) {
        // One write, so that lines of several processes do not mix; and there
        // is nobody to tell that stderr does not work.
        let line = format!("{}: {text}\n", self.program);
        let _ = std::io::stderr().write_all(line.as_bytes());
    }
}

//! Asks for a secret on the terminal, whatever stdin and stdout are. Nothing of
//! what is typed is shown, and the terminal is left as it was.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Write as _};

use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};

use crate::secret::Secret;

/// What the keys send that mean something here.
const INTERRUPT: u8 = 0x03;
const END: u8 = 0x04;
const BACKSPACE: u8 = 0x08;
const ERASE_LINE: u8 = 0x15;
const DELETE: u8 = 0x7f;

/// Asks, and returns what was typed before Return.
///
/// # Errors
/// That there is no terminal; `Interrupted` for Ctrl-C and for Ctrl-D.
pub(crate) fn ask(question: &str) -> io::Result<Secret> {
    let terminal = OpenOptions::new().read(true).write(true).open("/dev/tty")?;
    let silence = Silence::begin(&terminal)?;
    (&terminal).write_all(question.as_bytes())?;
    let typed = line(&terminal);
    drop(silence);
    // The Return that was typed was not shown either.
    (&terminal).write_all(b"\n")?;
    typed
}

/// Reads byte by byte: with the terminal's own editing off, Ctrl-C comes as a
/// byte too, and cannot end the program with the terminal silent.
fn line(mut terminal: &File) -> io::Result<Secret> {
    let mut typed = Vec::new();
    let mut byte = [0];
    loop {
        match terminal.read(&mut byte) {
            Ok(0) => return Err(io::ErrorKind::Interrupted.into()),
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        }
        match byte[0] {
            b'\r' | b'\n' => return Ok(Secret::from(typed)),
            INTERRUPT | END => return Err(io::ErrorKind::Interrupted.into()),
            ERASE_LINE => typed.clear(),
            BACKSPACE | DELETE => {
                // A whole letter, which may be several bytes.
                while typed.pop().is_some_and(|byte: u8| byte & 0xc0 == 0x80) {}
            }
            other => typed.push(other),
        }
    }
}

/// A terminal that shows nothing and edits nothing, while this lives.
struct Silence<'a> {
    terminal: &'a File,
    before: Termios,
}

impl<'a> Silence<'a> {
    fn begin(terminal: &'a File) -> io::Result<Self> {
        let before = tcgetattr(terminal)?;
        let mut silent = before.clone();
        silent.local_modes -= LocalModes::ECHO | LocalModes::ICANON | LocalModes::ISIG;
        tcsetattr(terminal, OptionalActions::Flush, &silent)?;
        Ok(Self { terminal, before })
    }
}

impl Drop for Silence<'_> {
    fn drop(&mut self) {
        let _ = tcsetattr(self.terminal, OptionalActions::Flush, &self.before);
    }
}

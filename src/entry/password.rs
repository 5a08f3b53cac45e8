//! Fetches the password from where the options say it is: a file, a descriptor,
//! a command, the terminal. Of each, the first line counts.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::AsFd as _;
use std::path::Path;
use std::process::{Command, Stdio};

use super::sources::{is_open_to_others, open_to_others};
use crate::exit::Exit;
use crate::failure::{Failure, io_reason};
use crate::flags::connection::{ConnectionFlags, PASSWORDS};
use crate::prompt;
use crate::report::Report;
use crate::secret::Secret;

/// The longest password of MQTT, in bytes (MQTT 5, 3.1.3.6).
const LONGEST: usize = 65_535;

/// Puts the password where the rest looks for it. A rehearsal reads files, and
/// asks nobody.
pub(super) fn fill_in(flags: &mut ConnectionFlags, rehearsal: bool, report: Report) -> Result<(), Failure> {
    let given = [
        flags.password.is_some(),
        flags.password_file.is_some(),
        flags.password_fd.is_some(),
        flags.password_command.is_some(),
        flags.ask_password,
    ];
    let names = PASSWORDS.iter().zip(given).filter(|(_, given)| *given);
    if let [first, second, ..] = names.map(|((_, name), _)| *name).collect::<Vec<_>>()[..] {
        let why = format!("{first} and {second} cannot be used together");
        return Err(Failure::new(Exit::Usage, why));
    }
    let fetched = if let Some(path) = &flags.password_file {
        if is_open_to_others(path) {
            report.warn(open_to_others(path, "the password"));
        }
        let file = of_file(path);
        file.map_err(|error| failed("--password-file", &path.display().to_string(), &error))?
    } else if rehearsal && (flags.password_fd.is_some() || flags.password_command.is_some() || flags.ask_password) {
        Secret::default()
    } else if let Some(number) = flags.password_fd {
        of_descriptor(number).map_err(|error| failed("--password-fd", &number.to_string(), &error))?
    } else if let Some(command) = &flags.password_command {
        of_command(command)?
    } else if flags.ask_password {
        ask(flags.username.as_deref())?
    } else {
        return Ok(());
    };
    if fetched.reveal().len() > LONGEST {
        let why = format!("the password is longer than {LONGEST} bytes");
        return Err(Failure::new(Exit::Failed, why));
    }
    flags.password = Some(fetched);
    Ok(())
}

pub(super) fn failed(option: &str, value: &str, error: &io::Error) -> Failure {
    Failure::new(Exit::Failed, format!("{option} {value}: {}", io_reason(error)))
}

/// Byte by byte, so that what follows the line is left to others: the rest of
/// stdin may be messages.
fn first_line(mut read: impl FnMut(&mut [u8]) -> io::Result<usize>) -> io::Result<Secret> {
    let mut line = Vec::new();
    let mut byte = [0];
    while line.len() <= LONGEST + 1 {
        match read(&mut byte) {
            Ok(0) => break,
            Ok(_) if byte == *b"\n" => break,
            Ok(_) => line.extend(byte),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    if line.last() == Some(&b'\r') {
        line.pop();
    }
    Ok(Secret::from(line))
}

fn of_file(path: &Path) -> io::Result<Secret> {
    let mut file = io::BufReader::new(File::open(path)?);
    first_line(|buffer| file.read(buffer))
}

fn of_descriptor(number: u16) -> io::Result<Secret> {
    if number == 0 {
        let stdin = io::stdin();
        return first_line(|buffer| Ok(rustix::io::read(stdin.as_fd(), buffer)?));
    }
    let mut file = File::open(format!("/dev/fd/{number}"))?;
    first_line(|buffer| file.read(buffer))
}

fn of_command(command: &str) -> Result<Secret, Failure> {
    let fail = |why: String| Failure::new(Exit::Failed, format!("--password-command: {why}"));
    let mut child = Command::new("sh")
        .args(["-c", command])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| fail(format!("cannot run sh: {}", io_reason(&error))))?;
    let mut all = Vec::new();
    if let Some(output) = child.stdout.take() {
        let most = LONGEST as u64 * 4;
        let read = output.take(most).read_to_end(&mut all);
        read.map_err(|error| fail(io_reason(&error)))?;
    }
    let status = child.wait().map_err(|error| fail(io_reason(&error)))?;
    if !status.success() {
        return Err(fail(format!("it ended with {status}")));
    }
    if all.is_empty() {
        return Err(fail("it printed nothing".to_owned()));
    }
    let mut rest = &all[..];
    first_line(|buffer| rest.read(buffer)).map_err(|error| fail(io_reason(&error)))
}

fn ask(username: Option<&str>) -> Result<Secret, Failure> {
    let question = match username {
        Some(name) => format!("Password of {}: ", crate::failure::quote(name)),
        None => "Password: ".to_owned(),
    };
    prompt::ask(&question).map_err(|error| match error.kind() {
        io::ErrorKind::Interrupted => Failure::new(Exit::Failed, "--ask-password: no password was given"),
        _ => Failure::new(Exit::Failed, "--ask-password: there is no terminal to ask on")
            .hint("--password-file and --password-command need none"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_counts_and_no_more_is_read() {
        for (text, expected, left) in [
            (&b"secret\n"[..], &b"secret"[..], &b""[..]),
            (b"secret", b"secret", b""),
            (b"se cret \r\nrest", b"se cret ", b"rest"),
            (b"\nrest", b"", b"rest"),
            (b"", b"", b""),
            (b"\xff\0\r", b"\xff\0", b""),
        ] {
            let mut rest = text;
            let line = first_line(|buffer| rest.read(buffer)).unwrap();
            assert_eq!((line.reveal(), rest), (expected, left));
        }
        let endless = first_line(|buffer| {
            buffer[0] = b'x';
            Ok(1)
        });
        assert_eq!(endless.unwrap().reveal().len(), LONGEST + 2);
    }
}

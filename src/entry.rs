//! What both tools share at start and end: the command line and the files that
//! it names, the one error, the exit status.

mod password;
mod print;
mod rehearsal;
mod sources;
mod typed;

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, ErrorKind as Io, Read as _, Write as _};
use std::os::fd::AsFd as _;
use std::path::Path;
use std::time::{Duration, Instant};

use bytes::Bytes;
use clap::error::ErrorKind;

pub(crate) use self::rehearsal::rehearse;
use crate::config::GRACE;
use crate::config::connection::Connection;
use crate::config::will::MAX_WILL;
use crate::exit::{Exit, Numbers};
use crate::failure::{Failure, io_reason};
use crate::flags::connection::ConnectionFlags;
use crate::flags::environment;
use crate::flags::layers::Layer;
use crate::flags::{self, Flags, Tool, explain, secrets};
use crate::report::Report;
use crate::secret::Secret;
use crate::session::{self, Policy, Session};
use crate::signal::Signals;
use crate::{conceal, process, prompt, signal};

/// How long the DISCONNECT of a run whose time is over may take.
pub(crate) const FAREWELL: Duration = Duration::from_secs(1);

/// How a run that did not fail ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// With a status.
    Status(Exit),
    /// By a signal.
    Signal(i32),
    /// With the status of a plugin of a monitor: 0, 1, 2 or 3.
    Plugin(u8),
}

/// Runs a tool: parses the command line, does the work, tells how it went, and returns
/// the exit status.
pub(crate) fn run<F: Flags>(arguments: &[OsString], work: impl FnOnce(F, Report) -> anyhow::Result<Ending>) -> u8 {
    session::silence();
    let program = F::TOOL.program();
    let numbers = arguments.first().map(|name| Numbers::of(name)).unwrap_or_default();
    let typed = arguments.get(1..).unwrap_or_default();
    let command = flags::command::<F>();
    conceal::overwrite(typed, &secrets::find(&command, typed));
    let sources = match sources::read::<F>(&command, arguments) {
        Ok(sources) => sources,
        Err(refusal) => return refusal.answer(F::TOOL, numbers),
    };
    let mut flags: F = match flags::parse_after(command, &sources.layers, arguments) {
        Ok(flags) => flags,
        Err(error) => return Refusal::from(error).answer(F::TOOL, numbers),
    };
    flags.shared_mut().connection.ambient_proxy = environment::ambient_proxy(|name| std::env::var_os(name));
    let general = &flags.shared().general;
    let report = Report::new(program, general.quiet, general.debug);
    for warning in &sources.warnings {
        report.warn(warning);
    }
    if general.print_config && general.dry_run {
        let why = "--print-config and --dry-run cannot be used together";
        return Refusal::Other(Failure::new(Exit::Usage, why)).answer(F::TOOL, numbers);
    }
    let explained = if general.print_config {
        match explain::explain::<F>(&sources.layers, arguments) {
            Ok(options) => Some(print::text(&options)),
            Err(error) => return Refusal::from(error).answer(F::TOOL, numbers),
        }
    } else {
        None
    };
    let outcome = match explained {
        Some(text) => print_out(&text)
            .map(|()| Ending::Status(Exit::Done))
            .map_err(Into::into),
        None => fill_in(&mut flags, report).and_then(|()| work(flags, report)),
    };
    match outcome {
        Ok(Ending::Status(exit)) => numbers.status(exit, None),
        Ok(Ending::Plugin(status)) => status,
        // mosquitto_sub takes these for the end that was wanted.
        Ok(Ending::Signal(signal::SIGINT | signal::SIGTERM))
            if F::TOOL == Tool::Subscribe && numbers == Numbers::Mosquitto =>
        {
            numbers.status(Exit::Done, None)
        }
        Ok(Ending::Signal(signal)) => {
            signal::die_of(signal);
            // Only if that signal does not kill.
            Exit::Failed.status()
        }
        Err(error) => {
            let exit = status_of(&error);
            let code = error.downcast_ref::<Failure>().and_then(Failure::code_number);
            if exit == Exit::Usage {
                // A command line that makes no sense is never passed over.
                let error = with_origins::<F>(&error, &sources.layers, arguments).unwrap_or(error);
                Report::new(program, false, false).error(&error);
            } else {
                report.error(&error);
            }
            numbers.status(exit, code)
        }
    }
}

/// The same error with where the options stand that it is about, if that is worth
/// telling.
fn with_origins<F: Flags>(error: &anyhow::Error, layers: &[Layer], arguments: &[OsString]) -> Option<anyhow::Error> {
    let failure = error.downcast_ref::<Failure>()?;
    let options = explain::explain::<F>(layers, arguments).ok()?;
    let origins = typed::origins(&failure.to_string(), &options)?;
    // A hint that is there says more.
    failure
        .hint_text()
        .is_none()
        .then(|| failure.clone().hint(origins).into())
}

/// Until when the end may take that a signal asked for.
pub(crate) fn end_of_grace(signals: &Signals) -> Option<Instant> {
    signals.since().map(|since| since + GRACE)
}

/// Streams connect again after a loss, unless told not to; what is done in one
/// go does not.
pub(crate) fn policy(flags: &ConnectionFlags, stream: bool) -> Policy {
    Policy {
        reconnect: (stream || flags.retry_for.is_some()) && !flags.no_reconnect,
        bound: flags.retry_for,
    }
}

/// The one mapping from errors to statuses.
fn status_of(error: &anyhow::Error) -> Exit {
    error.downcast_ref::<Failure>().map_or(Exit::Failed, Failure::exit)
}

/// Reads what the options only name.
fn fill_in<F: Flags>(flags: &mut F, report: Report) -> anyhow::Result<()> {
    let rehearsal = flags.shared().general.dry_run;
    password::fill_in(&mut flags.shared_mut().connection, rehearsal, report)?;
    fill_in_will(flags)?;
    fill_in_passphrase(flags, rehearsal)
}

/// Looks whether the files are there that TLS needs: nobody has to be connected to
/// for that.
///
/// # Errors
/// Which one is not, with its option.
pub(crate) fn find_files(connection: &Connection) -> Result<(), Failure> {
    for tls in connection.routes().filter_map(|route| route.tls.as_ref()) {
        let own = tls.identity.as_ref();
        let files = [
            ("--cafile", tls.ca_file.as_ref()),
            ("--crlfile", tls.crl_file.as_ref()),
            ("--cert", own.map(|own| &own.certificate)),
            ("--key", own.map(|own| &own.key)),
        ];
        for (option, path) in files {
            if let Some(path) = path {
                let found = rustix::fs::access(path, rustix::fs::Access::READ_OK);
                found.map_err(|error| password::failed(option, &path.display().to_string(), &error.into()))?;
            }
        }
        if let Some(path) = &tls.ca_path {
            let found = fs::read_dir(path);
            found.map_err(|error| password::failed("--capath", &path.display().to_string(), &error))?;
        }
    }
    Ok(())
}

/// Reads the file that is the will's payload.
fn fill_in_will<F: Flags>(flags: &mut F) -> anyhow::Result<()> {
    let will = &mut flags.shared_mut().will;
    if let Some(path) = &will.will_payload_file
        && will.will_topic.is_some()
    {
        let read = will_payload(path);
        let payload =
            read.map_err(|error| Failure::new(Exit::Failed, format!("{}: {}", path.display(), io_reason(&error))))?;
        will.will_file_content = Some(payload);
    }
    Ok(())
}

/// Reads the passphrase of our private key, or asks for it on the terminal: once,
/// whatever becomes of the connections. A rehearsal asks nobody.
fn fill_in_passphrase<F: Flags>(flags: &mut F, rehearsal: bool) -> anyhow::Result<()> {
    let tls = &mut flags.shared_mut().tls;
    let Some(key) = tls.key.as_ref().filter(|_| !tls.no_tls) else {
        return Ok(());
    };
    if let Some(path) = &tls.key_passphrase_file {
        let text = fs::read(path)
            .map_err(|error| password::failed("--key-passphrase-file", &path.display().to_string(), &error))?;
        let line = text.split(|byte| *byte == b'\n').next().unwrap_or_default();
        tls.key_passphrase = Some(Secret::from(line.strip_suffix(b"\r").unwrap_or(line)));
    } else if !rehearsal && is_encrypted(key) {
        let key = key.display();
        let asked = prompt::ask(&format!("passphrase of {key}: ")).map_err(|error| {
            let why = format!("key file {key} is encrypted, and there is no terminal to ask for its passphrase");
            let cannot = Failure::new(Exit::Failed, why).hint("name a file that has it: --key-passphrase-file");
            match error.kind() {
                Io::Interrupted => Failure::new(Exit::Failed, format!("key file {key}: no passphrase was given")),
                _ => cannot,
            }
        })?;
        tls.key_passphrase = Some(asked);
    }
    Ok(())
}

/// Whether a PEM file says of itself that it is encrypted (RFC 7468, RFC 1421).
fn is_encrypted(path: &Path) -> bool {
    let text = fs::read(path).unwrap_or_default();
    let has = |mark: &[u8]| memchr::memmem::find(&text, mark).is_some();
    has(b"-----BEGIN ENCRYPTED PRIVATE KEY-----") || has(b"Proc-Type: 4,ENCRYPTED")
}

/// Has the session tell of each packet, for the debug output.
pub(crate) fn trace(report: Report, session: &mut Session) {
    if report.debugs() {
        session.trace(move |text| report.debug(text));
    }
}

/// Tells how a connection is made.
pub(crate) fn describe(report: Report, session: &Session) {
    if report.debugs() {
        for line in session.describe() {
            report.debug(line);
        }
    }
}

/// Reads a little more than a will holds, so that too much is seen.
fn will_payload(path: &Path) -> io::Result<Bytes> {
    let mut payload = Vec::new();
    File::open(path)?.take(MAX_WILL as u64 + 1).read_to_end(&mut payload)?;
    Ok(payload.into())
}

/// Why a command line is not taken; or the help, or the version.
enum Refusal {
    /// What clap says, and the place that it is about, if not the command line.
    Typed(clap::Error, Option<String>),
    /// Something else.
    Other(Failure),
}

impl From<flags::Error> for Refusal {
    fn from(error: flags::Error) -> Self {
        match error {
            flags::Error::Typed(error) => Self::Typed(error, None),
            flags::Error::At(place, error) => Self::Typed(error, Some(place)),
        }
    }
}

impl Refusal {
    /// Prints the help or the version, or one line about what is wrong.
    fn answer(self, tool: Tool, numbers: Numbers) -> u8 {
        let program = tool.program();
        let failure = match self {
            Self::Typed(error, _) if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) => {
                let mut text = error.render().to_string();
                if error.kind() == ErrorKind::DisplayVersion {
                    text.push_str(&session::libraries());
                }
                return match print_out(&text) {
                    Err(failure) => {
                        Report::new(program, false, false).error(&failure.into());
                        numbers.status(Exit::Failed, None)
                    }
                    Ok(()) => numbers.help(),
                };
            }
            Self::Typed(error, place) => {
                let failure = typed::in_one_line(tool, &error);
                match place {
                    Some(place) => failure.context(place),
                    None => failure,
                }
            }
            Self::Other(failure) => failure,
        };
        Report::new(program, false, false).error(&failure.into());
        numbers.status(Exit::Usage, None)
    }
}

/// Prints what was asked for; a reader that has gone wants no more.
pub(crate) fn print_out(text: &str) -> Result<(), Failure> {
    match stdout().and_then(|mut stdout| stdout.write_all(text.as_bytes())) {
        Err(error) if error.kind() != Io::BrokenPipe => {
            let why = format!("cannot write to stdout: {}", io_reason(&error));
            Err(Failure::new(Exit::Failed, why))
        }
        _ => Ok(()),
    }
}

/// Stdout without a buffer. If it was closed, every write to it fails, as to
/// any descriptor that is closed: we have opened /dev/null in its place, which
/// would swallow all.
///
/// # Errors
/// No descriptors are left.
pub(crate) fn stdout() -> io::Result<File> {
    if process::stdout_was_closed() {
        return File::open("/dev/null");
    }
    io::stdout().as_fd().try_clone_to_owned().map(File::from)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flags::PublishFlags;

    #[test]
    fn the_file_of_the_will_is_read_up_to_a_little_more_than_a_will_holds() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("will");
        let mut line: Vec<OsString> = ["mqpub", "--will-topic", "w", "--will-payload-file"]
            .map(OsString::from)
            .into();
        line.push(path.clone().into_os_string());
        let mut flags: PublishFlags = flags::parse(line).unwrap();
        let error = fill_in_will(&mut flags).unwrap_err();
        assert_eq!(status_of(&error), Exit::Failed);
        assert!(error.to_string().contains("will: no such file or directory"));
        for (size, expected) in [(0, 0), (5, 5), (MAX_WILL, MAX_WILL), (100_000, MAX_WILL + 1)] {
            std::fs::write(&path, vec![0xff; size]).unwrap();
            fill_in_will(&mut flags).unwrap();
            let read = flags.shared.will.will_file_content.as_ref().map(Bytes::len);
            assert_eq!(read, Some(expected));
        }
    }
}

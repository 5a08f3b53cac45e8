//! Tells whoever waits for it that every subscription has been acknowledged: what
//! is published from then on comes.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;

use crate::exit::Exit;
use crate::failure::{Failure, io_reason};
use crate::flags::selection::ReadyFlags;
use crate::report::Report;

/// Whom to tell.
#[derive(Debug)]
pub(super) struct Ready {
    flags: ReadyFlags,
    descriptor: Option<File>,
    report: Report,
}

impl Ready {
    /// Finds out whether they can be told.
    ///
    /// # Errors
    /// What is in the way, with the option named.
    pub(super) fn new(flags: ReadyFlags, report: Report) -> Result<Self, Failure> {
        if let Some(path) = &flags.ready_file {
            clear(path).map_err(|why| failure(&format!("--ready-file {}", path.display()), &why))?;
        }
        let descriptor = flags.ready_fd.map(open).transpose();
        let descriptor = descriptor.map_err(|error| {
            let fd = flags.ready_fd.unwrap_or_default();
            failure(&format!("--ready-fd {fd}"), &error)
        })?;
        Ok(Self {
            flags,
            descriptor,
            report,
        })
    }

    /// Tells them.
    ///
    /// # Errors
    /// Why they cannot be told.
    pub(super) fn tell(mut self) -> Result<(), Failure> {
        if let Some(path) = &self.flags.ready_file {
            File::create(path).map_err(|why| failure(&format!("--ready-file {}", path.display()), &why))?;
        }
        if let Some(mut descriptor) = self.descriptor.take() {
            match descriptor.write_all(b"\n") {
                // Whoever waited has gone.
                Err(error) if error.kind() == ErrorKind::BrokenPipe => {}
                told => told.map_err(|why| failure("--ready-fd", &why))?,
            }
        }
        if let Some(command) = self.flags.on_ready.take() {
            let child = Command::new("sh")
                .arg("-c")
                .arg(&command)
                .stdin(Stdio::null())
                .stdout(self.report.for_child().map_err(|why| failure("--on-ready", &why))?)
                .spawn();
            let mut child = child.map_err(|why| failure("--on-ready: cannot run sh", &why))?;
            let report = self.report;
            let watching = thread::Builder::new().spawn(move || match child.wait() {
                Ok(status) if status.success() => {}
                Ok(status) => report.warn(format_args!("--on-ready: the command failed: {status}")),
                Err(error) => report.warn(format_args!("--on-ready: {}", io_reason(&error))),
            });
            watching.map_err(|why| failure("--on-ready", &why))?;
        }
        Ok(())
    }
}

fn failure(what: &str, why: &io::Error) -> Failure {
    Failure::new(Exit::Failed, format!("{what}: {}", io_reason(why)))
}

/// Removes what an earlier run has left there; nothing else.
fn clear(path: &Path) -> io::Result<()> {
    match fs::symlink_metadata(path) {
        Ok(found) if found.is_file() && found.len() == 0 => fs::remove_file(path),
        Ok(_) => Err(io::Error::other("something else than an empty file is there")),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

/// Another handle for a descriptor that we were started with. It is opened by its
/// name, for a number alone does not say whose it is.
fn open(descriptor: u16) -> io::Result<File> {
    let path = format!("/dev/fd/{descriptor}");
    // A pipe without a reader would be waited for.
    let mut options = OpenOptions::new();
    options.append(true).custom_flags(libc::O_NONBLOCK);
    match options.open(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Err(io::Error::other("it is not open")),
        opened => opened,
    }
}

//! The commands that run: so that all of them can be asked to end, and none is
//! left behind.

use std::collections::BTreeSet;
use std::io::{self, PipeReader, PipeWriter, pipe};
use std::os::fd::{AsFd as _, BorrowedFd};
use std::process::{Child, Command};
use std::sync::{Mutex, PoisonError, RwLock};

use rustix::process::{Pid, Signal, kill_process_group};

/// The process groups that run, one for each command.
#[derive(Debug)]
pub(super) struct Registry {
    /// Held for reading while a command is started, so that none is missed.
    gate: RwLock<()>,
    running: Mutex<BTreeSet<i32>>,
    /// A pipe that hangs up when all are to end.
    alarm: PipeReader,
    silence: Mutex<Option<PipeWriter>>,
}

impl Registry {
    /// # Errors
    /// That of `pipe(2)`: no descriptors are left.
    pub(super) fn new() -> io::Result<Self> {
        let (alarm, silence) = pipe()?;
        Ok(Self {
            gate: RwLock::new(()),
            running: Mutex::default(),
            alarm,
            silence: Mutex::new(Some(silence)),
        })
    }

    /// Starts a command, the leader of its group.
    ///
    /// # Errors
    /// That of the system: there is no such program, say.
    pub(super) fn start(&self, command: &mut Command) -> io::Result<Child> {
        let _open = self.gate.read().unwrap_or_else(PoisonError::into_inner);
        let child = command.spawn()?;
        self.running().insert(Pid::from_child(&child).as_raw_pid());
        Ok(child)
    }

    /// Takes a command out that has ended and is not waited for yet: until then
    /// its number is its own.
    pub(super) fn end(&self, pid: Pid) {
        self.running().remove(&pid.as_raw_pid());
    }

    fn running(&self) -> std::sync::MutexGuard<'_, BTreeSet<i32>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Hangs up when all are to end.
    pub(super) fn alarm(&self) -> BorrowedFd<'_> {
        self.alarm.as_fd()
    }

    /// Tells all to end, those as well that are started from now on.
    pub(super) fn sound(&self) {
        drop(self.silence.lock().unwrap_or_else(PoisonError::into_inner).take());
    }

    /// Kills all of them at once, and does `then` before another can be started.
    pub(super) fn kill(&self, then: impl FnOnce()) {
        let _closed = self.gate.write().unwrap_or_else(PoisonError::into_inner);
        for pid in self.running().iter().filter_map(|pid| Pid::from_raw(*pid)) {
            let _ = kill_process_group(pid, Signal::KILL);
        }
        then();
    }
}

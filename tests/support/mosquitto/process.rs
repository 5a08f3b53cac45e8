//! The process of a mosquitto, which never outlives the process of the tests.
//!
//! What it listens on is the matter of its configuration.

use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal};

use crate::support::DEADLINE;
use crate::support::capture::Capture;
use crate::support::runner::Exit;

/// The shell that runs the broker kills it when its standard input ends, which
/// it does at the latest when the process of the test ends.
const KEEPER: &str = r#"
"$0" -c "$1" </dev/null >/dev/null &
trap '' INT TERM HUP
echo $!
exec 2>/dev/null
read -r _
kill -9 $!
wait $!
"#;

/// How long to wait before the broker is asked again to end.
const PAUSE: Duration = Duration::from_millis(500);

/// A running broker and the shell that keeps it.
pub(super) struct Process {
    shell: Child,
    /// Closed to kill the broker.
    hold: Option<ChildStdin>,
    /// The broker's own, until the shell has waited for it, which it does only
    /// after `hold` is closed.
    pub(super) pid: Pid,
    /// The broker's standard error.
    pub(super) log: Capture,
    /// Of the shell.
    exit: Exit,
}

impl Process {
    /// Starts a broker, and returns its log if it ends instead of running.
    pub(super) fn start(program: &Path, config: &Path) -> Result<Self, String> {
        let until = Instant::now() + DEADLINE;
        let mut shell = Command::new("sh")
            .args(["-c", KEEPER])
            .args([program, config])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("a shell");
        let log = Capture::start(shell.stderr.take().unwrap());
        let pid = Capture::start(shell.stdout.take().unwrap()).take_line(until);
        let pid = String::from_utf8(pid.expect("a process id")).unwrap();
        let process = Self {
            hold: shell.stdin.take(),
            pid: Pid::from_raw(pid.trim().parse().unwrap()).unwrap(),
            exit: Exit::watch(&shell),
            shell,
            log,
        };
        if process.log.wait_contains("running\n", 0, until) {
            Ok(process)
        } else {
            Err(process.log_text())
        }
    }

    /// Asks the broker to end and waits until it has.
    pub(super) fn stop(self) {
        let until = Instant::now() + DEADLINE;
        loop {
            // A signal that comes between its last word and its main loop is
            // lost to mosquitto: it says that it runs before it does.
            rustix::process::kill_process(self.pid, Signal::TERM).unwrap();
            if self.log.wait_end(Instant::now() + PAUSE) {
                return;
            }
            assert!(Instant::now() < until, "mosquitto does not stop:\n{}", self.log_text());
        }
    }

    /// What the broker has logged.
    pub(super) fn log_text(&self) -> String {
        String::from_utf8_lossy(&self.log.all()).into_owned()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.hold = None;
        if !self.exit.wait(Instant::now() + DEADLINE) {
            let _ = self.shell.kill();
        }
        let _ = self.shell.wait();
    }
}

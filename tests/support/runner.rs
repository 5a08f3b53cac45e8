//! The strict runner: runs the tools under test with a known environment and
//! bounded waits, and hands their ends over as [`Outcome`]s.
//!
//! It knows nothing of MQTT.

mod outcome;

use std::ffi::{OsStr, OsString};
use std::io::{self, PipeReader, Write};
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::atomic::AtomicBool;
use std::sync::mpsc::{self, Sender};
use std::sync::{Arc, Once};
use std::thread;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags};
use rustix::io::Errno;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::flag;
use tempfile::TempDir;

use self::outcome::show;
pub use self::outcome::{Contains, Outcome, Satisfies, Status, Text};
use super::capture::Capture;

/// Variables that a tool inherits, if they are set: what it needs to be found,
/// and what instruments of the whole test run need.
const INHERITED: [&str; 9] = [
    "PATH",
    "LLVM_PROFILE_FILE",
    "ASAN_OPTIONS",
    "LSAN_OPTIONS",
    "MSAN_OPTIONS",
    "TSAN_OPTIONS",
    "UBSAN_OPTIONS",
    "VALGRIND_LIB",
    "VALGRIND_OPTS",
];

/// A command line of a tool, to [`run`](Self::run) or [`spawn`](Self::spawn).
#[must_use]
pub struct Tool {
    program: PathBuf,
    arg0: Option<OsString>,
    args: Vec<OsString>,
    env: Vec<(OsString, OsString)>,
    stdin: Input,
    stdout: Option<OwnedFd>,
    home: TempDir,
    deadline: Duration,
    own_group: bool,
}

/// Where standard input comes from.
enum Input {
    /// Nowhere, or from the test if it spawns the tool.
    Unset,
    Bytes(Vec<u8>),
    File(OwnedFd),
}

impl Tool {
    /// `mqpub` as built for this test run.
    pub fn mqpub() -> Self {
        Self::new(assert_cmd::cargo::cargo_bin!("mqpub"))
    }

    /// `mqsub` as built for this test run.
    pub fn mqsub() -> Self {
        Self::new(assert_cmd::cargo::cargo_bin!("mqsub"))
    }

    /// Any other program.
    pub fn new(program: impl Into<PathBuf>) -> Self {
        Self {
            program: program.into(),
            arg0: None,
            args: Vec::new(),
            env: Vec::new(),
            stdin: Input::Unset,
            stdout: None,
            home: super::scratch_dir(),
            deadline: super::DEADLINE,
            own_group: false,
        }
    }

    /// Makes the process the leader of a group, for what it starts itself.
    pub fn own_group(mut self) -> Self {
        self.own_group = true;
        self
    }

    /// Adds an argument.
    pub fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.args.push(arg.as_ref().to_owned());
        self
    }

    /// Adds arguments.
    pub fn args<S: AsRef<OsStr>>(mut self, args: impl IntoIterator<Item = S>) -> Self {
        self.args.extend(args.into_iter().map(|arg| arg.as_ref().to_owned()));
        self
    }

    /// Adds `-p` and a port.
    pub fn port(self, port: u16) -> Self {
        self.args(["-p".to_owned(), port.to_string()])
    }

    /// Sets an environment variable.
    pub fn env(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        self.env.push((name.into(), value.into()));
        self
    }

    /// Calls the program by another name.
    pub fn arg0(mut self, name: impl Into<OsString>) -> Self {
        self.arg0 = Some(name.into());
        self
    }

    /// Makes standard input a pipe with these bytes and then its end.
    pub fn stdin(mut self, bytes: impl AsRef<[u8]>) -> Self {
        self.stdin = Input::Bytes(bytes.as_ref().to_vec());
        self
    }

    /// Makes standard input this file or pipe.
    pub fn stdin_from(mut self, file: impl Into<OwnedFd>) -> Self {
        self.stdin = Input::File(file.into());
        self
    }

    /// Makes standard output this file or pipe; the outcome's is empty then.
    pub fn stdout_to(mut self, file: impl Into<OwnedFd>) -> Self {
        self.stdout = Some(file.into());
        self
    }

    /// Allows every single wait this time instead of the usual.
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// The tool's `HOME`, which is empty until the test puts something in it.
    pub fn home(&self) -> &Path {
        self.home.path()
    }

    /// The tool's `XDG_CONFIG_HOME`, which does not exist until the test makes
    /// it.
    pub fn config_home(&self) -> PathBuf {
        self.home().join(".config")
    }

    /// Runs the tool to its end. It gets no standard input unless the test gave
    /// some. Panics with all that it wrote if it takes too long.
    #[track_caller]
    pub fn run(mut self) -> Outcome {
        if matches!(self.stdin, Input::Unset) {
            self.stdin = Input::Bytes(Vec::new());
        }
        self.spawn().wait()
    }

    /// Starts the tool. Its standard input stays open until the test closes it,
    /// unless the test gave it before.
    pub fn spawn(self) -> Running {
        heed_signals();
        let mut command = match instrument() {
            Some(words) if self.arg0.is_none() && is_ours(&self.program) => {
                let mut command = Command::new(&words[0]);
                command.args(&words[1..]).arg(&self.program);
                command
            }
            _ => Command::new(&self.program),
        };
        command
            .args(&self.args)
            .env_clear()
            .envs(
                INHERITED
                    .iter()
                    .filter_map(|name| Some((name, std::env::var_os(name)?))),
            )
            .env("HOME", self.home())
            .env("XDG_CONFIG_HOME", self.config_home())
            .env("LC_ALL", "C")
            .env("TZ", "UTC")
            .envs(self.env.iter().map(|(name, value)| (name, value)))
            .stderr(Stdio::piped());
        if let Some(name) = &self.arg0 {
            command.arg0(name);
        }
        if self.own_group {
            command.process_group(0);
        }
        let (stdin, given) = match self.stdin {
            Input::Unset => (Stdio::piped(), None),
            Input::Bytes(bytes) => (Stdio::piped(), Some(bytes)),
            Input::File(file) => (file.into(), None),
        };
        command.stdin(stdin);
        command.stdout(self.stdout.map_or_else(Stdio::piped, Into::into));
        let line = command_line(&self.program, &self.args);
        let mut child = command
            .spawn()
            .unwrap_or_else(|error| panic!("cannot run {line}: {error}"));
        let mut running = Running {
            line,
            exit: Exit::watch(&child),
            stdin: child.stdin.take().map(feed),
            stdout: child.stdout.take().map(Capture::start),
            stderr: Capture::start(child.stderr.take().unwrap()),
            child,
            deadline: self.deadline,
            own_group: self.own_group,
            _home: self.home,
        };
        if let Some(bytes) = given {
            running.write_stdin(bytes);
            running.close_stdin();
        }
        running
    }
}

/// A tool that runs. It is killed when this is dropped.
pub struct Running {
    line: String,
    child: Child,
    exit: Exit,
    stdin: Option<Sender<Vec<u8>>>,
    stdout: Option<Capture>,
    stderr: Capture,
    deadline: Duration,
    own_group: bool,
    _home: TempDir,
}

impl Running {
    /// The process's id, which stays its own until [`wait`](Self::wait).
    pub fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    /// Sends a signal.
    #[track_caller]
    pub fn signal(&self, signal: Signal) {
        rustix::process::kill_process(self.pid(), signal).expect("a process to signal");
    }

    /// Sends a signal to the whole group, of which some may have ended.
    #[track_caller]
    pub fn signal_group(&self, signal: Signal) {
        assert!(self.own_group, "this process is in the group of the tests");
        let _ = rustix::process::kill_process_group(self.pid(), signal);
    }

    /// Writes to standard input, in the background: what the tool does not read
    /// is lost.
    #[track_caller]
    pub fn write_stdin(&mut self, bytes: impl Into<Vec<u8>>) {
        let stdin = self.stdin.as_ref().expect("an open standard input");
        // Without a reader the tool has closed its end, as it may.
        let _ = stdin.send(bytes.into());
    }

    /// Closes standard input after what has been written to it.
    pub fn close_stdin(&mut self) {
        self.stdin = None;
    }

    /// Drops the reading end of standard output: what the tool writes next
    /// meets a broken pipe.
    #[track_caller]
    pub fn close_stdout(&mut self) {
        self.stdout.as_mut().expect("a piped stdout").close();
    }

    /// Reads the next line of standard output with its line feed. At its end
    /// this is what is left, which can be nothing.
    #[track_caller]
    pub fn read_line(&self, deadline: Duration) -> Vec<u8> {
        match self.stdout().take_line(Instant::now() + deadline) {
            Some(line) => line,
            None => self.fail("it wrote no line"),
        }
    }

    /// Reads the next `count` bytes of standard output, or fewer at its end.
    #[track_caller]
    pub fn read_exact(&self, count: usize) -> Vec<u8> {
        match self.stdout().take_exact(count, self.until()) {
            Some(bytes) => bytes,
            None => self.fail(&format!("it wrote less than {count} bytes")),
        }
    }

    /// Reads the next line of standard error, as [`read_line`](Self::read_line)
    /// does of standard output.
    #[track_caller]
    pub fn read_stderr_line(&self) -> String {
        match self.stderr.take_line(self.until()) {
            Some(line) => String::from_utf8(line).expect("UTF-8 on standard error"),
            None => self.fail("it wrote no line to stderr"),
        }
    }

    /// Waits until `text` has been written to standard error. Nothing is taken
    /// from there: the outcome shows it again.
    #[track_caller]
    pub fn wait_stderr_contains(&self, text: &str) {
        if !self.stderr.wait_contains(text, 0, self.until()) {
            self.fail(&format!("it did not write {text:?} to stderr"));
        }
    }

    /// Waits until all that has been written to standard error satisfies this.
    #[track_caller]
    pub fn wait_stderr_satisfies(&self, what: &str, holds: impl Fn(&str) -> bool) {
        let holds = |bytes: &[u8]| holds(&String::from_utf8_lossy(bytes));
        if !self.stderr.wait_satisfies(holds, self.until()) {
            self.fail(&format!("it did not write {what} to stderr"));
        }
    }

    /// Whether there is something on standard output.
    #[track_caller]
    pub fn has_written(&self) -> bool {
        self.stdout().count() > 0
    }

    /// Whether the tool has not ended yet.
    pub fn is_running(&self) -> bool {
        !self.exit.wait(Instant::now())
    }

    /// Closes standard input and waits for the end of the tool. The outcome has
    /// what the test has not read yet.
    #[track_caller]
    pub fn wait(mut self) -> Outcome {
        self.close_stdin();
        let until = self.until();
        if !self.exit.wait(until) {
            self.fail("it did not end");
        }
        let status = self.child.wait().unwrap();
        let stdout = self.stdout.as_ref();
        if !(stdout.is_none_or(|stdout| stdout.wait_end(until)) && self.stderr.wait_end(until)) {
            self.fail("it ended, but somebody else holds its output");
        }
        let stdout = stdout.map(Capture::rest).unwrap_or_default();
        Outcome::new(self.line.clone(), status, stdout, &self.stderr.rest())
    }

    #[track_caller]
    fn stdout(&self) -> &Capture {
        self.stdout.as_ref().expect("a piped stdout")
    }

    fn until(&self) -> Instant {
        Instant::now() + self.deadline
    }

    /// Fails the test with all that the tool wrote; the process is killed when
    /// `self` is dropped.
    #[track_caller]
    fn fail(&self, what: &str) -> ! {
        panic!(
            "{what} in time: {}\n  stdout:\n{}  stderr:\n{}",
            self.line,
            show(&self.stdout.as_ref().map(Capture::all).unwrap_or_default()),
            show(&self.stderr.all()),
        );
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if self.own_group && matches!(self.child.try_wait(), Ok(None)) {
            let _ = rustix::process::kill_process_group(self.pid(), Signal::KILL);
        }
        // Both fail only if the process has been waited for.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Tells when a child has ended, without waiting for it as its parent does: so
/// its process id stays its own.
pub(super) struct Exit(PipeReader);

impl Exit {
    pub(super) fn watch(child: &Child) -> Self {
        let pid = Pid::from_child(child);
        let (exited, running) = io::pipe().unwrap();
        thread::spawn(move || {
            let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
            while let Err(Errno::INTR) = rustix::process::waitid(WaitId::Pid(pid), options) {}
            drop(running);
        });
        Self(exited)
    }

    /// Waits for the end, and says whether it came before `until`.
    pub(super) fn wait(&self, until: Instant) -> bool {
        super::poll(&mut [PollFd::new(&self.0, PollFlags::IN)], Some(until))
    }
}

/// What the tools are run by, if anything: the words of `MQTOOLS_TEST_RUNNER`
/// (scripts/memcheck). It does not do what goes by a process's other name.
fn instrument() -> Option<Vec<String>> {
    let words = std::env::var("MQTOOLS_TEST_RUNNER").ok()?;
    let words: Vec<String> = words.split_whitespace().map(str::to_owned).collect();
    (!words.is_empty()).then_some(words)
}

fn is_ours(program: &Path) -> bool {
    ["mqpub", "mqsub"].iter().any(|name| program.ends_with(name))
}

/// A shell that starts the tests in the background has them ignore SIGINT, nohup
/// SIGHUP, and what is ignored stays so in a tool that is started. What has a
/// handler does not (`execve(2)`): here the handler does what the default does.
fn heed_signals() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        for signal in [SIGINT, SIGTERM, SIGHUP] {
            let always = Arc::new(AtomicBool::new(true));
            flag::register_conditional_default(signal, always).expect("a signal handler");
        }
    });
}

/// Writes what is sent to the channel into `stdin` from a thread, until the
/// sender is dropped or nobody reads.
fn feed(mut stdin: ChildStdin) -> Sender<Vec<u8>> {
    let (sender, bytes) = mpsc::channel::<Vec<u8>>();
    thread::spawn(move || {
        for bytes in bytes {
            if stdin.write_all(&bytes).is_err() {
                return;
            }
        }
    });
    sender
}

/// The command line as a person would type it, roughly.
fn command_line(program: &Path, args: &[OsString]) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=@%+,".contains(c);
    let quote = |arg: &OsString| match arg.to_string_lossy() {
        arg if !arg.is_empty() && arg.chars().all(plain) => arg.into_owned(),
        arg => format!("{arg:?}"),
    };
    let program = program.file_name().unwrap().to_string_lossy();
    let words = std::iter::once(program.into_owned()).chain(args.iter().map(quote));
    words.collect::<Vec<_>>().join(" ")
}

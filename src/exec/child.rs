//! One command from its start to its end. It leads a process group of its own,
//! so that what it starts can be ended with it, and so that Ctrl-C is first of
//! all for us.

use std::fs::File;
use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::OFlags;
use rustix::process::{Pid, Signal, kill_process_group};

use super::registry::Registry;
use super::{Recipe, Task, environment};
use crate::failure::io_reason;
use crate::message::MAX_PAYLOAD;

/// How long a command has that was asked to end, before it is killed.
const MERCY: Duration = Duration::from_secs(1);

/// How often to look, at first and at last, where the kernel does not tell of the
/// end of a process.
const TICKS: (Duration, Duration) = (Duration::from_millis(1), Duration::from_millis(50));

/// How much is read at once.
const PIECE: usize = 16 * 1024;

/// How a command went.
#[derive(Debug, Default)]
pub(super) struct Run {
    /// What it wrote to its stdout, if that is collected.
    pub(super) output: Vec<u8>,
    /// Why it failed, if it did: a clause about it.
    pub(super) failure: Option<String>,
}

/// Runs the command for a message, to its end.
pub(super) fn run(recipe: &Recipe, task: &Task, collect: bool, timeout: Option<Duration>, registry: &Registry) -> Run {
    let failed = |why: String| Run {
        output: Vec::new(),
        failure: Some(why),
    };
    let arguments = match recipe.arguments(task) {
        Ok(arguments) => arguments,
        Err(why) => return failed(why),
    };
    let input = task.stdin.as_deref().unwrap_or(&task.payload);
    let mut command = command(recipe, task, arguments);
    command.stdin(if input.is_empty() {
        Stdio::null()
    } else {
        Stdio::piped()
    });
    if collect {
        command.stdout(Stdio::piped());
    }
    match registry.start(&mut command) {
        Ok(child) => Running::new(child, input, timeout, registry).finish(),
        Err(error) => failed(format!("it cannot be run: {}", io_reason(&error))),
    }
}

fn command(recipe: &Recipe, task: &Task, arguments: Vec<std::ffi::OsString>) -> Command {
    let mut command = Command::new(recipe.program());
    command.args(arguments).process_group(0);
    // What a command inherits that was itself started for a message.
    for (name, _) in std::env::vars_os() {
        if name.as_encoded_bytes().starts_with(environment::PREFIX.as_bytes()) {
            command.env_remove(name);
        }
    }
    for name in environment::WITHHELD {
        command.env_remove(name);
    }
    command.envs(environment::of(task));
    command
}

/// What is readable when a process has ended. Elsewhere than on Linux, and with
/// kernels before 5.3, there is none.
fn end_of(pid: Pid) -> Option<OwnedFd> {
    #[cfg(target_os = "linux")]
    return rustix::process::pidfd_open(pid, rustix::process::PidfdFlags::empty()).ok();
    #[cfg(not(target_os = "linux"))]
    {
        let _ = pid;
        None
    }
}

/// A command that runs.
struct Running<'a> {
    child: Child,
    pid: Pid,
    /// Readable when it has ended; not with every kernel.
    end: Option<OwnedFd>,
    stdin: Option<File>,
    /// What is left for its stdin.
    input: &'a [u8],
    stdout: Option<File>,
    output: Vec<u8>,
    timeout: Option<Duration>,
    deadline: Option<Instant>,
    /// Why it was asked to end.
    asked: Option<String>,
    registry: &'a Registry,
    /// How long to wait before looking whether it has ended.
    tick: Duration,
}

impl<'a> Running<'a> {
    fn new(mut child: Child, input: &'a [u8], timeout: Option<Duration>, registry: &'a Registry) -> Self {
        let pid = Pid::from_child(&child);
        let stdin = child.stdin.take().map(|stdin| File::from(OwnedFd::from(stdin)));
        let stdout = child.stdout.take().map(|stdout| File::from(OwnedFd::from(stdout)));
        for pipe in [&stdin, &stdout].into_iter().flatten() {
            let flags = rustix::fs::fcntl_getfl(pipe).unwrap_or(OFlags::empty());
            let _ = rustix::fs::fcntl_setfl(pipe, flags | OFlags::NONBLOCK);
        }
        Self {
            pid,
            end: end_of(pid),
            child,
            stdin,
            input,
            stdout,
            output: Vec::new(),
            timeout,
            deadline: timeout.map(|timeout| Instant::now() + timeout),
            asked: None,
            registry,
            tick: TICKS.0,
        }
    }

    /// Feeds it, listens to it, and waits for its end.
    fn finish(mut self) -> Run {
        self.feed();
        while !self.has_ended() {
            if self.deadline.is_some_and(|deadline| deadline <= Instant::now()) {
                if self.asked.is_some() {
                    self.deadline = None;
                    let _ = kill_process_group(self.pid, Signal::KILL);
                } else {
                    let limit = humantime::format_duration(self.timeout.unwrap_or_default());
                    self.ask(format!("it took longer than {limit}"));
                }
            }
            self.wait();
        }
        // What it wrote just before its end. Its children may keep the pipe open,
        // and are not waited for.
        self.listen();
        if self.asked.is_some() {
            // With those that it has started.
            let _ = kill_process_group(self.pid, Signal::KILL);
        }
        self.registry.end(self.pid);
        let failure = match self.child.wait() {
            Err(error) => Some(io_reason(&error)),
            Ok(status) if self.asked.is_none() && status.success() => None,
            Ok(status) => Some(self.asked.take().unwrap_or_else(|| words(status))),
        };
        let failure = failure.or_else(|| {
            let too_much = self.output.len() > MAX_PAYLOAD;
            too_much.then(|| "it wrote more than a message can have".to_owned())
        });
        Run {
            output: self.output,
            failure,
        }
    }

    fn has_ended(&mut self) -> bool {
        match &self.end {
            Some(end) => {
                let mut entry = [PollFd::new(end, PollFlags::IN)];
                let now = Timespec::default();
                poll(&mut entry, Some(&now)).is_ok_and(|count| count > 0)
            }
            None => {
                use rustix::process::{WaitId, WaitIdOptions, waitid};
                let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT | WaitIdOptions::NOHANG;
                !matches!(waitid(WaitId::Pid(self.pid), options), Ok(None))
            }
        }
    }

    /// Asks it to end.
    fn ask(&mut self, why: String) {
        let _ = kill_process_group(self.pid, Signal::TERM);
        self.asked = Some(why);
        self.deadline = Some(Instant::now() + MERCY);
    }

    /// Waits until there is something to do, and does it.
    fn wait(&mut self) {
        let left = self
            .deadline
            .map(|deadline| deadline.saturating_duration_since(Instant::now()));
        let tick = self.end.is_none().then_some(self.tick);
        self.tick = (self.tick * 2).min(TICKS.1);
        let timeout = [left, tick].into_iter().flatten().min();
        let timeout = timeout.and_then(|timeout| Timespec::try_from(timeout).ok());
        let mut entries = Vec::with_capacity(4);
        let heeds_alarm = self.asked.is_none();
        if heeds_alarm {
            entries.push(PollFd::from_borrowed_fd(self.registry.alarm(), PollFlags::IN));
        }
        for (file, interest) in [(&self.stdin, PollFlags::OUT), (&self.stdout, PollFlags::IN)] {
            if let Some(file) = file {
                entries.push(PollFd::new(file, interest));
            }
        }
        if let Some(end) = &self.end {
            entries.push(PollFd::new(end, PollFlags::IN));
        }
        let _ = poll(&mut entries, timeout.as_ref());
        let alarm = heeds_alarm && entries.first().is_some_and(|entry| !entry.revents().is_empty());
        drop(entries);
        if alarm {
            self.ask("it was stopped".to_owned());
        }
        self.feed();
        self.listen();
    }

    /// Gives it what its stdin has room for. It need not read all of it.
    fn feed(&mut self) {
        let Some(stdin) = &mut self.stdin else { return };
        while !self.input.is_empty() {
            match stdin.write(self.input) {
                Ok(count) => self.input = self.input.get(count..).unwrap_or_default(),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(_) => break,
            }
        }
        self.stdin = None;
    }

    /// Takes what it has written.
    fn listen(&mut self) {
        let Some(stdout) = &mut self.stdout else { return };
        if take(stdout, &mut self.output).is_ok() {
            self.stdout = None;
        }
    }
}

/// Reads what is there; of more than a message can have, only that it is more.
/// `Ok` at its end.
fn take(stdout: &mut File, output: &mut Vec<u8>) -> io::Result<()> {
    let mut piece = [0; PIECE];
    loop {
        match stdout.read(&mut piece) {
            Ok(0) => return Ok(()),
            Ok(count) if output.len() <= MAX_PAYLOAD => {
                output.extend_from_slice(piece.get(..count).unwrap_or_default());
            }
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Err(error),
            Err(_) => return Ok(()),
        }
    }
}

/// What a status means, in a clause.
fn words(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit status {code}"),
        (None, Some(signal)) => format!("killed by signal {signal}"),
        (None, None) => status.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::task;
    use super::*;

    fn sh(script: &str, payload: &[u8], timeout: Option<Duration>) -> Run {
        let words = ["sh", "-c", script, "sh", "{topic}"].map(Into::into);
        let registry = Registry::new().unwrap();
        let run = run(
            &Recipe::new(&words).unwrap(),
            &task(1, "a 'b'", payload),
            true,
            timeout,
            &registry,
        );
        registry.kill(|| {});
        run
    }

    #[test]
    fn a_command_has_its_message_and_its_output_is_collected() {
        let run = sh("cat; printf %s \"|$1|$MQTT_MESSAGE_LEVELS\"", b"x\0\xff\n", None);
        assert_eq!(run.output, b"x\0\xff\n|a 'b'|1");
        assert_eq!(run.failure, None);
        let large = vec![b'x'; 3_000_000];
        assert!(sh("cat", &large, None).output == large);
        let unread = sh("exec <&-; echo done", &large, None);
        assert_eq!((unread.output, unread.failure), (b"done\n".to_vec(), None));
        assert_eq!(sh("cat", b"", None).output, b"");
    }

    #[test]
    fn a_failure_is_told() {
        for (script, why) in [("exit 3", "exit status 3"), ("kill -9 $$", "killed by signal 9")] {
            let run = sh(&format!("echo x; {script}"), b"y", None);
            assert_eq!(run.failure.as_deref(), Some(why));
            assert_eq!(run.output, b"x\n");
        }
        let words = ["/no/such/program".into()];
        let registry = Registry::new().unwrap();
        let run = run(
            &Recipe::new(&words).unwrap(),
            &task(1, "t", b""),
            false,
            None,
            &registry,
        );
        let why = "it cannot be run: no such file or directory";
        assert_eq!(run.failure.as_deref(), Some(why));
    }

    #[test]
    fn what_takes_too_long_is_ended_with_all_that_it_started() {
        let start = Instant::now();
        // Deaf to TERM, and with a child that holds the output open.
        let script = "trap '' TERM; echo $$; sleep 60 & while :; do sleep 60; done";
        let run = sh(script, b"", Some(Duration::from_millis(50)));
        assert_eq!(run.failure.as_deref(), Some("it took longer than 50ms"));
        let passed = start.elapsed();
        assert!(passed >= MERCY && passed < Duration::from_secs(20), "{passed:?}");
        let group: i32 = String::from_utf8(run.output).unwrap().trim().parse().unwrap();
        let group = Pid::from_raw(group).unwrap();
        let until = Instant::now() + Duration::from_secs(20);
        // Whoever takes in orphans has to bury them first.
        while rustix::process::test_kill_process_group(group).is_ok() {
            assert!(Instant::now() < until, "something is left of the group");
            std::thread::yield_now();
        }
    }

    #[test]
    fn who_leaves_a_child_behind_is_not_waited_for() {
        let start = Instant::now();
        let run = sh("echo x; sleep 60 & echo $!", b"", None);
        assert!(start.elapsed() < Duration::from_secs(20));
        let text = String::from_utf8(run.output).unwrap();
        let left: i32 = text.strip_prefix("x\n").unwrap().trim().parse().unwrap();
        rustix::process::kill_process(Pid::from_raw(left).unwrap(), Signal::KILL).unwrap();
    }
}

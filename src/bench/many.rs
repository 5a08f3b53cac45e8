//! The measurement of several connections, each in a process of its own: a process
//! has one connection at a time. Who starts them has a pipe to each: the first byte
//! is the word to begin, its end the word to stop. A part says that it is ready,
//! and at the end what has come of it.

use std::ffi::OsString;
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

use anyhow::Context as _;

use super::PART;
use super::one::{READY, latencies};
use super::outcome::Outcome;
use crate::config::bench::Bench;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::signal::Signals;
use crate::waker::Waker;

/// What a part says.
enum Word {
    Ready,
    Result(String),
    /// It has ended.
    Gone,
}

/// The parts. None outlives this: without the pipe to it, a part ends.
#[derive(Default)]
struct Parts {
    children: Vec<Child>,
    leashes: Vec<ChildStdin>,
}

impl Parts {
    /// Starts one more.
    fn start(&mut self, arguments: &[OsString], (words, waker): (&Sender<Word>, &Arc<Waker>)) -> anyhow::Result<()> {
        let program = std::env::current_exe().context("cannot find this program")?;
        let mut command = Command::new(program);
        // What ends a part is told by who started it; debug lines it tells itself.
        command
            .arg0(PART)
            .arg("--quiet")
            .args(arguments.get(1..).unwrap_or_default());
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        // The terminal asks who started them, who asks them.
        command.process_group(0);
        let mut child = command.spawn().context("cannot start another connection")?;
        let (leash, stdout) = (child.stdin.take(), child.stdout.take());
        self.children.push(child);
        self.leashes.extend(leash);
        let (words, waker) = (words.clone(), Arc::clone(waker));
        let listen = move || {
            let lines = stdout
                .map(|stdout| BufReader::new(stdout).lines())
                .into_iter()
                .flatten();
            for line in lines.map_while(Result::ok) {
                let word = if line == READY.trim_end() {
                    Word::Ready
                } else {
                    Word::Result(line)
                };
                let _ = words.send(word);
                waker.wake();
            }
            let _ = words.send(Word::Gone);
            waker.wake();
        };
        thread::Builder::new().spawn(listen).context("cannot start a thread")?;
        Ok(())
    }

    fn begin(&mut self) {
        for leash in &mut self.leashes {
            // One that has gone is missed later.
            let _ = leash.write_all(b"\n");
        }
    }

    fn stop(&mut self) {
        self.leashes.clear();
    }
}

impl Drop for Parts {
    fn drop(&mut self) {
        self.stop();
        for child in &mut self.children {
            let _ = child.wait();
        }
    }
}

/// Measures over several connections, which begin together.
pub(super) fn run(
    bench: &Bench,
    arguments: &[OsString],
    (waker, signals): (&Arc<Waker>, &Signals),
) -> anyhow::Result<Outcome> {
    let (words, said) = channel();
    let mut parts = Parts::default();
    for _ in 0..bench.connections {
        parts.start(arguments, (&words, waker))?;
    }
    drop(words);
    let mut outcome = listen(&mut parts, &said, bench.connections, (waker, signals))?;
    outcome.signal = signals.received();
    Ok(outcome)
}

/// Has them begin once all are ready, and takes their results.
fn listen(
    parts: &mut Parts,
    said: &Receiver<Word>,
    count: u16,
    (waker, signals): (&Arc<Waker>, &Signals),
) -> anyhow::Result<Outcome> {
    let mut outcome = Outcome::new(latencies()?);
    let (mut ready, mut results, mut gone) = (0, 0, 0);
    while gone < count {
        waker.wait([], None)?;
        if signals.received().is_some() {
            parts.stop();
        }
        for word in said.try_iter() {
            match word {
                Word::Ready => {
                    ready += 1;
                    if ready == count {
                        parts.begin();
                    }
                }
                Word::Result(text) => {
                    results += u16::from(outcome.unpack(&text).is_some());
                    if outcome.failure.is_some() {
                        parts.stop();
                    }
                }
                Word::Gone => {
                    gone += 1;
                    if gone > results {
                        parts.stop();
                    }
                }
            }
        }
    }
    if results < count {
        let why = "a process that had one of the connections has ended without a result";
        outcome.failure.get_or_insert(Failure::new(Exit::Failed, why));
    }
    Ok(outcome)
}

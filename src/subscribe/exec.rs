//! Commands between the inbox and the session. The inbox puts each message into
//! the pool, held back from being acknowledged; its command ends on a thread of
//! the pool, which acknowledges the message if there is nothing more to do; what
//! is to be said of it, or answered, the main thread finds in the [`Outbox`].

use std::collections::VecDeque;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::answer::Answers;
use crate::config::GRACE;
use crate::config::exec::Exec;
use crate::exec::{Outcome, Overseer, Pool, Task, Terms};
use crate::exit::Exit;
use crate::failure::{Failure, quote};
use crate::flags::exec::OnFailure;
use crate::message::{Qos, Received, Subscription};
use crate::output::Renderer;
use crate::report::Report;
use crate::session::{Reins, Session};
use crate::template::Misfit;
use crate::waker::Waker;

/// How many outcomes may wait for the main thread, before commands wait as well.
const OUTCOMES: usize = 1000;

/// How long commands may take to end that were killed.
const BURIAL: Duration = Duration::from_secs(2);

/// What the main thread has to look at.
#[derive(Debug)]
pub(super) struct Outbox {
    outcomes: Mutex<VecDeque<Outcome>>,
    room: Condvar,
    /// How many commands have ended.
    ended: AtomicU64,
    /// Messages of `QoS` 1 and 2 that are to be answered and are not: the broker has
    /// to be heard, or their answers are never done.
    unanswered: AtomicU64,
    waker: Arc<Waker>,
}

impl Outbox {
    fn lock(&self) -> MutexGuard<'_, VecDeque<Outcome>> {
        self.outcomes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn answered(&self, qos: Qos) {
        if qos != Qos::AtMostOnce {
            self.unanswered.fetch_sub(1, Ordering::AcqRel);
        }
    }
}

/// What the pool tells.
struct Clerk {
    outbox: Arc<Outbox>,
    reins: Reins,
    answers: bool,
    on_failure: OnFailure,
}

impl Overseer for Clerk {
    fn full(&self) {
        if self.outbox.unanswered.load(Ordering::Acquire) == 0 {
            self.reins.pause();
        }
    }

    fn room(&self) {
        self.reins.resume();
    }

    fn finished(&self, outcome: Outcome) -> bool {
        self.outbox.ended.fetch_add(1, Ordering::AcqRel);
        let go_on = outcome.failure.is_none() || self.on_failure == OnFailure::Count;
        if outcome.failure.is_none() && !self.answers {
            self.reins.acknowledge(outcome.task.token);
            return true;
        }
        if self.answers && outcome.task.qos != Qos::AtMostOnce {
            self.outbox.unanswered.fetch_add(1, Ordering::AcqRel);
        }
        let mut outcomes = self.outbox.lock();
        outcomes.push_back(outcome);
        self.outbox.waker.wake();
        while outcomes.len() > OUTCOMES {
            outcomes = self.outbox.room.wait(outcomes).unwrap_or_else(PoisonError::into_inner);
        }
        go_on
    }

    fn rested(&self) {
        self.outbox.waker.wake();
    }
}

/// The side of the inbox.
pub(super) struct Taker {
    pool: Pool,
    reins: Reins,
    /// What makes something else of a message than its payload.
    renderer: Option<Renderer>,
    next: u64,
}

impl Taker {
    /// Has the command of a message run, sooner or later; tells what could not be
    /// shown of it.
    ///
    /// # Errors
    /// That no thread can be started.
    pub(super) fn take(&mut self, message: &Received<'_>) -> io::Result<Option<Misfit>> {
        let token = self.hold(message);
        let rendered = self.renderer.as_mut().map(|renderer| renderer.render(message));
        let (stdin, misfit) = match rendered {
            Some((bytes, misfit)) => (Some(bytes.to_vec()), misfit),
            None => (None, None),
        };
        self.pool.push(Task::new(token, message, stdin))?;
        Ok(misfit)
    }

    /// A message that no command is run for is acknowledged in its turn.
    pub(super) fn skip(&mut self, message: &Received<'_>) {
        let token = self.hold(message);
        self.reins.acknowledge(token);
    }

    fn hold(&mut self, message: &Received<'_>) -> u64 {
        if self.next == 0 {
            self.reins.keep_sockets();
        }
        self.next += 1;
        self.reins.hold(message.mid, self.next);
        self.next
    }
}

/// The side of the main thread.
pub(super) struct Desk {
    pool: Pool,
    outbox: Arc<Outbox>,
    reins: Reins,
    answers: Option<Answers>,
    on_failure: OnFailure,
    program: String,
    /// What was answered, in order, and whether it may be acknowledged when the
    /// answer is done with.
    under_way: VecDeque<(u64, Qos, bool)>,
    failed: u64,
    report: Report,
}

/// Looks whether there is such a program.
///
/// # Errors
/// That there is none, or none that may be run.
pub(super) fn look(exec: &Exec) -> Result<(), Failure> {
    let path = std::env::var_os("PATH");
    exec.recipe.look(path.as_deref()).map_err(|why| {
        let program = quote(&exec.recipe.program().to_string_lossy());
        Failure::new(Exit::Failed, format!("--exec: cannot run {program}: {why}"))
    })
}

/// Both sides.
///
/// # Errors
/// That no descriptors are left, or that there is no such program.
pub(super) fn open(
    exec: Exec,
    renderer: Option<Renderer>,
    subscriptions: &[Subscription],
    waker: &Arc<Waker>,
    report: Report,
) -> anyhow::Result<(Taker, Desk)> {
    let program = exec.recipe.program().to_string_lossy().into_owned();
    look(&exec)?;
    let outbox = Arc::new(Outbox {
        outcomes: Mutex::default(),
        room: Condvar::new(),
        ended: AtomicU64::new(0),
        unanswered: AtomicU64::new(0),
        waker: Arc::clone(waker),
    });
    let clerk = Clerk {
        outbox: Arc::clone(&outbox),
        reins: Reins,
        answers: exec.reply.is_some(),
        on_failure: exec.on_failure,
    };
    let terms = Terms {
        recipe: exec.recipe,
        jobs: exec.jobs.into(),
        timeout: exec.timeout,
        collect: exec.reply.is_some(),
    };
    let pool = Pool::new(terms, Box::new(clerk))?;
    let taker = Taker {
        pool: pool.share(),
        reins: Reins,
        renderer,
        next: 0,
    };
    let desk = Desk {
        pool,
        outbox,
        reins: Reins,
        answers: exec.reply.map(|reply| Answers::new(reply, subscriptions, report)),
        on_failure: exec.on_failure,
        program,
        under_way: VecDeque::new(),
        failed: 0,
        report,
    };
    Ok((taker, desk))
}

impl Desk {
    /// The commands, for another thread.
    pub(super) fn pool(&self) -> Pool {
        self.pool.share()
    }

    /// Whether what commands write does not go to our stdout.
    pub(super) fn answers(&self) -> bool {
        self.answers.is_some()
    }

    /// Looks at what has happened; returns the failure that ends the run, if there
    /// is one.
    pub(super) fn attend(&mut self, session: &Session) -> Option<Failure> {
        if self.answers() {
            if !self.under_way.is_empty() {
                // What is written may not be noted before somebody asks.
                session.is_drained();
            }
            // Of an answer that was refused there is word elsewhere; asking again
            // would not help.
            for _ in session.take_settled() {
                if let Some((token, qos, done)) = self.under_way.pop_front() {
                    self.outbox.answered(qos);
                    if done {
                        self.reins.acknowledge(token);
                    }
                }
            }
        }
        let mut fatal = None;
        while !self.answers() || session.wants_more() {
            let mut outcomes = self.outbox.lock();
            let Some(outcome) = outcomes.pop_front() else { break };
            drop(outcomes);
            self.outbox.room.notify_one();
            let failure = self.judge(&outcome, session);
            fatal = fatal.or(failure);
        }
        fatal
    }

    fn judge(&mut self, outcome: &Outcome, session: &Session) -> Option<Failure> {
        let task = &outcome.task;
        let done = outcome.failure.is_none() || self.on_failure == OnFailure::Count;
        let mut fatal = None;
        if let Some(why) = &outcome.failure {
            self.failed += 1;
            let text = format!("message on topic {}: {}: {why}", quote(&task.topic), self.program);
            if done {
                self.report.warn(text);
            } else {
                fatal = Some(Failure::new(Exit::Failed, text));
            }
        }
        let answer = self.answers.as_mut().and_then(|answers| answers.to(outcome));
        if let Some(answer) = answer {
            self.under_way.push_back((task.token, task.qos, done));
            session.publish([answer]);
            return fatal;
        }
        if self.answers() {
            self.outbox.answered(task.qos);
        }
        if done {
            self.reins.acknowledge(task.token);
        }
        fatal
    }

    /// Whether something is left to do.
    pub(super) fn is_busy(&self) -> bool {
        !(self.pool.is_idle() && self.outbox.lock().is_empty() && self.under_way.is_empty())
    }

    /// Starts no more commands.
    pub(super) fn stop(&self) {
        self.pool.stop();
    }

    /// How many commands have failed, of how many, if some have and that is not
    /// the end of the run.
    pub(super) fn losses(&self) -> Option<Failure> {
        if self.failed == 0 || self.on_failure == OnFailure::Stop {
            return None;
        }
        let ended = self.outbox.ended.load(Ordering::Acquire);
        let were = if ended == 1 { "command" } else { "commands" };
        let text = format!("{} of {ended} {were} failed", self.failed);
        Some(Failure::new(Exit::Failed, text))
    }

    /// Asks what runs to end.
    pub(super) fn terminate(&self) {
        self.pool.terminate();
    }

    /// Leaves nothing behind that runs; `hurry` if it has had its time.
    pub(super) fn close(&self, hurry: bool) {
        self.pool.stop();
        // Nobody looks at these any more.
        let clear = || {
            self.outbox.lock().clear();
            self.outbox.room.notify_all();
        };
        clear();
        if hurry || !self.pool.wait(GRACE) {
            self.pool.terminate();
            clear();
            self.pool.wait(BURIAL);
        }
    }
}

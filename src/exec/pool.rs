//! The commands for the messages: so many at a time, in the order of each topic,
//! on threads that are made when they are needed. A queue that is full says so,
//! and again when it has room.

use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::queue::Queue;
use super::registry::Registry;
use super::{Recipe, Task, child};

/// How many messages may wait, and how many bytes, before the queue is full. What
/// comes all the same is still taken.
const MOST: usize = 1000;
const MOST_BYTES: usize = 16 * 1024 * 1024;

/// How the commands are run.
#[derive(Clone, Debug)]
pub struct Terms {
    /// What is run.
    pub recipe: Recipe,
    /// How many at a time.
    pub jobs: usize,
    /// How long each may take.
    pub timeout: Option<Duration>,
    /// What they write to stdout is collected, and not inherited.
    pub collect: bool,
}

/// How the command for a message went.
#[derive(Debug)]
pub struct Outcome {
    /// The message.
    pub task: Task,
    /// What it wrote to its stdout, if that is collected.
    pub output: Vec<u8>,
    /// Why it failed, if it did, in a clause.
    pub failure: Option<String>,
}

/// Who is told. Every call may come on any thread, the first two with the queue
/// locked.
pub trait Overseer: Send + Sync {
    /// The queue is full; it may be told several times.
    fn full(&self);
    /// The queue has room again.
    fn room(&self);
    /// A command is over; whether another is to be started.
    fn finished(&self, outcome: Outcome) -> bool;
    /// Nothing is under way and nothing waits.
    fn rested(&self);
}

/// Runs commands.
pub struct Pool {
    shared: Arc<Shared>,
}

struct Shared {
    state: Mutex<State>,
    /// Something is ready, or all is over.
    work: Condvar,
    /// A command is over.
    over: Condvar,
    terms: Terms,
    registry: Registry,
    overseer: Box<dyn Overseer>,
}

#[derive(Default)]
struct State {
    queue: Queue,
    running: usize,
    threads: usize,
    idle: usize,
    full: bool,
    stopped: bool,
}

impl Pool {
    /// Nothing runs before the first message.
    ///
    /// # Errors
    /// That no descriptors are left.
    pub fn new(terms: Terms, overseer: Box<dyn Overseer>) -> io::Result<Self> {
        let shared = Shared {
            state: Mutex::default(),
            work: Condvar::new(),
            over: Condvar::new(),
            terms,
            registry: Registry::new()?,
            overseer,
        };
        Ok(Self {
            shared: Arc::new(shared),
        })
    }

    /// The same pool, for another thread.
    #[must_use]
    pub fn share(&self) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
        }
    }

    /// Takes a message, unless it has been stopped. Its token is higher than those
    /// before.
    ///
    /// # Errors
    /// That no thread can be started, and there is none.
    pub fn push(&self, task: Task) -> io::Result<bool> {
        let mut state = self.shared.lock();
        if state.stopped {
            return Ok(false);
        }
        state.queue.push(task);
        if state.queue.count() > MOST || state.queue.bytes() > MOST_BYTES {
            state.full = true;
            self.shared.overseer.full();
        }
        if state.queue.ready() > state.idle && state.threads < self.shared.terms.jobs {
            let shared = Arc::clone(&self.shared);
            let started = thread::Builder::new()
                .name("command".into())
                .spawn(move || shared.work());
            match started {
                Ok(_) => state.threads += 1,
                Err(error) if state.threads == 0 => return Err(error),
                Err(_) => {}
            }
        }
        self.shared.work.notify_one();
        Ok(true)
    }

    /// Whether nothing is under way and nothing waits.
    pub fn is_idle(&self) -> bool {
        let state = self.shared.lock();
        state.is_idle()
    }

    /// Starts no more commands, and forgets what waits.
    pub fn stop(&self) {
        self.shared.stop(&mut self.shared.lock());
    }

    /// Asks the commands that run to end, and kills those that do not in a second.
    pub fn terminate(&self) {
        self.stop();
        self.shared.registry.sound();
    }

    /// Waits until nothing runs, for this time at most; whether nothing does.
    pub fn wait(&self, patience: Duration) -> bool {
        let until = Instant::now() + patience;
        let mut state = self.shared.lock();
        while !state.is_idle() {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            let waited = self.shared.over.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        true
    }

    /// Kills what runs at once, and does `then` before anything else can start.
    pub fn kill(&self, then: impl FnOnce()) {
        self.shared.registry.kill(then);
    }
}

impl State {
    fn is_idle(&self) -> bool {
        self.running == 0 && self.queue.count() == 0
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn stop(&self, state: &mut State) {
        state.stopped = true;
        state.queue.clear();
        self.make_room(state);
        self.work.notify_all();
    }

    fn make_room(&self, state: &mut State) {
        let queue = &state.queue;
        if state.full && queue.count() <= MOST / 2 && queue.bytes() <= MOST_BYTES / 2 {
            state.full = false;
            self.overseer.room();
        }
    }

    /// What a thread does.
    fn work(&self) {
        let mut state = self.lock();
        loop {
            let Some(task) = state.queue.next() else {
                if state.stopped {
                    return;
                }
                state.idle += 1;
                state = self.work.wait(state).unwrap_or_else(PoisonError::into_inner);
                state.idle -= 1;
                continue;
            };
            let topic = Arc::clone(&task.topic);
            state.running += 1;
            self.make_room(&mut state);
            drop(state);
            let terms = &self.terms;
            let run = child::run(&terms.recipe, &task, terms.collect, terms.timeout, &self.registry);
            let go_on = self.overseer.finished(Outcome {
                task,
                output: run.output,
                failure: run.failure,
            });
            state = self.lock();
            state.running -= 1;
            state.queue.finish(&topic);
            if !go_on {
                self.stop(&mut state);
            }
            self.over.notify_all();
            if state.queue.ready() > 0 && state.idle > 0 {
                self.work.notify_one();
            }
            if state.is_idle() {
                self.overseer.rested();
            }
        }
    }
}

#[cfg(test)]
mod tests;

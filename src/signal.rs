//! Signals: the first one asks, the second one kills. What was asked is seen by
//! the main thread, which the signal wakes.

use std::io::{self, Read as _};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::Instant;

use signal_hook::consts::SIGHUP;
pub use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::{flag, low_level};

use crate::process::is_ignored;
use crate::waker::Waker;

/// The signals that ask a run to end.
const ENDING: [i32; 3] = [SIGINT, SIGTERM, SIGHUP];

/// What has been asked for so far.
#[derive(Clone, Debug, Default)]
pub struct Signals {
    received: Arc<AtomicUsize>,
    /// When the first one was noticed.
    since: Arc<OnceLock<Instant>>,
}

impl Signals {
    /// Listens from now on.
    ///
    /// # Errors
    /// That of `sigaction(2)`, or of `dup(2)`.
    pub fn listen(waker: &Waker) -> io::Result<Self> {
        let signals = Self::default();
        let second = Arc::new(AtomicBool::new(false));
        for signal in ENDING.into_iter().filter(|signal| !is_ignored(*signal)) {
            // In this order: the first signal finds the flag down and raises it.
            flag::register_conditional_default(signal, Arc::clone(&second))?;
            flag::register(signal, Arc::clone(&second))?;
            flag::register_usize(
                signal,
                Arc::clone(&signals.received),
                usize::try_from(signal).unwrap_or(0),
            )?;
            low_level::pipe::register(signal, waker.handle()?)?;
        }
        Ok(signals)
    }

    /// Listens from now on; before the second signal kills, `last` is done, on a
    /// thread of its own.
    ///
    /// # Errors
    /// As [`Signals::listen`], or that no thread can be started.
    pub fn listen_with(waker: &Waker, last: impl FnOnce(&dyn Fn()) + Send + 'static) -> io::Result<Self> {
        let signals = Self::default();
        let (mut reader, writer) = io::pipe()?;
        for signal in ENDING.into_iter().filter(|signal| !is_ignored(*signal)) {
            flag::register_usize(
                signal,
                Arc::clone(&signals.received),
                usize::try_from(signal).unwrap_or(0),
            )?;
            low_level::pipe::register(signal, writer.try_clone()?)?;
            low_level::pipe::register(signal, waker.handle()?)?;
        }
        let these = signals.clone();
        thread::Builder::new().name("signals".into()).spawn(move || {
            // A byte for each signal.
            if reader.read_exact(&mut [0; 2]).is_ok() {
                last(&|| die_of(these.received().unwrap_or(SIGTERM)));
            }
        })?;
        Ok(signals)
    }

    /// When a signal asked for the end, if one did: the first time that somebody
    /// looked after it had come.
    pub fn since(&self) -> Option<Instant> {
        self.received().map(|_| *self.since.get_or_init(Instant::now))
    }

    /// The signal that asked for the end, if one did.
    pub fn received(&self) -> Option<i32> {
        i32::try_from(self.received.load(Ordering::Acquire))
            .ok()
            .filter(|signal| *signal != 0)
    }
}

/// Ends the process as the signal itself would have.
pub fn die_of(signal: i32) {
    let _ = low_level::emulate_default_handler(signal);
}

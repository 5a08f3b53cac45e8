//! Signals: the first one asks, the second one kills. What was asked is seen by
//! the main thread, which the signal wakes.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use signal_hook::consts::SIGHUP;
pub use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::{flag, low_level};

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

/// Whether who started us wants this signal to be ignored, as nohup(1) does. Linux
/// tells; elsewhere no signal counts as ignored.
fn is_ignored(signal: i32) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    mask.is_some_and(|mask| mask >> (signal - 1) & 1 == 1)
}

/// Ends the process as the signal itself would have.
pub fn die_of(signal: i32) {
    let _ = low_level::emulate_default_handler(signal);
}

//! A pipe read to its end in the background, so that its writer never waits
//! for the test, while the test waits for what it needs to see.
//!
//! It knows nothing of processes: see [`runner`](super::runner) for those.

use std::io::{self, PipeWriter, Read};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread;
use std::time::Instant;

use rustix::event::{PollFd, PollFlags};

/// What has been read from a pipe so far; a thread keeps reading.
pub struct Capture {
    shared: Arc<Shared>,
    /// Dropped to make the thread drop its end of the pipe.
    stop: Option<PipeWriter>,
}

#[derive(Default)]
struct Shared {
    seen: Mutex<Seen>,
    changed: Condvar,
}

#[derive(Default)]
struct Seen {
    bytes: Vec<u8>,
    /// How many of the bytes the test has taken.
    taken: usize,
    closed: bool,
}

impl Capture {
    /// Starts to read from `source`.
    pub fn start(source: impl Into<OwnedFd>) -> Self {
        let (stopped, stop) = io::pipe().unwrap();
        let shared = Arc::<Shared>::default();
        let source = std::fs::File::from(source.into());
        let writer = Arc::clone(&shared);
        thread::spawn(move || {
            pump(source, &stopped, &writer);
            writer.update(|seen| seen.closed = true);
        });
        Self {
            shared,
            stop: Some(stop),
        }
    }

    /// Drops the reading end of the pipe, so that its writer gets `EPIPE`;
    /// what was read before stays.
    pub fn close(&mut self) {
        self.stop = None;
        let until = Instant::now() + super::DEADLINE;
        assert!(self.wait_end(until), "the pipe cannot be closed");
    }

    /// Waits for the end of the pipe, and says whether it came before `until`.
    pub fn wait_end(&self, until: Instant) -> bool {
        self.wait(until, |seen| seen.closed.then_some(())).is_some()
    }

    /// Waits until `text` has been seen, not before the byte number `from` but
    /// also in what was taken, and says whether it was before the pipe's end
    /// and `until`.
    pub fn wait_contains(&self, text: &str, from: usize, until: Instant) -> bool {
        self.wait_satisfies(|bytes| String::from_utf8_lossy(&bytes[from..]).contains(text), until)
    }

    /// Waits until all that has been seen satisfies this, and says whether it did
    /// before the pipe's end and `until`.
    pub fn wait_satisfies(&self, holds: impl Fn(&[u8]) -> bool, until: Instant) -> bool {
        let found = self.wait(until, |seen| {
            let found = holds(&seen.bytes);
            (found || seen.closed).then_some(found)
        });
        found == Some(true)
    }

    /// Takes the next line with its line feed. At the pipe's end this is what
    /// is left, which can be nothing. `None` when `until` passed.
    pub fn take_line(&self, until: Instant) -> Option<Vec<u8>> {
        self.wait(until, |seen| {
            let line = seen.rest().split_inclusive(|byte| *byte == b'\n').next();
            let length = line.map_or(0, <[u8]>::len);
            let whole = line.is_some_and(|line| line.ends_with(b"\n"));
            (whole || seen.closed).then(|| seen.take(length))
        })
    }

    /// Takes the next `count` bytes, or fewer at the pipe's end. `None` when
    /// `until` passed.
    pub fn take_exact(&self, count: usize, until: Instant) -> Option<Vec<u8>> {
        self.wait(until, |seen| {
            let length = seen.rest().len().min(count);
            (length == count || seen.closed).then(|| seen.take(length))
        })
    }

    /// What has been seen and not been taken.
    pub fn rest(&self) -> Vec<u8> {
        self.shared.lock().rest().to_vec()
    }

    /// All that has been seen, also what was taken.
    pub fn all(&self) -> Vec<u8> {
        self.shared.lock().bytes.clone()
    }

    /// How many bytes have been seen.
    pub fn count(&self) -> usize {
        self.shared.lock().bytes.len()
    }

    fn wait<T>(&self, until: Instant, mut look: impl FnMut(&mut Seen) -> Option<T>) -> Option<T> {
        let mut seen = self.shared.lock();
        loop {
            if let Some(found) = look(&mut seen) {
                return Some(found);
            }
            let left = until.checked_duration_since(Instant::now())?;
            seen = self.shared.changed.wait_timeout(seen, left).unwrap().0;
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap()
    }

    fn update(&self, change: impl FnOnce(&mut Seen)) {
        change(&mut self.lock());
        self.changed.notify_all();
    }
}

impl Seen {
    fn rest(&self) -> &[u8] {
        &self.bytes[self.taken..]
    }

    fn take(&mut self, length: usize) -> Vec<u8> {
        let taken = self.rest()[..length].to_vec();
        self.taken += length;
        taken
    }
}

/// Copies from `source` into `shared` until its end, or until `stopped` has no
/// writer any more. The source is closed when this returns.
fn pump(mut source: impl Read + AsFd, stopped: &impl AsFd, shared: &Shared) {
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let mut fds = [PollFd::new(&source, PollFlags::IN), PollFd::new(stopped, PollFlags::IN)];
        super::poll(&mut fds, None);
        if !fds[1].revents().is_empty() {
            return;
        }
        match source.read(&mut buffer) {
            Ok(0) => return,
            Ok(count) => shared.update(|seen| seen.bytes.extend_from_slice(&buffer[..count])),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            // So a terminal says that no program has it any more.
            Err(error) if error.raw_os_error() == Some(rustix::io::Errno::IO.raw_os_error()) => return,
            Err(error) => panic!("cannot read from a pipe: {error}"),
        }
    }
}

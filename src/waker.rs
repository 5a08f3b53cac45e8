//! Wakes the main thread, which waits in one place for everything: signals,
//! Paho's threads, its input, the time.

#![expect(clippy::indexing_slicing, reason = "the first entry is always there")]

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

/// A pipe that never blocks, and that no child inherits.
#[cfg(not(target_vendor = "apple"))]
fn pipe() -> io::Result<(OwnedFd, OwnedFd)> {
    use rustix::pipe::{PipeFlags, pipe_with};
    Ok(pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK)?)
}

/// The same, where `pipe2(2)` is missing.
#[cfg(target_vendor = "apple")]
fn pipe() -> io::Result<(OwnedFd, OwnedFd)> {
    let ends = rustix::pipe::pipe()?;
    for end in [&ends.0, &ends.1] {
        rustix::io::ioctl_fionbio(end, true)?;
        rustix::io::fcntl_setfd(end, rustix::io::FdFlags::CLOEXEC)?;
    }
    Ok(ends)
}

/// A pipe that wakes who waits on it.
#[derive(Debug)]
pub struct Waker {
    reader: OwnedFd,
    writer: OwnedFd,
    /// A byte is in the pipe: another one would say nothing new.
    woken: AtomicBool,
}

impl Waker {
    /// # Errors
    /// That of `pipe2(2)`: no descriptors are left.
    pub fn new() -> io::Result<Self> {
        let (reader, writer) = pipe()?;
        Ok(Self {
            reader,
            writer,
            woken: AtomicBool::new(false),
        })
    }

    /// Ends the wait that is under way, or the next one.
    pub fn wake(&self) {
        if !self.woken.swap(true, Ordering::AcqRel) {
            let _ = rustix::io::write(&self.writer, &[0]);
        }
    }

    /// A descriptor for a signal handler to write to.
    ///
    /// # Errors
    /// That of `dup(2)`: no descriptors are left.
    pub fn handle(&self) -> io::Result<OwnedFd> {
        self.writer.try_clone()
    }

    /// Waits until woken, until the deadline, or until one of the descriptors is
    /// ready for what is asked of it (an error or a hang-up always counts); the
    /// answer has the readiness of each.
    ///
    /// # Errors
    /// That of `poll(2)`, other than an interruption by a signal.
    pub fn wait<const N: usize>(
        &self,
        others: [(Option<BorrowedFd<'_>>, PollFlags); N],
        deadline: Option<Instant>,
    ) -> io::Result<[PollFlags; N]> {
        let mut entries = Vec::with_capacity(N + 1);
        entries.push(PollFd::from_borrowed_fd(self.reader.as_fd(), PollFlags::IN));
        for (descriptor, interest) in &others {
            if let Some(descriptor) = descriptor {
                entries.push(PollFd::from_borrowed_fd(*descriptor, *interest));
            }
        }
        let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        let timeout = left.and_then(|left| Timespec::try_from(left.max(Duration::ZERO)).ok());
        match poll(&mut entries, timeout.as_ref()) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        if !entries[0].revents().is_empty() {
            let mut bytes = [0; 64];
            while rustix::io::read(&self.reader, &mut bytes).is_ok_and(|count| count == bytes.len()) {}
            // Only now: a wake between the two would leave the flag up and the
            // pipe empty, and no later one would be heard. Who finds the flag
            // still up has done its work before this line.
            self.woken.swap(false, Ordering::AcqRel);
        }
        let mut ready = entries[1..].iter().map(PollFd::revents);
        Ok(others.map(|(descriptor, _)| {
            descriptor.map_or(PollFlags::empty(), |_| ready.next().unwrap_or(PollFlags::empty()))
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wake_before_the_wait_ends_it() {
        let waker = Waker::new().unwrap();
        waker.wake();
        waker.wake();
        waker.wait([], None).unwrap();
        let past = Some(Instant::now());
        waker.wait([], past).unwrap();
        waker.wake();
        waker.wait([], None).unwrap();
    }

    #[test]
    fn no_wake_is_lost_in_a_race() {
        const WAKES: u64 = 20_000;
        let waker = Waker::new().unwrap();
        let sent = std::sync::atomic::AtomicU64::new(0);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                for number in 1..=WAKES {
                    sent.store(number, Ordering::Release);
                    waker.wake();
                }
            });
            let deadline = Instant::now() + Duration::from_secs(20);
            while sent.load(Ordering::Acquire) < WAKES {
                waker.wait([], Some(deadline)).unwrap();
                assert!(Instant::now() < deadline, "a wake was lost");
            }
        });
    }

    #[test]
    fn readiness_is_told_apart() {
        let waker = Waker::new().unwrap();
        let (reader, writer) = io::pipe().unwrap();
        let ask = || {
            waker.wait(
                [
                    (None, PollFlags::IN),
                    (Some(reader.as_fd()), PollFlags::IN),
                    (Some(writer.as_fd()), PollFlags::OUT),
                ],
                Some(Instant::now()),
            )
        };
        let [none, read, write] = ask().unwrap();
        assert!(none.is_empty() && read.is_empty() && write.contains(PollFlags::OUT));
        rustix::io::write(&writer, b"x").unwrap();
        let [_, read, _] = ask().unwrap();
        assert!(read.contains(PollFlags::IN));
    }
}

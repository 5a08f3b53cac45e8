//! The seam: the C calls that Paho's socket layer makes, defined here as symbols
//! of the executable, so that Paho's bytes go through our [`Line`].
//!
//! Paho connects to a Unix socket of a made-up name. `connect` puts the line's
//! real socket in the place of the one that Paho made (`Socket_unix_new`), and
//! from then on `writev`, `recv` and `poll` on that descriptor are answered from
//! the line's buffers, mostly without a system call. Every other call goes to
//! the kernel unchanged: the standard library and others use these symbols too.
//!
//! One line at a time: a process has one connection to one broker.

#![expect(
    unsafe_code,
    reason = "this file defines C functions and reads the memory that their callers point to"
)]
#![expect(
    clippy::indexing_slicing,
    reason = "the positions are those of entries that were found, and no slice is empty"
)]

mod kernel;

use std::cell::RefCell;
use std::io::IoSlice;
use std::os::fd::{AsRawFd as _, RawFd};
use std::sync::atomic::{AtomicI32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Instant;

use libc::{c_int, c_void, iovec, nfds_t, pollfd, size_t, sockaddr, sockaddr_un, socklen_t, ssize_t};

use super::attendant::Attendant;
use super::line::Line;
use super::lull::Lull;
use super::once::Turn;
use super::{announcement, pause};

/// The URI to give to Paho for a client that shall use the attached line.
pub(crate) const URI: &std::ffi::CStr = c"unix://mqtools";

/// The path in it, as it arrives in `connect`.
const PATH: &[u8] = b"mqtools\0";

/// The descriptors below this one are looked at for sockets of ours: the lowest
/// that are free are taken, and who started us has left few open.
const OURS: c_int = 1024;

/// What Paho's calls find.
struct Seam {
    line: Option<Line>,
    attendant: Option<Arc<dyn Attendant>>,
}

static SEAM: Mutex<Seam> = Mutex::new(Seam {
    line: None,
    attendant: None,
});
/// The descriptor that Paho knows the line by; -1 while it knows of none.
static DESCRIPTOR: AtomicI32 = AtomicI32::new(-1);
/// Counts the lines, so that a thread notices that its read buffer is of an
/// earlier one.
static LINES: AtomicU64 = AtomicU64::new(0);

/// What Paho's receiving thread has read and not yet consumed.
struct Inbound {
    line: u64,
    bytes: Vec<u8>,
    at: usize,
    /// The last `poll` was answered without the kernel, or the kernel said that
    /// nothing else is readable: Paho's `Socket_getReadySocket` then need not
    /// ask its interrupt socket.
    only_line: bool,
    /// There are messages of `QoS` 2.
    exactly_once: bool,
    lull: Lull,
}

impl Inbound {
    const fn new() -> Self {
        Self {
            line: 0,
            bytes: Vec::new(),
            at: 0,
            only_line: false,
            exactly_once: false,
            lull: Lull::new(),
        }
    }
}

thread_local! {
    static INBOUND: RefCell<Inbound> = const { RefCell::new(Inbound::new()) };
}

unsafe extern "C" {
    /// Wakes Paho's receiving thread (Paho's `Socket.c`).
    fn Socket_interrupt() -> c_int;
}

fn seam() -> MutexGuard<'static, Seam> {
    SEAM.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Makes this the line that the next client of Paho's will use.
pub(crate) fn attach(mut line: Line, attendant: Arc<dyn Attendant>) {
    let mut seam = seam();
    DESCRIPTOR.store(-1, Ordering::Release);
    announcement::forget();
    pause::end();
    if let Some(before) = &mut seam.line {
        line.inherit(before);
    }
    seam.line = Some(line);
    seam.attendant = Some(attendant);
}

/// Looks at the line, if there is one.
pub(crate) fn with_line<T>(look: impl FnOnce(&mut Line) -> T) -> Option<T> {
    seam().line.as_mut().map(look)
}

/// As [`with_line`], but gives up at once while a write waits for the broker.
pub(crate) fn try_with_line<T>(look: impl FnOnce(&mut Line) -> T) -> Option<T> {
    SEAM.try_lock().ok()?.line.as_mut().map(look)
}

/// Leaves everything that Paho has not consumed yet, and all that may come,
/// unread; to be called in a callback on Paho's receiving thread.
pub(crate) fn stop_reading() {
    INBOUND.with_borrow_mut(|inbound| inbound.bytes.clear());
    with_line(Line::stop_reading);
}

/// Leaves a message with the broker: it is not acknowledged.
pub(crate) fn leave(mid: u16) {
    with_line(|line| line.leave(mid));
}

/// Whether the message that Paho hands over at `QoS` 1 with this packet identifier
/// came at `QoS` 2, and then whose turn it is; to be asked in a callback on Paho's
/// receiving thread.
pub(crate) fn turn(mid: u16) -> Option<Turn> {
    let possible = INBOUND.with_borrow(|inbound| inbound.exactly_once);
    let turn = possible.then(|| with_line(|line| line.watch().once().turn(mid)));
    turn.flatten().flatten()
}

/// Reads again after [`pause::pause`].
pub(crate) fn resume() {
    pause::end();
    // SAFETY: a function of Paho's without arguments that writes to its own
    // socket pair, from any thread.
    unsafe { Socket_interrupt() };
}

/// Keeps our sockets from the programs that are started from now on: Paho's own
/// pair is made without that (`Socket_outInitialize`), with the first client.
pub(crate) fn keep_sockets() {
    (3..OURS)
        .filter(|number| kernel::is_socket(*number))
        .for_each(kernel::keep);
}

/// Whether more has been read than Paho has consumed; to be asked in a callback
/// on Paho's receiving thread.
pub(crate) fn more_waiting() -> bool {
    INBOUND.with_borrow(|inbound| inbound.at < inbound.bytes.len())
}

/// Hangs up from another thread while a write may be waiting with the line
/// locked: a shut socket wakes it.
pub(crate) fn hang_up() {
    let descriptor = DESCRIPTOR.load(Ordering::Acquire);
    if descriptor >= 0 {
        kernel::shut(descriptor);
    }
    with_line(Line::hang_up);
}

impl Inbound {
    fn has_bytes(&self) -> bool {
        self.at < self.bytes.len()
    }

    /// Whether Paho should look. While paused, it finds the answer to its PINGREQ
    /// before all else.
    fn is_ready(&mut self) -> bool {
        if pause::owes_pong() {
            self.bytes.splice(self.at..self.at, pause::PONG);
            return true;
        }
        !pause::is_on() && (self.has_bytes() || self.refill())
    }

    /// Reads what has come. `true` if Paho should look: bytes, or the end.
    fn refill(&mut self) -> bool {
        let current = LINES.load(Ordering::Acquire);
        if self.line != current {
            self.line = current;
            self.bytes.clear();
            self.at = 0;
        }
        if self.has_bytes() {
            return true;
        }
        self.at = 0;
        self.bytes.clear();
        // Paho has consumed all that was read, and more is always waiting.
        if with_line(Line::is_overdue) == Some(true) {
            settle();
        }
        let mut seam = seam();
        let Some(line) = seam.line.as_mut() else { return true };
        // Before anything new is read: Paho has seen the last answer of these
        // exchanges by now, and will not take it for that of a message to which it
        // gives the same packet identifier (`MQTTAsync_cycle` would free it).
        let resolved = line.watch().take_resolved();
        line.read_into(&mut self.bytes);
        self.lull.came(self.bytes.len());
        self.exactly_once = line.watch().once().is_in_use();
        let look = self.has_bytes() || line.down().is_some();
        let proven = line.watch().take_proven();
        let passed = line.watch().take_passed();
        if (proven.is_some() || passed || !resolved.is_empty())
            && let Some(attendant) = seam.attendant.clone()
        {
            drop(seam);
            if let Some(ordinal) = proven {
                attendant.proven(ordinal);
            }
            if passed {
                attendant.passed();
            }
            if !resolved.is_empty() {
                attendant.resolved(resolved);
            }
        }
        look
    }
}

/// Lets everything out before the receiving thread waits: first what was
/// received, then its acknowledgements.
fn settle() {
    let attendant = seam().attendant.clone();
    let written = attendant.is_none_or(|attendant| attendant.settle());
    with_line(|line| {
        if !written {
            line.withhold();
        }
        line.release();
    });
}

/// `connect(2)`: the made-up path gets the attached line, everything else the
/// kernel.
///
/// # Safety
/// As for `connect(2)`.
#[unsafe(no_mangle)]
pub(super) unsafe extern "C" fn connect(socket: c_int, address: *const sockaddr, length: socklen_t) -> c_int {
    // SAFETY: the caller promises `length` readable bytes at `address`.
    if unsafe { is_ours(address, length) } {
        return install(socket);
    }
    // SAFETY: passed on as they were given.
    unsafe { kernel::connect(socket, address, length) }
}

/// # Safety
/// There are `length` readable bytes at `address`.
unsafe fn is_ours(address: *const sockaddr, length: socklen_t) -> bool {
    if address.is_null() || (length as usize) < size_of::<sockaddr_un>() {
        return false;
    }
    // SAFETY: long enough for any socket address, as was just checked.
    let unix = unsafe { address.cast::<sockaddr_un>().read_unaligned() };
    c_int::from(unix.sun_family) == libc::AF_UNIX
        && PATH
            .iter()
            .zip(unix.sun_path)
            .all(|(ours, theirs)| *ours == theirs.to_ne_bytes()[0])
}

/// Puts the line's socket in the place of Paho's.
fn install(socket: RawFd) -> c_int {
    let Some(real) = with_line(|line| line.socket().as_raw_fd()) else {
        kernel::set_errno(libc::ECONNREFUSED);
        return -1;
    };
    if kernel::replace(real, socket) < 0 {
        return -1;
    }
    LINES.fetch_add(1, Ordering::AcqRel);
    DESCRIPTOR.store(socket, Ordering::Release);
    // SAFETY: a function of Paho's without arguments that writes to its own
    // socket pair. Without it the receiving thread would sleep for 10 ms before
    // it knows of the new socket (`MQTTAsync_receiveThread`).
    unsafe { Socket_interrupt() };
    0
}

/// `writev(2)`: the line takes a packet whole, always.
///
/// # Safety
/// As for `writev(2)`.
#[unsafe(no_mangle)]
pub(super) unsafe extern "C" fn writev(descriptor: c_int, vector: *const iovec, count: c_int) -> ssize_t {
    if descriptor < 0 || descriptor != DESCRIPTOR.load(Ordering::Acquire) {
        // SAFETY: passed on as they were given.
        return unsafe { kernel::writev(descriptor, vector, count) };
    }
    let count = usize::try_from(count).unwrap_or(0);
    // SAFETY: the caller promises `count` valid entries, and `IoSlice` has the
    // layout of `iovec` on Unix. A zero-length entry may have a null base, which
    // a slice must not have.
    let slices: Vec<IoSlice<'_>> = unsafe { std::slice::from_raw_parts(vector, count) }
        .iter()
        .filter(|part| part.iov_len > 0)
        // SAFETY: as above, for the bytes of each entry.
        .map(|part| IoSlice::new(unsafe { std::slice::from_raw_parts(part.iov_base.cast::<u8>(), part.iov_len) }))
        .collect();
    let length: usize = slices.iter().map(|slice| slice.len()).sum();
    let publish = slices
        .first()
        .is_some_and(|slice| slice[0] >> 4 == super::watch::kind::PUBLISH);
    let (expected, last) = announcement::written(publish);
    let goodbye = slices
        .first()
        .is_some_and(|slice| slice[0] >> 4 == super::watch::kind::DISCONNECT);
    if goodbye {
        // Paho's mutex is held here and in every callback: nothing is being
        // delivered meanwhile, and every acknowledgement has been taken.
        settle();
    }
    with_line(|line| line.take(&slices, expected, last));
    if goodbye {
        let attendant = seam().attendant.clone();
        if let Some(attendant) = attendant {
            attendant.closed();
        }
    }
    ssize_t::try_from(length).unwrap_or(ssize_t::MAX)
}

/// `recv(2)`: from what was read ahead.
///
/// # Safety
/// As for `recv(2)`.
#[unsafe(no_mangle)]
pub(super) unsafe extern "C" fn recv(descriptor: c_int, buffer: *mut c_void, length: size_t, flags: c_int) -> ssize_t {
    if descriptor >= 0 && descriptor == DESCRIPTOR.load(Ordering::Acquire) {
        if length == 0 {
            // `Socket_close_only` says goodbye with an empty `recv`; the `close`
            // that follows frees the number for others.
            DESCRIPTOR.store(-1, Ordering::Release);
            return 0;
        }
        return INBOUND.with_borrow_mut(|inbound| {
            if !inbound.has_bytes() && !inbound.refill() {
                kernel::set_errno(libc::EAGAIN);
                return -1;
            }
            let count = length.min(inbound.bytes.len() - inbound.at);
            // SAFETY: `count` bytes are readable in our buffer, and the caller
            // promises `length`, no less, writable ones.
            unsafe {
                std::ptr::copy_nonoverlapping(inbound.bytes.as_ptr().add(inbound.at), buffer.cast::<u8>(), count);
            }
            inbound.at += count;
            ssize_t::try_from(count).unwrap_or(0)
        });
    }
    // Not while the line itself is being read, which comes here as well; and
    // the thread's own data may be gone when it ends.
    let only_line = INBOUND.try_with(|inbound| inbound.try_borrow().is_ok_and(|inbound| inbound.only_line));
    if length == 1 && only_line == Ok(true) {
        kernel::set_errno(libc::EAGAIN);
        return -1;
    }
    // SAFETY: passed on as they were given.
    unsafe { kernel::recv(descriptor, buffer, length, flags) }
}

/// `poll(2)`: Paho's receiving thread asks in turn whether the line can be
/// written (always) and whether it can be read.
///
/// # Safety
/// As for `poll(2)`.
#[unsafe(no_mangle)]
pub(super) unsafe extern "C" fn poll(entries: *mut pollfd, count: nfds_t, timeout: c_int) -> c_int {
    let line = DESCRIPTOR.load(Ordering::Acquire);
    let length = if entries.is_null() {
        0
    } else {
        usize::try_from(count).unwrap_or(0)
    };
    let slots: &mut [pollfd] = match length {
        0 => &mut [],
        // SAFETY: the caller promises `count` valid entries, and nobody else has
        // them while the call lasts.
        _ => unsafe { std::slice::from_raw_parts_mut(entries, length) },
    };
    let Some(index) = slots.iter().position(|slot| line >= 0 && slot.fd == line) else {
        // Without the line, Paho's interrupt socket must be asked again.
        let _ = INBOUND.try_with(|inbound| inbound.try_borrow_mut().map(|mut inbound| inbound.only_line = false));
        // SAFETY: passed on as they were given; so it is below.
        return unsafe { kernel::poll(entries, count, timeout) };
    };
    let ready = if slots[index].events & libc::POLLOUT != 0 {
        libc::POLLOUT
    } else if INBOUND.with_borrow_mut(Inbound::is_ready) {
        INBOUND.with_borrow_mut(|inbound| inbound.only_line = true);
        libc::POLLIN
    } else {
        settle();
        let asked = slots[index].events;
        if pause::is_on() {
            slots[index].events = 0;
        } else if let Some(nap) = INBOUND.with_borrow_mut(|inbound| inbound.lull.before_waiting(Instant::now())) {
            thread::sleep(nap);
        }
        // SAFETY: as above.
        let outcome = unsafe { kernel::poll(slots.as_mut_ptr(), count, timeout) };
        slots[index].events = asked;
        if outcome < 0 {
            // A signal came: nothing is said of any of them, and what stands there is
            // what Paho left there.
            INBOUND.with_borrow_mut(|inbound| inbound.only_line = false);
            return outcome;
        }
        let broken = libc::POLLERR | libc::POLLHUP | libc::POLLNVAL;
        if slots[index].revents & broken != 0 {
            slots[index].revents = libc::POLLIN;
        }
        let others = slots
            .iter()
            .enumerate()
            .any(|(at, slot)| at != index && slot.revents != 0);
        INBOUND.with_borrow_mut(|inbound| inbound.only_line = !others);
        return outcome;
    };
    for slot in slots.iter_mut() {
        slot.revents = 0;
    }
    slots[index].revents = ready;
    1
}

//! The process itself: how it begins, and what it was given by who started it.
//!
//! It begins in C's `main` and not in Rust's, whose library makes ready to tell of a
//! stack that overflows: to do so it reads /proc/self/maps, and that is a twentieth of
//! the time of a run with one message. What else it does, [`begin`] does here.

#![expect(
    unsafe_code,
    reason = "this file is called by C, and asks C's library what Rust's does not tell"
)]

use std::ffi::{CStr, OsStr, OsString, c_char, c_int};
use std::mem::MaybeUninit;
use std::os::unix::ffi::OsStrExt as _;
use std::ptr;
use std::sync::atomic::{AtomicBool, Ordering};

/// The program was started without a stdout.
static STDOUT_CLOSED: AtomicBool = AtomicBool::new(false);

/// Makes a program of a function that takes the arguments, the program's name first,
/// and returns the exit status.
#[macro_export]
macro_rules! program {
    ($run:path) => {
        #[unsafe(no_mangle)]
        extern "C" fn main(count: ::std::ffi::c_int, arguments: *const *const ::std::ffi::c_char) -> ::std::ffi::c_int {
            // SAFETY: these are the arguments that C's `main` gets.
            let arguments = unsafe { $crate::process::begin(count, arguments) };
            ::std::process::exit($run(&arguments).into())
        }
    };
}

/// Begins as a Rust program does: the first three descriptors are open, and a pipe
/// without a reader is an error of the write. Returns the arguments.
///
/// # Safety
/// The arguments are those of C's `main`: so many strings.
#[must_use]
pub unsafe fn begin(count: c_int, arguments: *const *const c_char) -> Vec<OsString> {
    open_standard_descriptors();
    // SAFETY: nobody relies on the signal, and no other thread runs yet.
    unsafe { libc::signal(libc::SIGPIPE, libc::SIG_IGN) };
    let string = |index| {
        // SAFETY: the caller promises as many strings.
        let bytes = unsafe { CStr::from_ptr(*arguments.add(index)) }.to_bytes();
        OsStr::from_bytes(bytes).to_owned()
    };
    (0..usize::try_from(count).unwrap_or(0)).map(string).collect()
}

/// Opens /dev/null in the place of each of the first three descriptors that is closed,
/// lest a file of ours gets its number.
fn open_standard_descriptors() {
    for number in 0..3 {
        // SAFETY: these take numbers, and a string that is a constant, or nothing.
        unsafe {
            if libc::fcntl(number, libc::F_GETFD) == -1 {
                if libc::open(c"/dev/null".as_ptr(), libc::O_RDWR) != number {
                    // As Rust's library does: nothing can be told to anybody.
                    libc::abort();
                }
                STDOUT_CLOSED.fetch_or(number == 1, Ordering::Relaxed);
            }
        }
    }
}

/// Whether the program was started without a stdout.
pub(crate) fn stdout_was_closed() -> bool {
    STDOUT_CLOSED.load(Ordering::Relaxed)
}

/// Whether who started us wants this signal to be ignored, as nohup(1) does.
pub(crate) fn is_ignored(signal: c_int) -> bool {
    let mut action = MaybeUninit::<libc::sigaction>::zeroed();
    // SAFETY: it writes what is there now to memory of ours, and changes nothing; zeros
    // are a valid value of it.
    let action = unsafe {
        libc::sigaction(signal, ptr::null(), action.as_mut_ptr());
        action.assume_init()
    };
    action.sa_sigaction == libc::SIG_IGN
}

/// Has all threads share one heap: to give each of Paho's its own takes a short run a
/// twentieth of its time. In a long one they would wait for each other. glibc's alone
/// does that (`mallopt(3)`); to be called before there is another thread.
pub(crate) fn share_heap() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: a function with two numbers for arguments; no other thread runs yet.
    unsafe {
        libc::mallopt(libc::M_ARENA_MAX, 1);
    }
}

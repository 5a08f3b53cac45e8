//! The functions that the seam's own stand in front of, as the C library has them.
//!
//! On Linux the kernel is asked directly, which works in a static program too.
//! Elsewhere its calls are private to the C library, whose function is looked up
//! behind ours, once. The arguments and results are those of the function of the
//! same name, `errno` included.

#![expect(unsafe_code, reason = "these are C functions that are given memory of their callers")]

use libc::{c_int, c_void, iovec, nfds_t, pollfd, size_t, sockaddr, socklen_t, ssize_t};

/// Sets this thread's `errno`.
pub(super) fn set_errno(value: c_int) {
    #[cfg(any(target_os = "netbsd", target_os = "openbsd", target_os = "android"))]
    use libc::__errno as errno;
    #[cfg(target_os = "linux")]
    use libc::__errno_location as errno;
    #[cfg(any(target_vendor = "apple", target_os = "freebsd"))]
    use libc::__error as errno;
    // SAFETY: the address is that of this thread's errno, always valid.
    unsafe { *errno() = value };
}

/// Puts a copy of one descriptor in the place of another; no child inherits it.
pub(super) fn replace(real: c_int, in_place_of: c_int) -> c_int {
    #[cfg(any(
        target_os = "linux",
        target_os = "freebsd",
        target_os = "netbsd",
        target_os = "openbsd"
    ))]
    // SAFETY: no memory is passed.
    return unsafe { libc::dup3(real, in_place_of, libc::O_CLOEXEC) };
    #[cfg(not(any(
        target_os = "linux",
        target_os = "freebsd",
        target_os = "netbsd",
        target_os = "openbsd"
    )))]
    // SAFETY: as above.
    return unsafe {
        match libc::dup2(real, in_place_of) {
            -1 => -1,
            copy => libc::fcntl(copy, libc::F_SETFD, libc::FD_CLOEXEC),
        }
    };
}

/// Whether this is a descriptor, and that of a socket.
pub(super) fn is_socket(descriptor: c_int) -> bool {
    let mut status = std::mem::MaybeUninit::<libc::stat>::uninit();
    // SAFETY: the call fills in what it is given when it returns 0, and only then
    // is that looked at.
    unsafe {
        libc::fstat(descriptor, status.as_mut_ptr()) == 0
            && status.assume_init().st_mode & libc::S_IFMT == libc::S_IFSOCK
    }
}

/// No child inherits this descriptor.
pub(super) fn keep(descriptor: c_int) {
    // SAFETY: no memory is passed; at worst the descriptor is closed by now and
    // the call fails.
    unsafe { libc::fcntl(descriptor, libc::F_SETFD, libc::FD_CLOEXEC) };
}

/// Ends a connection in both directions.
pub(super) fn shut(descriptor: c_int) {
    // SAFETY: no memory is passed; at worst the descriptor is closed by now and
    // the call fails.
    unsafe { libc::shutdown(descriptor, libc::SHUT_RDWR) };
}

pub(super) use implementation::{connect, poll, recv, writev};

#[cfg(target_os = "linux")]
mod implementation {
    use super::{c_int, c_void, iovec, nfds_t, pollfd, size_t, sockaddr, socklen_t, ssize_t};

    /// # Safety
    /// As for `connect(2)`.
    pub(in super::super) unsafe fn connect(socket: c_int, address: *const sockaddr, length: socklen_t) -> c_int {
        // SAFETY: the arguments are passed on as the caller gave them, and the
        // caller promised what the call needs. So it is below.
        narrow(unsafe { libc::syscall(libc::SYS_connect, socket, address, length) })
    }

    /// # Safety
    /// As for `writev(2)`.
    pub(in super::super) unsafe fn writev(descriptor: c_int, vector: *const iovec, count: c_int) -> ssize_t {
        // SAFETY: as above.
        wide(unsafe { libc::syscall(libc::SYS_writev, descriptor, vector, count) })
    }

    /// # Safety
    /// As for `recv(2)`.
    pub(in super::super) unsafe fn recv(
        descriptor: c_int,
        buffer: *mut c_void,
        length: size_t,
        flags: c_int,
    ) -> ssize_t {
        let none = std::ptr::null_mut::<c_void>();
        // SAFETY: as above.
        wide(unsafe { libc::syscall(libc::SYS_recvfrom, descriptor, buffer, length, flags, none, none) })
    }

    /// # Safety
    /// As for `poll(2)`.
    #[cfg(any(target_arch = "x86_64", target_arch = "x86", target_arch = "arm"))]
    pub(in super::super) unsafe fn poll(entries: *mut pollfd, count: nfds_t, timeout: c_int) -> c_int {
        // SAFETY: as above.
        narrow(unsafe { libc::syscall(libc::SYS_poll, entries, count, timeout) })
    }

    /// Newer architectures have only `ppoll(2)`.
    ///
    /// # Safety
    /// As for `poll(2)`.
    #[cfg(not(any(target_arch = "x86_64", target_arch = "x86", target_arch = "arm")))]
    pub(in super::super) unsafe fn poll(entries: *mut pollfd, count: nfds_t, timeout: c_int) -> c_int {
        let time = libc::timespec {
            tv_sec: (timeout / 1000).into(),
            tv_nsec: (timeout % 1000 * 1_000_000).into(),
        };
        let time: *const libc::timespec = if timeout < 0 { std::ptr::null() } else { &raw const time };
        let no_mask = std::ptr::null::<c_void>();
        // SAFETY: as above.
        narrow(unsafe { libc::syscall(libc::SYS_ppoll, entries, count, time, no_mask, 0) })
    }

    fn wide(result: libc::c_long) -> ssize_t {
        ssize_t::try_from(result).unwrap_or(-1)
    }

    fn narrow(result: libc::c_long) -> c_int {
        c_int::try_from(result).unwrap_or(-1)
    }
}

#[cfg(not(target_os = "linux"))]
mod implementation {
    use std::sync::OnceLock;

    use super::{c_int, c_void, iovec, nfds_t, pollfd, size_t, sockaddr, socklen_t, ssize_t};

    /// A function of the C library behind ours of the same name.
    macro_rules! behind {
        ($(#[doc = $documentation:literal])* $name:ident($($argument:ident: $type:ty),*) -> $result:ty) => {
            $(#[doc = $documentation])*
            pub(in super::super) unsafe fn $name($($argument: $type),*) -> $result {
                static FOUND: OnceLock<usize> = OnceLock::new();
                let found = *FOUND.get_or_init(|| {
                    let name = concat!(stringify!($name), "\0");
                    // SAFETY: the name ends with a NUL.
                    unsafe { libc::dlsym(libc::RTLD_NEXT, name.as_ptr().cast()) as usize }
                });
                if found == 0 {
                    super::set_errno(libc::ENOSYS);
                    return -1;
                }
                // SAFETY: the symbol of this name in the C library is a function of
                // this type, and the caller promised what it needs.
                unsafe {
                    let function: unsafe extern "C" fn($($type),*) -> $result = std::mem::transmute(found);
                    function($($argument),*)
                }
            }
        };
    }

    behind! {
        /// # Safety
        /// As for `connect(2)`.
        connect(socket: c_int, address: *const sockaddr, length: socklen_t) -> c_int
    }
    behind! {
        /// # Safety
        /// As for `writev(2)`.
        writev(descriptor: c_int, vector: *const iovec, count: c_int) -> ssize_t
    }
    behind! {
        /// # Safety
        /// As for `recv(2)`.
        recv(descriptor: c_int, buffer: *mut c_void, length: size_t, flags: c_int) -> ssize_t
    }
    behind! {
        /// # Safety
        /// As for `poll(2)`.
        poll(entries: *mut pollfd, count: nfds_t, timeout: c_int) -> c_int
    }
}

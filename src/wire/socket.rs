//! The socket at the bottom: TCP, or a Unix-domain one.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::time::Duration;

/// A connected socket.
#[derive(Debug)]
pub(crate) enum Socket {
    /// Over IP.
    Tcp(TcpStream),
    /// On this machine.
    Unix(UnixStream),
}

impl Socket {
    /// Bounds each read and write, or lifts the bounds.
    pub(super) fn limit(&self, time: Option<Duration>) -> io::Result<()> {
        match self {
            Self::Tcp(tcp) => tcp.set_read_timeout(time).and_then(|()| tcp.set_write_timeout(time)),
            Self::Unix(unix) => unix.set_read_timeout(time).and_then(|()| unix.set_write_timeout(time)),
        }
    }

    /// Lets no read or write wait any more.
    pub(super) fn unblock(&self) -> io::Result<()> {
        match self {
            Self::Tcp(tcp) => tcp.set_nonblocking(true),
            Self::Unix(unix) => unix.set_nonblocking(true),
        }
    }

    /// Acknowledges at once what comes next. A server that has Nagle's algorithm on waits
    /// for our acknowledgement of one thing before it sends the next: of TLS 1.3's tickets
    /// before a CONNACK, or of PUBCOMPs before PUBRECs. TCP would delay that for 40 ms.
    pub(super) fn acknowledge_at_once(&self) {
        #[cfg(target_os = "linux")]
        if let Self::Tcp(tcp) = self {
            // Only faster, so no failure.
            let _ = socket2::SockRef::from(tcp).set_tcp_quickack(true);
        }
    }

    /// The other end, for the debug output.
    pub(super) fn peer(&self) -> String {
        match self {
            Self::Tcp(tcp) => tcp
                .peer_addr()
                .map_or_else(|_| "?".to_owned(), |address| address.to_string()),
            Self::Unix(_) => "a Unix-domain socket".to_owned(),
        }
    }
}

/// A call with a time limit may end at any signal, even one that only stops the
/// process and has it go on (`signal(7)`), and who is in the middle of a handshake
/// does not try again.
fn uninterrupted(mut call: impl FnMut() -> io::Result<usize>) -> io::Result<usize> {
    loop {
        match call() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            other => return other,
        }
    }
}

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Tcp(tcp) => tcp.as_fd(),
            Self::Unix(unix) => unix.as_fd(),
        }
    }
}

impl Read for Socket {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        uninterrupted(|| match self {
            Self::Tcp(tcp) => tcp.read(buffer),
            Self::Unix(unix) => unix.read(buffer),
        })
    }
}

impl Write for Socket {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        uninterrupted(|| match self {
            Self::Tcp(tcp) => tcp.write(bytes),
            Self::Unix(unix) => unix.write(bytes),
        })
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_interrupted_is_tried_again() {
        let mut answers = vec![Ok(3), Err(io::ErrorKind::Interrupted), Err(io::ErrorKind::Interrupted)];
        let outcome = uninterrupted(|| answers.pop().unwrap().map_err(io::Error::from));
        assert_eq!((outcome.unwrap(), answers.len()), (3, 0));
        let error = uninterrupted(|| Err(io::ErrorKind::TimedOut.into())).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }
}

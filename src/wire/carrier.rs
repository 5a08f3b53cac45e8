//! What carries the bytes: TCP, TLS over it, WebSocket over either. Non-blocking
//! once made; knows nothing of MQTT.

use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::net::{RecvFlags, Shutdown, recv, shutdown};

use super::socket::Socket;
use super::tls::Encrypted;
use super::websocket::Tunnel;

/// How long the broker may take to hang up after our goodbye.
const SEEING_OFF: Duration = Duration::from_millis(500);

/// A byte stream to the broker's host.
#[derive(Debug)]
pub(crate) enum Stream {
    /// As it is.
    Plain(Socket),
    /// Encrypted.
    Tls(Box<Encrypted>),
}

impl Stream {
    /// The socket underneath.
    pub(crate) fn socket(&self) -> &Socket {
        match self {
            Self::Plain(socket) => socket,
            Self::Tls(tls) => tls.socket(),
        }
    }
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(socket) => socket.read(buffer),
            Self::Tls(tls) => tls.read(buffer),
        }
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(socket) => socket.write(bytes),
            Self::Tls(tls) => tls.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A byte stream to the broker itself.
#[derive(Debug)]
pub(crate) enum Carrier {
    /// MQTT's bytes as they are.
    Direct(Stream),
    /// MQTT's bytes in WebSocket frames.
    WebSocket(Box<Tunnel>),
}

impl Carrier {
    /// The socket, to wait on and to hand to Paho; never to read or write.
    pub(crate) fn socket(&self) -> BorrowedFd<'_> {
        self.bottom().as_fd()
    }

    /// The socket.
    pub(super) fn bottom(&self) -> &Socket {
        self.stream().socket()
    }

    /// Lines for the debug output: how the bytes travel.
    pub(crate) fn describe(&self) -> Vec<String> {
        let peer = self.bottom().peer();
        let websocket = match self {
            Self::Direct(_) => "",
            Self::WebSocket(_) => ", WebSocket",
        };
        let mut lines = vec![format!("{peer}{websocket}")];
        if let Stream::Tls(tls) = self.stream() {
            lines.extend(tls.describe());
        }
        lines
    }

    /// Reads what has come.
    ///
    /// # Errors
    /// `WouldBlock` when nothing has; anything else ends the connection, as do
    /// 0 bytes.
    pub(crate) fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Direct(stream) => stream.read(buffer),
            Self::WebSocket(tunnel) => tunnel.read(buffer),
        }
    }

    /// Takes some of the bytes, at least one.
    ///
    /// # Errors
    /// `WouldBlock` when there is no room; anything else ends the connection.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Direct(stream) => stream.write(bytes),
            Self::WebSocket(tunnel) => tunnel.write(bytes),
        }
    }

    /// Hands everything taken to the kernel.
    ///
    /// # Errors
    /// As [`Carrier::write`].
    pub(crate) fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Direct(stream) => stream.flush(),
            Self::WebSocket(tunnel) => tunnel.flush(),
        }
    }

    /// Says goodbye in the layers that have a word for it: a WebSocket close
    /// frame, a TLS `close_notify`. A peer that does not listen any more is no
    /// error.
    pub(crate) fn farewell(&mut self) {
        if let Self::WebSocket(tunnel) = self {
            tunnel.close();
        }
        if let Stream::Tls(tls) = self.stream_mut() {
            tls.farewell();
        }
    }

    /// Waits, not for long, until the broker has hung up, and throws away what it
    /// still sends. A socket that is closed with something unread resets the
    /// connection, and what the broker has not read by then is lost: the last
    /// acknowledgements.
    pub(crate) fn see_off(&self) {
        let socket = self.socket();
        let end = Instant::now() + SEEING_OFF;
        let mut rest = vec![0; 64 * 1024];
        let _ = shutdown(socket, Shutdown::Write);
        loop {
            match recv(socket, &mut rest[..], RecvFlags::DONTWAIT) {
                Ok((_, 0)) => return,
                Ok(_) | Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => {
                    let left = Timespec::try_from(end.saturating_duration_since(Instant::now())).ok();
                    let mut ready = [PollFd::from_borrowed_fd(socket, PollFlags::IN)];
                    if poll(&mut ready, left.as_ref()) != Ok(1) {
                        return;
                    }
                }
                Err(_) => return,
            }
            if Instant::now() >= end {
                return;
            }
        }
    }

    fn stream(&self) -> &Stream {
        match self {
            Self::Direct(stream) => stream,
            Self::WebSocket(tunnel) => tunnel.stream(),
        }
    }

    fn stream_mut(&mut self) -> &mut Stream {
        match self {
            Self::Direct(stream) => stream,
            Self::WebSocket(tunnel) => tunnel.stream_mut(),
        }
    }
}

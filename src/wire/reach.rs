//! From a host to a connected socket: names to addresses, and all of these are
//! tried, the next one when the one before has failed or is slow (RFC 8305).

use std::io;
use std::net::SocketAddr;
use std::os::fd::AsFd as _;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use socket2::{Domain, Protocol, SockAddr, Socket as RawSocket, Type};

use super::fail;
use super::resolve::{addresses, interleave};
use super::socket::Socket;
use crate::config::connection::{Family, Host};
use crate::failure::{Failure, io_reason};

/// How long an address has to itself before the next one is tried as well
/// (RFC 8305, 5: Connection Attempt Delay).
const HEAD_START: Duration = Duration::from_millis(250);

/// Where from.
#[derive(Clone, Copy, Debug)]
pub(super) struct Origin<'a> {
    /// The local address, a name or a number, if that was said.
    pub(super) bind: Option<&'a str>,
    /// The only kind of addresses, if that was said.
    pub(super) family: Option<Family>,
}

/// Connects to the host, blocking.
///
/// # Errors
/// Why the name cannot be resolved, or why no address answers.
pub(super) fn connect(host: &Host, origin: Origin<'_>, deadline: Instant) -> Result<Socket, Failure> {
    if let Some(path) = host.socket_path() {
        return local(path);
    }
    let sources = match origin.bind {
        None => Vec::new(),
        Some(name) => {
            addresses(name, 0, origin.family, deadline).map_err(|failure| failure.context(format_args!("-A {name}")))?
        }
    };
    let addresses = interleave(addresses(&host.name, host.port, origin.family, deadline)?);
    let mut race = Race {
        waiting: addresses.into(),
        running: Vec::new(),
        failures: Vec::new(),
    };
    race.run(|address| begin(address, &sources, origin.bind), deadline)
}

/// Several attempts to connect, of which the first to succeed wins; the others
/// are dropped.
struct Race {
    waiting: std::collections::VecDeque<SocketAddr>,
    running: Vec<(SocketAddr, RawSocket)>,
    failures: Vec<(SocketAddr, Failure)>,
}

impl Race {
    fn run(
        &mut self,
        begin: impl Fn(SocketAddr) -> Result<RawSocket, Failure>,
        deadline: Instant,
    ) -> Result<Socket, Failure> {
        let mut next = Instant::now();
        loop {
            let now = Instant::now();
            if now >= deadline {
                return Err(fail("timed out".to_owned()));
            }
            if (self.running.is_empty() || next <= now)
                && let Some(address) = self.waiting.pop_front()
            {
                match begin(address) {
                    Ok(socket) => self.running.push((address, socket)),
                    Err(failure) => {
                        self.failures.push((address, failure));
                        continue;
                    }
                }
                next = now + HEAD_START;
            }
            if self.running.is_empty() {
                return Err(verdict(&self.failures));
            }
            let until = if self.waiting.is_empty() {
                deadline
            } else {
                next.min(deadline)
            };
            let before = self.failures.len();
            if let Some(winner) = self.wait(until)? {
                return finish(winner).map_err(|error| refusal(&error));
            }
            if self.failures.len() > before {
                next = Instant::now();
            }
        }
    }

    /// Waits for an attempt to end; those that fail are moved to the failures.
    fn wait(&mut self, until: Instant) -> Result<Option<RawSocket>, Failure> {
        let left = until.saturating_duration_since(Instant::now());
        let ready: Vec<bool> = {
            let mut entries: Vec<PollFd<'_>> = self
                .running
                .iter()
                .map(|(_, socket)| PollFd::from_borrowed_fd(socket.as_fd(), PollFlags::OUT))
                .collect();
            match poll(&mut entries, Timespec::try_from(left).ok().as_ref()) {
                Ok(_) | Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(refusal(&error.into())),
            }
            entries.iter().map(|entry| !entry.revents().is_empty()).collect()
        };
        let running = std::mem::take(&mut self.running);
        let mut winner = None;
        for ((address, socket), ready) in running.into_iter().zip(ready) {
            if !ready {
                self.running.push((address, socket));
                continue;
            }
            match socket.take_error() {
                Ok(None) => {
                    winner.get_or_insert(socket);
                }
                Ok(Some(error)) | Err(error) => self.failures.push((address, refusal(&error))),
            }
        }
        Ok(winner)
    }
}

/// Begins to connect to one address.
fn begin(address: SocketAddr, sources: &[SocketAddr], bind: Option<&str>) -> Result<RawSocket, Failure> {
    let failed = |error: io::Error| refusal(&error);
    let socket = RawSocket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP)).map_err(failed)?;
    if let Some(name) = bind {
        let source = sources.iter().find(|source| source.is_ipv4() == address.is_ipv4());
        let Some(source) = source else {
            return Err(fail(format!("-A {name} has no address of the broker's kind")));
        };
        let bound = socket.bind(&SockAddr::from(*source));
        bound.map_err(|error| fail(format!("-A {name}: {}", io_reason(&error))).permanent())?;
    }
    socket.set_nonblocking(true).map_err(failed)?;
    match socket.connect(&SockAddr::from(address)) {
        Ok(()) => Ok(socket),
        Err(error) if error.raw_os_error() == Some(rustix::io::Errno::INPROGRESS.raw_os_error()) => Ok(socket),
        Err(error) => Err(failed(error)),
    }
}

/// Makes a connected socket what the rest expects.
fn finish(socket: RawSocket) -> io::Result<Socket> {
    socket.set_nonblocking(false)?;
    socket.set_tcp_nodelay(true)?;
    Ok(Socket::Tcp(socket.into()))
}

/// Why no address answers: one reason where they agree, or each with its own.
fn verdict(failures: &[(SocketAddr, Failure)]) -> Failure {
    let Some(((_, first), others)) = failures.split_first() else {
        return fail("the name has no address".to_owned());
    };
    let mut verdict = if others.iter().all(|(_, other)| other.to_string() == first.to_string()) {
        first.clone()
    } else {
        let texts = failures
            .iter()
            .map(|(address, failure)| format!("{}: {failure}", address.ip()));
        fail(texts.collect::<Vec<_>>().join(", "))
    };
    if failures.iter().any(|(_, failure)| failure.says_nobody_listens()) {
        verdict = verdict.nobody_listening();
    }
    verdict
}

/// A Unix-domain socket.
fn local(path: &Path) -> Result<Socket, Failure> {
    UnixStream::connect(path)
        .map(Socket::Unix)
        .map_err(|error| refusal(&error))
}

fn refusal(error: &io::Error) -> Failure {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => fail(io_reason(error)).nobody_listening(),
        io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => fail("timed out".into()),
        _ => fail(io_reason(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;
    use std::sync::Mutex;

    const NOWHERE: Origin<'_> = Origin {
        bind: None,
        family: None,
    };

    /// Runs a race to these addresses; a listener's socket is slow if it is in
    /// `slow`, that is, never connected at all.
    fn race(
        addresses: &[SocketAddr],
        slow: &[SocketAddr],
        time: Duration,
    ) -> (Result<Socket, Failure>, Vec<(SocketAddr, Duration)>) {
        let start = Instant::now();
        let begun = Mutex::new(Vec::new());
        let mut race = Race {
            waiting: addresses.to_vec().into(),
            running: Vec::new(),
            failures: Vec::new(),
        };
        let attempt = |address: SocketAddr| {
            begun.lock().unwrap().push((address, start.elapsed()));
            if slow.contains(&address) {
                // A listener whose queue is full lets nobody in and refuses nobody.
                return Ok(stalled());
            }
            super::begin(address, &[], None)
        };
        let outcome = race.run(attempt, start + time);
        (outcome, begun.into_inner().unwrap())
    }

    /// A socket whose connection never comes about: the accept queue that it
    /// waits for is full.
    fn stalled() -> RawSocket {
        let listener = RawSocket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        listener
            .bind(&SockAddr::from(SocketAddr::from(([127, 0, 0, 1], 0))))
            .unwrap();
        listener.listen(0).unwrap();
        let address = listener.local_addr().unwrap();
        let connecting = || {
            let socket = RawSocket::new(Domain::IPV4, Type::STREAM, None).unwrap();
            socket.set_nonblocking(true).unwrap();
            let _ = socket.connect(&address);
            socket
        };
        let mut last = connecting();
        loop {
            let mut entry = [PollFd::from_borrowed_fd(last.as_fd(), PollFlags::OUT)];
            let pause = Timespec::try_from(Duration::from_millis(20)).unwrap();
            if poll(&mut entry, Some(&pause)).unwrap() == 0 {
                break;
            }
            std::mem::forget(std::mem::replace(&mut last, connecting()));
        }
        std::mem::forget(listener);
        last
    }

    fn listening() -> (TcpListener, SocketAddr) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        (listener, address)
    }

    fn refusing() -> SocketAddr {
        listening().1
    }

    const LONG: Duration = Duration::from_secs(20);

    #[test]
    fn the_next_address_is_tried_at_once_after_a_failure() {
        let (_listener, good) = listening();
        let (outcome, begun) = race(&[refusing(), refusing(), good], &[], LONG);
        let Ok(Socket::Tcp(tcp)) = outcome else {
            panic!("{outcome:?}")
        };
        assert_eq!(tcp.peer_addr().unwrap(), good);
        assert_eq!(begun.len(), 3);
        assert!(begun[2].1 < HEAD_START, "{begun:?}");
    }

    #[test]
    fn a_slow_address_has_a_head_start_and_no_more() {
        let (_listener, good) = listening();
        let slow = refusing();
        let (outcome, begun) = race(&[slow, good], &[slow], LONG);
        let Ok(Socket::Tcp(tcp)) = outcome else {
            panic!("{outcome:?}")
        };
        assert_eq!(tcp.peer_addr().unwrap(), good);
        assert!(begun[1].1 >= HEAD_START && begun[1].1 < LONG / 2, "{begun:?}");
    }

    #[test]
    fn the_end_of_the_time_is_the_end() {
        let slow = refusing();
        let start = Instant::now();
        let (outcome, _) = race(&[slow], &[slow], Duration::from_millis(300));
        assert_eq!(outcome.unwrap_err().to_string(), "timed out");
        assert!(start.elapsed() >= Duration::from_millis(300));
    }

    #[test]
    fn reasons_are_told_once_or_each() {
        let (outcome, _) = race(&[refusing(), refusing()], &[], LONG);
        let why = outcome.unwrap_err();
        assert_eq!(why.to_string(), "connection refused");
        assert!(why.says_nobody_listens());
        let of = |text: &str, why: &str| (text.parse().unwrap(), fail(why.to_owned()));
        let why = verdict(&[of("[::1]:1", "x"), of("1.2.3.4:1", "y")]);
        assert_eq!(why.to_string(), "::1: x, 1.2.3.4: y");
        assert_eq!(verdict(&[]).to_string(), "the name has no address");
    }

    #[test]
    fn a_local_address_of_the_wrong_kind_is_named() {
        let host = Host {
            name: "127.0.0.1".to_owned(),
            port: refusing().port(),
        };
        let deadline = Instant::now() + LONG;
        let origin = |bind| Origin {
            bind: Some(bind),
            ..NOWHERE
        };
        let why = connect(&host, origin("::1"), deadline).unwrap_err();
        assert_eq!(why.to_string(), "-A ::1 has no address of the broker's kind");
        let why = connect(&host, origin("192.0.2.1"), deadline).unwrap_err();
        assert!(why.to_string().starts_with("-A 192.0.2.1: "), "{why}");
        let why = connect(&host, origin("127.0.0.1"), deadline).unwrap_err();
        assert_eq!(why.to_string(), "connection refused");
    }
}

//! From a host to a connected socket: names to addresses, and every address is
//! tried, in the resolver's order, until one answers.

use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs as _};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

use socket2::{Domain, Protocol, SockAddr, Socket as RawSocket, Type};

use super::socket::Socket;
use crate::config::connection::Host;
use crate::exit::Exit;
use crate::failure::{Failure, io_reason};

/// Connects to the host, blocking; over IP from the address `bind`, if any.
///
/// # Errors
/// Why the name cannot be resolved, or why the last address did not answer.
pub(super) fn connect(host: &Host, bind: Option<&str>, deadline: Instant) -> Result<Socket, Failure> {
    if let Some(path) = host.socket_path() {
        return local(path);
    }
    let sources = match bind {
        None => Vec::new(),
        Some(name) => resolve(name, 0).map_err(|failure| failure.context(format_args!("-A {name}")))?,
    };
    let addresses = resolve(&host.name, host.port)?;
    let mut last = fail("the name has no address".into());
    for (index, address) in addresses.iter().enumerate() {
        let left = deadline.saturating_duration_since(Instant::now());
        // Each address gets its share of the time, the last one all that is left.
        let share = left / u32::try_from(addresses.len() - index).unwrap_or(1);
        if share.is_zero() {
            return Err(fail("timed out".into()));
        }
        match one(address, &sources, bind, share) {
            Ok(socket) => return Ok(socket),
            Err(failure) => last = failure,
        }
    }
    Err(last)
}

/// One address.
fn one(address: &SocketAddr, sources: &[SocketAddr], bind: Option<&str>, time: Duration) -> Result<Socket, Failure> {
    let failed = |error: io::Error| refusal(&error);
    let socket = RawSocket::new(Domain::for_address(*address), Type::STREAM, Some(Protocol::TCP)).map_err(failed)?;
    if let Some(name) = bind {
        let source = sources.iter().find(|source| source.is_ipv4() == address.is_ipv4());
        let Some(source) = source else {
            return Err(fail(format!("-A {name} has no address of the broker's kind")));
        };
        let bound = socket.bind(&SockAddr::from(*source));
        bound.map_err(|error| fail(format!("-A {name}: {}", io_reason(&error))).permanent())?;
    }
    socket
        .connect_timeout(&SockAddr::from(*address), time)
        .map_err(failed)?;
    socket.set_tcp_nodelay(true).map_err(failed)?;
    Ok(Socket::Tcp(socket.into()))
}

/// A Unix-domain socket.
fn local(path: &Path) -> Result<Socket, Failure> {
    UnixStream::connect(path)
        .map(Socket::Unix)
        .map_err(|error| refusal(&error))
}

fn resolve(name: &str, port: u16) -> Result<Vec<SocketAddr>, Failure> {
    if let Ok(address) = name.parse::<IpAddr>() {
        return Ok(vec![SocketAddr::new(address, port)]);
    }
    match (name, port).to_socket_addrs() {
        Ok(addresses) => Ok(addresses.collect()),
        Err(error) => {
            // "failed to lookup address information: Name or service not known"
            let text = error.to_string();
            let why = text.rsplit(": ").next().unwrap_or(&text).to_lowercase();
            Err(fail(format!("unknown host: {why}")))
        }
    }
}

fn refusal(error: &io::Error) -> Failure {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => fail(io_reason(error)).nobody_listening(),
        io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => fail("timed out".into()),
        _ => fail(io_reason(error)),
    }
}

fn fail(why: String) -> Failure {
    Failure::new(Exit::NoConnection, why)
}

//! Names to addresses, addresses to connections: every address is tried, in
//! the resolver's order, until one answers.

use std::io;
use std::net::{SocketAddr, TcpStream, ToSocketAddrs as _};
use std::time::{Duration, Instant};

use crate::config::connection::Host;
use crate::exit::Exit;
use crate::failure::{Failure, io_reason};

/// Connects to the host, blocking.
///
/// # Errors
/// Why the name cannot be resolved, or why the last address did not answer.
pub(super) fn connect(host: &Host, deadline: Instant) -> Result<TcpStream, Failure> {
    let addresses = resolve(host)?;
    let mut last = fail("the name has no address".into());
    for (index, address) in addresses.iter().enumerate() {
        let left = deadline.saturating_duration_since(Instant::now());
        // Each address gets its share of the time, the last one all that is left.
        let share = left / u32::try_from(addresses.len() - index).unwrap_or(1);
        if share.is_zero() {
            return Err(fail("timed out".into()));
        }
        match TcpStream::connect_timeout(address, share) {
            Ok(tcp) => {
                tcp.set_nodelay(true).map_err(|error| fail(io_reason(&error)))?;
                return Ok(tcp);
            }
            Err(error) => last = refusal(&error),
        }
    }
    Err(last)
}

fn resolve(host: &Host) -> Result<Vec<SocketAddr>, Failure> {
    match (host.name.as_str(), host.port).to_socket_addrs() {
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

/// Bounds each read and write of the handshakes above TCP.
pub(super) fn limit(tcp: &TcpStream, deadline: Instant) -> Result<(), Failure> {
    let left = deadline
        .saturating_duration_since(Instant::now())
        .max(Duration::from_millis(1));
    tcp.set_read_timeout(Some(left))
        .and_then(|()| tcp.set_write_timeout(Some(left)))
        .map_err(|error| fail(io_reason(&error)))
}

/// Lifts the bounds and makes the socket non-blocking, for the life of the line.
pub(super) fn unlimit(tcp: &TcpStream) -> Result<(), Failure> {
    tcp.set_read_timeout(None)
        .and_then(|()| tcp.set_write_timeout(None))
        .and_then(|()| tcp.set_nonblocking(true))
        .map_err(|error| fail(io_reason(&error)))
}

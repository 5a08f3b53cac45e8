//! A broker on this machine: reached at once or not at all, so that no thread is
//! needed to wait for it.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use socket2::{SockAddr, Socket as RawSocket, Type};

use super::Open;
use super::carrier::{Carrier, Stream};
use super::socket::Socket;
use crate::config::connection::{Connection, Family, Host};
use crate::failure::Failure;

/// A broker of this machine that has not taken the connection by then is asked
/// again in the usual way.
const AT_ONCE: Duration = Duration::from_millis(50);

/// The same where more than MQTT has to be spoken first.
const SOON: Duration = Duration::from_secs(1);

/// Opens the way to the broker if that is on this machine and answers at once.
/// `None` says nothing but that [`super::open`] has to find out.
///
/// # Errors
/// As those of [`super::open`].
pub(crate) fn open_near(connection: &Connection, deadline: Instant) -> Option<Result<Open, Option<Failure>>> {
    let route = &connection.route;
    let only = connection.fallbacks.is_empty() && !connection.srv && connection.bind.is_none();
    // A key may have a passphrase, and somebody has to type that.
    let asks = route.tls.as_ref().is_some_and(|tls| tls.identity.is_some());
    if !only || asks || route.proxy.is_some() {
        return None;
    }
    let address = address(&route.host, connection.family)?;
    if route.tls.is_none() && route.websocket.is_none() {
        let open = Open {
            carrier: Carrier::Direct(Stream::Plain(plain(&address)?)),
            route: route.clone(),
            until: deadline,
        };
        return Some(Ok(open));
    }
    let soon = Instant::now() + SOON;
    if soon >= deadline {
        return None;
    }
    match super::open(connection, &[], soon) {
        Ok(open) => Some(Ok(Open {
            until: deadline,
            ..open
        })),
        Err(_) if Instant::now() >= soon => None,
        Err(failure) => Some(Err(failure)),
    }
}

fn plain(address: &SockAddr) -> Option<Socket> {
    let socket = RawSocket::new(address.domain(), Type::STREAM, None).ok()?;
    socket.set_nonblocking(true).ok()?;
    if let Err(error) = socket.connect(address) {
        let begun = Errno::from_io_error(&error) == Some(Errno::INPROGRESS);
        let mut ready = [PollFd::new(&socket, PollFlags::OUT)];
        let connected = begun
            && poll(&mut ready, Timespec::try_from(AT_ONCE).ok().as_ref()) == Ok(1)
            && matches!(socket.take_error(), Ok(None));
        if !connected {
            return None;
        }
    }
    Some(if address.is_unix() {
        Socket::Unix(socket.into())
    } else {
        socket.set_tcp_nodelay(true).ok()?;
        Socket::Tcp(socket.into())
    })
}

/// Where the host listens, if that is on this machine.
fn address(host: &Host, family: Option<Family>) -> Option<SockAddr> {
    if let Some(path) = host.socket_path() {
        return SockAddr::unix(path).ok();
    }
    let address: IpAddr = match host.name.as_str() {
        // RFC 6761, 6.3: this name is always the machine itself.
        "localhost" => Ipv4Addr::LOCALHOST.into(),
        name => name.parse().ok()?,
    };
    let wanted = family.is_none_or(|family| family.has(address));
    (wanted && address.is_loopback()).then(|| SocketAddr::new(address, host.port).into())
}

//! What reads along and what reads answers, as the fuzzer feeds it. It is there only with `--cfg fuzzing`,
//! which cargo-fuzz sets.

use std::io::{self, IoSlice, Write as _};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tungstenite::handshake::server::{Request, Response};
use tungstenite::http::HeaderValue;

use super::carrier::Stream;
use super::once::Turn;
use super::socket::Socket;
use super::watch::{Pinger, Watch};
use super::websocket::{self, Tunnel};
use crate::config::connection::{Host, Version, WebSocket};
use crate::config::proxy::{Protocol, Proxy};
use crate::failure::Failure;
use crate::secret::Secret;

/// What was let through.
#[derive(Debug, PartialEq, Eq)]
pub struct Inspection {
    /// No fault was found.
    pub good: bool,
    /// What Paho would get to see.
    pub through: Vec<u8>,
}

/// Reads along over what a broker sends, in portions of these sizes, or at once
/// if there are none.
pub fn inspect(five: bool, pings: &[bool], sent: &[Vec<u8>], sizes: &[u8], bytes: &[u8]) -> Inspection {
    let version = if five { Version::V5 } else { Version::V311 };
    let mut watch = Watch::new(version, Some(Arc::new(|_: &str| {})));
    for packet in sent {
        if let Some(first) = packet.first() {
            watch.sent(*first, &[IoSlice::new(packet)], packet.len(), None);
        }
    }
    for (ordinal, ours) in (0..).zip(pings) {
        watch.pinged(if *ours { Pinger::Ours(ordinal) } else { Pinger::Paho });
    }
    let mut through = Vec::new();
    let mut left = bytes;
    let mut sizes = sizes.iter().cycle();
    while !left.is_empty() {
        let size = sizes.next().map_or(left.len(), |size| usize::from(*size).max(1));
        let (portion, behind) = left.split_at(size.min(left.len()));
        left = behind;
        let mut portion = portion.to_vec();
        if watch.inspect(&mut portion).is_err() {
            return Inspection { good: false, through };
        }
        through.append(&mut portion);
    }
    Inspection { good: true, through }
}

/// The `QoS` 2 exchanges of what a broker sends, over connections.
#[expect(missing_debug_implementations, reason = "what reads along has none")]
pub struct Exchanges {
    version: Version,
    watch: Watch,
}

impl Exchanges {
    /// On a first connection.
    pub fn new(version: Version) -> Self {
        let mut exchanges = Self {
            version,
            watch: Watch::new(version, None),
        };
        exchanges.connected(false);
        exchanges
    }

    fn connected(&mut self, session_present: bool) {
        let connack: &[u8] = match self.version {
            Version::V5 => &[0x20, 3, u8::from(session_present), 0, 0],
            Version::V311 | Version::V31 => &[0x20, 2, u8::from(session_present), 0],
        };
        let _ = self.receive(connack);
    }

    /// On another connection.
    pub fn reconnect(&mut self, session_present: bool) {
        let mut watch = Watch::new(self.version, None);
        watch.inherit(&mut self.watch);
        self.watch = watch;
        self.connected(session_present);
    }

    /// What Paho gets to see of these bytes, and the answers to what it does not;
    /// `None` if they are impossible.
    pub fn receive(&mut self, bytes: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
        let mut through = bytes.to_vec();
        self.watch.inspect(&mut through).ok()?;
        Some((through, self.watch.take_answers()))
    }

    /// Paho hands a message over: whether it is the first time; `None` if it did not
    /// come at `QoS` 2.
    pub fn turn(&mut self, mid: u16) -> Option<bool> {
        self.watch.once().turn(mid).map(|turn| turn == Turn::First)
    }

    /// Paho acknowledges it: whether PUBREC is the answer.
    pub fn acknowledge(&mut self, mid: u16, taken: bool) -> bool {
        self.watch.once().acknowledge(mid, taken)
    }

    /// One that was held is taken.
    pub fn take(&mut self, mid: u16) {
        self.watch.once().take(mid);
    }
}

/// How long nothing may take here.
const PATIENCE: Duration = Duration::from_secs(5);

/// A socket whose other end has said this, and no more.
fn told(answer: &[u8]) -> io::Result<(Socket, UnixStream)> {
    let (ours, mut theirs) = UnixStream::pair()?;
    theirs.write_all(answer)?;
    theirs.shutdown(Shutdown::Write)?;
    Ok((Socket::Unix(ours), theirs))
}

fn in_words(failure: &Failure) -> String {
    format!("{failure} {}", failure.hint_text().unwrap_or_default())
}

/// What is made of the answers of a proxy; at most 64 KiB of them.
///
/// # Errors
/// What is wrong with them.
pub fn proxy(socks: bool, credentials: bool, broker: &str, answers: &[u8]) -> Result<(), String> {
    let host = |name: &str| Host {
        name: name.to_owned(),
        port: 1883,
    };
    let proxy = Proxy {
        protocol: if socks { Protocol::Socks5 } else { Protocol::Http },
        host: host("proxy"),
        credentials: credentials.then(|| ("name".to_owned(), Secret::from("password"))),
        variable: None,
    };
    let (mut socket, _theirs) = told(answers).map_err(|error| error.to_string())?;
    let deadline = Instant::now() + PATIENCE;
    super::proxy::pass(&mut socket, &proxy, &host(broker), deadline).map_err(|failure| in_words(&failure))
}

/// What is made of the answer to a WebSocket request; at most 64 KiB of it.
///
/// # Errors
/// What is wrong with it.
pub fn handshake(answer: &[u8]) -> Result<(), String> {
    let (socket, _theirs) = told(answer).map_err(|error| error.to_string())?;
    upgraded(socket).map(|_| ())
}

fn upgraded(socket: Socket) -> Result<Tunnel, String> {
    let host = Host {
        name: "broker".to_owned(),
        port: 80,
    };
    let config = WebSocket {
        path: "/mqtt".to_owned(),
        headers: Vec::new(),
    };
    websocket::upgrade(Stream::Plain(socket), &host, &config).map_err(|failure| in_words(&failure))
}

/// What is read through a WebSocket whose server sends this behind its handshake,
/// at most 64 KiB; and whether the end was a good one.
pub fn frames(bytes: &[u8]) -> Option<(Vec<u8>, bool)> {
    let (ours, theirs) = UnixStream::pair().ok()?;
    let bytes = bytes.to_vec();
    let server = std::thread::spawn(move || {
        let choose = |_: &Request, mut response: Response| {
            let protocol = HeaderValue::from_static("mqtt");
            response.headers_mut().insert("Sec-WebSocket-Protocol", protocol);
            Ok(response)
        };
        let mut socket = tungstenite::accept_hdr(theirs, choose).ok()?;
        socket.get_mut().write_all(&bytes).ok()?;
        socket.get_ref().shutdown(Shutdown::Write).ok()?;
        Some(socket)
    });
    let mut tunnel = upgraded(Socket::Unix(ours)).ok()?;
    // The other end is there until all is read.
    let _socket = server.join().ok()?;
    let (mut all, mut buffer) = (Vec::new(), [0; 100]);
    loop {
        match tunnel.read(&mut buffer) {
            Ok(0) => return Some((all, true)),
            Ok(count) => all.extend_from_slice(&buffer[..count]),
            Err(_) => return Some((all, false)),
        }
    }
}

/// What is made of a DNS server's answer to a question about `_mqtt._tcp.example`:
/// hosts and ports in the order in which they are tried.
pub fn srv(id: u16, answer: &[u8]) -> Option<Vec<(String, u16)>> {
    let hosts = super::srv::answered(id, answer)?;
    Some(hosts.into_iter().map(|host| (host.name, host.port)).collect())
}

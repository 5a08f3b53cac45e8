//! Through a proxy: SOCKS 5 with or without a password (RFC 1928, 1929), or
//! HTTP's CONNECT (RFC 9110, 9.3.6). What it answers is foreign: every length is
//! bounded, every read ends by the deadline.

use std::fmt::Write as _;
use std::io::{self, Read as _, Write as _};
use std::net::IpAddr;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use super::fail;
use super::socket::Socket;
use crate::config::connection::Host;
use crate::config::proxy::{Protocol, Proxy};
use crate::failure::{Failure, io_reason, quote};
use crate::secret::Secret;

/// The longest answer to CONNECT that is read, in bytes.
const LONGEST_ANSWER: usize = 16 * 1024;

/// Asks the proxy at the other end of the socket, which is blocking, to connect
/// to the broker. Afterwards the socket leads there.
///
/// # Errors
/// What the proxy said instead, or why it said nothing.
pub(super) fn pass(socket: &mut Socket, proxy: &Proxy, broker: &Host, deadline: Instant) -> Result<(), Failure> {
    let mut talk = Talk { socket, deadline };
    match proxy.protocol {
        Protocol::Socks5 => socks(&mut talk, proxy.credentials.as_ref(), broker),
        Protocol::Http => http(&mut talk, proxy.credentials.as_ref(), broker),
    }
}

/// A conversation that ends by a deadline.
struct Talk<'a> {
    socket: &'a mut Socket,
    deadline: Instant,
}

impl Talk<'_> {
    fn say(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        self.limit()?;
        self.socket.write_all(bytes).map_err(|error| broken(&error))
    }

    fn hear<const N: usize>(&mut self) -> Result<[u8; N], Failure> {
        let mut bytes = [0; N];
        let mut got = 0;
        while got < N {
            self.limit()?;
            match self.socket.read(&mut bytes[got..]) {
                Ok(0) => return Err(fail("it closed the connection instead of an answer".to_owned())),
                Ok(count) => got += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(broken(&error)),
            }
        }
        Ok(bytes)
    }

    fn limit(&self) -> Result<(), Failure> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        if left < Duration::from_millis(1) {
            return Err(fail("timed out".to_owned()));
        }
        self.socket.limit(Some(left)).map_err(|error| broken(&error))
    }
}

fn broken(error: &io::Error) -> Failure {
    match error.kind() {
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => fail("timed out".to_owned()),
        _ => fail(io_reason(error)),
    }
}

const SOCKS: u8 = 5;
const NO_AUTHENTICATION: u8 = 0;
const USER_AND_PASSWORD: u8 = 2;

fn socks(talk: &mut Talk<'_>, credentials: Option<&(String, Secret)>, broker: &Host) -> Result<(), Failure> {
    talk.say(match credentials {
        None => &[SOCKS, 1, NO_AUTHENTICATION],
        Some(_) => &[SOCKS, 2, NO_AUTHENTICATION, USER_AND_PASSWORD],
    })?;
    let [version, method] = talk.hear()?;
    if version != SOCKS {
        return Err(fail("the answer is not SOCKS 5".to_owned())
            .hint("is this an HTTP proxy? try --proxy http://…")
            .permanent());
    }
    match (method, credentials) {
        (NO_AUTHENTICATION, _) => {}
        (USER_AND_PASSWORD, Some((name, password))) => log_in(talk, name, password)?,
        (0xff, None) => return Err(fail("it wants a user name and password".to_owned()).permanent()),
        (0xff, Some(_)) => return Err(fail("it takes no user name and password".to_owned()).permanent()),
        (other, _) => {
            let why = format!("it wants an authentication that was not offered (method {other})");
            return Err(fail(why).permanent());
        }
    }
    let mut request = vec![SOCKS, 1, 0];
    match broker.name.parse() {
        Ok(IpAddr::V4(address)) => {
            request.push(1);
            request.extend(address.octets());
        }
        Ok(IpAddr::V6(address)) => {
            request.push(4);
            request.extend(address.octets());
        }
        Err(_) => {
            let length = u8::try_from(broker.name.len())
                .map_err(|_| fail("the name of the broker's host is too long".to_owned()).permanent())?;
            request.extend([3, length]);
            request.extend(broker.name.as_bytes());
        }
    }
    request.extend(broker.port.to_be_bytes());
    talk.say(&request)?;
    let [version, reply, _, kind] = talk.hear()?;
    if version != SOCKS {
        return Err(fail("the answer is not SOCKS 5".to_owned()).permanent());
    }
    if reply != 0 {
        return Err(refused(reply));
    }
    // The address that it connects from, which nobody needs.
    let length = match kind {
        1 => 4,
        4 => 16,
        3 => usize::from(talk.hear::<1>()?[0]),
        _ => return Err(fail("the answer is not SOCKS 5".to_owned()).permanent()),
    };
    for _ in 0..length + 2 {
        talk.hear::<1>()?;
    }
    Ok(())
}

/// User name and password (RFC 1929), each at most 255 bytes long.
fn log_in(talk: &mut Talk<'_>, name: &str, password: &Secret) -> Result<(), Failure> {
    let mut request = vec![1];
    for part in [name.as_bytes(), password.reveal()] {
        let length = u8::try_from(part.len())
            .map_err(|_| fail("user name or password is longer than 255 bytes".to_owned()).permanent())?;
        request.push(length);
        request.extend(part);
    }
    talk.say(&request)?;
    match talk.hear()? {
        [_, 0] => Ok(()),
        [_, _] => Err(fail("it does not accept this user name and password".to_owned()).permanent()),
    }
}

/// The reply codes of RFC 1928, 6.
fn refused(reply: u8) -> Failure {
    let (why, for_good) = match reply {
        1 => ("it failed", false),
        2 => ("its rules do not allow this connection", true),
        3 => ("it says: network unreachable", false),
        4 => ("it says: host unreachable", false),
        5 => ("it says: connection refused", false),
        6 => ("it says: TTL expired", false),
        7 => ("it does not know the command", true),
        8 => ("it does not know this kind of address", true),
        other => return fail(format!("it failed with the unknown code {other}")),
    };
    let failure = fail(why.to_owned());
    if for_good { failure.permanent() } else { failure }
}

fn http(talk: &mut Talk<'_>, credentials: Option<&(String, Secret)>, broker: &Host) -> Result<(), Failure> {
    let mut request = format!("CONNECT {broker} HTTP/1.1\r\nHost: {broker}\r\n");
    if let Some((name, password)) = credentials {
        let pair = [name.as_bytes(), b":", password.reveal()].concat();
        let _ = write!(request, "Proxy-Authorization: Basic {}\r\n", BASE64.encode(pair));
    }
    request.push_str("\r\n");
    talk.say(request.as_bytes())?;
    // Byte by byte: what follows the answer is the broker's.
    let mut answer = Vec::new();
    while !answer.ends_with(b"\r\n\r\n") && !answer.ends_with(b"\n\n") {
        if answer.len() == LONGEST_ANSWER {
            return Err(fail("the answer is too long".to_owned()).permanent());
        }
        answer.extend(talk.hear::<1>()?);
        if answer.len() >= 5 && !answer.starts_with(b"HTTP/") {
            return Err(fail("the answer is not HTTP".to_owned())
                .hint("is this a SOCKS proxy? try --proxy socks5h://…")
                .permanent());
        }
    }
    let line = answer
        .split(|byte| matches!(byte, b'\r' | b'\n'))
        .next()
        .unwrap_or_default();
    let line = String::from_utf8_lossy(line);
    let status = line.split_once(' ').map_or("", |(_, status)| status.trim());
    let code: u16 = status.split(' ').next().and_then(|code| code.parse().ok()).unwrap_or(0);
    match code {
        200..=299 => Ok(()),
        407 if credentials.is_none() => Err(fail("it wants a user name and password".to_owned()).permanent()),
        407 => Err(fail("it does not accept this user name and password".to_owned()).permanent()),
        // It could not reach the broker, or is busy: that may pass.
        500..=599 => Err(fail(format!("the request to connect was answered {}", quote(status)))),
        100..=999 => Err(fail(format!("the request to connect was answered {}", quote(status))).permanent()),
        _ => Err(fail("the answer is not HTTP".to_owned()).permanent()),
    }
}

//! TLS by OpenSSL: the handshake, and the encrypted stream after it. OpenSSL is
//! touched only when TLS is asked for.

mod certificate;
mod context;
mod words;

use std::io::{self, Read, Write};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use openssl::error::ErrorStack;
use openssl::ssl::{Error, Ssl, SslContext, SslStream};
use openssl::x509::verify::X509CheckFlags;

use self::words::{Offer, fail, reason};
use super::socket::Socket;
use crate::config::connection::{Host, Tls};
use crate::failure::Failure;

/// What the verification found wrong, noted while OpenSSL still has the
/// certificate at hand.
type Finding = Arc<Mutex<Option<String>>>;

/// Everything that a handshake needs, made before the connection: a file of
/// ours that does not fit is told without troubling the broker.
pub(crate) struct Handshake<'a> {
    context: SslContext,
    finding: Finding,
    host: &'a Host,
    config: &'a Tls,
}

impl<'a> Handshake<'a> {
    /// Reads the files that the configuration names.
    ///
    /// # Errors
    /// What is wrong with one of them.
    pub(crate) fn prepare(host: &'a Host, config: &'a Tls) -> Result<Self, Failure> {
        let finding = Finding::default();
        Ok(Self {
            context: context::context(config, host, &finding)?,
            finding,
            host,
            config,
        })
    }

    /// Makes the connection encrypted; the stream must still be blocking.
    ///
    /// # Errors
    /// What is wrong with the peer's certificate, or with the handshake.
    pub(crate) fn encrypt(&self, socket: Socket) -> Result<Box<Encrypted>, Failure> {
        let failed = |error: ErrorStack| fail(&reason(&error));
        let offer = Offer {
            identity: self.config.identity.is_some(),
            psk: self.config.psk.is_some(),
            only_13: self.config.only_13,
        };
        let ssl = client(&self.context, self.host, self.config).map_err(failed)?;
        let mut stream = SslStream::new(ssl, socket).map_err(failed)?;
        if let Err(error) = stream.connect() {
            let noted = self.finding.lock().unwrap_or_else(PoisonError::into_inner).take();
            return Err(match noted {
                Some(fault) => distrust(&fault),
                None => words::handshake(&error, offer),
            });
        }
        if let Some(certificate) = stream.ssl().peer_certificate()
            && let Some(why) = certificate::unpinned(&certificate, &self.config.pins).map_err(failed)?
        {
            return Err(fail(&why).permanent());
        }
        Ok(Box::new(Encrypted {
            stream,
            offer,
            verified: !self.config.insecure && !offer.psk,
            hurry: HURRY,
        }))
    }
}

/// The name and version of the library, as it says them.
pub(crate) fn library() -> &'static str {
    openssl::version::version()
}

/// The name, or address, that the certificate must have: a socket is on this
/// machine, a zone is of no interest to others, a dot at the end goes without
/// saying.
fn checked_name(host: &Host) -> &str {
    if host.socket_path().is_some() {
        return "localhost";
    }
    let name = host.name.split('%').next().unwrap_or_default();
    name.strip_suffix('.').unwrap_or(name)
}

/// One connection, with the name that the certificate must have.
fn client(context: &SslContext, host: &Host, config: &Tls) -> Result<Ssl, ErrorStack> {
    let mut ssl = Ssl::new(context)?;
    let name = checked_name(host);
    let address: Option<IpAddr> = name.parse().ok();
    if address.is_none() {
        ssl.set_hostname(name)?;
    }
    if !config.insecure && config.psk.is_none() {
        let param = ssl.param_mut();
        param.set_hostflags(X509CheckFlags::NO_PARTIAL_WILDCARDS);
        match address {
            Some(address) => param.set_ip(address)?,
            None => param.set_host(name)?,
        }
    }
    Ok(ssl)
}

/// The failure for a certificate with a fault.
fn distrust(fault: &str) -> Failure {
    let failure = fail(fault).permanent();
    if fault.contains("not trusted") {
        failure.hint("name its CA with --cafile, or verify nothing with --insecure")
    } else {
        failure
    }
}

/// A stream behind a handshake.
#[derive(Debug)]
pub(crate) struct Encrypted {
    stream: SslStream<Socket>,
    offer: Offer,
    /// The other end has shown a certificate that holds.
    verified: bool,
    /// How often what comes next is still acknowledged at once.
    hurry: u8,
}

/// Enough for the tickets of a handshake and the CONNACK.
const HURRY: u8 = 8;

impl Encrypted {
    /// The socket underneath.
    pub(super) fn socket(&self) -> &Socket {
        self.stream.get_ref()
    }

    /// Says goodbye (`close_notify`). A peer that does not listen any more is no
    /// error.
    pub(super) fn farewell(&mut self) {
        let _ = self.stream.shutdown();
    }

    /// Lines for the debug output: version and cipher, and who the other end is.
    pub(super) fn describe(&self) -> Vec<String> {
        let ssl = self.stream.ssl();
        let cipher = ssl.current_cipher().map_or("no cipher", |cipher| cipher.name());
        let protocol = ssl.selected_alpn_protocol().map(String::from_utf8_lossy);
        let protocol = protocol.map(|name| format!(", ALPN {}", name.escape_debug()));
        let mut lines = vec![format!(
            "{}, {cipher}{}",
            ssl.version_str(),
            protocol.unwrap_or_default()
        )];
        if let Some(certificate) = ssl.peer_certificate() {
            lines.extend(certificate::describe(&certificate));
        }
        if self.offer.psk {
            lines.push("both ends have the pre-shared key".to_owned());
        } else if !self.verified {
            lines.push("the certificate was not verified (--insecure)".to_owned());
        }
        lines.into_iter().map(|line| format!("TLS: {line}")).collect()
    }

    /// What broke the stream, as an error that has the failure in it.
    fn broken(&self, error: Error) -> io::Error {
        if words::is_end(&error) {
            return io::ErrorKind::UnexpectedEof.into();
        }
        match error.ssl_error() {
            Some(stack) => io::Error::other(words::protocol(stack, self.offer)),
            None => error.into_io_error().unwrap_or_else(io::Error::other),
        }
    }
}

/// The failure that broke a stream, if it was an alert or the like: one that
/// comes instead of the first answer is about the handshake, as TLS 1.3 tells of
/// a client's certificate only after it.
pub(super) fn told(error: &io::Error) -> Option<&Failure> {
    error.get_ref()?.downcast_ref()
}

impl Read for Encrypted {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        use openssl::ssl::ErrorCode as Code;
        loop {
            let error = match self.stream.ssl_read(buffer) {
                Ok(count) => return Ok(count),
                Err(error) => error,
            };
            match (error.code(), error.io_error().is_some()) {
                (Code::ZERO_RETURN, _) => return Ok(0),
                (Code::SYSCALL, false) if error.ssl_error().is_none_or(|stack| stack.errors().is_empty()) => {
                    return Ok(0);
                }
                // A record that brought nothing for us.
                (Code::WANT_READ, false) => {}
                (Code::WANT_READ, true) if self.hurry > 0 => {
                    self.hurry -= 1;
                    self.socket().acknowledge_at_once();
                    return Err(self.broken(error));
                }
                _ => return Err(self.broken(error)),
            }
        }
    }
}

impl Write for Encrypted {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        use openssl::ssl::ErrorCode as Code;
        loop {
            match self.stream.ssl_write(bytes) {
                Ok(count) => return Ok(count),
                Err(error) if error.code() == Code::WANT_READ && error.io_error().is_none() => {}
                Err(error) => return Err(self.broken(error)),
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_that_is_checked() {
        let of = |name: &str, port| {
            let name = name.to_owned();
            checked_name(&Host { name, port }).to_owned()
        };
        assert_eq!(of("broker.example", 1), "broker.example");
        assert_eq!(of("broker.example.", 1), "broker.example");
        assert_eq!(of("fe80::1%eth0", 1), "fe80::1");
        assert_eq!(of("/run/mosquitto.sock", 0), "localhost");
    }
}

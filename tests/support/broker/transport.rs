//! What the scripted broker speaks MQTT over: TCP, TLS, WebSocket, and
//! WebSocket over TLS.
//!
//! It knows nothing of MQTT: see [`conn`](super::conn) for that.

use std::io::{self, Read, Write};
use std::net::TcpStream;

use openssl::ssl::{SslAcceptor, SslFiletype, SslMethod, SslOptions, SslStream};
use tungstenite::handshake::HandshakeError;
use tungstenite::handshake::server::{Callback, ErrorResponse, Request, Response};
use tungstenite::http::HeaderValue;
use tungstenite::protocol::{Message, WebSocket};
use tungstenite::{Bytes, Error};

use crate::support::certificates::Chain;

/// How clients reach a broker.
#[derive(Debug, Clone, Copy)]
pub enum Transport<'a> {
    /// Plain TCP.
    Tcp,
    /// TLS with this certificate.
    Tls(&'a Chain),
    /// WebSocket with the subprotocol `mqtt`.
    Ws,
    /// WebSocket over TLS.
    Wss(&'a Chain),
}

/// A connected byte stream with a way to end it.
pub trait Stream: Read + Write + Send {
    /// Says goodbye in the protocols below MQTT, if they have a way to.
    fn goodbye(&mut self);
}

/// What a WebSocket client asked for.
#[derive(Debug, Clone)]
pub struct Upgrade {
    /// The path and query of the request.
    pub path: String,
    /// The headers; their names are in lower case.
    pub headers: Vec<(String, String)>,
}

impl Upgrade {
    /// The first header with this name, which is in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(header, _)| header == name);
        found.map(|(_, value)| value.as_str())
    }
}

/// Does the server's part of a transport's handshakes.
#[derive(Clone)]
pub(super) struct Acceptor {
    tls: Option<SslAcceptor>,
    websocket: bool,
}

type Accepted = (Box<dyn Stream>, Option<Upgrade>);

impl Acceptor {
    pub(super) fn new(transport: Transport<'_>) -> Self {
        let (tls, websocket) = match transport {
            Transport::Tcp => (None, false),
            Transport::Tls(chain) => (Some(tls(chain)), false),
            Transport::Ws => (None, true),
            Transport::Wss(chain) => (Some(tls(chain)), true),
        };
        Self { tls, websocket }
    }

    /// Does the handshakes. An error is the client's decision, not a failure of
    /// the test: it can turn a certificate down.
    pub(super) fn accept(&self, socket: TcpStream) -> io::Result<Accepted> {
        match &self.tls {
            None => self.upgrade(socket),
            Some(tls) => self.upgrade(tls.accept(socket).map_err(io::Error::other)?),
        }
    }

    fn upgrade<S: Stream + 'static>(&self, stream: S) -> io::Result<Accepted> {
        if !self.websocket {
            return Ok((Box::new(stream), None));
        }
        let mut asked = None;
        let socket = tungstenite::accept_hdr(stream, Negotiation(&mut asked)).map_err(|error| match error {
            HandshakeError::Failure(error) => io::Error::other(error),
            HandshakeError::Interrupted(_) => io::ErrorKind::TimedOut.into(),
        })?;
        let frames = Frames {
            socket,
            unread: Bytes::new(),
        };
        Ok((Box::new(frames), asked))
    }
}

/// Agrees to the subprotocol `mqtt`, or to the first one offered if that is
/// another, and keeps what was asked for.
struct Negotiation<'a>(&'a mut Option<Upgrade>);

impl Callback for Negotiation<'_> {
    fn on_request(self, request: &Request, mut response: Response) -> Result<Response, ErrorResponse> {
        const PROTOCOL: &str = "sec-websocket-protocol";
        let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
        let headers = request.headers().iter();
        let upgrade = Upgrade {
            path: request.uri().to_string(),
            headers: headers.map(|(name, value)| (name.to_string(), text(value))).collect(),
        };
        let offered = upgrade.header(PROTOCOL).unwrap_or_default();
        let mut offered = offered.split(',').map(str::trim);
        let first = offered.clone().find(|name| !name.is_empty());
        if let Some(chosen) = offered.find(|name| *name == "mqtt").or(first) {
            let chosen = HeaderValue::from_str(chosen).expect("a part of a header");
            response.headers_mut().insert(PROTOCOL, chosen);
        }
        *self.0 = Some(upgrade);
        Ok(response)
    }
}

fn tls(chain: &Chain) -> SslAcceptor {
    let mut builder = SslAcceptor::mozilla_intermediate_v5(SslMethod::tls_server()).unwrap();
    builder.set_certificate_chain_file(&chain.cert).unwrap();
    builder.set_private_key_file(&chain.key, SslFiletype::PEM).unwrap();
    // A client that is killed says no goodbye; to the scripts it is an end
    // like others.
    builder.set_options(SslOptions::IGNORE_UNEXPECTED_EOF);
    builder.build()
}

impl Stream for TcpStream {
    fn goodbye(&mut self) {}
}

impl Stream for SslStream<TcpStream> {
    fn goodbye(&mut self) {
        // The client may be gone.
        let _ = self.shutdown();
    }
}

/// The bytes in the binary messages of a WebSocket.
struct Frames<S> {
    socket: WebSocket<S>,
    /// The part of the last message that has not been read.
    unread: Bytes,
}

impl<S: Stream> Stream for Frames<S> {
    fn goodbye(&mut self) {
        // The client may be gone.
        let _ = self.socket.close(None);
        let _ = self.socket.flush();
        self.socket.get_mut().goodbye();
    }
}

impl<S: Stream> Read for Frames<S> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.unread.is_empty() {
            match self.socket.read() {
                Ok(Message::Binary(bytes)) => self.unread = bytes,
                Ok(Message::Text(_)) => {
                    let what = "MQTT in a text message";
                    return Err(io::Error::new(io::ErrorKind::InvalidData, what));
                }
                Ok(_) => {}
                Err(
                    Error::ConnectionClosed
                    | Error::AlreadyClosed
                    | Error::Protocol(tungstenite::error::ProtocolError::ResetWithoutClosingHandshake),
                ) => return Ok(0),
                Err(Error::Io(error)) => return Err(error),
                Err(error) => return Err(io::Error::other(error)),
            }
        }
        let count = self.unread.len().min(buffer.len());
        buffer[..count].copy_from_slice(&self.unread.split_to(count));
        Ok(count)
    }
}

impl<S: Stream> Write for Frames<S> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let message = Message::Binary(Bytes::copy_from_slice(bytes));
        match self.socket.send(message) {
            Ok(()) => Ok(bytes.len()),
            Err(Error::Io(error)) => Err(error),
            Err(error) => Err(io::Error::other(error)),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

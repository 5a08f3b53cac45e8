//! MQTT inside WebSocket (MQTT 5, 6): the handshake, and binary frames as a byte
//! stream. `tungstenite` does the framing.

use std::io::{self, Read as _};

use bytes::{Buf as _, Bytes};
use tungstenite::client::IntoClientRequest as _;
use tungstenite::http::{HeaderMap, HeaderName, HeaderValue};
use tungstenite::protocol::WebSocketConfig;
use tungstenite::{Error, HandshakeError, Message, WebSocket};

use super::carrier::Stream;
use crate::config::connection::{Host, WebSocket as Config};
use crate::exit::Exit;
use crate::failure::{Failure, io_reason};
use crate::message::MAX_PAYLOAD;

/// The subprotocol that an MQTT client offers (MQTT 5, 6.0.0-3).
const SUBPROTOCOL: HeaderValue = HeaderValue::from_static("mqtt");

/// The most that is taken for a frame, or a message in several: the longest packet
/// (MQTT 5, 1.5.5) and whatever stands with it. Room for a frame is made when its
/// head is there, and the head may lie.
const LONGEST_FRAME: usize = MAX_PAYLOAD + (1 << 20);

/// A WebSocket connection as a byte stream.
#[derive(Debug)]
pub(crate) struct Tunnel {
    socket: WebSocket<Stream>,
    /// What is left of the frame that came last.
    frame: Bytes,
    /// Whether tungstenite holds bytes that the kernel has not taken.
    unflushed: bool,
}

/// Upgrades a stream, which must still be blocking, to WebSocket.
///
/// # Errors
/// What the other side answered instead, its HTTP status included.
pub(crate) fn upgrade(stream: Stream, host: &Host, config: &Config) -> Result<Tunnel, Failure> {
    let fail = |why: String| Failure::new(Exit::NoConnection, why);
    let scheme = if matches!(stream, Stream::Tls(_)) { "wss" } else { "ws" };
    let uri = format!("{scheme}://{host}{}", config.path);
    let mut request = uri
        .as_str()
        .into_client_request()
        .map_err(|error| fail(format!("no WebSocket address: {error}")).permanent())?;
    request.headers_mut().insert("Sec-WebSocket-Protocol", SUBPROTOCOL);
    // Those that were asked for replace ours (`Host`), and stand beside one another.
    let mut replaced = HeaderMap::new();
    for (name, value) in &config.headers {
        let wrong = |error: String| fail(format!("WebSocket header {name}: {error}")).permanent();
        let header = HeaderName::from_bytes(name.as_bytes()).map_err(|error| wrong(error.to_string()))?;
        let mut value = HeaderValue::from_bytes(value.reveal()).map_err(|error| wrong(error.to_string()))?;
        value.set_sensitive(true);
        replaced.append(header, value);
    }
    request.headers_mut().extend(replaced);
    // Nothing is written but by `flush`.
    let limits = WebSocketConfig::default()
        .write_buffer_size(usize::MAX / 2)
        .max_write_buffer_size(usize::MAX)
        .max_message_size(Some(LONGEST_FRAME))
        .max_frame_size(Some(LONGEST_FRAME));
    match tungstenite::client::client_with_config(request, stream, Some(limits)) {
        Ok((socket, _)) => Ok(Tunnel {
            socket,
            frame: Bytes::new(),
            unflushed: false,
        }),
        Err(HandshakeError::Interrupted(_)) => Err(fail("timed out in the WebSocket handshake".into())),
        Err(HandshakeError::Failure(error)) => Err(explain(error, &config.path)),
    }
}

/// Tells what the answer to the upgrade request means.
fn explain(error: Error, path: &str) -> Failure {
    let fail = |why: String| Failure::new(Exit::NoConnection, why);
    match error {
        Error::Http(response) => fail(format!(
            "the WebSocket request for {path} was answered {}",
            response.status()
        ))
        .hint("is this the WebSocket port, and the right path?")
        .permanent(),
        Error::Io(error) if super::tls::told(&error).is_some() => {
            super::tls::told(&error).cloned().unwrap_or_else(|| fail(String::new()))
        }
        Error::Io(error) if error.kind() == io::ErrorKind::WouldBlock => {
            fail("timed out in the WebSocket handshake".into())
        }
        Error::Io(error) => fail(format!("WebSocket: {}", io_reason(&error)))
            .hint("is this the WebSocket port? With TLS (wss) or without?"),
        Error::Protocol(tungstenite::error::ProtocolError::HandshakeIncomplete) | Error::ConnectionClosed => {
            fail("the connection was closed in the WebSocket handshake".into())
                .hint("is this the WebSocket port? With TLS (wss) or without?")
        }
        other => fail(format!("not a WebSocket server: {other}"))
            .hint("is this the WebSocket port? With TLS (wss) or without?")
            .permanent(),
    }
}

impl Tunnel {
    /// The stream underneath.
    pub(crate) fn stream(&self) -> &Stream {
        self.socket.get_ref()
    }

    /// The stream underneath.
    pub(crate) fn stream_mut(&mut self) -> &mut Stream {
        self.socket.get_mut()
    }

    /// Reads from the current frame, or the next binary one.
    pub(crate) fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.frame.is_empty() {
            match self.socket.read() {
                Ok(Message::Binary(frame)) => self.frame = frame,
                Ok(Message::Close(_)) => return Ok(0),
                Ok(Message::Text(_)) => {
                    return Err(io::Error::other("the broker sent a WebSocket text frame"));
                }
                Ok(_) => {}
                Err(error) => return closed_or(error),
            }
        }
        let count = (&self.frame[..]).read(buffer)?;
        self.frame.advance(count);
        Ok(count)
    }

    /// Puts the bytes into one frame; takes all of them.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.flush()?;
        self.unflushed = true;
        match self.socket.write(Message::Binary(Bytes::copy_from_slice(bytes))) {
            Ok(()) => Ok(bytes.len()),
            Err(error) => Err(into_io(error)),
        }
    }

    /// Hands the frames to the kernel.
    pub(crate) fn flush(&mut self) -> io::Result<()> {
        if self.unflushed {
            self.socket.flush().map_err(into_io)?;
            self.unflushed = false;
        }
        Ok(())
    }

    /// Sends a close frame.
    pub(crate) fn close(&mut self) {
        let _ = self.socket.close(None);
        let _ = self.socket.flush();
    }
}

/// The end of the stream is 0 bytes, not an error.
fn closed_or(error: Error) -> io::Result<usize> {
    match error {
        Error::ConnectionClosed
        | Error::AlreadyClosed
        | Error::Protocol(tungstenite::error::ProtocolError::ResetWithoutClosingHandshake) => Ok(0),
        other => Err(into_io(other)),
    }
}

fn into_io(error: Error) -> io::Error {
    match error {
        Error::Io(error) => error,
        other => io::Error::other(other.to_string()),
    }
}

//! The bytes between Paho and the broker: resolve, connect, TLS, WebSocket,
//! buffers. Safe Rust over well-kept crates; the C calls that Paho makes are in
//! `seam` alone. Nothing here names Paho's API, a flag or a standard stream.

mod carrier;
mod line;
pub(crate) mod packet;
mod seam;
mod tcp;
mod tls;
mod trace;
mod watch;
mod websocket;

pub(crate) use line::{Down, Line};
pub(crate) use seam::{Announcement, Attendant, URI, attach, hang_up, stop_reading, try_with_line, with_line};
pub(crate) use trace::Tracer;
pub(crate) use watch::Facts;

use std::time::Instant;

use self::carrier::{Carrier, Stream};
use crate::config::connection::Route;
use crate::failure::Failure;

/// Opens the way to the broker, up to where MQTT begins.
///
/// Blocks until it is open, has failed, or `deadline` has passed; resolving a
/// name may take longer than that.
///
/// # Errors
/// [`crate::exit::Exit::NoConnection`], with the host named and the reason in words.
pub(crate) fn open(route: &Route, deadline: Instant) -> Result<Carrier, Failure> {
    try_open(route, deadline).map_err(|failure| failure.context(format_args!("cannot connect to {route}")))
}

fn try_open(route: &Route, deadline: Instant) -> Result<Carrier, Failure> {
    let tls = route.tls.as_ref();
    let handshake = tls.map(|tls| tls::Handshake::prepare(&route.host, tls)).transpose()?;
    let tcp = tcp::connect(&route.host, deadline)?;
    tcp::limit(&tcp, deadline)?;
    let stream = match handshake {
        None => Stream::Plain(tcp),
        Some(handshake) => Stream::Tls(handshake.encrypt(tcp)?),
    };
    let carrier = match &route.websocket {
        None => Carrier::Direct(stream),
        Some(config) => Carrier::WebSocket(Box::new(websocket::upgrade(stream, &route.host, config)?)),
    };
    tcp::unlimit(carrier.tcp())?;
    Ok(carrier)
}

//! The bytes between Paho and the broker: resolve, connect, TLS, WebSocket,
//! buffers. Safe Rust over well-kept crates; the C calls that Paho makes are in
//! `seam` alone. Nothing here names Paho's API, a flag or a standard stream.

mod barrier;
mod carrier;
mod exchange;
mod facts;
mod line;
pub(crate) mod packet;
mod reach;
mod seam;
mod socket;
mod tls;
mod trace;
mod watch;
mod websocket;

pub(crate) use exchange::Fate;
pub(crate) use facts::{Facts, Verdict};
pub(crate) use line::{Down, Limit, Line};
pub(crate) use seam::{
    Announcement, Attendant, URI, attach, hang_up, leave, more_waiting, stop_reading, try_with_line, with_line,
};
pub(crate) use trace::Tracer;

use std::time::{Duration, Instant};

use self::carrier::{Carrier, Stream};
use crate::config::connection::{Connection, Route};
use crate::exit::Exit;
use crate::failure::{Failure, io_reason};

/// Opens the way to a broker, up to where MQTT begins: the first of the ways that
/// can be opened, and which one that is.
///
/// Blocks until one is open, all have failed, or `deadline` has passed; resolving
/// a name may take longer than that.
///
/// # Errors
/// [`crate::exit::Exit::NoConnection`], with the host named and the reason in words:
/// those of the last way.
pub(crate) fn open(connection: &Connection, deadline: Instant) -> Result<(Carrier, Route), Failure> {
    let routes: Vec<&Route> = connection.routes().collect();
    let mut last = Err(Failure::new(Exit::NoConnection, "no broker is named"));
    for (index, route) in routes.iter().enumerate() {
        let now = Instant::now();
        // Each way gets its share of the time, the last one all that is left.
        let share = deadline.saturating_duration_since(now) / u32::try_from(routes.len() - index).unwrap_or(1);
        last = try_open(route, connection.bind.as_deref(), now + share)
            .map(|carrier| (carrier, (*route).clone()))
            .map_err(|failure| failure.context(format_args!("cannot connect to {route}")));
        if last.is_ok() {
            break;
        }
    }
    last
}

fn try_open(route: &Route, bind: Option<&str>, deadline: Instant) -> Result<Carrier, Failure> {
    let tls = route.tls.as_ref();
    let handshake = tls.map(|tls| tls::Handshake::prepare(&route.host, tls)).transpose()?;
    let socket = reach::connect(&route.host, bind, deadline)?;
    let failed = |error: std::io::Error| Failure::new(Exit::NoConnection, io_reason(&error));
    let left = deadline
        .saturating_duration_since(Instant::now())
        .max(Duration::from_millis(1));
    socket.limit(Some(left)).map_err(failed)?;
    let stream = match handshake {
        None => Stream::Plain(socket),
        Some(handshake) => Stream::Tls(handshake.encrypt(socket)?),
    };
    let carrier = match &route.websocket {
        None => Carrier::Direct(stream),
        Some(config) => Carrier::WebSocket(Box::new(websocket::upgrade(stream, &route.host, config)?)),
    };
    let socket = carrier.bottom();
    socket.limit(None).and_then(|()| socket.unblock()).map_err(failed)?;
    Ok(carrier)
}

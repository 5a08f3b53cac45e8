//! The bytes between Paho and the broker: resolve, connect, proxy, TLS,
//! WebSocket, buffers. Safe Rust over well-kept crates; the C calls that Paho makes are in
//! `seam` alone. Nothing here names Paho's API, a flag or a standard stream.

mod alias;
mod announcement;
mod attendant;
mod barrier;
mod carrier;
mod exchange;
mod facts;
#[cfg(fuzzing)]
pub mod fuzz;
mod gate;
mod held;
mod line;
mod lull;
mod near;
mod once;
pub(crate) mod packet;
mod pause;
mod proxy;
mod reach;
mod resolve;
mod seam;
mod shape;
mod socket;
mod srv;
mod ticket;
mod tls;
mod trace;
mod watch;
mod websocket;

pub(crate) use announcement::Announcement;
pub(crate) use attendant::Attendant;
pub(crate) use exchange::Fate;
pub(crate) use facts::{Connack, Facts, Verdict};
pub(crate) use line::{Down, Limit, Line};
pub(crate) use near::open_near;
pub(crate) use once::Turn;
pub(crate) use pause::pause;
pub(crate) use seam::{
    URI, attach, hang_up, keep_sockets, leave, more_waiting, resume, stop_reading, try_with_line, turn, with_line,
};
pub(crate) use tls::library as tls_library;
pub(crate) use trace::Tracer;

use std::time::{Duration, Instant};

use self::carrier::{Carrier, Stream};
use self::reach::Origin;
use crate::config::connection::{Connection, Host, Route};
use crate::config::proxy::Proxy;
use crate::exit::Exit;
use crate::failure::{Failure, io_reason};

/// A way to a broker that is open, up to where MQTT begins.
pub(crate) struct Open {
    /// What carries the bytes.
    pub(crate) carrier: Carrier,
    /// Where it leads.
    pub(crate) route: Route,
    /// When it is the turn of the next broker: until then this one should have
    /// answered CONNECT.
    pub(crate) until: Instant,
}

/// Opens the way to a broker: the first that can be opened of those that are not
/// in `tried`.
///
/// Blocks until one is open, all have failed, or `deadline` has passed.
///
/// # Errors
/// [`crate::exit::Exit::NoConnection`], with each host named and the reason in
/// words; `None` if all have been tried.
pub(crate) fn open(connection: &Connection, tried: &[Host], deadline: Instant) -> Result<Open, Option<Failure>> {
    let routes: Vec<&Route> = connection.routes().collect();
    let mut failures = Vec::new();
    for (index, route) in routes.iter().enumerate() {
        let until = share(deadline, routes.len() - index);
        let targets = if connection.srv {
            match srv::brokers(&route.host.name, route.tls.is_some(), until) {
                Ok(hosts) => hosts.into_iter().map(|host| route.leading_to(host)).collect(),
                Err(failure) => {
                    failures.push(cannot_connect(&route.host, failure));
                    continue;
                }
            }
        } else {
            vec![(*route).clone()]
        };
        for (index, target) in targets.iter().enumerate() {
            if tried.contains(&target.host) {
                continue;
            }
            let until = share(until, targets.len() - index);
            match try_open(target, connection, until) {
                Ok(carrier) => {
                    return Ok(Open {
                        carrier,
                        route: target.clone(),
                        until,
                    });
                }
                Err(failure) => failures.push(cannot_connect(&target.host, failure)),
            }
        }
    }
    Err(Failure::all(failures))
}

/// Reads the files that the ways need, and opens none.
///
/// # Errors
/// What is wrong with one of them.
pub(crate) fn rehearse(connection: &Connection) -> Result<(), Failure> {
    for route in connection.routes() {
        if let Some(tls) = &route.tls {
            tls::Handshake::prepare(&route.host, tls).map_err(|failure| cannot_connect(&route.host, failure))?;
        }
    }
    Ok(())
}

/// When the first of so many has had its share of the time; the last one has all
/// that is left.
fn share(deadline: Instant, count: usize) -> Instant {
    let now = Instant::now();
    now + deadline.saturating_duration_since(now) / u32::try_from(count).unwrap_or(1)
}

fn cannot_connect(host: &Host, failure: Failure) -> Failure {
    failure.context(format_args!("cannot connect to {host}"))
}

fn try_open(route: &Route, connection: &Connection, deadline: Instant) -> Result<Carrier, Failure> {
    let tls = route.tls.as_ref();
    let handshake = tls.map(|tls| tls::Handshake::prepare(&route.host, tls)).transpose()?;
    let origin = Origin {
        bind: connection.bind.as_deref(),
        family: connection.family,
    };
    let socket = match &route.proxy {
        None => reach::connect(&route.host, origin, deadline)?,
        Some(proxy) => reach::connect(&proxy.host, origin, deadline)
            .and_then(|mut socket| {
                proxy::pass(&mut socket, proxy, &route.host, deadline)?;
                Ok(socket)
            })
            .map_err(|failure| at_proxy(proxy, failure))?,
    };
    let failed = |error: std::io::Error| fail(io_reason(&error));
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

/// Names the proxy, and who brought it in.
fn at_proxy(proxy: &Proxy, failure: Failure) -> Failure {
    let failure = failure.context(format_args!("proxy {proxy}"));
    match proxy.variable {
        Some(variable) => failure.hint(format!("{variable} names this proxy; --proxy none goes without")),
        None => failure,
    }
}

fn fail(why: String) -> Failure {
    Failure::new(Exit::NoConnection, why)
}

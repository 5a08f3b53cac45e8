//! `--dry-run`: how a connection would be made, in words, without making one.

use std::fmt::Write as _;
use std::iter;

use crate::config::connection::{Connection, Identity, Persistence, Route};
use crate::failure::{Failure, quote};
use crate::session;

/// Says where to, as whom and over what a connection would be made.
///
/// # Errors
/// What is wrong with the files that it needs.
pub(crate) fn rehearse(connection: &Connection) -> Result<String, Failure> {
    let mut unlocked = connection.clone();
    let mut locked = None;
    for route in iter::once(&mut unlocked.route).chain(&mut unlocked.fallbacks) {
        if let Some(tls) = &mut route.tls {
            let has_lock = |own: &mut Identity| own.passphrase.is_none() && super::is_encrypted(&own.key);
            locked = tls.identity.take_if(has_lock).or(locked);
        }
    }
    session::rehearse(&unlocked)?;
    let mut text = String::new();
    for (index, route) in connection.routes().enumerate() {
        let verb = if index == 0 { "would connect to" } else { "or else to" };
        let _ = writeln!(text, "{verb} {}", way(route, connection));
    }
    if let Some(own) = locked {
        let (certificate, key) = (own.certificate.display(), own.key.display());
        let _ = writeln!(
            text,
            "with the certificate {certificate}, for whose key {key} the passphrase was not asked"
        );
    }
    let who = match (&connection.client_id[..], connection.persistence) {
        ("", _) => "an identifier of the broker's choice".to_owned(),
        (id, Persistence::Kept) => format!("client {} with a session that is kept", quote(id)),
        (id, _) => format!("client {}", quote(id)),
    };
    let _ = write!(text, "as {who}");
    match (&connection.username, &connection.password) {
        (Some(name), Some(_)) => {
            let _ = write!(text, ", user {} with a password", quote(name));
        }
        (Some(name), None) => {
            let _ = write!(text, ", user {} without a password", quote(name));
        }
        (None, Some(_)) => text.push_str(", with a password and no user name"),
        (None, None) => text.push_str(", without a user name"),
    }
    let _ = writeln!(text, ", in {}", connection.version);
    if let Some(will) = &connection.will {
        let _ = writeln!(
            text,
            "with a will of {} bytes to {}",
            will.payload.len(),
            quote(will.topic.as_str())
        );
    }
    Ok(text)
}

fn way(route: &Route, connection: &Connection) -> String {
    let mut text = if connection.srv {
        format!("the brokers that the DNS names for {}", route.host.name)
    } else {
        route.host.to_string()
    };
    if route.tls.is_some() {
        text.push_str(", over TLS");
    }
    if let Some(websocket) = &route.websocket {
        let _ = write!(text, ", over WebSocket {}", websocket.path);
    }
    if let Some(proxy) = &route.proxy {
        let _ = write!(text, ", through {proxy}");
    }
    if let Some(family) = connection.family {
        let _ = write!(text, ", over {family}");
    }
    if let Some(bind) = &connection.bind {
        let _ = write!(text, ", from {bind}");
    }
    text
}

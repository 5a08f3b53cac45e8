//! From a name to addresses, by the system's resolver, in bounded time.

use std::net::{IpAddr, SocketAddr, ToSocketAddrs as _};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Instant;

use super::fail;
use crate::config::connection::Family;
use crate::failure::Failure;

/// The addresses of a name, or the one that it is; only those of `family`, if
/// there is one.
///
/// # Errors
/// Why the name has none.
pub(super) fn addresses(
    name: &str,
    port: u16,
    family: Option<Family>,
    deadline: Instant,
) -> Result<Vec<SocketAddr>, Failure> {
    let all = match name.parse::<IpAddr>() {
        Ok(address) => vec![SocketAddr::new(address, port)],
        Err(_) => look_up(name, port, deadline)?,
    };
    let Some(family) = family else { return Ok(all) };
    let kept: Vec<SocketAddr> = all.into_iter().filter(|address| family.has(address.ip())).collect();
    if kept.is_empty() {
        return Err(fail(format!("{name} has no {family} address")));
    }
    Ok(kept)
}

fn look_up(name: &str, port: u16, deadline: Instant) -> Result<Vec<SocketAddr>, Failure> {
    // The resolver cannot be interrupted, so it has a thread of its own; for
    // this name it need not ask anybody.
    if name == "localhost" {
        return ask_system(name, port);
    }
    let (answer, answered) = mpsc::channel();
    let question = name.to_owned();
    let asking = move || {
        // Nobody may be waiting any more.
        let _ = answer.send(ask_system(&question, port));
    };
    thread::Builder::new()
        .name("resolve".into())
        .spawn(asking)
        .map_err(|error| fail(format!("cannot start a thread: {error}")))?;
    match answered.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
        Ok(answer) => answer,
        Err(RecvTimeoutError::Timeout) => Err(fail(format!("timed out looking up {name}"))),
        Err(RecvTimeoutError::Disconnected) => Err(fail("unknown host".to_owned())),
    }
}

fn ask_system(name: &str, port: u16) -> Result<Vec<SocketAddr>, Failure> {
    match (name, port).to_socket_addrs() {
        Ok(addresses) => Ok(addresses.collect()),
        Err(error) => {
            // "failed to lookup address information: Name or service not known"
            let text = error.to_string();
            let why = text.rsplit(": ").next().unwrap_or(&text).to_lowercase();
            Err(fail(format!("unknown host: {why}")))
        }
    }
}

/// The addresses with the two families in turns, beginning with the resolver's
/// first choice (RFC 8305, 4).
pub(super) fn interleave(addresses: Vec<SocketAddr>) -> Vec<SocketAddr> {
    let Some(first) = addresses.first().map(SocketAddr::is_ipv4) else {
        return addresses;
    };
    let count = addresses.len();
    let (preferred, others): (Vec<_>, Vec<_>) = addresses.into_iter().partition(|address| address.is_ipv4() == first);
    let mut mixed = Vec::with_capacity(count);
    let (mut preferred, mut others) = (preferred.into_iter(), others.into_iter());
    while mixed.len() < count {
        mixed.extend(preferred.next());
        mixed.extend(others.next());
    }
    mixed
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn soon() -> Instant {
        Instant::now() + Duration::from_secs(10)
    }

    #[test]
    fn families_take_turns() {
        let of = |texts: &[&str]| -> Vec<SocketAddr> { texts.iter().map(|text| text.parse().unwrap()).collect() };
        for (answer, mixed) in [
            (
                &["[::1]:1", "[::2]:1", "[::3]:1", "1.1.1.1:1", "2.2.2.2:1"][..],
                &["[::1]:1", "1.1.1.1:1", "[::2]:1", "2.2.2.2:1", "[::3]:1"][..],
            ),
            (
                &["1.1.1.1:1", "[::1]:1", "[::2]:1"],
                &["1.1.1.1:1", "[::1]:1", "[::2]:1"],
            ),
            (&["[::1]:1", "[::2]:1"], &["[::1]:1", "[::2]:1"]),
        ] {
            assert_eq!(interleave(of(answer)), of(mixed));
        }
        assert_eq!(interleave(Vec::new()), Vec::new());
    }

    #[test]
    fn a_family_may_be_all_there_is() {
        let why = addresses("::1", 1, Some(Family::V4), soon()).unwrap_err();
        assert_eq!(why.to_string(), "::1 has no IPv4 address");
        let found = addresses("127.0.0.1", 7, Some(Family::V4), soon()).unwrap();
        assert_eq!(found, ["127.0.0.1:7".parse().unwrap()]);
    }

    #[test]
    fn a_name_that_is_none_and_a_time_that_is_over() {
        let why = addresses("no-such-host.invalid", 1, None, soon()).unwrap_err();
        assert!(why.to_string().starts_with("unknown host: "), "{why}");
        let why = addresses("no-such-host.invalid", 1, None, Instant::now()).unwrap_err();
        assert_eq!(why.to_string(), "timed out looking up no-such-host.invalid");
    }
}

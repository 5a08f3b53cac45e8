//! The proxy to go through: `socks5h://[user[:password]@]host[:port]`, as
//! mosquitto's clients have it, or `http://` in the same form; and when the one
//! that the environment names is meant.

use std::fmt;
use std::net::IpAddr;

use super::connection::Host;
use super::url;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::flags::connection::{AmbientProxy, ConnectionFlags};
use crate::secret::Secret;

/// The port of SOCKS (RFC 1928).
const SOCKS_PORT: u16 = 1080;
/// The port of an HTTP proxy whose URL has none: the scheme's own.
const HTTP_PORT: u16 = 80;

/// What turns the proxy of the environment off.
pub const NONE: &str = "none";

/// How a proxy is spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// SOCKS 5, with the name of the broker's host (RFC 1928).
    Socks5,
    /// HTTP's CONNECT (RFC 9110, 9.3.6).
    Http,
}

/// A proxy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proxy {
    /// How to speak to it.
    pub protocol: Protocol,
    /// Where it is.
    pub host: Host,
    /// Who we are there, if it wants to know. For SOCKS at most 255 bytes each.
    pub credentials: Option<(String, Secret)>,
    /// The variable of the environment that names it, if that does.
    pub variable: Option<&'static str>,
}

impl fmt::Display for Proxy {
    /// Names the proxy in messages: never with credentials.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = match self.protocol {
            Protocol::Socks5 => "socks5h",
            Protocol::Http => "http",
        };
        write!(f, "{scheme}://{}", self.host)
    }
}

/// Takes the URL of a proxy apart, which `option` has brought. The error never
/// shows the URL: it may have a password.
///
/// # Errors
/// [`Exit::Usage`], with what is wrong.
pub fn parse(text: &str, option: &str) -> Result<Proxy, Failure> {
    let wrong = |why: &str| Failure::new(Exit::Usage, format!("{option}: {why}"));
    let (scheme, rest) = text
        .split_once("://")
        .ok_or_else(|| wrong("not a URL: '://' is missing"))?;
    let (protocol, default_port) = match scheme.to_ascii_lowercase().as_str() {
        "socks5h" => (Protocol::Socks5, SOCKS_PORT),
        "http" => (Protocol::Http, HTTP_PORT),
        "socks5" => {
            return Err(wrong(
                "unsupported scheme: use socks5h, where the proxy looks the broker's name up",
            ));
        }
        _ => return Err(wrong("unsupported scheme: use socks5h or http")),
    };
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    if !matches!(path, "" | "/") {
        return Err(wrong("a path makes no sense here ('/' in a password is written %2F)"));
    }
    let (credentials, address) = match authority.rsplit_once('@') {
        Some((credentials, address)) => (Some(credentials), address),
        None => (None, authority),
    };
    let credentials = credentials.map(url::credentials).transpose();
    let credentials = credentials.map_err(|why| wrong(&why))?;
    let credentials = credentials.and_then(|(name, password)| Some((name?, password.unwrap_or_default())));
    if let Some((name, password)) = &credentials {
        let long = name.len() > 255 || password.reveal().len() > 255;
        if protocol == Protocol::Socks5 && long {
            return Err(wrong("user name and password must not be longer than 255 bytes each"));
        }
        if protocol == Protocol::Http && name.contains(':') {
            return Err(wrong("the user name must not have a ':'"));
        }
    }
    let (name, port) = url::host_and_port(address).map_err(|why| wrong(&why))?;
    Ok(Proxy {
        protocol,
        host: Host {
            name,
            port: port.unwrap_or(default_port),
        },
        credentials,
        variable: None,
    })
}

/// The proxy that was asked for, or that of the environment.
pub(super) struct Proxies<'a> {
    named: Option<Proxy>,
    ambient: Option<&'a AmbientProxy>,
}

impl<'a> Proxies<'a> {
    /// # Errors
    /// As [`parse`], of the one that was asked for.
    pub(super) fn new(flags: &'a ConnectionFlags) -> Result<Self, Failure> {
        let named = flags.proxy.as_deref().filter(|url| *url != NONE);
        Ok(Self {
            named: named.map(|url| parse(url, "--proxy")).transpose()?,
            ambient: flags.ambient_proxy.as_ref().filter(|_| flags.proxy.is_none()),
        })
    }

    /// The proxy on the way to this host, if there is one.
    ///
    /// # Errors
    /// As [`parse`], of the one of the environment.
    pub(super) fn to(&self, host: &Host) -> Result<Option<Proxy>, Failure> {
        match self.ambient {
            None => Ok(self.named.clone()),
            Some(ambient) if is_direct(host, &ambient.except) => Ok(None),
            Some(ambient) => match parse(&ambient.url, ambient.variable) {
                Ok(proxy) => Ok(Some(Proxy {
                    variable: Some(ambient.variable),
                    ..proxy
                })),
                Err(failure) => Err(failure.hint(format!("--proxy {NONE} goes without {}", ambient.variable))),
            },
        }
    }
}

/// Whether a host is to be reached without the proxy of the environment: this
/// machine, and what the list of `NO_PROXY` names (`*`, a name with all below it,
/// an address, a network as in `10.0.0.0/8`; separated by commas).
pub fn is_direct(host: &Host, no_proxy: &str) -> bool {
    let name = host.name.trim_end_matches('.').to_ascii_lowercase();
    let address: Option<IpAddr> = name.parse().ok();
    if host.socket_path().is_some() || name == "localhost" || address.is_some_and(|address| address.is_loopback()) {
        return true;
    }
    let entries = no_proxy.split([',', ' ']).filter(|entry| !entry.is_empty());
    entries.map(str::to_ascii_lowercase).any(|entry| {
        if entry == "*" {
            return true;
        }
        let entry = match entry.rsplit_once(':') {
            // A port, not the end of an IPv6 address.
            Some((before, port)) if !before.contains(':') || before.ends_with(']') => {
                if port.parse() != Ok(host.port) {
                    return false;
                }
                before
            }
            _ => &entry,
        };
        let entry = entry.trim_start_matches('[').trim_end_matches(']');
        match address {
            Some(address) => in_network(address, entry),
            None => {
                let domain = entry.trim_start_matches("*.").trim_matches('.');
                let above = name.strip_suffix(domain);
                !domain.is_empty() && above.is_some_and(|above| above.is_empty() || above.ends_with('.'))
            }
        }
    })
}

/// Whether an address is this one, or in this network.
fn in_network(address: IpAddr, network: &str) -> bool {
    let (network, length) = match network.split_once('/') {
        Some((network, length)) => (network, length.parse().ok()),
        None => (network, Some(128)),
    };
    let bits = |address: IpAddr| match address {
        IpAddr::V4(v4) => u128::from(v4.to_bits()) << 96,
        IpAddr::V6(v6) => v6.to_bits(),
    };
    let (Ok(network), Some(length)) = (network.parse::<IpAddr>(), length) else {
        return false;
    };
    let differing = bits(address) ^ bits(network);
    network.is_ipv4() == address.is_ipv4() && (differing == 0 || differing.leading_zeros() >= length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_of_a_proxy() {
        let proxy = parse("SOCKS5h://al%40ce:p%3Aw%2F@[::1]:9050", "--proxy").unwrap();
        assert_eq!((proxy.protocol, proxy.host.port), (Protocol::Socks5, 9050));
        assert_eq!(proxy.credentials, Some(("al@ce".to_owned(), Secret::from("p:w/"))));
        assert_eq!(proxy.to_string(), "socks5h://[::1]:9050");
        let of = |text: &str| parse(text, "--proxy").unwrap();
        assert_eq!(of("socks5h://h").to_string(), "socks5h://h:1080");
        assert_eq!(of("http://u@h/").to_string(), "http://h:80");
        assert_eq!(of("http://u@h").credentials, Some(("u".to_owned(), Secret::default())));
        assert_eq!(of("http://h:3128").credentials, None);
    }

    #[test]
    fn wrong_ones_are_refused_without_being_shown() {
        let long = format!("socks5h://{}:secret@h", "u".repeat(256));
        for bad in [
            "secret",
            "socks4://secret@h",
            "socks5://a:secret@h",
            "https://a:secret@h",
            "http://a:sec/ret@h",
            "socks5h://secret@",
            "http://a:secret@h:0",
            "http://a%3Ab:secret@h",
            "http://%ff:secret@h",
            &long,
        ] {
            let failure = parse(bad, "ALL_PROXY").unwrap_err();
            assert_eq!(failure.exit(), Exit::Usage, "{bad}");
            let text = failure.to_string();
            assert!(
                text.starts_with("ALL_PROXY: ") && !text.contains("secret"),
                "{bad}: {text}"
            );
        }
    }

    #[test]
    fn this_machine_and_what_no_proxy_names_are_direct() {
        let direct = |name: &str, list: &str| {
            let host = Host {
                name: name.to_owned(),
                port: 1883,
            };
            is_direct(&host, list)
        };
        for (name, list) in [
            ("localhost", ""),
            ("LOCALHOST.", ""),
            ("127.0.0.9", ""),
            ("::1", ""),
            ("a.example", "*"),
            ("a.example", "x, a.example"),
            ("a.Example", "Example"),
            ("a.b.example", ".example"),
            ("a.b.example", "*.b.example"),
            ("a.example", "a.example:1883"),
            ("10.1.2.3", "10.0.0.0/8"),
            ("10.1.2.3", "10.1.2.3"),
            ("10.1.2.3", "0.0.0.0/0"),
            ("fe80::1", "fe80::/10"),
            ("fe80::1", "fe80::1"),
            ("fe80::1", "[fe80::1]:1883"),
        ] {
            assert!(direct(name, list), "{name} {list}");
        }
        for (name, list) in [
            ("a.example", ""),
            ("notexample", "example"),
            ("example", "a.example"),
            ("a.example", "a.example:8883"),
            ("a.example", "."),
            ("11.1.2.3", "10.0.0.0/8"),
            ("10.1.2.3", "10.1.2"),
            ("10.1.2.3", "10.0.0.0/x"),
            ("::a", "0.0.0.0/0"),
            ("10.0.0.1", "::/0"),
        ] {
            assert!(!direct(name, list), "{name} {list}");
        }
        assert!(is_direct(&Host::socket("/run/m"), ""));
    }
}

//! The URL of `-L`: `(mqtt|mqtts|ws|wss)://[user[:password]@]host[:port][/topic]`,
//! percent-decoded, IPv6 literals in brackets.

use percent_encoding::percent_decode_str;

use crate::exit::Exit;
use crate::failure::Failure;
use crate::secret::Secret;

/// The parts of a URL, decoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Url {
    /// `mqtts` or `wss`.
    pub tls: bool,
    /// `ws` or `wss`.
    pub websocket: bool,
    /// The user name.
    pub username: Option<String>,
    /// The password.
    pub password: Option<Secret>,
    /// The host, without brackets.
    pub host: String,
    /// The port, if there is one.
    pub port: Option<u16>,
    /// Everything behind the first `/`, if there is one.
    pub topic: Option<String>,
}

/// Takes a URL apart. The error never shows the URL: it may have a password.
///
/// # Errors
/// [`Exit::Usage`], with what is wrong.
pub fn parse(text: &str) -> Result<Url, Failure> {
    let wrong = |why: &str| Failure::new(Exit::Usage, format!("-L: {why}"));
    let (scheme, rest) = text
        .split_once("://")
        .ok_or_else(|| wrong("not a URL: '://' is missing"))?;
    let (tls, websocket) = match scheme.to_ascii_lowercase().as_str() {
        "mqtt" => (false, false),
        "mqtts" => (true, false),
        "ws" => (false, true),
        "wss" => (true, true),
        _ => return Err(wrong("unsupported scheme: use mqtt, mqtts, ws or wss")),
    };
    let (authority, topic) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let (credentials, address) = match authority.rsplit_once('@') {
        Some((credentials, address)) => (Some(credentials), address),
        None => (None, authority),
    };
    let (username, password) = match credentials {
        None => (None, None),
        Some(text) => match self::credentials(text).map_err(|why| wrong(&why))? {
            // `:password@`, as tokens are given: an empty user name, which every
            // version of MQTT can carry, as mosquitto's clients send it.
            (None, Some(password)) => (Some(String::new()), Some(password)),
            both => both,
        },
    };
    let (host, port) = host_and_port(address).map_err(|why| wrong(&why))?;
    let topic = match topic.strip_prefix('/') {
        Some(topic) => Some(decode(topic).map_err(|()| wrong("the topic is not UTF-8"))?),
        None => None,
    };
    Ok(Url {
        tls,
        websocket,
        username,
        password,
        host,
        port,
        topic: topic.filter(|topic| !topic.is_empty()),
    })
}

/// Splits `user` and `user:password`, and decodes both; no user name is none.
///
/// # Errors
/// What is wrong with it.
pub fn credentials(text: &str) -> Result<(Option<String>, Option<Secret>), String> {
    let (name, password) = match text.split_once(':') {
        Some((name, password)) => (name, Some(password)),
        None => (text, None),
    };
    let name = decode(name).map_err(|()| "the user name is not UTF-8")?;
    let password = password.map(|password| Secret::from(percent_decode_str(password).collect::<Vec<u8>>()));
    Ok((Some(name).filter(|name| !name.is_empty()), password))
}

/// Splits `host`, `host:port`, `[v6]` and `[v6]:port`.
///
/// # Errors
/// What is wrong with it.
pub fn host_and_port(text: &str) -> Result<(String, Option<u16>), String> {
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => {
            let (host, behind) = rest.split_once(']').ok_or("a ']' is missing")?;
            let port = match behind.strip_prefix(':') {
                None if behind.is_empty() => None,
                None => return Err("only a port may stand behind the ']'".to_owned()),
                Some(port) => Some(port),
            };
            (host.to_owned(), port)
        }
        None => match text.rsplit_once(':') {
            Some((host, port)) => (decode(host).map_err(|()| "the host is not UTF-8")?, Some(port)),
            None => (decode(text).map_err(|()| "the host is not UTF-8")?, None),
        },
    };
    if host.is_empty() {
        return Err("the host is missing".to_owned());
    }
    if host.chars().any(|letter| letter.is_control() || letter.is_whitespace()) {
        return Err("the host has a space or a control character".to_owned());
    }
    let port = match port {
        None => None,
        Some(port) => match port.parse() {
            // Not shown: in a URL without a host it is a password.
            Ok(0) | Err(_) => return Err("the port is no number from 1 to 65535".to_owned()),
            Ok(number) => Some(number),
        },
    };
    Ok((host, port))
}

fn decode(text: &str) -> Result<String, ()> {
    let decoded = percent_decode_str(text).decode_utf8().map_err(|_| ())?;
    Ok(decoded.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_the_parts() {
        let url = parse("WSS://al%40ce:p%3Aw%2F@[::1]:9443/a/b?c#d").unwrap();
        assert!(url.tls && url.websocket);
        assert_eq!(url.username.as_deref(), Some("al@ce"));
        assert_eq!(url.password, Some(Secret::from("p:w/")));
        assert_eq!((url.host.as_str(), url.port), ("::1", Some(9443)));
        assert_eq!(url.topic.as_deref(), Some("a/b?c#d"));
    }

    #[test]
    fn a_password_without_a_host_is_not_shown() {
        for text in [
            "mqtt://alice:secret",
            "mqtt://alice:secret/t",
            "mqtt://a@b:secret@c:secret",
        ] {
            let failure = parse(text).err().unwrap();
            assert!(!failure.to_string().contains("secret"), "{failure}");
        }
    }

    #[test]
    fn few_parts() {
        let url = parse("mqtt://host").unwrap();
        assert_eq!(
            (url.username, url.password, url.port, url.topic),
            (None, None, None, None)
        );
        assert_eq!(parse("mqtt://host//x").unwrap().topic.as_deref(), Some("/x"));
        assert_eq!(parse("mqtt://u@h/t").unwrap().password, None);
        assert_eq!(parse("mqtt://u:p@w@h/t").unwrap().password, Some(Secret::from("p@w")));
        let url = parse("mqtt://:token@h/t").unwrap();
        assert_eq!(
            (url.username.as_deref(), url.password),
            (Some(""), Some(Secret::from("token")))
        );
    }

    #[test]
    fn wrong_ones_are_refused_without_being_shown() {
        for bad in [
            "host/topic",
            "http://secret@h/t",
            "mqtt:///secret",
            "mqtt://secret@:1883/t",
            "mqtt://h:99999/secret",
            "mqtt://h:abc/secret",
            "mqtt://h:/secret",
            "mqtt://[::1/secret",
            "mqtt://[::1]x/secret",
        ] {
            let failure = parse(bad).unwrap_err();
            assert_eq!(failure.exit(), Exit::Usage, "{bad}");
            assert!(!failure.to_string().contains("secret"), "{bad}");
        }
    }
}

//! What the flags mean: validated, defaults filled in, URL and options brought
//! together. The environment and files come in as arguments; nothing here reads
//! a standard stream.

mod check;
pub mod connection;
pub mod publish;
pub mod subscribe;
pub mod url;

use std::time::Duration;

use self::connection::{Connection, Host, Route, Tls, Version, WebSocket};
use self::url::Url;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::flags::connection::{ConnectionFlags, TlsFlags};
use crate::property::Properties;

/// The port of MQTT, and of MQTT in WebSocket, as mosquitto's clients have it.
const PORT: u16 = 1883;
/// The port of MQTT over TLS.
const TLS_PORT: u16 = 8883;

/// Brings the connection's options and the URL together; also gives the URL's
/// topic.
///
/// # Errors
/// [`Exit::Usage`], with the options named.
fn connection(flags: &ConnectionFlags, tls: &TlsFlags) -> Result<(Connection, Option<String>), Failure> {
    let url = flags.url.as_deref().map(url::parse).transpose()?;
    check::connection(flags, tls)?;
    let after = flags.after_url;
    let (username, password) = match &url {
        // A URL's credentials stand together; an option behind it replaces one.
        Some(url) => (
            if after.username || url.username.is_none() {
                flags.username.clone()
            } else {
                url.username.clone()
            },
            if after.password || url.password.is_none() {
                flags.password.clone()
            } else {
                url.password.clone()
            },
        ),
        None => (flags.username.clone(), flags.password.clone()),
    };
    if password.is_some() && username.is_none() && flags.protocol_version != Version::V5 {
        return Err(Failure::new(
            Exit::Usage,
            "-P needs -u: before MQTT 5 there is no password without a user name",
        ));
    }
    let (host, port, tls) = place(flags, tls, url.as_ref())?;
    let websocket = flags.ws || url.as_ref().is_some_and(|url| url.websocket);
    let connection = Connection {
        route: Route {
            host: Host { name: host, port },
            tls,
            websocket: websocket.then(|| WebSocket {
                path: flags.ws_path.clone(),
            }),
        },
        version: flags.protocol_version,
        client_id: client_id(flags),
        persistence: connection::Persistence::Clean,
        keep_alive: flags.keep_alive,
        properties: Properties::default(),
        disconnect_properties: Properties::default(),
        username,
        password,
        connect_timeout: flags.connect_timeout,
    };
    Ok((connection, url.and_then(|url| url.topic)))
}

/// Host, port and TLS, which decide one another.
fn place(flags: &ConnectionFlags, tls: &TlsFlags, url: Option<&Url>) -> Result<(String, u16, Option<Tls>), Failure> {
    let url_tls = url.is_some_and(|url| url.tls);
    let (host, typed_port) = match url {
        None => (flags.host.clone(), flags.port),
        Some(url) => (
            if flags.after_url.host {
                flags.host.clone()
            } else {
                url.host.clone()
            },
            // The scheme brings a port with it even where the URL names none.
            if flags.after_url.port { flags.port } else { url.port },
        ),
    };
    if host.is_empty() {
        return Err(Failure::new(Exit::Usage, "-h: the host is empty"));
    }
    let authorities = tls.ca_file.is_some() || tls.ca_path.is_some();
    let wanted = url_tls || authorities || tls.cert.is_some() || tls.tls_use_os_certs;
    let port = typed_port.unwrap_or(if wanted { TLS_PORT } else { PORT });
    let config = (!tls.no_tls && (wanted || port == TLS_PORT)).then(|| Tls {
        ca_file: tls.ca_file.clone(),
        ca_path: tls.ca_path.clone(),
        system_trust: tls.tls_use_os_certs || !authorities || url_tls,
        identity: tls.cert.clone().zip(tls.key.clone()),
        insecure: tls.insecure,
    });
    Ok((host, port, config))
}

/// MQTT 3.1 has no empty client identifier (MQTT 3.1, CONNECT), so there we
/// choose one of its 23 characters.
fn client_id(flags: &ConnectionFlags) -> String {
    match &flags.id {
        Some(id) => id.clone(),
        None if flags.protocol_version == Version::V31 => {
            let random = std::iter::repeat_with(fastrand::alphanumeric).take(16);
            "mqtool-".chars().chain(random).collect()
        }
        None => String::new(),
    }
}

/// How many messages may be unacknowledged at once. Paho looks through lists of
/// this length for each acknowledgement, so larger is slower.
pub const WINDOW: usize = 100;

/// How long the end of a run may take after a signal.
pub const GRACE: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flags::{self, PublishFlags};

    fn resolve(line: &str) -> Result<(Connection, Option<String>), Failure> {
        let flags: PublishFlags = flags::parse(line.split(' ').map(Into::into)).unwrap();
        connection(&flags.connection, &flags.tls)
    }

    /// Host and port, and what lies between TCP and MQTT.
    fn way(line: &str) -> String {
        let (connection, _) = resolve(line).unwrap();
        let route = connection.route;
        let trust = route
            .tls
            .as_ref()
            .map_or("", |tls| if tls.system_trust { " tls+system" } else { " tls" });
        let websocket = if route.websocket.is_some() { " ws" } else { "" };
        format!("{}{trust}{websocket}", route.host)
    }

    #[test]
    fn default_ports() {
        assert_eq!(way("mqpub"), "localhost:1883");
        assert_eq!(way("mqpub --ws"), "localhost:1883 ws");
        assert_eq!(way("mqpub --cafile x"), "localhost:8883 tls");
        assert_eq!(way("mqpub --tls-use-os-certs"), "localhost:8883 tls+system");
        assert_eq!(way("mqpub -p 8883"), "localhost:8883 tls+system");
        assert_eq!(way("mqpub -p 8883 --no-tls"), "localhost:8883");
        assert_eq!(way("mqpub --cafile x --no-tls"), "localhost:8883");
        assert_eq!(way("mqpub -h ::1 -p 7"), "[::1]:7");
    }

    #[test]
    fn urls() {
        assert_eq!(way("mqpub -L mqtt://h/t"), "h:1883");
        assert_eq!(way("mqpub -L mqtts://h/t"), "h:8883 tls+system");
        assert_eq!(way("mqpub -L ws://h/t"), "h:1883 ws");
        assert_eq!(way("mqpub -L wss://h:9443/t --cafile x"), "h:9443 tls+system ws");
        assert_eq!(way("mqpub -p 7 -L mqtt://h/t"), "h:1883");
        assert_eq!(way("mqpub -L mqtt://h/t -p 7 -h i"), "i:7");
    }

    #[test]
    fn credentials() {
        let of = |line: &str| {
            let (connection, _) = resolve(line).unwrap();
            let password = connection
                .password
                .map(|secret| String::from_utf8(secret.reveal().to_vec()).unwrap());
            (connection.username.unwrap_or_default(), password.unwrap_or_default())
        };
        assert_eq!(of("mqpub -L mqtt://a:b@h/t"), ("a".into(), "b".into()));
        assert_eq!(of("mqpub -u c -L mqtt://a:b@h/t -P d"), ("a".into(), "d".into()));
        assert_eq!(of("mqpub -u c -P d -L mqtt://h/t"), ("c".into(), "d".into()));
        assert!(resolve("mqpub -P d").is_err());
        assert!(resolve("mqpub -V 5 -P d").is_ok());
    }
}

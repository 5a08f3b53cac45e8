//! What the flags mean: validated, defaults filled in, URL and options brought
//! together. The environment and files come in as arguments; nothing here reads
//! a standard stream.

pub mod bench;
mod check;
mod check_subscribe;
pub mod connection;
pub mod exec;
mod headers;
mod hosts;
pub mod output;
pub mod probe;
pub mod properties;
pub mod proxy;
pub mod publish;
pub mod request;
pub mod spool;
pub mod subscribe;
mod template;
pub mod tls;
pub mod url;
mod wanted;
pub mod will;

use std::time::Duration;

use self::connection::{Connection, Family, Host, InFlight, Persistence, Route, Version, WebSocket};
use self::properties::PropertySet;
use self::proxy::Proxies;
use self::url::Url;
use crate::chance;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::flags::connection::ConnectionFlags;
use crate::flags::properties::PropertyFlags;
use crate::flags::tls::TlsFlags;
use crate::flags::{Flags, SharedFlags};
use crate::property::{SESSION_EXPIRY_INTERVAL, Value};

/// The port of MQTT, and of MQTT in WebSocket, as mosquitto's clients have it.
const PORT: u16 = 1883;
/// The port of MQTT over TLS.
const TLS_PORT: u16 = 8883;

/// What the options that both tools have mean.
struct Common {
    connection: Connection,
    /// The topics that the URLs have.
    url_topics: Vec<String>,
    /// The properties of the packets that the connection does not send by itself.
    properties: PropertySet,
    /// What is accepted and has no effect, one sentence each.
    warnings: Vec<String>,
    window: InFlight,
}

/// Brings the options that both tools have and the URL together.
///
/// # Errors
/// [`Exit::Usage`], with the options named.
fn common<F: Flags>(flags: &F) -> Result<Common, Failure> {
    let asks = flags.asks();
    let SharedFlags {
        connection: flags,
        properties,
        will,
        tls,
        general: _,
    } = flags.shared();
    let mut urls: Vec<Url> = flags.url.iter().map(|url| url::parse(url)).collect::<Result<_, _>>()?;
    let url_topics = urls.iter_mut().filter_map(|url| url.topic.take()).collect();
    let url = urls.pop();
    check::connection(flags)?;
    let version = version(flags, properties, asks)?;
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
    if password.is_some() && username.is_none() && version != Version::V5 {
        return Err(Failure::new(
            Exit::Usage,
            "-P needs -u: before MQTT 5 there is no password without a user name",
        ));
    }
    let (mut set, mut warnings) = properties::resolve(properties, F::TOOL, asks)?;
    if flags.disable_clean_session && version == Version::V5 && !set.connect.has(SESSION_EXPIRY_INTERVAL) {
        set.connect.push(SESSION_EXPIRY_INTERVAL, Value::Number(u32::MAX));
    }
    check::kept_session(flags, version, set.connect.number(SESSION_EXPIRY_INTERVAL))?;
    let will = will::resolve(will, std::mem::take(&mut set.will))?;
    let (route, fallbacks) = routes(flags, tls, url.as_ref())?;
    if route.tls.is_none() && fallbacks.iter().all(|route| route.tls.is_none()) {
        warnings.extend(tls::without_tls(tls)?);
    }
    let connection = Connection {
        route,
        fallbacks,
        bind: flags.bind.clone(),
        family: match (flags.ipv4, flags.ipv6) {
            (true, _) => Some(Family::V4),
            (false, true) => Some(Family::V6),
            (false, false) => None,
        },
        srv: flags.srv,
        version,
        client_id: client_id(flags, version),
        persistence: if flags.disable_clean_session {
            Persistence::Kept
        } else {
            Persistence::Clean
        },
        keep_alive: flags.keep_alive,
        properties: std::mem::take(&mut set.connect),
        disconnect_properties: std::mem::take(&mut set.disconnect),
        will,
        username,
        password,
        connect_timeout: flags.connect_timeout,
    };
    Ok(Common {
        connection,
        url_topics,
        properties: set,
        warnings,
        window: InFlight::new(flags.max_inflight, WINDOW),
    })
}

/// The options of MQTT 5 turn it on, like a `-V 5` at their place; so do requests,
/// unless there is a `-V`.
fn version(flags: &ConnectionFlags, properties: &PropertyFlags, asks: bool) -> Result<Version, Failure> {
    let typed = flags.protocol_version;
    let option = if !properties.property.is_empty() {
        "-D"
    } else if properties.session_expiry_interval.is_some() {
        "-x"
    } else if asks && !flags.order.has_version {
        return Ok(Version::V5);
    } else {
        return Ok(typed);
    };
    if typed != Version::V5 && flags.order.version_last {
        return Err(Failure::new(
            Exit::Usage,
            format!("{option} needs MQTT 5 (-V 5), but the -V behind it says {typed}"),
        ));
    }
    Ok(Version::V5)
}

/// Hosts, ports and TLS, which decide one another.
fn routes(flags: &ConnectionFlags, tls: &TlsFlags, url: Option<&Url>) -> Result<(Route, Vec<Route>), Failure> {
    let url_tls = url.is_some_and(|url| url.tls);
    let wanted = url_tls || tls::is_wanted(tls);
    let config = tls::resolve(tls, url_tls)?;
    let is_websocket = flags.ws || url.is_some_and(|url| url.websocket);
    check::ways(flags, is_websocket)?;
    let headers = flags.ws_header.iter().map(|text| headers::parse(text));
    let headers: Vec<_> = headers.collect::<Result<_, _>>()?;
    let websocket = is_websocket.then(|| WebSocket {
        path: flags.ws_path.clone(),
        headers: headers.clone(),
    });
    let proxies = Proxies::new(flags)?;
    let route = |host: Host| {
        Ok(Route {
            tls: (!tls.no_tls && (wanted || host.port == TLS_PORT)).then(|| config.clone()),
            websocket: websocket.clone(),
            proxy: proxies.to(&host)?,
            host,
        })
    };
    let (first, others) = hosts::resolve(flags, url, if wanted { TLS_PORT } else { PORT })?;
    let all: Vec<Route> = std::iter::once(first)
        .chain(others)
        .map(route)
        .collect::<Result<_, Failure>>()?;
    check::hosts(flags, &all)?;
    let mut all = all.into_iter();
    let first = all
        .next()
        .ok_or_else(|| Failure::new(Exit::Usage, "-h: the host is empty"))?;
    Ok((first, all.collect()))
}

/// MQTT 3.1 has no empty client identifier (MQTT 3.1, CONNECT), so there we
/// choose one of its 23 characters.
fn client_id(flags: &ConnectionFlags, version: Version) -> String {
    match (&flags.id, &flags.id_prefix) {
        (Some(id), _) => id.clone(),
        (None, Some(prefix)) => format!("{prefix}{}", std::process::id()),
        (None, None) if version == Version::V31 => format!("mqtool-{}", chance::name()),
        (None, None) => String::new(),
    }
}

pub use crate::flags::connection::WINDOW;

/// How long the end of a run may take after a signal.
pub const GRACE: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flags::connection::AmbientProxy;
    use crate::flags::{self, PublishFlags};

    fn resolve(line: &str) -> Result<Connection, Failure> {
        let flags: PublishFlags = flags::parse(line.split(' ').map(Into::into)).unwrap();
        common(&flags).map(|common| common.connection)
    }

    /// Host and port, and what lies between TCP and MQTT.
    fn way(line: &str) -> String {
        let connection = resolve(line).unwrap();
        let ways: Vec<String> = connection.routes().map(one_way).collect();
        ways.join(" or ")
    }

    fn one_way(route: &Route) -> String {
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
        assert_eq!(way("mqpub -h a -h b:8883"), "a:1883 or b:8883 tls+system");
        assert_eq!(way("mqpub -h a,b:7 --cafile x"), "a:8883 tls or b:7 tls");
        assert_eq!(way("mqpub --unix /m"), "/m");
        assert_eq!(way("mqpub --unix /m --cafile x"), "/m tls");
    }

    #[test]
    fn urls() {
        assert_eq!(way("mqpub -L mqtt://h/t"), "h:1883");
        assert_eq!(way("mqpub -L mqtts://h/t"), "h:8883 tls+system");
        assert_eq!(way("mqpub -L ws://h/t"), "h:1883 ws");
        assert_eq!(way("mqpub -L wss://h:9443/t --cafile x"), "h:9443 tls+system ws");
        assert_eq!(way("mqpub -p 7 -L mqtt://h/t"), "h:1883");
        assert_eq!(way("mqpub -L mqtt://h/t -L mqtts://i/u"), "i:8883 tls+system");
        assert_eq!(way("mqpub -L mqtt://h/t -p 7 -h i"), "i:7");
    }

    #[test]
    fn ways_that_make_no_sense_name_both_options() {
        for (line, text) in [
            ("mqpub --ws-header a:b", "--ws-header needs --ws"),
            ("mqpub --ipv4 --ipv6", "--ipv4 and --ipv6 cannot be used together"),
            ("mqpub -S --ws", "-S and --ws cannot be used together"),
            ("mqpub -S -L ws://a/t", "-S and --ws cannot be used together"),
            ("mqpub -S -p 1", "-S and -p cannot be used together"),
            (
                "mqpub -S -h a -L mqtt://a:1/t",
                "-L: a port makes no sense with -S, which looks it up",
            ),
            ("mqpub -S -h 127.0.0.1", "-S needs a domain, not the address 127.0.0.1"),
            ("mqpub -S --unix /m", "-S and --unix cannot be used together"),
            (
                "mqpub --proxy http://a --unix /m",
                "--proxy and --unix cannot be used together",
            ),
            ("mqpub -A ::1 --unix /m", "-A and --unix cannot be used together"),
            ("mqpub --ipv6 --unix /m", "--ipv6 and --unix cannot be used together"),
        ] {
            assert_eq!(resolve(line).unwrap_err().to_string(), text, "{line}");
        }
        let connection = resolve("mqpub -S -h a --ipv6 --proxy none").unwrap();
        assert!(connection.srv && connection.has_choice());
        assert_eq!((connection.family, connection.route.proxy), (Some(Family::V6), None));
        let headers = resolve("mqpub --ws --ws-header a:b --ws-header a:c").unwrap();
        assert_eq!(headers.route.websocket.unwrap().headers.len(), 2);
    }

    #[test]
    fn the_proxy_that_is_named_comes_before_that_of_the_environment() {
        let of = |line: &str| {
            let mut flags: PublishFlags = flags::parse(line.split(' ').map(Into::into)).unwrap();
            flags.shared.connection.ambient_proxy = Some(AmbientProxy {
                variable: "ALL_PROXY",
                url: "http://ambient:3128".to_owned(),
                except: "direct".to_owned(),
            });
            let connection = common(&flags).unwrap().connection;
            let proxies = connection.routes().map(|route| match &route.proxy {
                Some(proxy) => proxy.to_string(),
                None => "none".to_owned(),
            });
            proxies.collect::<Vec<_>>().join(" ")
        };
        for (line, expected) in [
            ("mqpub", "none"),
            ("mqpub --unix /m", "none"),
            ("mqpub -h far -h direct", "http://ambient:3128 none"),
            ("mqpub -h far --proxy none", "none"),
            (
                "mqpub --proxy socks5h://p -h direct,localhost",
                "socks5h://p:1080 socks5h://p:1080",
            ),
        ] {
            assert_eq!(of(line), expected, "{line}");
        }
    }

    #[test]
    fn credentials() {
        let of = |line: &str| {
            let connection = resolve(line).unwrap();
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

    #[test]
    fn the_options_of_mqtt_5_turn_it_on() {
        for (line, version) in [
            ("mqpub", Version::V311),
            ("mqpub -x 5", Version::V5),
            ("mqpub -D publish content-type x", Version::V5),
            ("mqpub -V 311 -x 5", Version::V5),
            ("mqpub -D publish content-type x -V 31 -x 5", Version::V5),
            ("mqpub -D publish content-type x -V 5", Version::V5),
            ("mqpub -D subscribe user-property a b", Version::V5),
        ] {
            assert_eq!(resolve(line).unwrap().version, version, "{line}");
        }
        for (line, option) in [
            ("mqpub -x 5 -V 311", "-x"),
            ("mqpub -D publish content-type x -V 31", "-D"),
            ("mqpub -D publish content-type x -x 5 -V 311", "-D"),
        ] {
            let why = resolve(line).unwrap_err().to_string();
            assert!(
                why.starts_with(&format!("{option} needs MQTT 5 (-V 5), but the -V ")),
                "{why}"
            );
        }
    }

    #[test]
    fn kept_sessions() {
        let of = |line: &str| {
            let connection = resolve(line).unwrap();
            let expiry = connection.properties.number(SESSION_EXPIRY_INTERVAL);
            (connection.persistence == Persistence::Kept, expiry)
        };
        for (line, expected) in [
            ("mqpub", (false, None)),
            ("mqpub -V 5", (false, None)),
            ("mqpub -x 60", (false, Some(60))),
            ("mqpub -c -i me", (true, None)),
            ("mqpub -c -i me -V 5", (true, Some(u32::MAX))),
            ("mqpub -c -i me -x 60", (true, Some(60))),
            ("mqpub -c -I me -x 60", (true, Some(60))),
            ("mqpub -c -i me -x 0", (true, Some(0))),
            ("mqpub -c -i me -D connect session-expiry-interval 7", (true, Some(7))),
            ("mqpub -x never -i me", (false, Some(u32::MAX))),
        ] {
            assert_eq!(of(line), expected, "{line}");
        }
        for line in [
            "mqpub -c",
            "mqpub -c -I me",
            "mqpub -c -V 5",
            "mqpub -c -x 60",
            "mqpub -c -V 5 -I me",
            "mqpub -x never",
            "mqpub -c -x -1",
            "mqpub -D connect session-expiry-interval 4294967295",
        ] {
            let why = resolve(line).unwrap_err().to_string();
            assert!(why.contains("needs -i"), "{line}: {why}");
        }
    }

    #[test]
    fn client_identifiers() {
        let of = |line: &str| resolve(line).unwrap().client_id;
        assert_eq!(of("mqpub"), "");
        assert_eq!(of("mqpub -i me"), "me");
        assert_eq!(of("mqpub -I me-"), format!("me-{}", std::process::id()));
        assert_eq!(of("mqpub -V 31").len(), 23);
        let why = resolve("mqpub -i a -I b").unwrap_err().to_string();
        assert_eq!(why, "-i and -I cannot be used together");
    }

    #[test]
    fn will_bind_and_window() {
        let connection = resolve("mqpub -A 127.0.0.1 --will-topic w -D will will-delay-interval 5").unwrap();
        assert_eq!(connection.bind.as_deref(), Some("127.0.0.1"));
        assert_eq!(connection.will.unwrap().properties.iter().count(), 1);
        let window = |line: &str| {
            let flags: PublishFlags = flags::parse(line.split(' ').map(Into::into)).unwrap();
            common(&flags)
                .map(|common| (common.window.most, common.window.kept(Version::V311)))
                .ok()
        };
        assert_eq!(window("mqpub"), Some((WINDOW, 16)));
        assert_eq!(window("mqpub -M 65535"), Some((65_535, 65_535)));
    }
}

//! Where the broker is and how to greet it: plain, validated data. Nothing here
//! reads the environment, a file or the command line.

use std::fmt;
use std::iter;
use std::net::IpAddr;
use std::path::Path;
use std::time::Duration;

use bytes::Bytes;

use super::proxy::Proxy;
pub use super::tls::{Identity, Pin, Psk, Tls};
use crate::message::{Qos, Topic};
use crate::property::Properties;
use crate::secret::Secret;

/// The protocol levels (MQTT 5, 3.1.2.2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Version {
    /// MQTT 3.1.
    V31,
    /// MQTT 3.1.1.
    #[default]
    V311,
    /// MQTT 5.
    V5,
}

impl Version {
    /// The level byte of CONNECT.
    pub fn level(self) -> u8 {
        match self {
            Self::V31 => 3,
            Self::V311 => 4,
            Self::V5 => 5,
        }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::V31 => "MQTT 3.1",
            Self::V311 => "MQTT 3.1.1",
            Self::V5 => "MQTT 5",
        })
    }
}

/// A host and a port, as typed: resolved only when a connection is made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Host {
    /// A name, an IPv4 or an IPv6 address (without brackets); with port 0 the
    /// path of a Unix-domain socket.
    pub name: String,
    /// The TCP port.
    pub port: u16,
}

impl Host {
    /// The Unix-domain socket at this path.
    pub fn socket(path: &str) -> Self {
        Self {
            name: path.to_owned(),
            port: 0,
        }
    }

    /// The path, if this is a Unix-domain socket.
    pub fn socket_path(&self) -> Option<&Path> {
        (self.port == 0).then(|| Path::new(&self.name))
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.port == 0 {
            f.write_str(&self.name)
        } else if self.name.contains(':') {
            write!(f, "[{}]:{}", self.name, self.port)
        } else {
            write!(f, "{}:{}", self.name, self.port)
        }
    }
}

/// MQTT inside WebSocket frames.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebSocket {
    /// The path of the HTTP request.
    pub path: String,
    /// What the request says besides, in order; of one line each.
    pub headers: Vec<(String, Secret)>,
}

/// The way to a broker, below MQTT.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// Which host.
    pub host: Host,
    /// TLS, if any.
    pub tls: Option<Tls>,
    /// WebSocket, if any.
    pub websocket: Option<WebSocket>,
    /// The proxy to go through, if any.
    pub proxy: Option<Proxy>,
}

impl Route {
    /// The same way, but to another host.
    #[must_use]
    pub fn leading_to(&self, host: Host) -> Self {
        Self { host, ..self.clone() }
    }
}

impl fmt::Display for Route {
    /// Names the broker in messages: never with credentials.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.host.fmt(f)
    }
}

/// Which of the two kinds of IP addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

impl Family {
    /// Whether an address is of this kind.
    pub fn has(self, address: IpAddr) -> bool {
        address.is_ipv4() == (self == Self::V4)
    }
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::V4 => "IPv4",
            Self::V6 => "IPv6",
        })
    }
}

/// How long the broker keeps a session: the subscriptions, and what is underway.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Persistence {
    /// For one connection.
    #[default]
    Clean,
    /// While this run lasts, over lost connections, so that QoS 2 stays exactly
    /// once; the end of the run ends it.
    Run,
    /// Beyond this run.
    Kept,
}

/// How many messages may be under way at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InFlight {
    /// Unacknowledged.
    pub most: usize,
    /// Of those at QoS 2, how many a broker keeps that cannot say how many it takes.
    kept: usize,
}

impl InFlight {
    /// How many QoS 2 messages a broker keeps that cannot say how many: RMQTT ends the
    /// connection over the 17th, mosquitto over the 21st.
    const CAUTIOUS: usize = 16;

    /// `-M`, or what stands for it: so many, and no more than a broker keeps.
    pub(super) fn new(max_inflight: Option<u16>, default: usize) -> Self {
        Self {
            most: max_inflight.map_or(default, usize::from),
            kept: max_inflight.map_or(Self::CAUTIOUS, usize::from),
        }
    }

    /// One at a time.
    pub fn one() -> Self {
        Self { most: 1, kept: 1 }
    }

    /// How many QoS 2 messages the broker may have to keep at once. In MQTT 5 it says
    /// itself how many it takes (Receive Maximum, 3.2.2.3.3).
    pub fn kept(self, version: Version) -> usize {
        match version {
            Version::V5 => usize::MAX,
            _ => self.kept,
        }
    }
}

/// What the broker publishes when the connection ends without a DISCONNECT
/// (MQTT 5, 3.1.2.5).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Will {
    /// Where to.
    pub topic: Topic,
    /// What, at most 65 535 bytes.
    pub payload: Bytes,
    /// How surely.
    pub qos: Qos,
    /// Whether the broker keeps it for later subscribers.
    pub retain: bool,
    /// MQTT 5: its properties.
    pub properties: Properties,
}

/// Everything that a connection needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Connection {
    /// The way there.
    pub route: Route,
    /// The ways to try after that one, in order.
    pub fallbacks: Vec<Route>,
    /// The local address to connect from, a name or a number, if any.
    pub bind: Option<String>,
    /// The only kind of addresses to use, if that was said.
    pub family: Option<Family>,
    /// Each host is a domain whose SRV records tell where its brokers are.
    pub srv: bool,
    /// The protocol level.
    pub version: Version,
    /// The client identifier; empty lets the broker choose one.
    pub client_id: String,
    /// How long the broker keeps what it knows of this client identifier.
    pub persistence: Persistence,
    /// The longest silence before a PINGREQ, in whole seconds on the wire.
    pub keep_alive: Duration,
    /// MQTT 5: the properties of CONNECT.
    pub properties: Properties,
    /// MQTT 5: the properties of DISCONNECT.
    pub disconnect_properties: Properties,
    /// What the broker publishes when the connection ends without a DISCONNECT.
    pub will: Option<Will>,
    /// The user name, if any.
    pub username: Option<String>,
    /// The password, if any.
    pub password: Option<Secret>,
    /// How long a connection may take until its CONNACK.
    pub connect_timeout: Duration,
}

impl Connection {
    /// Whether there may be more than one broker to try.
    pub fn has_choice(&self) -> bool {
        self.srv || !self.fallbacks.is_empty()
    }

    /// All the ways, in the order in which to try them.
    pub fn routes(&self) -> impl Iterator<Item = &Route> {
        iter::once(&self.route).chain(&self.fallbacks)
    }
}

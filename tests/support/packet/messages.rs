//! The MQTT packets with more parts than a test can tell from their bytes, as
//! structures to look at and to encode.
//!
//! [`packet`](super) has the rest of the codec.

use super::props::{Prop, id, put_binary, put_props};
use super::{
    CONNACK, CONNECT, DISCONNECT, PUBACK, PUBCOMP, PUBLISH, PUBREC, PUBREL, Packet, SUBACK, SUBSCRIBE, UNSUBSCRIBE,
    Version, encode,
};

/// A will, as part of [`Connect`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Will {
    /// Where it is published.
    pub topic: String,
    /// The message.
    pub payload: Vec<u8>,
    /// The `QoS` it is published with.
    pub qos: u8,
    /// Whether it is retained.
    pub retain: bool,
    /// The will's own properties.
    pub properties: Vec<Prop>,
}

/// A CONNECT.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Connect {
    /// `MQTT`, or `MQIsdp` in version 3.1.
    pub protocol_name: String,
    /// The number of the version.
    pub level: u8,
    /// The byte that says what follows.
    pub flags: u8,
    /// In seconds.
    pub keep_alive: u16,
    /// The connection's properties.
    pub properties: Vec<Prop>,
    /// Empty if the broker is to choose one.
    pub client_id: String,
    /// What the broker publishes when the client is lost.
    pub will: Option<Will>,
    /// As given.
    pub username: Option<String>,
    /// As given.
    pub password: Option<Vec<u8>>,
}

impl Connect {
    /// The CONNECT of a client with a clean session and nothing else.
    pub fn new(version: Version, client_id: &str) -> Self {
        let name = if version == Version::V31 { "MQIsdp" } else { "MQTT" };
        Self {
            protocol_name: name.to_owned(),
            level: version as u8,
            flags: 0x02,
            keep_alive: 0,
            properties: Vec::new(),
            client_id: client_id.to_owned(),
            will: None,
            username: None,
            password: None,
        }
    }

    /// Adds a user name and a password.
    #[must_use]
    pub fn login(mut self, username: &str, password: &str) -> Self {
        self.flags |= 0xc0;
        self.username = Some(username.to_owned());
        self.password = Some(password.as_bytes().to_vec());
        self
    }

    /// Asks for a session that outlives the connection.
    #[must_use]
    pub fn persistent(mut self) -> Self {
        self.flags &= !0x02;
        if self.version() == Version::V5 {
            self.properties.push(Prop::Four(id::SESSION_EXPIRY, u32::MAX));
        }
        self
    }

    /// The version that the protocol level stands for.
    pub fn version(&self) -> Version {
        Version::from_level(self.level)
    }

    /// The flag "clean session", or "clean start" in version 5.
    pub fn clean(&self) -> bool {
        self.flags & 0x02 != 0
    }

    /// The packet, without a will.
    pub fn encode(&self) -> Vec<u8> {
        let mut body = Vec::new();
        put_binary(&mut body, self.protocol_name.as_bytes());
        body.extend_from_slice(&[self.level, self.flags]);
        body.extend_from_slice(&self.keep_alive.to_be_bytes());
        put_props(&mut body, self.version(), &self.properties);
        put_binary(&mut body, self.client_id.as_bytes());
        if let Some(username) = &self.username {
            put_binary(&mut body, username.as_bytes());
        }
        if let Some(password) = &self.password {
            put_binary(&mut body, password);
        }
        encode(CONNECT, &body)
    }

    /// The parts of a packet; its level says of which version it is.
    pub fn parse(packet: &Packet) -> Self {
        let mut fields = packet.fields(CONNECT);
        let protocol_name = fields.string();
        let level = fields.u8();
        let version = Version::from_level(level);
        let flags = fields.u8();
        let keep_alive = fields.u16();
        let properties = fields.props(version);
        let client_id = fields.string();
        let has = |bit: u8| flags & bit != 0;
        let connect = Self {
            protocol_name,
            level,
            flags,
            keep_alive,
            properties,
            client_id,
            will: has(0x04).then(|| Will {
                properties: fields.props(version),
                topic: fields.string(),
                payload: fields.binary(),
                qos: flags >> 3 & 3,
                retain: has(0x20),
            }),
            username: has(0x80).then(|| fields.string()),
            password: has(0x40).then(|| fields.binary()),
        };
        fields.end();
        connect
    }
}

/// A PUBLISH, in either direction.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Publish {
    /// The topic's name.
    pub topic: String,
    /// The message.
    pub payload: Vec<u8>,
    /// 0, 1 or 2, or 3 to break the rules.
    pub qos: u8,
    /// Whether it is (to be) retained.
    pub retain: bool,
    /// Whether it may have been sent before.
    pub dup: bool,
    /// The packet identifier; 0 if `qos` is.
    pub mid: u16,
    /// The message's properties.
    pub properties: Vec<Prop>,
}

impl Publish {
    /// A message with `QoS` 0; the fields take all else.
    pub fn new(topic: &str, payload: impl AsRef<[u8]>) -> Self {
        Self {
            topic: topic.to_owned(),
            payload: payload.as_ref().to_vec(),
            ..Self::default()
        }
    }

    /// The same message with this `QoS` and packet identifier.
    #[must_use]
    pub fn qos(self, qos: u8, mid: u16) -> Self {
        Self { qos, mid, ..self }
    }

    /// The same message marked as retained.
    #[must_use]
    pub fn retained(self) -> Self {
        Self { retain: true, ..self }
    }

    /// The same message with properties, which only version 5 writes.
    #[must_use]
    pub fn with(self, properties: &[Prop]) -> Self {
        Self {
            properties: properties.to_vec(),
            ..self
        }
    }

    /// The packet.
    pub fn encode(&self, version: Version) -> Vec<u8> {
        let flags = u8::from(self.dup) << 3 | self.qos << 1 | u8::from(self.retain);
        let mut body = Vec::with_capacity(self.topic.len() + self.payload.len() + 5);
        put_binary(&mut body, self.topic.as_bytes());
        if self.qos > 0 {
            body.extend_from_slice(&self.mid.to_be_bytes());
        }
        put_props(&mut body, version, &self.properties);
        body.extend_from_slice(&self.payload);
        encode(PUBLISH | flags, &body)
    }

    /// The parts of a packet.
    pub fn parse(packet: &Packet, version: Version) -> Self {
        let mut fields = packet.fields(PUBLISH);
        let qos = packet.first >> 1 & 3;
        Self {
            topic: fields.string(),
            qos,
            retain: packet.first & 1 != 0,
            dup: packet.first & 8 != 0,
            mid: if qos > 0 { fields.u16() } else { 0 },
            properties: fields.props(version),
            payload: fields.rest().to_vec(),
        }
    }
}

/// A SUBSCRIBE or UNSUBSCRIBE.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscribe {
    /// The packet identifier.
    pub mid: u16,
    /// The filters with their options; these are 0 in an UNSUBSCRIBE.
    pub filters: Vec<(String, u8)>,
    /// The properties of the whole.
    pub properties: Vec<Prop>,
}

impl Subscribe {
    /// The packet as a SUBSCRIBE.
    pub fn encode(&self, version: Version) -> Vec<u8> {
        let mut body = self.mid.to_be_bytes().to_vec();
        put_props(&mut body, version, &self.properties);
        for (filter, options) in &self.filters {
            put_binary(&mut body, filter.as_bytes());
            body.push(*options);
        }
        encode(SUBSCRIBE | 2, &body)
    }

    /// The parts of a packet, which is one of the two.
    pub fn parse(packet: &Packet, version: Version) -> Self {
        let subscribes = packet.kind() == SUBSCRIBE;
        let mut fields = packet.fields(if subscribes { SUBSCRIBE } else { UNSUBSCRIBE });
        let mid = fields.u16();
        let properties = fields.props(version);
        let mut filters = Vec::new();
        while !fields.is_empty() {
            let filter = fields.string();
            filters.push((filter, if subscribes { fields.u8() } else { 0 }));
        }
        Self {
            mid,
            filters,
            properties,
        }
    }
}

/// A packet that says what became of something: CONNACK, PUBACK, PUBREC,
/// PUBREL, PUBCOMP, SUBACK, DISCONNECT.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The packet's type.
    pub kind: u8,
    /// The packet identifier; 0 in a CONNACK and a DISCONNECT.
    pub mid: u16,
    /// The codes: one for each filter in a SUBACK, and one in all others,
    /// where 0 stands for one that is left out.
    pub codes: Vec<u8>,
    /// The properties, if there are any.
    pub properties: Vec<Prop>,
}

impl Answer {
    /// The parts of a packet.
    pub fn parse(packet: &Packet, version: Version) -> Self {
        let kind = packet.kind();
        let mut fields = packet.fields(kind);
        let mut answer = Self {
            kind,
            mid: 0,
            codes: vec![0],
            properties: Vec::new(),
        };
        match kind {
            CONNACK => {
                fields.u8();
                answer.codes = vec![fields.u8()];
                answer.properties = fields.props(version);
            }
            SUBACK => {
                answer.mid = fields.u16();
                answer.properties = fields.props(version);
                answer.codes = fields.rest().to_vec();
            }
            PUBACK | PUBREC | PUBREL | PUBCOMP | DISCONNECT => {
                if kind != DISCONNECT {
                    answer.mid = fields.u16();
                }
                if !fields.is_empty() {
                    answer.codes = vec![fields.u8()];
                }
                if !fields.is_empty() {
                    answer.properties = fields.props(version);
                }
            }
            _ => panic!("no answer: {packet:?}"),
        }
        answer
    }
}

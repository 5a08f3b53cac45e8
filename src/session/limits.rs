//! What a broker has said it takes: a message that it would end the connection
//! over is not sent to it.

use crate::config::connection::Version;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::message::{Message, Qos};
use crate::property::{self, Properties};

/// The size of the largest packet there can be, in bytes: its remaining length
/// stops at 268 435 455, behind five bytes (MQTT 5, 2.1.4).
const LARGEST_PACKET: u32 = 268_435_460;

/// What a broker has said it takes (MQTT 5, 3.2.2.3).
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// The largest packet, in bytes.
    pub(super) packet: u32,
    pub(super) qos: Qos,
    pub(super) retain: bool,
    /// The highest topic alias.
    pub(super) alias: u32,
    /// Whether its packets are those of MQTT 5.
    pub(super) five: bool,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            packet: LARGEST_PACKET,
            qos: Qos::ExactlyOnce,
            retain: true,
            alias: 0,
            five: true,
        }
    }
}

impl Limits {
    /// Those in the properties of a CONNACK of this version.
    pub(super) fn new(version: Version, connack: &Properties) -> Self {
        let most = Self::default();
        let qos = connack.number(property::MAXIMUM_QOS);
        let qos = qos.and_then(|qos| Qos::try_from(u8::try_from(qos).ok()?).ok());
        Self {
            packet: connack
                .number(property::MAXIMUM_PACKET_SIZE)
                .map_or(most.packet, |packet| packet.min(most.packet)),
            qos: qos.unwrap_or(most.qos),
            retain: connack.number(property::RETAIN_AVAILABLE) != Some(0),
            alias: connack.number(property::TOPIC_ALIAS_MAXIMUM).unwrap_or(most.alias),
            five: version == Version::V5,
        }
    }

    /// Why the broker would end the connection over this message, if it would.
    pub(super) fn complaint(self, message: &Message) -> Option<Failure> {
        let (number, why) = self.excess(message)?;
        Some(Failure::new(Exit::Refused, format!("message not sent: {why}")).code(number))
    }

    /// The same in words, and the number that mosquitto's library has for it
    /// (`mosq_err_t`).
    fn excess(self, message: &Message) -> Option<(u8, String)> {
        if message.qos > self.qos {
            return Some((24, format!("the broker takes no more than QoS {}", self.qos as u8)));
        }
        if message.retain && !self.retain {
            return Some((0x9a, "the broker keeps no retained messages".to_owned()));
        }
        let (size, most) = (message.packet_size(self.five), self.packet);
        if size > u64::from(most) {
            let who = if most == LARGEST_PACKET {
                "MQTT has"
            } else {
                "the broker takes"
            };
            let why = format!("its packet has {size} bytes, and {who} none of more than {most}");
            return Some((25, why));
        }
        let alias = message.properties.number(property::TOPIC_ALIAS)?;
        (alias > self.alias).then(|| match self.alias {
            0 => (0x94, "the broker takes no topic aliases".to_owned()),
            most => (
                29,
                format!("the broker takes no topic alias above {most}, and its is {alias}"),
            ),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::{MAX_PAYLOAD, Topic, Value};

    fn message(size: usize) -> Message {
        Message {
            topic: Topic::new("t").unwrap(),
            payload: vec![0; size].into(),
            qos: Qos::AtLeastOnce,
            retain: false,
            properties: Properties::default(),
        }
    }

    #[test]
    fn what_goes_beyond_the_limits_is_told() {
        let mut connack = Properties::default();
        let limits = Limits::new(Version::V5, &connack);
        let mut retained = message(3);
        retained.retain = true;
        retained.qos = Qos::ExactlyOnce;
        assert_eq!(limits.complaint(&retained), None);
        for (id, number) in [(36, 1), (37, 0), (39, 20), (34, 10)] {
            connack.push(id, Value::Number(number));
        }
        let limits = Limits::new(Version::V5, &connack);
        let told = |message: &Message| limits.excess(message).unwrap_or_default().1;
        assert!(told(&retained).contains("no more than QoS 1"));
        retained.qos = Qos::AtMostOnce;
        assert!(told(&retained).contains("no retained messages"));
        assert_eq!(told(&message(12)), "");
        assert!(told(&message(13)).contains("has 21 bytes, and the broker takes none of more than 20"));
        let mut aliased = message(3);
        aliased.properties.push(property::TOPIC_ALIAS, Value::Number(10));
        assert_eq!(told(&aliased), "");
        let none = Limits::default().complaint(&aliased).unwrap();
        assert_eq!(none.to_string(), "message not sent: the broker takes no topic aliases");
        aliased.properties = Properties::default();
        aliased.properties.push(property::TOPIC_ALIAS, Value::Number(11));
        assert!(told(&aliased).contains("no topic alias above 10, and its is 11"));
    }

    #[test]
    fn there_is_a_largest_packet() {
        let limits = Limits::new(Version::V311, &Properties::default());
        // Behind the topic and the packet identifier.
        let room = MAX_PAYLOAD - 5;
        assert_eq!(limits.complaint(&message(room)), None);
        let why = limits.complaint(&message(room + 1)).unwrap().to_string();
        assert!(why.ends_with("and MQTT has none of more than 268435460"), "{why}");
    }
}

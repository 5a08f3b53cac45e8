//! A message of any kind, for targets that print some.

use std::time::{Duration, SystemTime};

use arbitrary::Arbitrary;
use mqtools::message::{Decoding, Properties, Qos, Received, Value};
use mqtools::property::{self, Kind};

#[derive(Arbitrary, Debug)]
pub struct Message {
    pub topic: String,
    pub payload: Vec<u8>,
    pub mid: u16,
    pub qos: u8,
    pub retain: bool,
    /// Since 1970, in seconds, and nanoseconds.
    pub time: (u32, u32),
    pub properties: Vec<(u8, u32, String, String, Vec<u8>)>,
}

impl Message {
    /// As it comes from the wire, which lets no other properties through.
    pub fn received(&self) -> Received<'_> {
        let mut properties = Properties::default();
        for (id, number, text, more, bytes) in &self.properties {
            let Some((_, kind)) = property::entry(*id) else {
                continue;
            };
            let value = match kind {
                Kind::Byte | Kind::Two | Kind::Four | Kind::Varying => Value::Number(*number),
                Kind::Text => Value::Text(text.clone()),
                Kind::Binary => Value::Binary(bytes.clone()),
                Kind::Pair => Value::Pair(text.clone(), more.clone()),
            };
            properties.push(*id, value);
        }
        let (second, nanos) = self.time;
        Received {
            time: SystemTime::UNIX_EPOCH + Duration::new(second.into(), nanos % 1_000_000_000),
            topic: &self.topic,
            payload: &self.payload,
            decoding: Decoding::None,
            qos: Qos::try_from(self.qos % 3).unwrap_or_default(),
            retain: self.retain,
            dup: false,
            mid: self.mid,
            properties,
        }
    }
}

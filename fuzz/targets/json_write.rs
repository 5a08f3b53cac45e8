//! A record of whatever a broker sends is one line of JSON, with the payload in it,
//! and so is what -F makes of it under %j and %J.
#![no_main]

use std::time::SystemTime;

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use mqtools::json::{Recorder, Stamp, write_object};
use mqtools::message::{Decoding, Properties, Qos, Received, Value};
use mqtools::property::{self, Kind};

#[derive(Arbitrary, Debug)]
struct Input {
    topic: String,
    payload: Vec<u8>,
    mid: u16,
    properties: Vec<(u8, u32, String, String, Vec<u8>)>,
}

fuzz_target!(|input: Input| {
    let mut properties = Properties::default();
    for (id, number, text, more, bytes) in input.properties {
        // The wire lets no others through.
        let Some((_, kind)) = property::entry(id) else {
            continue;
        };
        let value = match kind {
            Kind::Byte | Kind::Two | Kind::Four | Kind::Varying => Value::Number(number),
            Kind::Text => Value::Text(text),
            Kind::Binary => Value::Binary(bytes),
            Kind::Pair => Value::Pair(text, more),
        };
        properties.push(id, value);
    }
    let mut line = Vec::new();
    let received = Received {
        time: SystemTime::UNIX_EPOCH,
        topic: &input.topic,
        payload: &input.payload,
        decoding: Decoding::None,
        qos: Qos::AtMostOnce,
        retain: false,
        dup: false,
        mid: input.mid,
        properties,
    };
    for parsed in [false, true] {
        for pretty in [false, true] {
            let mut object = Vec::new();
            write_object(&mut object, &received, (&Stamp::default(), 0), parsed, pretty);
            assert!(pretty || !object.contains(&b'\n'));
            let object: serde_json::Value = serde_json::from_slice(&object).expect("JSON");
            assert_eq!(object["payloadlen"], input.payload.len());
        }
    }
    Recorder::new(true).write(&mut line, &received);
    assert!(!line.contains(&b'\n'));
    let record: serde_json::Value = serde_json::from_slice(&line).expect("JSON");
    assert_eq!(record["topic"], input.topic);
    match std::str::from_utf8(&input.payload) {
        Ok(payload) => assert_eq!(record["payload"], payload),
        Err(_) => assert!(record["payload_base64"].is_string()),
    }
});

//! A record of whatever a broker sends is one line of JSON, with the payload in it,
//! and so is what -F makes of it under %j and %J.
#![no_main]

#[path = "support/message.rs"]
mod message;

use std::collections::BTreeMap;

use libfuzzer_sys::fuzz_target;
use mqtools::json::{Recorder, Stamp, write_object};
use serde_json::value::RawValue;

use self::message::Message;

fuzz_target!(|input: Message| {
    let received = input.received();
    for parsed in [false, true] {
        for pretty in [false, true] {
            let mut object = Vec::new();
            write_object(&mut object, &received, (&Stamp::default(), 0), parsed, pretty);
            assert!(pretty || !object.contains(&b'\n'));
            let object = members(&object);
            assert_eq!(object["payloadlen"].get(), input.payload.len().to_string());
        }
    }
    let mut line = Vec::new();
    Recorder::new(true).write(&mut line, &received);
    assert!(!line.contains(&b'\n'));
    let record = members(&line);
    let text = |name: &str| serde_json::from_str::<String>(record[name].get()).expect("a string");
    assert_eq!(text("topic"), input.topic);
    match std::str::from_utf8(&input.payload) {
        Ok(payload) => assert_eq!(text("payload"), payload),
        Err(_) => drop(text("payload_base64")),
    }
});

/// The members of an object, as they stand there: JSON has numbers that nothing
/// else has.
fn members(object: &[u8]) -> BTreeMap<String, Box<RawValue>> {
    serde_json::from_slice(object).expect("JSON")
}

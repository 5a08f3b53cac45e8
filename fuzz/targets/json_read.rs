//! A record from standard input: what is read is written and read again the same.
#![no_main]

use std::time::SystemTime;

use libfuzzer_sys::fuzz_target;
use mqtools::json::{Defaults, Recorder, read_record, read_recorded};
use mqtools::message::{Decoding, Received};

fuzz_target!(|text: &[u8]| {
    let defaults = Defaults::default();
    if let Err(why) = read_recorded(text, &defaults) {
        assert!(!why.contains('\n'), "{why:?}");
    }
    let message = match read_record(text, &defaults) {
        Ok(message) => message,
        Err(why) => return assert!(!why.contains('\n'), "{why:?}"),
    };
    let mut line = Vec::new();
    let received = Received {
        time: SystemTime::UNIX_EPOCH,
        topic: message.topic.as_str(),
        payload: &message.payload,
        decoding: Decoding::None,
        qos: message.qos,
        retain: message.retain,
        dup: false,
        mid: 0,
        properties: message.properties.clone(),
    };
    Recorder::new(false).write(&mut line, &received);
    assert_eq!(read_record(&line, &defaults), Ok(message), "{}", String::from_utf8_lossy(&line));
});

//! Texts with variables, filled in from payloads that may be anything.
#![no_main]

use std::time::SystemTime;

use libfuzzer_sys::fuzz_target;
use mqtools::pattern::{Pattern, Values};

fuzz_target!(|input: (&str, &[u8])| {
    let (text, payload) = input;
    let Ok(mut pattern) = Pattern::new(text) else {
        return;
    };
    if pattern.settle("host", |_| Some("value".to_owned())).is_err() {
        return;
    }
    let values = Values {
        counter: 1,
        time: SystemTime::UNIX_EPOCH,
        payload,
        response: "a/reply",
    };
    match pattern.fill(&values) {
        // Without variables it is itself.
        Ok(filled) if !text.contains(['{', '}']) => assert_eq!(filled, text.as_bytes()),
        Ok(_) => {}
        Err(why) => assert!(!why.contains('\n'), "{why:?}"),
    }
});

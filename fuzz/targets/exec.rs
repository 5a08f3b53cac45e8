//! The arguments of --exec, and the topics and payloads that fill them in.
#![no_main]

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;

use libfuzzer_sys::fuzz_target;
use mqtools::exec::Argument;

fuzz_target!(|input: (&[u8], &str, &[u8])| {
    let (text, topic, payload) = input;
    let argument = match Argument::new(OsStr::from_bytes(text)) {
        Ok(argument) => argument,
        Err(why) => return assert!(!why.contains('\n'), "{why:?}"),
    };
    match argument.fill(topic, payload) {
        Ok(filled) => {
            assert!(!filled.as_bytes().contains(&0));
            if !text.iter().any(|byte| b"{}".contains(byte)) {
                assert_eq!(filled.as_bytes(), text);
            }
        }
        Err(why) => assert!(!why.contains('\n'), "{why:?}"),
    }
    for (text, expected) in [("{topic}", topic.as_bytes()), ("{payload}", payload)] {
        let filled = Argument::new(OsStr::new(text)).and_then(|argument| argument.fill(topic, payload));
        match filled {
            Ok(filled) => assert_eq!(filled.as_bytes(), expected),
            Err(_) => assert!(expected.contains(&0)),
        }
    }
});

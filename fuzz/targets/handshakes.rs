//! The answers of proxies (SOCKS 5, HTTP) and of WebSocket servers: whatever they
//! say ends in a connection or in one line of words.
#![no_main]

use std::time::{Duration, Instant};

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use mqtools::wire::fuzz;

#[derive(Arbitrary, Debug)]
struct Input<'a> {
    credentials: bool,
    broker: &'a str,
    answers: &'a [u8],
}

fuzz_target!(|input: Input| {
    let answers = &input.answers[..input.answers.len().min(0xffff)];
    let start = Instant::now();
    for outcome in [
        fuzz::proxy(true, input.credentials, input.broker, answers),
        fuzz::proxy(false, input.credentials, input.broker, answers),
        fuzz::handshake(answers),
    ] {
        if let Err(why) = outcome {
            assert!(!why.contains(char::is_control), "{why:?}");
        }
    }
    // Nothing waits for what cannot come.
    assert!(start.elapsed() < Duration::from_secs(3));
});

//! The escapes of a delimiter, and other single values.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mqtools::flags::value;

fuzz_target!(|text: &str| {
    if let Ok(bytes) = value::escaped(text) {
        assert!(!bytes.is_empty() && bytes.len() <= text.len());
    }
    let _ = value::duration(text);
    let _ = value::rate(text);
    let _ = value::expiry(text);
    let _ = value::payload_size(text);
});

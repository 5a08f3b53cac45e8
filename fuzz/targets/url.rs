//! What stands behind -L, and other places of hosts: whatever is in a URL, no
//! password of it is in a message.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mqtools::config::{proxy, url};

fuzz_target!(|text: &str| {
    if let Err(failure) = url::parse(text) {
        let words = failure.to_string();
        assert!(!words.contains(char::is_control), "{words:?}");
        if let Some((scheme, rest)) = text.split_once("://")
            && let Some((credentials, place)) = rest.split_once('@')
            && let Some((name, password)) = credentials.split_once(':')
            && password.len() > 12
            && words.contains(password)
        {
            // Unless it is a part of the words that are there without it.
            let other = url::parse(&format!("{scheme}://{name}:another@{place}")).err();
            let other = other.map(|failure| failure.to_string()).unwrap_or_default();
            assert!(other.contains(password), "{words}");
        }
    }
    let _ = url::host_and_port(text);
    let _ = proxy::parse(text, "--proxy");
});

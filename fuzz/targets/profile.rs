//! A file of profiles.
#![no_main]

use std::path::Path;

use libfuzzer_sys::fuzz_target;
use mqtools::flags::{PublishFlags, SubscribeFlags, command, parse_after, profile};

fuzz_target!(|text: &str| {
    let path = Path::new("file");
    match profile::parse::<PublishFlags>(path, text, "p") {
        Ok(layer) => drop(parse_after::<PublishFlags>(
            command::<PublishFlags>(),
            &[layer],
            &["mqpub".into()],
        )),
        Err(wrong) => assert!(!wrong.text.contains('\n'), "{}", wrong.text),
    }
    if let Ok(layer) = profile::parse::<SubscribeFlags>(path, text, "p") {
        let _ = parse_after::<SubscribeFlags>(command::<SubscribeFlags>(), &[layer], &["mqsub".into()]);
    }
});

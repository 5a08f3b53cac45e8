//! Any command line of either tool, up to where it would connect: URL, hosts,
//! properties, wills and what does not go together included. Arguments are
//! separated by newlines.
#![no_main]

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt as _;

use libfuzzer_sys::fuzz_target;
use mqtools::config::{publish::Publish, subscribe::Subscribe};
use mqtools::flags::{self, PublishFlags, SubscribeFlags};

fuzz_target!(|text: &[u8]| {
    if text.contains(&0) {
        // No argument can have it.
        return;
    }
    let words = || text.split(|byte| *byte == b'\n').map(|word| OsString::from_vec(word.to_vec()));
    let line = |program: &str| std::iter::once(OsString::from(program)).chain(words());
    if let Ok(flags) = flags::parse::<PublishFlags>(line("mqpub"))
        && let Err(failure) = Publish::new(flags)
    {
        let _ = failure.to_string();
    }
    if let Ok(flags) = flags::parse::<SubscribeFlags>(line("mqsub"))
        && let Err(failure) = Subscribe::new(flags)
    {
        let _ = failure.to_string();
    }
});

//! A file of options, alone and in front of a command line.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mqtools::flags::{PublishFlags, SubscribeFlags, options_file, parse_after};

fuzz_target!(|text: &[u8]| {
    let lines = match options_file::parse(text) {
        Ok(lines) => lines,
        Err(why) => return assert!(!why.contains('\n'), "{why:?}"),
    };
    let _ = parse_after::<PublishFlags>(&lines, &["mqpub".into(), "-t".into(), "t".into()]);
    let _ = parse_after::<SubscribeFlags>(&lines, &["mqsub".into()]);
});

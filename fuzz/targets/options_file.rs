//! A file of options, alone and in front of a command line.
#![no_main]

use std::path::Path;

use libfuzzer_sys::fuzz_target;
use mqtools::flags::layers::Layer;
use mqtools::flags::{PublishFlags, SubscribeFlags, command, options_file, parse_after};

fuzz_target!(|text: &[u8]| {
    let lines = match options_file::parse(text) {
        Ok(lines) => lines,
        Err(why) => return assert!(!why.contains('\n'), "{why:?}"),
    };
    for quote in options_file::quotes(&lines) {
        assert!(!quote.contains('\n'), "{quote:?}");
    }
    let layers = [Layer::options_file(Path::new("file"), lines)];
    let _ = parse_after::<PublishFlags>(
        command::<PublishFlags>(),
        &layers,
        &["mqpub".into(), "-t".into(), "t".into()],
    );
    let _ = parse_after::<SubscribeFlags>(command::<SubscribeFlags>(), &layers, &["mqsub".into()]);
});

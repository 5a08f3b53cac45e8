//! What a broker sends, as the reader along takes it: in whatever portions it
//! comes, the same is let through.
#![no_main]

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use mqtools::wire::fuzz::{Inspection, inspect};

#[derive(Arbitrary, Debug)]
struct Input {
    five: bool,
    /// How many PINGREQs of Paho's and of ours are out.
    pings: Vec<bool>,
    /// What was sent.
    sent: Vec<Vec<u8>>,
    sizes: Vec<u8>,
    bytes: Vec<u8>,
}

fuzz_target!(|input: Input| {
    let look = |sizes: &[u8]| -> Inspection { inspect(input.five, &input.pings, &input.sent, sizes, &input.bytes) };
    let whole = look(&[]);
    let portions = look(&input.sizes);
    assert_eq!(whole.good, portions.good);
    if whole.good {
        assert_eq!(whole.through, portions.through);
    }
});

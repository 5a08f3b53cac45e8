//! What a WebSocket server sends: the payloads of its binary frames come out, in
//! whatever frames they are, and nothing else does.
#![no_main]

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use mqtools::wire::fuzz;

#[derive(Arbitrary, Debug)]
enum Part {
    /// Whole messages, each in frames of these sizes.
    Binary(Vec<u8>, Vec<u8>),
    Ping(Vec<u8>),
    Raw(Vec<u8>),
}

fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![first];
    match u8::try_from(payload.len()) {
        Ok(length) if length < 126 => frame.push(length),
        _ => {
            frame.push(126);
            frame.extend(u16::try_from(payload.len()).unwrap().to_be_bytes());
        }
    }
    frame.extend_from_slice(payload);
    frame
}

fuzz_target!(|parts: Vec<Part>| {
    let (mut bytes, mut expected, mut good) = (Vec::new(), Vec::new(), true);
    for part in &parts {
        match part {
            Part::Binary(payload, sizes) => {
                expected.extend_from_slice(payload);
                let mut left = &payload[..];
                let mut opcode = 2;
                for size in sizes {
                    let (some, behind) = left.split_at(usize::from(*size).min(left.len()));
                    bytes.extend(frame(opcode, some));
                    (opcode, left) = (0, behind);
                }
                bytes.extend(frame(0x80 | opcode, left));
            }
            Part::Ping(payload) => bytes.extend(frame(0x89, &payload[..payload.len().min(125)])),
            Part::Raw(raw) => {
                bytes.extend_from_slice(raw);
                good &= raw.is_empty();
            }
        }
        if !good {
            break;
        }
    }
    if bytes.len() > 0xffff {
        return;
    }
    let (read, ended) = fuzz::frames(&bytes).expect("a good handshake");
    assert!(read.starts_with(&expected) || !good, "{read:?} {expected:?}");
    if good {
        assert_eq!((read, ended), (expected, true));
    }
});

//! The splitter of standard input: however the bytes come, the records are the
//! same, and they are those of a splitter that anybody can check.
#![no_main]

use std::io::{self, Read};

use arbitrary::Arbitrary;
use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use mqtools::input::{Delimiter, Framing, Progress, Records};

#[derive(Arbitrary, Debug)]
struct Input {
    /// None: lengths.
    delimiter: Option<Vec<u8>>,
    limit: Option<u16>,
    /// The sizes of the reads, again and again.
    sizes: Vec<u8>,
    stream: Vec<u8>,
}

/// Gives the bytes in portions.
struct Portions<'a> {
    left: &'a [u8],
    sizes: &'a [u8],
    next: usize,
}

impl Read for Portions<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let size = self.sizes.get(self.next % self.sizes.len().max(1)).copied();
        self.next += 1;
        let size = usize::from(size.unwrap_or(u8::MAX)).max(1);
        let count = size.min(self.left.len()).min(buffer.len());
        buffer[..count].copy_from_slice(&self.left[..count]);
        self.left = &self.left[count..];
        Ok(count)
    }
}

/// All the records, and whether the stream was good to its end.
fn read(framing: Framing, limit: Option<u16>, mut source: impl Read) -> (Vec<Bytes>, bool) {
    let mut records = Records::new(framing);
    if let Some(limit) = limit {
        records = records.limit(limit.into());
    }
    let mut payloads = Vec::new();
    loop {
        match records.read(&mut source, &mut payloads) {
            Ok(Progress::End) => return (payloads, true),
            Ok(_) => {}
            Err(_) => return (payloads, false),
        }
    }
}

/// The same the slow way.
fn expected(delimiter: Option<&[u8]>, limit: usize, mut left: &[u8]) -> (Vec<Vec<u8>>, bool) {
    let mut records = Vec::new();
    while !left.is_empty() {
        let (record, behind) = match delimiter {
            Some(mark) => match left.windows(mark.len()).position(|part| part == mark) {
                Some(at) => (&left[..at], &left[at + mark.len()..]),
                None => (left, &left[left.len()..]),
            },
            None => {
                let Some((length, rest)) = left.split_first_chunk::<4>() else {
                    return (records, false);
                };
                let length = u32::from_be_bytes(*length) as usize;
                if length > limit || length > rest.len() {
                    return (records, false);
                }
                rest.split_at(length)
            }
        };
        if record.len() > limit {
            return (records, false);
        }
        records.push(record.to_vec());
        left = behind;
    }
    (records, true)
}

fuzz_target!(|input: Input| {
    let framing = match &input.delimiter {
        None => Framing::LengthPrefixed,
        Some(delimiter) => match Delimiter::new(delimiter) {
            Some(delimiter) => Framing::Delimited(delimiter),
            None => return,
        },
    };
    let portions = Portions {
        left: &input.stream,
        sizes: &input.sizes,
        next: 0,
    };
    let limit = input.limit.map_or(usize::MAX, usize::from);
    let (records, good) = read(framing, input.limit, portions);
    let records: Vec<Vec<u8>> = records.iter().map(|record| record.to_vec()).collect();
    assert_eq!((records, good), expected(input.delimiter.as_deref(), limit, &input.stream));
});

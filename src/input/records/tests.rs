use super::*;
use crate::input::Delimiter;

/// Gives at most `size` bytes a read.
struct Trickle<'a> {
    left: &'a [u8],
    size: usize,
}

impl Read for Trickle<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.size.min(self.left.len()).min(buffer.len());
        let (now, later) = self.left.split_at(count);
        buffer[..count].copy_from_slice(now);
        self.left = later;
        Ok(count)
    }
}

fn delimited(delimiter: &[u8]) -> Records {
    Records::new(Framing::Delimited(Delimiter::new(delimiter).unwrap()))
}

fn framed() -> Records {
    Records::new(Framing::LengthPrefixed)
}

fn frames(payloads: &[&[u8]]) -> Vec<u8> {
    let frame = |payload: &&[u8]| [&u32::try_from(payload.len()).unwrap().to_be_bytes(), *payload].concat();
    payloads.iter().flat_map(frame).collect()
}

/// All payloads, up to the end or an error.
fn read(mut records: Records, text: &[u8], size: usize) -> (Vec<Bytes>, Option<String>) {
    let mut source = Trickle { left: text, size };
    let mut payloads = Vec::new();
    let error = loop {
        match records.read(&mut source, &mut payloads) {
            Ok(Progress::End) => break None,
            Ok(_) => {}
            Err(error) => {
                assert_eq!(error.kind(), io::ErrorKind::InvalidData);
                break Some(error.to_string());
            }
        }
    };
    assert_eq!(records.count(), payloads.len() as u64);
    (payloads, error)
}

fn all(records: Records, text: &[u8], size: usize) -> Vec<Bytes> {
    let (payloads, error) = read(records, text, size);
    assert_eq!(error, None);
    payloads
}

#[test]
fn records_are_kept_byte_for_byte_however_they_come() {
    let payloads: [&[u8]; 6] = [b"a", b"", b"  b c \r", b"\0x\0", b"\xff\xfe", b"last"];
    let lines = payloads.join(&b"\n"[..]);
    let several = payloads.join(&b"\r\n--"[..]);
    let framed_text = frames(&payloads);
    for size in 1..=several.len() {
        assert_eq!(all(delimited(b"\n"), &lines, size), payloads, "{size} bytes at a time");
        assert_eq!(all(delimited(b"\r\n--"), &several, size), payloads, "{size}");
        assert_eq!(all(framed(), &framed_text, size), payloads, "{size}");
    }
}

#[test]
fn any_delimiter_splits_as_a_plain_search_does() {
    let mut random = fastrand::Rng::with_seed(3);
    for _ in 0..500 {
        let some = |random: &mut fastrand::Rng, count: usize| -> Vec<u8> {
            (0..count).map(|_| b"xy-"[random.usize(..3)]).collect()
        };
        let count = random.usize(1..4);
        let delimiter = some(&mut random, count);
        let count = random.usize(..60);
        let text = some(&mut random, count);
        let text = String::from_utf8(text).unwrap();
        let mut expected: Vec<&str> = text.split(std::str::from_utf8(&delimiter).unwrap()).collect();
        expected.pop_if(|last| last.is_empty());
        for size in [1, 2, 7] {
            let records = all(delimited(&delimiter), text.as_bytes(), size);
            assert_eq!(records, expected, "{text} split by {delimiter:?}");
        }
    }
}

#[test]
fn ends() {
    for (text, expected) in [
        (&b""[..], vec![]),
        (b"\n", vec![&b""[..]]),
        (b"a\n", vec![b"a"]),
        (b"a", vec![b"a"]),
    ] {
        assert_eq!(all(delimited(b"\n"), text, 9), expected);
    }
    assert_eq!(all(delimited(b"\r\n"), b"a\r\nb\r", 2), [&b"a"[..], b"b\r"]);
    assert!(all(framed(), b"", 1).is_empty());
}

#[test]
fn long_records_are_whole() {
    for length in [CHUNK - 1, CHUNK, CHUNK + 1, LONG - 1, LONG, LONG + 17] {
        let long = vec![b'x'; length];
        let payloads = [&b"a"[..], &long, b"", &long, b"z"];
        for size in [1_000, CHUNK, usize::MAX] {
            assert!(all(delimited(b"\n"), &payloads.join(&b'\n'), size) == payloads);
            assert!(all(delimited(b"--"), &payloads.join(&b"--"[..]), size) == payloads);
            assert!(all(framed(), &frames(&payloads), size) == payloads);
        }
    }
}

#[test]
fn a_record_is_there_as_soon_as_it_is_read() {
    let mut payloads = Vec::new();
    let mut records = delimited(b"\n");
    let progress = records.read(&mut &b"one\ntw"[..], &mut payloads).unwrap();
    assert_eq!((progress, payloads.len()), (Progress::More, 1));
    let mut records = framed();
    records.read(&mut &b"\0\0\0\x01x\0"[..], &mut payloads).unwrap();
    assert_eq!(payloads, [&b"one"[..], b"x"]);
}

#[test]
fn a_source_that_has_nothing_yet_loses_nothing() {
    struct Busy;
    impl Read for Busy {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::ErrorKind::WouldBlock.into())
        }
    }
    let mut payloads = Vec::new();
    let mut records = delimited(b"\n");
    records.read(&mut &b"on"[..], &mut payloads).unwrap();
    assert_eq!(records.read(&mut Busy, &mut payloads).unwrap(), Progress::Nothing);
    records.read(&mut &b"e\n"[..], &mut payloads).unwrap();
    assert_eq!(payloads, [&b"one"[..]]);
}

#[test]
fn what_is_too_long_is_named_and_what_came_before_it_is_kept() {
    let error = Some("record 3 is longer than 4 bytes, the most that is allowed".to_owned());
    for size in [1, 3, 100] {
        for text in [&b"a\n1234\n12345"[..], b"a\n1234\n12345\nb\n"] {
            let (payloads, found) = read(delimited(b"\n").limit(4), text, size);
            assert_eq!((payloads.len(), &found), (2, &error), "{size}");
        }
        let (payloads, found) = read(delimited(b"--").limit(4), b"a--1234--12345", size);
        assert_eq!((payloads.len(), &found), (2, &error), "{size}");
        let (payloads, found) = read(framed().limit(4), &frames(&[b"a", b"1234", b"12345"]), size);
        assert!(payloads.len() == 2 && found.unwrap().starts_with(error.as_deref().unwrap()));
    }
    let (_, found) = read(framed(), b"text, not frames", 5);
    assert_eq!(
        found.unwrap(),
        "record 1 is longer than 268435455 bytes, the most that is allowed; its length says 1952807028"
    );
}

#[test]
fn a_last_frame_that_is_cut_short_is_an_error() {
    let whole = frames(&[b"a", b"bcd"]);
    for (cut, why) in [
        (1, "the input ends after 2 of its 3 bytes"),
        (3, "the input ends after 0 of its 3 bytes"),
        (4, "the input ends within the 4 bytes of its length"),
    ] {
        let (payloads, error) = read(framed(), &whole[..whole.len() - cut], 3);
        assert_eq!(payloads, [&b"a"[..]]);
        assert_eq!(error.unwrap(), format!("record 2 is cut short: {why}"));
    }
}

#[test]
fn long_records_are_searched_once() {
    let mut records = delimited(b"\r\n");
    let mut source = Trickle {
        left: &vec![b'x'; 5 * CHUNK],
        size: 1_000,
    };
    let mut before = 0;
    while records.read(&mut source, &mut Vec::new()).unwrap() == Progress::More {
        assert!(records.scanned >= before && records.scanned + 1 == records.filled);
        before = records.scanned;
    }
}

/// How much memory a payload holds that no other shares.
fn held(payload: Bytes) -> usize {
    payload.try_into_mut().unwrap().capacity()
}

#[test]
fn the_lines_of_a_slow_stream_hold_no_more_than_themselves() {
    let line = b"12345678901234567890\n";
    let payloads = all(delimited(b"\n"), &line.repeat(300), line.len());
    let total: usize = payloads.into_iter().map(held).sum();
    assert!(total <= 300 * line.len(), "{total}");
}

#[test]
fn the_lines_of_one_read_share_one_block() {
    let line = b"1234567890\n";
    for count in [2, 1_000, 3_000, 5_000] {
        let text = line.repeat(count);
        let mut payloads = Vec::new();
        delimited(b"\n").read(&mut &text[..], &mut payloads).unwrap();
        let first = payloads.remove(0);
        for (index, payload) in (1..).zip(&payloads) {
            assert_eq!(payload.as_ptr() as usize, first.as_ptr() as usize + index * line.len());
        }
        drop(payloads);
        let held = held(first);
        assert!(
            held <= text.len() || (text.len() > LARGE && held <= 2 * CHUNK),
            "{held}"
        );
    }
}

#[test]
fn a_busy_stream_holds_little_more_than_its_records() {
    // As from a pipe: full reads that end within a line; all blocks are kept.
    let text = b"12345678901234567890123456789012345678\n".repeat(30_000);
    let payloads = all(delimited(b"\n"), &text, CHUNK);
    let mut blocks = std::collections::BTreeMap::new();
    let mut end = 0;
    for payload in payloads {
        let start = payload.as_ptr() as usize;
        if start != end + 1 {
            blocks.insert(start, payload.clone());
        }
        end = start + payload.len();
    }
    let held: usize = blocks.into_values().map(held).sum();
    assert!(held <= 3 * text.len(), "{held} for {}", text.len());
}

#[test]
fn a_long_record_is_a_block_of_its_own() {
    let long = vec![b'x'; 40 * CHUNK];
    let text = [&long[..], b"\nshort\nbeginning"].concat();
    let mut source = &text[..];
    let mut payloads = Vec::new();
    let mut records = delimited(b"\n");
    while payloads.is_empty() {
        records.read(&mut source, &mut payloads).unwrap();
        assert!(records.buffer.capacity() <= 2 * (records.filled + CHUNK));
    }
    assert_eq!(
        (&payloads[0], &payloads[1]),
        (&Bytes::from(long), &Bytes::from_static(b"short"))
    );
    assert!(records.buffer.capacity() < CHUNK && held(payloads.remove(1)) <= 6);
    // Nobody else has a part of it.
    assert!(payloads.remove(0).is_unique());
}

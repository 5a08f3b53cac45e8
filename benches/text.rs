//! The code that every message passes through: records out of a stream, JSON in
//! and out, lines out. `cargo bench`.

use std::io;
use std::time::{Duration, UNIX_EPOCH};

use bytes::Bytes;
use divan::counter::{BytesCount, ItemsCount};
use divan::{Bencher, black_box};

use mqtools::clock::Zone;
use mqtools::config::output::{Form, Framing as Separation, Output};
use mqtools::format::Format;
use mqtools::input::{Delimiter, Framing, Progress, Records};
use mqtools::json::{Defaults, Recorder, read_record};
use mqtools::message::{Decoding, Properties, Qos, Received};
use mqtools::output::Printer;

/// As many as are handled in one go.
const COUNT: usize = 10_000;

fn main() {
    divan::main();
}

fn received(payload: &[u8]) -> Received<'_> {
    Received {
        time: UNIX_EPOCH + Duration::from_micros(1_795_520_000_123_456),
        topic: "house/hall/temperature",
        payload,
        decoding: Decoding::None,
        qos: Qos::AtLeastOnce,
        retain: false,
        dup: false,
        mid: 4711,
        properties: Properties::default(),
    }
}

/// Lines of this many bytes.
#[divan::bench(args = [8, 38, 1000])]
fn split_lines(bencher: Bencher<'_, '_>, size: usize) {
    let mut text = Vec::new();
    for _ in 0..COUNT {
        text.extend(std::iter::repeat_n(b'x', size));
        text.push(b'\n');
    }
    bencher
        .counter(ItemsCount::new(COUNT))
        .counter(BytesCount::new(text.len()))
        .bench_local(|| {
            let mut records = Records::new(Framing::Delimited(Delimiter::default()));
            let mut source = &text[..];
            let mut payloads = Vec::new();
            let mut total = 0;
            while matches!(records.read(&mut source, &mut payloads), Ok(Progress::More)) {
                total += payloads.len();
                payloads.clear();
            }
            black_box(total)
        });
}

/// Payloads as they are, with topics, as JSON, in formats.
#[divan::bench(args = ["payload", "verbose", "json", "%j", "%t %p", "%U %x"])]
fn print_lines(bencher: Bencher<'_, '_>, format: &str) {
    let payload = br#"{"sensor":"hall/7","value":21.5,"unit":"C","time":1795520000}"#;
    let message = received(payload);
    let form = match format {
        "payload" => Form::Payload,
        "verbose" => Form::Verbose,
        "json" => Form::Json { parse: false },
        format => match Format::parse(format) {
            Ok(format) => Form::Format { format, pretty: false },
            Err(_) => return,
        },
    };
    let output = Output {
        form,
        framing: Separation::Newline,
        decode: None,
        folder: None,
    };
    let mut printer = Printer::new(io::sink(), false, output, Zone::utc);
    bencher.counter(ItemsCount::new(COUNT)).bench_local(|| {
        for _ in 0..COUNT {
            let _ = printer.print(black_box(&message));
        }
    });
}

#[divan::bench]
fn read_records(bencher: Bencher<'_, '_>) {
    let mut line = Vec::new();
    Recorder::new(false).write(&mut line, &received(br#"{"sensor":"hall/7","value":21.5}"#));
    let line = Bytes::from(line);
    let defaults = Defaults::default();
    bencher.counter(ItemsCount::new(COUNT)).bench_local(|| {
        for _ in 0..COUNT {
            let _ = black_box(read_record(black_box(&line), &defaults));
        }
    });
}

//! A line into a publisher's stdin, the same line out of a subscriber's stdout,
//! at a steady pace: how long that takes.

use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Context as _;

use super::Options;
use super::broker::Broker;
use super::table::{percentile, span};

/// Between two lines.
const PACE: Duration = Duration::from_millis(1);

/// Both sides' pairs in turn, and a table of what came of it.
pub(crate) fn compare(options: &Options, broker: &Broker) -> anyhow::Result<String> {
    let rounds = if options.quick { 3 } else { 7 };
    let mut all = [Vec::new(), Vec::new()];
    for round in 0..rounds {
        for side in [round % 2, 1 - round % 2] {
            all[side].extend(pair(options, side == 0, broker)?);
        }
    }
    let mut text = String::from("| | p50 | p99 | lines |\n| --- | --- | --- | --- |\n");
    for (name, times) in ["mqpub and mqsub", "mosquitto_pub and mosquitto_sub"]
        .iter()
        .zip(&mut all)
    {
        times.sort_unstable();
        let _ = writeln!(
            text,
            "| {name} | {} | {} | {} |",
            span(percentile(times, 50).as_secs_f64()),
            span(percentile(times, 99).as_secs_f64()),
            times.len(),
        );
    }
    Ok(text)
}

/// One pair, for a second and a half of which the last second counts.
fn pair(options: &Options, ours: bool, broker: &Broker) -> anyhow::Result<Vec<Duration>> {
    const LINES: usize = 1500;
    const WARM_UP: usize = 500;
    let (place, publisher, subscriber) = if ours {
        (&options.ours, "mqpub", "mqsub")
    } else {
        (&options.theirs, "mosquitto_pub", "mosquitto_sub")
    };
    let port = broker.port.to_string();
    let common = ["-h", "127.0.0.1", "-p", &port, "-t", "latency"];
    let mut subscribe = Command::new(place.join(subscriber));
    subscribe.args(common).stdin(Stdio::null()).stdout(Stdio::piped());
    let mut publish = Command::new(place.join(publisher));
    publish.args(common).arg("-l").stdin(Stdio::piped());
    let mut reader = subscribe.spawn()?;
    let mut writer = publish.spawn()?;
    let (sender, arrivals) = mpsc::channel();
    let output = BufReader::new(reader.stdout.take().context("no output")?);
    let listener = thread::spawn(move || {
        for line in output.lines().map_while(Result::ok) {
            if sender.send((line, Instant::now())).is_err() {
                break;
            }
        }
    });
    let mut input = writer.stdin.take().context("no input")?;
    // Until the first line is through, the two are not both connected.
    let patience = Instant::now();
    while arrivals.recv_timeout(Duration::from_millis(20)).is_err() {
        input.write_all(b"probe\n")?;
        anyhow::ensure!(
            patience.elapsed() < Duration::from_secs(10),
            "{subscriber} shows no line"
        );
    }
    let start = Instant::now();
    let mut sent = Vec::with_capacity(LINES);
    for number in 0..LINES {
        let due = start + PACE * u32::try_from(number)?;
        thread::sleep(due.saturating_duration_since(Instant::now()));
        sent.push(Instant::now());
        input.write_all(format!("{number}\n").as_bytes())?;
    }
    let mut times = Vec::new();
    let last = (LINES - 1).to_string();
    while let Ok((line, at)) = arrivals.recv_timeout(Duration::from_secs(2)) {
        if let Ok(number) = line.parse::<usize>()
            && number >= WARM_UP
        {
            times.push(at - sent[number]);
        }
        if line == last {
            break;
        }
    }
    drop(input);
    let _ = writer.wait();
    let _ = reader.kill();
    let _ = reader.wait();
    let _ = listener.join();
    Ok(times)
}

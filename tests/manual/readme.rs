//! The README: its tables, which are made of the data that they show; and its
//! blocks of terminal text, run as they stand against a real
//! mosquitto, each as one shell script, and compared with what the README says
//! that they print.
//!
//! Numbers, and with them times, may differ, and so may the broker's host. A
//! block that goes on for ever is stopped when it has printed all that the README
//! shows. A comment before a block says what is different in its world:
//! `<!-- broker: down -->`, `<!-- broker: restarts -->`, `<!-- broker: not trusted -->`.

use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use mqtools::exit;
use mqtools::flags::manual;
use rustix::process::Signal;

use crate::support::DEADLINE;
use crate::support::mosquitto::Subscriber;
use crate::support::packet::Version;
use crate::support::playground::{Feeder, Playground};
use crate::support::runner::Satisfies;

/// Blocks that are not run, by a line of theirs, and why.
const NOT_RUN: [(&str, &str); 0] = [];

/// The README, with its tables as the data have them.
pub(super) fn generate() -> (PathBuf, String) {
    let path = PathBuf::from("README.md");
    let mut text = fs::read_to_string(super::root().join(&path)).unwrap();
    for (mark, table) in [
        ("exit status", exit_status()),
        ("differences", differences()),
        ("not yet", not_yet()),
    ] {
        let begin = format!("<!-- {mark} -->\n");
        let start = text
            .find(&begin)
            .unwrap_or_else(|| panic!("no {begin:?} in the README"))
            + begin.len();
        let end = start + text[start..].find("<!-- end -->").expect("the end of a table");
        text.replace_range(start..end, &table);
    }
    (path, text)
}

/// The options of both of mosquitto's clients, version 2.1.
const THEIRS: &str = "-A -c -d -D -h -i -I -k -L -M -o -p -P -q -S -t -u -V -x --cafile --capath --cert --ciphers \
    --help --insecure --key --keyform --no-tls --nodelay --proxy --psk --psk-identity --quiet --tls-alpn --tls-engine \
    --tls-engine-kpass-sha1 --tls-keylog --tls-use-os-certs --tls-version --unix --version --will-payload --will-qos \
    --will-retain --will-topic --ws";
/// Those of mosquitto_pub alone.
const THEIRS_TO_PUBLISH: &str = "-f -l -m -n -r -s --repeat --repeat-delay";
/// Those of mosquitto_sub alone.
const THEIRS_TO_SUBSCRIBE: &str = "-C -E -F -N -R -T -U -v -w -W --message-rate --pretty --random-filter \
    --remove-retained --retain-as-published --retain-handling --retained-only";

/// Which of mosquitto's options are missing.
fn not_yet() -> String {
    let [publish, subscribe] = super::commands();
    let lacks = |command: &clap::Command, option: &str| {
        !command.get_arguments().any(|argument| {
            let short = argument.get_short().map(|short| format!("-{short}"));
            let long = argument.get_long().map(|long| format!("--{long}"));
            [short, long].iter().flatten().any(|name| name == option)
        })
    };
    let shared = THEIRS.split_whitespace();
    let shared = shared.filter(|option| lacks(&publish, option) || lacks(&subscribe, option));
    let to_publish = THEIRS_TO_PUBLISH.split_whitespace();
    let to_subscribe = THEIRS_TO_SUBSCRIBE.split_whitespace();
    let missing: Vec<String> = shared
        .chain(to_publish.filter(|option| lacks(&publish, option)))
        .chain(to_subscribe.filter(|option| lacks(&subscribe, option)))
        .map(|option| format!("`{option}`"))
        .collect();
    if missing.is_empty() {
        return "All the options of mosquitto's clients are there.\n".to_owned();
    }
    format!("Of their options these are not there: {}.\n", missing.join(", "))
}

fn exit_status() -> String {
    format!("```text\n{}```\n", exit::table_text())
}

fn differences() -> String {
    let cell = |words: &str| words.replace('|', "\\|").replace('<', "&lt;");
    let mut table = String::from("| | mosquitto | mqtools |\n| --- | --- | --- |\n");
    for (heading, group) in manual::DIFFERENCES {
        let _ = writeln!(table, "| **{heading}** | | |");
        for difference in *group {
            let [about, theirs, ours] = [difference.about, difference.theirs, difference.ours].map(cell);
            let _ = writeln!(table, "| {about} | {theirs} | {ours} |");
        }
    }
    table
}

/// A block of the README.
#[derive(Debug, Default)]
struct Block {
    /// What is special about the broker.
    broker: String,
    /// The shell script.
    script: String,
    /// The lines that it prints.
    printed: Vec<String>,
}

fn blocks(text: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut broker = String::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if let Some(comment) = line.strip_prefix("<!-- broker: ") {
            comment.trim_end_matches(" -->").clone_into(&mut broker);
        }
        if line != "```console" {
            continue;
        }
        let mut block = Block {
            broker: std::mem::take(&mut broker),
            ..Block::default()
        };
        for line in lines.by_ref().take_while(|line| *line != "```") {
            match line.strip_prefix("$ ").or_else(|| line.strip_prefix("> ")) {
                Some(command) => {
                    block.script.push_str(command);
                    block.script.push('\n');
                }
                None => block.printed.push(line.to_owned()),
            }
        }
        blocks.push(block);
    }
    blocks
}

/// The line with all that may differ made the same.
fn plain(line: &str) -> String {
    let line = line
        .replace("broker.example", "localhost")
        .replace("Example CA", "Test CA");
    let mut plain = String::new();
    for character in line.chars() {
        match character {
            '0'..='9' if plain.ends_with('#') => {}
            '0'..='9' => plain.push('#'),
            other => plain.push(other),
        }
    }
    plain
}

fn run(block: &Block) {
    let mut place = Playground::new(&block.script);
    let script = format!("exec 2>&1\n{}", block.script);
    let mut shell = place.shell(&script);
    match &*block.broker {
        "" | "restarts" => {}
        "down" => shell = shell.env("BROKER", "down"),
        "not trusted" => shell = shell.env("SSL_CERT_FILE", "/dev/null"),
        other => panic!("what is a broker that is {other:?}?"),
    }
    let feeder = (block.broker != "restarts").then(|| Feeder::start(place.broker.tcp()));
    let subscriber = (block.broker == "restarts").then(|| Subscriber::connect(place.broker.tcp(), Version::V5, "#", 2));
    if subscriber.is_some() {
        // What a broker has not read when it ends makes its end a reset.
        place.hold();
    }
    let tool = shell.spawn();
    if let Some(mut subscriber) = subscriber {
        subscriber.next();
        drop(subscriber);
        place.broker.restart();
        place.go_on();
    }
    for expected in &block.printed {
        let line = String::from_utf8(tool.read_line(DEADLINE)).unwrap();
        let line = line.trim_end_matches('\n');
        assert_eq!(plain(line), plain(expected), "printed by:\n{}", block.script);
    }
    // What has come to its end has nothing more to say.
    let soon = Instant::now() + Duration::from_millis(200);
    while tool.is_running() && Instant::now() < soon {
        std::thread::sleep(Duration::from_millis(10));
    }
    let stopped = tool.is_running();
    tool.signal_group(Signal::TERM);
    let nothing_more = |rest: &[u8]| stopped || rest.is_empty();
    let ended = tool.wait();
    let status = ended.status;
    ended.expect(status, Satisfies(&nothing_more), "");
    drop(feeder);
}

#[test]
fn each_block_prints_what_the_readme_shows() {
    let blocks = blocks(include_str!("../../README.md"));
    assert!(blocks.len() >= 5, "these cannot be all");
    for (line, why) in NOT_RUN {
        let there = blocks.iter().any(|block| block.script.contains(line));
        assert!(there, "no block has {line:?} any more, which was not run because {why}");
    }
    let left_out = |block: &&Block| NOT_RUN.iter().any(|(line, _)| block.script.contains(line));
    for block in blocks.iter().filter(|block| !left_out(block)) {
        run(block);
    }
}

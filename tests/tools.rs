//! The two tools as the tests start them: at a port of 127.0.0.1, with the rest
//! of the command line as one string of words; and a few looks at them that
//! several tests need.

use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::support::DEADLINE;
use crate::support::broker::{Broker, Conn, script};
use crate::support::packet::{PUBLISH, Packet, Publish, Version};
use crate::support::runner::{Running, Tool};

/// What a person takes for "at once", with room for a tool to start on a busy
/// machine: it tells what does not wait from what waits for an end or a time-out.
pub(crate) const AT_ONCE: Duration = Duration::from_secs(5);

/// Long enough for something that must not happen to happen, if it is going to.
pub(crate) const A_WHILE: Duration = Duration::from_millis(300);

/// mqpub at a port of 127.0.0.1.
pub(crate) fn mqpub(port: u16, words: &str) -> Tool {
    at(Tool::mqpub(), port, words)
}

/// mqsub at a port of 127.0.0.1.
pub(crate) fn mqsub(port: u16, words: &str) -> Tool {
    at(Tool::mqsub(), port, words)
}

/// Either tool at a port of 127.0.0.1.
pub(crate) fn at(tool: Tool, port: u16, words: &str) -> Tool {
    tool.args(["-h", "127.0.0.1"])
        .port(port)
        .args(words.split_ascii_whitespace())
}

/// What a broker does to end a connection.
pub(crate) type End = fn(&mut Conn);

/// A broker for one connection.
pub(crate) fn play(part: impl FnOnce(&mut Conn) + Send + 'static) -> Broker {
    Broker::start_many(vec![script(part)])
}

/// The messages among packets of MQTT 3.
pub(crate) fn publishes(packets: &[Packet]) -> Vec<Publish> {
    let messages = packets.iter().filter(|packet| packet.kind() == PUBLISH);
    messages.map(|packet| Publish::parse(packet, Version::V311)).collect()
}

/// The types of packets, without those of PINGREQs.
pub(crate) fn kinds(packets: &[Packet]) -> Vec<&'static str> {
    let names = packets.iter().map(|packet| crate::support::packet::name(packet.kind()));
    names.filter(|name| *name != "PINGREQ").collect()
}

/// Fails the test if the tool ends within [`A_WHILE`].
#[track_caller]
pub(crate) fn goes_on(tool: &Running) {
    let until = Instant::now() + A_WHILE;
    while Instant::now() < until {
        assert!(tool.is_running(), "it ended too early");
        thread::sleep(A_WHILE / 30);
    }
}

/// Waits until something that nobody tells of has come about.
#[track_caller]
pub(crate) fn wait_for(what: &str, mut is_so: impl FnMut() -> bool) {
    let until = Instant::now() + DEADLINE;
    while !is_so() {
        assert!(Instant::now() < until, "{what} in time");
        thread::sleep(Duration::from_millis(5));
    }
}

/// A file with these bytes, in a directory of its own.
pub(crate) fn file(bytes: impl AsRef<[u8]>) -> (PathBuf, TempDir) {
    let dir = crate::support::scratch_dir();
    let path = dir.path().join("file");
    std::fs::write(&path, bytes).unwrap();
    (path, dir)
}

/// `count` numbered lines of `length` bytes, the line feeds not counted.
pub(crate) fn numbered(count: usize, length: usize) -> Vec<Vec<u8>> {
    (0..count)
        .map(|number| format!("{number:0>length$}").into_bytes())
        .collect()
}

/// The lines as one text, each with its line feed.
pub(crate) fn text(lines: &[impl AsRef<[u8]>]) -> Vec<u8> {
    let mut text = Vec::new();
    for line in lines {
        text.extend_from_slice(line.as_ref());
        text.push(b'\n');
    }
    text
}

//! A storm of resets between a tool and a real broker, each at a byte that
//! chance has chosen. At `QoS` 1 nothing may be lost or come out of order, at
//! `QoS` 0 what may be lost is said in true numbers, and nothing may arrive that
//! was not sent.
//!
//! `MQTOOLS_RESETS` sets how many resets each storm has.

use std::collections::HashSet;
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::support::certificates::certificates;
use crate::support::mosquitto::{self, Publisher, Subscriber};
use crate::support::packet::Version;
use crate::support::proxy::{Limit, Proxy};
use crate::support::runner::{Running, Satisfies};
use crate::support::{DEADLINE, unique_topic};
use crate::tools::{mqpub, mqsub, numbered, text};

/// How many resets a storm has if nothing else is said.
const RESETS: usize = 30;

/// So many lines make more bytes than any connection that breaks may carry.
const CHUNK: usize = 300;

fn resets() -> usize {
    match std::env::var("MQTOOLS_RESETS") {
        Ok(number) => number.parse().expect("MQTOOLS_RESETS is a number"),
        Err(_) => RESETS,
    }
}

/// How long a tool has for its storm: a reset over TLS costs a third of a second
/// in a debug build.
fn patience() -> Duration {
    DEADLINE + Duration::from_secs(resets() as u64)
}

/// How to reach a broker, and how many bytes it sends before it speaks MQTT.
struct Way {
    port: u16,
    words: String,
    handshake: usize,
}

fn tcp() -> Way {
    Way {
        port: mosquitto::shared().tcp(),
        words: String::new(),
        handshake: 0,
    }
}

fn tls() -> Way {
    Way {
        port: mosquitto::shared().tls(),
        words: format!("--cafile {}", certificates().ca.display()),
        handshake: 2000,
    }
}

fn websocket() -> Way {
    Way {
        port: mosquitto::shared().ws(),
        words: "--ws".to_owned(),
        handshake: 170,
    }
}

/// Where a connection breaks: now and then before it has come about.
fn limit(way: &Way, qos: u8) -> Limit {
    match fastrand::u8(..12) {
        0 => Limit::FromServer(fastrand::usize(1..=(way.handshake / 2).max(4))),
        // At QoS 0 the broker has nothing to say.
        1..6 if qos > 0 => Limit::FromServer(way.handshake + fastrand::usize(4..800)),
        _ => Limit::FromClient(fastrand::usize(1..10_000)),
    }
}

/// What a storm left.
struct Storm {
    sent: Vec<Vec<u8>>,
    arrived: Vec<Vec<u8>>,
    status: i32,
    stderr: String,
}

/// Waits until the next connection has come, or the tool has given up.
#[track_caller]
fn broken(proxy: &Proxy, count: usize, tool: &Running) {
    let until = Instant::now() + DEADLINE;
    while proxy.connections() < count && tool.is_running() {
        assert!(Instant::now() < until, "the tool does not come back");
        thread::sleep(Duration::from_millis(2));
    }
}

#[expect(clippy::print_stdout, reason = "it is shown only when the test fails")]
/// Sends lines through a storm, and what arrives to a subscriber.
fn storm(way: &Way, qos: u8) -> Storm {
    let seed = fastrand::u64(..);
    fastrand::seed(seed);
    println!("the seed of this storm is {seed}");
    let (broker, topic, resets) = (mosquitto::shared(), unique_topic("storm"), resets());
    let mut subscriber = Subscriber::connect(broker.tcp(), Version::V311, &topic, 1);
    let proxy = Proxy::start(way.port);
    // The first connection has to come about: before that, none is tried again.
    proxy.reset_after([Limit::FromClient(8000)]);
    proxy.reset_after((1..resets).map(|_| limit(way, qos)));
    let sent = numbered(CHUNK * resets, 20);
    let words = format!("-t {topic} -l -q {qos} {}", way.words);
    let mut tool = mqpub(proxy.port(), &words).deadline(patience()).spawn();
    for (lines, count) in sent.chunks(CHUNK).zip(2..) {
        tool.write_stdin(text(lines));
        broken(&proxy, count, &tool);
    }
    let ended = tool.wait();
    let status = ended.status.code().expect("an exit status");
    let ended = ended.expect(status, "", Satisfies(&|_| true));

    // Whatever arrives has arrived before this.
    Publisher::connect(broker.tcp(), Version::V311).publish(&topic, "end", 1, false, &[]);
    let next = || subscriber.next().payload;
    let arrived = std::iter::repeat_with(next)
        .take_while(|payload| payload != b"end")
        .collect();
    Storm {
        sent,
        arrived,
        status,
        stderr: ended.stderr.clone(),
    }
}

impl Storm {
    /// What arrived, without what had arrived before.
    fn first_arrivals(&self) -> Vec<&Vec<u8>> {
        let mut seen = HashSet::new();
        self.arrived.iter().filter(|payload| seen.insert(*payload)).collect()
    }

    /// How it ended, as stderr says.
    fn last_words(&self) -> String {
        let lines: Vec<&str> = self.stderr.lines().rev().take(4).collect();
        lines.into_iter().rev().collect::<Vec<_>>().join("\n")
    }

    /// The number before these words on stderr, or 0.
    fn count(&self, words: &str) -> usize {
        let Some(at) = self.stderr.find(words) else { return 0 };
        let number = self.stderr[..at]
            .trim_end()
            .rsplit(|c: char| !c.is_ascii_digit())
            .next();
        number.unwrap().parse().unwrap()
    }
}

#[track_caller]
fn loses_nothing_at_qos_1(way: &Way) {
    let storm = storm(way, 1);
    assert_eq!(storm.status, 0, "{}", storm.last_words());
    let arrived = storm.first_arrivals();
    assert!(arrived.into_iter().eq(&storm.sent), "lost, out of order, or never sent");
    // Each loss is told on one line, and so is each return.
    let lines: Vec<&str> = storm.stderr.lines().collect();
    for pair in lines.chunks(2) {
        let told =
            pair[0].contains(" lost: ") && pair[0].ends_with("; trying again") && pair[1] == "mqpub: connected again";
        assert!(told, "{pair:?}");
    }
}

#[track_caller]
fn counts_truly_at_qos_0(way: &Way) {
    let storm = storm(way, 0);
    let arrived = storm.first_arrivals();
    assert_eq!(arrived.len(), storm.arrived.len(), "at most once");
    assert!(arrived.is_sorted(), "out of order");
    let sent: HashSet<_> = storm.sent.iter().collect();
    assert!(arrived.iter().all(|payload| sent.contains(payload)), "never sent");
    let missing = storm.sent.len() - arrived.len();
    let lost = storm.count("possibly lost");
    assert!(missing <= lost, "{missing} missing, {lost} said to be possibly lost");
    if lost == 0 {
        assert_eq!(storm.status, 0, "{}", storm.last_words());
    } else {
        assert_eq!(storm.status, 5, "{}", storm.last_words());
        assert_eq!(storm.count("messages read"), storm.sent.len(), "{}", storm.last_words());
        assert_eq!(
            storm.count("delivered") + lost,
            storm.sent.len(),
            "{}",
            storm.last_words()
        );
    }
}

#[test]
fn over_tcp_nothing_is_lost_at_qos_1() {
    loses_nothing_at_qos_1(&tcp());
}

#[test]
fn over_tls_nothing_is_lost_at_qos_1() {
    loses_nothing_at_qos_1(&tls());
}

#[test]
fn over_websocket_nothing_is_lost_at_qos_1() {
    loses_nothing_at_qos_1(&websocket());
}

#[test]
fn over_tcp_what_may_be_lost_at_qos_0_is_counted_truly() {
    counts_truly_at_qos_0(&tcp());
}

#[test]
fn over_tls_what_may_be_lost_at_qos_0_is_counted_truly() {
    counts_truly_at_qos_0(&tls());
}

#[test]
fn over_websocket_what_may_be_lost_at_qos_0_is_counted_truly() {
    counts_truly_at_qos_0(&websocket());
}

/// mqsub through a storm: after each return there is another chunk of messages
/// for it, more than its connection may carry.
#[track_caller]
fn comes_back_each_time(way: &Way) {
    let (broker, topic, resets) = (mosquitto::shared(), unique_topic("storm"), resets());
    let mut publisher = Publisher::connect(broker.tcp(), Version::V311);
    // Each subscription is greeted with this.
    publisher.publish(&topic, "hello", 1, true, &[]);
    let proxy = Proxy::start(way.port);
    let any = |most: usize| Limit::FromServer(way.handshake + fastrand::usize(4..most));
    proxy.reset_after([any(8000)]);
    proxy.reset_after((1..resets).map(|_| if fastrand::u8(..6) == 0 { any(50) } else { any(8000) }));
    let words = format!("-t {topic} -q 1 {}", way.words);
    let tool = mqsub(proxy.port(), &words).deadline(patience()).spawn();
    let mut sent = (0..).map(|number: usize| format!("{number:020}"));
    let mut printed: Vec<Vec<u8>> = Vec::new();
    loop {
        let line = tool.read_line(DEADLINE);
        if line.is_empty() {
            break;
        }
        if line != b"hello\n" {
            printed.push(line);
            continue;
        }
        if proxy.connections() > resets {
            break;
        }
        for payload in sent.by_ref().take(CHUNK) {
            publisher.publish(&topic, payload, 1, false, &[]);
        }
    }
    // If it has ended by itself, this says how.
    if tool.is_running() {
        tool.signal(Signal::TERM);
    }
    // What a connection did not live to see may come over the last one.
    let anything = Satisfies(&|_| true);
    let ended = tool.wait().expect(Signal::TERM, anything, Satisfies(&|_| true));
    let rest = ended.stdout.split_inclusive(|byte| *byte == b'\n');
    printed.extend(rest.filter(|line| *line != b"hello\n").map(<[u8]>::to_vec));
    assert!(printed.is_sorted_by(|one, next| one < next), "out of order, or twice");
    let unsent = format!("{}\n", sent.next().unwrap()).into_bytes();
    assert!(
        printed.iter().all(|line| line.len() == unsent.len() && *line < unsent),
        "never sent"
    );
}

#[test]
fn over_tcp_a_subscriber_comes_back_each_time() {
    comes_back_each_time(&tcp());
}

#[test]
fn over_tls_a_subscriber_comes_back_each_time() {
    comes_back_each_time(&tls());
}

#[test]
fn over_websocket_a_subscriber_comes_back_each_time() {
    comes_back_each_time(&websocket());
}

//! mqsub. Here: what it prints, how it subscribes, and when it ends by itself.
//! The submodules have JSON records, formats, decoded payloads, framings, files, acknowledgements,
//! and what lasts or comes to a bad end.

mod acknowledgements;
mod decode;
mod ends;
mod exec;
mod folder;
mod format;
mod framing;
mod json;
mod lasting;
mod once;
mod ready;
mod selection;
mod share;
mod watch;

use std::net::{Ipv4Addr, TcpListener};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::support::DEADLINE;
use crate::support::broker::{Broker, Conn, source};
use crate::support::packet::{Publish, Subscribe, Version, suback};
use crate::support::runner::Text::Contains;
use crate::tools::{AT_ONCE, kinds, mqsub, numbered, play, text};

/// Accepts a client and grants what it subscribes to.
#[track_caller]
fn subscribed(conn: &mut Conn) -> Subscribe {
    conn.accept_connect();
    let subscribe = conn.expect_subscribe();
    let granted: Vec<u8> = subscribe.filters.iter().map(|(_, options)| options & 3).collect();
    conn.send(suback(conn.version(), subscribe.mid, &granted, &[]));
    subscribe
}

/// A broker that grants a subscription and sends these messages in one piece.
fn sends(messages: &[Publish]) -> Broker {
    let messages = messages.to_vec();
    play(move |conn| {
        subscribed(conn);
        for message in &messages {
            conn.queue(message.encode(conn.version()));
        }
        conn.until_eof();
    })
}

#[test]
fn messages_are_printed_as_mosquitto_sub_prints_them() {
    let messages = [
        Publish::new("a/b c", "x"),
        Publish::new("a", ""),
        Publish::new("a", "y\n").retained(),
        Publish::new("a", b"\0\xff\r"),
    ];
    let cases: [(&str, &[u8]); 4] = [
        ("", b"x\ny\n\n\0\xff\r\n"),
        ("-v", b"a/b c x\na (null)\na y\n\na \0\xff\r\n"),
        ("-N", b"xy\n\0\xff\r"),
        ("-v -N", b"a/b c xa y\na \0\xff\r"),
    ];
    for (words, printed) in cases {
        let broker = sends(&messages);
        let words = format!("-t # -C 4 {words}");
        mqsub(broker.port(), &words).run().expect(0, printed, "");
    }
}

#[test]
fn a_large_message_is_printed_whole() {
    let payload = vec![b'x'; 3_000_000];
    let broker = sends(&[Publish::new("t", &payload)]);
    mqsub(broker.port(), "-t t -C 1 -N").run().expect(0, payload, "");
}

#[test]
fn after_the_number_of_messages_asked_for_it_ends() {
    let all: Vec<Publish> = (1..=5).map(|n| Publish::new("t", n.to_string())).collect();
    for (words, printed) in [
        ("-C 1", "1\n"),
        ("-C 3", "1\n2\n3\n"),
        ("-C 5 -W 20", "1\n2\n3\n4\n5\n"),
    ] {
        let broker = sends(&all);
        let words = format!("-t t {words}");
        mqsub(broker.port(), &words).run().expect(0, printed, "");
        let packets = broker.finish().concat();
        assert_eq!(kinds(&packets), ["CONNECT", "SUBSCRIBE", "DISCONNECT"]);
    }
}

#[test]
fn an_empty_message_counts_though_it_prints_nothing() {
    let broker = sends(&[Publish::new("t", ""), Publish::new("t", "x")]);
    mqsub(broker.port(), "-t t -C 1").run().expect(0, "", "");
}

#[test]
fn the_time_that_runs_out_is_status_27() {
    let broker = sends(&[Publish::new("t", "x")]);
    let tool = mqsub(broker.port(), "-t t -C 2 -W 1500ms");
    tool.run().expect(27, "x\n", "mqsub: error: timed out\n");
    let packets = broker.finish().concat();
    assert_eq!(kinds(&packets).last(), Some(&"DISCONNECT"));
}

#[test]
fn the_time_runs_from_the_start_not_from_the_connection() {
    // It accepts, as the kernel does for it, and never answers.
    let silent = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = silent.local_addr().unwrap().port();
    for words in ["", "--ws", "--insecure --tls-use-os-certs", "--retry-for 1m"] {
        let start = Instant::now();
        let words = format!("-t t -W 0.3 {words}");
        let error = format!("mqsub: error: timed out connecting to 127.0.0.1:{port}\n");
        mqsub(port, &words).run().expect(27, "", error);
        let passed = start.elapsed();
        assert!(
            passed >= Duration::from_millis(300) && passed < 3 * AT_ONCE,
            "{words}: {passed:?}"
        );
    }
}

#[test]
fn the_time_runs_on_while_the_connection_is_lost() {
    let broker = play(|conn| drop(subscribed(conn)));
    let start = Instant::now();
    let tool = mqsub(broker.port(), "-t t -W 1500ms");
    let ended = tool.run();
    ended.expect(
        27,
        "",
        Contains(&["mqsub: error: timed out: cannot connect to 127.0.0.1:"]),
    );
    assert!(start.elapsed() < 3 * AT_ONCE);
}

#[test]
fn all_filters_go_out_in_one_subscribe() {
    for version in Version::ALL {
        let (heard, asked) = mpsc::channel();
        let broker = play(move |conn| {
            heard.send(subscribed(conn)).unwrap();
            conn.publish(&Publish::new("t", "x"));
            conn.until_eof();
        });
        let flag = version.flag();
        let tool = mqsub(broker.port(), &format!("-V {flag} -t b/# -q 1 -t +/a -t b/# -C 1"));
        tool.run().expect(0, "x\n", "");
        let asked = asked.recv().unwrap();
        let filters = ["b/#", "+/a", "b/#"].map(|filter| (filter.to_owned(), 1));
        assert_eq!(asked.filters, filters, "{version:?}");
        assert_eq!(asked.properties, []);
    }
}

#[test]
fn a_message_is_printed_at_once_though_no_other_follows() {
    let (next, wanted) = mpsc::channel::<&str>();
    let broker = play(move |conn| {
        subscribed(conn);
        for payload in wanted {
            conn.publish(&Publish::new("t", payload));
        }
        conn.until_eof();
    });
    let tool = mqsub(broker.port(), "-t t").spawn();
    for payload in ["first", "second", "third"] {
        next.send(payload).unwrap();
        assert_eq!(tool.read_line(AT_ONCE), format!("{payload}\n").as_bytes());
    }
    drop(next);
    tool.signal(Signal::TERM);
    tool.wait().expect(Signal::TERM, "", "");
}

#[test]
fn a_hundred_thousand_messages_in_a_burst_are_printed_complete_and_in_order() {
    const COUNT: usize = 100_000;
    let lines = numbered(COUNT, 20);
    let printed = text(&lines);
    for qos in [0, 1, 2] {
        let lines = lines.clone();
        let broker = Broker::start(source("t", COUNT, qos, move |number| lines[number].clone()));
        let words = format!("-t t -q {qos} -C {COUNT}");
        let ended = mqsub(broker.port(), &words).deadline(3 * DEADLINE).run();
        assert!(ended.stdout == printed, "QoS {qos}: not what was sent");
        ended.expect(0, &printed, "");
    }
}

//! Connections that do not come about: why is said in words, with the broker's
//! address, in bounded time, and with a hint where one is likely to help.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::thread;
use std::time::{Duration, Instant};

use super::both;
use crate::support::broker::{Broker, Conn};
use crate::support::certificates::certificates;
use crate::support::free_ports;
use crate::support::mosquitto::{self, Mosquitto};
use crate::support::runner::{Contains, Satisfies, Tool};
use crate::tools::{AT_ONCE, End, at};

/// Both tools fail to connect to this port with these words, and with a hint
/// that has `hint` in it, or with none.
#[track_caller]
fn fails(port: u16, words: &str, status: i32, why: &str, hint: Option<&str>) {
    for (tool, words) in both(words) {
        let place = format!("error: cannot connect to 127.0.0.1:{port}: ");
        let ended = at(tool, port, &words).run();
        let ended = ended.expect(status, "", Contains(&[&place, why]));
        let hints: Vec<&str> = ended.stderr.lines().skip(1).collect();
        match (hints.as_slice(), hint) {
            ([], None) => {}
            ([line], Some(hint)) if line.contains(": hint: ") && line.contains(hint) => {}
            _ => panic!("a hint with {hint:?}, not {hints:?}"),
        }
    }
}

/// A port whose server takes what comes and answers with these bytes.
fn answers(bytes: &'static [u8]) -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for socket in listener.incoming() {
            let mut socket = socket.unwrap();
            let _ = socket.read(&mut [0; 1000]);
            let _ = socket.write_all(bytes);
            // Until the client goes.
            let _ = std::io::copy(&mut socket, &mut std::io::sink());
        }
    });
    port
}

/// A port that accepts and never answers.
fn silent() -> (u16, TcpListener) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    (listener.local_addr().unwrap().port(), listener)
}

fn ca() -> String {
    format!("--cafile {}", certificates().ca.display())
}

#[test]
fn a_port_where_nothing_listens() {
    let [port] = free_ports();
    fails(port, "", 3, "connection refused\n", None);
    fails(port, "--ws", 3, "connection refused\n", None);
    fails(port, "--insecure --tls-use-os-certs", 3, "connection refused\n", None);
}

#[test]
fn a_host_that_is_unknown() {
    for (tool, words) in both("-h no-such-host.invalid -p 1883") {
        let tool = tool.args(words.split_whitespace());
        let why = "error: cannot connect to no-such-host.invalid:1883: unknown host: ";
        tool.run().expect(3, "", Contains(&[why]));
    }
}

#[test]
fn a_broker_that_never_answers() {
    let (port, _listener) = silent();
    let start = Instant::now();
    fails(port, "--connect-timeout 300ms", 3, "timed out", None);
    fails(port, "--connect-timeout 0.3 --ws", 3, "timed out", None);
    fails(port, &format!("--connect-timeout 300ms {}", ca()), 3, "timed out", None);
    // Both tools, three times.
    let took = start.elapsed();
    assert!(took >= Duration::from_millis(1800) && took < 4 * AT_ONCE, "{took:?}");
}

#[test]
fn a_broker_that_stops_answering_after_the_handshake() {
    let broker = Broker::start_ws(|conn| drop(conn.until_eof()));
    // The handshake has to fit into it.
    fails(broker.port(), "--connect-timeout 1s --ws", 3, "timed out\n", None);
    let broker = Broker::start_tls(&certificates().good, |conn| drop(conn.until_eof()));
    let words = format!("--connect-timeout 1s {}", ca());
    fails(broker.port(), &words, 3, "timed out\n", None);
}

#[test]
fn a_connection_that_is_closed_instead_of_answered() {
    let ends: [(End, &str); 2] = [
        (Conn::close, "closed by the broker instead of an answer to CONNECT"),
        (Conn::reset, "connection reset by peer instead of an answer to CONNECT"),
    ];
    for (end, why) in ends {
        let broker = Broker::start(move |conn| {
            conn.expect_connect();
            end(conn);
        });
        fails(broker.port(), "", 3, why, Some("-V"));
    }
}

#[test]
fn mqtt_to_a_port_that_speaks_something_else() {
    let http = answers(b"HTTP/1.1 400 Bad Request\r\n\r\n");
    fails(http, "", 3, "the answer is HTTP, not MQTT\n", Some("--ws"));
    let smtp = answers(b"220 mail.example ESMTP\r\n");
    fails(smtp, "", 3, "the answer is not MQTT\n", None);
    let alert = answers(&[0x15, 3, 3, 0, 2, 2, 50]);
    fails(alert, "", 3, "the answer is TLS, not MQTT\n", Some("--cafile"));
}

#[test]
fn a_transport_that_the_broker_does_not_speak_on_this_port() {
    let broker = mosquitto::shared();
    // Plain MQTT elsewhere, TLS elsewhere, WebSocket elsewhere.
    fails(broker.tls(), "", 3, "", Some("TLS"));
    fails(broker.ws(), "", 3, "", Some("--ws"));
    fails(broker.tcp(), &ca(), 3, "TLS: ", Some("TLS"));
    fails(broker.ws(), &ca(), 3, "TLS: ", Some("TLS"));
    fails(broker.tcp(), "--ws", 3, "", Some("WebSocket port"));
    fails(broker.tls(), "--ws", 3, "", Some("WebSocket"));
    fails(broker.tls(), &format!("--ws {}", ca()), 3, "", Some("WebSocket port"));
}

#[test]
fn a_websocket_that_is_answered_otherwise() {
    let words = "the WebSocket request for /mqtt was answered 404 Not Found\n";
    let elsewhere = answers(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
    fails(elsewhere, "--ws", 3, words, Some("path"));
    let words = "the WebSocket request for /mqtt was answered 200 OK\n";
    let page = answers(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi");
    fails(page, "--ws", 3, words, Some("WebSocket port"));
    let smtp = answers(b"220 mail.example ESMTP\r\n\r\n");
    fails(smtp, "--ws", 3, "not a WebSocket server", Some("WebSocket port"));
}

#[test]
fn version_5_to_a_broker_that_knows_only_3() {
    // It answers in the form of its own version, and closes.
    let broker = Broker::start(|conn| {
        conn.expect_connect();
        conn.send([0x20, 2, 0, 1]);
    });
    fails(
        broker.port(),
        "-V 5",
        4,
        "refused by the broker: it does not speak MQTT 5\n",
        Some("-V"),
    );
}

#[test]
fn a_connection_is_tried_once_unless_more_is_asked_for() {
    let broker = Broker::start(|conn| {
        conn.expect_connect();
    });
    for (tool, words) in both("") {
        at(tool, broker.port(), &words)
            .run()
            .expect(3, "", Contains(&["cannot connect"]));
    }
    assert_eq!(broker.finish().len(), 2, "one connection for each tool");
}

#[test]
fn retry_for_waits_for_a_broker_that_starts_later() {
    let mut broker = Mosquitto::start();
    let port = broker.tcp();
    broker.stop();
    let publisher = at(Tool::mqpub(), port, "-t t -m x --retry-for 20 -d").spawn();
    let subscriber = at(Tool::mqsub(), port, "-t t -C 1 --retry-for 20s -d").spawn();
    publisher.wait_stderr_contains("connection refused");
    subscriber.wait_stderr_contains("connection refused");
    broker.restart();
    publisher.wait().expect(0, "", Satisfies(&|_| true));
    broker.wait_subscribed("t");
    at(Tool::mqpub(), port, "-t t -m y").run().expect(0, "", "");
    // The first message may have come before the subscription.
    let printed = |stdout: &[u8]| stdout == b"x\n" || stdout == b"y\n";
    subscriber.wait().expect(0, Satisfies(&printed), Satisfies(&|_| true));
}

#[test]
fn retry_for_gives_up_when_its_time_is_over() {
    let [port] = free_ports();
    let start = Instant::now();
    fails(port, "--retry-for 500ms", 3, "connection refused\n", None);
    let took = start.elapsed();
    assert!(
        took >= Duration::from_secs(1) && took < 2 * AT_ONCE,
        "{took:?} for both"
    );
}

#[test]
fn retry_for_does_not_repeat_what_cannot_get_better() {
    let broker = mosquitto::shared();
    let start = Instant::now();
    fails(
        broker.password(),
        "--retry-for 1m",
        4,
        "refused by the broker: not authorised\n",
        Some("-u"),
    );
    let words = format!("--retry-for 1m {}", ca());
    fails(
        broker.tls_expired(),
        &words,
        3,
        "TLS: certificate of localhost expired",
        None,
    );
    assert!(start.elapsed() < 3 * AT_ONCE);
}

//! Through proxies: both kinds, plain and TLS, with and without a password, and
//! all that they may do wrong.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use super::both;
use crate::support::certificates::certificates;
use crate::support::free_ports;
use crate::support::gateway::{Gateway, Request};
use crate::support::mosquitto;
use crate::support::runner::{Contains, Satisfies, Tool};
use crate::support::unique_topic;
use crate::tools::AT_ONCE;

/// A proxy's scheme, how to start one, and the port that its URL names.
type Kind = (&'static str, fn(Option<&'static str>) -> Gateway);

const KINDS: [Kind; 2] = [("socks5h", Gateway::socks), ("http", Gateway::http)];

fn words(text: &str) -> Vec<String> {
    text.split_whitespace().map(str::to_owned).collect()
}

/// A message from mqpub to mqsub, both with these words.
#[track_caller]
fn passes(text: &str, topic: &str) {
    let subscriber = Tool::mqsub().args(words(text)).args(["-t", topic, "-C", "1"]).spawn();
    mosquitto::shared().wait_subscribed(topic);
    let publisher = Tool::mqpub().args(words(text)).args(["-t", topic, "-m", "x"]);
    publisher.run().expect(0, "", "");
    subscriber.wait().expect(0, "x\n", "");
}

#[test]
fn plain_and_tls_and_websocket_with_and_without_a_password() {
    let broker = mosquitto::shared();
    let ca = certificates().ca.display();
    for (scheme, start) in KINDS {
        for (login, expected) in [(None, None), (Some("al@ce:p:w/ %"), Some("al%40ce:p%3Aw%2F%20%25@"))] {
            let gateway = start(login);
            let proxy = format!(
                "--proxy {scheme}://{}127.0.0.1:{}",
                expected.unwrap_or(""),
                gateway.port()
            );
            let ways = [
                (broker.tcp(), String::new()),
                (broker.tls(), format!("--cafile {ca}")),
                (broker.ws(), "--ws".to_owned()),
                (broker.wss(), format!("--ws --cafile {ca}")),
            ];
            for (port, options) in ways {
                let topic = unique_topic("proxy");
                passes(&format!("-h localhost -p {port} {options} {proxy}"), &topic);
                let request = gateway.requests().pop().unwrap();
                // The name, not an address of it.
                assert_eq!(request.target, format!("localhost:{port}"));
                assert_eq!(request.login.as_deref(), login);
            }
            assert_eq!(gateway.requests().len(), 8);
        }
    }
}

#[test]
fn addresses_are_passed_on_as_they_are_and_names_unresolved() {
    let port = mosquitto::shared().tcp();
    for (scheme, start) in KINDS {
        let gateway = start(None);
        for (host, target) in [
            ("127.0.0.9", "127.0.0.9"),
            ("::2", if scheme == "http" { "[::2]" } else { "::2" }),
            ("no-such-host.invalid", "no-such-host.invalid"),
        ] {
            let line = format!(
                "-h {host} -p {port} -t t -m x --proxy {scheme}://127.0.0.1:{}",
                gateway.port()
            );
            Tool::mqpub().args(words(&line)).run().expect(0, "", "");
            let Request {
                target: asked, lines, ..
            } = gateway.requests().pop().unwrap();
            assert_eq!(asked, format!("{target}:{port}"));
            if scheme == "http" {
                assert_eq!(lines, [format!("Host: {target}:{port}")]);
            }
        }
    }
}

#[test]
fn the_proxy_of_the_environment() {
    let port = mosquitto::shared().tcp();
    let gateway = Gateway::http(Some("me:pw"));
    let url = format!("http://me:pw@127.0.0.1:{}", gateway.port());
    let line = words(&format!("-h broker.example -p {port} -t t -m x"));
    Tool::mqpub().args(&line).env("ALL_PROXY", &url).run().expect(0, "", "");
    assert_eq!(gateway.requests().len(), 1);
    // This machine, what is excepted, and what is told otherwise.
    let local = words(&format!("-h localhost -p {port} -t t -m x"));
    Tool::mqpub().args(local).env("ALL_PROXY", &url).run().expect(0, "", "");
    for (option, except) in [("", "example"), ("--proxy none", "")] {
        let tool = Tool::mqpub().args(&line).args(words(option));
        let tool = tool.env("ALL_PROXY", &url).env("NO_PROXY", except);
        tool.run().expect(3, "", Contains(&["broker.example", "unknown host"]));
    }
    assert_eq!(gateway.requests().len(), 1);
    let wrong = Gateway::http(Some("me:other"));
    let url = format!("http://me:pw@127.0.0.1:{}", wrong.port());
    let ended = Tool::mqpub().args(&line).env("all_proxy", url).run();
    let place = format!(
        "cannot connect to broker.example:{port}: proxy http://127.0.0.1:{}: it does not accept this user name and password\n",
        wrong.port()
    );
    let hint = "mqpub: hint: all_proxy names this proxy; --proxy none goes without\n";
    ended.expect(3, "", Contains(&[&place, hint]));
    let ended = Tool::mqpub().args(&line).env("ALL_PROXY", "https://u:secret@h").run();
    let why = "mqpub: error: ALL_PROXY: unsupported scheme: use socks5h or http\n\
               mqpub: hint: --proxy none goes without ALL_PROXY\n";
    ended.expect(2, "", why);
}

/// Both tools fail at this proxy, with these words.
#[track_caller]
fn fails(scheme: &str, login: &str, port: u16, options: &str, why: &str) {
    for (tool, order) in both(options) {
        let tool = tool.args(words(&order)).args(["-h", "broker.example", "-p", "1883"]);
        let tool = tool.args(["--proxy", &format!("{scheme}://{login}127.0.0.1:{port}")]);
        let text = format!("error: cannot connect to broker.example:1883: proxy {scheme}://127.0.0.1:{port}: {why}\n");
        let ended = tool.run().expect(3, "", Contains(&[&text]));
        assert!(!ended.stderr.contains("secret"), "{}", ended.stderr);
    }
}

#[test]
fn a_login_that_is_missing_or_wrong() {
    let wants = "it wants a user name and password";
    let wrong = "it does not accept this user name and password";
    for (scheme, start) in KINDS {
        let gateway = start(Some("me:pw"));
        fails(scheme, "", gateway.port(), "", wants);
        fails(scheme, "me:secret@", gateway.port(), "--retry-for 1m", wrong);
        fails(scheme, "me@", gateway.port(), "", wrong);
    }
}

/// Takes what has come, and answers it with these bytes.
fn say(client: &mut TcpStream, bytes: &[u8]) {
    let _ = client.read(&mut [0; 1000]);
    let _ = client.write_all(bytes);
}

#[test]
fn socks_proxies_that_refuse_or_make_no_sense() {
    let refusals: [(&[u8], &[u8], &str); 12] = [
        (&[5, 0], &[5, 1, 0, 1, 0, 0, 0, 0, 0, 0], "it failed"),
        (
            &[5, 0],
            &[5, 2, 0, 1, 0, 0, 0, 0, 0, 0],
            "its rules do not allow this connection",
        ),
        (&[5, 0], &[5, 3, 0, 1], "it says: network unreachable"),
        (&[5, 0], &[5, 4, 0, 1], "it says: host unreachable"),
        (&[5, 0], &[5, 5, 0, 1], "it says: connection refused"),
        (&[5, 0], &[5, 99, 0, 1], "it failed with the unknown code 99"),
        (&[5, 0], &[5, 0, 0, 2], "the answer is not SOCKS 5"),
        (&[5, 0], &[4, 0, 0, 1], "the answer is not SOCKS 5"),
        (
            &[5, 0],
            &[5, 0, 0, 3, 9, b'x'],
            "it closed the connection instead of an answer",
        ),
        (
            &[5, 1],
            &[],
            "it wants an authentication that was not offered (method 1)",
        ),
        (b"HTTP/1.1 400 Bad\r\n\r\n", &[], "the answer is not SOCKS 5"),
        (&[], &[], "it closed the connection instead of an answer"),
    ];
    for (greeting, reply, why) in refusals {
        let gateway = Gateway::scripted(move |client| {
            say(client, greeting);
            if !reply.is_empty() {
                say(client, reply);
            }
        });
        fails("socks5h", "", gateway.port(), "", why);
    }
}

#[test]
fn http_proxies_that_refuse_or_make_no_sense() {
    let refusals: [(&[u8], &str); 7] = [
        (
            b"HTTP/1.1 403 Forbidden\r\n\r\n",
            "the request to connect was answered '403 Forbidden'",
        ),
        (
            b"HTTP/1.0 502 Bad Gateway\n\n",
            "the request to connect was answered '502 Bad Gateway'",
        ),
        (
            b"HTTP/1.1 200 OK\r\nVia: x\r\n",
            "it closed the connection instead of an answer",
        ),
        (b"HTTP/1.1 \x1b[2J\r\n\r\n", "the answer is not HTTP"),
        (b"SSH-2.0-OpenSSH\r\n\r\n", "the answer is not HTTP"),
        (&[5, 0xff, 0, 0, 0], "the answer is not HTTP"),
        (b"", "it closed the connection instead of an answer"),
    ];
    for (answer, why) in refusals {
        let gateway = Gateway::scripted(move |client| say(client, answer));
        fails("http", "", gateway.port(), "", why);
    }
    let endless = Gateway::scripted(|client| {
        say(client, b"HTTP/1.1 200 OK\r\n");
        while client.write_all(b"X: y\r\n").is_ok() {}
    });
    fails("http", "", endless.port(), "", "the answer is too long");
}

#[test]
fn a_proxy_that_stalls_or_trickles_is_given_up_in_time() {
    let start = Instant::now();
    for (scheme, beginning) in [("socks5h", &b"\x05"[..]), ("http", b"HTTP/1.1 200 OK\r\n")] {
        let silent = Gateway::scripted(|client| drop(std::io::copy(client, &mut std::io::sink())));
        fails(scheme, "", silent.port(), "--connect-timeout 400ms", "timed out");
        let trickling = Gateway::scripted(move |client| {
            say(client, beginning);
            // A byte now and then, for ever; SOCKS has no place for more.
            while scheme == "http" && client.write_all(b"X").is_ok() {
                thread::sleep(Duration::from_millis(20));
            }
            let _ = std::io::copy(client, &mut std::io::sink());
        });
        fails(scheme, "", trickling.port(), "--connect-timeout 400ms", "timed out");
    }
    let took = start.elapsed();
    assert!(took < 4 * AT_ONCE, "{took:?}");
}

#[test]
fn a_proxy_that_is_not_there() {
    let [port] = free_ports();
    fails("socks5h", "me:secret@", port, "", "connection refused");
    for (tool, order) in both("-h broker.example --proxy http://no-such-host.invalid") {
        let tool = tool.args(words(&order));
        let text = "cannot connect to broker.example:1883: proxy http://no-such-host.invalid:80: unknown host: ";
        tool.run().expect(3, "", Contains(&[text]));
    }
}

#[test]
fn the_debug_output_shows_no_login() {
    let port = mosquitto::shared().tcp();
    for (scheme, start) in KINDS {
        let gateway = start(Some("me:s3cr3t-pw"));
        let proxy = format!("{scheme}://me:s3cr3t-pw@127.0.0.1:{}", gateway.port());
        let line = format!("-h 127.0.0.1 -p {port} -t t -m x -d --proxy {proxy}");
        let quiet = |text: &[u8]| {
            let text = String::from_utf8_lossy(text);
            !text.contains("s3cr3t-pw") && text.contains(&format!("through {scheme}://127.0.0.1:"))
        };
        Tool::mqpub().args(words(&line)).run().expect(0, "", Satisfies(&quiet));
    }
}

//! A broker that breaks the rules of MQTT, by mistake or on purpose: the tools
//! may end with a status that says so, but they neither crash nor hang.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::thread;

use mqtools::exit::TABLE;

use crate::support::broker::Conn;
use crate::support::packet::{
    self, PINGREQ, PUBACK, PUBCOMP, PUBREC, PUBREL, Prop, Publish, SUBACK, UNSUBACK, Version, encode, id,
};
use crate::support::runner::{Outcome, Satisfies};
use crate::tools::{mqpub, mqsub, play};

/// Something that a broker does.
type Deed = fn(&mut Conn);

/// What did not end by itself, with a status of the table.
#[derive(Default)]
struct Crashes(Vec<String>);

impl Crashes {
    fn look_at(&mut self, ended: Outcome, what: &str) {
        let status = ended.status;
        let ended = ended.expect(status, Satisfies(&|_| true), Satisfies(&|_| true));
        let known = |code: i32| TABLE.iter().any(|(exit, _)| code == i32::from(exit.status()));
        if !status.code().is_some_and(known) {
            self.0.push(format!("{what}: {status}: {}", ended.stderr.trim_end()));
        }
    }
}

impl Drop for Crashes {
    fn drop(&mut self) {
        assert!(
            self.0.is_empty() || thread::panicking(),
            "\n  {}\n",
            self.0.join("\n  ")
        );
    }
}

/// Answers to the packet with this identifier that is not the one to expect.
fn wrong_answers(mid: u16, version: Version) -> Vec<(&'static str, Vec<u8>)> {
    let mut answers = vec![
        ("SUBACK", packet::suback(version, mid, &[0], &[])),
        ("SUBACK of a refusal", packet::suback(version, mid, &[0x80], &[])),
        ("UNSUBACK", packet::unsuback(version, mid, &[0], &[])),
        ("PUBACK of another", packet::ack(PUBACK, mid + 1)),
        ("identifier 0", packet::ack(PUBACK, 0)),
        ("PINGRESP", packet::pingresp()),
    ];
    for kind in [PUBACK, PUBREC, PUBREL, PUBCOMP] {
        answers.push((packet::name(kind), packet::ack(kind, mid)));
        answers.push(("the same twice", packet::ack(kind, mid).repeat(2)));
    }
    answers
}

#[test]
fn a_message_that_is_answered_by_the_wrong_packet() {
    let mut crashes = Crashes::default();
    for version in Version::ALL {
        for qos in [1, 2] {
            for number in 0..wrong_answers(1, version).len() {
                let broker = play(move |conn| {
                    conn.accept_connect();
                    let publish = conn.expect_publish();
                    let (_, answer) = wrong_answers(publish.mid, version).swap_remove(number);
                    conn.send(answer);
                });
                let words = format!("-t t -m x -V {} -q {qos}", version.flag());
                let (name, _) = wrong_answers(1, version)[number];
                let what = format!("{name} for a message of QoS {qos}, {version:?}");
                crashes.look_at(mqpub(broker.port(), &words).run(), &what);
            }
        }
    }
}

#[test]
fn a_subscription_that_is_answered_by_the_wrong_packet() {
    let mut crashes = Crashes::default();
    for version in Version::ALL {
        for number in 0..wrong_answers(1, version).len() {
            let broker = play(move |conn| {
                conn.accept_connect();
                let subscribe = conn.expect_subscribe();
                let (_, answer) = wrong_answers(subscribe.mid, version).swap_remove(number);
                conn.send(answer);
            });
            let words = format!("-t t -V {} --no-reconnect", version.flag());
            let (name, _) = wrong_answers(1, version)[number];
            crashes.look_at(mqsub(broker.port(), &words).run(), &format!("{name}, {version:?}"));
        }
    }
}

#[test]
fn packets_that_are_malformed() {
    let mut crashes = Crashes::default();
    let cases: [(&str, &[u8]); 14] = [
        ("an empty PUBACK", &[PUBACK, 0]),
        ("a PUBACK with half an identifier", &[PUBACK, 1, 0]),
        ("an empty SUBACK", &[SUBACK, 0]),
        ("a SUBACK without a code", &[SUBACK, 2, 0, 1]),
        ("an UNSUBACK without an identifier", &[UNSUBACK, 0]),
        ("an empty PUBLISH", &[0x30, 0]),
        (
            "a PUBLISH with a topic beyond its end",
            &[0x30, 4, 0xff, 0xff, b't', b'x'],
        ),
        ("a PUBLISH of QoS 1 without an identifier", &[0x32, 3, 0, 1, b't']),
        ("a PUBLISH of QoS 3", &[0x36, 6, 0, 1, b't', 0, 1, b'x']),
        ("a PUBLISH without a topic", &[0x30, 3, 0, 0, b'x']),
        ("a PUBLISH whose topic has a NUL", &[0x30, 6, 0, 3, b'a', 0, b'b', b'x']),
        ("a PUBLISH whose topic is not UTF-8", &[0x30, 5, 0, 2, 0xff, 0xfe, b'x']),
        ("a packet of the type 0", &[0, 0]),
        ("a length of five bytes", &[0x30, 0xff, 0xff, 0xff, 0xff, 1]),
    ];
    for version in Version::ALL {
        for (what, bytes) in cases {
            let broker = play(move |conn| {
                conn.accept_connect();
                conn.expect_subscribe();
                conn.send(bytes);
            });
            let words = format!("-t t -V {} --no-reconnect", version.flag());
            crashes.look_at(mqsub(broker.port(), &words).run(), &format!("{what}, {version:?}"));
        }
    }
}

#[test]
fn what_a_broker_must_not_send_is_no_news() {
    let mut crashes = Crashes::default();
    let strange: [(&str, Deed); 4] = [
        ("a second CONNACK", |conn| {
            conn.send(packet::connack(conn.version(), false, 0, &[]));
        }),
        ("a CONNECT", |conn| {
            conn.send(packet::Connect::new(conn.version(), "me").encode());
        }),
        ("a PINGREQ", |conn| conn.send(encode(PINGREQ, &[]))),
        ("a PUBREL for nothing", |conn| conn.send(packet::ack(PUBREL, 9))),
    ];
    for version in Version::ALL {
        for (what, send) in strange {
            let broker = play(move |conn| {
                conn.accept_connect();
                send(conn);
            });
            let words = format!("-t t -V {} --no-reconnect", version.flag());
            crashes.look_at(mqsub(broker.port(), &words).run(), &format!("{what}, {version:?}"));
        }
    }
}

#[test]
fn properties_that_are_malformed() {
    let mut crashes = Crashes::default();
    // An alias that was never set, twice what may be once, a wrong kind, a
    // property of another packet, one that does not exist, and one cut short.
    let cases: [Vec<Prop>; 6] = [
        vec![Prop::Two(id::TOPIC_ALIAS, 7)],
        vec![Prop::text(id::CONTENT_TYPE, "a"), Prop::text(id::CONTENT_TYPE, "b")],
        vec![Prop::Byte(id::CONTENT_TYPE, 1)],
        vec![Prop::Two(id::RECEIVE_MAXIMUM, 1)],
        vec![Prop::Byte(0x7f, 1)],
        vec![Prop::Byte(id::MESSAGE_EXPIRY, 1)],
    ];
    for props in cases {
        let what = format!("{props:?}");
        let broker = play(move |conn| {
            conn.accept_connect();
            conn.serve_subscribe(&[0]);
            conn.publish(&Publish::new("", "x").with(&props));
        });
        let tool = mqsub(broker.port(), "-t t -V 5 --json --no-reconnect");
        crashes.look_at(tool.run(), &what);
    }
}

/// A SUBACK, a short message and a long one, with properties where there are any.
fn traffic(version: Version) -> [Vec<u8>; 3] {
    let props = if version == Version::V5 {
        vec![
            Prop::text(id::CONTENT_TYPE, "text/plain"),
            Prop::user("name", "value"),
            Prop::Var(id::SUBSCRIPTION_ID, 300),
        ]
    } else {
        vec![]
    };
    let long = Publish::new("t/é", "x".repeat(200)).with(&props).qos(1, 9);
    [
        packet::suback(version, 1, &[1], &[]),
        Publish::new("t", "first").with(&props).encode(version),
        long.encode(version),
    ]
}

#[test]
fn packets_that_come_one_byte_at_a_time() {
    for version in Version::ALL {
        let broker = play(move |conn| {
            conn.accept_connect();
            conn.expect_subscribe();
            for byte in traffic(version).concat() {
                conn.send([byte]);
            }
            conn.expect_ack(PUBACK, 9);
            conn.until_eof();
        });
        let words = format!("-t # -v -q 1 -C 2 -V {}", version.flag());
        let expected = format!("t first\nt/é {}\n", "x".repeat(200));
        mqsub(broker.port(), &words).run().expect(0, expected, "");
    }
}

#[test]
fn packets_that_are_cut_anywhere() {
    for version in Version::ALL {
        let packets = traffic(version);
        let (complete, whole) = (packets[0].len() + packets[1].len(), packets.concat());
        for length in 0..whole.len() {
            let part = whole[..length].to_vec();
            let broker = play(move |conn| {
                conn.accept_connect();
                conn.expect_subscribe();
                conn.send(&part);
            });
            // Only what came whole is printed.
            let printed = if length < complete { "" } else { "t first\n" };
            let words = format!("-t # -v -q 1 --no-reconnect -V {}", version.flag());
            let lost = Satisfies(&|stderr| stderr.ends_with(b"lost: the broker closed it\n"));
            mqsub(broker.port(), &words).run().expect(5, printed, lost);
        }
    }
}

#[test]
fn a_message_that_cannot_be_shown_does_not_stop_those_behind_it() {
    let good = Publish::new("t", "good");
    for version in Version::ALL {
        for topic in [&b"a\0b"[..], b"\xff\xfe", b"\xed\xa0\x80", b""] {
            let mut body = u16::try_from(topic.len()).unwrap().to_be_bytes().to_vec();
            body.extend_from_slice(topic);
            if version == Version::V5 {
                body.push(0);
            }
            body.push(b'x');
            let (bad, good) = (encode(0x30, &body), good.clone());
            let broker = play(move |conn| {
                conn.accept_connect();
                conn.serve_subscribe(&[0]);
                conn.queue(&bad);
                conn.queue(good.encode(conn.version()));
                conn.until_eof();
            });
            let words = format!("-t # -C 1 --no-reconnect -V {}", version.flag());
            let ended = mqsub(broker.port(), &words).run();
            let gone_on = ended.status.code() == Some(0);
            let (status, printed) = if gone_on { (0, "good\n") } else { (5, "") };
            let said = Satisfies(&|stderr| stderr.starts_with(b"mqsub: ") && stderr.is_ascii());
            let ended = ended.expect(status, printed, said);
            assert!(gone_on || topic.is_empty(), "{topic:?} {version:?}: {}", ended.stderr);
        }
    }
}

#[test]
fn properties_of_the_largest_size_are_printed() {
    let long = "v".repeat(65_535);
    let props: Vec<Prop> = (0..20).map(|_| Prop::user("name", &long)).collect();
    let broker = play(move |conn| {
        conn.accept_connect();
        conn.serve_subscribe(&[0]);
        conn.publish(&Publish::new("t", "x").with(&props));
        conn.until_eof();
    });
    let tool = mqsub(broker.port(), "-t t -V 5 --json -C 1");
    let whole = |stdout: &[u8]| stdout.len() > 20 * 65_535 && stdout.ends_with(b"}\n");
    tool.run().expect(0, Satisfies(&whole), "");
}

/// A server that accepts one WebSocket and then sends these bytes.
fn websocket_that_sends(bytes: &'static [u8]) -> (u16, thread::JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = thread::spawn(move || {
        let (mut socket, _) = listener.accept().unwrap();
        let mut request = Vec::new();
        while !request.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            socket.read_exact(&mut byte).unwrap();
            request.extend(byte);
        }
        let request = String::from_utf8(request).unwrap();
        let key = request
            .lines()
            .find_map(|line| line.strip_prefix("Sec-WebSocket-Key: "))
            .unwrap();
        let accept = tungstenite::handshake::derive_accept_key(key.as_bytes());
        let answer = format!(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Accept: {accept}\r\nSec-WebSocket-Protocol: mqtt\r\n\r\n"
        );
        // The tool may be gone, or go.
        let _ = socket
            .write_all(answer.as_bytes())
            .and_then(|()| socket.write_all(bytes));
        let _ = socket.read_to_end(&mut Vec::new());
    });
    (port, server)
}

#[test]
fn a_websocket_frame_that_says_that_it_is_huge_is_not_waited_for() {
    for head in [
        &[0x82, 127, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff][..],
        &[0x82, 127, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
        &[0x82, 127, 0, 0, 0, 1, 0, 0, 0, 0],
    ] {
        let (port, server) = websocket_that_sends(head);
        let said = Satisfies(&|stderr| stderr.starts_with(b"mqsub: error: ") && stderr.is_ascii());
        mqsub(port, "--ws -t t").run().expect(3, "", said);
        server.join().unwrap();
    }
}

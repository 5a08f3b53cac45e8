//! The same statuses as mosquitto's clients where a script may look at them: the
//! name that a program is started under decides, and it decides nothing else.

use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::symlink;

use rustix::process::Signal;

use crate::support::broker::{Broker, Conn, Inbox, sink, source};
use crate::support::packet::{self, PUBACK, Prop, Version, connack, id};
use crate::support::runner::{Contains, Outcome, Satisfies, Status, Tool};
use crate::support::{free_ports, scratch_dir};
use crate::tools::{at, play};

fn mosquitto_pub(port: u16, words: &str) -> Outcome {
    at(Tool::mqpub().arg0("mosquitto_pub"), port, words).run()
}

fn mosquitto_sub(port: u16, words: &str) -> Outcome {
    at(Tool::mqsub().arg0("/usr/bin/mosquitto_sub"), port, words).run()
}

/// Whatever words, this status.
#[track_caller]
fn ends(ended: Outcome, status: impl Into<Status>) {
    ended.expect(status, Satisfies(&|_| true), Satisfies(&|_| true));
}

/// A broker that answers CONNECT with these bytes.
fn answers(connack: Vec<u8>) -> Broker {
    Broker::start(move |conn| {
        conn.expect_connect();
        conn.send(&connack);
        conn.until_eof();
    })
}

#[test]
fn success_is_0() {
    let broker = Broker::start(sink(&Inbox::default()));
    ends(mosquitto_pub(broker.port(), "-t t -m x"), 0);
    let broker = Broker::start(source("t", 2, 1, |_| b"x".to_vec()));
    ends(mosquitto_sub(broker.port(), "-t t -q 1 -C 2"), 0);
}

#[test]
fn usage_and_help_are_1() {
    for words in [
        "",
        "-t t",
        "-t t -m x -q 3",
        "-t t -m x --nonsense",
        "--help",
        "--version",
    ] {
        ends(mosquitto_pub(1, words), 1);
    }
    for words in ["", "-t a#", "-t t -C 0", "--help", "--version"] {
        ends(mosquitto_sub(1, words), 1);
    }
    // They print the same, and to the same place.
    let help = |tool: Tool, status: i32| {
        let ended = tool.arg("--help").run();
        ended
            .expect(status, Contains(&["Usage: mqpub "]), "")
            .stdout_text()
            .to_owned()
    };
    assert_eq!(help(Tool::mqpub(), 0), help(Tool::mqpub().arg0("mosquitto_pub"), 1));
}

#[test]
fn no_connection_is_1() {
    let [port] = free_ports();
    ends(mosquitto_pub(port, "-t t -m x"), 1);
    ends(mosquitto_sub(port, "-t t"), 1);
    ends(mosquitto_pub(1, "-t t -m x -h name.invalid"), 1);
    ends(
        mosquitto_pub(1, "-t t -m x --unix /nonexistent/socket -p 0 -h /nonexistent"),
        1,
    );
}

#[test]
fn files_that_cannot_be_read_are_1() {
    ends(mosquitto_pub(1, "-t t -f /nonexistent"), 1);
}

#[test]
fn a_refused_connection_has_the_brokers_code() {
    for code in 1..=5 {
        let broker = answers(connack(Version::V311, false, code, &[]));
        ends(mosquitto_pub(broker.port(), "-t t -m x"), i32::from(code));
        ends(mosquitto_sub(broker.port(), "-t t"), i32::from(code));
    }
    for code in [0x80, 0x84, 0x87, 0x8a] {
        let broker = answers(connack(Version::V5, false, code, &[]));
        ends(mosquitto_pub(broker.port(), "-t t -m x -V 5"), i32::from(code));
        ends(mosquitto_sub(broker.port(), "-t t -V 5"), i32::from(code));
    }
    // A broker that knows no MQTT 5.
    let broker = answers(connack(Version::V311, false, 1, &[]));
    ends(mosquitto_pub(broker.port(), "-t t -m x -V 5"), 132);
}

#[test]
fn a_connection_that_is_closed_instead_of_an_answer_or_an_acknowledgement_is_7() {
    let broker = Broker::start(|conn| drop(conn.expect_connect()));
    ends(mosquitto_pub(broker.port(), "-t t -m x"), 7);
    let broker = Broker::start(|conn| drop(conn.accept_connect()));
    for words in ["-t t -m x -q 1", "-t t -m x -q 2", "-t t -m x -q 1 --repeat 2"] {
        ends(mosquitto_pub(broker.port(), words), 7);
    }
}

#[test]
fn a_message_that_is_refused_has_its_code_which_mosquitto_does_not_tell() {
    let broker = play(|conn| {
        conn.accept_connect();
        let publish = conn.expect_publish();
        conn.send(packet::ack_with(PUBACK, publish.mid, 0x87, &[]));
        conn.until_eof();
    });
    ends(mosquitto_pub(broker.port(), "-t t -m x -V 5 -q 1"), 135);
    let limits: [(&str, Prop, i32); 4] = [
        ("-q 1", Prop::Byte(id::MAXIMUM_QOS, 0), 24),
        ("-q 1", Prop::Four(id::MAXIMUM_PACKET_SIZE, 5), 25),
        ("-r", Prop::Byte(id::RETAIN_AVAILABLE, 0), 154),
        ("-D publish topic-alias 1", Prop::Two(id::RECEIVE_MAXIMUM, 9), 148),
    ];
    for (words, limit, status) in limits {
        let broker = play(move |conn: &mut Conn| {
            conn.accept_connect_with(false, &[limit]);
            conn.until_eof();
        });
        ends(mosquitto_pub(broker.port(), &format!("-t t -m x -V 5 {words}")), status);
    }
}

#[test]
fn a_subscription_that_is_refused_has_its_code_which_mosquitto_does_not_tell() {
    for (words, code) in [("-V 311", 0x80), ("-V 5", 0x87)] {
        let broker = play(move |conn| {
            conn.accept_connect();
            conn.serve_subscribe(&[code]);
            conn.until_eof();
        });
        ends(mosquitto_sub(broker.port(), &format!("-t t {words}")), i32::from(code));
    }
}

#[test]
fn time_that_runs_out_is_27() {
    let silent = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = silent.local_addr().unwrap().port();
    ends(mosquitto_sub(port, "-t t -W 0.2"), 27);
    ends(mosquitto_pub(port, "-t t -m x -W 0.2"), 27);
}

#[test]
fn a_signal_ends_a_subscriber_with_0_and_a_publisher_as_signals_do() {
    let signalled = |tool: Tool, words: &str, signal| {
        let broker = play(|conn| {
            conn.accept_connect();
            conn.until_eof();
        });
        let tool = at(tool, broker.port(), &format!("-d {words}")).spawn();
        tool.wait_stderr_contains("debug: connected");
        tool.signal(signal);
        let ended = tool.wait();
        broker.finish();
        ended
    };
    let subscriber = || Tool::mqsub().arg0("mosquitto_sub");
    ends(signalled(subscriber(), "-t t", Signal::INT), 0);
    ends(signalled(subscriber(), "-t t", Signal::TERM), 0);
    ends(signalled(subscriber(), "-t t", Signal::HUP), Signal::HUP);
    let publisher = Tool::mqpub().arg0("mosquitto_pub");
    ends(signalled(publisher, "-t t -l", Signal::TERM), Signal::TERM);
}

#[test]
fn a_symlink_is_enough_and_the_words_stay_ours() {
    let dir = scratch_dir();
    let link = dir.path().join("mosquitto_pub");
    symlink(assert_cmd::cargo::cargo_bin!("mqpub"), &link).unwrap();
    let ended = Tool::new(&link).args(["-t", "t"]).run();
    ended.expect(1, "", Contains(&["mqpub: error: no message: "]));
    let link = dir.path().join("mosquitto_sub");
    symlink(assert_cmd::cargo::cargo_bin!("mqsub"), &link).unwrap();
    ends(Tool::new(&link).run(), 1);
}

//! Commands for messages: what they are given, when a message is acknowledged,
//! what a failure does, answers, and what is left behind: nothing.

use std::fs;
use std::path::Path;

use rustix::process::Signal;

use super::subscribed;
use crate::support::DEADLINE;
use crate::support::broker::{Broker, Conn, Transport, script};
use crate::support::certificates::certificates;
use crate::support::mosquitto::{Mosquitto, Publisher};
use crate::support::packet::{
    self, CONNECT, DISCONNECT, PINGREQ, PUBACK, PUBLISH, PUBREC, Packet, Prop, Publish, Version, id,
};
use crate::support::runner::{Contains, Tool};
use crate::tools::{goes_on, mqsub, play, wait_for};

/// mqsub that runs this script of sh for each message, which has these arguments.
fn exec(port: u16, words: &str, script: &str, arguments: &[&str]) -> Tool {
    let tool = mqsub(port, words).args(["--exec", "sh", "-c", script, "sh"]);
    tool.args(arguments)
}

/// Which messages were acknowledged, in that order.
fn acknowledged(packets: &[Packet]) -> Vec<u16> {
    let those = packets.iter().filter(|packet| packet.kind() == PUBACK);
    those
        .map(|packet| u16::from_be_bytes([packet.body[0], packet.body[1]]))
        .collect()
}

/// Sends these messages at `QoS` 1, numbered from 1, and listens until the end.
fn send(conn: &mut Conn, messages: &[(&str, &str)]) {
    subscribed(conn);
    for (mid, (topic, payload)) in (1..).zip(messages) {
        conn.queue(Publish::new(topic, payload).qos(1, mid).encode(conn.version()));
    }
    conn.until_eof();
}

#[test]
fn a_command_gets_exactly_what_the_message_has() {
    let topic = "a b/$(touch x)/`id`;'\"\\ü";
    let payload = b"\"x\" '$(touch x)' `id`\n\t; rm *\xff \\n";
    let broker = play(move |conn| {
        subscribed(conn);
        conn.publish(&Publish::new(topic, payload).qos(1, 7));
        conn.expect_ack(PUBACK, 7);
        conn.until_eof();
    });
    let script =
        "printf '<%s>' \"$@\" \"$#\" \"$MQTT_MESSAGE_TOPIC\" \"$MQTT_MESSAGE_LEVEL_2\" \"$MQTT_MESSAGE_MID\"; cat";
    let arguments = ["{topic}", "{payload}", "x{topic.2}{{}}", "", "-t"];
    let tool = exec(broker.port(), "-t # -q 1 -C 1", script, &arguments);
    let mut expected = Vec::new();
    let level = "$(touch x)";
    for part in [
        topic.as_bytes(),
        payload,
        format!("x{level}{{}}").as_bytes(),
        b"",
        b"-t",
        b"5",
        topic.as_bytes(),
        level.as_bytes(),
        b"7",
    ] {
        expected.extend_from_slice(&[b"<", part, b">"].concat());
    }
    expected.extend_from_slice(payload);
    tool.run().expect(0, expected, "");
}

#[test]
fn what_no_argument_can_be_fails_and_stdin_has_it_all_the_same() {
    let messages = [("t", "a\0b"), ("t", "{}"), ("t", "{\"id\":\"x y\"}")];
    let broker = play(move |conn| send(conn, &messages));
    let words = "-t t -q 1 -C 3 --exec-failure count";
    let tool = exec(broker.port(), words, "printf '<%s>' \"$1\"", &["{json:/id}"]);
    let error = "mqsub: warning: message on topic 't': sh: it is not JSON\n\
                 mqsub: warning: message on topic 't': sh: its JSON has nothing at /id\n\
                 mqsub: error: 2 of 3 commands failed\n";
    tool.run().expect(1, "<x y>", error);
    assert_eq!(acknowledged(&broker.finish()[0]), [1, 2, 3]);

    let broker = play(move |conn| send(conn, &messages));
    let tool = exec(broker.port(), "-t t -q 1 -C 1", "cat", &[]);
    tool.run().expect(0, "a\0b", "");
    let broker = play(move |conn| send(conn, &messages));
    let tool = exec(broker.port(), "-t t -q 1", "cat", &["{payload}"]);
    let error = "mqsub: error: message on topic 't': sh: it has a NUL, which no argument can have\n";
    tool.run().expect(1, "", error);
    assert_eq!(acknowledged(&broker.finish()[0]), [0; 0]);
}

#[test]
fn acknowledgements_wait_for_success_and_leave_in_order() {
    let dir = crate::support::scratch_dir();
    let (go, log) = (dir.path().join("go"), dir.path().join("log"));
    let (told, heard) = (go.clone(), log.clone());
    let broker = play(move |conn| {
        subscribed(conn);
        for (mid, topic) in [(5, "slow"), (3, "b"), (9, "c")] {
            conn.queue(Publish::new(topic, "x").qos(1, mid).encode(conn.version()));
        }
        conn.flush().unwrap();
        wait_for("two commands", || {
            fs::read_to_string(&heard).is_ok_and(|text| text.lines().count() == 2)
        });
        fs::write(&told, "").unwrap();
        for mid in [5, 3, 9] {
            conn.expect_ack(PUBACK, mid);
        }
        conn.until_eof();
    });
    let script = format!(
        "if [ $1 = slow ]; then until [ -e {} ]; do sleep 0.01; done; fi; echo $1 >>{}",
        go.display(),
        log.display()
    );
    let tool = exec(broker.port(), "-t # -q 1 -C 3 --exec-jobs 3", &script, &["{topic}"]);
    tool.run().expect(0, "", "");
    broker.finish();
    assert!(fs::read_to_string(&log).unwrap().ends_with("slow\n"));
}

#[test]
fn a_message_whose_command_a_lost_connection_left_running_is_not_done() {
    let dir = crate::support::scratch_dir();
    let (go, log) = (dir.path().join("go"), dir.path().join("log"));
    let (told, heard, runs) = (go.clone(), log.clone(), log.clone());
    let lines = |path: &Path| fs::read_to_string(path).map_or(0, |text| text.lines().count());
    let message = || Publish::new("t", "x").qos(2, 4);
    let broker = Broker::start_many(vec![
        script(move |conn| {
            subscribed(conn);
            conn.send(message().encode(conn.version()));
            wait_for("a command", || lines(&heard) == 1);
            conn.close();
        }),
        script(move |conn| {
            conn.accept_connect_with(true, &[]);
            let mut again = message();
            again.dup = true;
            conn.send(again.encode(conn.version()));
            fs::write(&told, "").unwrap();
            conn.expect_ack(PUBREC, 4);
            assert_eq!(lines(&runs), 2);
            conn.until_eof();
        }),
    ]);
    let script = format!(
        "echo $1 >>{}; until [ -e {} ]; do sleep 0.01; done",
        log.display(),
        go.display()
    );
    let tool = exec(broker.port(), "-t t -q 2 -c -i me -C 2", &script, &["{topic}"]);
    tool.run().expect(0, "", Contains(&["connected again\n"]));
    broker.finish();
}

#[test]
fn a_failure_stops_the_run_and_what_failed_stays_with_the_broker() {
    let broker = play(|conn| send(conn, &[("t", "0"), ("t", "3"), ("t", "0")]));
    let tool = exec(broker.port(), "-t t -q 1", "echo $1; exit $1", &["{payload}"]);
    let error = "mqsub: error: message on topic 't': sh: exit status 3\n";
    tool.run().expect(1, "0\n3\n", error);
    let packets = &broker.finish()[0];
    assert_eq!(acknowledged(packets), [1]);
    assert_eq!(packets.last().unwrap().kind(), DISCONNECT);
}

#[test]
fn what_takes_too_long_has_failed() {
    let broker = play(|conn| send(conn, &[("t", "x")]));
    let words = "-t t -q 1 --exec-timeout 100ms";
    let tool = exec(broker.port(), words, "sleep 60", &[]);
    let error = "mqsub: error: message on topic 't': sh: it took longer than 100ms\n";
    tool.run().expect(1, "", error);
    assert_eq!(acknowledged(&broker.finish()[0]), [0; 0]);
}

#[test]
fn what_is_left_out_is_acknowledged_in_its_turn() {
    let broker = play(|conn| send(conn, &[("a", "1"), ("out", "2"), ("a", "3"), ("a", "4")]));
    let tool = exec(broker.port(), "-t # -T out -q 1 -C 2", "cat", &[]);
    tool.run().expect(0, "13", "");
    assert_eq!(acknowledged(&broker.finish()[0]), [1, 2, 3]);
}

#[test]
fn a_form_is_what_the_command_reads() {
    for (words, expected) in [("-F %t=%p", "a=1a=2"), ("-F %l", "11")] {
        let broker = play(|conn| send(conn, &[("a", "1"), ("a", "2")]));
        let tool = exec(broker.port(), &format!("-t a -q 1 -C 2 {words}"), "cat", &[]);
        tool.run().expect(0, expected, "");
    }
    let broker = play(|conn| send(conn, &[("a", "1")]));
    let tool = exec(
        broker.port(),
        "-t a -q 1 -C 1 --json",
        "grep -c '\"payload\":\"1\"'",
        &[],
    );
    tool.run().expect(0, "1\n", "");
}

#[test]
fn no_secret_and_no_signal_mask_is_inherited() {
    let broker = play(|conn| send(conn, &[("a", "1")]));
    // SIGINT, SIGPIPE and SIGTERM; others may be ignored by whoever runs the tests.
    let script = "echo \"$MQTT_PASSWORD|$MQTT_USERNAME|$MQTT_MESSAGE_CONTENT_TYPE\"; \
                  for mask in $(sed -nE 's/^Sig(Blk|Ign)://p' /proc/self/status); do echo $((0x$mask & 0x5002)); done; \
                  for fd in /proc/$$/fd/*; do readlink $fd; done | grep -c socket";
    let tool = exec(broker.port(), "-t a -q 1 -C 1 --exec-failure count", script, &[]);
    let tool = tool.env("MQTT_PASSWORD", "secret").env("MQTT_USERNAME", "me");
    let tool = tool.env("MQTT_MESSAGE_CONTENT_TYPE", "of another message");
    let expected = "|me|\n0\n0\n0\n";
    let error = "mqsub: warning: message on topic 'a': sh: exit status 1\n\
                 mqsub: error: 1 of 1 command failed\n";
    tool.run().expect(1, expected, error);
}

#[test]
fn a_program_that_is_not_there_is_told_before_anything_is_done() {
    let tool = Tool::mqsub().args(["-t", "a", "--exec", "no-such-program", "x"]);
    let error = "mqsub: error: --exec: cannot run 'no-such-program': there is no such program in PATH\n";
    tool.run().expect(1, "", error);
}

/// Whether a process is there.
fn lives(pid: &str) -> bool {
    let stat = fs::read_to_string(Path::new("/proc").join(pid).join("stat"));
    // One that waits to be buried is dead.
    stat.is_ok_and(|stat| !stat.contains(") Z "))
}

#[test]
fn the_first_signal_waits_for_the_command_and_the_second_kills_it() {
    let dir = crate::support::scratch_dir();
    let go = dir.path().join("go");
    let broker = play(|conn| send(conn, &[("a", "1"), ("a", "2")]));
    let script = format!(
        "echo started; until [ -e {} ]; do sleep 0.01; done; echo ended",
        go.display()
    );
    let tool = exec(broker.port(), "-t a -q 1", &script, &[]).spawn();
    assert_eq!(tool.read_line(DEADLINE), b"started\n");
    tool.signal(Signal::TERM);
    goes_on(&tool);
    fs::write(&go, "").unwrap();
    tool.wait().expect(Signal::TERM, "ended\n", "");
    let packets = &broker.finish()[0];
    assert_eq!(acknowledged(packets), [1], "the second was not started");
    assert_eq!(packets.last().unwrap().kind(), DISCONNECT);

    let broker = play(|conn| send(conn, &[("a", "1")]));
    let tool = exec(broker.port(), "-t a -q 1", "trap '' TERM; echo $$; sleep 60", &[]).spawn();
    let pid = String::from_utf8(tool.read_line(DEADLINE)).unwrap();
    let pid = pid.trim().to_owned();
    tool.signal(Signal::INT);
    goes_on(&tool);
    assert!(lives(&pid));
    tool.signal(Signal::INT);
    tool.wait().expect(Signal::INT, "", "");
    wait_for("the end of the command", || !lives(&pid));
    assert_eq!(acknowledged(&broker.finish()[0]), [0; 0]);
}

/// A broker that sends more than may wait for its commands, of which the first
/// one runs until this many PINGREQs have come; and what comes of it.
fn holds_back(transport: Transport<'_>, words: &str, connack: &'static [Prop], pings: usize) {
    let dir = crate::support::scratch_dir();
    let go = dir.path().join("go");
    let told = go.clone();
    let broker = Broker::start_on(transport, move |conn| {
        conn.accept_connect_with(false, connack);
        conn.serve_subscribe(&[0]);
        for number in 0..2000 {
            conn.queue(Publish::new("t", number.to_string()).encode(conn.version()));
        }
        conn.flush().unwrap();
        for _ in 0..pings {
            conn.expect(PINGREQ);
            conn.send(packet::pingresp());
        }
        fs::write(&told, "").unwrap();
        conn.until_eof();
    });
    let script = format!("until [ -e {} ]; do sleep 0.05; done; echo $1", go.display());
    let tool = exec(broker.port(), &format!("-t t -C 1200 {words}"), &script, &["{payload}"]);
    let numbers: Vec<String> = (0..1200).map(|number| number.to_string()).collect();
    let expected = numbers.join("\n") + "\n";
    // Three pings, and then a shell for each of 1200 messages.
    tool.deadline(4 * DEADLINE).run().expect(0, expected, "");
    let packets = &broker.finish()[0];
    let connects = packets.iter().filter(|packet| packet.kind() == CONNECT).count();
    assert_eq!((connects, packets.last().unwrap().kind()), (1, DISCONNECT));
}

#[test]
fn a_slow_command_holds_a_fast_stream_back_and_the_connection_stays() {
    // Paho would give the connection up before the third, had it no answer to the
    // first (`MQTTProtocol_keepalive`).
    holds_back(Transport::Tcp, "-k 5", &[], 3);
}

#[test]
fn so_it_is_over_tls_and_with_the_keep_alive_of_the_broker() {
    let certificates = certificates();
    let words = format!("-V 5 --cafile {}", certificates.ca.display());
    let connack = &[Prop::Two(id::SERVER_KEEP_ALIVE, 2)];
    holds_back(Transport::Tls(&certificates.good), &words, connack, 3);
}

#[test]
fn after_a_kill_every_command_has_run_at_least_once() {
    const COUNT: usize = 200;
    let broker = Mosquitto::start();
    let dir = crate::support::scratch_dir();
    let log = dir.path().join("log");
    let script = format!("echo $1 >>{}", log.display());
    let words = "-t kill -q 1 -c -i worker --exec-jobs 2";
    let first = exec(broker.tcp(), words, &script, &["{payload}"]).spawn();
    broker.wait_subscribed("kill");
    let mut publisher = Publisher::connect(broker.tcp(), Version::V311);
    for number in 0..COUNT {
        publisher.publish("kill", number.to_string(), 1, false, &[]);
    }
    let ran = || fs::read_to_string(&log).unwrap_or_default();
    wait_for("some commands", || ran().lines().count() > 20);
    first.signal(Signal::KILL);
    first.wait().expect(Signal::KILL, "", "");
    let second = exec(broker.tcp(), words, &script, &["{payload}"]).spawn();
    wait_for("all commands", || {
        let text = ran();
        let numbers: std::collections::BTreeSet<&str> = text.lines().collect();
        numbers.len() == COUNT
    });
    second.signal(Signal::TERM);
    second.wait().expect(Signal::TERM, "", "");
}

/// A request.
fn request(mid: u16, payload: &str) -> Publish {
    Publish::new("ask", payload).qos(1, mid).with(&[
        Prop::text(id::RESPONSE_TOPIC, "answers/1"),
        Prop::Binary(id::CORRELATION_DATA, vec![0, 0xff, 7]),
    ])
}

#[test]
fn an_answer_is_delivered_before_its_request_is_acknowledged() {
    let broker = play(|conn| {
        subscribed(conn);
        conn.publish(&request(7, "2+3"));
        let answer = conn.expect_publish();
        assert_eq!(
            (answer.topic.as_str(), &answer.payload[..]),
            ("answers/1", &b"<2+3>"[..])
        );
        assert_eq!((answer.qos, answer.retain), (1, false));
        assert_eq!(
            answer.properties,
            [Prop::Binary(id::CORRELATION_DATA, vec![0, 0xff, 7])]
        );
        conn.ack(&answer);
        conn.expect_ack(PUBACK, 7);
        // A message that asks for no answer, and one whose answer would come back.
        conn.publish(&Publish::new("ask", "x").qos(1, 8));
        conn.expect_ack(PUBACK, 8);
        let loops = Publish::new("ask", "x").qos(1, 9);
        conn.publish(&loops.with(&[Prop::text(id::RESPONSE_TOPIC, "ask")]));
        conn.expect_ack(PUBACK, 9);
        conn.until_eof();
    });
    let words = "-V 5 -t ask -q 1 -C 3 --reply";
    let tool = exec(broker.port(), words, "printf '<%s>' \"$1\"", &["{payload}"]);
    let error = "mqsub: warning: message on topic 'ask' is not answered: \
                 the answer to 'ask' would come back: it is subscribed to\n";
    tool.run().expect(0, "", error);
    broker.finish();
}

#[test]
fn a_failure_is_answered_only_if_that_is_wanted() {
    for (words, answers) in [("", 0), ("--reply-errors", 1)] {
        let broker = play(|conn| {
            subscribed(conn);
            conn.publish(&request(7, "x"));
            while let Some(packet) = conn.next_packet() {
                if packet.kind() == PUBLISH {
                    let answer = Publish::parse(&packet, Version::V5);
                    let told = Prop::user("exec-failure", "exit status 3");
                    assert!(answer.properties.contains(&told), "{answer:?}");
                    assert_eq!(answer.payload, b"half\n");
                    conn.ack(&answer);
                }
            }
        });
        let words = format!("-V 5 -t ask -q 1 -C 1 --exec-failure count --reply {words}");
        let tool = exec(broker.port(), &words, "echo half; exit 3", &[]);
        tool.run()
            .expect(1, "", Contains(&["mqsub: error: 1 of 1 command failed\n"]));
        let packets = &broker.finish()[0];
        let count = packets.iter().filter(|packet| packet.kind() == PUBLISH).count();
        assert_eq!((count, acknowledged(packets)), (answers, vec![7]));
    }
}

#[test]
fn before_mqtt_5_a_pattern_says_where_answers_go() {
    let broker = play(|conn| {
        subscribed(conn);
        conn.publish(&Publish::new("ask/x", "1").qos(1, 7));
        let answer = conn.expect_publish();
        assert_eq!((answer.topic.as_str(), &answer.payload[..]), ("answer/x", &b"1"[..]));
        conn.ack(&answer);
        conn.expect_ack(PUBACK, 7);
        conn.until_eof();
    });
    let words = "-t ask/# -q 1 -C 1 --reply --reply-topic answer/{topic.2}";
    exec(broker.port(), words, "cat", &[]).run().expect(0, "", "");
}

//! Several brokers: who does not answer, or says no, hides nobody, and when the
//! one in use dies the next takes over at once.

use std::net::{Ipv4Addr, TcpListener};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use crate::support::broker::{Broker, Inbox, script, sink};
use crate::support::mosquitto::{self, Mosquitto, Publisher, Subscriber};
use crate::support::packet::{Version, connack};
use crate::support::runner::{Contains, Satisfies, Tool};
use crate::support::{free_ports, unique_topic};
use crate::tools::{AT_ONCE, wait_for};

/// How long the next broker may take to take over.
const TAKE_OVER: Duration = AT_ONCE;

fn hosts(tool: Tool, ports: &[u16]) -> Tool {
    ports.iter().fold(tool, |tool, port| {
        tool.args(["-h".to_owned(), format!("127.0.0.1:{port}")])
    })
}

#[test]
fn the_broker_dies_in_mid_stream_and_nothing_is_lost() {
    const LINES: usize = 400;
    const ACKNOWLEDGED: usize = 150;
    for qos in [1, 2] {
        let (died, dead) = mpsc::channel();
        let dying = Broker::start_many(vec![script(move |conn| {
            conn.accept_connect();
            let mut acknowledged = Vec::new();
            for _ in 0..ACKNOWLEDGED {
                let publish = conn.expect_publish();
                conn.ack(&publish);
                acknowledged.push(publish.payload);
            }
            // More is under way, and stays unacknowledged.
            conn.expect_publish();
            conn.reset();
            died.send((acknowledged, Instant::now())).unwrap();
        })]);
        let topic = unique_topic("failover");
        let mut heir = Subscriber::connect(mosquitto::shared().tcp(), Version::V311, &topic, 2);
        let ports = [dying.port(), mosquitto::shared().tcp()];
        let qos = qos.to_string();
        let mut tool = hosts(Tool::mqpub(), &ports)
            .args([
                "-l",
                "-q",
                &qos,
                "-i",
                &format!("failover-{qos}-{}", std::process::id()),
                "-t",
                &topic,
            ])
            .spawn();
        let lines: Vec<String> = (0..LINES).map(|number| number.to_string()).collect();
        tool.write_stdin(lines.join("\n") + "\n");
        let (acknowledged, moment) = dead.recv().unwrap();
        let first = heir.next();
        assert!(moment.elapsed() < TAKE_OVER, "{:?}", moment.elapsed());
        let mut arrived: Vec<Vec<u8>> = vec![first.payload];
        while arrived.last().map(Vec::as_slice) != Some(lines[LINES - 1].as_bytes()) {
            arrived.push(heir.next().payload);
        }
        let ended = tool.wait();
        ended.expect(0, "", Contains(&["lost: ", "trying again\n", "connected again\n"]));
        // What the first one did not acknowledge is with the second, in order.
        for line in &lines {
            let line = line.as_bytes();
            assert!(acknowledged.iter().any(|other| other == line) || arrived.iter().any(|other| other == line));
        }
        let numbers: Vec<u32> = arrived
            .iter()
            .map(|payload| String::from_utf8_lossy(payload).parse().unwrap())
            .collect();
        assert!(numbers.is_sorted(), "{numbers:?}");
        dying.finish();
    }
}

#[test]
fn two_real_brokers_of_which_the_first_is_killed() {
    let mut first = Mosquitto::start();
    let second = mosquitto::shared();
    let topic = unique_topic("failover");
    let ports = [first.tcp(), second.tcp()];
    let mut before = Subscriber::connect(first.tcp(), Version::V311, &topic, 1);
    let mut after = Subscriber::connect(second.tcp(), Version::V311, &topic, 1);
    let mut publisher = hosts(Tool::mqpub(), &ports)
        .args(["-l", "-q", "1", "-d", "-t", &topic])
        .spawn();
    let subscriber = hosts(Tool::mqsub(), &ports)
        .args(["-q", "2", "-t", &topic, "-C", "2"])
        .spawn();
    // The only one that asks for QoS 2.
    first.wait_subscribed(&format!("2 {topic}"));
    publisher.write_stdin("one\n");
    assert_eq!(before.next().payload, b"one");
    assert_eq!(subscriber.read_line(Duration::from_secs(20)), b"one\n");
    // Mosquitto delivers before it acknowledges; what it did not is sent again.
    publisher.wait_stderr_contains("received PUBACK");
    first.kill();
    let moment = Instant::now();
    publisher.write_stdin("two\n");
    assert_eq!(after.next().payload, b"two");
    subscriber.wait_stderr_contains("connected again\n");
    assert!(moment.elapsed() < TAKE_OVER, "{:?}", moment.elapsed());
    publisher.wait().expect(0, "", Contains(&["connected again\n"]));
    // In case it came before the subscription.
    let mut again = Publisher::connect(second.tcp(), Version::V311);
    wait_for("the end of the subscriber", || {
        again.publish(&topic, "two", 1, false, &[]);
        !subscriber.is_running()
    });
    subscriber
        .wait()
        .expect(0, "two\n", Contains(&["lost: ", "connected again\n"]));
}

#[test]
fn who_does_not_answer_or_says_no_hides_nobody() {
    let silent = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let silent = (silent.local_addr().unwrap().port(), silent);
    let refusing = Broker::start(|conn| {
        conn.expect_connect();
        conn.send(connack(conn.version(), false, 5, &[]));
        conn.until_eof();
    });
    let closing = Broker::start(|conn| {
        conn.expect_connect();
    });
    let [nobody] = free_ports();
    let inbox = Inbox::default();
    let good = Broker::start(sink(&inbox));
    let ports = [nobody, silent.0, refusing.port(), closing.port(), good.port()];
    let start = Instant::now();
    let tool = hosts(Tool::mqpub(), &ports).args(["-t", "t", "-m", "x", "--connect-timeout", "8"]);
    tool.run().expect(0, "", "");
    assert_eq!(inbox.payloads(), [b"x"]);
    assert!(start.elapsed() < Duration::from_secs(8), "{:?}", start.elapsed());
}

#[test]
fn when_nobody_is_there_each_is_named() {
    let refusing = Broker::start(|conn| {
        conn.expect_connect();
        conn.send(connack(conn.version(), false, 5, &[]));
        conn.until_eof();
    });
    let [nobody] = free_ports();
    for tool in [Tool::mqpub().args(["-m", "x"]), Tool::mqsub()] {
        let tool = hosts(tool, &[refusing.port(), nobody]).args(["-t", "t", "-u", "me"]);
        let why = format!(
            "error: cannot connect to 127.0.0.1:{}: refused by the broker: not authorised; \
             cannot connect to 127.0.0.1:{nobody}: connection refused\n",
            refusing.port()
        );
        tool.run().expect(3, "", Contains(&[&why]));
    }
    // Both refuse for good: no use in trying again.
    let tool = hosts(Tool::mqpub(), &[refusing.port(), refusing.port()]);
    let tool = tool.args(["-t", "t", "-m", "x", "-u", "me", "--retry-for", "1m"]);
    tool.run()
        .expect(4, "", Satisfies(&|text| text.ends_with(b"not authorised\n")));
}

//! mqpub --check: what is well is told, and each fault with its status and words;
//! nothing is left behind.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use rustix::process::Signal;

use crate::support::broker::{Broker, Conn};
use crate::support::mosquitto::{PASSWORD, Subscriber, USER, shared, unique_topic};
use crate::support::packet::{DISCONNECT, PUBLISH, Prop, Publish, SUBSCRIBE, Subscribe, Version, id, suback};
use crate::support::runner::{Contains, Satisfies};
use crate::tools::{mqpub, publishes};

/// Whether nothing is retained below a topic.
fn nothing_is_left(prefix: &str) -> bool {
    let filter = format!("{prefix}/#");
    let mut there = Subscriber::connect(shared().tcp(), Version::V311, &filter, 1);
    // What is retained comes before this.
    let mut last = crate::support::mosquitto::Publisher::connect(shared().tcp(), Version::V311);
    last.publish(&format!("{prefix}/end"), "", 1, false, &[]);
    there.next().topic == format!("{prefix}/end")
}

/// What a broker does with a message: acknowledges it and sends it back, only
/// acknowledges it, or ends the connection.
#[derive(Clone, Copy, PartialEq)]
enum Way {
    Back,
    Nowhere,
    Close,
}

/// A broker that does so with each message.
fn echo(props: Vec<Prop>, answer: impl Fn(&mut Conn, &Publish) -> Way + Send + Sync + 'static) -> Broker {
    let connections = AtomicUsize::new(0);
    Broker::start(move |conn| {
        let number = connections.fetch_add(1, Ordering::Relaxed);
        // The second connection takes up the first one's session, and its will is due.
        conn.accept_connect_with(number == 1, &props);
        if number == 1 {
            let connect = &conn.received()[0];
            let will = crate::support::packet::Connect::parse(connect).will.expect("a will");
            let will = Publish::new(&will.topic, &will.payload);
            if answer(conn, &will) == Way::Back {
                conn.send(will.encode(conn.version()));
            }
        }
        while let Some(packet) = conn.next_packet() {
            match packet.kind() {
                SUBSCRIBE => {
                    let subscribe = Subscribe::parse(&packet, conn.version());
                    let granted: Vec<u8> = subscribe.filters.iter().map(|(_, options)| options & 3).collect();
                    conn.send(suback(conn.version(), subscribe.mid, &granted, &[]));
                }
                PUBLISH => {
                    let publish = Publish::parse(&packet, conn.version());
                    match answer(conn, &publish) {
                        Way::Close => return,
                        Way::Nowhere => {}
                        Way::Back => {
                            let back = Publish::new(&publish.topic, &publish.payload);
                            conn.send(back.encode(conn.version()));
                        }
                    }
                    if publish.qos > 0 {
                        conn.ack(&publish);
                    }
                }
                _ => {}
            }
        }
    })
}

#[test]
fn a_good_broker_passes_and_nothing_is_left() {
    for version in ["31", "311", "5"] {
        let prefix = unique_topic("check");
        let words = format!("--check --check-prefix {prefix} -V {version}");
        let outcome = mqpub(shared().tcp(), &words).run();
        let told = [
            "\nconnect ",
            "\nsubscribe ",
            "\nqos 0 ",
            "\nqos 1 ",
            "\nqos 2 ",
            "\nwill ",
            "\nretained ",
            "\nround trip ",
            "maximum qos: 2\n",
            "retain: yes\n",
            "wildcard subscriptions: yes\n",
            "shared subscriptions: yes\n",
        ];
        outcome.expect(0, Contains(&told), "");
        assert!(nothing_is_left(&prefix), "{version}");
    }
}

#[test]
fn the_account_as_json_and_for_a_monitor() {
    let prefix = unique_topic("check");
    let words = format!("--check --check-prefix {prefix} -V 5 --json");
    let told = [
        r#""ok":true"#,
        r#""name":"will""#,
        r#""maximum_qos":2"#,
        r#""topic_alias_maximum":"#,
    ];
    let outcome = mqpub(shared().tcp(), &words).run().expect(0, Contains(&told), "");
    let object: serde_json::Value = serde_json::from_slice(&outcome.stdout).unwrap();
    assert_eq!(object["steps"].as_array().unwrap().len(), 7);
    assert!(
        object["steps"]
            .as_array()
            .unwrap()
            .iter()
            .all(|step| step["outcome"] == "ok")
    );

    let words = format!("--check --check-prefix {prefix} --nagios --warn 30 --crit 60");
    let outcome = mqpub(shared().tcp(), &words).run();
    let line =
        |line: &[u8]| line.starts_with(b"MQTT OK - round trip ") && line.split(|byte| *byte == b'\n').count() == 2;
    let outcome = outcome.expect(0, Satisfies(&line), "");
    assert!(outcome.stdout_text().contains("s;30;60;0 connect="));
    for (limits, status, word) in [
        ("--warn 1us", 1, "MQTT WARNING - "),
        ("--warn 1us --crit 2us", 2, "MQTT CRITICAL - "),
    ] {
        let words = format!("--check --check-prefix {prefix} --nagios {limits}");
        mqpub(shared().tcp(), &words)
            .run()
            .expect(status, Contains(&[word]), "");
    }
}

#[test]
fn no_broker_and_no_password() {
    let [port] = crate::support::free_ports();
    let why = "connection refused";
    let told = ["mqpub: error: connect: cannot connect to 127.0.0.1:", why];
    let outcome = mqpub(port, "--check").run();
    outcome.expect(3, Contains(&["connect         failed"]), Contains(&told));
    let outcome = mqpub(port, "--check --nagios").run();
    outcome.expect(2, Contains(&["MQTT CRITICAL - connect: cannot connect to", why]), "");

    let outcome = mqpub(shared().password(), "--check").run();
    let told = [
        "connect: cannot connect",
        "not authorised",
        "hint: no user name was given",
    ];
    outcome.expect(4, Contains(&["failed"]), Contains(&told));
}

#[test]
fn a_subscription_that_is_denied() {
    for version in ["311", "5"] {
        let words = format!("--check --check-prefix secret -V {version}");
        let outcome = mqpub(shared().restricted(), &words).run();
        let told = ["mqpub: error: subscribe: subscription to 'secret/", "refused"];
        outcome.expect(4, Contains(&["subscribe       failed"]), Contains(&told));
    }
}

#[test]
fn a_message_that_is_denied_in_silence_is_missed() {
    let login = format!("-u {USER} -P {PASSWORD} --check --check-prefix closed --check-wait 1.5");
    let outcome = mqpub(shared().password(), &login).run();
    let told = [
        "mqpub: error: qos 0: ",
        "hint: may this user publish and subscribe there?",
    ];
    outcome.expect(5, Contains(&["qos 0           failed"]), Contains(&told));
    let broker = echo(
        Vec::new(),
        |_, publish| if publish.qos == 1 { Way::Nowhere } else { Way::Back },
    );
    let outcome = mqpub(broker.port(), "--check --check-wait 1500ms").run();
    let told = [
        "mqpub: error: qos 1: the message of QoS 1 did not come back within 1s 500ms\n",
        "before MQTT 5 a broker refuses a message without a word",
    ];
    outcome.expect(5, Contains(&["\nqos 0 ", "qos 1           failed"]), Contains(&told));
    // Where she may, it goes well.
    let prefix = unique_topic("open/check");
    let login = format!("-u {USER} -P {PASSWORD} --check --check-prefix {prefix}");
    let outcome = mqpub(shared().password(), &login).run();
    outcome.expect(0, Contains(&["retain: yes"]), "");
}

#[test]
fn what_the_broker_does_not_have_is_no_fault() {
    let props = vec![Prop::Byte(id::MAXIMUM_QOS, 1), Prop::Byte(id::RETAIN_AVAILABLE, 0)];
    let broker = echo(props, |_, _| Way::Back);
    let outcome = mqpub(broker.port(), "--check -V 5").run();
    let told = [
        "the broker takes no more than QoS 1\n",
        "the broker keeps no retained messages\n",
        "maximum qos: 1\n",
        "retain: no\n",
        "\nwill ",
    ];
    outcome.expect(0, Contains(&told), "");
}

#[test]
fn a_broker_that_is_slow() {
    let broker = echo(vec![Prop::Byte(id::RETAIN_AVAILABLE, 0)], |_, publish| {
        if publish.qos == 1 && publish.topic.ends_with("/qos") {
            thread::sleep(Duration::from_millis(300));
        }
        Way::Back
    });
    let outcome = mqpub(broker.port(), "--check -V 5 --nagios --warn 0.25 --crit 60").run();
    outcome.expect(1, Contains(&["MQTT WARNING - round trip "]), "");
    let broker = echo(Vec::new(), |_, publish| {
        // Nobody is there any more to whom it could be sent back.
        let is_late = publish.qos == 1;
        if is_late {
            thread::sleep(Duration::from_secs(2));
        }
        if is_late { Way::Close } else { Way::Back }
    });
    let outcome = mqpub(broker.port(), "--check -W 1.5 -V 5").run();
    outcome.expect(27, Contains(&["failed     timed out"]), Contains(&["timed out"]));
}

#[test]
fn a_broker_that_closes_in_the_middle() {
    let broker = echo(
        Vec::new(),
        |_, publish| if publish.qos == 0 { Way::Back } else { Way::Close },
    );
    let outcome = mqpub(broker.port(), "--check").run();
    let told = [
        "mqpub: error: qos 1: connection to 127.0.0.1:",
        "lost: the broker closed it\n",
    ];
    outcome.expect(5, Contains(&["\nqos 0 ", "qos 1           failed"]), Contains(&told));
}

#[test]
fn a_signal_leaves_nothing_behind() {
    // It waits for its will in vain.
    let broker = echo(Vec::new(), |_, publish| {
        if publish.topic.ends_with("/will") {
            Way::Nowhere
        } else {
            Way::Back
        }
    });
    let running = mqpub(broker.port(), "--check --check-wait 60 -d").spawn();
    running.wait_stderr_contains("/retained");
    running.signal(Signal::INT);
    let outcome = running.wait();
    outcome.expect(Signal::INT, "", Contains(&["debug"]));
    let packets = broker.finish().concat();
    let retained: Vec<Publish> = publishes(&packets)
        .into_iter()
        .filter(|publish| publish.retain)
        .collect();
    assert!(
        retained.len() > 1 && retained.last().unwrap().payload.is_empty(),
        "{retained:?}"
    );
    assert_eq!(packets.last().unwrap().kind(), DISCONNECT);
}

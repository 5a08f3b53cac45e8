//! Both tools and the ways to a broker. Here: the four transports, and who may
//! pass. The submodules have certificates, and connections that do not come
//! about.

mod failover;
mod failures;
mod handshakes;
mod parting;
mod proxies;
mod public;
mod terms;
mod tls;

use crate::support::broker::{Broker, Inbox, Transport, sink};
use crate::support::certificates::certificates;
use crate::support::mosquitto::{self, Mosquitto, PASSWORD, USER};
use crate::support::packet::{Connect, Publish, Version};
use crate::support::runner::{Contains, Tool};
use crate::support::unique_topic;
use crate::tools::{at, mqpub, mqsub};

/// Both tools, each with an order that a connection suffices for.
pub(crate) fn both(words: &str) -> [(Tool, String); 2] {
    [
        (Tool::mqpub(), format!("-t open/x -m x {words}")),
        (Tool::mqsub(), format!("-t open/x -W 20 {words}")),
    ]
}

/// A message goes from mqpub to mqsub over this broker, both with these words.
#[track_caller]
fn a_message_goes_through(broker: &Mosquitto, publish: &[String], subscribe: &[String], topic: &str) {
    let subscriber = Tool::mqsub().args(subscribe).args(["-C", "1"]).spawn();
    broker.wait_subscribed(topic);
    let publisher = Tool::mqpub().args(publish).args(["-m", "x"]);
    publisher.run().expect(0, "", "");
    subscriber.wait().expect(0, "x\n", "");
}

#[test]
fn the_four_transports_are_reached_by_options_and_by_url() {
    let broker = mosquitto::shared();
    let ca = format!("--cafile {}", certificates().ca.display());
    let ways = [
        ("mqtt", broker.tcp(), String::new()),
        ("mqtts", broker.tls(), ca.clone()),
        ("ws", broker.ws(), "--ws".to_owned()),
        ("wss", broker.wss(), format!("--ws {ca}")),
    ];
    for (scheme, port, options) in &ways {
        for version in ["31", "311", "5"] {
            let [by_options, by_url] = [(); 2].map(|()| unique_topic(scheme));
            let words = format!("-h 127.0.0.1 -p {port} -V {version} {options} -t {by_options}");
            let words: Vec<String> = words.split_whitespace().map(str::to_owned).collect();
            a_message_goes_through(broker, &words, &words, &by_options);

            let trust = if options.contains("--cafile") { &*ca } else { "" };
            let words = format!("-L {scheme}://localhost:{port}/{by_url} -V {version} {trust}");
            let words: Vec<String> = words.split_whitespace().map(str::to_owned).collect();
            a_message_goes_through(broker, &words, &words, &by_url);
        }
    }
}

#[test]
fn a_connection_over_any_transport_ends_in_order() {
    let certificates = certificates();
    let ca = format!("--cafile {}", certificates.ca.display());
    let transports = [
        (Transport::Tcp, String::new()),
        (Transport::Tls(&certificates.good), ca.clone()),
        (Transport::Ws, "--ws".to_owned()),
        (Transport::Wss(&certificates.good), format!("--ws {ca}")),
    ];
    for (transport, words) in transports {
        let inbox = Inbox::default();
        let broker = Broker::start_on(transport, sink(&inbox));
        let large = "x".repeat(200_000);
        let tool = mqpub(broker.port(), &format!("-t t -l -q 2 {words}"));
        tool.stdin(format!("a\n{large}\nb")).run().expect(0, "", "");
        assert_eq!(inbox.payloads(), [b"a", large.as_bytes(), b"b"]);
        let packets = broker.finish().concat();
        let kinds = crate::tools::kinds(&packets);
        assert_eq!(
            (kinds[0], kinds[kinds.len() - 1]),
            ("CONNECT", "DISCONNECT"),
            "{transport:?}"
        );
    }
}

#[test]
fn the_request_of_a_websocket_is_one_that_brokers_know() {
    let upgrade = |words: &str| {
        let (seen, heard) = std::sync::mpsc::channel();
        let script = move |conn: &mut crate::support::broker::Conn| {
            seen.send(conn.upgrade().cloned().unwrap()).unwrap();
            conn.accept_connect();
            conn.until_eof();
        };
        let broker = Broker::start_ws(script);
        mqpub(broker.port(), &format!("-t t -m x {words}"))
            .run()
            .expect(0, "", "");
        let upgrade = heard.recv().unwrap();
        assert_eq!(upgrade.header("sec-websocket-protocol"), Some("mqtt"));
        (upgrade, format!("127.0.0.1:{}", broker.port()))
    };
    let (plain, host) = upgrade("--ws");
    assert_eq!((plain.path.as_str(), plain.header("host")), ("/mqtt", Some(&*host)));
    let (other, _) = upgrade("--ws --ws-path /other?a=b --ws-header X-Key:a:b --ws-header Host:elsewhere");
    assert_eq!(other.path, "/other?a=b");
    assert_eq!(
        (other.header("x-key"), other.header("host")),
        (Some("a:b"), Some("elsewhere"))
    );
}

#[test]
fn the_right_name_and_password_let_in() {
    let broker = mosquitto::shared();
    let port = broker.password();
    for version in ["31", "311", "5"] {
        let topic = unique_topic("open");
        let options = format!("-h 127.0.0.1 -p {port} -V {version} -u {USER} -P {PASSWORD} -t {topic}");
        let url = format!("-V {version} -L mqtt://{USER}:{PASSWORD}@127.0.0.1:{port}/{topic}");
        let [options, url] = [options, url].map(|words| words.split(' ').map(str::to_owned).collect::<Vec<_>>());
        a_message_goes_through(broker, &options, &url, &topic);
    }
}

#[test]
fn a_wrong_name_or_password_is_refused_with_words() {
    let port = mosquitto::shared().password();
    let place = format!("cannot connect to 127.0.0.1:{port}: refused by the broker: not authorised");
    for version in ["31", "311", "5"] {
        for login in ["-u alice -P wrong", "-u bob -P s3cret", ""] {
            for (tool, words) in both(&format!("-V {version} {login}")) {
                let ended = at(tool, port, &words).run();
                let ended = ended.expect(4, "", Contains(&["error: ", &place]));
                let hinted = ended.stderr.contains("hint: no user name was given: -u NAME");
                assert_eq!(hinted, login.is_empty(), "{}", ended.stderr);
                assert!(!ended.stderr.contains("s3cret") && !ended.stderr.contains("wrong"));
            }
        }
    }
}

#[test]
fn every_no_of_a_broker_has_its_words() {
    let by_code: [(&str, u8, &str); 9] = [
        ("311", 1, "it does not speak MQTT 3.1.1"),
        ("31", 2, "client identifier rejected"),
        ("311", 3, "server unavailable"),
        ("311", 4, "bad user name or password"),
        ("311", 5, "not authorised"),
        ("5", 0x84, "unsupported protocol version"),
        ("5", 0x86, "bad user name or password"),
        ("5", 0x88, "server unavailable"),
        ("5", 0x8a, "banned"),
    ];
    for (version, code, why) in by_code {
        let broker = Broker::start(move |conn| {
            conn.expect_connect();
            conn.send(crate::support::packet::connack(conn.version(), false, code, &[]));
            conn.until_eof();
        });
        let why = format!(
            "error: cannot connect to 127.0.0.1:{}: refused by the broker: {why}\n",
            broker.port()
        );
        for (tool, words) in both(&format!("-V {version} -u me")) {
            at(tool, broker.port(), &words).run().expect(4, "", Contains(&[&why]));
        }
    }
}

#[test]
fn a_url_is_percent_decoded() {
    let inbox = Inbox::default();
    let broker = Broker::start(sink(&inbox));
    let url = format!("mqtt://al%40ce:p%3Aw%2F%20%25@127.0.0.1:{}/t%20x/%C3%A9", broker.port());
    Tool::mqpub().args(["-L", &url, "-m", "x"]).run().expect(0, "", "");
    let packets = broker.finish().concat();
    let connect = Connect::parse(&packets[0]);
    assert_eq!(connect.username.as_deref(), Some("al@ce"));
    assert_eq!(connect.password.as_deref(), Some(&b"p:w/ %"[..]));
    assert_eq!(Publish::parse(&packets[1], Version::V311).topic, "t x/\u{e9}");
}

#[test]
fn a_url_brings_a_subscription_and_options_behind_it_win() {
    let broker = Broker::start(|conn| {
        let connect = conn.accept_connect();
        assert_eq!(connect.username.as_deref(), Some("later"));
        let subscribe = conn.expect_subscribe();
        assert_eq!(
            subscribe
                .filters
                .iter()
                .map(|(filter, _)| filter.as_str())
                .collect::<Vec<_>>(),
            ["a", "b/#"]
        );
        conn.send(crate::support::packet::suback(
            Version::V311,
            subscribe.mid,
            &[0, 0],
            &[],
        ));
        conn.publish(&Publish::new("a", "x"));
        conn.until_eof();
    });
    let port = broker.port();
    let tool = mqsub(
        port,
        &format!("-t a -u early -L mqtt://url:pw@127.0.0.1:{port}/b/# -u later -C 1"),
    );
    tool.run().expect(0, "x\n", "");
}

//! mqpub in MQTT 5 where the broker takes topic aliases: what it then sends in the
//! place of topics, and that every message reaches its own.

use std::collections::BTreeSet;
use std::fmt::Write;

use crate::support::broker::{Broker, Conn, Script, script};
use crate::support::mosquitto::{self, Subscriber};
use crate::support::packet::{
    self, CONNECT, DISCONNECT, PUBCOMP, PUBLISH, PUBREC, PUBREL, Packet, Prop, Publish, Version, id,
};
use crate::support::proxy::{Limit, Proxy};
use crate::support::runner::{Contains, Satisfies};
use crate::support::unique_topic;
use crate::tools::mqpub;

/// A broker that takes so many aliases.
fn takes(maximum: u16) -> Vec<Prop> {
    vec![Prop::Two(id::TOPIC_ALIAS_MAXIMUM, maximum)]
}

/// Accepts a client, and then whatever comes.
fn accept(props: Vec<Prop>) -> impl Fn(&mut Conn) + Send + Sync + 'static {
    move |conn| {
        conn.accept_connect_with(false, &props);
        accept_all(conn);
    }
}

fn accept_all(conn: &mut Conn) {
    while let Some(packet) = conn.next_packet() {
        let version = conn.version();
        match packet.kind() {
            PUBLISH => {
                let publish = Publish::parse(&packet, version);
                conn.queue_ack(&publish);
            }
            PUBREL => conn.queue(packet::ack(PUBCOMP, packet::Answer::parse(&packet, version).mid)),
            packet::PINGREQ => conn.queue(packet::pingresp()),
            _ => {}
        }
    }
}

/// Topic and alias of each PUBLISH.
fn topics(packets: &[Packet], version: Version) -> Vec<(String, Option<u16>)> {
    let messages = packets.iter().filter(|packet| packet.kind() == PUBLISH);
    let messages = messages.map(|packet| Publish::parse(packet, version));
    messages
        .map(|message| (message.topic.clone(), alias(&message)))
        .collect()
}

fn alias(message: &Publish) -> Option<u16> {
    message.properties.iter().find_map(|prop| match prop {
        Prop::Two(id::TOPIC_ALIAS, alias) => Some(*alias),
        _ => None,
    })
}

/// Topics and aliases of what mqpub sends to a broker that accepts it all.
#[track_caller]
fn sent(words: &str, stdin: &str, props: Vec<Prop>) -> Vec<(String, Option<u16>)> {
    let broker = Broker::start(accept(props));
    mqpub(broker.port(), words).stdin(stdin).run().expect(0, "", "");
    let packets = broker.finish().concat();
    let version = packet::Connect::parse(&packets[0]).version();
    topics(&packets, version)
}

/// A topic with an alias or none, as [`topics`] tells it.
fn told(topic: &str, alias: impl Into<Option<u16>>) -> (String, Option<u16>) {
    (topic.to_owned(), alias.into())
}

#[test]
fn the_topic_is_sent_twice_and_then_not_any_more() {
    for qos in [0, 1, 2] {
        let broker = Broker::start(accept(takes(10)));
        let words = format!("-V 5 -q {qos} -t some/topic -l -D publish content-type x");
        mqpub(broker.port(), &words)
            .stdin("a\nb\nc\nd\n")
            .run()
            .expect(0, "", "");
        let packets = broker.finish().concat();
        let sent: Vec<&Packet> = packets.iter().filter(|packet| packet.kind() == PUBLISH).collect();
        let expected = [
            ("some/topic", "a", None),
            ("some/topic", "b", Some(1)),
            ("", "c", Some(1)),
            ("", "d", Some(1)),
        ];
        for (index, (topic, payload, alias)) in expected.into_iter().enumerate() {
            let mid = if qos == 0 { 0 } else { u16::try_from(index + 1).unwrap() };
            let mut props: Vec<Prop> = alias
                .map(|alias| Prop::Two(id::TOPIC_ALIAS, alias))
                .into_iter()
                .collect();
            props.push(Prop::text(id::CONTENT_TYPE, "x"));
            let bytes = Publish::new(topic, payload)
                .qos(qos, mid)
                .with(&props)
                .encode(Version::V5);
            assert_eq!(
                *sent[index],
                packet::read_packet(&mut &*bytes).unwrap(),
                "{qos} {index}"
            );
        }
        assert_eq!(sent.len(), expected.len());
    }
}

#[test]
fn a_large_message_has_one_as_well() {
    let broker = Broker::start(accept(takes(1)));
    let payload = "x".repeat(2_000_000);
    let tool = mqpub(broker.port(), "-V 5 -q 1 -t some/topic -l");
    tool.stdin(format!("{payload}\n{payload}\n{payload}\n"))
        .run()
        .expect(0, "", "");
    let packets = broker.finish().concat();
    let expected = [told("some/topic", None), told("some/topic", 1), told("", 1)];
    assert_eq!(topics(&packets, Version::V5), expected);
    let last = packets.iter().rfind(|packet| packet.kind() == PUBLISH).unwrap();
    assert_eq!(Publish::parse(last, Version::V5).payload, payload.as_bytes());
}

#[test]
fn where_there_are_none_the_topic_stays() {
    let whole = vec![told("some/topic", None); 3];
    for (words, props) in [
        ("-V 5", vec![]),
        ("-V 5", takes(0)),
        ("-V 311", takes(10)),
        ("-V 31", takes(10)),
    ] {
        let words = format!("{words} -t some/topic -l -q 1");
        assert_eq!(sent(&words, "a\nb\nc\n", props), whole, "{words}");
    }
    // There is nothing to save.
    assert_eq!(sent("-V 5 -t a -l", "a\nb\nc\n", takes(10)), vec![told("a", None); 3]);
}

#[test]
fn when_all_are_given_out_other_topics_stay() {
    let words = "-V 5 -l --key-separator : -q 1";
    let round = "topic/1:x\ntopic/2:x\ntopic/3:x\n";
    let sent = sent(words, &round.repeat(3), takes(2));
    let whole: Vec<_> = ["topic/1", "topic/2", "topic/3"].map(|topic| told(topic, None)).into();
    let second = [told("topic/1", 1), told("topic/2", 2), told("topic/3", None)];
    let third = [told("", 1), told("", 2), told("topic/3", None)];
    assert_eq!(sent, [&whole[..], &second, &third].concat());
}

#[test]
fn the_users_own_aliases_are_left_alone() {
    let words = "-V 5 -t some/topic -l -q 1 -D publish topic-alias 3";
    assert_eq!(sent(words, "a\nb\nc\n", takes(10)), vec![told("some/topic", 3); 3]);
}

#[test]
fn a_packet_does_not_grow_beyond_what_the_broker_takes() {
    // A packet of 18 bytes, which an alias would make larger.
    let words = "-V 5 -t some/topic -l -q 1";
    for (largest, second) in [(20, None), (21, Some(1))] {
        let props = [takes(10), vec![Prop::Four(id::MAXIMUM_PACKET_SIZE, largest)]].concat();
        let sent = sent(words, "a\nb\n", props);
        assert_eq!(sent, [told("some/topic", None), told("some/topic", second)]);
    }
}

#[test]
fn a_new_connection_begins_with_whole_topics() {
    let loses = |conn: &mut Conn| {
        conn.accept_connect_with(false, &takes(10));
        let all: Vec<Publish> = (0..4).map(|_| conn.expect_publish()).collect();
        assert_eq!(alias(&all[3]), Some(1));
        conn.ack(&all[0]);
        conn.reset();
    };
    let broker = Broker::start_many(vec![script(loses), script(accept(takes(10)))]);
    let tool = mqpub(broker.port(), "-V 5 -q 1 -t some/topic -l").stdin("a\nb\nc\nd\n");
    tool.run().expect(0, "", Contains(&["connected again\n"]));
    let second = &broker.finish()[1];
    let expected = [told("some/topic", None), told("some/topic", 1), told("", 1)];
    let topics = topics(second, Version::V5);
    assert_eq!(topics[topics.len() - 3..], expected);
    assert_eq!(topics[0], expected[0]);
}

#[test]
fn exchanges_that_are_gone_on_with_carry_their_topic() {
    let mut scripts: Vec<Script> = vec![script(|conn| {
        conn.accept_connect_with(false, &takes(10));
        let all: Vec<Publish> = (0..3).map(|_| conn.expect_publish()).collect();
        assert_eq!(alias(&all[2]), Some(1));
        conn.close();
    })];
    scripts.push(script(|conn| {
        conn.accept_connect_with(true, &takes(10));
        for payload in ["a", "b", "c"] {
            let again = conn.expect_publish();
            let expected = Publish::new("some/topic", payload).qos(2, again.mid);
            assert_eq!(again, Publish { dup: true, ..expected });
            conn.queue(packet::ack(PUBREC, again.mid));
        }
        accept_all(conn);
    }));
    let broker = Broker::start_many(scripts);
    let tool = mqpub(broker.port(), "-V 5 -q 2 -t some/topic -l").stdin("a\nb\nc\n");
    tool.run().expect(0, "", Satisfies(&|_| true));
    let kinds: Vec<u8> = broker.finish()[1].iter().map(Packet::kind).collect();
    assert_eq!((kinds[0], kinds[kinds.len() - 1]), (CONNECT, DISCONNECT));
}

#[test]
fn the_debug_output_tells_topic_and_alias() {
    let broker = Broker::start(accept(takes(10)));
    let tool = mqpub(broker.port(), "-d -V 5 -q 1 -t some/topic -l").stdin("a\nb\nc\n");
    let sent = |mid, rest| format!("sending PUBLISH (d0, q1, r0, m{mid}, 'some/topic', {rest}\n");
    let lines = [
        sent(1, "1 bytes)"),
        sent(2, "1 bytes) with topic alias 1"),
        sent(3, "1 bytes) with topic alias 1"),
    ];
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    tool.run().expect(0, "", Contains(&lines));
}

#[test]
fn a_real_broker_delivers_each_message_to_its_topic() {
    const TOPICS: usize = 25;
    const ROUNDS: usize = 80;
    for json in [false, true] {
        for qos in [1, 2] {
            let root = unique_topic("alias");
            let broker = mosquitto::shared();
            let filter = format!("{root}/#");
            let mut watcher = Subscriber::connect(broker.tcp(), Version::V5, &filter, 2);
            let proxy = Proxy::start(broker.tcp());
            proxy.reset_after([Limit::FromClient(20_000), Limit::FromClient(30_000)]);
            let mut lines = String::new();
            for number in 0..TOPICS * ROUNDS {
                let topic = format!("{root}/{}", number % TOPICS);
                let written = if json {
                    writeln!(lines, "{{\"topic\":\"{topic}\",\"payload\":\"{number}\"}}")
                } else {
                    writeln!(lines, "{topic} {number}")
                };
                written.unwrap();
            }
            let mut tool = mqpub(proxy.port(), &format!("-d -V 5 -q {qos} -i {}", root.replace('/', "-")));
            tool = if json {
                tool.arg("--json")
            } else {
                tool.args(["-l", "--key-separator", " "])
            };
            let ended = tool.stdin(lines).run();
            ended.expect(0, "", Contains(&["with topic alias 10\n", "connected again\n"]));
            let mut numbers = BTreeSet::new();
            while numbers.len() < TOPICS * ROUNDS {
                let message = watcher.next();
                let number: usize = String::from_utf8(message.payload).unwrap().parse().unwrap();
                assert_eq!(message.topic, format!("{root}/{}", number % TOPICS));
                numbers.insert(number);
            }
        }
    }
}

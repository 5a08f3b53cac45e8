//! Which messages mqsub takes and prints, and what it asks the broker for.

use std::sync::mpsc;

use super::{sends, subscribed};
use crate::support::broker::{Broker, script};
use crate::support::mosquitto::{self, Publisher, unique_topic};
use crate::support::packet::{Prop, Publish, Subscribe, Version, id, suback};
use crate::support::runner::{Contains, Satisfies};
use crate::tools::{AT_ONCE, mqsub, play};

#[test]
fn what_is_filtered_out_is_neither_printed_nor_counted() {
    let messages = [
        Publish::new("a/x", "1"),
        Publish::new("a/b/c", "2"),
        Publish::new("b", "3").retained(),
        Publish::new("b", "4"),
        Publish::new("$a/x", "5"),
        Publish::new("c", "6"),
        Publish::new("c", "7"),
    ];
    for (words, printed) in [
        ("-T a/# -C 3", "3\n4\n5\n"),
        ("-T +/x -C 3", "2\n3\n4\n"),
        ("-R -C 3", "1\n2\n4\n"),
        ("-T a/# -T b -R -C 2", "5\n6\n"),
        ("--filter-out a/b/+ --no-retained --count 2", "1\n4\n"),
    ] {
        let broker = sends(&messages);
        let words = format!("-t # {words}");
        mqsub(broker.port(), &words).run().expect(0, printed, "");
    }
}

#[test]
fn a_percentage_is_a_percentage() {
    const COUNT: usize = 4000;
    for percent in [100, 50, 10] {
        let broker = sends(&vec![Publish::new("t", "x"); COUNT]);
        let words = format!("-t t --random-filter {percent} -C {COUNT}");
        let expected = COUNT * percent / 100;
        // Five standard deviations and more.
        let near = |stdout: &[u8]| (stdout.len() / 2).abs_diff(expected) <= if percent == 100 { 0 } else { 170 };
        mqsub(broker.port(), &words).run().expect(0, Satisfies(&near), "");
    }
}

#[test]
fn the_rate_is_printed_each_second_and_at_once() {
    let broker = sends(&vec![Publish::new("t", "x"); 1234]);
    let tool = mqsub(broker.port(), "-t t --message-rate -W 30").spawn();
    let rate = || {
        let line = String::from_utf8(tool.read_line(AT_ONCE)).unwrap();
        let number = line.strip_suffix(" msgs/s\n").expect("a rate");
        number.parse::<u32>().unwrap()
    };
    // They come in one piece, but on a busy machine not always in one second.
    let mut came = 0;
    while came < 1234 {
        came += rate();
    }
    assert_eq!((came, rate()), (1234, 0));
    tool.signal(rustix::process::Signal::TERM);
    tool.wait().expect(rustix::process::Signal::TERM, "", "");
}

/// The SUBSCRIBE packets that a command line leads to, with MQTT 5.
fn asked(words: &str, packets: usize) -> Vec<Subscribe> {
    let (heard, asked) = mpsc::channel();
    let broker = play(move |conn| {
        conn.accept_connect();
        for _ in 0..packets {
            let subscribe = conn.expect_subscribe();
            let codes = vec![0; subscribe.filters.len()];
            conn.send(suback(conn.version(), subscribe.mid, &codes, &[]));
            heard.send(subscribe).unwrap();
        }
        conn.expect_disconnect();
    });
    let words = format!("-V 5 -E {words}");
    mqsub(broker.port(), &words).run().expect(0, "", "");
    asked.iter().collect()
}

#[test]
fn subscription_options_are_those_of_the_standard() {
    // MQTT 5, 3.8.3.1: the level, no local 4, as published 8, handling 16 and 32.
    for (words, options) in [
        ("-t a", 0),
        ("-t a -q 2", 2),
        ("-t a --retain-as-published", 8),
        ("-t a --retain-handling new", 0x10),
        ("-t a --retain-handling never -q 1", 0x21),
        ("-t a -R", 0x20),
        ("-t a -R --retain-handling always", 0),
        ("--filter no-local,qos=1:a", 5),
        ("--filter retain-as-published,retain-handling=new:a", 0x18),
    ] {
        let packets = asked(words, 1);
        assert_eq!(packets[0].filters, [("a".to_owned(), options)], "{words}");
    }
}

#[test]
fn each_identifier_has_its_subscribe() {
    let words = "-t a --filter id=7:b:c --filter qos=2,id=7:d --filter id=268435455:e \
                 -D subscribe subscription-identifier 3 -D subscribe user-property k v";
    let packets = asked(words, 3);
    let filters: Vec<Vec<(String, u8)>> = packets.iter().map(|packet| packet.filters.clone()).collect();
    let named = |name: &str, options| (name.to_owned(), options);
    let expected = [
        vec![named("a", 0)],
        vec![named("b:c", 0), named("d", 2)],
        vec![named("e", 0)],
    ];
    assert_eq!(filters, expected);
    for (packet, number) in packets.iter().zip([3, 7, 268_435_455]) {
        let wanted = [Prop::Var(id::SUBSCRIPTION_ID, number), Prop::user("k", "v")];
        assert!(wanted.iter().all(|prop| packet.properties.contains(prop)), "{packet:?}");
        assert_eq!(packet.properties.len(), 2);
    }
}

#[test]
fn the_receive_maximum_is_twenty_or_less() {
    for (words, maximum) in [("-C 7", 7), ("-C 20", 20), ("-C 70000", 20), ("", 20)] {
        let broker = play(move |conn| {
            let connect = conn.accept_connect();
            let prop = Prop::Two(id::RECEIVE_MAXIMUM, maximum);
            assert!(connect.properties.contains(&prop), "{connect:?}");
            conn.serve_subscribe(&[0]);
        });
        let words = format!("-V 5 -t t --no-reconnect {words}");
        mqsub(broker.port(), &words)
            .run()
            .expect(5, "", Contains(&["lost: the broker closed it"]));
    }
}

#[test]
fn a_message_of_several_subscriptions_is_printed_with_their_identifiers() {
    let topic = unique_topic("several");
    let words = format!("-V 5 --json --filter id=1:{topic} --filter id=2:{topic}/# -C 1 -t {topic}/+");
    let port = mosquitto::shared().tcp();
    let tool = mqsub(port, &words).spawn();
    // Each identifier has a packet of its own, and any of them may be the last.
    for filter in [topic.clone(), format!("{topic}/#"), format!("{topic}/+")] {
        mosquitto::shared().wait_subscribed(&filter);
    }
    Publisher::connect(port, Version::V5).publish(&topic, "x", 0, false, &[]);
    tool.wait().expect(0, Contains(&["\"payload\":\"x\""]), "");

    // In one packet, as the standard has it.
    let both = [Prop::Var(id::SUBSCRIPTION_ID, 1), Prop::Var(id::SUBSCRIPTION_ID, 2)];
    let broker = sends(&[Publish::new("t", "x").with(&both)]);
    let tool = mqsub(broker.port(), "-V 5 -t t --json -C 1");
    tool.run()
        .expect(0, Contains(&["\"subscription-identifier\"", "1", "2"]), "");
}

#[test]
fn a_session_that_was_kept_is_not_subscribed_to_again() {
    for version in [Version::V311, Version::V5] {
        let first = script(|conn| {
            subscribed(conn);
            conn.deliver(&Publish::new("t", "1").qos(1, 1));
        });
        let kept = script(|conn| {
            conn.accept_connect_with(true, &[]);
            conn.deliver(&Publish::new("t", "2").qos(1, 2));
        });
        let forgotten = script(|conn| {
            subscribed(conn);
            conn.deliver(&Publish::new("t", "3").qos(1, 3));
            conn.until_eof();
        });
        let broker = Broker::start_many(vec![first, kept, forgotten]);
        let words = format!("-t t -q 1 -c -i me -C 3 -V {}", version.flag());
        let tool = mqsub(broker.port(), &words);
        tool.run().expect(0, "1\n2\n3\n", Contains(&["connected again"]));
    }
}

#[test]
fn a_session_of_an_earlier_run_is_subscribed_to() {
    let broker = play(|conn| {
        conn.accept_connect_with(true, &[]);
        conn.serve_subscribe(&[1]);
        conn.publish(&Publish::new("t", "x"));
        conn.until_eof();
    });
    let tool = mqsub(broker.port(), "-t t -q 1 -c -i me -C 1");
    tool.run().expect(0, "x\n", "");
}

#[test]
fn topic_aliases_of_the_broker_are_looked_up() {
    let alias =
        |topic: &str, payload: &str, number| Publish::new(topic, payload).with(&[Prop::Two(id::TOPIC_ALIAS, number)]);
    let broker = sends(&[
        alias("a/b", "1", 1),
        alias("", "2", 1),
        alias("c", "3", 1),
        alias("", "4", 1),
        alias("", "5", 2),
        Publish::new("t", "6"),
    ]);
    let tool = mqsub(broker.port(), "-V 5 -v -t # -D connect topic-alias-maximum 5 -C 5");
    let error = "mqsub: warning: a message was skipped: it has no topic\n";
    tool.run().expect(0, "a/b 1\na/b 2\nc 3\nc 4\nt 6\n", error);
}

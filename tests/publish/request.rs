//! Requests: what is sent, which messages are replies, and what is said of those
//! that none came to.

mod interop;

use rustix::process::Signal;

use crate::support::broker::{Broker, Conn, script};
use crate::support::packet::{self, PUBACK, PUBLISH, Prop, Publish, SUBSCRIBE, id};
use crate::support::runner::{Contains, Satisfies};
use crate::tools::{A_WHILE, kinds, mqpub, play};

/// The response topic and the correlation data of a request.
fn address(request: &Publish) -> (String, Vec<u8>) {
    let mut found = (String::new(), Vec::new());
    for property in &request.properties {
        match property {
            Prop::Text(8, topic) => found.0.clone_from(topic),
            Prop::Binary(9, data) => found.1.clone_from(data),
            _ => {}
        }
    }
    found
}

/// The reply to a request.
fn reply(request: &Publish, payload: &str) -> Publish {
    let (topic, data) = address(request);
    Publish::new(&topic, payload).with(&[Prop::Binary(9, data)])
}

/// Accepts a connection and its subscription.
fn welcome(conn: &mut Conn) -> String {
    conn.accept_connect();
    let subscribe = conn.serve_subscribe(&[0]);
    subscribe.filters[0].0.clone()
}

/// Answers one request.
fn answer_one(conn: &mut Conn) {
    let request = conn.expect_publish();
    conn.ack(&request);
    conn.publish(&reply(&request, "pong"));
}

#[test]
fn the_request_leaves_after_suback_and_says_where_the_reply_goes() {
    let broker = play(|conn| {
        conn.accept_connect();
        let subscribe = conn.expect_subscribe();
        std::thread::sleep(A_WHILE);
        assert_eq!(kinds(conn.received()), ["CONNECT", "SUBSCRIBE"]);
        // Retained messages are not asked for.
        let (filter, options) = subscribe.filters[0].clone();
        assert_eq!(options, 0x20);
        conn.send(packet::suback(conn.version(), subscribe.mid, &[0], &[]));
        let request = conn.expect_publish();
        let (topic, data) = address(&request);
        let id = topic.strip_prefix("mqpub/reply/").unwrap().strip_suffix("/1").unwrap();
        assert_eq!((id.len(), &*filter), (32, &*topic));
        assert_eq!(data, format!("{id}-1").as_bytes());
        assert_eq!((&*request.topic, &*request.payload), ("t", &b"ping"[..]));
        conn.publish(&reply(&request, "pong"));
        conn.expect_disconnect();
    });
    mqpub(broker.port(), "--request -t t -m ping")
        .run()
        .expect(0, "pong\n", "");
    broker.finish();
}

#[test]
fn replies_come_where_the_broker_says_that_they_belong() {
    let asks = |connect: &packet::Connect| connect.properties.contains(&Prop::Byte(id::REQUEST_RESPONSE_INFO, 1));
    for (words, stdin, filter) in [
        ("-m ping", "", "for/me/ID/1"),
        ("-l", "ping\n", "for/me/ID/+"),
        ("-m {response} --template", "", "for/me/ID/1"),
    ] {
        let broker = play(move |conn| {
            let said = Prop::Text(id::RESPONSE_INFO, "for/me/".into());
            assert!(asks(&conn.accept_connect_with(false, &[said])));
            let subscribe = conn.serve_subscribe(&[0]);
            let request = conn.expect_publish();
            let (topic, data) = address(&request);
            let id = topic.strip_prefix("for/me/").unwrap().strip_suffix("/1").unwrap();
            assert_eq!(subscribe.filters[0].0, filter.replace("ID", id));
            assert_eq!(data, format!("{id}-1").as_bytes());
            if words.contains("response") {
                assert_eq!(request.payload, topic.as_bytes());
            }
            conn.publish(&reply(&request, "pong"));
            conn.expect_disconnect();
        });
        let ended = mqpub(broker.port(), &format!("--request -t t {words}"))
            .stdin(stdin)
            .run();
        ended.expect(0, "pong\n", "");
        broker.finish();
    }
    // Not asked for where the user has said where, or what to ask; nor before MQTT 5.
    for words in ["-e r", "-D connect request-response-information 0", "-V 311"] {
        let broker = play(move |conn| {
            let named = words.starts_with("-e");
            let said = Prop::Text(id::RESPONSE_INFO, "for/me/".into());
            let said = if named { &[said][..] } else { &[] };
            assert!(!asks(&conn.accept_connect_with(false, said)));
            let filter = conn.serve_subscribe(&[0]).filters[0].0.clone();
            assert!(
                filter == "r" || (!named && filter.starts_with("mqpub/reply/")),
                "{filter}"
            );
            conn.expect_publish();
            conn.publish(&Publish::new(&filter, "pong"));
            conn.until_eof();
        });
        let ended = mqpub(broker.port(), &format!("--request -t t -m ping {words}")).run();
        ended.expect(0, "pong\n", "");
        broker.finish();
    }
}

#[test]
fn what_was_said_first_stays_after_a_loss() {
    let said = |text: &str| vec![Prop::Text(id::RESPONSE_INFO, text.into())];
    let serve = |conn: &mut Conn, said: Vec<Prop>| {
        conn.accept_connect_with(false, &said);
        let filter = conn.serve_subscribe(&[0]).filters[0].0.clone();
        assert!(filter.starts_with("one/"), "{filter}");
        conn.expect_publish()
    };
    let broker = Broker::start_many(vec![
        script(move |conn| {
            let request = serve(conn, said("one"));
            conn.ack(&request);
            conn.close();
        }),
        script(move |conn| {
            let request = serve(conn, said("two"));
            assert!(address(&request).0.starts_with("one/"), "{request:?}");
            conn.ack(&request);
            conn.publish(&reply(&request, "pong"));
            conn.until_eof();
        }),
    ]);
    let ended = mqpub(broker.port(), "--request -q 1 -t t -l").stdin("ping\n").run();
    ended.expect(0, "pong\n", Satisfies(&|_| true));
    broker.finish();
}

#[test]
fn only_the_reply_is_a_reply() {
    let broker = play(|conn| {
        welcome(conn);
        let request = conn.expect_publish();
        let (topic, data) = address(&request);
        conn.publish(&Publish::new(&topic, "somebody's").with(&[Prop::Binary(9, b"x".to_vec())]));
        conn.publish(&reply(&request, "old").retained());
        conn.publish(&Publish::new("other", "other").with(&[Prop::Binary(9, data)]));
        conn.publish(&reply(&request, "good"));
        conn.publish(&reply(&request, "again"));
        conn.until_eof();
    });
    mqpub(broker.port(), "--request -t t -m ping")
        .run()
        .expect(0, "good\n", "");
}

#[test]
fn without_correlation_data_the_topic_tells() {
    let broker = play(|conn| {
        welcome(conn);
        let request = conn.expect_publish();
        conn.publish(&Publish::new(&address(&request).0, "plain"));
        conn.until_eof();
    });
    mqpub(broker.port(), "--request -t t -m ping")
        .run()
        .expect(0, "plain\n", "");
    // On a topic of the user's, it tells of one request, and of several it does not.
    let bare = |conn: &mut Conn, count: usize| {
        assert_eq!(welcome(conn), "re");
        // As long as the second has not been sent, the first is the only one.
        for _ in 0..count {
            conn.expect_publish();
        }
        for _ in 0..count {
            conn.queue(Publish::new("re", "plain").encode(conn.version()));
        }
        conn.until_eof();
    };
    let broker = play(move |conn| bare(conn, 1));
    mqpub(broker.port(), "--request -e re -t t -m ping")
        .run()
        .expect(0, "plain\n", "");
    let broker = play(move |conn| bare(conn, 2));
    let two = mqpub(broker.port(), "--request -e re -t t -l --idle 1").stdin("1\n2\n");
    let words = ["2 requests, 0 answered, 2 not answered", "without correlation data"];
    two.run().expect(27, "", Contains(&words));
}

#[test]
fn each_reply_goes_to_its_own_request_in_any_order() {
    let broker = play(|conn| {
        assert!(welcome(conn).ends_with("/+"));
        let requests: Vec<Publish> = (0..3).map(|_| conn.expect_publish()).collect();
        for request in requests.iter().rev() {
            let text = String::from_utf8_lossy(&request.payload).to_uppercase();
            conn.publish(&reply(request, &text));
        }
        conn.until_eof();
    });
    let ended = mqpub(broker.port(), "--request -t t -l --reply-json")
        .stdin("a\nb\nc\n")
        .run();
    let text = ended.expect(0, Satisfies(&|_| true), "").stdout_text().to_owned();
    let records: Vec<serde_json::Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let told: Vec<(u64, &str)> = records
        .iter()
        .map(|record| (record["request"].as_u64().unwrap(), record["payload"].as_str().unwrap()))
        .collect();
    assert_eq!(told, [(3, "C"), (2, "B"), (1, "A")]);
    assert!(records.iter().all(|record| record["latency"].as_f64().unwrap() > 0.0));
}

#[test]
fn no_more_requests_wait_than_may() {
    let broker = play(|conn| {
        welcome(conn);
        for _ in 0..4 {
            let pair = [conn.expect_publish(), conn.expect_publish()];
            std::thread::sleep(A_WHILE / 4);
            let sent = conn.received().iter().filter(|packet| packet.kind() == PUBLISH).count();
            assert!(sent % 2 == 0, "the third waits: {sent}");
            for request in &pair {
                conn.queue(reply(request, "x").encode(conn.version()));
            }
        }
        conn.until_eof();
    });
    let lines = "x\n".repeat(8);
    let tool = mqpub(broker.port(), "--request -t t -l --max-requests 2").stdin(lines);
    tool.run().expect(0, "x\n".repeat(8).as_str(), "");
    broker.finish();
}

#[test]
fn several_replies_to_one_request() {
    let three = |conn: &mut Conn| {
        welcome(conn);
        let request = conn.expect_publish();
        for text in ["1", "2", "3"] {
            conn.queue(reply(&request, text).encode(conn.version()));
        }
        conn.until_eof();
    };
    for (words, status, stdout, stderr) in [
        ("", 0, "1\n", ""),
        ("-C 2", 0, "1\n2\n", ""),
        ("--idle 1", 0, "1\n2\n3\n", ""),
        (
            "-C 4 --idle 1",
            27,
            "1\n2\n3\n",
            "mqpub: error: 1 request, 0 answered, 1 not answered\n",
        ),
    ] {
        let broker = Broker::start(three);
        let tool = mqpub(broker.port(), &format!("--request -t t -m x {words}"));
        tool.run().expect(status, stdout, stderr);
    }
}

#[test]
fn a_reply_that_comes_too_late_is_none() {
    let broker = play(|conn| {
        welcome(conn);
        let first = conn.expect_publish();
        // The second one is sent when the first is given up.
        let second = conn.expect_publish();
        conn.publish(&reply(&first, "late"));
        conn.publish(&reply(&second, "in time"));
        conn.until_eof();
    });
    let tool = mqpub(broker.port(), "--request -t t -l --max-requests 1 --idle 1").stdin("1\n2\n");
    let words = "mqpub: error: 2 requests, 1 answered, 1 not answered\n";
    tool.run().expect(27, "in time\n", words);
    broker.finish();
}

#[test]
fn without_any_reply_the_status_is_27() {
    let broker = Broker::start(|conn: &mut Conn| {
        welcome(conn);
        let request = conn.expect_publish();
        if request.qos == 1 {
            conn.send(packet::ack_with(PUBACK, request.mid, 0x10, &[]));
        }
        conn.until_eof();
    });
    let timed_out = "mqpub: error: 1 request, 0 answered, 1 not answered: timed out\n";
    mqpub(broker.port(), "--request -t t -m x -W 1.5")
        .run()
        .expect(27, "", timed_out);
    let hint = ["1 not answered", "hint: the broker says that nobody subscribes"];
    mqpub(broker.port(), "--request -q 1 -t t -m x --idle 1")
        .run()
        .expect(27, "", Contains(&hint));
}

#[test]
fn what_the_broker_refuses_is_told() {
    let broker = play(|conn| {
        conn.accept_connect();
        conn.serve_subscribe(&[0x87]);
        conn.until_eof();
    });
    let ended = mqpub(broker.port(), "--request -t t -m x -e re").run();
    ended.expect(4, "", Contains(&["subscription to 're' refused: not authorised"]));
    let packets = broker.finish().concat();
    assert_eq!(kinds(&packets), ["CONNECT", "SUBSCRIBE", "DISCONNECT"]);

    let broker = play(|conn| {
        welcome(conn);
        let request = conn.expect_publish();
        conn.send(packet::ack_with(PUBACK, request.mid, 0x87, &[]));
        answer_one(conn);
        conn.until_eof();
    });
    let tool = mqpub(broker.port(), "--request -q 1 -t t -l --keep-going --max-requests 1").stdin("1\n2\n");
    let words = [
        "message refused by the broker",
        "error: 2 requests, 1 answered, 1 refused",
    ];
    tool.run().expect(4, "pong\n", Contains(&words));
}

#[test]
fn before_mqtt_5_the_template_says_where_the_reply_goes() {
    let broker = play(|conn| {
        assert!(welcome(conn).ends_with("/+"));
        let requests: Vec<Publish> = (0..2).map(|_| conn.expect_publish()).collect();
        for request in requests.iter().rev() {
            let text = String::from_utf8(request.payload.clone()).unwrap();
            let (topic, rest) = text.split_once(' ').unwrap();
            conn.publish(&Publish::new(topic, format!("{rest}!")));
        }
        conn.until_eof();
    });
    let tool = mqpub(broker.port(), "--request -V 311 -t t -l --template")
        .args(["-m", "{response} {payload}"])
        .stdin("a\nb\n");
    tool.run().expect(0, "b!\na!\n", "");
    // Where all replies come to one topic, nothing tells them apart but their turn.
    let broker = play(|conn| {
        assert_eq!(welcome(conn), "re");
        for text in ["1", "2"] {
            assert_eq!(conn.expect_publish().payload, text.as_bytes());
            conn.publish(&Publish::new("re", text));
        }
        conn.until_eof();
    });
    let tool = mqpub(broker.port(), "--request -V 311 -t t -e re -l").stdin("1\n2\n");
    tool.run().expect(0, "1\n2\n", "");
}

#[test]
fn after_a_loss_the_level_decides_what_is_sent_again() {
    for (qos, session, again) in [(0, false, false), (1, false, true), (1, true, false), (2, true, false)] {
        let first = script(move |conn: &mut Conn| {
            welcome(conn);
            let request = conn.expect_publish();
            conn.ack(&request);
            // Something else is answered: the broker has the first one.
            let second = conn.expect_publish();
            conn.ack(&second);
            conn.publish(&reply(&second, "second"));
            // A reset could take the reply with it.
            conn.close();
        });
        let second = script(move |conn: &mut Conn| {
            conn.accept_connect_with(session, &[]);
            if !session {
                let subscribe = conn.expect(SUBSCRIBE);
                let mid = u16::from_be_bytes([subscribe.body[0], subscribe.body[1]]);
                conn.send(packet::suback(conn.version(), mid, &[0], &[]));
            }
            if again {
                answer_one(conn);
            }
            conn.until_eof();
        });
        // At QoS 0 there is nothing left to come back for.
        let scripts = if qos == 0 { vec![first] } else { vec![first, second] };
        let broker = Broker::start_many(scripts);
        let words = format!("--request -q {qos} -t t -l --idle 2");
        let words = if again { format!("{words} -C 1") } else { words };
        let ended = mqpub(broker.port(), &words).stdin("1\n2\n").run();
        let connections = broker.finish();
        let sent = connections
            .get(1)
            .is_some_and(|packets| packets.iter().any(|packet| packet.kind() == PUBLISH));
        assert_eq!(sent, again, "QoS {qos}, session {session}");
        if again {
            ended.expect(
                0,
                "second\npong\n",
                Contains(&["1 request is sent again", "connected again"]),
            );
        } else if qos == 0 {
            let told = ["1 request not answered: at QoS 0 none is sent twice"];
            ended.expect(27, "second\n", Contains(&told));
        } else {
            ended.expect(27, "second\n", Contains(&["2 requests, 1 answered, 1 not answered"]));
        }
    }
}

#[test]
fn a_signal_ends_the_waiting_at_once() {
    let broker = play(|conn| {
        welcome(conn);
        conn.expect_publish();
        conn.expect_disconnect();
    });
    let tool = mqpub(broker.port(), "--request -t t -m x -d").spawn();
    tool.wait_stderr_contains("sending PUBLISH");
    tool.signal(Signal::INT);
    tool.wait().expect(
        Signal::INT,
        "",
        Contains(&["warning: 1 request, 0 answered, 1 not answered"]),
    );
    broker.finish();
}

#[test]
fn output_that_cannot_be_written_ends_the_run() {
    let answers = |conn: &mut Conn| {
        welcome(conn);
        answer_one(conn);
        conn.until_eof();
    };
    let broker = Broker::start(answers);
    let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
    let tool = mqpub(broker.port(), "--request -t t -m x").stdout_to(full);
    tool.run()
        .expect(1, "", Contains(&["cannot write to stdout: no space left"]));
    let broker = Broker::start(|conn: &mut Conn| drop(conn.until_eof()));
    let mut tool = mqpub(broker.port(), "--request -t t -m x").spawn();
    tool.close_stdout();
    tool.wait().expect(0, "", "");
}

#[test]
fn a_record_with_an_address_of_its_own_is_no_request() {
    let broker = Broker::start(|conn: &mut Conn| {
        welcome(conn);
        answer_one(conn);
        conn.until_eof();
    });
    let records = "{\"topic\":\"t\",\"properties\":{\"response-topic\":\"x\"}}\n{\"topic\":\"t\"}\n";
    let tool = mqpub(broker.port(), "--request --json --keep-going").stdin(records);
    let words = ["line 1: it has a response-topic of its own", "1 line was no request"];
    tool.run().expect(1, "pong\n", Contains(&words));
}

#[test]
fn what_stands_behind_a_bad_record_is_told_as_not_sent() {
    let broker = Broker::start(|conn: &mut Conn| {
        welcome(conn);
        answer_one(conn);
        conn.until_eof();
    });
    let records = "{\"topic\":\"t\"}\nbad\n{\"topic\":\"t\"}\n";
    let tool = mqpub(broker.port(), "--request --json").stdin(records);
    let words = ["2 requests, 1 answered, 1 not sent: line 2: it is not a JSON object"];
    tool.run().expect(1, "pong\n", Contains(&words));
}

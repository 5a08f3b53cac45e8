//! mqsub lasts: it comes back after a loss and subscribes again. And it ends in
//! good order when it has to: refused, without a reader, by a signal.

use std::sync::mpsc;
use std::time::Instant;

use rustix::process::Signal;

use super::subscribed;
use crate::support::broker::{Broker, Conn, Script, script};
use crate::support::mosquitto;
use crate::support::packet::{Prop, Publish, Version, disconnect, id, suback};
use crate::support::runner::{Contains, Satisfies};
use crate::tools::{AT_ONCE, End, kinds, mqsub, play};

/// Serves a client with one message, and ends its connection by `end`.
fn serve(payload: &'static str, end: End) -> Script {
    script(move |conn| {
        subscribed(conn);
        conn.publish(&Publish::new("t", payload));
        end(conn);
    })
}

#[test]
fn a_lost_connection_comes_back_with_its_subscriptions() {
    // A reset could take the message with it.
    let scripts = vec![
        serve("a", Conn::close),
        serve("b", Conn::close),
        serve("c", |conn| drop(conn.until_eof())),
    ];
    let broker = Broker::start_many(scripts);
    let lost = format!(
        "mqsub: connection to 127.0.0.1:{} lost: the broker closed it; trying again\n",
        broker.port()
    );
    let words = format!("{lost}mqsub: connected again\n").repeat(2);
    let tool = mqsub(broker.port(), "-t t -t u/# -q 1 -C 3");
    tool.run().expect(0, "a\nb\nc\n", words);
    let connections = broker.finish();
    for packets in &connections {
        assert_eq!(packets[1], connections[0][1], "the same SUBSCRIBE each time");
    }
}

#[test]
fn a_session_that_the_broker_has_lost_is_told() {
    let broker = Broker::start_many(vec![serve("a", Conn::close), serve("b", |conn| drop(conn.until_eof()))]);
    let port = broker.port();
    let words = format!(
        "mqsub: connection to 127.0.0.1:{port} lost: the broker closed it; trying again\n\
         mqsub: connected again, but the broker has not kept the session: messages may be missing\n"
    );
    let tool = mqsub(port, "-t t -q 1 -c -i i -C 2");
    tool.run().expect(0, "a\nb\n", words);
}

#[test]
fn a_connection_lost_before_the_subscription_is_granted_comes_back_too() {
    for _ in 0..10 {
        let scripts = vec![
            script(|conn| drop(conn.accept_connect())),
            script(|conn| {
                conn.accept_connect();
                conn.expect_subscribe();
            }),
            serve("a", |conn| drop(conn.until_eof())),
        ];
        let broker = Broker::start_many(scripts);
        let words = Contains(&["lost: the broker closed it; trying again\n", "connected again\n"]);
        mqsub(broker.port(), "-t t -C 1").run().expect(0, "a\n", words);
    }
}

#[test]
fn without_reconnecting_a_lost_connection_is_the_end() {
    for (end, why) in [
        (Conn::close as End, "the broker closed it"),
        (Conn::reset, "connection reset by peer"),
    ] {
        let broker = play(move |conn| {
            subscribed(conn);
            end(conn);
        });
        let error = format!("mqsub: error: connection to 127.0.0.1:{} lost: {why}\n", broker.port());
        mqsub(broker.port(), "-t t --no-reconnect").run().expect(5, "", error);
    }
}

#[test]
fn a_session_that_another_client_took_over_is_not_taken_back() {
    let broker = play(|conn| {
        subscribed(conn);
        conn.send(disconnect(0x8e, &[]));
    });
    let tool = mqsub(broker.port(), "-t t -V 5 -i me");
    tool.run()
        .expect(5, "", Contains(&["session taken over", "mqsub: hint: ", "-i"]));
}

#[test]
fn a_refused_subscription_is_told_by_its_filter() {
    let by_version: [(Version, u8, Vec<Prop>, &str); 4] = [
        (Version::V31, 0x80, vec![], " by the broker"),
        (Version::V311, 0x80, vec![], " by the broker"),
        (Version::V5, 0x87, vec![], ": not authorised"),
        (
            Version::V5,
            0x8f,
            vec![Prop::text(id::REASON_STRING, "house rule")],
            ": topic filter invalid (house rule)",
        ),
    ];
    for (version, code, props, why) in by_version {
        // Alone, first, last.
        for filters in [vec!["bad/#"], vec!["bad/#", "good"], vec!["good", "also", "bad/#"]] {
            let codes: Vec<u8> = filters
                .iter()
                .map(|filter| if *filter == "bad/#" { code } else { 0 })
                .collect();
            let alone = filters.len() == 1;
            let props = props.clone();
            let broker = play(move |conn| {
                conn.accept_connect();
                let subscribe = conn.expect_subscribe();
                conn.send(suback(version, subscribe.mid, &codes, &props));
                conn.publish(&Publish::new("good", "x"));
                conn.until_eof();
            });
            let mut tool = mqsub(broker.port(), &format!("-V {} -C 1", version.flag()));
            for filter in filters {
                tool = tool.args(["-t", filter]);
            }
            if alone {
                let error = format!("mqsub: error: subscription to 'bad/#' refused{why}\n");
                tool.run().expect(4, Satisfies(&|_| true), error);
            } else {
                let warning = format!("mqsub: warning: subscription to 'bad/#' refused{why}\n");
                tool.run().expect(4, "x\n", warning);
            }
        }
    }
}

#[test]
fn all_that_are_refused_are_named() {
    let broker = play(|conn| {
        conn.accept_connect();
        conn.serve_subscribe(&[0x80, 0x80]);
        conn.expect_disconnect();
    });
    let words = "mqsub: warning: subscription to 'a' refused by the broker\n\
                 mqsub: error: subscription to 'b' refused by the broker\n";
    mqsub(broker.port(), "-t a -t b").run().expect(4, "", words);
}

#[test]
fn a_real_broker_refuses_too() {
    let port = mosquitto::shared().restricted();
    // MQTT 3.1 has no way to refuse a subscription.
    for version in [Version::V311, Version::V5] {
        let words = format!("-t secret/plan -V {}", version.flag());
        let error = Contains(&["mqsub: error: subscription to 'secret/plan' refused"]);
        mqsub(port, &words).run().expect(4, "", error);
        let words = format!("-t open -t secret/plan -V {} -E", version.flag());
        let warning = Contains(&["mqsub: warning: subscription to 'secret/plan' refused"]);
        mqsub(port, &words).run().expect(4, "", warning);
    }
}

#[test]
fn a_reader_that_leaves_ends_it_at_once_though_no_message_comes() {
    let (ready, go_on) = mpsc::channel();
    let broker = play(move |conn| {
        subscribed(conn);
        ready.send(()).unwrap();
        conn.until_eof();
    });
    let mut tool = mqsub(broker.port(), "-t t").spawn();
    go_on.recv().unwrap();
    let start = Instant::now();
    tool.close_stdout();
    tool.wait().expect(0, "", "");
    assert!(start.elapsed() < AT_ONCE);
    assert_eq!(kinds(&broker.finish()[0]), ["CONNECT", "SUBSCRIBE", "DISCONNECT"]);
}

#[test]
fn a_reader_that_leaves_early_is_no_failure_though_messages_keep_coming() {
    let broker = play(|conn| {
        subscribed(conn);
        let message = Publish::new("t", "x".repeat(1000)).encode(conn.version());
        // For as long as the client is there.
        while conn.flush().is_ok() && conn.received().len() < 3 {
            conn.queue(message.repeat(100));
        }
    });
    let mut tool = mqsub(broker.port(), "-t t").spawn();
    tool.read_line(AT_ONCE);
    tool.close_stdout();
    tool.wait().expect(0, Satisfies(&|_| true), "");
}

#[test]
fn a_signal_ends_it_with_a_disconnect_and_by_that_signal() {
    for signal in [Signal::INT, Signal::TERM, Signal::HUP] {
        let (ready, go_on) = mpsc::channel();
        let broker = play(move |conn| {
            subscribed(conn);
            conn.publish(&Publish::new("t", "x"));
            ready.send(()).unwrap();
            conn.until_eof();
        });
        let tool = mqsub(broker.port(), "-t t").spawn();
        go_on.recv().unwrap();
        assert_eq!(tool.read_line(AT_ONCE), b"x\n");
        tool.signal(signal);
        tool.wait().expect(signal, "", "");
        assert_eq!(kinds(&broker.finish()[0]).last(), Some(&"DISCONNECT"));
    }
}

#[test]
fn a_signal_ends_it_also_while_its_reader_sleeps() {
    let (ready, go_on) = mpsc::channel();
    let broker = play(move |conn| {
        subscribed(conn);
        let message = Publish::new("t", "x".repeat(1000)).encode(conn.version());
        conn.queue(message.repeat(1000));
        conn.flush().unwrap();
        ready.send(()).unwrap();
        conn.until_eof();
    });
    // Nobody reads the other end.
    let (_reader, writer) = std::io::pipe().unwrap();
    let tool = mqsub(broker.port(), "-t t").stdout_to(writer).spawn();
    go_on.recv().unwrap();
    tool.signal(Signal::TERM);
    tool.wait().expect(Signal::TERM, "", "");
}

#[test]
fn a_connection_that_does_not_come_back_in_time_is_status_5() {
    let broker = play(|conn| drop(subscribed(conn)));
    let tool = mqsub(broker.port(), "-t t --retry-for 300ms");
    let error = Contains(&["mqsub: error: connection lost for good: cannot connect to 127.0.0.1:"]);
    tool.run().expect(5, "", error);
}

#[test]
fn a_quiet_run_says_nothing_of_an_outage() {
    let scripts = vec![serve("a", Conn::close), serve("b", |conn| drop(conn.until_eof()))];
    let broker = Broker::start_many(scripts);
    mqsub(broker.port(), "-t t -C 2 --quiet").run().expect(0, "a\nb\n", "");
}

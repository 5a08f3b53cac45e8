//! Scripts that many tests can use as they are.
//!
//! What is special to a test is written in the test, with [`Conn`].

use std::collections::HashSet;
use std::sync::{Arc, Condvar, Mutex};

use super::Conn;
use crate::support::DEADLINE;
use crate::support::packet::{
    self, PINGREQ, PUBACK, PUBCOMP, PUBLISH, PUBREC, PUBREL, Prop, Publish, SUBSCRIBE, Subscribe, UNSUBSCRIBE, id,
};

/// A list of payloads that scripts fill while the test watches.
#[derive(Clone, Default)]
pub struct Inbox(Arc<(Mutex<Vec<Vec<u8>>>, Condvar)>);

impl Inbox {
    /// Adds a payload.
    pub fn push(&self, payload: Vec<u8>) {
        self.0.0.lock().unwrap().push(payload);
        self.0.1.notify_all();
    }

    /// What has come so far.
    pub fn payloads(&self) -> Vec<Vec<u8>> {
        self.0.0.lock().unwrap().clone()
    }

    /// Waits until there are at least `count` payloads, and returns all.
    #[track_caller]
    pub fn wait_for(&self, count: usize) -> Vec<Vec<u8>> {
        let lacks = |payloads: &mut Vec<Vec<u8>>| payloads.len() < count;
        let payloads = self.0.0.lock().unwrap();
        let (payloads, timeout) = self.0.1.wait_timeout_while(payloads, DEADLINE, lacks).unwrap();
        let came = payloads.len();
        assert!(!timeout.timed_out(), "of {count} payloads {came} came");
        payloads.clone()
    }
}

/// A script that accepts all that a client does, until it ends the connection,
/// and puts the payloads into `inbox`. Answers to what comes in one piece go
/// out in one piece.
pub fn sink(inbox: &Inbox) -> impl Fn(&mut Conn) + Send + Sync + 'static {
    let inbox = inbox.clone();
    move |conn| {
        conn.accept_connect();
        let version = conn.version();
        let mut unreleased = HashSet::new();
        while let Some(packet) = conn.next_packet() {
            match packet.kind() {
                PUBLISH => {
                    let publish = Publish::parse(&packet, version);
                    conn.queue_ack(&publish);
                    if publish.qos < 2 || unreleased.insert(publish.mid) {
                        inbox.push(publish.payload);
                    }
                }
                PUBREL => {
                    let mid = packet::Answer::parse(&packet, version).mid;
                    unreleased.remove(&mid);
                    conn.queue(packet::ack(PUBCOMP, mid));
                }
                SUBSCRIBE => {
                    let subscribe = Subscribe::parse(&packet, version);
                    let granted = granted(&subscribe);
                    conn.queue(packet::suback(version, subscribe.mid, &granted, &[]));
                }
                UNSUBSCRIBE => {
                    let unsubscribe = Subscribe::parse(&packet, version);
                    let codes = vec![0; unsubscribe.filters.len()];
                    conn.queue(packet::unsuback(version, unsubscribe.mid, &codes, &[]));
                }
                PINGREQ => conn.queue(packet::pingresp()),
                _ => {}
            }
        }
    }
}

/// A script that accepts a subscription and sends `count` messages with this
/// topic and `QoS`, each exchange to its end, and as many at a time as the client
/// allows, up to 1000. It ends when the client ends the connection, be that
/// before all is sent.
pub fn source(
    topic: &str,
    count: usize,
    qos: u8,
    payload: impl Fn(usize) -> Vec<u8> + Send + Sync + 'static,
) -> impl Fn(&mut Conn) + Send + Sync + 'static {
    let topic = topic.to_owned();
    move |conn| {
        let connect = conn.accept_connect();
        let subscribe = conn.expect_subscribe();
        let granted = granted(&subscribe);
        conn.queue(packet::suback(conn.version(), subscribe.mid, &granted, &[]));
        let window = receive_maximum(&connect.properties).min(1000);
        let (mut sent, mut done) = (0, 0);
        while done < count {
            while sent < count && (qos == 0 || sent - done < window) {
                let mid = u16::try_from(sent % 65_535 + 1).unwrap();
                let publish = Publish::new(&topic, payload(sent)).qos(qos, mid);
                conn.queue(publish.encode(conn.version()));
                sent += 1;
                if sent % 100 == 0 && conn.flush().is_err() {
                    break;
                }
            }
            if qos == 0 {
                break;
            }
            let Some(packet) = conn.next_packet() else {
                return;
            };
            match packet.kind() {
                PUBACK | PUBCOMP => done += 1,
                PUBREC => {
                    let mid = packet::Answer::parse(&packet, conn.version()).mid;
                    conn.queue(packet::ack(PUBREL, mid));
                }
                PINGREQ => conn.queue(packet::pingresp()),
                _ => {}
            }
        }
        conn.until_eof();
    }
}

/// The `QoS` that each filter of a SUBSCRIBE asks for.
fn granted(subscribe: &Subscribe) -> Vec<u8> {
    let filters = subscribe.filters.iter();
    filters.map(|(_, options)| options & 3).collect()
}

/// How many exchanges a client allows at a time.
fn receive_maximum(props: &[Prop]) -> usize {
    let found = props.iter().find_map(|prop| match prop {
        Prop::Two(id::RECEIVE_MAXIMUM, value) => Some(usize::from(*value)),
        _ => None,
    });
    found.unwrap_or(65_535)
}

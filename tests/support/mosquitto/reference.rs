//! Reference clients over plain TCP, written with the tests' own codec: who
//! publishes what a tool receives, and who receives what a tool publishes.
//!
//! They do no more than that: no reconnecting, no keeping alive.

use std::collections::VecDeque;
use std::io::{self, BufReader, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::time::{Duration, Instant};

use crate::support::packet::{
    self, Answer, CONNACK, Connect, PUBACK, PUBCOMP, PUBLISH, PUBREC, PUBREL, Packet, Prop, Publish, SUBACK, Subscribe,
    Version, read_packet,
};
use crate::support::{DEADLINE, unique_topic};

/// A connection to a broker.
struct Link {
    input: BufReader<TcpStream>,
    version: Version,
}

impl Link {
    fn connect(port: u16, connect: &Connect) -> Self {
        let socket = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).expect("a broker");
        socket.set_nodelay(true).unwrap();
        socket.set_write_timeout(Some(DEADLINE)).unwrap();
        let mut link = Self {
            input: BufReader::new(socket),
            version: connect.version(),
        };
        link.send(&connect.encode());
        let answer = link.read();
        assert_eq!(answer.kind(), CONNACK, "{answer:?}");
        let code = link.answer(&answer).codes[0];
        assert_eq!(code, 0, "the broker refuses the connection");
        link
    }

    fn send(&mut self, bytes: &[u8]) {
        self.input.get_mut().write_all(bytes).expect("a broker");
    }

    fn read(&mut self) -> Packet {
        let packet = self.read_until(Instant::now() + DEADLINE);
        packet.expect("a packet from the broker in time")
    }

    /// The next packet, if it comes before `until`.
    fn read_until(&mut self, until: Instant) -> Option<Packet> {
        if self.input.buffer().is_empty() {
            let left = until.checked_duration_since(Instant::now())?;
            let left = left.max(Duration::from_millis(1));
            self.input.get_ref().set_read_timeout(Some(left)).unwrap();
        }
        match read_packet(&mut self.input) {
            Ok(packet) => Some(packet),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => None,
            Err(error) => panic!("cannot read from the broker: {error}"),
        }
    }

    fn answer(&self, packet: &Packet) -> Answer {
        Answer::parse(packet, self.version)
    }
}

/// A client that publishes.
pub struct Publisher {
    link: Link,
    mid: u16,
}

impl Publisher {
    /// Connects without a name.
    pub fn connect(port: u16, version: Version) -> Self {
        Self::connect_as(port, &Connect::new(version, &client_id()))
    }

    /// Connects with this CONNECT.
    pub fn connect_as(port: u16, connect: &Connect) -> Self {
        let link = Link::connect(port, connect);
        Self { link, mid: 0 }
    }

    /// Publishes a message, and returns when the exchange that its `QoS` asks for
    /// is at its end. Panics if the broker refuses the message.
    pub fn publish(&mut self, topic: &str, payload: impl AsRef<[u8]>, qos: u8, retain: bool, props: &[Prop]) {
        self.mid = self.mid % u16::MAX + 1;
        let mut publish = Publish::new(topic, payload).with(props).qos(qos, self.mid);
        publish.retain = retain;
        self.link.send(&publish.encode(self.link.version));
        match qos {
            0 => {}
            1 => self.expect(PUBACK),
            _ => {
                self.expect(PUBREC);
                self.link.send(&packet::ack(PUBREL, self.mid));
                self.expect(PUBCOMP);
            }
        }
    }

    fn expect(&mut self, kind: u8) {
        let packet = self.link.read();
        assert_eq!(packet.kind(), kind, "{packet:?}");
        let answer = self.link.answer(&packet);
        assert_eq!(answer.mid, self.mid, "{answer:?}");
        assert!(answer.codes[0] < 0x80, "refused: {answer:?}");
    }
}

/// A client that has subscribed.
pub struct Subscriber {
    link: Link,
    /// Messages that came before they were asked for.
    early: VecDeque<Publish>,
}

impl Subscriber {
    /// Connects without a name and subscribes. What is published after this
    /// has returned is delivered.
    pub fn connect(port: u16, version: Version, filter: &str, qos: u8) -> Self {
        Self::connect_as(port, &Connect::new(version, &client_id()), filter, qos)
    }

    /// The same with this CONNECT.
    pub fn connect_as(port: u16, connect: &Connect, filter: &str, qos: u8) -> Self {
        let mut link = Link::connect(port, connect);
        let subscribe = Subscribe {
            mid: 1,
            filters: vec![(filter.to_owned(), qos)],
            properties: Vec::new(),
        };
        link.send(&subscribe.encode(link.version));
        let mut subscriber = Self {
            link,
            early: VecDeque::new(),
        };
        // A session that was there before can have messages that come first.
        let answer = loop {
            let packet = subscriber.link.read();
            if packet.kind() == SUBACK {
                break subscriber.link.answer(&packet);
            }
            let message = subscriber.serve(&packet);
            subscriber.early.extend(message);
        };
        assert_eq!(answer.codes, [qos], "the broker refuses {filter}");
        subscriber
    }

    /// The next message. It is acknowledged.
    #[track_caller]
    pub fn next(&mut self) -> Publish {
        let message = self.next_until(Instant::now() + DEADLINE);
        message.expect("a message in time")
    }

    /// The next message, if it comes before `until`. It is acknowledged.
    pub fn next_until(&mut self, until: Instant) -> Option<Publish> {
        if let Some(message) = self.early.pop_front() {
            return Some(message);
        }
        loop {
            let packet = self.link.read_until(until)?;
            if let Some(message) = self.serve(&packet) {
                return Some(message);
            }
        }
    }

    /// The next `count` messages, which have to come before `deadline` is over.
    #[track_caller]
    pub fn collect(&mut self, count: usize, deadline: Duration) -> Vec<Publish> {
        let until = Instant::now() + deadline;
        let mut messages = Vec::new();
        while messages.len() < count {
            let message = self.next_until(until);
            let came = messages.len();
            let Some(message) = message else {
                panic!("of {count} messages {came} came");
            };
            messages.push(message);
        }
        messages
    }

    /// Answers a packet, and returns the message that it brings.
    fn serve(&mut self, packet: &Packet) -> Option<Publish> {
        match packet.kind() {
            PUBLISH => {
                let message = Publish::parse(packet, self.link.version);
                match message.qos {
                    0 => {}
                    1 => self.link.send(&packet::ack(PUBACK, message.mid)),
                    _ => self.link.send(&packet::ack(PUBREC, message.mid)),
                }
                Some(message)
            }
            PUBREL => {
                let mid = self.link.answer(packet).mid;
                self.link.send(&packet::ack(PUBCOMP, mid));
                None
            }
            _ => panic!("unexpected: {packet:?}"),
        }
    }
}

/// A name that no other client has: version 3.1 asks for one.
fn client_id() -> String {
    unique_topic("ref").replace('/', "-")
}

//! One connection of the scripted broker: what a script does with a client.
//!
//! Every step that the client does not take as expected panics, and so does
//! one that takes longer than [`DEADLINE`]. Accepting connections and running
//! scripts is the work of [`broker`](super).

use std::collections::VecDeque;
use std::io::{self, BufReader, Write};
use std::net::{Shutdown, TcpStream};
use std::time::Instant;

use super::transport::{Acceptor, Stream, Upgrade};
use crate::support::packet::{
    self, Answer, CONNECT, Connect, DISCONNECT, PINGREQ, PUBACK, PUBCOMP, PUBLISH, PUBREC, PUBREL, Packet, Prop,
    Publish, SUBSCRIBE, Subscribe, UNSUBSCRIBE, Version,
};
use crate::support::{DEADLINE, reset_on_close};

/// A connection with a client.
pub struct Conn {
    /// `None` after the end.
    link: Option<Link>,
    version: Version,
    upgrade: Option<Upgrade>,
    /// Bytes to send before the next wait for the client.
    outbox: Vec<u8>,
    /// Packets that came while a script waited for another one.
    early: VecDeque<Packet>,
    received: Vec<Packet>,
}

struct Link {
    stream: BufReader<Box<dyn Stream>>,
    socket: TcpStream,
}

impl Conn {
    /// Does the handshakes of the transport.
    pub(super) fn new(socket: TcpStream, acceptor: &Acceptor) -> io::Result<Self> {
        socket.set_nodelay(true)?;
        socket.set_read_timeout(Some(DEADLINE))?;
        socket.set_write_timeout(Some(DEADLINE))?;
        let (stream, upgrade) = acceptor.accept(socket.try_clone()?)?;
        let stream = BufReader::with_capacity(64 * 1024, stream);
        Ok(Self {
            link: Some(Link { stream, socket }),
            version: Version::V311,
            upgrade,
            outbox: Vec::new(),
            early: VecDeque::new(),
            received: Vec::new(),
        })
    }

    /// The version of the client's CONNECT; 3.1.1 before it came.
    pub fn version(&self) -> Version {
        self.version
    }

    /// The request of a WebSocket client.
    pub fn upgrade(&self) -> Option<&Upgrade> {
        self.upgrade.as_ref()
    }

    /// The packets that have come so far.
    pub fn received(&self) -> &[Packet] {
        &self.received
    }

    /// Sends bytes.
    #[track_caller]
    pub fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.queue(bytes);
        self.flush().expect("a client that can be sent to");
    }

    /// Keeps bytes to be sent together, before the next wait for the client.
    pub fn queue(&mut self, bytes: impl AsRef<[u8]>) {
        self.outbox.extend_from_slice(bytes.as_ref());
    }

    /// Sends what [`queue`](Self::queue) kept. An error means that the client
    /// is gone.
    pub fn flush(&mut self) -> io::Result<()> {
        let link = self.link.as_mut().ok_or(io::ErrorKind::NotConnected)?;
        let outbox = std::mem::take(&mut self.outbox);
        if !outbox.is_empty() {
            link.stream.get_mut().write_all(&outbox)?;
            link.stream.get_mut().flush()?;
        }
        Ok(())
    }

    /// Waits for the next packet, also a PINGREQ. `None` if the client has
    /// closed or reset the connection.
    #[track_caller]
    pub fn next_packet(&mut self) -> Option<Packet> {
        if let Some(packet) = self.early.pop_front() {
            return Some(packet);
        }
        self.receive()
    }

    /// Waits for the next packet, also a PINGREQ.
    #[track_caller]
    pub fn read(&mut self) -> Packet {
        self.next_packet().expect("a packet, not the connection's end")
    }

    /// Waits for a packet of this type, which has to be the next one. A PINGREQ
    /// before it is answered.
    #[track_caller]
    pub fn expect(&mut self, kind: u8) -> Packet {
        loop {
            let packet = self.read();
            if packet.kind() == kind {
                return packet;
            }
            let name = packet::name(kind);
            assert!(packet.kind() == PINGREQ, "{name} should have come, not {packet:?}");
            self.queue(packet::pingresp());
        }
    }

    /// Waits for a CONNECT and speaks its version from then on.
    #[track_caller]
    pub fn expect_connect(&mut self) -> Connect {
        let connect = Connect::parse(&self.expect(CONNECT));
        self.version = connect.version();
        connect
    }

    /// Waits for a PUBLISH. It is not answered.
    #[track_caller]
    pub fn expect_publish(&mut self) -> Publish {
        Publish::parse(&self.expect(PUBLISH), self.version)
    }

    /// Waits for a SUBSCRIBE. It is not answered.
    #[track_caller]
    pub fn expect_subscribe(&mut self) -> Subscribe {
        Subscribe::parse(&self.expect(SUBSCRIBE), self.version)
    }

    /// Waits for an UNSUBSCRIBE. It is not answered.
    #[track_caller]
    pub fn expect_unsubscribe(&mut self) -> Subscribe {
        Subscribe::parse(&self.expect(UNSUBSCRIBE), self.version)
    }

    /// Waits for a DISCONNECT.
    #[track_caller]
    pub fn expect_disconnect(&mut self) -> Answer {
        Answer::parse(&self.expect(DISCONNECT), self.version)
    }

    /// Waits for the PUBACK, PUBREC, PUBREL or PUBCOMP of this message. Other
    /// packets may come before it: they are there for the next reads.
    #[track_caller]
    pub fn expect_ack(&mut self, kind: u8, mid: u16) -> Answer {
        let matches = |packet: &Packet| packet.kind() == kind && packet.body.starts_with(&mid.to_be_bytes());
        let packet = match self.early.iter().position(matches) {
            Some(index) => self.early.remove(index).unwrap(),
            None => loop {
                let packet = self.receive().expect("an answer, not the connection's end");
                if matches(&packet) {
                    break packet;
                }
                self.early.push_back(packet);
            },
        };
        Answer::parse(&packet, self.version)
    }

    /// Waits for the client to close or reset the connection, without a packet
    /// before that.
    #[track_caller]
    pub fn expect_eof(&mut self) {
        if let Some(packet) = self.next_packet() {
            panic!("the connection should have ended before {packet:?}");
        }
    }

    /// Takes whatever comes until the client ends the connection. A PINGREQ is
    /// answered.
    #[track_caller]
    pub fn until_eof(&mut self) -> Vec<Packet> {
        let mut packets = Vec::new();
        while let Some(packet) = self.next_packet() {
            if packet.kind() == PINGREQ {
                self.queue(packet::pingresp());
            }
            packets.push(packet);
        }
        packets
    }

    /// Accepts the client's CONNECT.
    #[track_caller]
    pub fn accept_connect(&mut self) -> Connect {
        self.accept_connect_with(false, &[])
    }

    /// Accepts the client's CONNECT with a session that is (not) there yet, and
    /// with properties for a client of version 5.
    #[track_caller]
    pub fn accept_connect_with(&mut self, session_present: bool, props: &[Prop]) -> Connect {
        let connect = self.expect_connect();
        self.send(packet::connack(self.version, session_present, 0, props));
        connect
    }

    /// Answers a SUBSCRIBE with one code for each filter.
    #[track_caller]
    pub fn serve_subscribe(&mut self, granted: &[u8]) -> Subscribe {
        let subscribe = self.expect_subscribe();
        assert_eq!(subscribe.filters.len(), granted.len(), "{subscribe:?}");
        self.send(packet::suback(self.version, subscribe.mid, granted, &[]));
        subscribe
    }

    /// Answers an UNSUBSCRIBE with one code for each filter, which only version
    /// 5 sends.
    #[track_caller]
    pub fn serve_unsubscribe(&mut self, codes: &[u8]) -> Subscribe {
        let unsubscribe = self.expect_unsubscribe();
        self.send(packet::unsuback(self.version, unsubscribe.mid, codes, &[]));
        unsubscribe
    }

    /// Does the receiver's part of the exchange that the message's `QoS` asks
    /// for, to its end.
    #[track_caller]
    pub fn ack(&mut self, publish: &Publish) {
        match publish.qos {
            0 => {}
            1 => self.send(packet::ack(PUBACK, publish.mid)),
            _ => {
                self.send(packet::ack(PUBREC, publish.mid));
                self.expect_ack(PUBREL, publish.mid);
                self.send(packet::ack(PUBCOMP, publish.mid));
            }
        }
    }

    /// Has the first answer leave that the message's `QoS` asks for, with what is
    /// queued.
    pub fn queue_ack(&mut self, publish: &Publish) {
        match publish.qos {
            0 => {}
            1 => self.queue(packet::ack(PUBACK, publish.mid)),
            _ => self.queue(packet::ack(PUBREC, publish.mid)),
        }
    }

    /// Sends a message. It is not waited for an answer.
    #[track_caller]
    pub fn publish(&mut self, publish: &Publish) {
        self.send(publish.encode(self.version));
    }

    /// Sends a message and does the sender's part of the exchange that its
    /// `QoS` asks for, to its end.
    #[track_caller]
    pub fn deliver(&mut self, publish: &Publish) {
        self.publish(publish);
        match publish.qos {
            0 => {}
            1 => drop(self.expect_ack(PUBACK, publish.mid)),
            _ => {
                self.expect_ack(PUBREC, publish.mid);
                self.send(packet::ack(PUBREL, publish.mid));
                self.expect_ack(PUBCOMP, publish.mid);
            }
        }
    }

    /// Resets the connection: the client gets an RST, and what it has not read
    /// yet may be lost.
    pub fn reset(&mut self) {
        if let Some(link) = self.link.take() {
            reset_on_close(&link.socket).unwrap();
        }
    }

    /// Closes the connection in order: the client gets all that was sent and
    /// the end, and what it still sends is received. This is also what happens
    /// after a script.
    pub fn close(&mut self) {
        if self.flush().is_err() {
            self.link = None;
        }
        let until = Instant::now() + DEADLINE;
        if let Some(link) = &mut self.link {
            link.stream.get_mut().goodbye();
            // The client may have closed the connection before.
            let _ = link.socket.shutdown(Shutdown::Write);
            while let Ok(packet) = packet::read_packet(&mut link.stream)
                && Instant::now() < until
            {
                self.received.push(packet);
            }
        }
        self.link = None;
    }

    pub(super) fn into_received(self) -> Vec<Packet> {
        self.received
    }

    #[track_caller]
    fn receive(&mut self) -> Option<Packet> {
        let link = self.link.as_ref()?;
        if link.stream.buffer().is_empty() && self.flush().is_err() {
            // The client is gone, but what it sent before may still be there.
            self.outbox.clear();
        }
        match packet::read_packet(&mut self.link.as_mut()?.stream) {
            Ok(packet) => {
                self.received.push(packet.clone());
                Some(packet)
            }
            Err(error) => match error.kind() {
                io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset => None,
                io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => {
                    panic!("the client sent nothing for {DEADLINE:?}")
                }
                _ => panic!("cannot read from the client: {error}"),
            },
        }
    }
}

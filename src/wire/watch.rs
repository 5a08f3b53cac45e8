//! A look at the control packets that come from the broker, before Paho sees
//! them: for what Paho hides (reason strings, return codes, what a CONNACK says)
//! and for what it would die of. It reads along; what it takes out of the stream is
//! the answer to a PINGREQ that was not Paho's, and PUBREL (see `once`).

#![expect(
    clippy::indexing_slicing,
    reason = "`at` is below the number of bytes while they are read"
)]

mod leaving;

use std::collections::VecDeque;

use crate::config::connection::Version;
use crate::exit::Exit;
use crate::failure::Failure;

use super::barrier::Barrier;
use super::exchange::{self, Awaited, DELIVERED, Fate, REFUSED};
use super::facts::{self, Facts, Verdict};
use super::once::Once;
use super::packet::{self, Reader};
use super::shape::{self, Head};
use super::trace::{self, Tracer, Way};

/// Packet types in the high half of the first byte (MQTT 5, 2.1.2).
pub(crate) mod kind {
    pub(crate) const CONNACK: u8 = 2;
    pub(crate) const PUBLISH: u8 = 3;
    pub(crate) const PUBACK: u8 = 4;
    pub(crate) const PUBREC: u8 = 5;
    pub(crate) const PUBREL: u8 = 6;
    pub(crate) const PUBCOMP: u8 = 7;
    pub(crate) const SUBACK: u8 = 9;
    pub(crate) const UNSUBACK: u8 = 11;
    pub(crate) const PINGREQ: u8 = 12;
    pub(crate) const PINGRESP: u8 = 13;
    pub(crate) const DISCONNECT: u8 = 14;
    pub(crate) const AUTH: u8 = 15;
}

/// The longest control packet, other than PUBLISH, that is believed.
const LONGEST_CONTROL: usize = 1 << 20;

/// Who sent a PINGREQ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pinger {
    Paho,
    /// We did, behind this many PUBLISH packets.
    Ours(u64),
    /// The barrier did.
    Barrier,
}

/// Where in a packet the stream stands.
#[derive(Clone, Copy, Debug)]
enum Place {
    /// Before the first byte.
    Start,
    /// In the remaining length.
    Length { first: u8, value: usize, shift: u32 },
    /// In the rest, this many bytes before its end.
    Body { first: u8, left: usize },
}

/// The reader along.
pub(crate) struct Watch {
    version: Version,
    place: Place,
    /// Paho does not see the packet being read.
    hidden: bool,
    /// The control packet being read, or what there is of a PUBLISH before its
    /// payload; and its length.
    body: Vec<u8>,
    length: usize,
    /// PINGREQs that are not answered, oldest first.
    pings: VecDeque<Pinger>,
    /// How many PUBLISH packets were sent before the PINGREQ of ours that was
    /// answered last, if one was since the last look.
    proven: Option<u64>,
    barrier: Barrier,
    /// The barrier has been passed since the last look.
    passed: bool,
    awaited: Awaited,
    /// QoS 2 exchanges that were sent past Paho, and have not ended.
    resumed: Vec<u16>,
    /// Those that have, and the reason code where that was a refusal.
    resolved: Vec<(u16, Option<u8>)>,
    once: Once,
    /// A message has come.
    has_messages: bool,
    /// PUBCOMPs that the wire owes.
    answers: Vec<u8>,
    facts: Facts,
    tracer: Option<Tracer>,
}

impl Watch {
    pub(crate) fn new(version: Version, tracer: Option<Tracer>) -> Self {
        Self {
            version,
            place: Place::Start,
            hidden: false,
            body: Vec::new(),
            length: 0,
            pings: VecDeque::new(),
            proven: None,
            barrier: Barrier::default(),
            passed: false,
            awaited: Awaited::default(),
            resumed: Vec::new(),
            resolved: Vec::new(),
            once: Once::default(),
            has_messages: false,
            answers: Vec::new(),
            facts: Facts::default(),
            tracer,
        }
    }

    pub(crate) fn facts(&self) -> &Facts {
        &self.facts
    }

    /// Whether a message has come.
    pub(crate) fn has_messages(&self) -> bool {
        self.has_messages
    }

    /// Whether a PINGREQ of ours is not answered yet.
    pub(crate) fn awaits_pong(&self) -> bool {
        self.pings.iter().any(|ping| matches!(ping, Pinger::Ours(_)))
    }

    /// Whether a PINGREQ of ours that was sent behind this many PUBLISH packets is
    /// not answered yet.
    pub(crate) fn awaits_pong_behind(&self, ordinal: u64) -> bool {
        self.pings.contains(&Pinger::Ours(ordinal))
    }

    /// How many PUBLISH packets were sent before the PINGREQ of ours that was
    /// answered last; `None` if none was since the last call.
    pub(crate) fn take_proven(&mut self) -> Option<u64> {
        self.proven.take()
    }

    /// The question whether something is owed.
    pub(crate) fn barrier(&mut self) -> &mut Barrier {
        &mut self.barrier
    }

    /// Whether the barrier was passed since the last call.
    pub(crate) fn take_passed(&mut self) -> bool {
        std::mem::take(&mut self.passed)
    }

    /// How far the exchange of the message with this packet identifier has come,
    /// answers included that Paho has not seen.
    pub(crate) fn fate(&self, mid: u16) -> Fate {
        self.awaited.fate(mid)
    }

    /// How many QoS 2 messages the broker keeps for us.
    pub(crate) fn kept(&self) -> usize {
        self.awaited.kept()
    }

    /// These exchanges go on past Paho, with PUBREL where PUBREC had come and
    /// with PUBLISH where not: their ends are to be noted.
    pub(crate) fn resume(&mut self, exchanges: impl IntoIterator<Item = (u16, bool)>) {
        for (mid, received) in exchanges {
            let answer = if received { kind::PUBCOMP } else { kind::PUBREC };
            self.awaited.set(mid, answer);
            self.resumed.push(mid);
        }
    }

    /// The resumed exchanges that have ended, and the reason code of a refusal,
    /// once all have; nothing before that.
    pub(crate) fn take_resolved(&mut self) -> Vec<(u16, Option<u8>)> {
        if self.resumed.is_empty() {
            std::mem::take(&mut self.resolved)
        } else {
            Vec::new()
        }
    }

    /// The `QoS` 2 exchanges of what comes.
    pub(crate) fn once(&mut self) -> &mut Once {
        &mut self.once
    }

    /// What the next connection has to know of this one.
    pub(crate) fn inherit(&mut self, before: &mut Self) {
        self.once = before.once.outlive();
    }

    /// The packets that answer what was taken out of the stream, since the last call.
    pub(crate) fn take_answers(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.answers)
    }

    /// Reads along over `bytes` and takes out of them what Paho must not see.
    ///
    /// # Errors
    /// What makes these bytes impossible to go on with.
    pub(crate) fn inspect(&mut self, bytes: &mut Vec<u8>) -> Result<(), Failure> {
        let mut at = 0;
        // Where that ends which Paho shall see: here too, until something is taken out.
        let mut kept = 0;
        while at < bytes.len() {
            let from = at;
            match self.place {
                Place::Start => {
                    let first = bytes[at];
                    self.check_first(first, &bytes[at..])?;
                    self.hidden = match first >> 4 {
                        kind::PINGRESP => self.answers_ours(),
                        packet => packet == kind::PUBREL,
                    };
                    self.place = Place::Length {
                        first,
                        value: 0,
                        shift: 0,
                    };
                    if is_exactly_once(first) {
                        // Not DUP, QoS 1.
                        bytes[at] = first & 0xf1 | 0x02;
                    }
                    at += 1;
                }
                Place::Length { first, value, shift } => {
                    let byte = bytes[at];
                    at += 1;
                    let value = value | usize::from(byte & 0x7f) << shift;
                    if byte & 0x80 == 0 {
                        self.begin_body(first, value)?;
                    } else if shift == 21 {
                        return Err(broken("a packet with an impossible length"));
                    } else {
                        self.place = Place::Length {
                            first,
                            value,
                            shift: shift + 7,
                        };
                    }
                }
                Place::Body { first, left } => {
                    let here = left.min(bytes.len() - at);
                    self.collect(first, &bytes[at..at + here]);
                    at += here;
                    if here == left {
                        self.end_body(first)?;
                    } else {
                        self.place = Place::Body {
                            first,
                            left: left - here,
                        };
                    }
                }
            }
            if !self.hidden {
                if kept != from {
                    bytes.copy_within(from..at, kept);
                }
                kept += at - from;
            }
        }
        bytes.truncate(kept);
        Ok(())
    }

    /// Keeps what is wanted of this piece of a packet.
    fn collect(&mut self, first: u8, piece: &[u8]) {
        if first >> 4 != kind::PUBLISH {
            self.body.extend_from_slice(piece);
            return;
        }
        let five = self.version == Version::V5;
        let mut left = piece;
        loop {
            let (Head::Of(head) | Head::Within(head)) = shape::publish_head(first, &self.body, five);
            let wanted = head.saturating_sub(self.body.len());
            if wanted == 0 || left.is_empty() {
                return;
            }
            let (taken, behind) = left.split_at(wanted.min(left.len()));
            self.body.extend_from_slice(taken);
            left = behind;
        }
    }

    /// A PINGRESP comes: whether it is for a PINGREQ that was not Paho's.
    fn answers_ours(&mut self) -> bool {
        match self.pings.pop_front() {
            Some(Pinger::Ours(ordinal)) => self.proven = Some(ordinal),
            Some(Pinger::Barrier) => self.passed |= self.barrier.answer(),
            Some(Pinger::Paho) | None => return false,
        }
        true
    }

    /// The first packet must be a CONNACK; anything else is no MQTT broker.
    fn check_first(&self, first: u8, bytes: &[u8]) -> Result<(), Failure> {
        let packet = first >> 4;
        if self.facts.connack.is_some() || packet == kind::CONNACK {
            return if (kind::CONNACK..kind::AUTH).contains(&packet) {
                Ok(())
            } else {
                Err(broken("a packet that no broker sends"))
            };
        }
        let failure = |why: &str| Failure::new(Exit::NoConnection, why).permanent();
        Err(if bytes.starts_with(b"HTTP") {
            failure("the answer is HTTP, not MQTT").hint("is this a WebSocket port? try --ws")
        } else if first == 0x15 {
            failure("the answer is TLS, not MQTT").hint("is this a TLS port? try --cafile or --tls-use-os-certs")
        } else if packet == kind::AUTH {
            failure("the broker wants an authentication exchange (AUTH), which is not supported")
        } else if packet == kind::DISCONNECT {
            failure("the broker answered CONNECT with DISCONNECT")
        } else {
            failure("the answer is not MQTT")
        })
    }

    fn begin_body(&mut self, first: u8, length: usize) -> Result<(), Failure> {
        if first >> 4 != kind::PUBLISH && length > LONGEST_CONTROL {
            return Err(broken("a control packet with an impossible length"));
        }
        match first >> 4 {
            kind::PUBLISH => {
                self.has_messages = true;
                self.barrier.published(first);
            }
            kind::PUBREL => self.barrier.released(),
            _ => {}
        }
        self.body.clear();
        // One that was outsized does not keep its place.
        self.body.shrink_to(LONGEST_CONTROL);
        self.length = length;
        if length == 0 {
            self.end_body(first)
        } else {
            self.place = Place::Body { first, left: length };
            Ok(())
        }
    }

    fn end_body(&mut self, first: u8) -> Result<(), Failure> {
        self.place = Place::Start;
        let five = self.version == Version::V5;
        if let Some(tracer) = &self.tracer {
            let (body, length) = (&self.body, self.length);
            tracer(&trace::describe(Way::Received, first, body, length, self.version));
        }
        let mut body = Reader::new(&self.body);
        match first >> 4 {
            kind::CONNACK => {
                let connack = facts::connack(&mut body, five).ok_or_else(|| broken("a malformed CONNACK"))?;
                self.once.connected(connack.session_present, self.version);
                self.facts.connack = Some(connack);
            }
            kind::PUBLISH => {
                let mid = shape::publish(first, &mut body, five).ok_or_else(|| broken("a malformed PUBLISH"))?;
                if is_exactly_once(first) {
                    self.once.show(mid, first & 0x08 != 0);
                }
            }
            kind::SUBACK => {
                let suback = facts::verdict(&mut body, five).filter(|verdict| !verdict.codes.is_empty());
                let suback = suback.ok_or_else(|| broken("a malformed SUBACK"))?;
                self.settle(kind::SUBACK, suback.mid)?;
                self.facts.answers.push(suback);
            }
            kind::UNSUBACK => {
                let unsuback = facts::verdict(&mut body, five).filter(|verdict| verdict.codes.is_empty() != five);
                let unsuback = unsuback.ok_or_else(|| broken("a malformed UNSUBACK"))?;
                self.settle(kind::UNSUBACK, unsuback.mid)?;
                self.facts.answers.push(unsuback);
            }
            kind::PUBACK | kind::PUBREC | kind::PUBCOMP => {
                let mid = body.two().ok_or_else(|| broken("a malformed acknowledgement"))?;
                let reason = self.facts.refusal(body.byte().filter(|_| five));
                if five && !body.is_empty() && packet::pass_properties(&mut body).is_none() {
                    return Err(broken("a malformed acknowledgement"));
                }
                self.acknowledged(first >> 4, mid, reason)?;
            }
            kind::PUBREL => {
                let mid = body.two().filter(|mid| *mid != 0);
                let mid = mid.ok_or_else(|| broken("a malformed PUBREL"))?;
                self.once.release(mid, self.version, &mut self.answers);
            }
            kind::DISCONNECT if five => {
                let code = body.byte().unwrap_or(0);
                let properties = packet::properties(&mut body);
                let is_malformed = properties.is_none();
                self.facts.disconnect = Some(Verdict {
                    mid: 0,
                    codes: vec![code],
                    properties: properties.unwrap_or_default(),
                });
                if is_malformed {
                    return Err(broken("a malformed DISCONNECT"));
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// The answer to a SUBSCRIBE or UNSUBSCRIBE ends the use of its packet
    /// identifier.
    fn settle(&mut self, packet: u8, mid: u16) -> Result<(), Failure> {
        if self.awaited.get(mid) != packet {
            return Err(unasked());
        }
        self.awaited.set(mid, 0);
        Ok(())
    }

    /// Follows the exchanges of the messages that we publish (MQTT 5, 4.3).
    ///
    /// Paho takes any acknowledgement with the packet identifier of a message for
    /// its end, and frees what it then goes on using (`MQTTAsync_cycle`,
    /// `MQTTProtocol_handlePubcomps`): one that is not next in the exchange ends
    /// the connection. Of an exchange that is over, Paho knows nothing, and a
    /// broker may say it twice.
    fn acknowledged(&mut self, packet: u8, mid: u16, refusal: Option<u8>) -> Result<(), Failure> {
        // PUBCOMP 0x92 says that the broker had finished before.
        let refusal = refusal.filter(|_| packet != kind::PUBCOMP);
        let refused = refusal.is_some();
        match (packet, self.awaited.get(mid)) {
            (kind::PUBREC, kind::PUBREC) if !refused => {
                self.awaited.set(mid, kind::PUBREL);
                return Ok(());
            }
            (_, awaited) if awaited == packet => self.awaited.set(mid, if refused { REFUSED } else { DELIVERED }),
            (kind::PUBREC, kind::PUBREL | kind::PUBCOMP) if !refused => return Ok(()),
            (_, 0 | DELIVERED | REFUSED) if mid != 0 => return Ok(()),
            (kind::PUBACK, kind::PUBREC) => return Err(exchange::downgraded()),
            _ => return Err(unasked()),
        }
        if let Some(index) = self.resumed.iter().position(|resumed| *resumed == mid) {
            self.resumed.swap_remove(index);
            self.resolved.push((mid, refusal));
        }
        Ok(())
    }
}

/// Whether a packet with this first byte is a PUBLISH of `QoS` 2.
fn is_exactly_once(first: u8) -> bool {
    first & 0xf6 == 0x34
}

fn unasked() -> Failure {
    broken("an acknowledgement of something that was not sent")
}

fn broken(what: &str) -> Failure {
    Failure::new(Exit::Undelivered, format!("the broker sent {what}"))
}

#[cfg(test)]
mod tests;

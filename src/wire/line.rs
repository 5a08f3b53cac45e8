//! The line to the broker: a carrier with a buffer on each side. What Paho
//! writes is taken whole, always, and leaves in large pieces; what comes is read
//! ahead. A line that is down swallows what is written and reads as ended, so
//! that Paho notices at its one safe place (`MQTTAsync_cycle`), never in the
//! middle of a publish.

#![expect(
    clippy::indexing_slicing,
    reason = "no more bytes are read or written than there are"
)]

mod answering;
mod carrying;
mod publishing;

use std::io::IoSlice;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::net::{Shutdown, shutdown};

use super::alias::Aliases;
use super::carrier::Carrier;
use super::exchange::Fate;
use super::facts::Facts;
use super::gate::Gate;
use super::held::Held;
use super::packet;
use super::pause;
use super::ticket::Cloakroom;
use super::trace::Tracer;
use super::watch::{Pinger, Watch, kind};
use crate::config::connection::{Route, Version};
use crate::failure::Failure;

/// How much is gathered before it leaves, and read at once.
const BUFFER: usize = 64 * 1024;

/// How much may be read ahead while a write waits: a broker that will not read
/// before we have read must not lock us both.
const READ_AHEAD: usize = 16 * 1024 * 1024;

/// How many PUBLISH packets may be gathered, so that what a broken connection
/// may have swallowed stays countable in small numbers.
const GATHERED_PUBLISHES: u64 = 4096;

/// How long acknowledgements may wait while more and more comes.
const WAIT: Duration = Duration::from_millis(50);

/// After how many QoS 0 messages the broker is asked for a sign that it has read
/// them; one question at a time.
const UNASKED: u64 = 1000;

/// How long after the last question that is done at the latest, if messages come.
const UNASKED_FOR: Duration = Duration::from_secs(1);

/// Why a line is down.
#[derive(Clone, Debug)]
pub(crate) enum Down {
    /// The broker closed it.
    ByPeer,
    /// It broke, or what came over it made no sense.
    Broken(Failure),
    /// We said DISCONNECT, or hung up.
    ByUs,
}

/// A carrier with its buffers.
pub(crate) struct Line {
    carrier: Carrier,
    /// Where it leads.
    route: Route,
    /// Taken from Paho, not yet carried.
    outgoing: Vec<u8>,
    /// Acknowledgements of what came; they leave only when it is safe.
    acknowledgements: Vec<u8>,
    /// There have been any.
    has_answered: bool,
    /// When they last left.
    released: Instant,
    /// Those that leave when somebody says so, or not at all.
    held: Held,
    /// Where the carrier puts what it reads.
    landing: Vec<u8>,
    /// Read while a write waited.
    ahead: Vec<u8>,
    watch: Watch,
    down: Option<Down>,
    /// Nothing more is wanted from the broker.
    deaf: bool,
    /// PUBLISH packets taken from Paho, and those that the kernel has whole.
    published: u64,
    carried: u64,
    /// QoS 0 messages since the last PINGREQ of ours.
    unasked: u64,
    /// When it was.
    asked: Instant,
    last_sent: Instant,
    /// How long a write may wait without any progress.
    patience: Duration,
    /// Until when a write may wait at all.
    limit: Option<Limit>,
    /// Where topics may get aliases.
    aliases: Option<Box<Aliases>>,
    /// What holds back messages of which the broker has enough to keep.
    gate: Gate,
    /// Payloads that go past Paho.
    cloakroom: Cloakroom,
}

/// Until when a write may wait, progress or not; asked time and again, because it
/// may become known only while a write is waiting.
pub(crate) type Limit = Arc<dyn Fn() -> Option<Instant> + Send + Sync>;

/// How often a write that waits looks whether it still may.
const LOOK: Duration = Duration::from_millis(200);

impl Line {
    /// Puts buffers around a carrier that is connected and non-blocking.
    pub(crate) fn new(
        (carrier, route): (Carrier, Route),
        version: Version,
        patience: Duration,
        limit: Option<Limit>,
        tracer: Option<Tracer>,
    ) -> Self {
        Self {
            carrier,
            route,
            outgoing: Vec::with_capacity(BUFFER),
            acknowledgements: Vec::new(),
            has_answered: false,
            released: Instant::now(),
            held: Held::default(),
            landing: vec![0; BUFFER],
            ahead: Vec::new(),
            watch: Watch::new(version, tracer),
            down: None,
            deaf: false,
            published: 0,
            carried: 0,
            unasked: 0,
            asked: Instant::now(),
            last_sent: Instant::now(),
            patience,
            limit,
            aliases: None,
            gate: Gate::open(),
            cloakroom: Cloakroom::new(),
        }
    }

    /// The socket, to wait on.
    pub(crate) fn socket(&self) -> BorrowedFd<'_> {
        self.carrier.socket()
    }

    /// Where it leads.
    pub(crate) fn route(&self) -> &Route {
        &self.route
    }

    /// How the bytes travel, in words.
    pub(crate) fn describe(&self) -> Vec<String> {
        let mut lines = self.carrier.describe();
        if let (Some(proxy), Some(first)) = (&self.route.proxy, lines.first_mut()) {
            *first = format!("{first}, through {proxy} to {}", self.route.host);
        }
        lines
    }

    /// What the broker has said so far.
    pub(crate) fn facts(&self) -> &Facts {
        self.watch.facts()
    }

    /// Why the line is down, if it is.
    pub(crate) fn down(&self) -> Option<&Down> {
        self.down.as_ref()
    }

    /// How far the exchange with this packet identifier has come, if its PUBLISH
    /// is the `ordinal`-th of this connection; 0 is for one past Paho.
    pub(crate) fn fate(&self, ordinal: u64, mid: u16) -> Fate {
        if ordinal > self.published {
            // What the identifier was used for before says nothing.
            Fate::Unsent
        } else {
            self.watch.fate(mid)
        }
    }

    /// How many PUBLISH packets the kernel has whole.
    pub(crate) fn carried(&self) -> u64 {
        self.carried
    }

    /// How long nothing has been sent.
    pub(crate) fn quiet_for(&self) -> Duration {
        self.last_sent.elapsed()
    }

    /// Follows a line to the same broker.
    pub(crate) fn inherit(&mut self, before: &mut Self) {
        self.watch.inherit(&mut before.watch);
    }

    /// What is seen of the packets that come.
    pub(crate) fn watch(&mut self) -> &mut Watch {
        &mut self.watch
    }

    /// Goes on with QoS 2 exchanges past Paho, which does not know of them: the
    /// packet identifiers, each with whether it is PUBREL that is sent and not
    /// PUBLISH, and the packets to send.
    pub(crate) fn resume(&mut self, exchanges: &[(u16, bool)], packets: &[u8]) {
        if self.down.is_none() {
            self.watch.resume(exchanges.iter().copied());
            self.watch.tell(packets);
            self.outgoing.extend_from_slice(packets);
            self.send_buffered();
        }
    }

    /// Takes one packet from Paho, whole. `expected` more PUBLISH packets are
    /// on their way: while there are any, it may wait in the buffer. If it is a
    /// QoS 0 PUBLISH and the `last`, the question whether the broker has read it
    /// leaves with it.
    pub(crate) fn take(&mut self, packet: &[IoSlice<'_>], expected: u64, last: bool) {
        let first = packet::first_byte(packet);
        if first >> 4 == kind::PUBACK {
            return self.acknowledge(packet);
        }
        if self.down.is_some() {
            return;
        }
        let length: usize = packet.iter().map(|slice| slice.len()).sum();
        if first >> 4 == kind::PUBLISH {
            return self.publish(packet, expected, last);
        }
        if first >> 4 == kind::PUBREL && !self.watch.wants(first, packet) {
            return;
        }
        self.watch.sent(first, packet, length, None);
        match first >> 4 {
            kind::PUBREL => {
                self.gather(packet, length);
                self.publish_parked();
            }
            other => {
                if other == kind::PINGREQ {
                    self.watch.pinged(Pinger::Paho);
                    pause::pinged();
                }
                self.gather(packet, length);
                self.send_buffered();
                if other == kind::DISCONNECT {
                    self.carrier.farewell();
                    if self.has_answered {
                        self.carrier.see_off();
                    }
                    self.down.get_or_insert(Down::ByUs);
                }
            }
        }
    }

    /// Whether acknowledgements have waited too long, or something is to be asked
    /// behind them.
    pub(crate) fn is_overdue(&mut self) -> bool {
        let asks = self.held.is_empty() && self.watch.barrier().is_wanted();
        let due = asks || !self.acknowledgements.is_empty();
        due && self.released.elapsed() > WAIT
    }

    /// Lets go of everything gathered, the acknowledgements too; and behind them
    /// of the question whether something is owed, if it is wanted.
    pub(crate) fn release(&mut self) {
        self.released = Instant::now();
        if self.down.is_none() && self.held.is_empty() && self.watch.barrier().is_wanted() {
            self.acknowledgements.extend_from_slice(&[kind::PINGREQ << 4, 0]);
            self.watch.barrier().ask();
            self.watch.pinged(Pinger::Barrier);
        }
        if !self.acknowledgements.is_empty() {
            let acknowledgements = std::mem::take(&mut self.acknowledgements);
            self.outgoing.extend_from_slice(&acknowledgements);
        }
        if !self.outgoing.is_empty() {
            self.send_buffered();
        }
    }

    /// Lets go of what was gathered, but not of acknowledgements.
    pub(crate) fn push_out(&mut self) {
        if !self.outgoing.is_empty() {
            self.send_buffered();
        }
    }

    /// Forgets the acknowledgements: what they are for could not be written.
    pub(crate) fn withhold(&mut self) {
        self.acknowledgements.clear();
    }

    /// Sends a PINGREQ of our own; its answer is counted, not shown to Paho.
    pub(crate) fn ping(&mut self) {
        if self.down.is_none() {
            self.ask();
            self.send_buffered();
        }
    }

    /// Sends a PINGREQ of our own unless one is under way behind everything that
    /// was published.
    pub(crate) fn prove(&mut self) {
        if !self.is_asked() {
            self.ping();
        }
    }

    /// Whether a PINGREQ of ours is under way behind everything published.
    pub(crate) fn is_asked(&self) -> bool {
        self.watch.awaits_pong_behind(self.published)
    }

    /// Ends the line from our side with this DISCONNECT packet.
    pub(crate) fn say_goodbye(&mut self, packet: &[u8]) {
        self.take(&[IoSlice::new(packet)], 0, false);
    }

    /// Puts a PINGREQ of our own into the buffer.
    fn ask(&mut self) {
        self.watch.pinged(Pinger::Ours(self.published));
        self.unasked = 0;
        self.asked = Instant::now();
        self.outgoing.extend_from_slice(&[kind::PINGREQ << 4, 0]);
    }

    /// Replaces `into` with what has come; an empty `into` means that nothing
    /// has, or that the line is down.
    pub(crate) fn read_into(&mut self, into: &mut Vec<u8>) {
        into.clear();
        if self.deaf {
            return;
        }
        if !self.ahead.is_empty() {
            std::mem::swap(into, &mut self.ahead);
        } else if self.down.is_none() {
            self.receive(into);
        }
        if let Err(failure) = self.watch.inspect(into) {
            into.clear();
            self.fail(Down::Broken(failure));
        }
        let mut answers = self.watch.take_answers();
        if self.down.is_none() {
            self.watch.tell(&answers);
            self.acknowledgements.append(&mut answers);
        }
    }

    /// Reads nothing from now on.
    pub(crate) fn stop_reading(&mut self) {
        self.deaf = true;
    }

    /// Ends the line from our side, without a word to the broker.
    pub(crate) fn hang_up(&mut self) {
        self.fail(Down::ByUs);
    }

    fn gather(&mut self, packet: &[IoSlice<'_>], length: usize) {
        if self.outgoing.len() + length > BUFFER {
            self.send_buffered();
        }
        for slice in packet {
            self.outgoing.extend_from_slice(slice);
        }
    }

    fn send_buffered(&mut self) {
        let mut outgoing = std::mem::take(&mut self.outgoing);
        self.carry(&outgoing);
        outgoing.clear();
        self.outgoing = outgoing;
        self.settled();
    }

    /// Everything published so far has been carried, if the line is up.
    fn settled(&mut self) {
        if self.down.is_none() {
            self.carried = self.published;
        }
    }

    fn fail(&mut self, why: Down) {
        if self.down.is_none() {
            self.down = Some(why);
            // Wakes Paho's receiving thread, wherever it sleeps.
            let _ = shutdown(self.carrier.socket().as_fd(), Shutdown::Both);
        }
        self.outgoing.clear();
        self.acknowledgements.clear();
        self.held.clear();
        self.gate.clear();
    }
}

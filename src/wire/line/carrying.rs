//! How a line moves its bytes: to the kernel, waiting where it has no room, and from
//! it.

use std::io;
use std::time::Instant;

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::super::tls;
use super::{BUFFER, Down, LOOK, Line, READ_AHEAD};
use crate::exit::Exit;
use crate::failure::{Failure, io_reason};

impl Line {
    /// Appends what has come.
    pub(super) fn receive(&mut self, into: &mut Vec<u8>) {
        match self.carrier.read(&mut self.landing) {
            Ok(0) => self.fail(Down::ByPeer),
            Ok(count) => {
                into.extend_from_slice(&self.landing[..count]);
                // Where nothing leaves that takes TCP's acknowledgement along before the
                // broker has said more, or what leaves is no answer to what comes.
                if self.gate.holds_some() || self.published > 0 && self.watch.has_messages() {
                    self.carrier.bottom().acknowledge_at_once();
                }
            }
            Err(error) if would_block(&error) => {}
            Err(error) => self.fail(self.broken(&error)),
        }
    }

    /// Hands bytes to the kernel, waiting where it has no room.
    pub(super) fn carry(&mut self, mut bytes: &[u8]) {
        while self.down.is_none() && !bytes.is_empty() {
            let piece = &bytes[..bytes.len().min(4 * BUFFER)];
            match self.carrier.write(piece) {
                Ok(count) => bytes = &bytes[count..],
                Err(error) => self.wait_or_fail(&error),
            }
        }
        while self.down.is_none() {
            match self.carrier.flush() {
                Ok(()) => break,
                Err(error) => self.wait_or_fail(&error),
            }
        }
        self.last_sent = Instant::now();
    }

    /// Waits for room, reading on meanwhile.
    fn wait_or_fail(&mut self, error: &io::Error) {
        if !would_block(error) {
            // What the broker said before it went says more than the error: that
            // it wants a certificate, or a CONNACK with its reason.
            self.read_ahead();
            self.fail(self.broken(error));
            return;
        }
        let mut interest = PollFlags::OUT;
        if self.ahead.len() < READ_AHEAD {
            interest |= PollFlags::IN;
        }
        let end = Instant::now() + self.patience;
        let readiness = loop {
            let limit = self.limit.as_ref().and_then(|limit| limit());
            let end = limit.map_or(end, |limit| limit.min(end));
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                let why = Failure::new(Exit::Undelivered, "the broker has stopped reading");
                return self.fail(Down::Broken(why));
            }
            let look = if self.limit.is_some() { left.min(LOOK) } else { left };
            let mut ready = [PollFd::from_borrowed_fd(self.carrier.socket(), interest)];
            match poll(&mut ready, Timespec::try_from(look).ok().as_ref()) {
                Ok(0) => {}
                _ => break ready[0].revents(),
            }
        };
        if readiness.contains(PollFlags::IN) {
            self.read_ahead();
        }
    }

    /// Keeps what has come for later.
    fn read_ahead(&mut self) {
        let mut ahead = std::mem::take(&mut self.ahead);
        self.receive(&mut ahead);
        self.ahead = ahead;
    }

    /// What an error of the stream means.
    fn broken(&self, error: &io::Error) -> Down {
        if error.kind() == io::ErrorKind::UnexpectedEof {
            return Down::ByPeer;
        }
        match tls::told(error) {
            Some(failure) if self.watch.facts().connack.is_none() => Down::Broken(failure.clone()),
            _ => Down::Broken(Failure::new(Exit::Undelivered, io_reason(error))),
        }
    }
}

fn would_block(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted)
}

//! Holds messages back after they have come, and the broker with them: for who
//! takes longer over a message than the callback may last that brings it.

use crate::wire;

/// Every thread may use them. A message is known by a token, a number higher than
/// those of the messages before it; it is good for one arrival.
#[derive(Clone, Copy, Debug, Default)]
pub struct Reins;

impl Reins {
    /// Keeps the message from being acknowledged that is being delivered, and with
    /// it all that are held after it; `mid` is its packet identifier. To be called
    /// in [`super::Inbox::deliver`], which then returns [`super::Flow::Continue`].
    pub fn hold(self, mid: u16, token: u64) {
        if mid != 0 {
            wire::with_line(|line| line.hold(mid, token));
        }
    }

    /// Acknowledges a message that is held, as soon as those before it are. Does
    /// nothing if its connection is gone: then the message comes again.
    pub fn acknowledge(self, token: u64) {
        wire::with_line(|line| line.allow(token));
    }

    /// Takes no more messages from the broker; the connection stays alive. To be
    /// called in [`super::Inbox::deliver`]. It ends with the connection.
    pub fn pause(self) {
        wire::pause();
    }

    /// Keeps our sockets from the programs that are started from now on.
    pub fn keep_sockets(self) {
        wire::keep_sockets();
    }

    /// Takes messages again.
    pub fn resume(self) {
        wire::resume();
    }
}

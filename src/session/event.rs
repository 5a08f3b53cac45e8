//! What becomes of the connection, as the main thread is told.

use crate::failure::Failure;

/// What the main thread is told.
#[derive(Debug)]
pub enum Event {
    /// The broker has accepted the connection; `again` if not for the first time.
    Up {
        /// There was a connection before.
        again: bool,
        /// The broker was to keep the session of that one, and has not.
        forgotten: bool,
    },
    /// An attempt to connect has failed, or the connection is gone, and why;
    /// another attempt will be made. `lost` if there was a connection.
    Away {
        /// Why.
        why: Failure,
        /// There was a connection until now.
        lost: bool,
    },
    /// The same, and no attempt will be made.
    Down(Failure),
    /// The broker has answered every SUBSCRIBE and UNSUBSCRIBE of this connection,
    /// or still knows the subscriptions of the last one.
    Subscribed {
        /// How many subscriptions there are.
        granted: usize,
        /// What was refused, and why.
        refused: Vec<Failure>,
    },
    /// All messages that were retained when the subscriptions began have come.
    Retained,
    /// The broker has refused a message, for good.
    Refused(Failure),
    /// The broker has read everything that was sent before [`super::Session::prove`].
    Proven,
    /// DISCONNECT has left.
    Closed,
}

//! What the session is told of the wire.

/// Who is told what happens at the seam.
pub(crate) trait Attendant: Send + Sync {
    /// Paho's receiving thread is about to wait, or acknowledgements are about
    /// to leave: whatever was received must be written out now. `false` if it
    /// could not be: then it is not acknowledged.
    fn settle(&self) -> bool;

    /// The broker has read the first `ordinal` PUBLISH packets.
    fn proven(&self, ordinal: u64);

    /// The broker has sent all that it owed.
    fn passed(&self);

    /// The resumed exchanges have all ended: their packet identifiers, and
    /// the reason code of a refusal.
    fn resolved(&self, exchanges: Vec<(u16, Option<u8>)>);

    /// DISCONNECT has left.
    fn closed(&self);
}

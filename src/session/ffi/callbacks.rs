//! What Paho's threads report, as plain data.

use super::Sender;
use crate::message::Properties;

/// What Paho's threads report. Every call comes with Paho's global mutex held:
/// none may wait for another Paho call.
pub(in crate::session) trait Callbacks: Send + Sync {
    /// CONNACK said yes; the sender may be used.
    fn connected(&self, sender: Sender<'_>);
    /// The connection did not come about; the wire knows why.
    fn connect_failed(&self);
    /// The connection is gone; the wire knows why.
    fn lost(&self);
    /// A message came; the sender may be used.
    fn arrived(&self, sender: Sender<'_>, arrival: &Arrival<'_>);
    /// The message in this slot was written (QoS 0) or acknowledged; the sender
    /// may be used for more.
    fn completed(&self, sender: Sender<'_>, slot: usize);
    /// The message in this slot was refused with this reason code.
    fn refused(&self, sender: Sender<'_>, slot: usize, reason: u8, words: Option<String>);
    /// SUBACK or UNSUBACK came; the wire has the codes.
    fn answered(&self);
}

/// A message as Paho hands it over, its topic not yet known to be UTF-8.
#[derive(Debug)]
pub(in crate::session) struct Arrival<'a> {
    pub(in crate::session) topic: &'a [u8],
    pub(in crate::session) payload: &'a [u8],
    pub(in crate::session) qos: u8,
    pub(in crate::session) retain: bool,
    pub(in crate::session) dup: bool,
    pub(in crate::session) mid: u16,
    pub(in crate::session) properties: Properties,
}

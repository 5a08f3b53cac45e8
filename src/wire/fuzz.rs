//! The reader along as the fuzzer feeds it. It is there only with `--cfg fuzzing`,
//! which cargo-fuzz sets.

use std::io::IoSlice;
use std::sync::Arc;

use super::watch::{Pinger, Watch};
use crate::config::connection::Version;

/// What was let through.
#[derive(Debug, PartialEq, Eq)]
pub struct Inspection {
    /// No fault was found.
    pub good: bool,
    /// What Paho would get to see.
    pub through: Vec<u8>,
}

/// Reads along over what a broker sends, in portions of these sizes, or at once
/// if there are none.
pub fn inspect(five: bool, pings: &[bool], sent: &[Vec<u8>], sizes: &[u8], bytes: &[u8]) -> Inspection {
    let version = if five { Version::V5 } else { Version::V311 };
    let mut watch = Watch::new(version, Some(Arc::new(|_: &str| {})));
    for packet in sent {
        if let Some(first) = packet.first() {
            watch.sent(*first, &[IoSlice::new(packet)], packet.len());
        }
    }
    for (ordinal, ours) in (0..).zip(pings) {
        watch.pinged(if *ours { Pinger::Ours(ordinal) } else { Pinger::Paho });
    }
    let mut through = Vec::new();
    let mut left = bytes;
    let mut sizes = sizes.iter().cycle();
    while !left.is_empty() {
        let size = sizes.next().map_or(left.len(), |size| usize::from(*size).max(1));
        let (portion, behind) = left.split_at(size.min(left.len()));
        left = behind;
        let mut portion = portion.to_vec();
        if watch.inspect(&mut portion).is_err() {
            return Inspection { good: false, through };
        }
        through.append(&mut portion);
    }
    Inspection { good: true, through }
}

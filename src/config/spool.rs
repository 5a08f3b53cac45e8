//! What the options of the spool mean.

use std::path::PathBuf;
use std::time::Duration;

use super::check;
use crate::failure::Failure;
use crate::flags::PublishFlags;
pub use crate::flags::spool::{Full, Sync};

/// A spool, and what is to be done with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spool {
    /// Where it is.
    pub folder: PathBuf,
    /// What is done.
    pub task: Task,
    /// When a message is on the disk.
    pub sync: Sync,
    /// How much it may hold, in bytes.
    pub size: Option<u64>,
    /// How long it keeps a message.
    pub age: Option<Duration>,
    /// What happens when it is full.
    pub full: Full,
    /// Whether a message that could only be queued is a failure.
    pub required: bool,
}

/// What is done with a spool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Task {
    /// Messages are taken and delivered.
    Take,
    /// Messages are only delivered.
    Drain,
    /// It is told what there is, as text or as JSON.
    Status {
        /// As JSON.
        json: bool,
    },
}

impl Spool {
    /// Gives the flags their meaning.
    ///
    /// # Errors
    /// [`crate::exit::Exit::Usage`], with the options named.
    pub(super) fn new(flags: &PublishFlags) -> Result<Option<Self>, Failure> {
        check::spool::all(flags)?;
        let spool = &flags.spool;
        let limits = &spool.spool_limit;
        Ok(spool.spool.as_ref().map(|folder| Self {
            folder: folder.clone(),
            task: if spool.spool_status {
                Task::Status { json: flags.input.json }
            } else if spool.spool_drain {
                Task::Drain
            } else {
                Task::Take
            },
            sync: spool.spool_sync.unwrap_or_default(),
            size: limits.iter().rev().find_map(|limit| limit.size()),
            age: limits.iter().rev().find_map(|limit| limit.age()),
            full: spool.spool_full.unwrap_or_default(),
            required: spool.spool_required_delivery,
        }))
    }
}

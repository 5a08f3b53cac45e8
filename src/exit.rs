//! The exit statuses: number and meaning in one table, which the help, the
//! manual and the tests read. Nothing of ours is 126 or above, so that a shell's
//! own statuses stay recognisable.

/// How a run ended, as a shell sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Exit {
    /// Everything asked for was delivered or received.
    Done,
    /// A failure with no row of its own.
    Failed,
    /// The command line makes no sense.
    Usage,
    /// No connection to the broker came about.
    NoConnection,
    /// The broker said no.
    Refused,
    /// Something was not, or may not have been, delivered.
    Undelivered,
    /// `-W` ran out.
    TimedOut,
}

/// Each status with its meaning, in the words of the help and the manual.
pub const TABLE: [(Exit, &str); 7] = [
    (
        Exit::Done,
        "done: all that was asked was delivered or received; also a reader that closed our stdout",
    ),
    (
        Exit::Failed,
        "a failure with no row of its own: reading input, writing output",
    ),
    (Exit::Usage, "usage: the command line makes no sense"),
    (
        Exit::NoConnection,
        "cannot connect: name, TCP, TLS, WebSocket, proxy, time-out, no answer",
    ),
    (
        Exit::Refused,
        "refused by the broker: the connection, a subscription, a message",
    ),
    (
        Exit::Undelivered,
        "connection lost for good, or messages not delivered (stderr says how many)",
    ),
    (Exit::TimedOut, "-W ran out before what was asked for was complete"),
];

impl Exit {
    /// The number that the shell sees in `$?`.
    pub const fn status(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Failed => 1,
            Self::Usage => 2,
            Self::NoConnection => 3,
            Self::Refused => 4,
            Self::Undelivered => 5,
            Self::TimedOut => 27,
        }
    }
}

impl From<Exit> for std::process::ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.status())
    }
}

/// The table as text, two columns, as `--help` and the README print it.
pub fn table_text() -> String {
    use std::fmt::Write as _;
    let mut text = String::new();
    for (exit, meaning) in TABLE {
        let _ = writeln!(text, "  {:>3}  {meaning}", exit.status());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_are_distinct_and_below_the_shells_own() {
        let mut numbers: Vec<u8> = TABLE.iter().map(|(exit, _)| exit.status()).collect();
        assert!(numbers.iter().all(|number| *number < 126));
        numbers.dedup();
        assert_eq!(numbers.len(), TABLE.len());
    }
}

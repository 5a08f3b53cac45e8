//! The exit statuses: number and meaning in one table, which the help, the
//! manual and the tests read. Nothing of ours is 126 or above, so that a shell's
//! own statuses stay recognisable.

use std::ffi::OsStr;
use std::path::Path;

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

/// Whose numbers the exit statuses are: only the name that a program was started
/// under decides that.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Numbers {
    /// Those of [`TABLE`].
    #[default]
    Ours,
    /// Those of mosquitto's clients, for scripts that look at them.
    Mosquitto,
}

/// The names of mosquitto's clients that ours stand in for.
const MOSQUITTO: [&str; 3] = ["mosquitto_pub", "mosquitto_sub", ASKING];

/// The name under which mqpub asks and prints the replies, unasked.
pub const ASKING: &str = "mosquitto_rr";

/// Whether a program's name, with or without the way to it, is that.
pub fn asks(program: &OsStr) -> bool {
    Path::new(program).file_name().is_some_and(|name| name == ASKING)
}

/// mosquitto's number for a connection that was lost (`MOSQ_ERR_CONN_LOST`).
pub const CONNECTION_LOST: u8 = 7;

impl Numbers {
    /// Those that go with a program's name, with or without the way to it.
    pub fn of(program: &OsStr) -> Self {
        let name = Path::new(program).file_name().unwrap_or_default();
        if MOSQUITTO.iter().any(|known| name == *known) {
            Self::Mosquitto
        } else {
            Self::Ours
        }
    }

    /// The number that the shell sees in `$?`. `code` is the broker's own, or the
    /// library's of mosquitto, where there is one: mosquitto's clients hand it on.
    pub fn status(self, exit: Exit, code: Option<u8>) -> u8 {
        match self {
            Self::Ours => exit.status(),
            Self::Mosquitto => match exit {
                Exit::Done => 0,
                Exit::Failed | Exit::Usage => 1,
                Exit::NoConnection => code.unwrap_or(1),
                Exit::Refused => code.unwrap_or(5),
                Exit::Undelivered => code.unwrap_or(CONNECTION_LOST),
                Exit::TimedOut => 27,
            },
        }
    }

    /// The status of a run that printed the help or the version.
    pub fn help(self) -> u8 {
        match self {
            Self::Ours => 0,
            Self::Mosquitto => 1,
        }
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
    fn the_name_alone_decides_whose_numbers_they_are() {
        for (program, numbers) in [
            ("mqpub", Numbers::Ours),
            ("mosquitto_pub", Numbers::Mosquitto),
            ("/usr/bin/mosquitto_sub", Numbers::Mosquitto),
            ("./mosquitto_pub", Numbers::Mosquitto),
            ("mosquitto_rr", Numbers::Mosquitto),
            ("mosquitto_pub2", Numbers::Ours),
            ("mosquitto_pub/mqpub", Numbers::Ours),
            ("", Numbers::Ours),
        ] {
            assert_eq!(Numbers::of(program.as_ref()), numbers, "{program}");
        }
        assert!(asks("/x/mosquitto_rr".as_ref()) && !asks("mosquitto_pub".as_ref()));
    }

    #[test]
    fn mosquittos_numbers() {
        for (exit, code, number) in [
            (Exit::Done, None, 0),
            (Exit::Failed, None, 1),
            (Exit::Usage, None, 1),
            (Exit::NoConnection, None, 1),
            (Exit::NoConnection, Some(7), 7),
            (Exit::Refused, None, 5),
            (Exit::Refused, Some(4), 4),
            (Exit::Refused, Some(0x87), 135),
            (Exit::Undelivered, None, 7),
            (Exit::TimedOut, None, 27),
        ] {
            assert_eq!(Numbers::Mosquitto.status(exit, code), number, "{exit:?}");
            assert_eq!(Numbers::Ours.status(exit, code), exit.status());
        }
        assert_eq!((Numbers::Ours.help(), Numbers::Mosquitto.help()), (0, 1));
    }

    #[test]
    fn statuses_are_distinct_and_below_the_shells_own() {
        let mut numbers: Vec<u8> = TABLE.iter().map(|(exit, _)| exit.status()).collect();
        assert!(numbers.iter().all(|number| *number < 126));
        numbers.dedup();
        assert_eq!(numbers.len(), TABLE.len());
    }
}

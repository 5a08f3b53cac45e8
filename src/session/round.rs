//! One round through the brokers that there are: those that let us in but then
//! did not say yes to CONNECT are not tried again before all others were. And the
//! rehearsal of a round, in which nobody is tried.

use std::time::Instant;

use crate::config::connection::{Connection, Host};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::wire;

/// Where in a round a session is.
#[derive(Debug, Default)]
pub(super) struct Round {
    /// When all of it is given up.
    deadline: Option<Instant>,
    /// The broker that the attempt under way has reached.
    current: Option<Host>,
    /// Those that were reached before it, to no avail.
    tried: Vec<Host>,
    /// What went wrong so far.
    failures: Vec<Failure>,
}

impl Round {
    /// Another attempt begins; the round ends at `deadline` if it is the first.
    /// Returns when it ends.
    pub(super) fn begin(&mut self, deadline: Instant) -> Instant {
        self.current = None;
        *self.deadline.get_or_insert(deadline)
    }

    /// The attempt has reached this broker.
    pub(super) fn opened(&mut self, host: Host) {
        self.current = Some(host);
    }

    /// The broker that the attempt under way has reached.
    pub(super) fn current(&self) -> Option<&Host> {
        self.current.as_ref()
    }

    /// Those that were reached before, to no avail.
    pub(super) fn tried(&self) -> &[Host] {
        &self.tried
    }

    /// Whether the attempt failed at one broker, so that there may be others.
    pub(super) fn may_go_on(&self) -> bool {
        self.current.is_some() && self.deadline.is_some_and(|deadline| deadline > Instant::now())
    }

    /// Notes why this broker was tried in vain.
    pub(super) fn go_on(&mut self, why: Option<Failure>) -> Failure {
        self.tried.extend(self.current.take());
        let why = why.unwrap_or_else(nobody);
        self.failures.push(why.clone());
        why
    }

    /// Ends the round: all that went wrong in it.
    pub(super) fn conclude(&mut self, why: Option<Failure>) -> Failure {
        let mut failures = std::mem::take(self).failures;
        failures.extend(why);
        Failure::all(failures).unwrap_or_else(nobody)
    }
}

/// Reads the files that a connection needs, and makes none.
///
/// # Errors
/// What is wrong with one of them.
pub fn rehearse(connection: &Connection) -> Result<(), Failure> {
    wire::rehearse(connection)
}

fn nobody() -> Failure {
    Failure::new(Exit::NoConnection, "there is no broker to connect to")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_round_goes_on_until_nobody_is_left() {
        let host = |name: &str| Host {
            name: name.to_owned(),
            port: 1883,
        };
        let failure = |text: &str| Some(Failure::new(Exit::NoConnection, text));
        let end = Instant::now() + Duration::from_secs(60);
        let mut round = Round::default();
        assert_eq!(round.begin(end), end);
        assert!(!round.may_go_on(), "nobody was reached");
        round.opened(host("a"));
        assert!(round.may_go_on());
        assert_eq!(round.go_on(failure("a: no")).to_string(), "a: no");
        assert_eq!(round.begin(end + Duration::from_secs(1)), end, "one deadline for all");
        assert_eq!((round.tried(), round.current()), (&[host("a")][..], None));
        assert_eq!(round.conclude(failure("b: no")).to_string(), "a: no; b: no");
        assert!(round.tried().is_empty());
        round.begin(Instant::now());
        round.opened(host("a"));
        assert!(!round.may_go_on(), "the time is over");
        assert_eq!(round.conclude(None).to_string(), "there is no broker to connect to");
    }
}

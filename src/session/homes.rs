//! With which brokers a session is, where there are several: the one of the last
//! connection, and those that were left for others and may still keep it.

use std::sync::Arc;
use std::time::Duration;

use crate::config::connection::{Connection, Host, Route};

/// How long a broker that was left may take, at the end of a run, until the session
/// there is over.
const PATIENCE: Duration = Duration::from_secs(1);

/// How many brokers that were left are remembered: the latest.
const MOST: usize = 8;

/// The brokers that a session is with.
#[derive(Debug, Default)]
pub(super) struct Homes {
    /// Where the attempt under way leads.
    reached: Option<Route>,
    /// Where the last connection was up.
    current: Option<Route>,
    /// Where earlier ones were.
    left: Vec<Route>,
    /// Where the next attempt has to lead.
    only: Option<Route>,
    /// That is one of those that were left.
    parting: bool,
}

impl Homes {
    /// What the next attempt has to go by.
    pub(super) fn restrict(&self, connection: &Arc<Connection>) -> Arc<Connection> {
        let Some(only) = &self.only else {
            return Arc::clone(connection);
        };
        let mut restricted = Connection::clone(connection);
        restricted.route = only.clone();
        restricted.fallbacks = Vec::new();
        // The way is that to one of the hosts that the records told.
        restricted.srv = false;
        if self.parting {
            restricted.connect_timeout = restricted.connect_timeout.min(PATIENCE);
        }
        Arc::new(restricted)
    }

    /// The attempt leads to a broker; whether that is another one than before.
    pub(super) fn reach(&mut self, route: &Route) -> bool {
        self.reached = Some(route.clone());
        self.has_moved()
    }

    /// Whether the attempt leads to another broker than the last connection.
    pub(super) fn has_moved(&self) -> bool {
        let host = |route: &Option<Route>| route.as_ref().map(|route| route.host.clone());
        self.current.is_some() && host(&self.reached) != host(&self.current)
    }

    /// The session is with the broker that was reached.
    pub(super) fn settle(&mut self) {
        self.only = None;
        let Some(route) = self.reached.clone() else { return };
        let before = self.current.replace(route);
        self.left.extend(before);
        let here = self.host().cloned();
        let mut seen = Vec::new();
        self.left.reverse();
        self.left.retain(|route| {
            let keep = here.as_ref() != Some(&route.host) && !seen.contains(&route.host);
            seen.push(route.host.clone());
            keep
        });
        self.left.truncate(MOST);
        self.left.reverse();
    }

    /// The broker of the last connection.
    pub(super) fn host(&self) -> Option<&Host> {
        self.current.as_ref().map(|route| &route.host)
    }

    /// The next attempt leads to the broker that was reached.
    pub(super) fn stay(&mut self) {
        self.only.clone_from(&self.reached);
    }

    /// The next attempt leads to the broker of the last connection.
    pub(super) fn go_home(&mut self) {
        self.only.clone_from(&self.current);
    }

    /// The next attempt leads to a broker that was left, if there is one: the latest.
    pub(super) fn part(&mut self) -> Option<&Host> {
        self.only = Some(self.left.pop()?);
        self.parting = true;
        self.only.as_ref().map(|route| &route.host)
    }

    /// The next attempt may lead anywhere.
    pub(super) fn roam(&mut self) {
        self.only = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn route(name: &str) -> Route {
        let host = Host {
            name: name.to_owned(),
            port: 1883,
        };
        Route {
            host,
            tls: None,
            websocket: None,
            proxy: None,
        }
    }

    #[test]
    fn those_that_were_left_are_parted_from_once_each() {
        let mut homes = Homes::default();
        for (name, moved) in [
            ("a", false),
            ("a", false),
            ("b", true),
            ("a", true),
            ("c", true),
            ("b", true),
        ] {
            assert_eq!(homes.reach(&route(name)), moved, "{name}");
            homes.settle();
            assert!(!homes.has_moved());
        }
        assert_eq!(homes.host(), Some(&route("b").host));
        assert_eq!(homes.part(), Some(&route("c").host));
        assert_eq!(homes.part(), Some(&route("a").host));
        assert_eq!(homes.part(), None);
    }

    #[test]
    fn they_are_not_remembered_without_end() {
        let mut homes = Homes::default();
        for number in 0..20 {
            homes.reach(&route(&number.to_string()));
            homes.settle();
        }
        let parted = std::iter::from_fn(|| homes.part().map(|host| host.name.clone()));
        assert!(parted.eq((11..19).rev().map(|number| number.to_string())));
    }
}

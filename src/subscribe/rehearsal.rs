//! `--dry-run`: everything up to the connection, and an account of it.

use std::fmt::Write as _;

use crate::config::subscribe::Subscribe;
use crate::entry::{self, Ending};
use crate::exit::Exit;
use crate::failure::quote;

/// Says what would be subscribed to.
pub(super) fn run(subscribe: &Subscribe) -> anyhow::Result<Ending> {
    let mut text = entry::rehearse(&subscribe.connection)?;
    for subscription in &subscribe.subscriptions {
        let (filter, qos) = (quote(subscription.filter.as_str()), subscription.qos as u8);
        let _ = writeln!(text, "would subscribe to {filter} at QoS {qos}");
    }
    for filter in &subscribe.unsubscribe {
        let _ = writeln!(text, "would end the subscription to {}", quote(filter.as_str()));
    }
    entry::print_out(&text)?;
    Ok(Ending::Status(Exit::Done))
}

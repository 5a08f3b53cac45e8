//! `--dry-run`: everything up to the connection, and an account of it.

use std::fmt::Write as _;

use crate::config::subscribe::Subscribe;
use crate::entry::{self, Ending};
use crate::exit::Exit;
use crate::failure::quote;

use super::exec::look;

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
    if let Some(exec) = &subscribe.exec {
        look(exec)?;
        let program = quote(&exec.recipe.program().to_string_lossy());
        let _ = write!(text, "would run {program} for each message, {} at a time", exec.jobs);
        if exec.reply.is_some() {
            text.push_str(", and publish what it prints");
        }
        text.push('\n');
    }
    entry::print_out(&text)?;
    Ok(Ending::Status(Exit::Done))
}

//! What is in a spool, in words and as JSON.

use std::fmt::Write as _;
use std::time::{Duration, SystemTime};

use crate::entry::{self, Ending};
use crate::exit::Exit;
use crate::spool::{Losses, Status};

/// Prints what there is to stdout.
///
/// # Errors
/// That stdout does not take it, unless its reader has gone.
pub(super) fn print(status: Status, json: bool) -> anyhow::Result<Ending> {
    let text = if json {
        as_json(status)
    } else {
        as_text(status, SystemTime::now())
    };
    entry::print_out(&text)?;
    Ok(Ending::Status(Exit::Done))
}

fn as_text(status: Status, now: SystemTime) -> String {
    let mut text = format!("messages: {}\nbytes: {}\n", status.messages, status.bytes);
    if let Some(oldest) = status.oldest {
        let age = now.duration_since(oldest).unwrap_or_default();
        let age = humantime::format_duration(Duration::from_secs(age.as_secs()));
        let oldest = humantime::format_rfc3339_seconds(oldest);
        let _ = writeln!(text, "oldest: {oldest} ({age} ago)");
    }
    for (name, count) in losses(status.losses) {
        if count > 0 {
            let _ = writeln!(text, "{name}: {count}");
        }
    }
    text
}

fn as_json(status: Status) -> String {
    let oldest = status.oldest.map_or_else(
        || "null".to_owned(),
        |time| format!("\"{}\"", humantime::format_rfc3339_micros(time)),
    );
    let (messages, bytes) = (status.messages, status.bytes);
    let mut text = format!("{{\"messages\":{messages},\"bytes\":{bytes},\"oldest\":{oldest}");
    for (name, count) in losses(status.losses) {
        let _ = write!(text, ",\"{}\":{count}", name.replace(' ', "_"));
    }
    text.push_str("}\n");
    text
}

fn losses(losses: Losses) -> [(&'static str, u64); 4] {
    let Losses {
        dropped,
        expired,
        refused,
        damaged,
    } = losses;
    [
        ("dropped", dropped),
        ("expired", expired),
        ("refused", refused),
        ("damaged bytes", damaged),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::UNIX_EPOCH;

    #[test]
    fn text_and_json() {
        let mut status = Status {
            messages: 2,
            bytes: 90,
            oldest: None,
            losses: Losses::default(),
        };
        assert_eq!(as_text(status, UNIX_EPOCH), "messages: 2\nbytes: 90\n");
        status.oldest = Some(UNIX_EPOCH + Duration::from_millis(1500));
        status.losses.damaged = 7;
        assert_eq!(
            as_text(status, UNIX_EPOCH + Duration::from_secs(75)),
            "messages: 2\nbytes: 90\noldest: 1970-01-01T00:00:01Z (1m 13s ago)\ndamaged bytes: 7\n"
        );
        assert_eq!(
            as_json(status),
            "{\"messages\":2,\"bytes\":90,\"oldest\":\"1970-01-01T00:00:01.500000Z\",\
             \"dropped\":0,\"expired\":0,\"refused\":0,\"damaged_bytes\":7}\n"
        );
    }
}

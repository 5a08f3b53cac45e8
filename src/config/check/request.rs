//! The relations of the options of requests.

use super::{apart, usage};
use crate::failure::Failure;
use crate::flags::PublishFlags;

/// The checks of the options of requests.
pub(in crate::config) fn all(flags: &PublishFlags) -> Result<(), Failure> {
    if !flags.request.request {
        return needs_request(flags);
    }
    let request = (true, "--request");
    for other in [
        (flags.spool.spool.is_some(), "--spool"),
        (flags.account.tee, "--tee"),
        (flags.account.progress, "--progress"),
        (flags.replay.replay, "--replay"),
        // A request that is kept would be answered to nobody.
        (flags.message.retain, "-r"),
        (flags.message.topic.len() > 1 && !flags.request.named, "several -t"),
    ] {
        apart(request, other)?;
    }
    apart(
        (flags.request.latency, "--latency"),
        (flags.shared.general.quiet, "--quiet"),
    )
}

/// What is said of replies says it of those to a request.
fn needs_request(flags: &PublishFlags) -> Result<(), Failure> {
    match flags.request.given().iter().find(|(given, _)| *given) {
        Some((_, option)) => Err(usage(format!("{option} needs --request"))),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flags;

    fn checked(words: &str) -> Result<(), String> {
        let line = format!("mqpub {words}");
        let flags: PublishFlags = flags::parse(line.split(' ').map(Into::into)).unwrap();
        all(&flags).map_err(|failure| failure.to_string())
    }

    #[test]
    fn what_is_for_replies_needs_request() {
        for (words, option) in [
            ("-e a", "-e"),
            ("--max-requests 3", "--max-requests"),
            ("-C 1", "-C"),
            ("--idle 1", "--idle"),
            ("-v", "-v"),
            ("-F %p", "-F"),
            ("--pretty", "--pretty"),
            ("-N", "-N"),
            ("--reply-json", "--reply-json"),
            ("--latency", "--latency"),
            ("-R", "-R"),
            ("--retain-handling new", "--retain-handling"),
            ("--retain-as-published", "--retain-as-published"),
        ] {
            assert_eq!(checked(words), Err(format!("{option} needs --request")));
            if option != "--pretty" {
                assert_eq!(checked(&format!("{words} --request")), Ok(()));
            }
        }
    }

    #[test]
    fn what_makes_no_sense_of_requests_is_refused() {
        for (words, other) in [
            ("--spool d", "--spool"),
            ("-l --tee", "--tee"),
            ("-l --progress", "--progress"),
            ("--json --replay", "--replay"),
            ("-r", "-r"),
            ("-t a -t b", "several -t"),
        ] {
            let why = format!("--request and {other} cannot be used together");
            assert_eq!(checked(&format!("{words} --request")), Err(why));
        }
    }
}

//! `--dry-run`: everything up to the connection, and an account of it.

use std::fmt::Write as _;
use std::time::Instant;

use crate::config::publish::{Pace, Publish, Source};
use crate::config::spool::Task;
use crate::entry::{self, Ending};
use crate::exit::Exit;
use crate::failure::{Failure, quote};
use crate::feed::Feed;
use crate::report::Report;

use super::input::Input;

/// Says what would be published, from input that is read as for a real run.
pub(super) fn run(publish: Publish, report: Report) -> anyhow::Result<Ending> {
    if publish.spool.as_ref().is_some_and(|spool| spool.task != Task::Take) {
        let why = "--dry-run needs messages: it cannot be used with --spool-drain or --spool-status";
        return Err(Failure::new(Exit::Usage, why).into());
    }
    let spool = publish.spool.as_ref().map(|spool| spool.folder.clone());
    let mut text = entry::rehearse(&publish.connection)?;
    if let Some(request) = &publish.request {
        let replies = &request.subscription;
        let (filter, qos) = (quote(replies.filter.as_str()), replies.qos as u8);
        let _ = writeln!(text, "would subscribe to {filter} at QoS {qos} for the replies");
    }
    let mut input = Input::open(&publish, None)?;
    let now = Instant::now();
    let (topics, qos, retain) = (
        publish.template.topics.clone(),
        publish.template.qos,
        publish.template.retain,
    );
    let (mut messages, mut wrong) = (0, 0_u64);
    let from = match &publish.source {
        Source::Stream(stream) => {
            let mut feed = Feed::stream(publish.template, &stream.record, publish.pace, now);
            let Some(stream) = input.stream() else {
                return Err(Failure::new(Exit::Failed, "there is no stream to read").into());
            };
            while !stream.is_over() && !stream.begins_again() {
                stream.read()?;
                while let Some((number, record)) = stream.next() {
                    match feed.add(&record) {
                        Ok(()) => messages += feed.discard(),
                        Err(why) => {
                            wrong += 1;
                            report.warn(format_args!("line {number}: {why}"));
                        }
                    }
                }
            }
            " from stdin"
        }
        _ => {
            let texts = std::mem::take(&mut input.payloads);
            let feed = Feed::fixed(publish.template, texts, 1, Pace::None, now);
            messages = feed.map_err(|why| super::cannot_make(&why))?.take(now, true).len();
            ""
        }
    };
    let plural = |count: u64| if count == 1 { "message" } else { "messages" };
    let count = u64::try_from(messages).unwrap_or(u64::MAX);
    let _ = write!(text, "would publish {count} {}{from}", plural(count));
    if let [first, others @ ..] = &topics[..] {
        let _ = write!(text, " to {}", quote(first.as_str()));
        for topic in others {
            let _ = write!(text, ", {}", quote(topic.as_str()));
        }
    }
    let _ = write!(text, " at QoS {}", qos as u8);
    if retain {
        text.push_str(", retained");
    }
    if publish.repeat > 1 {
        let _ = write!(text, ", {} times", publish.repeat);
    }
    if let Some(spool) = spool {
        let _ = write!(text, ", by way of the spool {}", spool.display());
    }
    text.push('\n');
    entry::print_out(&text)?;
    match wrong {
        0 => Ok(Ending::Status(Exit::Done)),
        1 => Err(Failure::new(Exit::Failed, "1 line is no message").into()),
        count => Err(Failure::new(Exit::Failed, format!("{count} lines are no messages")).into()),
    }
}

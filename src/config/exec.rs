//! The command that mqsub runs for each message.

use std::time::Duration;

use super::check::{apart, usage};
use super::connection::Version;
use crate::exec::{Argument, Recipe};
use crate::failure::Failure;
use crate::flags::SubscribeFlags;
use crate::flags::exec::OnFailure;

/// What to run, and what of it.
#[derive(Clone, Debug)]
pub struct Exec {
    /// What.
    pub recipe: Recipe,
    /// How many at a time.
    pub jobs: u16,
    /// How long each may take.
    pub timeout: Option<Duration>,
    /// What a failure does.
    pub on_failure: OnFailure,
    /// What it says is published.
    pub reply: Option<Reply>,
}

/// Where answers go.
#[derive(Clone, Debug)]
pub struct Reply {
    /// If a message does not say.
    pub topic: Option<Argument>,
    /// Failures are answered, too.
    pub errors: bool,
}

impl Exec {
    /// Gives the flags their meaning.
    ///
    /// # Errors
    /// [`Exit::Usage`](crate::exit::Exit::Usage), with the options named.
    pub(super) fn new(flags: &SubscribeFlags, version: Version) -> Result<Option<Self>, Failure> {
        let typed = &flags.exec;
        let Some(command) = &typed.exec else {
            needed_by(flags)?;
            return Ok(None);
        };
        nothing_is_printed(flags)?;
        answers(flags, version)?;
        let recipe = Recipe::new(&command.0).map_err(|why| usage(format!("--exec: {why}")))?;
        let topic = typed.reply_topic.as_deref().map(Argument::new).transpose();
        let topic = topic.map_err(|why| usage(format!("--reply-topic: {why}")))?;
        Ok(Some(Self {
            recipe,
            jobs: typed.exec_jobs.unwrap_or(1),
            timeout: typed.exec_timeout,
            on_failure: typed.exec_failure.unwrap_or_default(),
            reply: typed.reply.then_some(Reply {
                topic,
                errors: typed.reply_errors,
            }),
        }))
    }
}

/// What says how a command is run needs a command.
fn needed_by(flags: &SubscribeFlags) -> Result<(), Failure> {
    let flags = &flags.exec;
    let given = [
        (flags.exec_jobs.is_some(), "--exec-jobs"),
        (flags.exec_timeout.is_some(), "--exec-timeout"),
        (flags.exec_failure.is_some(), "--exec-failure"),
        (flags.reply, "--reply"),
        (flags.reply_topic.is_some(), "--reply-topic"),
        (flags.reply_errors, "--reply-errors"),
    ];
    match given.into_iter().find(|(given, _)| *given) {
        Some((_, option)) => Err(usage(format!("{option} needs --exec"))),
        None => Ok(()),
    }
}

/// The command has the message, whole: there is no output to set messages apart
/// in. What --json and -F make of it is what the command reads.
fn nothing_is_printed(flags: &SubscribeFlags) -> Result<(), Failure> {
    let output = &flags.output;
    for other in [
        (output.verbose && output.format.is_none(), "-v"),
        (output.no_newline, "-N"),
        (output.delimiter.is_some(), "--delimiter"),
        (output.nul, "-0"),
        (output.framed, "--framed"),
        (output.output_dir.is_some(), "--output-dir"),
        (flags.view.watch, "--watch"),
        (flags.view.message_rate, "--message-rate"),
        (flags.end.subscribe_only, "-E"),
    ] {
        apart((true, "--exec"), other)?;
    }
    Ok(())
}

fn answers(flags: &SubscribeFlags, version: Version) -> Result<(), Failure> {
    let typed = &flags.exec;
    if !typed.reply {
        for (given, option) in [
            (typed.reply_topic.is_some(), "--reply-topic"),
            (typed.reply_errors, "--reply-errors"),
        ] {
            if given {
                return Err(usage(format!("{option} needs --reply")));
            }
        }
        return Ok(());
    }
    if version != Version::V5 {
        if typed.reply_topic.is_none() {
            let why = "--reply needs MQTT 5 (-V 5): before it no message has a response topic";
            return Err(usage(why).hint("--reply-topic says where else answers go"));
        }
        if typed.reply_errors {
            return Err(usage("--reply-errors needs MQTT 5 (-V 5)"));
        }
    }
    // The deletions are told from the answers by their number.
    apart(
        (true, "--reply"),
        (flags.selection.remove_retained, "--remove-retained"),
    )
}

#[cfg(test)]
mod tests {
    use super::super::subscribe::Subscribe;
    use super::*;
    use crate::flags;
    use crate::property::RECEIVE_MAXIMUM;

    fn resolved(line: &str) -> Result<Subscribe, String> {
        let words = format!("mqsub -t a {line}");
        let flags: SubscribeFlags = flags::parse(words.split_ascii_whitespace().map(Into::into)).unwrap();
        Subscribe::new(flags).map_err(|failure| failure.to_string())
    }

    #[test]
    fn what_is_said_of_commands_is_resolved() {
        let exec = resolved("--exec true").unwrap().exec.unwrap();
        assert_eq!((exec.jobs, exec.timeout, exec.on_failure), (1, None, OnFailure::Stop));
        assert!(exec.reply.is_none());
        let line =
            "-V 5 --reply --reply-errors --exec-jobs 4 --exec-timeout 2 --exec-failure count --exec true {topic}";
        let exec = resolved(line).unwrap().exec.unwrap();
        assert_eq!((exec.jobs, exec.timeout), (4, Some(Duration::from_secs(2))));
        assert!(exec.reply.is_some_and(|reply| reply.errors && reply.topic.is_none()));
        assert!(resolved("--reply --reply-topic {topic}/answer --exec true").is_ok());
        assert!(resolved("--json --exec true").is_ok() && resolved("-v -F %t --exec true").is_ok());
        assert!(resolved("").unwrap().exec.is_none());
    }

    #[test]
    fn as_many_messages_come_as_commands_can_run() {
        let maximum = |line: &str| resolved(line).unwrap().connection.properties.number(RECEIVE_MAXIMUM);
        assert_eq!(maximum("-V 5 --exec true"), Some(20));
        assert_eq!(maximum("-V 5 --exec-jobs 50 --exec true"), Some(100));
        assert_eq!(maximum("-V 5 -C 3 --exec-jobs 50 --exec true"), Some(3));
    }

    #[test]
    fn what_does_not_go_together_is_named() {
        for (line, why) in [
            ("--exec-jobs 2", "--exec-jobs needs --exec"),
            ("--reply", "--reply needs --exec"),
            ("--reply-topic x --exec true", "--reply-topic needs --reply"),
            ("--reply-errors --exec true", "--reply-errors needs --reply"),
            ("--reply --exec true", "--reply needs MQTT 5 (-V 5)"),
            (
                "--reply --reply-topic x --reply-errors --exec true",
                "--reply-errors needs MQTT 5",
            ),
            (
                "-V 5 --reply --remove-retained --exec true",
                "--reply and --remove-retained cannot be used together",
            ),
            ("-v --exec true", "--exec and -v cannot"),
            ("-N --exec true", "--exec and -N cannot"),
            ("-0 --exec true", "--exec and -0 cannot"),
            ("--framed --exec true", "--exec and --framed cannot"),
            ("--delimiter x --exec true", "--exec and --delimiter cannot"),
            ("--output-dir x --exec true", "--exec and --output-dir cannot"),
            ("--watch --exec true", "--exec and --watch cannot"),
            ("--message-rate --exec true", "--exec and --message-rate cannot"),
            ("-E --exec true", "--exec and -E cannot"),
            (
                "--exec true {nothing}",
                "--exec: '{nothing}': {nothing} is no variable; there are {topic}",
            ),
            ("--exec {topic}", "--exec: no message can choose the program"),
            (
                "-V 5 --reply --reply-topic {x} --exec true",
                "--reply-topic: {x} is no variable",
            ),
        ] {
            let error = resolved(line).unwrap_err();
            assert!(error.starts_with(why), "{line}: {error}");
        }
    }
}

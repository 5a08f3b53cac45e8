//! The options of mqsub that have a command run for each message.

use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::time::Duration;

use clap::Args;
use clap::builder::{OsStringValueParser, TypedValueParser as _};

use super::value;

/// A command for each message.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Commands")]
pub struct ExecFlags {
    /// Run this program for each message, without a shell; must be the last option
    ///
    /// All words behind the program are its arguments. `{topic}`, `{topic.N}` (its
    /// N-th level), `{payload}` and `{json:/POINTER}` in them stand for what the
    /// message has, `{{` and `}}` for braces. The payload is on its stdin (with --json or -F:
    /// what these make of the message), and the rest of the message in its
    /// environment; see mqsub(1). A message is acknowledged when its command has
    /// ended with status 0.
    #[arg(
        long,
        value_name = "PROGRAM [ARGUMENT]...",
        value_parser = OsStringValueParser::new().map(TypedCommand::unpack),
    )]
    pub exec: Option<TypedCommand>,

    /// How many commands of --exec may run at a time, each for another topic [default: 1]
    #[arg(long, value_name = "N", value_parser = value::whole(1..=1000))]
    pub exec_jobs: Option<u16>,

    /// End a command of --exec, and all that it has started, that takes longer; it has failed then
    #[arg(long, value_name = "TIME", value_parser = value::positive_duration)]
    pub exec_timeout: Option<Duration>,

    /// What the failure of a command of --exec does: stop or count [default: stop]
    ///
    /// With stop the run ends, and the message stays unacknowledged. With count the
    /// message is acknowledged, the run goes on, and tells in the end how many
    /// commands have failed.
    #[arg(long, value_name = "ACTION", value_parser = on_failure)]
    pub exec_failure: Option<OnFailure>,

    /// Publish what a command of --exec writes to its stdout as the answer to its message
    ///
    /// It goes to the response topic of the message, with its correlation data and
    /// QoS. MQTT 5, or --reply-topic.
    #[arg(long)]
    pub reply: bool,

    /// Where --reply publishes if a message has no response topic; with variables as in --exec
    #[arg(long, value_name = "PATTERN")]
    pub reply_topic: Option<OsString>,

    /// With --reply: answer as well if the command failed, with the user property exec-failure; MQTT 5
    #[arg(long)]
    pub reply_errors: bool,
}

/// A command as typed: the words behind `--exec`, which are one value for clap,
/// joined with NUL, which no argument can have; `scan` does that.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TypedCommand(pub Vec<OsString>);

/// What joins the words.
const JOINT: u8 = 0;

impl TypedCommand {
    /// Makes one value of several.
    pub(super) fn pack(words: &[OsString]) -> OsString {
        let words: Vec<&[u8]> = words.iter().map(|word| word.as_bytes()).collect();
        OsString::from_vec(words.join(&JOINT))
    }

    fn unpack(packed: OsString) -> Self {
        let packed = packed.into_vec();
        let words = packed.split(|byte| *byte == JOINT);
        Self(words.map(|word| OsString::from_vec(word.to_vec())).collect())
    }
}

/// What the failure of a command does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnFailure {
    /// It ends the run.
    #[default]
    Stop,
    /// It is counted.
    Count,
}

fn on_failure(text: &str) -> Result<OnFailure, String> {
    match text {
        "stop" => Ok(OnFailure::Stop),
        "count" => Ok(OnFailure::Count),
        _ => Err("must be stop or count".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::{SubscribeFlags, parse};
    use super::*;

    fn parsed(line: &str) -> SubscribeFlags {
        parse(line.split(' ').map(OsString::from)).unwrap()
    }

    #[test]
    fn everything_behind_it_belongs_to_the_command() {
        for (line, words) in [
            ("mqsub -t a --exec prog", vec!["prog"]),
            ("mqsub -t a --exec=prog -x  y", vec!["prog", "-x", "", "y"]),
            (
                "mqsub -t a --exec prog -t b -- --exec -D --nonsense -h",
                vec!["prog", "-t", "b", "--", "--exec", "-D", "--nonsense", "-h"],
            ),
            ("mqsub -t a --exec -p", vec!["-p"]),
        ] {
            let flags = parsed(line);
            let exec = flags.exec.exec.unwrap().0;
            assert_eq!(exec, words, "{line}");
            assert_eq!(flags.subscription.topic, ["a"], "{line}");
            assert!(!flags.shared.general.debug);
        }
        let flags = parsed("mqsub -t --exec -d");
        assert!(
            flags.exec.exec.is_none() && flags.shared.general.debug,
            "a value of another option"
        );
        for line in [
            "mqsub -t a --exec",
            "mqsub -t a --exec-failure later",
            "mqsub --exec-jobs 0",
        ] {
            assert!(
                parse::<SubscribeFlags>(line.split(' ').map(OsString::from)).is_err(),
                "{line}"
            );
        }
    }
}

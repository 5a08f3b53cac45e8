//! What the help and the manual say beyond the options: examples, as data that
//! the help prints and the tests run.

use std::fmt::Write as _;

use crate::exit;

/// A command line that works as it stands, and what it is good for.
#[derive(Clone, Copy, Debug)]
pub struct Example {
    /// What it does.
    pub title: &'static str,
    /// The shell command.
    pub command: &'static str,
}

/// Examples of mqpub.
pub const PUBLISH_EXAMPLES: [Example; 4] = [
    Example {
        title: "One message",
        command: "mqpub -t home/lamp -m on",
    },
    Example {
        title: "A stream, a line a message, acknowledged each",
        command: "sensor | mqpub -l -q 1 -t home/temperature",
    },
    Example {
        title: "A retained file over TLS",
        command: "mqpub -L mqtts://alice:secret@broker.example/home/plan -r -f plan.pdf",
    },
    Example {
        title: "Delete a retained message",
        command: "mqpub -t home/plan -r -n",
    },
];

/// Examples of mqsub.
pub const SUBSCRIBE_EXAMPLES: [Example; 4] = [
    Example {
        title: "All messages below a topic, with their topics",
        command: "mqsub -v -t 'home/#'",
    },
    Example {
        title: "Records for a program",
        command: "mqsub --json -t 'home/#' | jq -r .payload",
    },
    Example {
        title: "One message, or status 27 after five seconds",
        command: "mqsub -t home/lamp -C 1 -W 5",
    },
    Example {
        title: "Over WebSocket with TLS",
        command: "mqsub --ws --tls-use-os-certs -h broker.example -p 9443 -t home/lamp",
    },
];

/// What stands below the options in the help.
pub fn after_help(examples: &[Example]) -> String {
    let mut text = String::from("Examples:\n");
    for Example { title, command } in examples {
        let _ = writeln!(text, "  {title}:\n      {command}");
    }
    let _ = write!(text, "\nExit status:\n{}", exit::table_text());
    text
}

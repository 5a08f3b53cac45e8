//! What the help and the manual say beyond the options, as data that the help
//! prints, the pages are made of, and the tests read and run.

mod differences;

use std::fmt::Write as _;

use clap::{Arg, ValueHint};

pub use self::differences::{DIFFERENCES, Difference};
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
pub const PUBLISH_EXAMPLES: &[Example] = &[
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
        title: "Whether a broker is well, and what it can do",
        command: "mqpub --check -V 5",
    },
    Example {
        title: "How many messages a second go to a broker and back",
        command: "mqpub --bench --for 1s -q 1 --quiet | jq .rate",
    },
    Example {
        title: "Delete a retained message",
        command: "mqpub -t home/plan -r -n",
    },
];

/// Examples of mqsub.
pub const SUBSCRIBE_EXAMPLES: &[Example] = &[
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
        title: "What the broker retains below a topic, and no more",
        command: "mqsub -v -t 'home/#' --until-retained",
    },
    Example {
        title: "A command for each message, acknowledged when it has succeeded",
        command: "mqsub -q 1 -t 'home/+/temperature' --exec echo '{topic.2}: {payload} degrees'",
    },
    Example {
        title: "Over WebSocket with TLS",
        command: "mqsub --ws --tls-use-os-certs -h broker.example -p 9443 -t home/lamp",
    },
];

/// Command lines for more than one tool, or for a purpose that is none's alone.
pub const RECIPES: &[Example] = &[
    Example {
        title: "Every line delivered, or a word about it",
        command: "sensor | mqpub -l -q 1 -t home/temperature || echo \"status $?\" >&2",
    },
    Example {
        title: "Wait for a broker that is just starting",
        command: "mqpub --retry-for 1m -q 1 -t boot -m \"$(uname -n)\"",
    },
    Example {
        title: "Take the messages that came while nobody was there, too",
        command: "mqsub -c -i archive -q 1 --json -t 'home/#' >>archive.jsonl",
    },
    Example {
        title: "Copy topics from one broker to another",
        command: "mqsub --json -q 1 -t 'home/#' | mqpub --json -h there",
    },
    Example {
        title: "Ask, and wait a second for the reply",
        command: "mqpub --quiet --request -W 1 -t home/lamp/get -n || echo 'nobody answered'",
    },
    Example {
        title: "Act on what a message says",
        command: "mqsub --json -t 'home/+/temperature' |\n  \
                  jq -r --unbuffered 'select((.payload | tonumber) > 30) | .topic'",
    },
    Example {
        title: "Share the work: each message goes to one of the group",
        command: "mqsub -q 1 -t '$share/workers/home/#' | while read -r value; do echo \"$value\"; done",
    },
    Example {
        title: "From cron: deliver now what is on the disk, or leave it to the next run",
        command: "backup && mqpub --spool queue -q 2 -r -t backup/last -m \"$(date +%s)\"",
    },
    Example {
        title: "A stream that survives an outage, a reboot too; and what still waits then",
        command: "sensor | mqpub -l -q 1 -t home/temperature --spool queue --spool-limit 100M\n\
                  mqpub --spool queue --spool-status",
    },
    Example {
        title: "For a monitor: is the broker well, and quick enough",
        command: "mqpub --check --nagios --warn 10s --crit 20s",
    },
    Example {
        title: "How late the slowest hundredth comes, at a rate, over two connections",
        command: "mqpub --bench --for 1s -q 1 --rate 100/s --connections 2 --quiet | jq .latency_ms.p99",
    },
    Example {
        title: "Several commands at a time, none for long; those that fail are counted",
        command: "mqsub -q 1 -t 'home/+/temperature' --exec-jobs 4 --exec-timeout 10s \\\n  \
                  --exec-failure count --exec echo '{topic.2}' '{payload}'",
    },
    Example {
        title: "Ask; and on the other side a program that answers, asked once it is ready",
        command: "mqsub -V 5 -q 1 -t ask/time -C 1 --ready-file ready --reply --exec date &\n\
                  until [ -e ready ]; do sleep 1; done\n\
                  mqpub --quiet --request -W 30 -q 1 -t ask/time -n",
    },
    Example {
        title: "Keep what is published, and play it again ten times as fast",
        command: "mqsub --json -t 'home/#' -C 10 >kept.jsonl &&\n  \
                  mqpub --json --replay --speed 10x <kept.jsonl",
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

/// An environment variable or a file, and what the tools do with it.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// Its name, or its path.
    pub name: &'static str,
    /// What it is for.
    pub meaning: &'static str,
}

/// The environment variables that the tools heed.
pub const ENVIRONMENT: &[Entry] = &[
    Entry {
        name: "MQTT_HOST",
        meaning: "the broker, as -h; all of these MQTT_ variables give way to options, not to files",
    },
    Entry {
        name: "MQTT_PORT",
        meaning: "the port, as -p",
    },
    Entry {
        name: "MQTT_USERNAME",
        meaning: "the user name, as -u",
    },
    Entry {
        name: "MQTT_PASSWORD",
        meaning: "the password, as -P",
    },
    Entry {
        name: "MQTT_PASSWORD_FILE",
        meaning: "a file whose first line is the password, as --password-file",
    },
    Entry {
        name: "MQTT_CLIENT_ID",
        meaning: "the client identifier, as -i",
    },
    Entry {
        name: "MQTT_CAFILE",
        meaning: "a file of trusted certificates, as --cafile",
    },
    Entry {
        name: "MQTT_CERT",
        meaning: "our certificate, as --cert",
    },
    Entry {
        name: "MQTT_KEY",
        meaning: "its private key, as --key",
    },
    Entry {
        name: "MQTOOLS_CONFIG",
        meaning: "the file of profiles, as --config",
    },
    Entry {
        name: "MQTOOLS_PROFILE",
        meaning: "the profile, as --profile",
    },
    Entry {
        name: "ALL_PROXY",
        meaning: "the proxy for brokers that are not on this machine, unless --proxy is given; \
                  all_proxy comes before it",
    },
    Entry {
        name: "NO_PROXY",
        meaning: "what that proxy is not for, with commas: hosts, domains with all below them, \
                  addresses, networks such as 10.0.0.0/8, or *; no_proxy comes before it",
    },
    Entry {
        name: "XDG_CONFIG_HOME",
        meaning: "the folder of the options file that is read without being asked for",
    },
    Entry {
        name: "HOME",
        meaning: "the folder whose .config is used when XDG_CONFIG_HOME is not set",
    },
    Entry {
        name: "TZ",
        meaning: "the time zone of the times in mqsub -F, instead of the system's",
    },
    Entry {
        name: "SSL_CERT_FILE, SSL_CERT_DIR",
        meaning: "other places for the system's trusted certificates",
    },
];

/// The files that the tools read without being told to.
pub const FILES: &[Entry] = &[
    Entry {
        name: "~/.config/mqtools/config.toml",
        meaning: "the file of profiles, for both tools; read only when a profile is asked for",
    },
    Entry {
        name: "~/.config/mosquitto_pub",
        meaning: "options for mqpub, as -o reads them; $XDG_CONFIG_HOME takes the place of ~/.config",
    },
    Entry {
        name: "~/.config/mosquitto_sub",
        meaning: "the same for mqsub",
    },
    Entry {
        name: "~/.config/mosquitto_rr",
        meaning: "the same for mqpub under the name mosquitto_rr",
    },
];

/// What may stand for a value, so that a shell can offer it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Values {
    /// One of these.
    OneOf(&'static [&'static str]),
    /// What the shell itself knows: a file, a host name.
    Hint(ValueHint),
    /// Anything.
    Free,
}

/// What a value may be, by its name in the help. An option whose value is
/// different from others of that name has a row of its own: `--option`.
pub const VALUES: &[(&str, Values)] = &[
    ("--profile", Values::Free),
    ("--proxy", Values::OneOf(&["socks5h://", "http://", "none"])),
    ("--unix", Values::Hint(ValueHint::FilePath)),
    ("ACTION", Values::OneOf(&["stop", "count"])),
    ("ADDRESS", Values::Free),
    (
        "COMMAND PROPERTY [NAME] VALUE",
        Values::OneOf(&["connect", "publish", "will", "disconnect", "subscribe", "unsubscribe"]),
    ),
    ("COMMAND", Values::Hint(ValueHint::CommandString)),
    ("DIR", Values::Hint(ValueHint::DirPath)),
    ("FD", Values::Free),
    ("FILE", Values::Hint(ValueHint::FilePath)),
    ("FILTER", Values::Free),
    ("FORMAT", Values::OneOf(&["%t %p", "%j", "%J", "@s.@N %t %x"])),
    ("FORM", Values::OneOf(&["hex", "base64", "cbor", "msgpack"])),
    ("GROUP", Values::Free),
    ("HOST", Values::Hint(ValueHint::Hostname)),
    ("ID", Values::Free),
    ("N", Values::Free),
    ("N/UNIT", Values::Free),
    ("NAME", Values::Hint(ValueHint::Username)),
    ("NAME:VALUE", Values::Free),
    ("OPTIONS:FILTER", Values::Free),
    ("PATH", Values::Free),
    ("PERCENT", Values::Free),
    ("PORT", Values::OneOf(&["1883", "8883"])),
    ("QOS", Values::OneOf(&["0", "1", "2"])),
    ("SPEED", Values::OneOf(&["1x", "2x", "10x", "max"])),
    ("STRING", Values::OneOf(&["\\0", "\\t", "\\n", "\\r\\n"])),
    ("PASSWORD", Values::Free),
    ("POLICY", Values::OneOf(&["refuse", "drop-oldest"])),
    ("PREFIX", Values::Free),
    ("PATTERN", Values::Free),
    ("PROGRAM [ARGUMENT]...", Values::Hint(ValueHint::CommandName)),
    ("SIZE", Values::Free),
    ("SIZE|AGE", Values::Free),
    ("TEXT", Values::Free),
    ("TIME", Values::Free),
    ("TOPIC", Values::Free),
    ("URL", Values::OneOf(&["mqtt://", "mqtts://", "ws://", "wss://"])),
    ("VERSION", Values::OneOf(&["5", "311", "31"])),
    ("TLS-VERSION", Values::OneOf(&["tlsv1.2", "tlsv1.3"])),
    ("--keyform", Values::OneOf(&["pem"])),
    ("HASH", Values::Free),
    ("HEX", Values::Free),
    ("LIST", Values::Free),
    ("PROTOCOL", Values::OneOf(&["mqtt"])),
    ("ENGINE", Values::Free),
    ("--psk-identity", Values::Free),
    ("WHEN", Values::OneOf(&["always", "new", "never"])),
    ("SYNC", Values::OneOf(&["always", "batch", "none"])),
];

/// What may stand for the value of an option: [`VALUES`] says.
pub fn values_of(option: &Arg) -> Values {
    let row = |name: &str| VALUES.iter().find(|(other, _)| *other == name);
    let names = option.get_value_names().unwrap_or_default();
    let own = option.get_long().and_then(|long| row(&format!("--{long}")));
    let found = own.or_else(|| row(names.first()?));
    found.map_or(Values::Free, |(_, values)| *values)
}

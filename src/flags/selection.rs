//! The options of mqsub that say which of the messages are wanted, how they are
//! looked at, and who is told when the first can come.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::Args;

use super::value::qos;
use crate::message::{Qos, RetainHandling};

/// What is asked of the broker besides the plain topics.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Subscription")]
pub struct DetailFlags {
    /// A topic filter with options of its own, such as `qos=1,no-local:home/#`; may be given several times
    ///
    /// The options stand before the first colon, with commas: qos=0, 1 or 2;
    /// no-local (not what this client publishes); retain-as-published;
    /// retain-handling=always, new or never; id=NUMBER (the subscription
    /// identifier that comes with each message). All but qos need MQTT 5. What is
    /// not said here is as for -t.
    #[arg(long, value_name = "OPTIONS:FILTER", value_parser = filter_spec)]
    pub filter: Vec<FilterSpec>,

    /// Share the messages with all others of this group: each goes to one of them
    #[arg(long, value_name = "GROUP")]
    pub share: Option<String>,

    /// End the subscription to this filter, which the broker has kept; may be given several times
    #[arg(short = 'U', long, value_name = "FILTER")]
    pub unsubscribe: Vec<String>,

    /// When the broker sends what it retains: always, new or never; MQTT 5
    ///
    /// With new it does so unless it has kept this subscription.
    #[arg(long, value_name = "WHEN", value_parser = retain_handling)]
    pub retain_handling: Option<RetainHandling>,

    /// Keep the retain flag that a message was published with; MQTT 5
    #[arg(long)]
    pub retain_as_published: bool,
}

/// Which messages are wanted.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Selection")]
pub struct SelectionFlags {
    /// Leave out messages whose topic matches this filter; may be given several times
    #[arg(short = 'T', long, value_name = "FILTER")]
    pub filter_out: Vec<String>,

    /// Leave out messages that were retained
    #[arg(short = 'R', long)]
    pub no_retained: bool,

    /// Take only messages that were retained, and end with the first other one
    #[arg(long)]
    pub retained_only: bool,

    /// Delete from the broker each retained message that comes, but not those that -T leaves out
    ///
    /// With -R they are deleted and not printed. An end that is asked for waits
    /// until the broker has acknowledged the deletions.
    #[arg(long)]
    pub remove_retained: bool,

    /// Print this percentage of the messages, chosen at random; -C counts all of them
    #[arg(long, value_name = "PERCENT", value_parser = percentage)]
    pub random_filter: Option<f64>,
}

/// Other ways to look at messages.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Output")]
pub struct ViewFlags {
    /// Print each second how many messages have come, and not the messages
    #[arg(long)]
    pub message_rate: bool,

    /// Show a table of the topics on the terminal, with the last value of each; q ends it
    ///
    /// Arrows and page keys scroll. The number of topics is limited to 10000.
    #[arg(short, long)]
    pub watch: bool,
}

/// Who is told when every subscription has been acknowledged.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Ready")]
pub struct ReadyFlags {
    /// Make this empty file when every subscription has been acknowledged
    ///
    /// An empty file that is there before is removed at the start.
    #[arg(long, value_name = "FILE")]
    pub ready_file: Option<PathBuf>,

    /// Write a newline to this file descriptor when every subscription has been acknowledged
    #[arg(long, value_name = "FD", value_parser = super::value::whole(3..=u16::MAX))]
    pub ready_fd: Option<u16>,

    /// Run this command by sh once, when every subscription has been acknowledged
    ///
    /// What it prints goes to stderr. The messages do not wait for its end.
    #[arg(long, value_name = "COMMAND")]
    pub on_ready: Option<OsString>,
}

/// A topic filter with options of its own, as typed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FilterSpec {
    /// The topic filter; not checked.
    pub filter: String,
    /// `qos=`.
    pub qos: Option<Qos>,
    /// `no-local`.
    pub no_local: bool,
    /// `retain-as-published`.
    pub retain_as_published: bool,
    /// `retain-handling=`.
    pub retain_handling: Option<RetainHandling>,
    /// `id=`.
    pub identifier: Option<u32>,
}

/// The largest subscription identifier (MQTT 5, 3.8.2.1.2).
const MAX_IDENTIFIER: u32 = 268_435_455;

/// A topic filter with options of its own: `qos=1,no-local:a/#`. What stands
/// behind the first colon is the filter, whatever it has in it.
///
/// # Errors
/// That there is no colon; or the option that is not one.
pub fn filter_spec(text: &str) -> Result<FilterSpec, String> {
    let (options, filter) = text
        .split_once(':')
        .ok_or("must be OPTIONS:FILTER, such as qos=1,no-local:home/#")?;
    let mut spec = FilterSpec {
        filter: filter.to_owned(),
        ..FilterSpec::default()
    };
    for option in options.split(',').filter(|option| !option.is_empty()) {
        match option.split_once('=') {
            Some(("qos", text)) => spec.qos = Some(qos(text).map_err(|why| format!("qos {why}"))?),
            Some(("id", text)) => {
                let number = text.parse().ok().filter(|number| (1..=MAX_IDENTIFIER).contains(number));
                let wrong = || format!("id must be a whole number from 1 to {MAX_IDENTIFIER}");
                spec.identifier = Some(number.ok_or_else(wrong)?);
            }
            Some(("retain-handling", text)) => {
                let handling = retain_handling(text).map_err(|why| format!("retain-handling {why}"))?;
                spec.retain_handling = Some(handling);
            }
            None if option == "no-local" => spec.no_local = true,
            None if option == "retain-as-published" => spec.retain_as_published = true,
            _ => {
                let known = "qos=N, no-local, retain-as-published, retain-handling=WHEN and id=N";
                return Err(format!("'{option}' is none of {known}"));
            }
        }
    }
    Ok(spec)
}

/// When retained messages are sent, under mosquitto's names.
///
/// # Errors
/// The names there are.
pub fn retain_handling(text: &str) -> Result<RetainHandling, String> {
    match text {
        "always" => Ok(RetainHandling::Always),
        "new" => Ok(RetainHandling::New),
        "never" => Ok(RetainHandling::Never),
        _ => Err("must be always, new or never".to_owned()),
    }
}

/// A percentage, from 0.1 to 100.
///
/// # Errors
/// That it is not.
pub fn percentage(text: &str) -> Result<f64, String> {
    let number = text.strip_suffix('%').unwrap_or(text).parse().ok();
    number
        .filter(|number| (0.1..=100.0).contains(number))
        .ok_or_else(|| "must be a percentage from 0.1 to 100".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_with_options() {
        let plain = filter_spec(":a:b/#").unwrap();
        assert_eq!(
            (plain.filter.as_str(), plain.qos, plain.no_local),
            ("a:b/#", None, false)
        );
        let full = filter_spec("qos=1,no-local,retain-as-published,retain-handling=new,id=7:+/x=1,y").unwrap();
        let expected = FilterSpec {
            filter: "+/x=1,y".into(),
            qos: Some(Qos::AtLeastOnce),
            no_local: true,
            retain_as_published: true,
            retain_handling: Some(RetainHandling::New),
            identifier: Some(7),
        };
        assert_eq!(full, expected);
        for (text, why) in [
            ("a/#", "must be OPTIONS:FILTER"),
            ("qos=3:a", "qos must be 0, 1 or 2"),
            ("qos:a", "'qos' is none of"),
            ("id=0:a", "id must be a whole number"),
            ("id=268435456:a", "id must be a whole number"),
            ("no-local=1:a", "'no-local=1' is none of"),
            ("retain-handling=x:a", "retain-handling must be always"),
            ("home/a:b", "'home/a' is none of"),
        ] {
            let error = filter_spec(text).unwrap_err();
            assert!(error.starts_with(why), "{text}: {error}");
        }
    }

    #[test]
    fn percentages() {
        assert_eq!(percentage("50"), Ok(50.0));
        assert_eq!(percentage("0.1%"), Ok(0.1));
        for text in ["0", "0.05", "100.1", "x", "-1", "nan"] {
            assert!(percentage(text).is_err(), "{text}");
        }
    }
}

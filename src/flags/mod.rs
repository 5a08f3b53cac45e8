//! What was typed: the command lines of both tools, declared with their help,
//! parsed, not yet given a meaning. No I/O.

pub mod bench;
pub mod connection;
pub mod environment;
pub mod exec;
pub mod explain;
pub mod layers;
pub mod manual;
pub mod options_file;
pub mod output;
pub mod probe;
pub mod profile;
pub mod properties;
pub mod publish;
pub mod replay;
pub mod request;
mod scan;
pub mod secrets;
pub mod selection;
pub mod spool;
pub mod subscribe;
pub mod tls;
pub mod value;
pub mod will;

use std::ffi::OsString;

use clap::{Args, Command, Parser};

pub use self::publish::PublishFlags;
pub use self::subscribe::SubscribeFlags;

use self::connection::{ConnectionFlags, GeneralFlags};
use self::layers::Layer;
use self::properties::PropertyFlags;
use self::tls::TlsFlags;
use self::will::WillFlags;
use crate::exit;

/// Which of the two tools.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tool {
    /// mqpub.
    Publish,
    /// mqsub.
    Subscribe,
}

impl Tool {
    /// The tool's name.
    pub fn program(self) -> &'static str {
        match self {
            Self::Publish => "mqpub",
            Self::Subscribe => "mqsub",
        }
    }

    /// The name of the options file in the user's folder of settings.
    fn options_file(self, asks: bool) -> &'static str {
        match self {
            Self::Publish if asks => exit::ASKING,
            Self::Publish => "mosquitto_pub",
            Self::Subscribe => "mosquitto_sub",
        }
    }

    /// The options that may be given several times here and not to mosquitto's
    /// client: given on the command line, they replace those of the options file.
    fn replaced(self) -> &'static [&'static str] {
        match self {
            Self::Publish => &["host", "topic", "file", "tls_alpn"],
            Self::Subscribe => &["host", "tls_alpn"],
        }
    }
}

/// The options that both tools have.
#[derive(Args, Clone, Debug, Default)]
pub struct SharedFlags {
    /// Which broker.
    #[command(flatten)]
    pub connection: ConnectionFlags,
    /// MQTT 5.
    #[command(flatten)]
    pub properties: PropertyFlags,
    /// The will.
    #[command(flatten)]
    pub will: WillFlags,
    /// TLS.
    #[command(flatten)]
    pub tls: TlsFlags,
    /// Everything else.
    #[command(flatten)]
    pub general: GeneralFlags,
}

/// What the command lines of both tools have.
pub trait Flags: Parser {
    /// Which tool.
    const TOOL: Tool;
    /// The options that both have.
    fn shared(&self) -> &SharedFlags;
    /// The same, to note the order of what was typed, and to fill in what was only
    /// named.
    fn shared_mut(&mut self) -> &mut SharedFlags;
    /// Whether replies are asked for, and so a tool that publishes subscribes.
    fn asks(&self) -> bool {
        false
    }
}

/// Why a command line is not taken.
#[derive(Debug)]
pub enum Error {
    /// The command line itself; includes `--help` and `--version`.
    Typed(clap::Error),
    /// What stands at this place, below the command line.
    At(String, clap::Error),
}

/// Parses a command line, the program's name first.
///
/// # Errors
/// [`Error::Typed`].
pub fn parse<F: Flags>(arguments: impl IntoIterator<Item = OsString>) -> Result<F, Error> {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    parse_after(command::<F>(), &[], &arguments)
}

/// Parses a command line, the program's name first, that layers stand below, the
/// lowest first. The declarations are those of [`command`].
///
/// # Errors
/// What is wrong, and where.
pub fn parse_after<F: Flags>(command: Command, layers: &[Layer], arguments: &[OsString]) -> Result<F, Error> {
    let arguments = arguments.get(1..).unwrap_or_default();
    if layers.iter().all(|layer| layer.settings.is_empty()) {
        return finish(command, arguments).map_err(Error::Typed);
    }
    let ids = layers::check::<F>(&command, layers).map_err(|(place, error)| Error::At(place, error))?;
    let typed = layers::options_of::<F>(&command, arguments).map_err(Error::Typed)?;
    let mut all = layers::merge(layers, &layers::kept::<F>(layers, &ids, &typed));
    all.extend_from_slice(arguments);
    finish(command, &all).map_err(Error::Typed)
}

fn finish<F: Flags>(command: Command, arguments: &[OsString]) -> Result<F, clap::Error> {
    let mut words = scan::bundle(&command, arguments)?;
    words.insert(0, F::TOOL.program().into());
    let matches = command.try_get_matches_from(words)?;
    let mut flags = F::from_arg_matches(&matches)?;
    flags.shared_mut().connection.note_order(&matches);
    Ok(flags)
}

/// The declarations, with the rule that whatever stands behind an option is its
/// value, even if it begins with a hyphen. To make them is much of a short run's work.
pub fn command<F: Flags>() -> Command {
    F::command().mut_args(|argument| {
        let takes_values = argument.get_action().takes_values();
        argument.allow_hyphen_values(takes_values)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    fn publish(line: &str) -> PublishFlags {
        parse(line.split(' ').map(OsString::from)).unwrap()
    }

    #[test]
    fn the_declarations_hold_together() {
        PublishFlags::command().debug_assert();
        SubscribeFlags::command().debug_assert();
    }

    #[test]
    fn every_option_has_help_and_a_long_name() {
        for command in [PublishFlags::command(), SubscribeFlags::command()] {
            for argument in command.get_arguments() {
                assert!(argument.get_help().is_some(), "{argument}");
                assert!(argument.get_long().is_some(), "{argument}");
            }
        }
    }

    #[test]
    fn the_help_tells_the_window() {
        let help = PublishFlags::command().render_long_help().to_string();
        assert!(help.contains(&format!("acknowledged [default: {}]", connection::WINDOW)));
    }

    #[test]
    fn a_value_may_begin_with_a_hyphen() {
        let flags = publish("mqpub -t -x -m -d");
        assert_eq!(flags.message.topic, ["-x"]);
        assert_eq!(flags.message.message.as_deref(), Some("-d".as_ref()));
        assert!(!flags.shared.general.debug);
    }

    #[test]
    fn the_last_of_a_scalar_wins_but_each_is_validated() {
        let flags = publish("mqpub -q 1 -i a -i b -q 2");
        assert_eq!(flags.shared.connection.id.as_deref(), Some("b"));
        assert_eq!(flags.message.qos as u8, 2);
        let bad = parse::<PublishFlags>("mqpub -q 3 -q 1".split(' ').map(OsString::from));
        assert!(bad.is_err());
    }

    #[test]
    fn what_stands_behind_the_url_is_noted() {
        let flags = publish("mqpub -p 1 -L mqtt://x/t -u me");
        assert!(!flags.shared.connection.after_url.port);
        assert!(flags.shared.connection.after_url.username);
        assert!(!flags.shared.connection.after_url.host, "a default does not count");
    }
}

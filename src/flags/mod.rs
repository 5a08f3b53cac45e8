//! What was typed: the command lines of both tools, declared with their help,
//! parsed, not yet given a meaning. No I/O.

pub mod connection;
pub mod manual;
pub mod publish;
pub mod subscribe;
pub mod value;

use std::ffi::OsString;

use clap::Parser;

pub use self::publish::PublishFlags;
pub use self::subscribe::SubscribeFlags;

use self::connection::{ConnectionFlags, GeneralFlags};

/// What the command lines of both tools have.
pub trait Flags: Parser {
    /// The shared connection options.
    fn connection_mut(&mut self) -> &mut ConnectionFlags;
    /// The shared general options.
    fn general(&self) -> &GeneralFlags;
}

/// Parses a command line, the program's name first.
///
/// # Errors
/// clap's, which includes `--help` and `--version`.
pub fn parse<F: Flags>(arguments: impl IntoIterator<Item = OsString>) -> Result<F, clap::Error> {
    let matches = F::command().try_get_matches_from(arguments)?;
    let mut flags = F::from_arg_matches(&matches)?;
    flags.connection_mut().note_order(&matches);
    Ok(flags)
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
    fn a_value_may_begin_with_a_hyphen() {
        let flags = publish("mqpub -t -x -m -d");
        assert_eq!(flags.message.topic.as_deref(), Some("-x"));
        assert_eq!(flags.message.message.as_deref(), Some("-d".as_ref()));
        assert!(!flags.general.debug);
    }

    #[test]
    fn the_last_of_a_scalar_wins_but_each_is_validated() {
        let flags = publish("mqpub -q 1 -t a -t b -q 2");
        assert_eq!(flags.message.topic.as_deref(), Some("b"));
        assert_eq!(flags.message.qos as u8, 2);
        let bad = parse::<PublishFlags>("mqpub -q 3 -q 1".split(' ').map(OsString::from));
        assert!(bad.is_err());
    }

    #[test]
    fn what_stands_behind_the_url_is_noted() {
        let flags = publish("mqpub -p 1 -L mqtt://x/t -u me");
        assert!(!flags.connection.after_url.port);
        assert!(flags.connection.after_url.username);
        assert!(!flags.connection.after_url.host, "a default does not count");
    }
}

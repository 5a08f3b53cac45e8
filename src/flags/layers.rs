//! What stands below the command line, each layer above the one before: the
//! options file, a profile, the environment. A setting of a higher layer takes
//! the place of the same in a lower one, and of what it cannot be used with.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::Path;

use clap::Command;
use clap::error::ErrorKind;
use clap::parser::ValueSource;

use super::options_file::Line;
use super::{Flags, Tool, scan};
use crate::exit;

/// Options that say the same in different ways: one in a higher layer takes the
/// place of all in the lower ones.
const GROUPS: [&[&str]; 6] = [
    &[
        "password",
        "password_file",
        "password_fd",
        "password_command",
        "ask_password",
    ],
    &["id", "id_prefix"],
    &["srv", "port"],
    &["ipv4", "ipv6"],
    &["message", "file", "stdin_line", "stdin_file", "null_message"],
    &["delimiter", "nul", "framed"],
];

/// The same of what mqsub shows: a form of messages, or a view, which has none.
const VIEWS: [&[&str]; 10] = [
    &["json", "verbose"],
    &["json", "format"],
    &["message_rate", "watch", "json"],
    &["message_rate", "watch", "verbose"],
    &["message_rate", "watch", "format"],
    &["message_rate", "watch", "output_dir"],
    &["message_rate", "watch", "delimiter"],
    &["message_rate", "watch", "nul"],
    &["message_rate", "watch", "framed"],
    &["message_rate", "watch", "no_newline"],
];

/// Options that are for the command line alone: they decide what else is read,
/// or instead of what something is done.
pub(super) const UNLAYERED: [&str; 7] = [
    "options",
    "config",
    "profile",
    "print_config",
    "exec",
    "help",
    "version",
];

/// Which layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// The name that the program was started under.
    Name,
    /// The options file.
    OptionsFile,
    /// A profile.
    Profile,
    /// The environment.
    Environment,
}

/// One setting.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Setting {
    /// Where it stands, for messages.
    pub place: String,
    /// The option, and behind it its value.
    pub arguments: Vec<OsString>,
    /// The long name of the option that it takes back, instead.
    pub off: Option<String>,
}

/// The settings of one place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layer {
    /// Which.
    pub kind: Kind,
    /// In order.
    pub settings: Vec<Setting>,
}

impl Layer {
    /// The layer of the name `mosquitto_rr`: requests, in MQTT 5.
    pub fn asking() -> Self {
        let setting = |words: &[&str]| Setting {
            place: format!("the name {}", exit::ASKING),
            arguments: words.iter().map(Into::into).collect(),
            off: None,
        };
        Self {
            kind: Kind::Name,
            settings: vec![setting(&["--request"]), setting(&["--protocol-version", "5"])],
        }
    }

    /// The layer of an options file.
    pub fn options_file(path: &Path, lines: Vec<Line>) -> Self {
        let setting = |line: Line| Setting {
            place: format!("{}: line {}", path.display(), line.number),
            arguments: line.arguments,
            off: None,
        };
        Self {
            kind: Kind::OptionsFile,
            settings: lines.into_iter().map(setting).collect(),
        }
    }
}

/// Checks each setting by itself, so that what is wrong has a place, and one
/// without its value does not take the next one for it. Returns which options
/// each setting is about.
///
/// # Errors
/// The place of the first one that is wrong, and why.
pub(super) fn check<F: Flags>(
    command: &Command,
    layers: &[Layer],
) -> Result<Vec<Vec<BTreeSet<String>>>, (String, clap::Error)> {
    let mut all = Vec::with_capacity(layers.len());
    for layer in layers {
        let mut ids = Vec::with_capacity(layer.settings.len());
        for setting in &layer.settings {
            let fail = |error| (setting.place.clone(), error);
            if setting.arguments.first().is_some_and(|option| option == "--") {
                // It would end the options of the command line too.
                let why = "unexpected argument '--' found";
                return Err(fail(clap::Error::raw(ErrorKind::UnknownArgument, why)));
            }
            let mut own = options_of::<F>(command, &setting.arguments).map_err(fail)?;
            if let Some(id) = own.iter().find(|id| UNLAYERED.contains(&id.as_str())) {
                let option = command.get_arguments().find(|option| option.get_id() == id.as_str());
                let option = match option.map(|option| (option.get_short(), option.get_long())) {
                    Some((Some(short), _)) => format!("-{short}"),
                    Some((None, Some(long))) => format!("--{long}"),
                    _ => id.clone(),
                };
                let what = match layer.kind {
                    Kind::Name => "a name",
                    Kind::OptionsFile => "an options file",
                    Kind::Profile => "a profile",
                    Kind::Environment => "the environment",
                };
                let why = format!("{option} cannot be used in {what}");
                return Err(fail(clap::Error::raw(ErrorKind::ArgumentConflict, why)));
            }
            let mut options = command.get_arguments();
            let off = options.find(|option| setting.off.is_some() && option.get_long() == setting.off.as_deref());
            own.extend(off.map(|option| option.get_id().to_string()));
            ids.push(own);
        }
        all.push(ids);
    }
    Ok(all)
}

/// The names by which clap knows the options among these arguments.
pub(super) fn options_of<F: Flags>(command: &Command, arguments: &[OsString]) -> Result<BTreeSet<String>, clap::Error> {
    // Before clap, which would print the help.
    let mut words = scan::bundle(command, arguments)?;
    words.insert(0, F::TOOL.program().into());
    let matches = command
        .clone()
        .mut_args(|argument| match argument.get_id().as_str() {
            "help" | "version" => argument.action(clap::ArgAction::SetTrue),
            _ => argument,
        })
        .try_get_matches_from(words)?;
    let typed = |id: &str| matches.value_source(id) == Some(ValueSource::CommandLine);
    // The names of the groups are not those of options.
    let options = command.get_arguments().map(|option| option.get_id().as_str());
    Ok(options
        .filter(|id| matches.try_contains_id(id).is_ok() && typed(id))
        .map(str::to_owned)
        .collect())
}

/// Which settings count: those that nothing in a higher layer takes the place of.
/// `ids` are what [`check`] returned, `typed` the options of the command line.
pub(super) fn kept<F: Flags>(
    layers: &[Layer],
    ids: &[Vec<BTreeSet<String>>],
    typed: &BTreeSet<String>,
) -> Vec<Vec<bool>> {
    let mut above = typed.clone();
    let mut kept: Vec<Vec<bool>> = Vec::with_capacity(layers.len());
    for (layer, ids) in layers.iter().zip(ids).rev() {
        let counts = |own: &BTreeSet<String>| !own.iter().any(|id| is_replaced::<F>(id, layer.kind, &above));
        kept.push(ids.iter().map(counts).collect());
        above.extend(ids.iter().flatten().cloned());
    }
    kept.reverse();
    kept
}

/// Whether an option of this layer gives way to those above it.
fn is_replaced<F: Flags>(id: &str, kind: Kind, above: &BTreeSet<String>) -> bool {
    let same = above.contains(id)
        && match (id, kind) {
            // Properties add up, as they do on the command line.
            ("property", _) => false,
            // Where mosquitto has one value and the last one wins, ours may have
            // several, and adding the file's to them would not be what was asked
            // for; where it has several, they add up.
            (_, Kind::Name | Kind::OptionsFile) => !is_list::<F>(id) || F::TOOL.replaced().contains(&id),
            (_, Kind::Profile | Kind::Environment) => true,
        };
    let views = match F::TOOL {
        Tool::Publish => &[][..],
        Tool::Subscribe => &VIEWS,
    };
    let groups = GROUPS.iter().chain(views).filter(|group| group.contains(&id));
    same || groups
        .flat_map(|group| *group)
        .any(|other| *other != id && above.contains(*other))
}

fn is_list<F: Flags>(id: &str) -> bool {
    let command = F::command();
    let mut options = command.get_arguments();
    options.any(|option| option.get_id() == id && matches!(option.get_action(), clap::ArgAction::Append))
}

/// The arguments of the settings that count, lowest layer first.
pub(super) fn merge(layers: &[Layer], kept: &[Vec<bool>]) -> Vec<OsString> {
    let settings = layers
        .iter()
        .zip(kept)
        .flat_map(|(layer, kept)| layer.settings.iter().zip(kept));
    let counting = settings.filter(|(_, kept)| **kept);
    counting
        .flat_map(|(setting, _)| setting.arguments.iter().cloned())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::{Error, PublishFlags, SubscribeFlags, command, parse_after};
    use super::*;

    fn layer(kind: Kind, settings: &[&str]) -> Layer {
        let setting = |text: &&str| match text.strip_prefix("no ") {
            Some(long) => Setting {
                place: format!("{kind:?}"),
                arguments: Vec::new(),
                off: Some(long.to_owned()),
            },
            None => Setting {
                place: format!("{kind:?}"),
                arguments: text.split(' ').map(Into::into).collect(),
                off: None,
            },
        };
        Layer {
            kind,
            settings: settings.iter().map(setting).collect(),
        }
    }

    fn parsed<F: Flags>(file: &[&str], profile: &[&str], environment: &[&str], line: &str) -> F {
        let layers = [
            layer(Kind::OptionsFile, file),
            layer(Kind::Profile, profile),
            layer(Kind::Environment, environment),
        ];
        let arguments: Vec<OsString> = line.split(' ').map(Into::into).collect();
        parse_after(command::<F>(), &layers, &arguments).unwrap()
    }

    #[test]
    fn flag_before_environment_before_profile_before_options_file_before_default() {
        let of = |file: &[&str], profile: &[&str], environment: &[&str], line: &str| {
            let flags: SubscribeFlags = parsed(file, profile, environment, line);
            let connection = flags.shared.connection;
            let secret = connection.password.map(|secret| secret.reveal().to_vec());
            (
                connection.host.join(","),
                connection.port,
                connection.username.unwrap_or_default(),
                secret
                    .map(|secret| String::from_utf8(secret).unwrap())
                    .unwrap_or_default(),
                flags.subscription.qos as u8,
                connection.keep_alive.as_secs(),
            )
        };
        let file: &[&str] = &["-h f", "-p 1", "-u f", "-P f", "-q 1", "-k 11"];
        let profile: &[&str] = &[
            "--host p",
            "--port 2",
            "--username p",
            "--pw p",
            "--qos 2",
            "--keepalive 12",
        ];
        let environment: &[&str] = &["--host e", "--port 3", "--username e", "--pw e"];
        let line = "mqsub -h l -p 4 -u l -P l -q 0 -k 14";
        let row = |who: &str, port, qos, keep_alive| {
            let who = who.to_owned();
            (who.clone(), port, who.clone(), who, qos, keep_alive)
        };
        for (file, profile, environment, line, expected) in [
            (&[][..], &[][..], &[][..], "mqsub", row("", None, 0, 60)),
            (file, &[], &[], "mqsub", row("f", Some(1), 1, 11)),
            (file, profile, &[], "mqsub", row("p", Some(2), 2, 12)),
            (&[], profile, environment, "mqsub", row("e", Some(3), 2, 12)),
            (file, profile, environment, "mqsub", row("e", Some(3), 2, 12)),
            (file, &[], environment, "mqsub", row("e", Some(3), 1, 11)),
            (file, &[], &[], line, row("l", Some(4), 0, 14)),
            (&[], profile, &[], line, row("l", Some(4), 0, 14)),
            (&[], &[], environment, line, row("l", Some(4), 0, 14)),
            (file, profile, environment, line, row("l", Some(4), 0, 14)),
        ] {
            assert_eq!(of(file, profile, environment, line), expected, "{line}");
        }
    }

    #[test]
    fn one_of_a_group_takes_the_place_of_all_below() {
        let flags: PublishFlags = parsed(
            &["-P file", "-l", "-i file"],
            &["--password-file x"],
            &[],
            "mqpub -I me -m x --ask-password",
        );
        assert!(flags.shared.connection.password.is_none() && flags.shared.connection.password_file.is_none());
        assert!(flags.shared.connection.ask_password && !flags.message.stdin_line);
        assert_eq!(
            (flags.shared.connection.id, flags.shared.connection.id_prefix),
            (None, Some("me".to_owned()))
        );
        let flags: PublishFlags = parsed(&["-p 5"], &[], &["--port 7"], "mqpub -S");
        assert_eq!(flags.shared.connection.port, None);
    }

    #[test]
    fn how_messages_are_shown_is_decided_on_top() {
        let shown = |file: &[&str], line: &str| {
            let flags: SubscribeFlags = parsed(file, &[], &[], line);
            let (output, view) = (flags.output, flags.view);
            let given = [
                (output.json, "json"),
                (output.verbose, "v"),
                (output.format.is_some(), "F"),
                (output.nul, "0"),
                (output.framed, "framed"),
                (view.watch, "watch"),
            ];
            let given: Vec<_> = given
                .into_iter()
                .filter_map(|(given, name)| given.then_some(name))
                .collect();
            given.join(" ")
        };
        for (file, line, expected) in [
            (&["-v"][..], "mqsub --json", "json"),
            (&["--json"], "mqsub -v", "v"),
            (&["--json"], "mqsub -F %p", "F"),
            // Not exclusive, and the format counts in any order.
            (&["-v"], "mqsub -F %p", "v F"),
            (&["-F %p"], "mqsub -v", "v F"),
            (&["-v", "-0"], "mqsub --watch", "watch"),
            (&["--watch"], "mqsub -v", "v"),
            (&["-0"], "mqsub --framed", "framed"),
            (&["-v", "-0"], "mqsub", "v 0"),
        ] {
            assert_eq!(shown(file, line), expected, "{file:?} {line}");
        }
        let flags: PublishFlags = parsed(&["--json"], &[], &[], "mqpub -v --request");
        assert!(
            flags.input.json && flags.request.verbose,
            "what is read and what is shown"
        );
    }

    #[test]
    fn lists_of_a_profile_are_replaced_and_switches_can_be_taken_back() {
        let flags: SubscribeFlags = parsed(&["-t f"], &["--topic p", "--topic q"], &[], "mqsub");
        assert_eq!(flags.subscription.topic, ["f", "p", "q"]);
        let flags: SubscribeFlags = parsed(&["-t f"], &["--topic p"], &[], "mqsub -t l");
        assert_eq!(flags.subscription.topic, ["f", "l"]);
        let flags: PublishFlags = parsed(&["-r", "-d"], &["no retain"], &[], "mqpub");
        assert!(!flags.message.retain && flags.shared.general.debug);
        let flags: PublishFlags = parsed(
            &[],
            &["--property connect user-property a b"],
            &[],
            "mqpub -D publish content-type x",
        );
        assert_eq!(flags.shared.properties.property.len(), 2);
    }

    #[test]
    fn what_is_wrong_has_a_place() {
        for (text, why) in [
            ("--port x", "invalid value 'x'"),
            ("--frob", "--frob"),
            ("--profile x", "--profile cannot be used in a profile"),
            ("-o x", "-o cannot be used in a profile"),
            ("--help", "--help cannot be used in a profile"),
        ] {
            let layers = [layer(Kind::Profile, &["--retain", text])];
            match parse_after::<PublishFlags>(command::<PublishFlags>(), &layers, &["mqpub".into()]) {
                Err(Error::At(place, error)) => {
                    assert_eq!(place, "Profile");
                    assert!(error.to_string().contains(why), "{text}: {error}");
                }
                other => panic!("{text}: {other:?}"),
            }
        }
    }
}

//! Makes the completions of a tool for bash, zsh and fish.

use std::fmt::Write as _;
use std::path::PathBuf;

use clap::builder::PossibleValuesParser;
use clap::{Arg, Command};
use clap_complete::Shell;
use mqtools::flags::manual::{self, Values};
use mqtools::property::{Place, TABLE};

/// The completions, with what is to be in them.
pub(super) fn generate(command: Command) -> Vec<(PathBuf, String)> {
    let name = command.get_name().to_owned();
    let mut command = command.mut_args(offer_values);
    [
        (Shell::Bash, format!("{name}.bash")),
        (Shell::Zsh, format!("_{name}")),
        (Shell::Fish, format!("{name}.fish")),
    ]
    .into_iter()
    .map(|(shell, file)| {
        let mut script = Vec::new();
        clap_complete::generate(shell, &mut command, &name, &mut script);
        let script = String::from_utf8(script).unwrap();
        (
            PathBuf::from("completions").join(file),
            with_more(shell, &name, &script),
        )
    })
    .collect()
}

/// What clap does not know: `-D` takes several words, and bash makes three words
/// of `--qos=1`.
fn with_more(shell: Shell, name: &str, script: &str) -> String {
    let places = Place::ALL.map(|(place, command)| {
        let names = TABLE.iter().filter(|(id, ..)| place.has(*id));
        let names: Vec<&str> = names.map(|(_, name, _)| *name).collect();
        (command, names.join(" "))
    });
    let replace = |place: &str, text: &str| {
        assert!(
            script.contains(place),
            "{shell}: {place:?} is not in the script any more"
        );
        script.replace(place, text)
    };
    match shell {
        Shell::Bash => {
            let mut text = String::from(
                "    if [[ ${cur} == = ]] ; then
        cur=
    elif [[ ${prev} == = && ${COMP_CWORD} -gt 1 ]] ; then
        prev=\"${COMP_WORDS[COMP_CWORD-2]}\"
    fi
    if [[ ${COMP_CWORD} -gt 2 && ${COMP_WORDS[COMP_CWORD-2]} == @(-D|--property) ]] ; then
        case \"${prev}\" in
",
            );
            for (command, names) in &places {
                writeln!(text, "            {command}) opts=\"{names}\" ;;").unwrap();
            }
            text.push_str(
                "        esac
        if [[ -n ${opts} ]] ; then
            COMPREPLY=( $(compgen -W \"${opts}\" -- \"${cur}\") )
            return 0
        fi
    fi
",
            );
            let place = "    opts=\"\"\n";
            replace(place, &format!("{place}{text}"))
        }
        Shell::Zsh => {
            let mut text = format!("_{name}_properties() {{\n    case $words[CURRENT-1] in\n");
            for (command, names) in &places {
                writeln!(text, "        {command}) compadd {names} ;;").unwrap();
            }
            text.push_str("    esac\n}\n\n");
            let commands = places.map(|(command, _)| command).join(" ");
            let place = format!(":COMMAND PROPERTY [NAME] VALUE:({commands})'");
            let words = format!(":COMMAND:({commands}):PROPERTY:_{name}_properties:[NAME] VALUE: '");
            let script = replace(&place, &words);
            let place = format!("_{name}() {{\n");
            script.replacen(&place, &format!("{text}{place}"), 1)
        }
        _ => {
            let mut text = format!(
                "function __{name}_property_of
    set -l words (commandline -opc)
    test (count $words) -gt 2; or return 1
    contains -- $words[-2] -D --property; and test $words[-1] = $argv[1]
end
"
            );
            for (command, names) in &places {
                writeln!(
                    text,
                    "complete -c {name} -n '__{name}_property_of {command}' -f -a '{names}'"
                )
                .unwrap();
            }
            text + script
        }
    }
}

/// Tells clap what a value may be. Nothing is parsed with this.
fn offer_values(option: Arg) -> Arg {
    match manual::values_of(&option) {
        Values::OneOf(values) => option.value_parser(PossibleValuesParser::new(values)),
        Values::Hint(hint) => option.value_hint(hint),
        Values::Free => option,
    }
}

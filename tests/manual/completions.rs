//! Makes the completions of a tool for bash, zsh and fish.

use std::path::PathBuf;

use clap::builder::PossibleValuesParser;
use clap::{Arg, Command};
use clap_complete::Shell;
use mqtools::flags::manual::{self, Values};

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
        (
            PathBuf::from("completions").join(file),
            String::from_utf8(script).unwrap(),
        )
    })
    .collect()
}

/// Tells clap what a value may be. Nothing is parsed with this.
fn offer_values(option: Arg) -> Arg {
    match manual::values_of(&option) {
        Values::OneOf(values) => option.value_parser(PossibleValuesParser::new(values)),
        Values::Hint(hint) => option.value_hint(hint),
        Values::Free => option,
    }
}

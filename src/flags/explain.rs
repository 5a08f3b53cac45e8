//! What the value of each option is, and where that is from.

use std::ffi::OsString;

use super::layers::{Layer, UNLAYERED, check, kept, options_of};
use super::{Error, Flags, command, scan};

/// An option, and what its value is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explained {
    /// The name that clap knows it by.
    pub id: String,
    /// Its letter, if it has one.
    pub short: Option<char>,
    /// Its long name.
    pub long: String,
    /// Whether it may have several values.
    pub is_list: bool,
    /// Whether it is for the command line alone.
    pub is_typed: bool,
    /// Its values, each of one or more words, or of none for a switch; and where
    /// they are from.
    pub values: Vec<(Vec<OsString>, String)>,
    /// What its description says that it is without a value.
    pub default: Option<String>,
}

/// Tells of each option what its value is, and where that is from. The program's
/// name is the first of the arguments.
///
/// # Errors
/// As [`super::parse_after`].
pub fn explain<F: Flags>(layers: &[Layer], arguments: &[OsString]) -> Result<Vec<Explained>, Error> {
    let arguments = arguments.get(1..).unwrap_or_default();
    let command = command::<F>();
    let ids = check::<F>(&command, layers).map_err(|(place, error)| Error::At(place, error))?;
    let typed = options_of::<F>(&command, arguments).map_err(Error::Typed)?;
    let kept = kept::<F>(layers, &ids, &typed);
    // Every setting with its place, in the order in which they count.
    let settings = layers
        .iter()
        .zip(&kept)
        .flat_map(|(layer, kept)| layer.settings.iter().zip(kept));
    let counting = settings.filter(|(setting, kept)| **kept && !setting.arguments.is_empty());
    let mut parts: Vec<(&[OsString], &str)> = counting
        .map(|(setting, _)| (&setting.arguments[..], setting.place.as_str()))
        .collect();
    parts.push((arguments, "command line"));
    let mut explained: Vec<Explained> = Vec::new();
    for option in command
        .get_arguments()
        .filter(|option| !UNLAYERED.contains(&option.get_id().as_str()) || option.get_id() == scan::COMMAND)
    {
        let id = option.get_id().as_str();
        let is_list = matches!(option.get_action(), clap::ArgAction::Append);
        let mut values: Vec<(Vec<OsString>, String)> = Vec::new();
        for (arguments, place) in &parts {
            let words = scan::scan(&command, arguments);
            let found = words.iter().filter(|found| found.id == id);
            values.extend(found.map(|found| (found.words(arguments), (*place).to_owned())));
            let is_switch = !option.get_action().takes_values();
            if is_switch && options_of::<F>(&command, arguments).map_err(Error::Typed)?.contains(id) {
                values.push((Vec::new(), (*place).to_owned()));
            }
        }
        if !is_list && values.len() > 1 {
            values.drain(..values.len() - 1);
        }
        let default = option.get_default_values().first();
        if let Some(default) = default.filter(|_| values.is_empty() && option.get_action().takes_values()) {
            values.push((vec![default.to_owned().into()], "default".to_owned()));
        }
        let help = option.get_help().map(ToString::to_string).unwrap_or_default();
        let described = help.split_once("[default: ").and_then(|(_, rest)| rest.split_once(']'));
        explained.push(Explained {
            id: id.to_owned(),
            short: option.get_short(),
            long: option.get_long().unwrap_or_default().to_owned(),
            is_list,
            is_typed: UNLAYERED.contains(&id),
            default: described.map(|(text, _)| text.to_owned()),
            values,
        });
    }
    Ok(explained)
}

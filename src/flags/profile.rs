//! The file of profiles: TOML, one for both tools. `[profile.NAME]` has options
//! by their long names; `[profile.NAME.mqpub]` and `[profile.NAME.mqsub]` those
//! of one tool. Nothing here reads a file.

#![expect(clippy::indexing_slicing, reason = "it is cut to the length of the text")]

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::error::{ContextKind, ContextValue};
use clap::{Arg, Command, CommandFactory as _};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::layers::{Kind, Layer, Setting, UNLAYERED};
use super::{Flags, PublishFlags, SubscribeFlags, Tool};

/// Where the file is, unless it is named.
pub fn path(variable: impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    Some(super::options_file::folder(variable)?.join("mqtools/config.toml"))
}

/// What is wrong with a file of profiles, and what may help.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wrong {
    /// In which file and line, and what.
    pub text: String,
    /// What may help.
    pub hint: Option<String>,
}

/// The settings of a profile.
///
/// # Errors
/// What is wrong with the file, or that it has no such profile.
pub fn parse<F: Flags>(path: &Path, text: &str, name: &str) -> Result<Layer, Wrong> {
    let file = File { path, text };
    let table = DeTable::parse(text).map_err(|error| {
        let why = error.message().split('\n').collect::<Vec<_>>().join(", ");
        file.wrong(error.span().map_or(0, |span| span.start), &why)
    })?;
    let mut profiles = None;
    for (key, value) in table.get_ref() {
        match (key.get_ref().as_ref(), value.get_ref()) {
            ("profile", DeValue::Table(table)) => profiles = Some(table),
            (other, _) => {
                let wrong = file.wrong(key.span().start, &format!("unknown key '{other}'"));
                return Err(wrong.hint("only [profile.NAME] tables may stand at the top"));
            }
        }
    }
    let profiles: Vec<(&str, &Spanned<DeValue<'_>>)> = profiles
        .into_iter()
        .flatten()
        .map(|(key, value)| (key.get_ref().as_ref(), value))
        .collect();
    let Some((_, profile)) = profiles.iter().find(|(other, _)| *other == name) else {
        let names: Vec<&str> = profiles.iter().map(|(name, _)| *name).collect();
        let wrong = Wrong {
            text: format!("{}: there is no profile '{name}'", path.display()),
            hint: None,
        };
        return Err(match names.as_slice() {
            [] => wrong,
            names => wrong.hint(format!("it has: {}", names.join(", "))),
        });
    };
    let DeValue::Table(profile) = profile.get_ref() else {
        return Err(file.wrong(profile.span().start, &format!("profile.{name} must be a table")));
    };
    let mut settings = Vec::new();
    file.settings::<F>(profile, name, None, &mut settings)?;
    settings.sort_by_key(|(at, _)| *at);
    Ok(Layer {
        kind: Kind::Profile,
        settings: settings.into_iter().map(|(_, setting)| setting).collect(),
    })
}

impl Wrong {
    fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

struct File<'a> {
    path: &'a Path,
    text: &'a str,
}

impl File<'_> {
    fn place(&self, at: usize) -> String {
        let before = &self.text.as_bytes()[..at.min(self.text.len())];
        let line = memchr::memchr_iter(b'\n', before).count() + 1;
        format!("{}: line {line}", self.path.display())
    }

    fn wrong(&self, at: usize, why: &str) -> Wrong {
        Wrong {
            text: format!("{}: {why}", self.place(at)),
            hint: None,
        }
    }

    /// The settings of a table: a profile's own, or that of one tool in it.
    fn settings<F: Flags>(
        &self,
        table: &DeTable<'_>,
        name: &str,
        tool: Option<Tool>,
        settings: &mut Vec<(usize, Setting)>,
    ) -> Result<(), Wrong> {
        for (key, value) in table {
            let at = key.span().start;
            let long = key.get_ref().as_ref();
            let inner = [Tool::Publish, Tool::Subscribe]
                .into_iter()
                .find(|other| tool.is_none() && other.program() == long);
            if let Some(inner) = inner {
                let DeValue::Table(table) = value.get_ref() else {
                    return Err(self.wrong(at, &format!("'{long}' must be a table: [profile.{name}.{long}]")));
                };
                if inner == F::TOOL {
                    self.settings::<F>(table, name, Some(inner), settings)?;
                }
                continue;
            }
            let option = self.option::<F>(long, name, tool, at)?;
            let place = self.place(at);
            self.values(&option, value, &place, at, settings)?;
        }
        Ok(())
    }

    /// The option of this long name.
    fn option<F: Flags>(&self, long: &str, name: &str, tool: Option<Tool>, at: usize) -> Result<Arg, Wrong> {
        let find = |command: Command| {
            let mut options = command.get_arguments().cloned();
            options.find(|option| option.get_long() == Some(long))
        };
        let own = find(F::command());
        let other = match F::TOOL {
            Tool::Publish => (Tool::Subscribe, find(SubscribeFlags::command())),
            Tool::Subscribe => (Tool::Publish, find(PublishFlags::command())),
        };
        let is_unlayered = |option: &Arg| UNLAYERED.contains(&option.get_id().as_str());
        if own.as_ref().is_some_and(is_unlayered) {
            return Err(self.wrong(at, &format!("'{long}' cannot be used in a profile")));
        }
        let alone = |owner: Tool| {
            let owner = owner.program();
            let wrong = self.wrong(at, &format!("'{long}' is an option of {owner} alone"));
            Err(wrong.hint(format!("it belongs under [profile.{name}.{owner}]")))
        };
        match (own, other) {
            // What is for both tools must be known to both.
            (Some(_), (_, None)) if tool.is_none() => alone(F::TOOL),
            (None, (owner, Some(_))) => alone(owner),
            (Some(option), _) => Ok(option),
            (None, (_, None)) => {
                let wrong = self.wrong(at, &format!("unknown key '{long}'"));
                Err(match similar::<F>(long) {
                    Some(similar) => wrong.hint(format!("did you mean '{similar}'?")),
                    None => wrong,
                })
            }
        }
    }

    /// A setting, or several of a list.
    fn values(
        &self,
        option: &Arg,
        value: &Spanned<DeValue<'_>>,
        place: &str,
        at: usize,
        settings: &mut Vec<(usize, Setting)>,
    ) -> Result<(), Wrong> {
        let long = option.get_long().unwrap_or_default();
        let mut push = |arguments: Vec<OsString>, off: Option<&str>| {
            let setting = Setting {
                place: place.to_owned(),
                arguments,
                off: off.map(str::to_owned),
            };
            settings.push((at, setting));
        };
        if !option.get_action().takes_values() {
            return match value.get_ref() {
                DeValue::Boolean(true) => {
                    push(vec![format!("--{long}").into()], None);
                    Ok(())
                }
                DeValue::Boolean(false) => {
                    push(Vec::new(), Some(long));
                    Ok(())
                }
                _ => Err(self.wrong(at, &format!("'{long}' must be true or false"))),
            };
        }
        let is_property = option.get_id() == "property";
        let is_list = matches!(option.get_action(), clap::ArgAction::Append);
        let one = |value: &Spanned<DeValue<'_>>| {
            let text = match value.get_ref() {
                DeValue::String(text) => Some(text.as_ref()),
                DeValue::Integer(number) if number.radix() == 10 => Some(number.as_str()),
                DeValue::Float(number) => Some(number.as_str()),
                _ => None,
            };
            text.map(OsString::from)
        };
        let words = |value: &Spanned<DeValue<'_>>| -> Option<Vec<OsString>> {
            match value.get_ref() {
                DeValue::Array(array) if is_property => {
                    let fields: Option<Vec<OsString>> = array.iter().map(one).collect();
                    Some([vec![format!("--{long}").into()], fields?].concat())
                }
                _ if is_property => None,
                _ => {
                    let mut word = OsString::from(format!("--{long}="));
                    word.push(one(value)?);
                    Some(vec![word])
                }
            }
        };
        let all = match value.get_ref() {
            DeValue::Array(array) if is_list && (!is_property || array.iter().all(|one| one.get_ref().is_array())) => {
                array.iter().map(words).collect::<Option<Vec<_>>>()
            }
            _ => words(value).map(|words| vec![words]),
        };
        match all {
            Some(all) => all.into_iter().for_each(|arguments| push(arguments, None)),
            None if is_property => {
                let why = "'property' must be a list of lists such as [\"publish\", \"content-type\", \"text/plain\"]";
                return Err(self.wrong(at, why));
            }
            None if is_list => {
                return Err(self.wrong(at, &format!("'{long}' must be a string, a number, or a list of these")));
            }
            None => return Err(self.wrong(at, &format!("'{long}' must be a string or a number"))),
        }
        Ok(())
    }
}

/// A long name that is much like this one, by clap's judgement.
fn similar<F: Flags>(long: &str) -> Option<String> {
    let words = [F::TOOL.program().to_owned(), format!("--{long}")];
    let error = F::command().try_get_matches_from(words).err()?;
    match error.get(ContextKind::SuggestedArg)? {
        ContextValue::String(text) => Some(text.trim_start_matches('-').to_owned()),
        _ => None,
    }
}

#[cfg(test)]
mod tests;

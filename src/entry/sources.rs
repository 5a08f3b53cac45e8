//! Where options come from besides the command line: the options file, the file
//! of profiles, the environment. Here they are read; `flags` says what they mean.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::io::ErrorKind as Io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use clap::Command;

use super::Refusal;
use crate::exit::{self, Exit};
use crate::failure::{Failure, io_reason};
use crate::flags::layers::{Kind, Layer};
use crate::flags::options_file::{self, Named};
use crate::flags::{Flags, Tool, environment, profile, secrets};

/// What was read.
#[derive(Debug, Default)]
pub(super) struct Sources {
    /// The lowest first.
    pub(super) layers: Vec<Layer>,
    /// What is worth a warning.
    pub(super) warnings: Vec<String>,
}

/// Reads everything that stands below this command line.
pub(super) fn read<F: Flags>(command: &Command, arguments: &[OsString]) -> Result<Sources, Refusal> {
    let named = options_file::named(command, arguments).map_err(|error| Refusal::Typed(error, None))?;
    let mut sources = Sources::default();
    let asks = F::TOOL == Tool::Publish && arguments.first().is_some_and(|name| exit::asks(name));
    if asks {
        sources.layers.push(Layer::asking());
    }
    sources.options_file(command, F::TOOL, named.options.clone(), asks)?;
    sources.profile::<F>(command, named)?;
    sources.layers.push(environment::layer(|name| env::var_os(name)));
    Ok(sources)
}

fn usage(why: String) -> Failure {
    Failure::new(Exit::Usage, why)
}

/// A variable that is not empty.
fn variable(name: &str) -> Option<OsString> {
    env::var_os(name).filter(|value| !value.is_empty())
}

impl Sources {
    /// Reads the options file: the one that the command line names, or the user's
    /// own. That the user's own cannot be read is only worth a warning.
    fn options_file(
        &mut self,
        command: &Command,
        tool: Tool,
        named: Option<PathBuf>,
        asks: bool,
    ) -> Result<(), Refusal> {
        let is_named = named.is_some();
        let Some(path) = named.or_else(|| options_file::path(|name| env::var_os(name), tool, asks)) else {
            return Ok(());
        };
        let text = match fs::read(&path) {
            Ok(text) => text,
            Err(error) if is_named => {
                let why = format!("-o {}: {}", path.display(), io_reason(&error));
                return Err(Refusal::Other(usage(why)));
            }
            Err(error) => {
                if !matches!(error.kind(), Io::NotFound | Io::NotADirectory) {
                    let why = io_reason(&error);
                    self.warnings
                        .push(format!("cannot read the options file {}: {why}", path.display()));
                }
                return Ok(());
            }
        };
        let lines =
            options_file::parse(&text).map_err(|why| Refusal::Other(usage(format!("{}: {why}", path.display()))))?;
        let quotes = options_file::quotes(&lines).into_iter();
        self.warnings
            .extend(quotes.map(|what| format!("{}: {what}", path.display())));
        self.add(command, &path, Layer::options_file(&path, lines));
        Ok(())
    }

    /// Reads the profile that is asked for, if one is.
    fn profile<F: Flags>(&mut self, command: &Command, named: Named) -> Result<(), Refusal> {
        let refuse = |why: String| Err(Refusal::Other(usage(why)));
        let wanted = named.profile.or_else(|| variable(environment::PROFILE));
        let Some(name) = wanted else {
            return match named.config {
                // Nothing of it would count.
                Some(_) => refuse("--config needs --profile".to_owned()),
                None => Ok(()),
            };
        };
        let path = named.config.or_else(|| Some(variable(environment::CONFIG)?.into()));
        let Some(path) = path.or_else(|| profile::path(|name| env::var_os(name))) else {
            return refuse("--profile needs --config: there is no home directory".to_owned());
        };
        let Some(name) = name.to_str() else {
            return refuse("--profile: the name is not UTF-8".to_owned());
        };
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) => {
                let why = io_reason(&error);
                return refuse(format!("profile '{name}': cannot read {}: {why}", path.display()));
            }
        };
        match profile::parse::<F>(&path, &text, name) {
            Ok(layer) => {
                self.add(command, &path, layer);
                Ok(())
            }
            Err(wrong) => {
                let failure = usage(wrong.text);
                Err(Refusal::Other(match wrong.hint {
                    Some(hint) => failure.hint(hint),
                    None => failure,
                }))
            }
        }
    }

    fn add(&mut self, command: &Command, path: &Path, layer: Layer) {
        let has_secret = |layer: &Layer| {
            let mut settings = layer.settings.iter();
            settings.any(|setting| !secrets::find(command, &setting.arguments).is_empty())
        };
        if is_open_to_others(path) && has_secret(&layer) {
            let what = match layer.kind {
                Kind::Profile => "a profile with a password",
                Kind::Name | Kind::OptionsFile | Kind::Environment => "options with a password",
            };
            self.warnings.push(open_to_others(path, what));
        }
        self.layers.push(layer);
    }
}

/// Whether other users may read a file. A pipe is nobody else's.
pub(super) fn is_open_to_others(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|data| data.is_file() && data.permissions().mode() & 0o044 != 0)
}

/// The words for that.
pub(super) fn open_to_others(path: &Path, what: &str) -> String {
    let path = path.display();
    format!("{path}: other users can read this file, which has {what} (chmod 600 {path})")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flags::{self, PublishFlags};

    fn options_file(sources: &mut Sources, path: &Path) -> Result<(), Refusal> {
        let command = flags::command::<PublishFlags>();
        sources.options_file(&command, Tool::Publish, Some(path.to_owned()), false)
    }

    #[test]
    fn the_named_options_file_is_read_or_missed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("options");
        let mut sources = Sources::default();
        let Err(Refusal::Other(failure)) = options_file(&mut sources, &path) else {
            panic!("a file that is not there");
        };
        let expected = format!("-o {}: no such file or directory", path.display());
        assert_eq!((failure.exit(), failure.to_string()), (Exit::Usage, expected));
        fs::write(&path, "-t a\n-D publish").unwrap();
        let Err(Refusal::Other(failure)) = options_file(&mut sources, &path) else {
            panic!("a line that is wrong");
        };
        let text = failure.to_string();
        assert!(text.starts_with(&format!("{}: line 2: ", path.display())), "{text}");
        fs::write(&path, "# a comment\n-t a\n").unwrap();
        assert!(options_file(&mut sources, &path).is_ok());
        assert_eq!((sources.layers.len(), sources.layers[0].settings.len()), (1, 1));
    }

    #[test]
    fn a_file_with_a_secret_should_be_ones_own() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("options");
        for (text, mode, warns) in [
            ("-t a\n-P secret", 0o644, true),
            ("-L mqtt://a:secret@h/t", 0o640, true),
            ("-P secret", 0o600, false),
            ("-t a\n-L mqtt://h:1883/t", 0o644, false),
        ] {
            fs::write(&path, text).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            let mut sources = Sources::default();
            assert!(options_file(&mut sources, &path).is_ok());
            assert_eq!(sources.warnings.len(), usize::from(warns), "{text}");
            assert!(!sources.warnings.concat().contains("secret"));
        }
    }
}

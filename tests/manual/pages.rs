//! Makes the manual pages: the prose of man/prose, whose lines `.\" @name@` are
//! replaced with what the flags and their data say.

use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;

use clap::{Arg, Command, CommandFactory as _};
use mqtools::exit;
use mqtools::flags::manual::{self, Entry, Example};
use mqtools::flags::{PublishFlags, SubscribeFlags};

use super::roff;

/// The pages, with what is to be in them.
pub(super) fn generate() -> Vec<(PathBuf, String)> {
    let publish = (PublishFlags::command(), manual::PUBLISH_EXAMPLES);
    let subscribe = (SubscribeFlags::command(), manual::SUBSCRIBE_EXAMPLES);
    vec![
        page("mqpub.1", Some(&publish)),
        page("mqsub.1", Some(&subscribe)),
        page("mqtools.7", None),
    ]
}

fn page(name: &str, tool: Option<&(Command, &[Example])>) -> (PathBuf, String) {
    let prose = super::root().join("man/prose").join(name);
    let prose = fs::read_to_string(&prose).unwrap_or_else(|error| panic!("{}: {error}", prose.display()));
    let mut page = format!(".\\\" Made of man/prose/{name} and src/flags: not to be edited.\n");
    for line in prose.lines() {
        match line.strip_prefix(".\\\" @").and_then(|rest| rest.strip_suffix('@')) {
            None => {
                page.push_str(&line.replace("@version@", env!("CARGO_PKG_VERSION")));
                page.push('\n');
            }
            Some(mark) => page.push_str(&part(mark, tool)),
        }
    }
    (PathBuf::from("man").join(name), page)
}

/// What belongs at a mark.
fn part(mark: &str, tool: Option<&(Command, &[Example])>) -> String {
    match (mark, tool) {
        ("options", Some((command, _))) => options(command),
        ("examples", Some((_, examples))) => examples.iter().map(example).collect::<Vec<_>>().join(".PP\n"),
        ("recipes", _) => manual::RECIPES.iter().map(recipe).collect(),
        ("exit status", _) => exit_status(),
        ("environment", _) => entries(manual::ENVIRONMENT),
        ("files", _) => entries(manual::FILES),
        ("differences", _) => differences(),
        _ => panic!("nothing belongs at @{mark}@"),
    }
}

/// The options, under the headings that they have in the help.
fn options(command: &Command) -> String {
    let mut text = String::new();
    let mut heading = None;
    for option in command.get_arguments().filter(|option| !option.is_hide_set()) {
        if option.get_help_heading() != heading {
            heading = option.get_help_heading();
            text.push_str(&roff::heading(heading.expect("every option has a heading")));
        }
        text.push_str(&self::option(option));
    }
    text
}

fn option(option: &Arg) -> String {
    let short = option.get_short().map(|short| roff::bold(&format!("-{short}")));
    let long = option.get_long().map(|long| roff::bold(&format!("--{long}")));
    let mut label = short.into_iter().chain(long).collect::<Vec<_>>().join(", ");
    if option.get_action().takes_values() {
        let names = option.get_value_names().unwrap_or_default();
        for name in names.iter().flat_map(|names| names.split(' ')) {
            label.push(' ');
            label.push_str(&roff::italic(name));
        }
    }
    let help = option.get_long_help().or_else(|| option.get_help());
    let help = help.expect("every option has help").to_string();
    let mut paragraphs: Vec<String> = help.split("\n\n").map(roff::prose).collect();
    let defaults = option.get_default_values().iter().map(|value| value.to_str().unwrap());
    let defaults: Vec<_> = defaults.collect();
    if option.get_action().takes_values() && !option.is_hide_default_value_set() && !defaults.is_empty() {
        let first = &mut paragraphs[0];
        *first = format!("{first} [default: {}]", roff::text(&defaults.join(" ")));
    }
    roff::item(&label, &paragraphs)
}

fn example(example: &Example) -> String {
    let title = roff::fill(&roff::prose(&format!("{}:", example.title)));
    format!("{title}{}", roff::verbatim(example.command))
}

fn recipe(example: &Example) -> String {
    roff::heading(&roff::text(example.title)) + &roff::verbatim(example.command)
}

fn exit_status() -> String {
    let rows = exit::TABLE.iter();
    rows.map(|(exit, meaning)| roff::item(&roff::bold(&exit.status().to_string()), &[roff::prose(meaning)]))
        .collect()
}

fn entries(entries: &[Entry]) -> String {
    let rows = entries.iter();
    rows.map(|entry| roff::item(&roff::bold(entry.name), &[roff::prose(entry.meaning)]))
        .collect()
}

fn differences() -> String {
    let mut text = String::new();
    for (heading, differences) in manual::DIFFERENCES {
        text.push_str(&roff::heading(heading));
        for difference in *differences {
            let told = [
                format!("mosquitto: {}.", difference.theirs),
                format!("Here: {}.", difference.ours),
                format!("Why: {}.", difference.why),
            ];
            let told = told.map(|part| roff::fill(&roff::prose(&part)));
            let told = told.join(".br\n");
            let _ = write!(text, ".TP\n{}\n{told}", roff::bold(difference.about));
        }
    }
    text
}

//! The manual pages and the completions: checked in, made of the flags, of the
//! data in `flags::manual`, and of the prose in man/prose; and the README.

mod completions;
mod examples;
mod pages;
mod picture;
mod readme;
mod roff;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use clap::CommandFactory as _;
use mqtools::flags::manual::{self, VALUES};
use mqtools::flags::{PublishFlags, SubscribeFlags};

/// Set to anything, it makes the test write the files instead of comparing them.
const REGENERATE: &str = "MQTOOLS_REGENERATE";

/// The command lines of the two tools.
fn commands() -> [clap::Command; 2] {
    [PublishFlags::command(), SubscribeFlags::command()].map(|mut command| {
        command.build();
        command
    })
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The files that are made, with what is to be in them.
fn generated() -> Vec<(PathBuf, String)> {
    let mut files = pages::generate();
    files.push(readme::generate());
    files.push(picture::generate());
    files.extend(commands().into_iter().flat_map(completions::generate));
    files
}

#[test]
fn pages_and_completions_are_those_of_the_flags() {
    let rewrite = std::env::var_os(REGENERATE).is_some();
    let mut stale = Vec::new();
    for (path, text) in generated() {
        let whole = root().join(&path);
        if fs::read_to_string(&whole).is_ok_and(|there| there == text) {
            continue;
        }
        if rewrite {
            fs::create_dir_all(whole.parent().unwrap()).unwrap();
            fs::write(whole, text).unwrap();
        } else {
            stale.push(path);
        }
    }
    assert!(
        stale.is_empty(),
        "not what they should be: {stale:?}\n  to write them anew: \
         {REGENERATE}=1 cargo test --test integration manual::\n"
    );
}

#[test]
fn every_option_is_in_its_page_and_in_each_completion() {
    for command in commands() {
        let name = command.get_name();
        let read = |path: String| fs::read_to_string(root().join(path)).unwrap();
        let page = read(format!("man/{name}.1"));
        let fish = read(format!("completions/{name}.fish"));
        let others = [
            read(format!("completions/{name}.bash")),
            read(format!("completions/_{name}")),
        ];
        for option in command.get_arguments() {
            let long = option.get_long().unwrap();
            let in_page = roff::text(&format!("--{long}"));
            assert!(page.contains(&format!("{in_page}\\f")), "man/{name}.1 has no --{long}");
            assert!(
                fish.contains(&format!("-l {long} ")) || fish.contains(&format!("-l {long}\n")),
                "fish: --{long}"
            );
            for other in &others {
                assert!(
                    other.contains(&format!("--{long}")),
                    "a completion of {name} has no --{long}"
                );
            }
        }
    }
}

#[test]
fn every_name_of_a_value_says_what_may_stand_there() {
    let commands = commands();
    let options: Vec<_> = commands.iter().flat_map(clap::Command::get_arguments).collect();
    for option in options.iter().filter(|option| option.get_action().takes_values()) {
        for name in option.get_value_names().unwrap_or_default() {
            assert!(
                VALUES.iter().any(|(other, _)| other == name),
                "{name}, of {option}, is not in VALUES of src/flags/manual.rs"
            );
        }
    }
    for (name, _) in VALUES {
        let used = |option: &&&clap::Arg| {
            let own = option.get_long().is_some_and(|long| format!("--{long}") == *name);
            own || option
                .get_value_names()
                .unwrap_or_default()
                .iter()
                .any(|other| other == name)
        };
        assert!(
            options.iter().any(|option| used(&option)),
            "{name} is in VALUES, but no option has it"
        );
    }
}

/// Runs a formatter over a page, and returns what it has to say against it.
fn complaints(program: &str, arguments: &[&str], page: &Path) -> String {
    let run = Command::new(program)
        .args(arguments)
        .arg(page)
        .env("LC_ALL", "C.UTF-8")
        .stdin(Stdio::null())
        .output()
        .unwrap_or_else(|error| panic!("{program}: {error}; scripts/setup installs it"));
    let mut text = String::from_utf8_lossy(&run.stderr).into_owned();
    if arguments.contains(&"lint") {
        text.push_str(&String::from_utf8_lossy(&run.stdout));
    } else {
        assert!(run.stdout.len() > 1000, "{program} has printed next to nothing");
    }
    text
}

#[test]
fn formatters_find_no_fault_with_the_pages() {
    for (path, _) in pages::generate() {
        let page = root().join(path);
        for device in ["-Tutf8", "-Tascii", "-Tps"] {
            // Tables and all, as wide as `man` has them in a terminal of 80 columns.
            let words = ["-t", "-ww", "-man", "-rLL=78n", device];
            assert_eq!(complaints("groff", &words, &page), "");
        }
        assert_eq!(complaints("mandoc", &["-T", "lint"], &page), "");
    }
}

/// What bash offers for the last of the words.
fn bash_completes(words: &[&str]) -> Vec<String> {
    const ASK: &str = r#"
        source "$1"; shift
        COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
        "_$1" "$1" "${!#}" "${COMP_WORDS[COMP_CWORD - 1]}"
        printf '%s\n' "${COMPREPLY[@]}"
    "#;
    let script = root().join(format!("completions/{}.bash", words[0]));
    let run = Command::new("bash")
        .args(["--norc", "-c", ASK, "bash"])
        .arg(script)
        .args(words)
        .output()
        .unwrap();
    assert!(run.status.success() && run.stderr.is_empty(), "{run:?}");
    String::from_utf8(run.stdout)
        .unwrap()
        .lines()
        .map(str::to_owned)
        .collect()
}

#[test]
fn bash_offers_options_and_values() {
    assert_eq!(bash_completes(&["mqsub", "--verb"]), ["--verbose"]);
    assert_eq!(bash_completes(&["mqsub", "-t", "a", "-q", ""]), ["0", "1", "2"]);
    assert_eq!(bash_completes(&["mqpub", "--protocol-version", ""]), ["5", "311", "31"]);
    // As bash takes `--qos=` and `--protocol-version=3` apart.
    assert_eq!(bash_completes(&["mqsub", "--qos", "="]), ["0", "1", "2"]);
    assert_eq!(
        bash_completes(&["mqsub", "--protocol-version", "=", "3"]),
        ["311", "31"]
    );
    assert_eq!(bash_completes(&["mqpub", "-D", "con"]), ["connect"]);
    assert_eq!(
        bash_completes(&["mqpub", "-D", "publish", "c"]),
        ["content-type", "correlation-data"]
    );
    assert_eq!(
        bash_completes(&["mqsub", "--property", "unsubscribe", ""]),
        ["user-property"]
    );
}

#[test]
fn each_difference_is_told_once() {
    let all: Vec<_> = manual::DIFFERENCES.iter().flat_map(|(_, group)| *group).collect();
    for (index, difference) in all.iter().enumerate() {
        let parts = [difference.about, difference.theirs, difference.ours, difference.why];
        assert!(
            parts.iter().all(|part| !part.is_empty() && !part.ends_with('.')),
            "{difference:?}"
        );
        assert!(
            all[..index].iter().all(|other| other.about != difference.about),
            "{difference:?}"
        );
    }
}

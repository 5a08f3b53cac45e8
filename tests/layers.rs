//! Who may name whom: the rules of the page in src/lib.rs and a few stricter
//! ones, held by reading the source.
//!
//! The source is taken apart into tokens as the compiler does it, so that
//! comments and strings do not count and macros do.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use proc_macro2::{Delimiter, TokenStream, TokenTree};

/// A file of the source.
struct Source {
    /// Relative to src/.
    path: PathBuf,
    text: String,
    /// Every path of two or more names, those of `use` included; the crate's own
    /// are absolute and begin with `crate`.
    paths: BTreeSet<Vec<String>>,
    /// Every name and keyword.
    words: BTreeSet<String>,
}

/// All files of the source.
fn sources() -> Vec<Source> {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let (mut folders, mut sources) = (vec![src.clone()], Vec::new());
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                sources.push(Source::read(&src, &path));
            }
        }
    }
    assert!(sources.len() > 20, "these cannot be all");
    sources
}

impl Source {
    fn read(src: &Path, file: &Path) -> Self {
        let path = file.strip_prefix(src).unwrap().to_owned();
        let text = fs::read_to_string(file).unwrap();
        let tokens: TokenStream = text
            .parse()
            .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let mut source = Self {
            path,
            text,
            paths: BTreeSet::new(),
            words: BTreeSet::new(),
        };
        let module = source.module();
        source.walk(tokens, &module);
        source
    }

    /// The module that the file is, beginning with `crate`.
    fn module(&self) -> Vec<String> {
        let names = self.path.with_extension("");
        let names = names.iter().map(|name| name.to_str().unwrap());
        let names = names.filter(|name| !["lib", "mod"].contains(name));
        std::iter::once("crate").chain(names).map(str::to_owned).collect()
    }

    /// The module at the top that the file belongs to.
    fn layer(&self) -> String {
        self.module().get(1).cloned().unwrap_or_default()
    }

    fn lines(&self) -> usize {
        self.text.lines().count()
    }

    /// Whether a path begins with these names, or goes through them at its end.
    fn names(&self, path: &str) -> bool {
        let wanted: Vec<&str> = path.split("::").collect();
        self.paths
            .iter()
            .any(|path| path.windows(wanted.len()).any(|part| part == wanted))
            || wanted.len() == 1 && self.words.contains(path)
    }

    /// Notes what these tokens name, inside of `module`.
    fn walk(&mut self, tokens: TokenStream, module: &[String]) {
        let tokens: Vec<TokenTree> = tokens.into_iter().collect();
        let mut rest = &tokens[..];
        while let Some((first, behind)) = rest.split_first() {
            rest = behind;
            match first {
                TokenTree::Group(group) => self.walk(group.stream(), module),
                TokenTree::Ident(word) if word == "use" => rest = self.tree(rest, &[], module),
                TokenTree::Ident(word) if word == "mod" => {
                    if let [TokenTree::Ident(name), TokenTree::Group(inside), behind @ ..] = rest {
                        let inner = [module, &[name.to_string()]].concat();
                        self.walk(inside.stream(), &inner);
                        rest = behind;
                    }
                }
                TokenTree::Ident(word) => {
                    let mut path = vec![word.to_string()];
                    while let Some((TokenTree::Ident(next), behind)) = behind_colons(rest).and_then(<[_]>::split_first)
                    {
                        path.push(next.to_string());
                        rest = behind;
                    }
                    self.note(path, module);
                }
                TokenTree::Punct(_) | TokenTree::Literal(_) => {}
            }
        }
    }

    /// Notes the paths of a tree of `use`, and returns what stands behind it.
    fn tree<'a>(&mut self, tokens: &'a [TokenTree], prefix: &[String], module: &[String]) -> &'a [TokenTree] {
        let mut path = prefix.to_vec();
        let mut rest = tokens;
        loop {
            match rest {
                [TokenTree::Ident(name), behind @ ..] if name == "as" => rest = &behind[1..],
                [TokenTree::Ident(name), behind @ ..] => {
                    // `{self}` is what stands before the braces.
                    if path.is_empty() || name != "self" {
                        path.push(name.to_string());
                    }
                    rest = behind;
                }
                [TokenTree::Group(group), behind @ ..] if group.delimiter() == Delimiter::Brace => {
                    let inside: Vec<TokenTree> = group.stream().into_iter().collect();
                    let mut members = &inside[..];
                    while !members.is_empty() {
                        members = self.tree(members, &path, module);
                    }
                    path.clear();
                    rest = behind;
                }
                [TokenTree::Punct(end), behind @ ..] if [';', ','].contains(&end.as_char()) => {
                    rest = behind;
                    break;
                }
                [_, behind @ ..] => rest = behind,
                [] => break,
            }
        }
        self.note(path, module);
        rest
    }

    /// Notes a path as it stands in `module`.
    fn note(&mut self, path: Vec<String>, module: &[String]) {
        self.words.extend(path.iter().cloned());
        let (mut place, mut rest) = (module, &path[..]);
        while let Some((first, behind)) = rest.split_first() {
            match &**first {
                "self" => {}
                "super" => place = &place[..place.len() - 1],
                _ => break,
            }
            rest = behind;
        }
        let whole = if rest.len() == path.len() {
            path
        } else {
            [place, rest].concat()
        };
        if whole.len() > 1 {
            self.paths.insert(whole);
        }
    }

    /// The crate's own modules that are named: of each path, the part up to
    /// `depth` names.
    fn own(&self, depth: usize) -> BTreeSet<String> {
        let own = self.paths.iter().filter(|path| path[0] == "crate");
        own.map(|path| path[1..].iter().take(depth).cloned().collect::<Vec<_>>().join("::"))
            .collect()
    }
}

/// What stands behind a `::`.
fn behind_colons(tokens: &[TokenTree]) -> Option<&[TokenTree]> {
    match tokens {
        [TokenTree::Punct(first), TokenTree::Punct(second), behind @ ..]
            if first.as_char() == ':' && second.as_char() == ':' =>
        {
            Some(behind)
        }
        _ => None,
    }
}

/// The rows of the page in src/lib.rs, each with its modules.
fn page() -> Vec<Vec<String>> {
    let text = include_str!("../src/lib.rs");
    let block = text.split("```").nth(1).expect("the page in src/lib.rs");
    let rows = block.lines().skip(1).filter_map(|line| line.strip_prefix("//! "));
    rows.filter(|row| !row.is_empty())
        .map(|row| {
            let columns = row.split("  ").map(str::trim).filter(|column| !column.is_empty());
            let columns: Vec<String> = columns.map(|column| column.trim_end_matches('/').to_owned()).collect();
            let (_meaning, names) = columns.split_last().expect("names and a meaning");
            names.to_vec()
        })
        .collect()
}

/// Fails with all that is wrong.
#[track_caller]
fn holds(faults: impl IntoIterator<Item = String>) {
    let faults: Vec<String> = faults.into_iter().collect();
    assert!(faults.is_empty(), "\n  {}\n", faults.join("\n  "));
}

/// The files of these layers that name any of `forbidden`.
fn naming(layers: &[&str], forbidden: &[&str]) -> Vec<String> {
    let mut faults = Vec::new();
    for source in sources().iter().filter(|source| layers.contains(&&*source.layer())) {
        let named = forbidden.iter().filter(|path| source.names(path));
        faults.extend(named.map(|path| format!("{} names {path}", source.path.display())));
    }
    faults
}

/// The files outside of these that name any of `reserved`.
fn naming_outside(files: &[&str], reserved: &[&str]) -> Vec<String> {
    let mut faults = Vec::new();
    for source in sources()
        .iter()
        .filter(|source| !files.iter().any(|file| source.path.starts_with(file)))
    {
        let named = reserved.iter().filter(|path| source.names(path));
        faults.extend(named.map(|path| format!("{} names {path}", source.path.display())));
    }
    faults
}

/// The files of a layer that name a module of the crate other than these.
fn naming_others(layer: &str, allowed: &[&str]) -> Vec<String> {
    let mut faults = Vec::new();
    for source in sources().iter().filter(|source| source.layer() == layer) {
        let own = source.own(2).into_iter().filter(|path| !path.is_empty());
        let strange = own.filter(|path| {
            let top = path.split("::").next().unwrap_or_default();
            top != layer && !allowed.contains(&top) && !allowed.contains(&&**path)
        });
        faults.extend(strange.map(|path| format!("{} names crate::{path}", source.path.display())));
    }
    faults
}

/// The files of a layer that name another crate than these and `std`.
fn naming_other_crates(layer: &str, allowed: &[&str]) -> Vec<String> {
    let manifest = include_str!("../Cargo.toml");
    let headed = |table: &&str| {
        table
            .split(']')
            .next()
            .is_some_and(|name| name.ends_with("dependencies"))
    };
    let tables = manifest
        .split("\n[")
        .filter(headed)
        .filter(|table| !table.starts_with("dev-"));
    let names = tables.flat_map(str::lines).filter_map(|line| line.split_once(" = "));
    let crates: Vec<String> = names.map(|(name, _)| name.replace('-', "_")).collect();
    assert!(crates.len() > 10, "these cannot be all");
    let mut faults = Vec::new();
    for source in sources().iter().filter(|source| source.layer() == layer) {
        let roots: BTreeSet<&String> = source.paths.iter().map(|path| &path[0]).collect();
        let strange = roots
            .into_iter()
            .filter(|root| crates.contains(root) && !allowed.contains(&&***root));
        faults.extend(strange.map(|root| format!("{} names {root}", source.path.display())));
    }
    faults
}

const PAHO: [&str; 2] = ["paho_mqtt", "paho_mqtt_sys"];
const STREAMS: [&str; 3] = ["stdin", "stdout", "stderr"];

#[test]
fn this_test_sees_what_is_there() {
    let sources = sources();
    let of = |path: &str| sources.iter().find(|source| source.path == Path::new(path)).unwrap();
    assert!(of("publish.rs").names("crate::session::Session"));
    assert!(of("report.rs").names("std::io::stderr"));
    assert!(of("session/errors.rs").names("paho_mqtt::ReasonCode"));
    assert!(of("wire/tls.rs").own(2).contains("config::connection"));
    assert!(
        of("wire/websocket.rs").names("crate::wire::carrier::Stream"),
        "super is resolved"
    );
    assert!(
        of("flags/mod.rs").names("crate::flags::publish::PublishFlags"),
        "self is resolved"
    );
    assert!(!of("wire/mod.rs").names("Paho"), "comments do not count");
}

#[test]
fn every_module_is_on_the_page_and_imports_only_from_lines_below() {
    let page = page();
    let sources = sources();
    let row = |name: &str| page.iter().position(|row| row.iter().any(|other| other == name));
    let mut faults = Vec::new();
    for source in &sources {
        let layer = source.layer();
        if ["", "bin"].contains(&&*layer) {
            continue;
        }
        let Some(here) = row(&layer) else {
            faults.push(format!("{layer} is not on the page"));
            continue;
        };
        for path in source.own(2) {
            let other = path.split("::").next().unwrap_or_default();
            // What is typed is parsed into the types of what it means.
            let granted = layer == "flags" && path == "config::connection";
            if let Some(there) = row(other).filter(|there| *there < here && !granted) {
                faults.push(format!(
                    "{} (line {here}) names {path} (line {there})",
                    source.path.display()
                ));
            }
        }
    }
    for name in page.iter().flatten() {
        if !sources.iter().any(|source| source.layer() == *name) {
            faults.push(format!("{name} is on the page but not there"));
        }
    }
    holds(faults);
}

#[test]
fn only_the_session_names_paho() {
    holds(naming_outside(&["session"], &PAHO));
}

#[test]
fn the_tools_name_neither_paho_nor_clap() {
    holds(naming(&["publish", "subscribe"], &[&PAHO[..], &["clap"]].concat()));
}

#[test]
fn the_flags_only_say_what_was_typed() {
    holds(naming_others(
        "flags",
        &["codec", "config::connection", "exit", "format", "message", "secret"],
    ));
    holds(naming_other_crates(
        "flags",
        &["clap", "humantime", "bytes", "memchr", "toml"],
    ));
    holds(naming(&["flags"], &[&STREAMS[..], &["fs", "env"]].concat()));
}

#[test]
fn the_configuration_is_made_from_flags_alone() {
    holds(naming_others(
        "config",
        &[
            "flags", "codec", "exec", "pattern", "secret", "failure", "format", "message", "property", "exit", "chance",
        ],
    ));
    // An address is data; what connects to one, or looks one up, is not.
    let network = ["TcpStream", "TcpListener", "UdpSocket", "UnixStream", "ToSocketAddrs"];
    holds(naming(
        &["config"],
        &[&PAHO[..], &STREAMS, &network, &["clap", "fs", "env"]].concat(),
    ));
}

#[test]
fn the_wire_knows_neither_paho_nor_who_uses_it() {
    let others = ["crate::session", "crate::flags", "clap"];
    holds(naming(&["wire"], &[&PAHO[..], &STREAMS, &others].concat()));
}

#[test]
fn input_and_output_know_no_broker() {
    let others = ["crate::session", "crate::wire", "crate::flags", "clap"];
    holds(naming(
        &["input", "output", "template", "json"],
        &[&PAHO[..], &others].concat(),
    ));
}

#[test]
fn the_spool_knows_neither_broker_nor_streams() {
    holds(naming_others(
        "spool",
        &["chance", "config::spool", "exit", "failure", "message", "property"],
    ));
    holds(naming_other_crates(
        "spool",
        &["bytes", "crc32fast", "fastrand", "memchr", "rustix"],
    ));
    holds(naming(&["spool"], &STREAMS));
}

#[test]
fn commands_know_neither_broker_nor_command_line() {
    let known = ["failure", "message", "pattern", "pointer", "property"];
    holds(naming_others("exec", &known));
    holds(naming_other_crates("exec", &["data_encoding", "humantime", "rustix"]));
    holds(naming(&["exec"], &STREAMS[2..]));
}

#[test]
fn only_the_report_writes_to_stderr() {
    holds(naming_outside(&["report.rs"], &["stderr", "eprintln", "eprint", "dbg"]));
}

#[test]
fn only_the_start_and_the_two_seams_to_c_are_unsafe() {
    holds(naming_outside(
        &[
            "process.rs",
            "session/ffi.rs",
            "session/ffi/properties.rs",
            "wire/seam.rs",
            "wire/seam/kernel.rs",
        ],
        &["unsafe"],
    ));
}

#[test]
fn files_are_short_and_those_of_the_binaries_very() {
    let sources = sources();
    let too_long = sources.iter().filter(|source| match &*source.layer() {
        "bin" => source.lines() >= 15,
        _ => source.lines() > 500,
    });
    holds(too_long.map(|source| format!("{} has {} lines", source.path.display(), source.lines())));
}

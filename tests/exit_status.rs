//! How a run ends: the exit status by the table that the help prints, words on
//! stderr and nowhere else, and what cannot be hidden.

mod names;

use std::fs::OpenOptions;
use std::net::{Ipv4Addr, TcpListener};

use clap::CommandFactory;
use mqtools::exit::{Exit, TABLE, table_text};
use mqtools::flags::{PublishFlags, SubscribeFlags};

use crate::support::broker::{Broker, Inbox, sink, source};
use crate::support::free_ports;
use crate::support::packet::{Version, connack};
use crate::support::runner::{Contains, Outcome, Satisfies, Tool};
use crate::tools::{mqpub, mqsub};

/// A run with more words on its command line.
type Run = fn(&str) -> Outcome;

/// Real runs, each with the status that it has to end with.
const RUNS: [(Exit, Run); 13] = [
    (Exit::Done, |words| {
        let broker = Broker::start(sink(&Inbox::default()));
        mqpub(broker.port(), &format!("-t t -m x {words}")).run()
    }),
    (Exit::Done, |words| {
        let broker = Broker::start(source("t", 2, 1, |_| b"x".to_vec()));
        mqsub(broker.port(), &format!("-t t -q 1 -C 2 {words}")).run()
    }),
    (Exit::Failed, |words| {
        Tool::mqpub()
            .args("-t t -f /nonexistent".split(' '))
            .args(words.split_whitespace())
            .run()
    }),
    (Exit::Failed, |words| {
        let broker = Broker::start(source("t", 2, 1, |_| b"x".to_vec()));
        let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
        mqsub(broker.port(), &format!("-t t -q 1 {words}"))
            .stdout_to(full)
            .run()
    }),
    (Exit::Usage, |words| Tool::mqpub().args(words.split_whitespace()).run()),
    (Exit::Usage, |words| Tool::mqsub().args(words.split_whitespace()).run()),
    (Exit::NoConnection, |words| {
        let [port] = free_ports();
        mqpub(port, &format!("-t t -m x {words}")).run()
    }),
    (Exit::NoConnection, |words| {
        let [port] = free_ports();
        mqsub(port, &format!("-t t {words}")).run()
    }),
    (Exit::Refused, |words| {
        mqpub(refusing().port(), &format!("-t t -m x {words}")).run()
    }),
    (Exit::Refused, |words| {
        mqsub(refusing().port(), &format!("-t t {words}")).run()
    }),
    (Exit::Undelivered, |words| {
        let broker = Broker::start(|conn| drop(conn.accept_connect()));
        mqpub(broker.port(), &format!("-t t -m x -q 1 {words}")).run()
    }),
    (Exit::Undelivered, |words| {
        let broker = Broker::start(|conn| {
            conn.accept_connect();
            conn.serve_subscribe(&[0]);
        });
        mqsub(broker.port(), &format!("-t t --no-reconnect {words}")).run()
    }),
    (Exit::TimedOut, |words| {
        let silent = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = silent.local_addr().unwrap().port();
        mqsub(port, &format!("-t t -W 0.2 {words}")).run()
    }),
];

/// A broker that lets nobody in.
fn refusing() -> Broker {
    Broker::start(|conn| {
        conn.expect_connect();
        conn.send(connack(Version::V311, false, 5, &[]));
    })
}

#[test]
fn every_status_of_the_table_is_that_of_real_runs() {
    for (exit, meaning) in TABLE {
        let runs: Vec<_> = RUNS.iter().filter(|(other, _)| *other == exit).collect();
        assert!(!runs.is_empty(), "no run ends with {exit:?}: {meaning}");
        for (_, run) in runs {
            let silent = exit == Exit::Done;
            let words = |stderr: &[u8]| stderr.is_empty() == silent;
            run("").expect(i32::from(exit.status()), Satisfies(&|_| true), Satisfies(&words));
        }
    }
}

#[test]
fn quiet_hides_the_words_but_not_the_status() {
    for (exit, run) in RUNS {
        // A command line that makes no sense is always told.
        let told = exit == Exit::Usage;
        let words = |stderr: &[u8]| stderr.is_empty() != told;
        run("--quiet").expect(i32::from(exit.status()), Satisfies(&|_| true), Satisfies(&words));
    }
}

#[test]
fn what_happens_is_told_on_stderr_alone() {
    let broker = Broker::start(source("t", 1, 1, |_| b"x".to_vec()));
    let tool = mqsub(broker.port(), "-t t -C 1 -d");
    tool.run().expect(0, "x\n", Contains(&["mqsub: debug: connected"]));
    let broker = Broker::start(sink(&Inbox::default()));
    let tool = mqpub(broker.port(), "-t t -m x -d");
    tool.run().expect(0, "", Contains(&["mqpub: debug: connected"]));
}

/// Nothing on stdout, one line about this on stderr, and perhaps a hint.
#[track_caller]
fn is_usage(name: &str, ended: Outcome, about: &str) {
    let ended = ended.expect(2, "", Satisfies(&|_| true));
    let lines: Vec<&str> = ended.stderr.split_inclusive('\n').collect();
    let error = lines[0].starts_with(&format!("{name}: error: ")) && lines[0].ends_with('\n');
    let hint = match lines[1..] {
        [] => true,
        [hint] => hint.starts_with(&format!("{name}: hint: ")) && hint.ends_with('\n'),
        _ => false,
    };
    assert!(
        error && hint && lines[0].contains(about),
        "{about:?} in {:?}",
        ended.stderr
    );
    assert!(!ended.stderr.contains("secret"), "{:?}", ended.stderr);
}

#[test]
fn a_command_line_of_mqpub_that_makes_no_sense_is_status_2_and_one_line() {
    let cases = [
        (vec![], "is needed"),
        (vec!["-m", "x"], "-t"),
        (vec!["-t", "t"], "-m, -f, -l, -s and -n"),
        (vec!["-t", "t", "-m", "x", "-n"], "-m and -n"),
        (vec!["-t", "t", "-f", "x", "-l"], "-f and -l"),
        (vec!["-t", "t", "-l", "-s"], "-l and -s"),
        (vec!["-t", "", "-m", "x"], "topic ''"),
        (vec!["-t", "a/#", "-m", "x"], "topic 'a/#'"),
        (vec!["-t", "a+b", "-m", "x"], "topic 'a+b'"),
        (vec!["-t", "t", "-m", "x", "-q", "3"], "--qos"),
        (vec!["-t", "t", "-m", "x", "-q", "3", "-q", "1"], "--qos"),
        (vec!["-t", "t", "-m", "x", "-p", "0"], "-p 0"),
        (vec!["-t", "t", "-m", "x", "-p", "65536"], "--port"),
        (vec!["-t", "t", "-m", "x", "-V", "4"], "--protocol-version"),
        (vec!["-t", "t", "-m", "x", "-k", "4"], "--keepalive"),
        (vec!["-t", "t", "-m", "x", "-i", ""], "--id"),
        (vec!["-t", "t", "-m", "x", "-h", ""], "host"),
        (vec!["-t", "t", "-m", "x", "-P", "secret"], "-P"),
        (
            vec!["-t", "t", "-m", "x", "--connect-timeout", "0"],
            "--connect-timeout",
        ),
        (
            vec!["-t", "t", "-m", "x", "--connect-timeout", "soon"],
            "--connect-timeout",
        ),
        (vec!["-t", "t", "-m", "x", "--ws", "--ws-path", "mqtt"], "--ws-path"),
        (vec!["-t", "t", "-m", "x", "--cert", "file"], "--key"),
        (vec!["-t", "t", "-m", "x", "--key", "file"], "--cert"),
        (vec!["-m", "x", "-L", "http://me:secret@host/t"], "-L"),
        (vec!["-m", "x", "-L", "me:secret@host/t"], "-L"),
        (vec!["-m", "x", "-L", "mqtt://me:secret@host:0/t"], "-L"),
        (vec!["-t", "t", "-m", "x", "--nonsense"], "--nonsense"),
        (vec!["-t", "t", "-m", "x", "extra"], "extra"),
        (vec!["-m", "x", "-t"], "-t"),
    ];
    for (words, about) in cases {
        is_usage("mqpub", Tool::mqpub().args(&words).run(), about);
        is_usage("mqpub", Tool::mqpub().arg("--quiet").args(words).run(), about);
    }
}

#[test]
fn a_command_line_of_mqsub_that_makes_no_sense_is_status_2_and_one_line() {
    let cases = [
        (vec![], "-t"),
        (vec!["-t", ""], "''"),
        (vec!["-t", "good", "-t", "a#"], "'a#'"),
        (vec!["-t", "a+/b"], "'a+/b'"),
        (vec!["-t", "#/a"], "'#/a'"),
        (vec!["-t", "$share/g"], "'$share/g'"),
        (vec!["-t", "t", "-C", "0"], "--count"),
        (vec!["-t", "t", "-C", "-1"], "-1"),
        (vec!["-t", "t", "-W", "0"], "--timeout"),
        (vec!["-t", "t", "-W", "soon"], "--timeout"),
        (vec!["-t", "t", "--json", "-v"], "--json and -v"),
        (vec!["-t", "t", "--json", "-N"], "--json and -N"),
        (vec!["-t", "t", "-q", "3"], "--qos"),
        (vec!["-t", "t", "-m", "x"], "-m"),
        (vec!["-t", "t", "extra"], "extra"),
    ];
    for (words, about) in cases {
        is_usage("mqsub", Tool::mqsub().args(&words).run(), about);
        is_usage("mqsub", Tool::mqsub().arg("--quiet").args(words).run(), about);
    }
}

/// The text in one line, so that it does not matter where it was wrapped.
fn unwrapped(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn the_help_has_every_option_and_the_table() {
    for (tool, command) in [
        (Tool::mqpub as fn() -> Tool, PublishFlags::command()),
        (Tool::mqsub, SubscribeFlags::command()),
    ] {
        let ended = tool().arg("--help").run().expect(0, Contains(&["Usage: "]), "");
        let help = ended.stdout_text();
        for argument in command.get_arguments() {
            let long = argument.get_long().expect("a long name");
            let option = match argument.get_short() {
                Some(short) => format!("\n  -{short}, --{long}"),
                None => format!("\n      --{long}"),
            };
            assert!(help.contains(&option), "{option:?} is not in the help");
            let what = argument.get_help().expect("help for each option").to_string();
            assert!(
                unwrapped(help).contains(&unwrapped(&what)),
                "{what:?} is not in the help"
            );
        }
        assert!(unwrapped(help).contains(&unwrapped(&table_text())), "{help}");
        for (exit, meaning) in TABLE {
            let row = unwrapped(&format!("{} {meaning}", exit.status()));
            assert!(unwrapped(help).contains(&row), "{row:?} is not in the help");
        }
    }
}

#[test]
fn help_and_version_go_to_stdout_whatever_else_is_said() {
    for (tool, name) in [(Tool::mqpub as fn() -> Tool, "mqpub"), (Tool::mqsub, "mqsub")] {
        let version = |text: &[u8]| {
            let text = String::from_utf8_lossy(text);
            let lines: Vec<&str> = text.lines().collect();
            lines[0] == format!("{name} {}", env!("CARGO_PKG_VERSION"))
                && lines[1].starts_with("Paho MQTT C 1.")
                && lines[2].starts_with("OpenSSL ")
                && lines.len() == 3
        };
        tool().arg("--version").run().expect(0, Satisfies(&version), "");
        tool()
            .args(["-t", "t", "--quiet", "--version"])
            .run()
            .expect(0, Satisfies(&version), "");
        tool()
            .args(["-t", "t", "--help"])
            .run()
            .expect(0, Contains(&["Exit status:"]), "");
    }
}

#[test]
fn help_that_nobody_wants_to_read_is_no_failure_but_help_that_cannot_be_written_is() {
    for tool in [Tool::mqpub, Tool::mqsub] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        tool().arg("--help").stdout_to(writer).run().expect(0, "", "");
        let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
        let ended = tool().arg("--help").stdout_to(full).run();
        ended.expect(1, "", Contains(&["cannot write to stdout: no space left on device"]));
    }
}

#[test]
fn no_variable_makes_the_library_write_to_stdout() {
    let traced = |tool: Tool, value: &str| {
        tool.env("MQTT_C_CLIENT_TRACE", value)
            .env("MQTT_C_CLIENT_TRACE_LEVEL", "MAXIMUM")
            .env("MQTT_C_CLIENT_TRACE_MAX_LINES", "10")
    };
    // Not even where it would write to a file: it would have the payloads in it.
    let file = crate::support::scratch_dir();
    let file = file.path().join("trace");
    for value in ["ON", "/dev/stdout", "/nonexistent/trace", &file.to_string_lossy()] {
        let broker = Broker::start(sink(&Inbox::default()));
        let tool = mqpub(broker.port(), "-V 5 -t t -l --tee -q 1").stdin("a\nb\n");
        traced(tool, value).run().expect(0, "a\nb\n", "");
        let broker = Broker::start(source("t", 2, 1, |_| b"x".to_vec()));
        let tool = mqsub(broker.port(), "-t t -q 1 -C 2");
        traced(tool, value).run().expect(0, "x\nx\n", "");
        assert!(!file.exists());
    }
}

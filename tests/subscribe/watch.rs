//! The table on a terminal: drawn, resized, ended by a key; and not in a pipe.

use std::fs::File;
use std::io::Write;
use std::os::fd::OwnedFd;

use rustix::process::Signal;
use rustix::pty::OpenptFlags;
use rustix::termios::Winsize;

use super::subscribed;
use crate::support::DEADLINE;
use crate::support::broker::Broker;
use crate::support::capture::Capture;
use crate::support::packet::Publish;
use crate::support::runner::Running;
use crate::tools::{mqsub, play};

/// A terminal: what is typed and shown, and the end that a program has.
fn terminal(rows: u16, columns: u16) -> (File, File) {
    let master = rustix::pty::openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    rustix::pty::grantpt(&master).unwrap();
    rustix::pty::unlockpt(&master).unwrap();
    let name = rustix::pty::ptsname(&master, Vec::new()).unwrap();
    let path = std::path::PathBuf::from(name.into_string().unwrap());
    let program = File::options().read(true).write(true).open(path).unwrap();
    let master = File::from(master);
    resize(&master, rows, columns);
    (master, program)
}

fn resize(terminal: &File, rows: u16, columns: u16) {
    let size = Winsize {
        ws_row: rows,
        ws_col: columns,
        ws_xpixel: 0,
        ws_ypixel: 0,
    };
    rustix::termios::tcsetwinsize(terminal, size).unwrap();
}

/// mqsub with a terminal for all it reads and shows.
struct Watched {
    tool: Running,
    keys: File,
    shown: Capture,
}

impl Watched {
    fn start(broker: &Broker, words: &str) -> Self {
        let (master, program) = terminal(12, 100);
        let tool = mqsub(broker.port(), words)
            .env("TERM", "xterm")
            .stdin_from(OwnedFd::from(program.try_clone().unwrap()))
            .stdout_to(OwnedFd::from(program))
            .spawn();
        Self {
            tool,
            keys: master.try_clone().unwrap(),
            shown: Capture::start(OwnedFd::from(master)),
        }
    }

    #[track_caller]
    fn wait(&self, text: &str, from: usize) {
        let until = std::time::Instant::now() + DEADLINE;
        let shown = || String::from_utf8_lossy(&self.shown.all()).into_owned();
        assert!(
            self.shown.wait_contains(text, from, until),
            "no {text:?} in {:?}",
            shown()
        );
    }
}

fn broker() -> Broker {
    play(|conn| {
        subscribed(conn);
        for number in [1, 5, 9] {
            conn.publish(&Publish::new("b/temperature", number.to_string()));
        }
        conn.publish(&Publish::new("a/\u{1b}[31mname", "\u{1b}]0;title\u{7}"));
        conn.until_eof();
    })
}

#[test]
fn a_table_is_drawn_and_ended_by_a_key() {
    let broker = broker();
    let mut watched = Watched::start(&broker, "-t # -w");
    watched.wait("2 topics", 0);
    watched.wait("b/temperature", 0);
    watched.wait("▁▅█", 0);
    watched.wait(r"\x1b]0;title\x07", 0);
    let shown = String::from_utf8_lossy(&watched.shown.all()).into_owned();
    assert!(
        !shown.contains("\u{1b}]0;") && !shown.contains("\u{1b}[31m"),
        "{shown:?}"
    );
    let before = watched.shown.count();
    watched.keys.write_all(b"q").unwrap();
    // The screen of before is back, with its cursor.
    watched.wait("\u{1b}[?1049l", before);
    watched.wait("\u{1b}[?25h", 0);
    watched.tool.wait().expect(0, "", "");
}

#[test]
fn the_table_has_the_size_of_the_window() {
    let broker = broker();
    let watched = Watched::start(&broker, "-t # --watch");
    watched.wait("course", 0);
    let before = watched.shown.count();
    resize(&watched.keys, 12, 40);
    // Too narrow for that column now, and the head is cut.
    watched.wait("…", before);
    watched.tool.signal(Signal::TERM);
    watched.wait("\u{1b}[?1049l", before);
    watched.tool.wait().expect(Signal::TERM, "", "");
}

#[test]
fn ctrl_c_is_what_it_is_elsewhere() {
    let broker = broker();
    let mut watched = Watched::start(&broker, "-t # -w");
    watched.wait("2 topics", 0);
    watched.keys.write_all(b"\x03").unwrap();
    watched.tool.wait().expect(Signal::INT, "", "");
}

#[test]
fn in_a_pipe_it_is_refused() {
    let tool = mqsub(1, "-t # --watch");
    let error = "mqsub: error: --watch needs a terminal, and stdout is none\n";
    tool.run().expect(2, "", error);
}

#[test]
fn an_end_by_itself_gives_the_terminal_back() {
    let broker = broker();
    let watched = Watched::start(&broker, "-t # -w -C 4");
    // What it shows may be read after its end.
    watched.wait("\u{1b}[?1049l", 0);
    watched.tool.wait().expect(0, "", "");
}

//! A place where the shell commands of the documentation work as they stand:
//! `mqpub` and `mqsub` are on the path and find a mosquitto behind the hosts
//! that the commands name, and the files and programs that they use are there.
//!
//! It compares nothing.

use std::fmt::Write as _;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tempfile::TempDir;

use super::certificates::certificates;
use super::mosquitto::{Mosquitto, Publisher};
use super::packet::Version;
use super::runner::Tool;

/// Sends a command line of mqpub or mqsub to the listener that its scheme and
/// its other options ask for: of the broker, whatever its host; of another
/// broker, if that is `there`; to a port that refuses connections, if `BROKER`
/// is `down`.
const WRAPPER: &str = r#"
tls= ws= url= port= place=$BROKER
for word; do
    case $word in
        --ws) ws=s ;;
        --tls-use-os-certs | --cafile* | --capath* | --cert*) tls=s ;;
        *://*) url=$word ;;
        -p | --port) port=yes ;;
        there) place=there ;;
    esac
done
case $url in
    mqtt:*) tls= ws= ;;
    mqtts:*) tls=s ws= ;;
    ws:*) tls= ws=s ;;
    wss:*) tls=s ws=s ;;
esac
case $place:$tls:$ws in
    down:*) actual=$DOWN ;;
    there:*) actual=$THERE ;;
    :s:s) actual=$WSS ;;
    :s:) actual=$TLS ;;
    ::s) actual=$WS ;;
    *) actual=$TCP ;;
esac
count=$# before=
while [ "$count" -gt 0 ]; do
    word=$1
    shift
    case $before:$word in
        -h:* | --host:*) word=localhost ;;
        -p:* | --port:*) word=$actual ;;
        --retry-for:*) [ "$BROKER" != down ] || word=0.2 ;;
        *://*) word=$(printf %s "$word" | sed -E "s#^([a-z]+://([^@/]*@)?)[^/]*#\1localhost:$actual#") ;;
    esac
    set -- "$@" "$word"
    before=$word
    count=$((count - 1))
done
[ -n "$url$port" ] || set -- -p "$actual" "$@"
exec "$PROGRAM" "$@"
"#;

/// Programs that the commands use: their names and what they do.
const PROGRAMS: [(&str, &str); 3] = [
    ("sensor", "printf '21.5\\n21.4\\n21.7\\n'"),
    ("backup", "exit 0"),
    // Nobody has to wait, unless all are held.
    ("sleep", SLEEP),
];

/// Waits while somebody holds the sleepers, but for the first.
const SLEEP: &str = r#"
place=${0%/*}
rmdir "$place/first" 2>/dev/null || while [ -e "$place/hold" ]; do /bin/sleep 0.01; done
exec /bin/sleep 0.05
"#;

/// What is published all the time while a [`Feeder`] lives.
const FEED: [(&str, &str); 4] = [
    ("home/lamp", "on"),
    ("home/temperature", "21.5"),
    ("home/attic/temperature", "31.5"),
    ("home/pi/load", "0.42"),
];

/// The place: a directory, and a broker of its own.
pub struct Playground {
    /// The broker that the commands meet.
    pub broker: Mosquitto,
    /// The broker that is `there`, if the commands want one.
    pub there: Option<Mosquitto>,
    dir: TempDir,
}

impl Playground {
    /// Makes the place for a command.
    pub fn new(command: &str) -> Self {
        let there = command.contains("there").then(Mosquitto::start);
        let place = Self {
            broker: Mosquitto::start(),
            there,
            dir: super::scratch_dir(),
        };
        std::fs::create_dir(place.bin()).unwrap();
        std::fs::create_dir(place.here()).unwrap();
        place.wrap("mqpub", assert_cmd::cargo::cargo_bin!("mqpub"));
        place.wrap("mqsub", assert_cmd::cargo::cargo_bin!("mqsub"));
        for (name, lines) in PROGRAMS {
            place.program(name, lines);
        }
        let here = place.here();
        std::fs::write(here.join("plan.pdf"), b"%PDF-1.7\n\0\xff\n").unwrap();
        std::fs::copy(&certificates().ca, here.join("ca.pem")).unwrap();
        place
    }

    /// A shell that is about to run the command there.
    pub fn shell(&self, command: &str) -> Tool {
        let path = std::env::var("PATH").unwrap();
        let path = format!("{}:{path}", self.bin().display());
        // `cd` stands before the command so that it is itself as it stands.
        let line = format!("cd '{}' || exit\n{command}", self.here().display());
        Tool::new("sh")
            .args(["-c", &line])
            .own_group()
            .env("PATH", path)
            .env("SSL_CERT_FILE", certificates().ca.as_os_str())
            .env("PASSWORD", "secret")
            .env("BUILD", "1234")
    }

    /// Makes every `sleep` but the first one last until [`go_on`](Self::go_on).
    pub fn hold(&self) {
        std::fs::write(self.bin().join("hold"), "").unwrap();
        std::fs::create_dir(self.bin().join("first")).unwrap();
    }

    /// Nothing is held any more.
    pub fn go_on(&self) {
        std::fs::remove_file(self.bin().join("hold")).unwrap();
    }

    /// The directory where the command runs.
    pub fn here(&self) -> PathBuf {
        self.dir.path().join("here")
    }

    fn bin(&self) -> PathBuf {
        self.dir.path().join("bin")
    }

    fn wrap(&self, name: &str, program: &Path) {
        let [down] = super::free_ports();
        let there = self.there.as_ref().map_or(down, Mosquitto::tcp);
        let mut text = format!("PROGRAM='{}'\n", program.display());
        for (variable, port) in [
            ("TCP", self.broker.tcp()),
            ("TLS", self.broker.tls()),
            ("WS", self.broker.ws()),
            ("WSS", self.broker.wss()),
            ("DOWN", down),
            ("THERE", there),
        ] {
            let _ = writeln!(text, "{variable}={port}");
        }
        self.program(name, &(text + WRAPPER));
    }

    fn program(&self, name: &str, lines: &str) {
        let path = self.bin().join(name);
        std::fs::write(&path, format!("#!/bin/sh\n{lines}\n")).unwrap();
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).unwrap();
    }
}

/// Publishes to some topics again and again, until it is dropped.
pub struct Feeder {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Feeder {
    /// Starts to publish at a port.
    pub fn start(port: u16) -> Self {
        const PAUSE: Duration = Duration::from_millis(20);
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = thread::spawn(move || {
            let mut publisher = Publisher::connect(port, Version::V311);
            while !stopped.load(Ordering::Relaxed) {
                for (topic, payload) in FEED {
                    publisher.publish(topic, payload, 1, false, &[]);
                }
                thread::park_timeout(PAUSE);
            }
        });
        Self {
            stop,
            thread: Some(thread),
        }
    }
}

impl Drop for Feeder {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            // It fails only with a broker that has gone, and says so itself.
            let _ = thread.join();
        }
    }
}

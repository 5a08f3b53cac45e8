//! What the integration tests share: a strict way to run the tools, brokers
//! to run them against, and small tools to look at what went over the wire.
//!
//! Nothing here uses the crate under test: what the tests compare the tools
//! with is written (or, with mosquitto, chosen) independently of them. And
//! nothing here tests anything by itself.
//!
//! The modules name each other as `crate::support`: a test crate has this one
//! at its root.

#![allow(dead_code, unused_imports, reason = "a test binary need not use every helper")]
#![allow(
    unreachable_pub,
    reason = "nothing is reachable from outside a test binary; `pub` tells a helper's interface from its insides"
)]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "to panic is how a test says that it failed"
)]

pub mod broker;
pub mod capture;
pub mod certificates;
pub mod gateway;
pub mod mosquitto;
pub mod packet;
pub mod playground;
pub mod proxy;
pub mod runner;

use std::io;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU16, AtomicU32, Ordering};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, Timespec};
use socket2::SockRef;
use tempfile::TempDir;

/// How long any single wait may last before the test fails.
pub const DEADLINE: Duration = Duration::from_secs(20);

/// Waits until one of `fds` is ready, and says whether one is: `false` means
/// that `until` passed first.
pub fn poll(fds: &mut [PollFd<'_>], until: Option<Instant>) -> bool {
    loop {
        let left = until.map(|until| until.saturating_duration_since(Instant::now()));
        let left = left.map(|left| Timespec::try_from(left).expect("a short time"));
        match rustix::event::poll(fds, left.as_ref()) {
            Ok(ready) => return ready > 0,
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => panic!("poll: {error}"),
        }
    }
}

/// Makes closing `socket` send an RST instead of a FIN.
pub fn reset_on_close(socket: &TcpStream) -> io::Result<()> {
    SockRef::from(socket).set_linger(Some(Duration::ZERO))
}

/// A directory of this process, which is removed when the process ends, in
/// whatever way it ends.
///
/// The directories that tests make for themselves are made in here, so that
/// those which live as long as the process, and so are never dropped, and those
/// of a killed process do not stay behind.
pub fn scratch() -> &'static Path {
    // The shell outlives the process just long enough to clean up: its
    // standard input ends when the process does.
    const SWEEP: &str = r#"trap '' INT TERM HUP; read -r _; rm -rf -- "$0""#;
    static SCRATCH: OnceLock<(PathBuf, Child)> = OnceLock::new();
    let (path, _) = SCRATCH.get_or_init(|| {
        let path = TempDir::with_prefix("mqtools-test-").unwrap().keep();
        let sweeper = Command::new("sh")
            .args(["-c", SWEEP])
            .arg(&path)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("a shell");
        (path, sweeper)
    });
    path
}

/// A new directory inside [`scratch`].
pub fn scratch_dir() -> TempDir {
    TempDir::new_in(scratch()).unwrap()
}

/// A topic that no other test of this run uses, which starts with `prefix`.
pub fn unique_topic(prefix: &str) -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    format!("{prefix}/{}-{number}", std::process::id())
}

/// `N` different ports of 127.0.0.1 on which nothing listens now.
///
/// Only for a server that cannot choose a port and report it; somebody else may
/// take the port first, so the caller has to try again when the server cannot
/// bind it. The ports lie below those that the system gives to outgoing
/// connections: none of these can take the port of a server that is down for a
/// moment, and no client that retries such a port can connect to itself.
pub fn free_ports<const N: usize>() -> [u16; N] {
    const RANGE: std::ops::Range<u16> = 20_000..32_000;
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let start = u16::try_from(std::process::id() % 12).unwrap() * 1_000;
    let free = |port: &u16| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok();
    std::array::from_fn(|_| {
        (0..RANGE.end - RANGE.start)
            .map(|_| start.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed)))
            .map(|offset| RANGE.start + offset % (RANGE.end - RANGE.start))
            .find(free)
            .expect("a free port")
    })
}

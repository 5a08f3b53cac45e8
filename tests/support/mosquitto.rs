//! A real broker, mosquitto, with a listener of every kind that the tools can
//! meet. All listen on 127.0.0.1.
//!
//! It is for what a script cannot stand for: routing, retained messages,
//! sessions. Misbehaviour is the part of [`broker`](super::broker). It runs no
//! tool under test.

mod config;
mod process;
mod reference;

use std::path::PathBuf;
use std::sync::OnceLock;
use std::time::Instant;

use rustix::process::Signal;
use tempfile::TempDir;

use self::config::{LISTENERS, Listener};
use self::process::Process;
pub use self::reference::{Publisher, Subscriber};
use super::DEADLINE;
use super::packet::Version;
pub use super::unique_topic;

/// The user whom the listener [`password`](Mosquitto::password) knows.
pub const USER: &str = "alice";
/// Her password.
pub const PASSWORD: &str = "s3cret";
/// The name of the key that the listener [`psk`](Mosquitto::psk) knows.
pub const PSK_IDENTITY: &str = "tester";
/// That key, in hexadecimal.
pub const PSK: &str = "0123456789abcdef0123456789ABCDEF";

/// A mosquitto of its own. It is killed when this is dropped.
pub struct Mosquitto {
    program: PathBuf,
    dir: TempDir,
    ports: [u16; LISTENERS],
    process: Option<Process>,
}

/// The mosquitto that all tests share which do not stop it. They must not get
/// into each other's way: see [`unique_topic`].
pub fn shared() -> &'static Mosquitto {
    static SHARED: OnceLock<Mosquitto> = OnceLock::new();
    SHARED.get_or_init(Mosquitto::start)
}

impl Mosquitto {
    /// Starts a broker, and returns when it accepts connections.
    pub fn start() -> Self {
        let dir = super::scratch_dir();
        config::write_files(dir.path());
        let mut broker = Self {
            program: config::find("mosquitto"),
            dir,
            ports: super::free_ports(),
            process: None,
        };
        broker.launch(|broker| broker.ports = super::free_ports());
        broker
    }

    /// The port for anybody, over TCP.
    pub fn tcp(&self) -> u16 {
        self.port(Listener::Tcp)
    }

    /// The port for [`USER`] with [`PASSWORD`] only, who may read and write
    /// `open/#`. To publish elsewhere is refused; subscriptions elsewhere are
    /// granted, but nothing comes.
    pub fn password(&self) -> u16 {
        self.port(Listener::Password)
    }

    /// The port for anybody that refuses subscriptions to `secret/#`.
    pub fn restricted(&self) -> u16 {
        assert!(
            config::security_plugin().is_some(),
            "this test needs mosquitto_dynamic_security.so, a plugin that comes with mosquitto"
        );
        self.port(Listener::Restricted)
    }

    /// The port for anybody over TLS, with the good certificate.
    pub fn tls(&self) -> u16 {
        self.port(Listener::Tls)
    }

    /// The same with an expired certificate.
    pub fn tls_expired(&self) -> u16 {
        self.port(Listener::TlsExpired)
    }

    /// The same with another host's certificate.
    pub fn tls_wrong_host(&self) -> u16 {
        self.port(Listener::TlsWrongHost)
    }

    /// The same with a certificate from the other CA.
    pub fn tls_unknown_issuer(&self) -> u16 {
        self.port(Listener::TlsUnknownIssuer)
    }

    /// The port for anybody with a certificate from the CA, over TLS.
    pub fn mutual_tls(&self) -> u16 {
        self.port(Listener::MutualTls)
    }

    /// The port for anybody over WebSocket.
    pub fn ws(&self) -> u16 {
        self.port(Listener::Ws)
    }

    /// The port for anybody over WebSocket over TLS, with the good certificate.
    pub fn wss(&self) -> u16 {
        self.port(Listener::Wss)
    }

    /// The same with an expired certificate.
    pub fn wss_expired(&self) -> u16 {
        self.port(Listener::WssExpired)
    }

    /// The same with another host's certificate.
    pub fn wss_wrong_host(&self) -> u16 {
        self.port(Listener::WssWrongHost)
    }

    /// As [`password`](Self::password), over TLS with the good certificate.
    pub fn tls_password(&self) -> u16 {
        self.port(Listener::TlsPassword)
    }

    /// As [`password`](Self::password), over WebSocket.
    pub fn ws_password(&self) -> u16 {
        self.port(Listener::WsPassword)
    }

    /// As [`password`](Self::password), over WebSocket over TLS with the good
    /// certificate.
    pub fn wss_password(&self) -> u16 {
        self.port(Listener::WssPassword)
    }

    /// The port for anybody with [`PSK`], over TLS.
    pub fn psk(&self) -> u16 {
        self.port(Listener::Psk)
    }

    /// Asks the broker to end, which makes it save all that is to be kept, and
    /// waits for its end.
    pub fn stop(&mut self) {
        if let Some(process) = self.process.take() {
            process.stop();
        }
    }

    /// Kills the broker: what it has not saved is lost.
    pub fn kill(&mut self) {
        self.process = None;
    }

    /// Starts the broker again with the same ports and with what it saved. It
    /// is stopped before if it runs.
    pub fn restart(&mut self) {
        self.stop();
        self.launch(|_| {});
    }

    /// Makes the broker save all that it would keep if it ended now.
    pub fn save(&self) {
        let process = self.process();
        let before = process.log.count();
        rustix::process::kill_process(process.pid, Signal::USR1).unwrap();
        self.wait_log_from(before, "Saving in-memory database");
        // It does one thing at a time: whom it answers, it answers afterwards.
        Publisher::connect(self.tcp(), Version::V311);
    }

    /// What the broker has logged since its start.
    pub fn log(&self) -> String {
        self.process().log_text()
    }

    /// Waits until the broker has logged a text. A client's arrival is
    /// `as ID (`, for example.
    #[track_caller]
    pub fn wait_log(&self, text: &str) {
        self.wait_log_from(0, text);
    }

    /// Waits until somebody has subscribed to `filter`: what is published after
    /// that is delivered. The filter has to be unique to the test.
    #[track_caller]
    pub fn wait_subscribed(&self, filter: &str) {
        self.wait_log(&format!(" {filter}\n"));
    }

    #[track_caller]
    fn wait_log_from(&self, from: usize, text: &str) {
        let process = self.process();
        let found = process.log.wait_contains(text, from, Instant::now() + DEADLINE);
        assert!(found, "mosquitto did not log {text:?}:\n{}", process.log_text());
    }

    fn port(&self, listener: Listener) -> u16 {
        self.ports[listener as usize]
    }

    fn process(&self) -> &Process {
        self.process.as_ref().expect("a broker that runs")
    }

    /// Starts the process; again, after `change`, if somebody else had one of
    /// the ports.
    fn launch(&mut self, change: impl Fn(&mut Self)) {
        const ATTEMPTS: usize = 5;
        let mut logs = String::new();
        for _ in 0..ATTEMPTS {
            let config = config::write_config(self.dir.path(), &self.ports);
            let log = match Process::start(&self.program, &config) {
                Ok(process) => {
                    self.process = Some(process);
                    return;
                }
                Err(log) => log,
            };
            logs.push_str(&log);
            if !log.contains("already in use") && !log.contains("create websockets listener") {
                break;
            }
            change(self);
        }
        panic!("mosquitto does not start:\n{logs}");
    }
}

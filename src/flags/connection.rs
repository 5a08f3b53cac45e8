//! The options that both tools share: which broker, as whom, over what.

use std::path::PathBuf;
use std::time::Duration;

use clap::parser::ValueSource;
use clap::{ArgAction, ArgMatches, Args};

use super::value;
use crate::config::connection::Version;
use crate::secret::Secret;

/// How many messages may be unacknowledged at once. Paho looks through lists of
/// this length for each acknowledgement, so larger is slower.
pub const WINDOW: usize = 100;

/// The options that say what the password is: the names that clap knows them by,
/// and those that are typed.
pub const PASSWORDS: [(&str, &str); 5] = [
    ("password", "-P"),
    ("password_file", "--password-file"),
    ("password_fd", "--password-fd"),
    ("password_command", "--password-command"),
    ("ask_password", "--ask-password"),
];

/// Which broker, and how to greet it.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Connection")]
pub struct ConnectionFlags {
    /// The broker's host name or address, HOST:PORT, or several with commas [default: localhost]
    ///
    /// May be given several times. Several hosts are tried in order. An IPv6
    /// address that a port follows needs brackets.
    #[arg(short = 'h', long, value_name = "HOST")]
    pub host: Vec<String>,

    /// The broker's port [default: 1883, with TLS 8883]
    ///
    /// Port 8883 by itself turns TLS on, with the system's certificates. Port 0
    /// makes -h the path of a Unix-domain socket.
    #[arg(short, long, value_name = "PORT", value_parser = value::whole(0..=u16::MAX))]
    pub port: Option<u16>,

    /// Connect to the Unix-domain socket at this path
    #[arg(long, value_name = "PATH")]
    pub unix: Option<String>,

    /// Connect from this local address
    #[arg(short = 'A', long, value_name = "ADDRESS", value_parser = value::not_empty)]
    pub bind: Option<String>,

    /// Use only IPv4 addresses
    #[arg(long)]
    pub ipv4: bool,

    /// Use only IPv6 addresses
    #[arg(long)]
    pub ipv6: bool,

    /// Take HOST for a domain, and ask the DNS (SRV) where its brokers are
    ///
    /// The records of `_mqtt._tcp`, with TLS those of `_secure-mqtt._tcp`, name
    /// hosts and ports; all are tried, by priority and weight. A certificate
    /// must be for the host that the record names.
    #[arg(short = 'S', long)]
    pub srv: bool,

    /// Go through a proxy: `socks5h|http://[USER[:PASSWORD]@]HOST[:PORT]`; none for none
    ///
    /// Without this option the one that `ALL_PROXY` names is used, unless the
    /// broker is on this machine or in `NO_PROXY`. The proxy looks the broker's
    /// name up. User and password may be percent-encoded.
    #[arg(long, value_name = "URL")]
    pub proxy: Option<String>,

    /// Broker, credentials and topic in one: `mqtt[s]|ws[s]://[USER[:PASSWORD]@]HOST[:PORT][/TOPIC]`
    ///
    /// User, password and topic may be percent-encoded. Of an option here and
    /// the same by itself, the one that stands later on the command line wins. Of
    /// several, the last one counts; mqsub subscribes to the topics of all.
    #[arg(short = 'L', long, value_name = "URL")]
    pub url: Vec<String>,

    /// The client identifier [default: the broker chooses one]
    #[arg(short, long, value_name = "ID", value_parser = value::client_id)]
    pub id: Option<String>,

    /// A client identifier of this prefix and the number of the process
    #[arg(short = 'I', long, value_name = "PREFIX", value_parser = value::utf8_string)]
    pub id_prefix: Option<String>,

    /// Take up the session that the broker has kept, and let it keep this one
    #[arg(short = 'c', long)]
    pub disable_clean_session: bool,

    /// The user name
    #[arg(short, long, value_name = "NAME", value_parser = value::utf8_string)]
    pub username: Option<String>,

    /// The password; better in one of the ways below, which nobody else can see
    ///
    /// Other users of this machine can see it in the list of processes, until it
    /// is overwritten there (on Linux, at once), and the shell may keep it.
    #[arg(short = 'P', long = "pw", value_name = "PASSWORD", value_parser = value::secret())]
    pub password: Option<Secret>,

    /// A file whose first line is the password
    #[arg(long, value_name = "FILE")]
    pub password_file: Option<PathBuf>,

    /// A file descriptor whose first line is the password, such as 3 of 3<FILE
    #[arg(long, value_name = "N", value_parser = value::whole(0..=u16::MAX))]
    pub password_fd: Option<u16>,

    /// A shell command that prints the password, such as 'pass show mqtt'
    #[arg(long, value_name = "COMMAND", value_parser = value::not_empty)]
    pub password_command: Option<String>,

    /// Ask for the password on the terminal
    #[arg(long)]
    pub ask_password: bool,

    /// The longest silence before the broker is asked whether it is there
    #[arg(short, long = "keepalive", value_name = "TIME", default_value = "60", value_parser = value::keep_alive)]
    pub keep_alive: Duration,

    /// How many messages to send before the first of them is acknowledged [default: 100]
    #[arg(short = 'M', long, value_name = "N", value_parser = value::whole(1..=u16::MAX))]
    pub max_inflight: Option<u16>,

    /// The MQTT version: 5, 311 or 31
    #[arg(short = 'V', long, value_name = "VERSION", default_value = "311", value_parser = value::version)]
    pub protocol_version: Version,

    /// How long a connection may take to come about
    #[arg(long, value_name = "TIME", default_value = "10", value_parser = value::positive_duration)]
    pub connect_timeout: Duration,

    /// Keep trying to connect for this long, the first connection included
    /// [default: not at all before the first connection, for ever after it]
    #[arg(long, value_name = "TIME", value_parser = value::duration)]
    pub retry_for: Option<Duration>,

    /// End when the connection is lost
    #[arg(long)]
    pub no_reconnect: bool,

    /// Send small packets at once (always so)
    #[arg(long)]
    pub nodelay: bool,

    /// Speak MQTT inside WebSocket
    #[arg(long)]
    pub ws: bool,

    /// The path of the WebSocket request
    #[arg(long, value_name = "PATH", default_value = "/mqtt")]
    pub ws_path: String,

    /// A header of the WebSocket request; may be given several times
    #[arg(long, value_name = "NAME:VALUE")]
    pub ws_header: Vec<String>,

    /// The proxy that the environment names; whoever reads that fills it in.
    #[arg(skip)]
    pub ambient_proxy: Option<AmbientProxy>,

    /// Which of the options that a URL also has stand behind it.
    #[arg(skip)]
    pub after_url: AfterUrl,

    /// Which of the options that overrule one another stands last.
    #[arg(skip)]
    pub order: Order,
}

/// The proxy that the environment names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AmbientProxy {
    /// The variable that names it.
    pub variable: &'static str,
    /// Its URL.
    pub url: String,
    /// Which hosts it is not for, as in `NO_PROXY`.
    pub except: String,
}

/// Options that stand behind `-L` on the command line, and so override it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AfterUrl {
    /// `-h`.
    pub host: bool,
    /// `-p`.
    pub port: bool,
    /// `-u`.
    pub username: bool,
    /// `-P`.
    pub password: bool,
    /// `-t`.
    pub topic: bool,
}

/// Where the order on the command line matters besides.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Order {
    /// `-V` stands behind each of the options that turn MQTT 5 on.
    pub version_last: bool,
    /// `--unix` stands behind `-h` and `-L`.
    pub unix_last: bool,
    /// `-p` stands behind `--unix`.
    pub port_after_unix: bool,
    /// `-V` is there.
    pub has_version: bool,
}

impl ConnectionFlags {
    /// Notes what stands behind what.
    pub(super) fn note_order(&mut self, matches: &ArgMatches) {
        let place = |id: &str| {
            let typed = matches.value_source(id) == Some(ValueSource::CommandLine);
            matches.indices_of(id).filter(|_| typed).and_then(Iterator::last)
        };
        // What is not there at all stands before everything.
        let behind = |id: &str, other: &str| place(id) > place(other);
        let behind_url = |id| place("url").is_some() && behind(id, "url");
        self.after_url = AfterUrl {
            host: behind_url("host"),
            port: behind_url("port"),
            username: behind_url("username"),
            password: PASSWORDS.iter().any(|(id, _)| behind_url(id)),
            topic: behind_url("topic"),
        };
        self.order = Order {
            version_last: ["property", "session_expiry_interval"]
                .iter()
                .all(|id| behind("protocol_version", id)),
            unix_last: behind("unix", "host") && behind("unix", "url"),
            port_after_unix: behind("port", "unix"),
            has_version: place("protocol_version").is_some(),
        };
    }
}

/// What is said, and what is not.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "General")]
pub struct GeneralFlags {
    /// Take options from this file too, as if they stood before the others
    ///
    /// An option a line, its value behind one space, without quotes. Without
    /// this option, the user's file for mosquitto's client of the same purpose
    /// is read, if there is one.
    #[arg(short = 'o', long, value_name = "FILE")]
    pub options: Option<PathBuf>,

    /// A file of profiles [default: ~/.config/mqtools/config.toml]
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,

    /// Take the options of this profile too
    ///
    /// A profile is a table [profile.NAME] of the file of profiles, with options
    /// by their long names. Options, and the environment, come before it.
    #[arg(long, value_name = "NAME", value_parser = value::not_empty)]
    pub profile: Option<String>,

    /// Print each option that has a value, and where that is from; then end
    #[arg(long)]
    pub print_config: bool,

    /// Say what would be done, and whether it would be accepted; then end
    ///
    /// Nobody is asked for a password or a passphrase.
    #[arg(long)]
    pub dry_run: bool,

    /// Tell on stderr what happens
    #[arg(short, long)]
    pub debug: bool,

    /// Print no errors; the exit status tells
    #[arg(long)]
    pub quiet: bool,

    /// Print this help
    #[arg(long, action = ArgAction::Help)]
    pub help: Option<bool>,

    /// Print the version
    #[arg(long, action = ArgAction::Version)]
    pub version: Option<bool>,
}

//! The options that both tools share: which broker, as whom, over what.

use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgAction, ArgMatches, Args};

use super::value;
use crate::config::connection::Version;
use crate::secret::Secret;

/// Which broker, and how to greet it.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Connection")]
pub struct ConnectionFlags {
    /// The broker's host name or address
    #[arg(
        short = 'h',
        long,
        value_name = "HOST",
        allow_hyphen_values = true,
        default_value = "localhost",
        hide_default_value = false
    )]
    pub host: String,

    /// The broker's port [default: 1883, with TLS 8883]
    ///
    /// Port 8883 by itself turns TLS on, with the system's certificates.
    #[arg(short, long, value_name = "PORT", value_parser = clap::value_parser!(u16).range(1..))]
    pub port: Option<u16>,

    /// Broker, credentials and topic in one: mqtt[s]|ws[s]://[USER[:PASSWORD]@]HOST[:PORT][/TOPIC]
    ///
    /// User, password and topic may be percent-encoded. Of an option here and
    /// the same by itself, the one that stands later on the command line wins.
    #[arg(short = 'L', long, value_name = "URL", allow_hyphen_values = true)]
    pub url: Option<String>,

    /// The client identifier [default: the broker chooses one]
    #[arg(short, long, value_name = "ID", allow_hyphen_values = true, value_parser = value::client_id)]
    pub id: Option<String>,

    /// The user name
    #[arg(short, long, value_name = "NAME", allow_hyphen_values = true, value_parser = value::utf8_string)]
    pub username: Option<String>,

    /// The password (other users of this machine can see it in the list of processes)
    #[arg(short = 'P', long = "pw", value_name = "PASSWORD", allow_hyphen_values = true, value_parser = secret)]
    pub password: Option<Secret>,

    /// The longest silence before the broker is asked whether it is there
    #[arg(short, long = "keepalive", value_name = "TIME", default_value = "60", value_parser = value::keep_alive)]
    pub keep_alive: Duration,

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

    /// Speak MQTT inside WebSocket
    #[arg(long)]
    pub ws: bool,

    /// The path of the WebSocket request
    #[arg(long, value_name = "PATH", default_value = "/mqtt")]
    pub ws_path: String,

    /// Which of the options that a URL also has stand behind it.
    #[arg(skip)]
    pub after_url: AfterUrl,
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
}

impl ConnectionFlags {
    /// Notes what stands behind `-L`.
    pub(super) fn note_order(&mut self, matches: &ArgMatches) {
        let typed = |id| matches.value_source(id) == Some(clap::parser::ValueSource::CommandLine);
        let url = matches.index_of("url").filter(|_| typed("url"));
        let behind = |id| {
            let index = matches.index_of(id).filter(|_| typed(id));
            index.zip(url).is_some_and(|(index, url)| index > url)
        };
        self.after_url = AfterUrl {
            host: behind("host"),
            port: behind("port"),
            username: behind("username"),
            password: behind("password"),
        };
    }
}

/// TLS.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "TLS")]
pub struct TlsFlags {
    /// Trust the certificates in this PEM file; turns TLS on
    #[arg(long = "cafile", value_name = "FILE")]
    pub ca_file: Option<PathBuf>,

    /// Trust the certificates in this directory (c_rehash); turns TLS on
    #[arg(long = "capath", value_name = "DIR")]
    pub ca_path: Option<PathBuf>,

    /// Our certificate, PEM; turns TLS on
    #[arg(long, value_name = "FILE")]
    pub cert: Option<PathBuf>,

    /// The private key of our certificate, PEM
    #[arg(long, value_name = "FILE")]
    pub key: Option<PathBuf>,

    /// Trust the system's certificates; turns TLS on
    #[arg(long)]
    pub tls_use_os_certs: bool,

    /// Verify neither the broker's certificate nor its name
    #[arg(long)]
    pub insecure: bool,

    /// Use no TLS, whatever else is said
    #[arg(long)]
    pub no_tls: bool,
}

/// What is said, and what is not.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "General")]
pub struct GeneralFlags {
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

#[expect(clippy::unnecessary_wraps, reason = "the form of a value parser")]
fn secret(text: &str) -> Result<Secret, std::convert::Infallible> {
    Ok(Secret::from(text))
}

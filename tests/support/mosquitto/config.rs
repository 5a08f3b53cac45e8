//! The files that mosquitto is started with, and the programs that they need.
//!
//! What the listeners are for is said at the methods that return their ports.

use std::ffi::OsStr;
use std::fmt::{Display, Write};
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{PASSWORD, PSK, PSK_IDENTITY, USER};
use crate::support::certificates::{Chain, certificates};

/// May read and write `open/#`; everything else, and `secret/#` explicitly, is
/// denied.
const ACL: &str = "user alice\ntopic readwrite open/#\ntopic deny secret/#\n";

/// Everybody may do everything but subscribe to `secret/#`.
const SECURITY: &str = r#"{
  "defaultACLAccess": {
    "publishClientSend": true, "publishClientReceive": true,
    "subscribe": true, "unsubscribe": true
  },
  "clients": [],
  "groups": [{ "groupname": "anybody", "clients": [], "roles": [{ "rolename": "no-secrets" }] }],
  "anonymousGroup": "anybody",
  "roles": [{ "rolename": "no-secrets", "acls": [
    { "acltype": "subscribePattern", "topic": "secret/#", "priority": 1, "allow": false }
  ] }]
}"#;

/// Nothing is dropped because a queue is full, and a restarted broker knows
/// what it knew a second before. Subscriptions are logged, so that a test can
/// wait for them.
const GLOBAL: &str = "per_listener_settings true
log_dest stderr
log_type error
log_type warning
log_type notice
log_type information
log_type subscribe
log_type unsubscribe
max_queued_messages 0
queue_qos0_messages true
max_inflight_messages 0
set_tcp_nodelay true
persistence true
autosave_interval 1
";

/// The listeners, as indices of their ports.
#[derive(Clone, Copy)]
pub(super) enum Listener {
    Tcp,
    Password,
    Restricted,
    Tls,
    TlsExpired,
    TlsWrongHost,
    TlsUnknownIssuer,
    MutualTls,
    Ws,
    Wss,
    WssExpired,
    WssWrongHost,
    TlsPassword,
    WsPassword,
    WssPassword,
    Psk,
}

/// How many there are.
pub(super) const LISTENERS: usize = Listener::Psk as usize + 1;

/// Writes the files that [`write_config`] names.
pub(super) fn write_files(dir: &Path) {
    std::fs::write(dir.join("acl"), ACL).unwrap();
    std::fs::write(dir.join("psk"), format!("{PSK_IDENTITY}:{PSK}\n")).unwrap();
    std::fs::write(dir.join("security.json"), SECURITY).unwrap();
    let args = ["-c", "-b"].map(OsStr::new).into_iter();
    let passwords = dir.join("passwords");
    let args = args.chain([passwords.as_os_str(), USER.as_ref(), PASSWORD.as_ref()]);
    let made = Command::new(find("mosquitto_passwd")).args(args).output();
    let made = made.unwrap();
    assert!(made.status.success(), "mosquitto_passwd: {made:?}");
}

/// Writes a configuration with these ports, and returns its path.
pub(super) fn write_config(dir: &Path, ports: &[u16; LISTENERS]) -> PathBuf {
    let path = dir.join("mosquitto.conf");
    std::fs::write(&path, config(&dir.display(), ports)).unwrap();
    path
}

fn config(dir: &impl Display, ports: &[u16; LISTENERS]) -> String {
    let certificates = certificates();
    let tls = |chain: &Chain| {
        let (cert, key) = (chain.cert.display(), chain.key.display());
        format!("certfile {cert}\nkeyfile {key}\n")
    };
    let ca = certificates.ca.display();
    let mutual = format!("cafile {ca}\nrequire_certificate true\n") + &tls(&certificates.good);
    // Without its domain the address of such a listener would not be heeded.
    let ws = "protocol websockets\nsocket_domain ipv4\n".to_owned();
    let users = format!("password_file {dir}/passwords\nacl_file {dir}/acl\n");
    let mut listeners = vec![
        (Listener::Tcp, String::new()),
        (Listener::Password, users.clone()),
        (Listener::TlsPassword, users.clone() + &tls(&certificates.good)),
        (Listener::WsPassword, ws.clone() + &users),
        (Listener::WssPassword, ws.clone() + &users + &tls(&certificates.good)),
        (Listener::Psk, format!("psk_file {dir}/psk\npsk_hint hint\n")),
        (Listener::Tls, tls(&certificates.good)),
        (Listener::TlsExpired, tls(&certificates.expired)),
        (Listener::TlsWrongHost, tls(&certificates.wrong_host)),
        (Listener::TlsUnknownIssuer, tls(&certificates.unknown_issuer)),
        (Listener::MutualTls, mutual),
        (Listener::Ws, ws.clone()),
        (Listener::Wss, ws.clone() + &tls(&certificates.good)),
        (Listener::WssExpired, ws.clone() + &tls(&certificates.expired)),
        (Listener::WssWrongHost, ws + &tls(&certificates.wrong_host)),
    ];
    if let Some(plugin) = security_plugin() {
        let plugin = plugin.display();
        let options = format!("plugin {plugin}\nplugin_opt_config_file {dir}/security.json\n");
        listeners.push((Listener::Restricted, options));
    }
    let mut config = format!("{GLOBAL}persistence_location {dir}/\n");
    if rustix::process::getuid().is_root() {
        // Another user could not read the files.
        config.push_str("user root\n");
    }
    for (listener, options) in listeners {
        let port = ports[listener as usize];
        let anybody = !matches!(
            listener,
            Listener::Password | Listener::TlsPassword | Listener::WsPassword | Listener::WssPassword
        );
        let _ = writeln!(config, "listener {port} 127.0.0.1\nallow_anonymous {anybody}");
        config.push_str(&options);
    }
    config
}

/// The program's path: also users' paths often lack the directories where
/// servers are.
pub(super) fn find(name: &str) -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let more = ["/usr/sbin", "/usr/local/sbin", "/opt/homebrew/sbin"].map(PathBuf::from);
    std::env::split_paths(&path)
        .chain(more)
        .map(|dir| dir.join(name))
        .find(|file| file.is_file())
        .expect("these tests need the mosquitto broker: run scripts/test, which installs it")
}

/// Where the plugin is that can refuse subscriptions. Access control lists
/// cannot.
pub(super) fn security_plugin() -> Option<PathBuf> {
    let libraries = ["/usr/lib", "/usr/lib64", "/usr/local/lib", "/opt/homebrew/lib"];
    let libraries = libraries.map(PathBuf::from).into_iter();
    // Debian has a directory for each architecture.
    let deeper = std::fs::read_dir("/usr/lib").ok().into_iter().flatten();
    let deeper = deeper.filter_map(Result::ok).map(|entry| entry.path());
    libraries
        .chain(deeper)
        .map(|dir| dir.join("mosquitto_dynamic_security.so"))
        .find(|file| file.is_file())
}

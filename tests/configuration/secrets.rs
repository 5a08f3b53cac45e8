//! Secrets: every way to give one gets it to the broker, and none of them shows
//! it to anybody else.

use std::ffi::OsString;
use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::Command;

use rustix::process::Signal;

use super::with_profiles;
use crate::support::broker::{Broker, Inbox, sink};
use crate::support::gateway::Gateway;
use crate::support::mosquitto;
use crate::support::packet::Connect;
use crate::support::runner::{Contains, Satisfies, Tool};
use crate::support::scratch_dir;

const SECRET: &str = "hunter2-is-secret";

/// A file that has the secret, and what else.
fn file(text: &str, mode: u32) -> (tempfile::TempDir, PathBuf) {
    let folder = scratch_dir();
    let path = folder.path().join("password");
    fs::write(&path, text).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    (folder, path)
}

/// What the broker is told that the password is, and what else the tool reads.
#[track_caller]
fn arrives(tool: impl Fn(Tool) -> Tool) {
    let inbox = Inbox::default();
    let broker = Broker::start(sink(&inbox));
    let tool = tool(Tool::mqpub())
        .args(["-h", "127.0.0.1", "-t", "t", "-m", "x"])
        .port(broker.port());
    tool.run().expect(0, "", "");
    let connect = Connect::parse(&broker.finish().concat()[0]);
    assert_eq!(connect.password.as_deref(), Some(SECRET.as_bytes()));
}

#[test]
fn every_way_gets_the_password_to_the_broker() {
    let (_folder, path) = file(&format!("{SECRET}\r\nsecond line\n"), 0o600);
    arrives(|tool| tool.args(["-u", "me", "-P", SECRET]));
    arrives(|tool| tool.args(["-u", "me"]).env("MQTT_PASSWORD", SECRET));
    arrives(|tool| tool.args(["-u", "me", "--password-file"]).arg(&path));
    arrives(|tool| tool.args(["-u", "me"]).env("MQTT_PASSWORD_FILE", &path));
    arrives(|tool| {
        tool.args(["-u", "me", "--password-fd", "0"])
            .stdin_from(File::open(&path).unwrap())
    });
    let command = format!("cat '{}'", path.display());
    arrives(|tool| tool.args(["-u", "me", "--password-command", &command]));
    arrives(|tool| {
        with_profiles(tool, &format!("[profile.p]\npw = '{SECRET}'\n"))
            .0
            .args(["-u", "me", "--profile", "p"])
    });
    // A higher layer's way takes the place of a lower one's.
    arrives(|tool| {
        let tool = tool.env("MQTT_PASSWORD", "other").env("MQTT_USERNAME", "me");
        tool.arg("--password-file").arg(&path)
    });
}

#[test]
fn what_follows_the_password_on_stdin_is_messages() {
    let inbox = Inbox::default();
    let broker = Broker::start(sink(&inbox));
    let tool = Tool::mqpub().args(["-h", "127.0.0.1", "-t", "t", "-l", "-u", "me", "--password-fd", "0"]);
    tool.port(broker.port())
        .stdin(format!("{SECRET}\na\nb\n"))
        .run()
        .expect(0, "", "");
    assert_eq!(inbox.payloads(), [b"a", b"b"]);
}

#[test]
fn another_descriptor_than_stdin() {
    let (_folder, path) = file(SECRET, 0o600);
    let inbox = Inbox::default();
    let broker = Broker::start(sink(&inbox));
    let program = assert_cmd::cargo::cargo_bin!("mqpub");
    let line = format!(
        "exec '{}' -h 127.0.0.1 -p {} -t t -m x -u me --password-fd 7 7<'{}'",
        program.display(),
        broker.port(),
        path.display()
    );
    Tool::new("/bin/sh").args(["-c", &line]).run().expect(0, "", "");
    let connect = Connect::parse(&broker.finish().concat()[0]);
    assert_eq!(connect.password.as_deref(), Some(SECRET.as_bytes()));
}

#[test]
fn a_password_that_cannot_be_had_is_told() {
    let long = file(&"x".repeat(70_000), 0o600);
    let long = long.1.display().to_string();
    for (words, status, why) in [
        (
            &["--password-file", "/no/such"][..],
            1,
            "--password-file /no/such: no such file or directory\n",
        ),
        (
            &["--password-file", &long],
            1,
            "the password is longer than 65535 bytes\n",
        ),
        (
            &["--password-fd", "77"],
            1,
            "--password-fd 77: no such file or directory\n",
        ),
        (
            &["--password-command", "exit 3"],
            1,
            "--password-command: it ended with exit status: 3\n",
        ),
        (
            &["--password-command", "true"],
            1,
            "--password-command: it printed nothing\n",
        ),
        (
            &["--password-command", "kill $$"],
            1,
            "--password-command: it ended with signal: 15 (SIGTERM)\n",
        ),
        (
            &["-P", "x", "--password-file", "y"],
            2,
            "-P and --password-file cannot be used together\n",
        ),
        (
            &["--ask-password", "--password-fd", "0"],
            2,
            "--password-fd and --ask-password cannot be used together\n",
        ),
    ] {
        let tool = Tool::mqpub().args(["-t", "t", "-m", "x", "-u", "me"]).args(words);
        tool.run().expect(status, "", format!("mqpub: error: {why}").as_str());
    }
}

#[test]
fn without_a_terminal_nobody_can_be_asked() {
    // setsid(1) leaves the terminal behind, if there is one.
    let program = assert_cmd::cargo::cargo_bin!("mqpub");
    let tool = Tool::new("/usr/bin/setsid").arg("-w").arg(program);
    let ended = tool.args(["-t", "t", "-m", "x", "-u", "me", "--ask-password"]).run();
    let why = "mqpub: error: --ask-password: there is no terminal to ask on\n\
               mqpub: hint: --password-file and --password-command need none\n";
    ended.expect(1, "", why);
}

#[test]
fn a_password_file_that_others_can_read_is_warned_of() {
    let inbox = Inbox::default();
    let broker = Broker::start(sink(&inbox));
    let (_folder, path) = file(SECRET, 0o644);
    let tool = Tool::mqpub()
        .args(["-h", "127.0.0.1", "-t", "t", "-m", "x", "-u", "me"])
        .port(broker.port());
    let path = path.display().to_string();
    let warning =
        format!("mqpub: warning: {path}: other users can read this file, which has the password (chmod 600 {path})\n");
    tool.args(["--password-file", &path])
        .run()
        .expect(0, "", warning.as_str());
}

/// Options, and variables of the environment.
type Way = (Vec<String>, Vec<(&'static str, String)>);

/// Each way to give the secret.
fn ways(path: &str, proxy: u16, port: u16) -> Vec<Way> {
    let url = format!("mqtt://me:{SECRET}@127.0.0.1:{port}/t");
    let words = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
    let address = format!("-h 127.0.0.1 -p {port} -t t");
    vec![
        (words(&format!("{address} -u me -P {SECRET}")), vec![]),
        (words(&format!("{address} -u me -P{SECRET}")), vec![]),
        (words(&format!("{address} -u me -dP {SECRET}")), vec![]),
        (words(&format!("{address} -u me --pw={SECRET}")), vec![]),
        (words(&format!("-L {url}")), vec![]),
        (words(&format!("--url={url}")), vec![]),
        (
            words(&format!("{address} --proxy http://me:{SECRET}@127.0.0.1:{proxy}")),
            vec![],
        ),
        (words(&format!("{address} -u me --password-file {path}")), vec![]),
        (
            words(&format!("{address} -u me --config {path}.toml --profile p")),
            vec![],
        ),
        (
            [
                words(&format!("{address} -u me --password-command")),
                vec![format!("cat {path}")],
            ]
            .concat(),
            vec![],
        ),
        (
            words(&format!("{address} -u me")),
            vec![("MQTT_PASSWORD", SECRET.to_owned())],
        ),
        (
            words(&format!("{address} -u me")),
            vec![("MQTT_PASSWORD_FILE", path.to_owned())],
        ),
        (
            words("-h broker.example -p 1 -t t"),
            vec![("ALL_PROXY", format!("http://me:{SECRET}@127.0.0.1:{proxy}"))],
        ),
    ]
}

#[test]
fn no_secret_is_seen_in_the_process_list_the_debug_output_or_an_error() {
    let (_folder, path) = file(SECRET, 0o600);
    let path = path.display().to_string();
    let profiles = format!("{path}.toml");
    fs::write(&profiles, format!("[profile.p]\npw = '{SECRET}'\n")).unwrap();
    fs::set_permissions(&profiles, fs::Permissions::from_mode(0o600)).unwrap();
    let gateway = Gateway::http(Some(Box::leak(format!("me:{SECRET}").into_boxed_str())));
    let wrong = Gateway::http(Some("me:other"));
    let clean = |bytes: &[u8]| !String::from_utf8_lossy(bytes).contains(SECRET);
    // Accepted, and running for a while.
    let broker = Broker::start(|conn| {
        conn.accept_connect();
        conn.until_eof();
    });
    for (words, variables) in ways(&path, gateway.port(), broker.port()) {
        if words.contains(&"broker.example".to_owned()) {
            continue;
        }
        for publishes in [true, false] {
            let tool = if publishes {
                Tool::mqpub().arg("-l")
            } else {
                Tool::mqsub()
            };
            let mut tool = tool.args(&words).arg("-d");
            for (name, value) in &variables {
                tool = tool.env(*name, value);
            }
            let running = tool.spawn();
            running.wait_stderr_contains("connected: ");
            let number = running.pid().as_raw_nonzero().to_string();
            let list = fs::read(format!("/proc/{number}/cmdline")).unwrap();
            assert!(clean(&list), "{}", String::from_utf8_lossy(&list));
            assert!(!list.is_empty());
            let ps = Command::new("ps")
                .args(["-ww", "-o", "args=", "-p", &number])
                .output()
                .unwrap();
            assert!(clean(&ps.stdout) && !ps.stdout.is_empty());
            // What is no secret is still there.
            assert!(String::from_utf8_lossy(&list).contains("127.0.0.1"));
            running.signal(Signal::TERM);
            running.wait().expect(Signal::TERM, "", Satisfies(&clean));
        }
    }
    drop(broker);
    // Refused, by the broker or by the proxy.
    let refusing = Broker::start(|conn| {
        conn.expect_connect();
        conn.send(crate::support::packet::connack(conn.version(), false, 5, &[]));
        conn.until_eof();
    });
    for (words, variables) in ways(&path, wrong.port(), refusing.port()) {
        for extra in ["-d", "--print-config", "--dry-run", "--frobnicate", "-q 7"] {
            let mut tool = Tool::mqpub().args(&words).args(["-m", "x"]).args(extra.split(' '));
            for (name, value) in &variables {
                tool = tool.env(*name, value);
            }
            let ended = tool.run();
            let status = match extra {
                "-d" if words.iter().any(|word| word.starts_with("http:"))
                    || words.contains(&"broker.example".to_owned()) =>
                {
                    3
                }
                "-d" => 4,
                "--frobnicate" | "-q 7" => 2,
                _ => 0,
            };
            ended.expect(status, Satisfies(&clean), Satisfies(&clean));
        }
    }
}

#[test]
fn a_pre_shared_key_is_hidden_too() {
    let psk = mosquitto::PSK;
    let line = format!(
        "-h 127.0.0.1 -t t -d --psk {psk} --psk-identity {}",
        mosquitto::PSK_IDENTITY
    );
    let clean = |bytes: &[u8]| !String::from_utf8_lossy(bytes).contains(psk);
    for tool in [Tool::mqpub().arg("-l"), Tool::mqsub()] {
        let tool = tool.port(mosquitto::shared().psk()).args(line.split(' '));
        let running = tool.spawn();
        running.wait_stderr_contains("connected: ");
        let number = running.pid().as_raw_nonzero();
        let list = fs::read(format!("/proc/{number}/cmdline")).unwrap();
        assert!(clean(&list) && String::from_utf8_lossy(&list).contains("--psk"));
        running.signal(Signal::TERM);
        running.wait().expect(Signal::TERM, "", Satisfies(&clean));
    }
}

#[test]
fn a_header_is_hidden_too() {
    let broker = Broker::start_ws(|conn| {
        conn.accept_connect();
        conn.until_eof();
    });
    let header = format!("Authorization: Bearer {SECRET}");
    let tool = Tool::mqsub().args(["-h", "127.0.0.1", "-t", "t", "--ws", "-d", "--ws-header", &header]);
    let running = tool.port(broker.port()).spawn();
    running.wait_stderr_contains("connected: ");
    let list = fs::read(format!("/proc/{}/cmdline", running.pid().as_raw_nonzero())).unwrap();
    let list = OsString::from(String::from_utf8(list).unwrap());
    let list = list.to_str().unwrap();
    assert!(!list.contains(SECRET) && list.contains("Authorization:*"), "{list}");
    running.signal(Signal::TERM);
    running.wait().expect(
        Signal::TERM,
        "",
        Satisfies(&|text| !String::from_utf8_lossy(text).contains(SECRET)),
    );
}

#[test]
fn the_printed_configuration_masks_secrets() {
    let tool = Tool::mqpub().args([
        "-u",
        "me",
        "-P",
        SECRET,
        "-L",
        "mqtt://a:b@h/t",
        "-m",
        "x",
        "--print-config",
    ]);
    let lines = [
        "pw = \"***\"  # command line\n",
        "url = [\"mqtt://a:***@h/t\"]  # command line\n",
        "username = \"me\"  # command line\n",
    ];
    tool.run().expect(0, Contains(&lines), "");
}

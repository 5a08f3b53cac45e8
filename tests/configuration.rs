//! Where options come from besides the command line, and what is told of them.

mod dry_run;
mod secrets;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use crate::support::broker::{Broker, Inbox, sink};
use crate::support::packet::{Connect, PUBLISH};
use crate::support::runner::{Contains, Satisfies, Tool};
use crate::support::scratch_dir;

/// Puts a file of profiles where both tools look for it.
fn with_profiles(tool: Tool, text: &str) -> (Tool, PathBuf) {
    let folder = tool.config_home().join("mqtools");
    fs::create_dir_all(&folder).unwrap();
    let file = folder.join("config.toml");
    fs::write(&file, text).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    (tool, file)
}

/// A broker that greets one client and leaves it.
fn greeter() -> Broker {
    Broker::start(|conn| {
        conn.accept_connect();
        conn.until_eof();
    })
}

#[test]
fn a_profile_is_for_both_tools() {
    let broker = Broker::start(|conn| {
        conn.accept_connect();
        let next = conn.read();
        let topic = b"home/lamp";
        assert!(next.body.windows(topic.len()).any(|part| part == topic));
        if next.kind() == PUBLISH {
            conn.until_eof();
        }
    });
    let text = format!(
        "[profile.home]\nhost = \"127.0.0.1\"\nport = {}\nusername = \"alice\"\npw = \"s3cr3t\"\ntopic = \"home/lamp\"\n\
         [profile.home.mqpub]\nmessage = \"on\"\n[profile.home.mqsub]\ncount = 1\nno-reconnect = true\n",
        broker.port()
    );
    let (tool, _) = with_profiles(Tool::mqpub(), &text);
    tool.args(["--profile", "home"]).run().expect(0, "", "");
    let (tool, _) = with_profiles(Tool::mqsub(), &text);
    let tool = tool.env("MQTOOLS_PROFILE", "home");
    tool.run().expect(5, "", Contains(&["connection to 127.0.0.1:"]));
    let packets = broker.finish();
    for connection in &packets {
        let connect = Connect::parse(&connection[0]);
        assert_eq!(connect.username.as_deref(), Some("alice"));
        assert_eq!(connect.password.as_deref(), Some(&b"s3cr3t"[..]));
    }
    assert_eq!(packets.len(), 2);
}

#[test]
fn the_file_of_profiles_is_named_by_flag_then_variable_then_place() {
    let folder = scratch_dir();
    let file = |name: &str| {
        let path = folder.path().join(name);
        fs::write(&path, format!("[profile.p]\nid = \"{name}\"\n")).unwrap();
        path
    };
    let (flag, variable) = (file("flag"), file("variable"));
    let id = |tool: Tool| {
        let ended = tool.args(["--profile", "p", "--print-config"]).run();
        let ended = ended.expect(0, Satisfies(&|_| true), "");
        let text = String::from_utf8(ended.stdout.clone()).unwrap();
        text.lines().find(|line| line.starts_with("id = ")).map(str::to_owned)
    };
    let tool = || with_profiles(Tool::mqpub(), "[profile.p]\nid = \"place\"\n");
    let (placed, place) = tool();
    let line = |name: &str, path: &std::path::Path| Some(format!("id = \"{name}\"  # {}: line 2", path.display()));
    assert_eq!(id(placed), line("place", &place));
    assert_eq!(
        id(tool().0.env("MQTOOLS_CONFIG", &variable)),
        line("variable", &variable)
    );
    let both = tool().0.env("MQTOOLS_CONFIG", &variable).arg("--config").arg(&flag);
    assert_eq!(id(both), line("flag", &flag));
}

#[test]
fn without_a_profile_the_file_is_not_read() {
    for (tool, words) in [
        (Tool::mqpub(), "-t t -m x --dry-run"),
        (Tool::mqsub(), "-t t --dry-run"),
    ] {
        let (tool, _) = with_profiles(tool, "this is no TOML");
        let tool = tool.env("MQTOOLS_CONFIG", "/no/such/file").args(words.split(' '));
        tool.run()
            .expect(0, Contains(&["would connect to localhost:1883\n"]), "");
    }
}

#[test]
fn what_is_wrong_with_a_profile_is_told_with_file_and_line() {
    for (text, words, why) in [
        (
            "[profile.p]\nhots = 1\n",
            "--profile p",
            "FILE: line 2: unknown key 'hots'\nmqpub: hint: did you mean 'host'?\n",
        ),
        (
            "[profile.p]\nqos = 3\n",
            "--profile p",
            "FILE: line 2: invalid value '3' for '--qos <QOS>': must be 0, 1 or 2\n",
        ),
        ("[profile.p]\nport 1\n", "--profile p", "FILE: line 2: "),
        (
            "[profile.p]\n",
            "--profile q",
            "FILE: there is no profile 'q'\nmqpub: hint: it has: p\n",
        ),
        ("", "--config x", "--config needs --profile\n"),
        (
            "",
            "--config /no/such/file --profile p",
            "profile 'p': cannot read /no/such/file: no such file or directory\n",
        ),
    ] {
        let (tool, file) = with_profiles(Tool::mqpub(), text);
        let ended = tool.args(["-t", "t", "-m", "x"]).args(words.split(' ')).run();
        let why = why.replace("FILE", &file.display().to_string());
        ended.expect(2, "", Contains(&[&format!("mqpub: error: {why}")]));
    }
}

#[test]
fn a_profile_and_options_that_others_can_read_are_warned_of() {
    let broker = greeter();
    let port = broker.port();
    let profile = "[profile.p]\npw = \"s3cr3t\"\nusername = \"a\"\n";
    for (mode, warns) in [(0o644, true), (0o600, false)] {
        let (tool, file) = with_profiles(Tool::mqpub(), profile);
        fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
        let tool = tool
            .args(["--profile", "p", "-h", "127.0.0.1", "-t", "t", "-m", "x"])
            .port(port);
        let file = file.display();
        let warning = format!(
            "mqpub: warning: {file}: other users can read this file, which has a profile with a password (chmod 600 {file})\n"
        );
        tool.run().expect(0, "", if warns { warning.as_str() } else { "" });
    }
}

#[test]
fn the_environment_gives_options() {
    let inbox = Inbox::default();
    let broker = Broker::start(sink(&inbox));
    let folder = scratch_dir();
    let file = folder.path().join("password");
    fs::write(&file, "from file\n").unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    let tool = Tool::mqpub()
        .env("MQTT_HOST", "127.0.0.1")
        .env("MQTT_PORT", broker.port().to_string())
        .env("MQTT_USERNAME", "alice")
        .env("MQTT_PASSWORD_FILE", &file)
        .env("MQTT_CLIENT_ID", "me");
    tool.args(["-t", "t", "-m", "x"]).run().expect(0, "", "");
    let connect = Connect::parse(&broker.finish().concat()[0]);
    assert_eq!(
        (connect.username.as_deref(), connect.client_id.as_str()),
        (Some("alice"), "me")
    );
    assert_eq!(connect.password.as_deref(), Some(&b"from file"[..]));
    // A variable that is wrong is named, and never shown where it is a secret.
    let tool = Tool::mqpub().env("MQTT_PORT", "x").args(["-t", "t", "-m", "x"]);
    let why = "mqpub: error: MQTT_PORT: invalid value 'x' for '--port <PORT>'";
    tool.run().expect(2, "", Contains(&[why]));
}

#[test]
fn flag_before_environment_before_profile_before_options_file_before_default() {
    // Each source that is there, highest first, and whose value then counts.
    let sources = ["flag", "environment", "profile", "file"];
    for from in 0..=sources.len() {
        let present = &sources[from..];
        let (mut tool, profiles) = with_profiles(Tool::mqsub(), "[profile.p]\nid = \"profile\"\nkeepalive = 20\n");
        let options = tool.config_home().join("mosquitto_sub");
        if present.contains(&"file") {
            fs::write(&options, "-i file\n-q 1\n").unwrap();
        }
        if present.contains(&"profile") {
            tool = tool.args(["--profile", "p"]);
        }
        if present.contains(&"environment") {
            tool = tool.env("MQTT_CLIENT_ID", "environment");
        }
        if present.contains(&"flag") {
            tool = tool.args(["-i", "flag"]);
        }
        let ended = tool.args(["-t", "t", "--print-config"]).run();
        let ended = ended.expect(0, Satisfies(&|_| true), "");
        let text = String::from_utf8(ended.stdout.clone()).unwrap();
        let line = |key: &str| {
            text.lines()
                .find(|line| line.split(' ').any(|word| word.trim_end_matches(':') == key))
                .unwrap()
                .to_owned()
        };
        let place = match present.first() {
            Some(&"flag") => "id = \"flag\"  # command line".to_owned(),
            Some(&"environment") => "id = \"environment\"  # MQTT_CLIENT_ID".to_owned(),
            Some(&"profile") => format!("id = \"profile\"  # {}: line 2", profiles.display()),
            Some(_) => format!("id = \"file\"  # {}: line 1", options.display()),
            None => "# id: the broker chooses one (default)".to_owned(),
        };
        assert_eq!(line("id"), place);
        let qos = if present.is_empty() {
            "qos = 0  # default".to_owned()
        } else {
            format!("qos = 1  # {}: line 2", options.display())
        };
        assert_eq!(line("qos"), qos);
        let keep_alive = if present.contains(&"profile") {
            format!("keepalive = 20  # {}: line 3", profiles.display())
        } else {
            "keepalive = 60  # default".to_owned()
        };
        assert_eq!(line("keepalive"), keep_alive);
        assert_eq!(line("topic"), "topic = [\"t\"]  # command line");
    }
}

#[test]
fn the_printed_configuration_is_a_profile() {
    let first = Tool::mqpub().args([
        "-h",
        "a",
        "-h",
        "b:7",
        "-u",
        "x \"y\"",
        "-t",
        "1",
        "-r",
        "-D",
        "publish",
        "user-property",
        "a",
        "b",
        "-m",
        "t\tx",
    ]);
    let ended = first
        .arg("--print-config")
        .run()
        .expect(0, Contains(&["retain = true  # command line\n"]), "");
    let text = String::from_utf8(ended.stdout.clone()).unwrap();
    let (tool, file) = with_profiles(Tool::mqpub(), &format!("[profile.p.mqpub]\n{text}"));
    let again = tool.args(["--profile", "p", "--print-config"]).run();
    let again = again.expect(0, Satisfies(&|_| true), "");
    let strip = |text: &str| {
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        lines
            .map(|line| line.rsplit_once("  # ").unwrap().0.to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(strip(&text), strip(std::str::from_utf8(&again.stdout).unwrap()));
    assert!(String::from_utf8_lossy(&again.stdout).contains(&format!("{}: line ", file.display())));
}

#[test]
fn a_command_is_printed_and_is_no_part_of_a_profile() {
    let tool = Tool::mqsub().args(["-t", "t", "--print-config", "--exec-jobs", "3"]);
    let tool = tool.args(["--exec", "echo", "a b", "\"{payload}\"", "-q", "2"]);
    let lines = [
        "\n# exec: [\"echo\", \"a b\", \"\\\"{payload}\\\"\", \"-q\", 2] (command line)\n",
        "\nexec-jobs = 3  # command line\n",
        "\nqos = 0  # default\n",
    ];
    tool.run().expect(0, Contains(&lines), "");
    let text = "[profile.p.mqsub]\nexec = [\"echo\"]\n";
    let (tool, _) = with_profiles(Tool::mqsub(), text);
    let ended = tool.args(["--profile", "p", "-t", "t"]).run();
    ended.expect(2, "", Contains(&["exec"]));
}

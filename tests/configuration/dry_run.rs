//! `--dry-run`: says what would be done, whether it would be accepted, and
//! connects to nobody.

use crate::support::broker::Broker;
use crate::support::certificates::certificates;
use crate::support::runner::{Contains, Tool};

fn words(text: &str) -> Vec<&str> {
    text.split(' ').collect()
}

#[test]
fn where_to_as_whom_over_what() {
    let ca = certificates().ca.display();
    for (line, expected) in [
        (
            "-t a -m x".to_owned(),
            "would connect to localhost:1883\n\
             as an identifier of the broker's choice, without a user name, in MQTT 3.1.1\n\
             would publish 1 message to 'a' at QoS 0\n",
        ),
        (
            format!(
                "-h b.example -h c:7 --cafile {ca} --ws --ws-path /x -i me -u al -P pw -V 5 -q 1 -r -t a -t b -m x \
                 --proxy socks5h://u:p@q --ipv4 --repeat 3 --will-topic w --will-payload xyz"
            ),
            "would connect to b.example:8883, over TLS, over WebSocket /x, through socks5h://q:1080, over IPv4\n\
             or else to c:7, over TLS, over WebSocket /x, through socks5h://q:1080, over IPv4\n\
             as client 'me', user 'al' with a password, in MQTT 5\n\
             with a will of 3 bytes to 'w'\n\
             would publish 2 messages to 'a', 'b' at QoS 1, retained, 3 times\n",
        ),
        (
            "-S -h example.org -A ::1 -c -i me -t a -n".to_owned(),
            "would connect to the brokers that the DNS names for example.org, from ::1\n\
             as client 'me' with a session that is kept, without a user name, in MQTT 3.1.1\n\
             would publish 1 message to 'a' at QoS 0\n",
        ),
    ] {
        Tool::mqpub()
            .args(words(&line))
            .arg("--dry-run")
            .run()
            .expect(0, expected, "");
    }
    let expected = "would connect to localhost:1883\n\
                    as an identifier of the broker's choice, without a user name, in MQTT 5\n\
                    would subscribe to 'answers' at QoS 1 for the replies\n\
                    would publish 1 message to 'ask' at QoS 1\n";
    let tool = Tool::mqpub().args(words("--request -e answers -q 1 -t ask -m x --dry-run"));
    tool.run().expect(0, expected, "");
    let expected = "would connect to h:1883\n\
                    as an identifier of the broker's choice, user 'u' without a password, in MQTT 3.1.1\n\
                    would subscribe to 'a/#' at QoS 2\n\
                    would subscribe to 'b' at QoS 2\n";
    let tool = Tool::mqsub().args(words("-h h -u u -t a/# -t b -q 2 --dry-run"));
    tool.run().expect(0, expected, "");
}

#[test]
fn a_command_is_looked_for_and_not_run() {
    let line = "-t a -V 5 --dry-run --reply --exec-jobs 2 --exec";
    let tool = Tool::mqsub().args(words(line));
    let expected = "would connect to localhost:1883\n\
                    as an identifier of the broker's choice, without a user name, in MQTT 5\n\
                    would subscribe to 'a' at QoS 0\n\
                    would run 'sh' for each message, 2 at a time, and publish what it prints\n";
    tool.args(["sh", "-c", "exit 3"]).run().expect(0, expected, "");
    let error = "mqsub: error: --exec: cannot run 'no-such-program': there is no such program in PATH\n";
    let tool = Tool::mqsub().args(words(line));
    tool.arg("no-such-program").run().expect(1, "", error);
}

#[test]
fn the_messages_of_the_input_are_counted_and_the_wrong_ones_named() {
    let tool = || Tool::mqpub().args(["-t", "t", "--dry-run"]);
    let lines = "a\nb\nc".to_owned();
    let count = |count: &str| format!("would publish {count} from stdin to 't' at QoS 0\n");
    tool()
        .arg("-l")
        .stdin(&lines)
        .run()
        .expect(0, Contains(&[&count("3 messages")]), "");
    tool()
        .arg("-l")
        .stdin("")
        .run()
        .expect(0, Contains(&[&count("0 messages")]), "");
    tool()
        .args(["-l", "--rate", "1/h"])
        .stdin(&lines)
        .run()
        .expect(0, Contains(&[&count("3 messages")]), "");
    let many = "x\n".repeat(300_000);
    tool()
        .arg("-l")
        .stdin(&many)
        .run()
        .expect(0, Contains(&[&count("300000 messages")]), "");
    let records = "{\"payload\":\"x\"}\nnonsense\n{\"payload\":\"x\",\"topic\":\"a/#\"}\n{\"payload\":\"y\"}\n";
    let ended = tool().arg("--json").stdin(records).run();
    let told = [
        "mqpub: warning: line 2: ",
        "mqpub: warning: line 3: ",
        "mqpub: error: 2 lines are no messages\n",
    ];
    ended.expect(1, Contains(&[&count("2 messages")]), Contains(&told));
    let ended = tool().args(["-l", "--max-payload", "2"]).stdin("a\nlong\n").run();
    ended.expect(1, "", Contains(&["error: "]));
}

#[test]
fn what_would_be_refused_is_refused() {
    let tool = Tool::mqpub().args(words("--spool s --spool-drain --dry-run"));
    tool.run().expect(
        2,
        "",
        Contains(&["--dry-run needs messages: it cannot be used with --spool-drain"]),
    );
    let tool = Tool::mqpub().args(words("--spool s -t t -m x -q 1 --dry-run"));
    tool.run().expect(
        0,
        Contains(&["would publish 1 message to 't' at QoS 1, by way of the spool s\n"]),
        "",
    );
    let why = "mqpub: error: -m and -n cannot be used together\n";
    let tool = Tool::mqpub().args(words("-t t -m x -n --dry-run"));
    tool.run().expect(2, "", why);
    let tool = Tool::mqsub().args(words("-t a/#/b --dry-run"));
    tool.run().expect(2, "", Contains(&["cannot subscribe to 'a/#/b'"]));
    let tool = Tool::mqsub().args(words("-t a -h h --cafile /no/such --dry-run"));
    let why = "mqsub: error: --cafile /no/such: no such file or directory\n";
    tool.run().expect(1, "", why);
    let tool = Tool::mqpub().args(words("-t t -f /no/such --dry-run"));
    tool.run()
        .expect(1, "", "mqpub: error: cannot read /no/such: no such file or directory\n");
    let tool = Tool::mqpub().args(words("-t t -n --dry-run --password-file /no/such -u u"));
    tool.run().expect(1, "", Contains(&["--password-file /no/such"]));
}

#[test]
fn nobody_is_connected_to_and_nobody_asked() {
    let broker = Broker::start(|_| panic!("a connection"));
    let port = broker.port().to_string();
    let line = format!("-h 127.0.0.1 -p {port} -t t --dry-run");
    let told = Contains(&["with a password"]);
    let tool = Tool::mqpub()
        .args(words(&line))
        .args(["-m", "x", "-u", "u", "--password-command", "exit 1"]);
    tool.run().expect(0, told, "");
    let told = Contains(&["with a password"]);
    let tool = Tool::mqsub().args(words(&line)).args(["-u", "u", "--ask-password"]);
    tool.run().expect(0, told, "");
    assert_eq!(broker.finish().len(), 0);
}

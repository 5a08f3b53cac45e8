//! What is said of a command line, or of files, that are not what was meant; and of
//! a stdout that is not there.

use std::fs;

use crate::support::mosquitto::{self, Publisher, unique_topic};
use crate::support::packet::{Publish, Version};
use crate::support::runner::{Contains, Tool};
use crate::support::scratch_dir;
use crate::tools::{file, mqpub, mqsub};

#[test]
fn a_wrong_command_line_is_told_with_what_to_do() {
    for (tool, line, expected) in [
        (
            Tool::mqpub(),
            "-t a/# -m x",
            "mqpub: error: cannot publish to topic 'a/#': it has the wildcard '+' or '#', which is for subscribing\n",
        ),
        (
            Tool::mqpub(),
            "-t a\x07b -m x",
            "mqpub: error: cannot publish to topic 'a\\u{7}b': \
             it has a control character, over which brokers end the connection\n",
        ),
        (
            Tool::mqsub(),
            "-t a/b#",
            "mqsub: error: cannot subscribe to 'a/b#': each '+' must be a whole level, and '#' the whole last one\n",
        ),
        (
            Tool::mqpub(),
            "-p abc -t a -m x",
            "mqpub: error: invalid value 'abc' for '--port <PORT>': must be a whole number from 0 to 65535\n\
             mqpub: hint: try mqpub --help\n",
        ),
        (
            Tool::mqpub(),
            "a b",
            "mqpub: error: 'a' stands behind no option\n\
             mqpub: hint: a topic is -t TOPIC, a payload -m TEXT; a value with blanks needs quotes\n",
        ),
        (
            Tool::mqpub(),
            "-t a -m hello world",
            "mqpub: error: 'world' stands behind no option\n\
             mqpub: hint: a topic is -t TOPIC, a payload -m TEXT; a value with blanks needs quotes\n",
        ),
        (
            Tool::mqsub(),
            "a/b",
            "mqsub: error: 'a/b' stands behind no option\n\
             mqsub: hint: a topic is -t FILTER; a value with blanks needs quotes\n",
        ),
        (
            Tool::mqsub(),
            "-t a --tls",
            "mqsub: error: unexpected argument '--tls' found\n\
             mqsub: hint: for TLS: -p 8883, mqtts:// in -L, --cafile FILE or --tls-use-os-certs\n",
        ),
        (
            Tool::mqpub(),
            "-t a --tls-alp x",
            "mqpub: error: unexpected argument '--tls-alp' found\n\
             mqpub: hint: a similar argument exists: '--tls-alpn'\n",
        ),
        (
            Tool::mqpub(),
            "-l -t a --replay",
            "mqpub: error: --replay needs --json\n\
             mqpub: hint: mqsub --json records what mqpub --json --replay plays back\n",
        ),
    ] {
        tool.args(line.split(' ')).run().expect(2, "", expected);
    }
}

#[test]
fn a_long_topic_is_cut_off_in_messages() {
    let topic = "t".repeat(70_000);
    let cut = format!("topic '{}…': it is longer than 65535 bytes\n", "t".repeat(60));
    let expected = format!("mqpub: error: cannot publish to {cut}");
    Tool::mqpub()
        .args(["-m", "x", "-t", &topic])
        .run()
        .expect(2, "", &*expected);
    let expected = format!("mqpub: error: --will-topic: cannot publish to {cut}");
    let tool = Tool::mqpub().args(["-m", "x", "-t", "a", "--will-topic", &topic]);
    tool.run().expect(2, "", &*expected);
    let expected = format!("mqsub: error: cannot subscribe to {}", &cut["topic ".len()..]);
    Tool::mqsub().args(["-t", &topic]).run().expect(2, "", &*expected);
}

#[test]
fn a_conflict_names_the_file_that_has_the_option() {
    let (options, _folder) = file("-t a\n--retained-only\n");
    let tool = Tool::mqsub().arg("-o").arg(&options).arg("-R");
    let expected = format!(
        "mqsub: error: -R and --retained-only cannot be used together\n\
         mqsub: hint: --retained-only is from {}: line 2\n",
        options.display()
    );
    tool.run().expect(2, "", &*expected);
    // Nothing is said of what is on the command line.
    let expected = "mqsub: error: -R and --retained-only cannot be used together\n";
    let words = ["-t", "a", "-R", "--retained-only"];
    Tool::mqsub().args(words).run().expect(2, "", expected);
}

#[test]
fn how_messages_are_shown_is_a_default_in_a_file() {
    let (topic, port) = (unique_topic("shown"), mosquitto::shared().tcp());
    Publisher::connect(port, Version::V311).publish(&topic, "x", 1, true, &[]);
    let (options, _folder) = file("-v\n");
    let words = format!("-t {topic} -C 1 -o {}", options.display());
    let verbose = format!("{topic} x\n");
    mqsub(port, &words).run().expect(0, &*verbose, "");
    let record = format!("\"topic\":\"{topic}\"");
    let tool = mqsub(port, &words).arg("--json");
    tool.run().expect(0, Contains(&[&record]), "");
    Publisher::connect(port, Version::V311).publish(&topic, "", 1, true, &[]);
}

#[test]
fn quotes_in_an_options_file_are_told() {
    let (options, _folder) = file("-t \"a b\"\n-m \"it\n");
    let tool = Tool::mqpub().arg("-o").arg(&options).arg("--dry-run");
    let name = options.display();
    let expected = format!(
        "mqpub: warning: {name}: line 1: the quotes are part of the value: none are needed\n\
         mqpub: warning: {name}: line 2: the value has one \" and no other, which is part of it: none is needed\n"
    );
    tool.run().expect(0, Contains(&["would publish"]), &*expected);
}

#[test]
fn what_mosquitto_sub_captured_is_told_from_records() {
    let (topic, port) = (unique_topic("captured"), mosquitto::shared().tcp());
    Publisher::connect(port, Version::V311).publish(&topic, "x", 1, true, &[]);
    let captured = mqsub(port, &format!("-t {topic} -C 1 -F %j")).run();
    Publisher::connect(port, Version::V311).publish(&topic, "", 1, true, &[]);
    let captured = captured.expect(0, Contains(&["\"tst\""]), "").stdout_text().to_owned();
    for words in ["--json --replay", "--json"] {
        mqpub(port, words).stdin(&captured).run().expect(
            1,
            "",
            "mqpub: error: line 1: it is an object of -F %j, not a record (its key tst)\n\
             mqpub: hint: capture with mqsub --json, which writes records, each with its time\n",
        );
    }
    let timeless = format!("{{\"topic\":\"{topic}\"}}");
    mqpub(port, "--json --replay").stdin(timeless).run().expect(
        1,
        "",
        "mqpub: error: line 1: it has no time, which --replay needs\n\
         mqpub: hint: capture with mqsub --json, which writes records, each with its time\n",
    );
}

#[test]
fn a_spool_is_not_made_in_a_folder_of_other_files() {
    let folder = scratch_dir();
    let path = folder.path().join("documents");
    fs::create_dir(&path).unwrap();
    fs::write(path.join("letter.txt"), "mine").unwrap();
    let port = mosquitto::shared().tcp();
    let tool = || mqpub(port, "-q 1 -t spooled -m x --spool").arg(&path);
    let why = "the folder has other files in it, and is no spool";
    let expected = format!("mqpub: error: cannot open the spool {}: {why}\n", path.display());
    tool().run().expect(1, "", &*expected);
    let there: Vec<_> = fs::read_dir(&path)
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert_eq!(there, ["letter.txt"], "nothing was put there");
    fs::remove_file(path.join("letter.txt")).unwrap();
    tool().run().expect(0, "", "");
}

#[test]
fn the_bytes_in_the_debug_output_are_those_of_the_payload() {
    let (topic, port) = (unique_topic("bytes"), mosquitto::shared().tcp());
    for (words, told) in [
        ("-q 0", "q0, r0, m0"),
        ("-q 1", "q1, r0, m1"),
        ("-V 5 -q 1 -D publish user-property a b", "q1, r0, m1"),
    ] {
        let expected = format!("sending PUBLISH (d0, {told}, '{topic}', 5 bytes)\n");
        let tool = mqpub(port, &format!("-d -t {topic} -m hello {words}"));
        tool.run().expect(0, "", Contains(&[&expected]));
    }
    let message = Publish::new(&topic, "hello").qos(1, 1);
    let publisher = &mut Publisher::connect(port, Version::V311);
    publisher.publish(&topic, &message.payload, 1, true, &[]);
    let expected = format!(", '{topic}', 5 bytes)\n");
    let tool = mqsub(port, &format!("-d -V 5 -q 1 -t {topic} -C 1"));
    tool.run()
        .expect(0, "hello\n", Contains(&["received PUBLISH", &expected]));
    publisher.publish(&topic, "", 1, true, &[]);
}

/// A tool without a stdout.
fn without_stdout(program: &str, words: &str) -> Tool {
    let tool = Tool::new("/bin/sh").args(["-c", "exec \"$0\" \"$@\" >&-", program]);
    tool.args(words.split_ascii_whitespace())
}

#[test]
fn a_stdout_that_is_closed_is_no_quiet_success() {
    const MQPUB: &str = env!("CARGO_BIN_EXE_mqpub");
    const MQSUB: &str = env!("CARGO_BIN_EXE_mqsub");
    let (topic, port) = (unique_topic("closed"), mosquitto::shared().tcp());
    Publisher::connect(port, Version::V311).publish(&topic, "x", 1, true, &[]);
    let sub = format!("-p {port} -t {topic} -C 1");
    let tee = format!("-p {port} -t {topic}/tee -l -q 1 --tee");
    for (program, words) in [
        (MQSUB, &*sub),
        (MQSUB, &*format!("{sub} --json")),
        (MQSUB, "--help"),
        (MQSUB, "--version"),
        (MQPUB, "--print-config"),
        (MQPUB, &*tee),
    ] {
        let name = if program == MQSUB { "mqsub" } else { "mqpub" };
        let expected = format!("{name}: error: cannot write to stdout: bad file descriptor\n");
        let tool = without_stdout(program, words).stdin("a\n");
        tool.run().expect(1, "", &*expected);
    }
    // Who prints nothing needs none; and one that is given is as good as another.
    let tool = without_stdout(MQPUB, &format!("-p {port} -t {topic} -r -n"));
    tool.run().expect(0, "", "");
    let null = fs::File::options().read(true).write(true).open("/dev/null").unwrap();
    let tool = Tool::mqsub().arg("--version").stdout_to(null);
    tool.run().expect(0, "", "");
}

//! mqsub -F, and what a terminal gets of foreign text.

use std::ffi::OsStr;
use std::fs::File;
use std::io::Read;
use std::os::unix::ffi::OsStrExt as _;

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use serde_json::Value;

use super::{sends, subscribed};
use crate::support::packet::{PUBREC, PUBREL, Prop, Publish, ack, id};
use crate::support::runner::{Contains, Satisfies};
use crate::tools::{mqsub, play};

/// What mosquitto_sub printed of the message with this name, format by format:
/// not in JSON, at no time, and where mqsub is to print the same.
fn recorded(message: &str) -> Vec<(String, Vec<u8>)> {
    let lines = include_str!("../data/mosquitto_sub-2.1.2.jsonl").lines();
    let lines = lines.map(|line| serde_json::from_str::<Value>(line).unwrap());
    let mut lines = lines.skip_while(|line| line["message"] != message).skip(1);
    let mut formats = Vec::new();
    while let Some(line) = lines.next().filter(|line| line.get("message").is_none()) {
        let special = ["time", "ours", "pretty"].iter().any(|key| line.get(key).is_some());
        let (format, prints) = (line["format"].as_str().unwrap(), line["prints"].as_str().unwrap());
        if !special && !format.ends_with(['j', 'J']) {
            let bytes = prints.chars().map(|byte| u8::try_from(u32::from(byte)).unwrap());
            formats.push((format.to_owned(), bytes.collect()));
        }
    }
    formats
}

#[test]
fn a_message_is_printed_as_mosquitto_sub_prints_it() {
    let full = [
        Prop::text(id::CONTENT_TYPE, "text/plain"),
        Prop::Binary(id::CORRELATION_DATA, b"c\"d".to_vec()),
        Prop::Byte(id::PAYLOAD_FORMAT, 1),
        Prop::text(id::RESPONSE_TOPIC, "r/t"),
        Prop::user("k1", "v1"),
        Prop::user("k2", "v 2"),
        Prop::user("k1", "v3"),
        Prop::Four(id::MESSAGE_EXPIRY, 3600),
        Prop::Var(id::SUBSCRIPTION_ID, 77),
    ];
    let large = [
        Prop::Var(id::SUBSCRIPTION_ID, 268_435_455),
        Prop::Four(id::MESSAGE_EXPIRY, 2_147_483_647),
        Prop::Byte(id::PAYLOAD_FORMAT, 0),
    ];
    for (name, words, message) in [
        ("hello", "", Publish::new("f/ab", "hello")),
        ("empty", "", Publish::new("f/ab", "")),
        ("retained", "", Publish::new("f/ab", "x").qos(1, 7).retained()),
        ("utf8", "", Publish::new("ä/€", "größe €")),
        ("bytes", "", Publish::new("f/ab", b"\0\x01\x7f\x80\xff\n\r")),
        (
            "five",
            "-V 5",
            Publish::new("f/ab", "{\"a\":1}").qos(2, 4711).with(&full),
        ),
        ("large", "-V 5", Publish::new("f/ab", "x").qos(1, 65_535).with(&large)),
    ] {
        let rows = recorded(name);
        assert!(rows.len() > 5, "{name}");
        // All of them in one format, with what is in none of them between.
        let formats: Vec<&str> = rows.iter().map(|(format, _)| format.as_str()).collect();
        let expected: Vec<&[u8]> = rows.iter().map(|(_, bytes)| bytes.as_slice()).collect();
        let expected = [expected.join(&b'\x1e'), b"\n".to_vec()].concat();
        let broker = play(move |conn| {
            subscribed(conn);
            conn.publish(&message);
            if message.qos == 2 {
                conn.expect_ack(PUBREC, message.mid);
                conn.send(ack(PUBREL, message.mid));
            }
            conn.until_eof();
        });
        let tool = mqsub(broker.port(), &format!("-t # -q 2 -C 1 {words}"));
        let tool = tool.arg("-F").arg(formats.join("\x1e"));
        tool.run().expect(0, expected, Satisfies(&|_| true));
    }
}

#[test]
fn json_is_json_whatever_comes() {
    let payloads: [&[u8]; 16] = [
        b"",
        b"hello",
        b"\0\x01\x1f\x7f",
        b"a\0b",
        b"\xff\xfe",
        b"\xed\xa0\x80",
        b"text \xe2\x82",
        b"\"\\/\r\n\t",
        b"[1.0, 1e3, 12345678901234567890]",
        b"{\"a\": \"\\ud800\"}",
        b"{\"a\":",
        b"007",
        b"NaN",
        b"1 2",
        b"\"\n\"",
        "\u{feff}{\"a\" : {} }".as_bytes(),
    ];
    let mut messages: Vec<Publish> = payloads.map(|payload| Publish::new("t\"\\\u{1}", payload)).to_vec();
    messages.push(Publish::new("deep", "[".repeat(100_000)));
    let nested = [b"[".repeat(300), b"]".repeat(300)].concat();
    messages.push(Publish::new("deep", nested));
    for words in ["-F %j", "-F %J", "--json", "--json --parse-json"] {
        let broker = sends(&messages);
        let words = format!("-t # -C {} {words}", messages.len());
        let ended = mqsub(broker.port(), &words).run();
        let ended = ended.expect(0, Satisfies(&|_| true), "");
        let lines: Vec<&str> = ended.stdout_text().lines().collect();
        assert_eq!(lines.len(), messages.len(), "{words}");
        for (line, message) in lines.iter().zip(&messages) {
            let object: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
            assert_eq!(object["topic"], message.topic);
        }
        let exact = lines
            .iter()
            .any(|line| line.contains(":[1.0,1e3,12345678901234567890]"));
        assert_eq!(exact, words.contains("%J") || words.contains("--parse-json"), "{words}");
    }
}

#[test]
fn pretty_json_has_a_member_a_line() {
    let broker = sends(&[Publish::new("t", "{\"a\":[1,{}]}")]);
    let tool = mqsub(broker.port(), "-t t -C 1 -F %J --pretty -v");
    let expected = "\t\"topic\":\t\"t\",\n\t\"qos\":\t0,\n\t\"retain\":\tfalse,\n\t\"payloadlen\":\t12,\n\
                    \t\"payload\":\t{\n\t\t\"a\":\t[1, {\n\t\t\t}]\n\t}\n}\n";
    tool.run().expect(0, Contains(&[expected]), "");
}

#[test]
fn times_are_in_the_zone_that_is_asked_for() {
    for (zone, printed) in [("XYZ-5:30", "+0530 XYZ +0530\n"), ("", "+0000 UTC +0000\n")] {
        let broker = sends(&[Publish::new("t", "x")]);
        let tool = mqsub(broker.port(), "-t t -C 1 -F").arg("@z @Z %I").env("TZ", zone);
        let as_told = |stdout: &[u8]| {
            let text = String::from_utf8_lossy(stdout);
            // The date and the time of day are 19 characters.
            let (before, rest) = text.split_at(printed.len() - 6);
            before == &printed[..printed.len() - 6] && rest.len() == 25 && rest[19..] == printed[printed.len() - 6..]
        };
        tool.run().expect(0, Satisfies(&as_told), "");
    }
}

#[test]
fn a_bad_format_is_refused_at_the_start() {
    for (format, named) in [
        ("%t %z", "unknown specifier '%z'"),
        ("%", "'%' at its end is not complete"),
        ("%12", "'%12' at its end is not complete"),
        ("@", "'@' at its end is not complete"),
        (r"\q", r"unknown escape '\q'"),
    ] {
        let tool = mqsub(1, "-t t -F").arg(format);
        tool.run().expect(2, "", Contains(&[named]));
    }
}

#[test]
fn a_format_is_bytes() {
    let broker = sends(&[Publish::new("t", "x")]);
    let tool = mqsub(broker.port(), "-t # -C 1 -F").arg(OsStr::from_bytes(b"\xff%p\xfe%t\xc3"));
    tool.run().expect(0, b"\xffx\xfet\xc3\n", "");
    let tool = mqsub(1, "-t t -F").arg(OsStr::from_bytes(b"%\xff"));
    tool.run().expect(2, "", Contains(&["'%' at its end is not complete"]));
}

#[test]
fn a_payload_that_is_no_number_is_told() {
    let broker = sends(&[Publish::new("a/b", "12345"), Publish::new("a/b", 1.5_f32.to_ne_bytes())]);
    let tool = mqsub(broker.port(), "-t # -C 2 -F").arg("%t %.2f");
    let told = "mqsub: warning: message on topic 'a/b': %f needs a payload of 4 bytes, not 5\n";
    tool.run().expect(0, "a/b \na/b 1.50\n", told);
}

#[test]
fn a_terminal_is_sent_nothing_that_controls_it() {
    let hostile = Publish::new("t\u{9b}", b"\x1b]0;title\x07\r\xff");
    for (words, shown) in [
        ("-v", r"t\x9b \x1b]0;title\x07\x0d\xff"),
        ("-F <%p>", r"<\x1b]0;title\x07\x0d\xff>"),
    ] {
        let broker = sends(std::slice::from_ref(&hostile));
        let terminal = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&terminal).unwrap();
        unlockpt(&terminal).unwrap();
        let path = ptsname(&terminal, Vec::new()).unwrap();
        let path = path.to_str().unwrap();
        let inner = File::options().read(true).write(true).open(path).unwrap();
        let tool = mqsub(broker.port(), &format!("-t # -C 1 {words}"));
        tool.stdout_to(inner).run().expect(0, "", "");
        let mut screen = Vec::new();
        // That nobody has the terminal open any more is an error here, not the end.
        let _ = File::from(terminal).read_to_end(&mut screen);
        let screen = String::from_utf8_lossy(&screen);
        assert_eq!(screen, format!("{shown}\r\n"));
    }
}

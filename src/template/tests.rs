//! Every specifier against what mosquitto_sub printed.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use fastrand::Rng;
use serde_json::Value as Json;

use super::*;
use crate::message::{Decoding, Qos};
use crate::property::{self, USER_PROPERTY};

/// What mosquitto_sub 2.1.2 printed with glibc 2.36 and cJSON 1.7.15: of each
/// message (a line with `message`), each format (the lines after it). In all
/// texts but topics and formats a character stands for a byte. `time` is when it was;
/// `ours` is there where ours is another, on purpose.
const RECORDED: &str = include_str!("../../tests/data/mosquitto_sub-2.1.2.jsonl");

/// The time zone that it ran in.
fn zone() -> Zone {
    let rule = |name: &str| (name == "TZ").then(|| "CET-1CEST,M3.5.0,M10.5.0/3".to_owned());
    Zone::local(rule, |_| Err(std::io::ErrorKind::NotFound.into()))
}

/// Bytes that are written as characters.
fn bytes(text: &Json) -> Vec<u8> {
    let text = text.as_str().unwrap();
    text.chars()
        .map(|byte| u8::try_from(u32::from(byte)).unwrap())
        .collect()
}

fn text_of(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap()
}

struct Message {
    topic: String,
    payload: Vec<u8>,
    qos: Qos,
    retain: bool,
    mid: u16,
    properties: Properties,
}

impl Message {
    fn read(line: &Json) -> Self {
        let mut properties = Properties::default();
        for pair in line["properties"].as_array().into_iter().flatten() {
            let (id, value) = match (pair[0].as_str().unwrap(), &pair[1]) {
                ("user-property", value) => (
                    USER_PROPERTY,
                    Value::Pair(text_of(bytes(&value[0])), text_of(bytes(&value[1]))),
                ),
                ("correlation-data", value) => (CORRELATION_DATA, Value::Binary(bytes(value))),
                (name, Json::Number(number)) => {
                    let number = number.as_u64().unwrap();
                    let (id, _) = property::by_name(name).unwrap();
                    (id, Value::Number(u32::try_from(number).unwrap()))
                }
                (name, value) => (property::by_name(name).unwrap().0, Value::Text(text_of(bytes(value)))),
            };
            properties.push(id, value);
        }
        let number = |name: &str| line[name].as_u64().unwrap();
        Self {
            topic: line["topic"].as_str().unwrap().to_owned(),
            payload: bytes(&line["payload"]),
            qos: u8::try_from(number("qos")).unwrap().try_into().unwrap(),
            retain: line["retain"].as_bool().unwrap(),
            mid: u16::try_from(number("mid")).unwrap(),
            properties,
        }
    }

    fn at(&self, time: SystemTime) -> Received<'_> {
        Received {
            time,
            topic: &self.topic,
            payload: &self.payload,
            decoding: Decoding::None,
            qos: self.qos,
            retain: self.retain,
            dup: false,
            mid: self.mid,
            properties: self.properties.clone(),
        }
    }
}

fn rendered(format: &str, pretty: bool, terminal: bool, message: &Received<'_>) -> (Vec<u8>, Option<Misfit>) {
    let format = Format::parse(format).unwrap();
    let mut out = Vec::new();
    let misfit = Template::new(&format, zone, pretty, terminal).render(&mut out, message);
    (out, misfit)
}

#[test]
fn every_specifier_prints_what_mosquitto_sub_prints() {
    let mut message = None;
    let (mut compared, mut faults) = (0, Vec::new());
    for line in RECORDED.lines() {
        let line: Json = serde_json::from_str(line).unwrap();
        if line.get("message").is_some() {
            message = Some((line["message"].clone(), Message::read(&line)));
            continue;
        }
        let (name, message) = message.as_ref().unwrap();
        let format = line["format"].as_str().unwrap();
        let time = line["time"].as_str().map_or(UNIX_EPOCH, |time| {
            let (seconds, nanos) = time.split_once('.').unwrap();
            UNIX_EPOCH + Duration::new(seconds.parse().unwrap(), nanos.parse().unwrap())
        });
        let pretty = line["pretty"] == true;
        let (ours, _) = rendered(format, pretty, false, &message.at(time));
        let expected = bytes(line.get("ours").unwrap_or(&line["prints"]));
        if ours != expected {
            let (ours, expected) = (ours.escape_ascii(), expected.escape_ascii());
            faults.push(format!("{name} {format}\n    ours   {ours}\n    theirs {expected}"));
        }
        compared += 1;
    }
    assert!(faults.is_empty(), "\n  {}\n", faults.join("\n  "));
    assert!(compared > 1200, "{compared}");
}

/// A text or a payload with everything in it that is awkward somewhere.
fn awkward(random: &mut Rng) -> Vec<u8> {
    let pieces: [&[u8]; 24] = [
        b"a",
        b"\"",
        b"\\",
        b"\\u",
        b"d800",
        b"{",
        b"}",
        b"[",
        b"]",
        b",",
        b":",
        b"1",
        b"-0",
        b"e5",
        b".",
        b"null",
        b" ",
        b"\n",
        b"\0",
        b"\x1b",
        b"\x7f",
        b"\xff",
        b"\xed\xa0\x80",
        "\u{e9}\u{2028}\u{9b}\u{10ffff}".as_bytes(),
    ];
    let count = random.usize(..12);
    (0..count)
        .flat_map(|_| pieces[random.usize(..pieces.len())].to_vec())
        .collect()
}

fn awkward_text(random: &mut Rng) -> String {
    String::from_utf8_lossy(&awkward(random)).into_owned()
}

fn awkward_message(random: &mut Rng) -> Message {
    let mut properties = Properties::default();
    for _ in 0..random.usize(..5) {
        let (id, value) = match random.u8(..6) {
            0 => (USER_PROPERTY, Value::Pair(awkward_text(random), awkward_text(random))),
            1 => (CONTENT_TYPE, Value::Text(awkward_text(random))),
            2 => (CORRELATION_DATA, Value::Binary(awkward(random))),
            3 => (SUBSCRIPTION_IDENTIFIER, Value::Number(random.u32(..))),
            4 => (MESSAGE_EXPIRY_INTERVAL, Value::Number(random.u32(..))),
            _ => (RESPONSE_TOPIC, Value::Text(awkward_text(random))),
        };
        properties.push(id, value);
    }
    Message {
        topic: awkward_text(random),
        payload: awkward(random),
        qos: random.u8(..3).try_into().unwrap(),
        retain: random.bool(),
        mid: random.u16(..),
        properties,
    }
}

#[test]
fn json_is_json_whatever_comes() {
    let mut random = Rng::with_seed(4);
    let mut parsed_payloads = 0;
    for _ in 0..20_000 {
        let message = awkward_message(&mut random);
        let (pretty, terminal) = (random.bool(), random.bool());
        for format in ["%j", "%J"] {
            let (out, _) = rendered(format, pretty, terminal, &message.at(UNIX_EPOCH));
            let shown = out.escape_ascii();
            let object: Json = serde_json::from_slice(&out).unwrap_or_else(|error| panic!("{error}: {shown}"));
            assert!(pretty || !out.contains(&b'\n'), "{shown}");
            assert!(
                !terminal
                    || !String::from_utf8_lossy(&out)
                        .contains(|letter: char| letter.is_control() && !"\n\t".contains(letter)),
                "{shown}"
            );
            assert_eq!(object["topic"], message.topic.as_str());
            match std::str::from_utf8(&message.payload) {
                Ok("") => assert_eq!(object["payload"], Json::Null),
                Err(_) => assert!(object["payload_base64"].is_string() && object.get("payload").is_none()),
                Ok(text) => match serde_json::from_str::<Json>(text) {
                    Ok(value) if format == "%J" => {
                        assert_eq!(object["payload"], value, "{text:?}");
                        parsed_payloads += 1;
                    }
                    _ => assert_eq!(object["payload"], text),
                },
            }
        }
    }
    assert!(parsed_payloads > 100, "{parsed_payloads}");
}

#[test]
fn no_format_and_no_message_is_too_much() {
    let mut random = Rng::with_seed(5);
    let pieces = [
        "%", "@", "\\", "-", "0", "7", "20", ".", ":", "t", "p", "x", "X", "l", "f", "d", "I", "U", "j", "A", "C", "P",
        "n", "é",
    ];
    let mut good = 0;
    for _ in 0..20_000 {
        let count = random.usize(..10);
        let text: String = (0..count).map(|_| pieces[random.usize(..pieces.len())]).collect();
        let Ok(format) = Format::parse(&text) else { continue };
        good += 1;
        let message = awkward_message(&mut random);
        let seconds = random.u64(..4_000_000_000);
        let mut template = Template::new(&format, zone, random.bool(), random.bool());
        template.render(&mut Vec::new(), &message.at(UNIX_EPOCH + Duration::from_secs(seconds)));
    }
    assert!(good > 2000, "{good}");
}

#[test]
fn numbers_that_are_none_are_told() {
    let mut message = awkward_message(&mut Rng::with_seed(1));
    message.payload = b"12345".to_vec();
    let of = |format: &str| rendered(format, false, false, &message.at(UNIX_EPOCH));
    let misfit = |specifier, wanted| Some(Misfit { specifier, wanted });
    assert_eq!(of("<%12f>"), (b"<>".to_vec(), misfit("%f", 4)));
    assert_eq!(of("%d %f"), (b" ".to_vec(), misfit("%d", 8)));
    assert_eq!(of("%l"), (b"5".to_vec(), None));
}

#[test]
fn each_second_is_told_anew() {
    let format = Format::parse("@H:@M:@S.@N %U").unwrap();
    let mut template = Template::new(&format, zone, false, false);
    let message = awkward_message(&mut Rng::with_seed(1));
    // The hour before summer time, and the first of it; back again.
    for (second, nanos, expected) in [
        (1_711_846_799, 5, "01:59:59.000000005 1711846799.000000005"),
        (1_711_846_799, 999_999_999, "01:59:59.999999999 1711846799.999999999"),
        (1_711_846_800, 0, "03:00:00.000000000 1711846800.000000000"),
        (1_711_846_799, 0, "01:59:59.000000000 1711846799.000000000"),
    ] {
        let mut out = Vec::new();
        template.render(&mut out, &message.at(UNIX_EPOCH + Duration::new(second, nanos)));
        assert_eq!(text_of(out), expected);
    }
}

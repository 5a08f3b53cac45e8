//! Parses single values of the command line; each error is one clause that
//! fits behind `invalid value 'x' for '--option': `.

#![expect(
    clippy::indexing_slicing,
    reason = "the position is that of a backslash that was found"
)]

use std::ops::RangeInclusive;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::time::Duration;

use bytes::Bytes;
use clap::builder::{OsStringValueParser, TypedValueParser};

use crate::codec::Codec;
use crate::config::connection::Version;
use crate::format::Format;
use crate::message::{MAX_PAYLOAD, Qos, Topic};
use crate::secret::Secret;

/// So many in such a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// How many, at least one.
    pub count: u32,
    /// In which time, more than none.
    pub per: Duration,
}

/// A time: `2.5`, `90` (seconds, as mosquitto has them) or `1m 30s`, `200ms`.
///
/// # Errors
/// That it is neither.
pub fn duration(text: &str) -> Result<Duration, String> {
    if let Ok(seconds) = text.parse::<f64>() {
        return Duration::try_from_secs_f64(seconds).map_err(|_| "not a number of seconds".to_owned());
    }
    humantime::parse_duration(text).map_err(|_| "not a time such as 30, 1.5, 200ms or 5m".to_owned())
}

/// A time that is not zero.
///
/// # Errors
/// As [`duration`], or that it is zero.
pub fn positive_duration(text: &str) -> Result<Duration, String> {
    match duration(text)? {
        Duration::ZERO => Err("must be more than zero".to_owned()),
        time => Ok(time),
    }
}

/// A keep-alive: whole seconds from 5 to 65535.
///
/// # Errors
/// That it is not.
pub fn keep_alive(text: &str) -> Result<Duration, String> {
    let time = duration(text)?;
    if time.subsec_nanos() != 0 || !(5..=65_535).contains(&time.as_secs()) {
        return Err("must be between 5 and 65535 whole seconds".to_owned());
    }
    Ok(time)
}

/// A secret: any bytes. What is wrong with it is found out where it cannot be shown.
pub fn secret() -> impl TypedValueParser<Value = Secret> {
    OsStringValueParser::new().map(|text| Secret::from(text.into_vec()))
}

/// A format of `-F`, which may have any bytes in it.
pub fn format() -> impl TypedValueParser<Value = Format> {
    OsStringValueParser::new().try_map(|text| Format::parse(text.as_bytes()))
}

/// A level of delivery.
///
/// # Errors
/// That it is not 0, 1 or 2.
pub fn qos(text: &str) -> Result<Qos, String> {
    let number: Option<u8> = text.parse().ok();
    number
        .and_then(|number| Qos::try_from(number).ok())
        .ok_or_else(|| "must be 0, 1 or 2".to_owned())
}

/// A protocol version, under mosquitto's names and the standard's.
///
/// # Errors
/// The names there are.
pub fn version(text: &str) -> Result<Version, String> {
    match text {
        "5" | "5.0" | "mqttv5" => Ok(Version::V5),
        "311" | "3.1.1" | "mqttv311" => Ok(Version::V311),
        "31" | "3.1" | "mqttv31" => Ok(Version::V31),
        _ => Err("must be 5, 311 or 31 (or mqttv5, mqttv311, mqttv31)".to_owned()),
    }
}

/// A count of at least one.
///
/// # Errors
/// That it is not.
pub fn count(text: &str) -> Result<u64, String> {
    match text.parse() {
        Ok(0) | Err(_) => Err("must be a whole number, 1 or more".to_owned()),
        Ok(count) => Ok(count),
    }
}

/// A whole number in a range.
///
/// # Errors
/// The range.
pub fn whole(range: RangeInclusive<u16>) -> impl Fn(&str) -> Result<u16, String> + Clone {
    move |text| {
        let number = text.parse().ok().filter(|number| range.contains(number));
        number.ok_or_else(|| format!("must be a whole number from {} to {}", range.start(), range.end()))
    }
}

/// A rate: `50/s`, `3/m`, `1000/h`, `1/10s`, or `50` for a second.
///
/// # Errors
/// That it is none of these.
pub fn rate(text: &str) -> Result<Rate, String> {
    let wrong = || "not a rate such as 50/s, 3/m, 1000/h or 1/10s".to_owned();
    let (count, unit) = text.split_once('/').unwrap_or((text, "s"));
    let count = match count.parse() {
        Ok(0) | Err(_) => return Err(wrong()),
        Ok(count) => count,
    };
    let one = if unit.starts_with(|first: char| first.is_ascii_digit()) {
        ""
    } else {
        "1"
    };
    match humantime::parse_duration(&format!("{one}{unit}")) {
        Ok(per) if !per.is_zero() => Ok(Rate { count, per }),
        _ => Err(wrong()),
    }
}

/// How much faster than it was recorded something is played back.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Speed {
    /// So many times, more than 0.
    Times(f64),
    /// As fast as possible.
    Max,
}

/// A speed: `2x`, `0.5x`, `2`, or `max`.
///
/// # Errors
/// That it is none of these.
pub fn speed(text: &str) -> Result<Speed, String> {
    if text == "max" {
        return Ok(Speed::Max);
    }
    match text.strip_suffix('x').unwrap_or(text).parse() {
        Ok(times) if (1e-6..=1e6).contains(&times) => Ok(Speed::Times(times)),
        _ => Err("not a speed such as 1x, 2.5x, 0.5x or max".to_owned()),
    }
}

/// A form of payloads.
///
/// # Errors
/// The names there are.
pub fn codec(text: &str) -> Result<Codec, String> {
    Codec::named(text).ok_or_else(|| "must be hex, base64, cbor or msgpack".to_owned())
}

/// A part of a topic name: anything without wildcards.
///
/// # Errors
/// What a topic name must not have (MQTT 5, 4.7).
pub fn topic_part(text: &str) -> Result<String, String> {
    match Topic::new(text) {
        Ok(_) => Ok(text.to_owned()),
        Err(why) => Err(why.to_string()),
    }
}

/// How long a session is kept, in seconds; the largest number is for ever
/// (MQTT 5, 3.1.2.11.2).
///
/// # Errors
/// That it is no such time.
pub fn expiry(text: &str) -> Result<u32, String> {
    if matches!(text, "never" | "∞" | "-1") {
        return Ok(u32::MAX);
    }
    let wrong = || {
        format!(
            "must be whole seconds from 0 to {}, a time such as 90m or 2days, or never",
            u32::MAX
        )
    };
    let digits = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X"));
    if let Some(digits) = digits.filter(|digits| !digits.starts_with('+')) {
        return u32::from_str_radix(digits, 16).map_err(|_| wrong());
    }
    // C takes 010 for eight; nobody should have to know.
    if text.len() > 1 && text.starts_with('0') && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(wrong());
    }
    let time = duration(text).map_err(|_| wrong())?;
    if time.subsec_nanos() != 0 {
        return Err(wrong());
    }
    u32::try_from(time.as_secs()).map_err(|_| wrong())
}

/// The size of a payload: bytes, or `64k`, `2M` (of 1024 bytes, and of 1024
/// times that).
///
/// # Errors
/// That it is not, or that no message can be so large.
pub fn payload_size(text: &str) -> Result<usize, String> {
    let (number, unit) = match text.strip_suffix(['k', 'K']) {
        Some(number) => (number, 1024),
        None => match text.strip_suffix(['m', 'M']) {
            Some(number) => (number, 1024 * 1024),
            None => (text, 1),
        },
    };
    let number = number.parse().ok();
    let size = number.and_then(|number: usize| number.checked_mul(unit));
    size.filter(|size| (1..=MAX_PAYLOAD).contains(size))
        .ok_or_else(|| format!("must be a size from 1 to {MAX_PAYLOAD} bytes, such as 4096, 64k or 2M"))
}

/// Bytes, of which `\0`, `\t`, `\n`, `\r`, `\\` and `\xNN` are written so.
///
/// # Errors
/// That there are none, or the escape that is none of these.
pub fn escaped(text: &str) -> Result<Bytes, String> {
    if text.is_empty() {
        return Err("must not be empty".to_owned());
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        bytes.extend_from_slice(&rest.as_bytes()[..at]);
        let escape = &rest[at + 1..];
        let (byte, length) = match escape.as_bytes() {
            [b'0', ..] => (0, 1),
            [b't', ..] => (b'\t', 1),
            [b'n', ..] => (b'\n', 1),
            [b'r', ..] => (b'\r', 1),
            [b'\\', ..] => (b'\\', 1),
            [b'x', high, low, ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                (u8::from_str_radix(&escape[1..3], 16).unwrap_or(0), 3)
            }
            _ => return Err(r"only \0, \t, \n, \r, \\ and \xNN may begin with '\'".to_owned()),
        };
        bytes.push(byte);
        rest = &escape[length..];
    }
    bytes.extend_from_slice(rest.as_bytes());
    Ok(bytes.into())
}

/// Any text that has something in it.
///
/// # Errors
/// That it has not.
pub fn not_empty(text: &str) -> Result<String, String> {
    if text.is_empty() {
        return Err("must not be empty".to_owned());
    }
    Ok(text.to_owned())
}

/// A client identifier of our choosing must have something in it.
///
/// # Errors
/// That it has not, or what MQTT forbids in it.
pub fn client_id(text: &str) -> Result<String, String> {
    if text.is_empty() {
        return Err("must not be empty".to_owned());
    }
    utf8_string(text)
}

/// A string as MQTT has them: at most 65 535 bytes, no NUL (MQTT 5, 1.5.4).
///
/// # Errors
/// Which of the two it breaks.
pub fn utf8_string(text: &str) -> Result<String, String> {
    if text.len() > usize::from(u16::MAX) {
        return Err("must not be longer than 65535 bytes".to_owned());
    }
    if text.contains('\0') {
        return Err("must not have a NUL character".to_owned());
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times() {
        assert_eq!(duration("2"), Ok(Duration::from_secs(2)));
        assert_eq!(duration("0.25"), Ok(Duration::from_millis(250)));
        assert_eq!(duration("1m 30s"), Ok(Duration::from_secs(90)));
        assert_eq!(duration("200ms"), Ok(Duration::from_millis(200)));
        for bad in ["", "-1", "x", "nan", "inf", "1e300", "5 lightyears"] {
            assert!(duration(bad).is_err(), "{bad}");
        }
        assert!(positive_duration("0").is_err());
        assert_eq!(keep_alive("1m"), Ok(Duration::from_secs(60)));
        assert!(keep_alive("4").is_err() && keep_alive("65536").is_err() && keep_alive("5.5").is_err());
    }

    #[test]
    fn whole_numbers() {
        let port = whole(1..=u16::MAX);
        assert_eq!((port("1"), port("65535")), (Ok(1), Ok(65_535)));
        for bad in ["0", "65536", "-1", "abc", "", "1.5"] {
            let why = "must be a whole number from 1 to 65535";
            assert_eq!(port(bad), Err(why.to_owned()), "{bad}");
        }
    }

    #[test]
    fn small_choices() {
        assert_eq!(qos("2"), Ok(Qos::ExactlyOnce));
        assert!(qos("3").is_err() && qos("1x").is_err() && qos("").is_err());
        assert_eq!(version("mqttv5"), Ok(Version::V5));
        assert!(version("4").is_err());
        assert_eq!(count("7"), Ok(7));
        assert!(count("0").is_err() && count("-1").is_err());
        assert!(client_id("").is_err() && client_id("a\0b").is_err());
    }

    #[test]
    fn rates() {
        for (text, count, seconds) in [
            ("50", 50, 1),
            ("50/s", 50, 1),
            ("50/sec", 50, 1),
            ("3/m", 3, 60),
            ("3/min", 3, 60),
            ("1000/h", 1000, 3600),
            ("2/day", 2, 86_400),
            ("1/10s", 1, 10),
        ] {
            let per = Duration::from_secs(seconds);
            assert_eq!(rate(text), Ok(Rate { count, per }), "{text}");
        }
        for bad in ["", "0", "-1", "0.5", "1/", "1/x", "/s", "1/0s", "1/-1s", "5000000000/s"] {
            assert!(rate(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn session_expiry() {
        for (text, seconds) in [
            ("0", 0),
            ("60", 60),
            ("0x10", 16),
            ("0XfF", 255),
            ("4294967294", u32::MAX - 1),
            ("4294967295", u32::MAX),
            ("0xffffffff", u32::MAX),
            ("-1", u32::MAX),
            ("∞", u32::MAX),
            ("never", u32::MAX),
            ("2m 5s", 125),
            ("1h", 3600),
        ] {
            assert_eq!(expiry(text), Ok(seconds), "{text}");
        }
        for bad in [
            "",
            "-2",
            "4294967296",
            "0x100000000",
            "0x",
            "0x+1",
            "010",
            "1.5",
            "100ms",
            "x",
            "200years",
        ] {
            assert!(expiry(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn sizes() {
        for (text, size) in [
            ("1", 1),
            ("4096", 4096),
            ("64k", 65_536),
            ("2M", 2 << 20),
            ("268435455", MAX_PAYLOAD),
        ] {
            assert_eq!(payload_size(text), Ok(size), "{text}");
        }
        for bad in [
            "",
            "0",
            "k",
            "-1",
            "1.5k",
            "256M",
            "268435456",
            "1G",
            "99999999999999999999M",
        ] {
            assert!(payload_size(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn escapes() {
        for (text, bytes) in [
            ("a", b"a".as_slice()),
            (r"\0", b"\0"),
            (r"\r\n", b"\r\n"),
            (r"<\t>", b"<\t>"),
            (r"\\n", b"\\n"),
            (r"\xff\x0A0", b"\xff\n0"),
            ("é\\0", "é\0".as_bytes()),
            (r"\n\r\t\\", b"\n\r\t\\"),
            (r"\x1e\xFFx", b"\x1e\xffx"),
            (r"\x410", b"A0"),
            ("--\n", b"--\n"),
            ("é", "é".as_bytes()),
        ] {
            assert_eq!(escaped(text).unwrap(), bytes, "{text}");
        }
        for bad in [
            "", "\\", "a\\", r"a\q", "\\\u{1}", r"\é", r"\x", r"\x1", r"\xg0", r"\x+1", r"\x1é",
        ] {
            assert!(escaped(bad).is_err(), "{bad}");
        }
    }
}

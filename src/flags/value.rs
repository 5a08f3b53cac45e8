//! Parses single values of the command line; each error is one clause that
//! fits behind `invalid value 'x' for '--option': `.

use std::time::Duration;

use crate::config::connection::Version;
use crate::message::Qos;

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
    fn small_choices() {
        assert_eq!(qos("2"), Ok(Qos::ExactlyOnce));
        assert!(qos("3").is_err() && qos("1x").is_err() && qos("").is_err());
        assert_eq!(version("mqttv5"), Ok(Version::V5));
        assert!(version("4").is_err());
        assert_eq!(count("7"), Ok(7));
        assert!(count("0").is_err() && count("-1").is_err());
        assert!(client_id("").is_err() && client_id("a\0b").is_err());
    }
}

//! Local time in the words of strftime(3) in the C locale. The time zone is
//! found as the C library finds it (tzset(3)): by the variable `TZ`, which names
//! a file of the time zone database or is a rule, or else by `/etc/localtime`.

use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use jiff::Timestamp;
use jiff::fmt::strtime::{BrokenDownTime, Config, PosixCustom};
use jiff::tz::TimeZone;

/// Where the time zone database is, unless `TZDIR` says otherwise.
const DATABASE: &str = "/usr/share/zoneinfo";

/// A time zone.
#[derive(Clone, Debug)]
pub struct Zone(TimeZone);

impl Zone {
    /// Universal time.
    pub fn utc() -> Self {
        Self(TimeZone::UTC)
    }

    /// The zone that the variables `TZ` and `TZDIR` say, of which the files are
    /// read with `read`. What cannot be found out is universal time.
    pub fn local(variable: impl Fn(&str) -> Option<String>, read: impl Fn(&Path) -> std::io::Result<Vec<u8>>) -> Self {
        let from_file = |path: &Path| {
            let data = read(path).ok()?;
            TimeZone::tzif("", &data).ok()
        };
        let Some(setting) = variable("TZ") else {
            return from_file(Path::new("/etc/localtime")).map_or_else(Self::utc, Self);
        };
        let name = setting.strip_prefix(':').unwrap_or(&setting);
        if name.is_empty() {
            return Self::utc();
        }
        let database = variable("TZDIR").map_or_else(|| PathBuf::from(DATABASE), PathBuf::from);
        from_file(&database.join(name))
            .or_else(|| TimeZone::posix(name).ok())
            // For a summer time without a rule glibc has that of North America.
            .or_else(|| TimeZone::posix(&format!("{name},M3.2.0,M11.1.0")).ok())
            .map_or_else(Self::utc, Self)
    }

    /// What strftime(3) makes of this format at this second since 1970; nothing
    /// for a time that has no date.
    pub fn format(&self, second: i64, format: &str) -> String {
        let Ok(time) = Timestamp::from_second(second) else {
            return String::new();
        };
        let time = BrokenDownTime::from(&time.to_zoned_datetime(self.0.clone()));
        let config = Config::new().custom(PosixCustom::new());
        time.to_string_with_config(&config, format).unwrap_or_default()
    }
}

/// Whole seconds since 1970 and the nanoseconds after them.
pub fn since_1970(time: SystemTime) -> (i64, u32) {
    match time.duration_since(UNIX_EPOCH) {
        Ok(since) => (i64::try_from(since.as_secs()).unwrap_or(i64::MAX), since.subsec_nanos()),
        Err(before) => {
            let before = before.duration();
            let seconds = i64::try_from(before.as_secs()).unwrap_or(i64::MAX);
            match before.subsec_nanos() {
                0 => (-seconds, 0),
                nanos => (-seconds - 1, 1_000_000_000 - nanos),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Error, ErrorKind};
    use std::time::Duration;

    /// What glibc made of each letter, at several times in several zones.
    const RECORDED: &str = include_str!("../tests/data/strftime-glibc.tsv");
    const LETTERS: &str = "aAbBcCdDeFgGhHIjklmMnpPrRsStTuUVwWxXyYzZ";

    fn nothing(_: &Path) -> std::io::Result<Vec<u8>> {
        Err(Error::from(ErrorKind::NotFound))
    }

    fn rule(rule: &str) -> Zone {
        Zone::local(|name| (name == "TZ").then(|| rule.to_owned()), nothing)
    }

    #[test]
    fn every_letter_is_as_glibc_has_it() {
        let mut compared = 0;
        for line in RECORDED.lines().filter(|line| !line.starts_with('#')) {
            let [zone, second, texts] = line.split('\t').collect::<Vec<_>>()[..] else {
                panic!("{line}");
            };
            let zone = rule(zone);
            let second = second.parse().unwrap();
            let texts: Vec<&str> = texts.split('|').collect();
            assert_eq!(texts.len(), LETTERS.len());
            for (letter, text) in LETTERS.chars().zip(texts) {
                let expected = text.replace("\\n", "\n").replace("\\t", "\t");
                let ours = zone.format(second, &format!("%{letter}"));
                assert_eq!(ours, expected, "%{letter} in {line}");
                compared += 1;
            }
        }
        assert!(compared > 1000, "{compared}");
    }

    /// A file of the database that knows one zone: an hour and a half east, ODD.
    fn file() -> Vec<u8> {
        let mut file = b"TZif\0".to_vec();
        file.extend_from_slice(&[0; 15]);
        for count in [0_u32, 0, 0, 0, 1, 4] {
            file.extend_from_slice(&count.to_be_bytes());
        }
        file.extend_from_slice(&5400_i32.to_be_bytes());
        file.extend_from_slice(&[0, 0]);
        file.extend_from_slice(b"ODD\0");
        file
    }

    #[test]
    fn the_zone_is_found_as_the_c_library_finds_it() {
        let zone = |variables: &[(&str, &str)], path: &str| {
            let variable = |name: &str| {
                let found = variables.iter().find(|(other, _)| *other == name);
                found.map(|(_, value)| (*value).to_owned())
            };
            let there = |asked: &Path| (asked == Path::new(path)).then(file);
            let read = |asked: &Path| there(asked).ok_or(ErrorKind::NotFound.into());
            Zone::local(variable, read).format(0, "%H%M%z%Z")
        };
        let odd = "0130+0130ODD";
        assert_eq!(zone(&[], "/etc/localtime"), odd);
        assert_eq!(zone(&[("TZ", "A/Odd")], "/usr/share/zoneinfo/A/Odd"), odd);
        assert_eq!(zone(&[("TZ", ":A/Odd")], "/usr/share/zoneinfo/A/Odd"), odd);
        assert_eq!(zone(&[("TZ", "/my/odd")], "/my/odd"), odd);
        assert_eq!(zone(&[("TZ", "Odd"), ("TZDIR", "/d")], "/d/Odd"), odd);
        assert_eq!(zone(&[("TZ", "EST5EDT")], ""), "1900-0500EST");
        let utc = "0000+0000UTC";
        assert_eq!(zone(&[], ""), utc);
        assert_eq!(zone(&[("TZ", "")], "/etc/localtime"), utc);
        assert_eq!(zone(&[("TZ", "No/Where")], "/etc/localtime"), utc);
    }

    #[test]
    fn times_before_1970_are_times() {
        let before = UNIX_EPOCH - Duration::from_millis(1_250);
        assert_eq!(since_1970(before), (-2, 750_000_000));
        assert_eq!(since_1970(UNIX_EPOCH - Duration::from_secs(2)), (-2, 0));
        assert_eq!(since_1970(UNIX_EPOCH + Duration::from_nanos(3)), (0, 3));
        assert_eq!(Zone::utc().format(-2, "%F %T"), "1969-12-31 23:59:58");
        assert_eq!(Zone::utc().format(i64::MAX, "%F %T"), "");
    }
}

//! What the `--will-…` options mean.

use std::os::unix::ffi::OsStrExt as _;

use bytes::Bytes;

use super::connection::Will;
use crate::exit::Exit;
use crate::failure::{Failure, quote};
use crate::flags::will::WillFlags;
use crate::message::Topic;
use crate::property::Properties;

/// The longest payload of a will, in bytes (MQTT 5, 3.1.3.4).
pub const MAX_WILL: usize = 65_535;

/// The will, if one is asked for.
///
/// # Errors
/// [`Exit::Usage`], with the options named.
pub(super) fn resolve(flags: &WillFlags, properties: Properties) -> Result<Option<Will>, Failure> {
    let Some(topic) = &flags.will_topic else {
        return match without_topic(flags, &properties) {
            Some(option) => Err(usage(format!("{option} needs --will-topic"))),
            None => Ok(None),
        };
    };
    let topic = Topic::new(topic)
        .map_err(|why| usage(format!("--will-topic: cannot publish to topic {}: {why}", quote(topic))))?;
    let (payload, option) = match (&flags.will_payload, &flags.will_payload_file) {
        (Some(_), Some(_)) => return Err(usage("--will-payload and --will-payload-file cannot be used together")),
        (Some(text), None) => (Bytes::copy_from_slice(text.as_bytes()), "--will-payload"),
        (None, _) => (
            flags.will_file_content.clone().unwrap_or_default(),
            "--will-payload-file",
        ),
    };
    if payload.len() > MAX_WILL {
        return Err(usage(format!(
            "{option}: the payload is longer than {MAX_WILL} bytes, the most that a will holds"
        )));
    }
    Ok(Some(Will {
        topic,
        payload,
        qos: flags.will_qos.unwrap_or_default(),
        retain: flags.will_retain,
        properties,
    }))
}

/// An option that makes no sense without a will, if there is one.
fn without_topic(flags: &WillFlags, properties: &Properties) -> Option<&'static str> {
    [
        (flags.will_payload.is_some(), "--will-payload"),
        (flags.will_payload_file.is_some(), "--will-payload-file"),
        (flags.will_qos.is_some(), "--will-qos"),
        (flags.will_retain, "--will-retain"),
        (!properties.is_empty(), "-D will"),
    ]
    .into_iter()
    .find_map(|(given, name)| given.then_some(name))
}

fn usage(why: impl Into<String>) -> Failure {
    Failure::new(Exit::Usage, why)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flags::{self, PublishFlags};
    use crate::message::Qos;
    use crate::property::Value;

    fn flags(line: &str) -> WillFlags {
        let flags: PublishFlags = flags::parse(line.split(' ').map(Into::into)).unwrap();
        flags.shared.will
    }

    #[test]
    fn a_will() {
        assert_eq!(resolve(&flags("mqpub"), Properties::default()), Ok(None));
        let will = resolve(&flags("mqpub --will-topic a/b"), Properties::default());
        let will = will.unwrap().unwrap();
        assert_eq!(will.topic.as_str(), "a/b");
        assert_eq!((will.payload.len(), will.qos, will.retain), (0, Qos::AtMostOnce, false));
        let mut properties = Properties::default();
        properties.push(24, Value::Number(5));
        let line = "mqpub --will-topic a --will-payload -x --will-qos 2 --will-retain";
        let will = resolve(&flags(line), properties.clone()).unwrap().unwrap();
        assert_eq!(
            (will.payload.as_ref(), will.qos, will.retain),
            (&b"-x"[..], Qos::ExactlyOnce, true)
        );
        assert_eq!(will.properties, properties);
    }

    #[test]
    fn a_file_is_the_payload() {
        let mut flags = flags("mqpub --will-topic a --will-payload-file f");
        flags.will_file_content = Some(Bytes::from(vec![0xff; MAX_WILL]));
        let will = resolve(&flags, Properties::default()).unwrap().unwrap();
        assert_eq!(will.payload.len(), MAX_WILL);
        flags.will_file_content = Some(Bytes::from(vec![0xff; MAX_WILL + 1]));
        let why = resolve(&flags, Properties::default()).unwrap_err().to_string();
        assert!(why.starts_with("--will-payload-file: the payload is longer"), "{why}");
    }

    #[test]
    fn what_makes_no_sense_is_named() {
        for (line, text) in [
            ("mqpub --will-payload x", "--will-payload needs --will-topic"),
            ("mqpub --will-payload-file x", "--will-payload-file needs --will-topic"),
            ("mqpub --will-qos 0", "--will-qos needs --will-topic"),
            ("mqpub --will-retain", "--will-retain needs --will-topic"),
            (
                "mqpub --will-topic a --will-payload x --will-payload-file y",
                "--will-payload and --will-payload-file cannot be used together",
            ),
            ("mqpub --will-topic a/+", "--will-topic: cannot publish to topic 'a/+'"),
            ("mqpub --will-topic=", "--will-topic: cannot publish to topic ''"),
        ] {
            let why = resolve(&flags(line), Properties::default()).unwrap_err().to_string();
            assert!(why.starts_with(text), "{line}: {why}");
        }
        let mut properties = Properties::default();
        properties.push(24, Value::Number(5));
        let why = resolve(&flags("mqpub"), properties).unwrap_err().to_string();
        assert_eq!(why, "-D will needs --will-topic");
        let long = format!("mqpub --will-topic a --will-payload {}", "x".repeat(MAX_WILL + 1));
        assert!(resolve(&flags(&long), Properties::default()).is_err());
    }
}

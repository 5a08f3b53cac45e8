//! The relations between mqsub's options, as small named checks. Each message
//! names the options that do not go together.

use super::check::apart;
use crate::failure::Failure;
use crate::flags::SubscribeFlags;

/// All of them.
pub(super) fn all(flags: &SubscribeFlags) -> Result<(), Failure> {
    retained(flags)?;
    shared(flags)?;
    one_view(flags)?;
    decoding(flags)?;
    subscribe_only(flags)
}

/// What `-R` leaves out cannot be all that is wanted.
fn retained(flags: &SubscribeFlags) -> Result<(), Failure> {
    let skipped = (flags.selection.no_retained, "-R");
    apart(skipped, (flags.selection.retained_only, "--retained-only"))?;
    // Unless they are deleted, for which they have to come.
    let awaited = flags.end.until_retained && !flags.selection.remove_retained;
    apart(skipped, (awaited, "--until-retained"))
}

/// A broker sends no retained messages for a shared subscription (MQTT 5, 4.8.2).
fn shared(flags: &SubscribeFlags) -> Result<(), Failure> {
    let share = (flags.detail.share.is_some(), "--share");
    for other in [
        (flags.selection.retained_only, "--retained-only"),
        (flags.selection.remove_retained, "--remove-retained"),
        (flags.end.until_retained, "--until-retained"),
    ] {
        apart(share, other)?;
    }
    Ok(())
}

/// A view is not a form of messages.
fn one_view(flags: &SubscribeFlags) -> Result<(), Failure> {
    let rate = (flags.view.message_rate, "--message-rate");
    let watch = (flags.view.watch, "--watch");
    apart(rate, watch)?;
    for view in [rate, watch] {
        for other in [
            (flags.output.json, "--json"),
            (flags.output.format.is_some(), "-F"),
            (flags.output.output_dir.is_some(), "--output-dir"),
            (flags.output.delimiter.is_some(), "--delimiter"),
            (flags.output.nul, "-0"),
            (flags.output.framed, "--framed"),
            (flags.output.verbose, "-v"),
            (flags.output.no_newline, "-N"),
        ] {
            apart(view, other)?;
        }
    }
    apart(rate, (flags.selection.random_filter.is_some(), "--random-filter"))
}

/// A payload that nobody looks at is not decoded.
fn decoding(flags: &SubscribeFlags) -> Result<(), Failure> {
    let decode = (flags.output.decode.is_some(), "--decode");
    apart(decode, (flags.view.message_rate, "--message-rate"))?;
    apart(decode, (flags.end.subscribe_only, "-E"))
}

/// Nothing comes that could be looked at.
fn subscribe_only(flags: &SubscribeFlags) -> Result<(), Failure> {
    let only = (flags.end.subscribe_only, "-E");
    for other in [
        (flags.selection.remove_retained, "--remove-retained"),
        (flags.view.message_rate, "--message-rate"),
        (flags.view.watch, "--watch"),
    ] {
        apart(only, other)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::subscribe::{Subscribe, View};
    use crate::flags::{self, SubscribeFlags};
    use crate::message::RetainHandling;
    use crate::property::{RECEIVE_MAXIMUM, SESSION_EXPIRY_INTERVAL};

    fn resolved(line: &str) -> Result<Subscribe, String> {
        let words = format!("mqsub {line}");
        let flags: SubscribeFlags = flags::parse(words.split(' ').map(Into::into)).unwrap();
        Subscribe::new(flags).map_err(|failure| failure.to_string())
    }

    /// The filters, each with its options.
    fn asked(line: &str) -> Vec<String> {
        let one = |one: &crate::message::Subscription| {
            let handling = match one.retain_handling {
                RetainHandling::Always => "",
                RetainHandling::New => " new",
                RetainHandling::Never => " never",
            };
            let local = if one.no_local { " no-local" } else { "" };
            let published = if one.retain_as_published { " published" } else { "" };
            let id = one.identifier.map(|id| format!(" id {id}")).unwrap_or_default();
            format!(
                "{} {}{local}{published}{handling}{id}",
                one.filter.as_str(),
                one.qos as u8
            )
        };
        resolved(line).unwrap().subscriptions.iter().map(one).collect()
    }

    #[test]
    fn filters_and_their_options() {
        assert_eq!(asked("-t a -q 1 -L mqtt://h/b"), ["a 1", "b 1"]);
        assert_eq!(asked("-L mqtt://h/b -L mqtt://i -L mqtt://j/c"), ["b 0", "c 0"]);
        assert_eq!(
            asked("-t a -q 2 --filter qos=0:b --filter :c:d"),
            ["a 2", "b 0", "c:d 2"]
        );
        assert_eq!(
            asked("-V 5 --filter no-local,id=7,retain-handling=new:b"),
            ["b 0 no-local new id 7"]
        );
        assert_eq!(
            asked("-V 5 -t a --retain-as-published --filter :b"),
            ["a 0 published", "b 0 published"]
        );
        assert_eq!(
            asked("-V 5 -t a -R --filter retain-handling=always:b"),
            ["a 0 never", "b 0"]
        );
        assert_eq!(asked("-V 5 -t a -R --retain-handling new"), ["a 0 new"]);
        assert_eq!(asked("-V 5 -t a -R --remove-retained"), ["a 0"]);
        assert_eq!(
            asked("-t a/# --share g --filter qos=1:b"),
            ["$share/g/a/# 0", "$share/g/b 1"]
        );
        assert_eq!(resolved("-U a").unwrap().unsubscribe.len(), 1);
    }

    #[test]
    fn the_receive_maximum_is_that_of_mosquitto() {
        let of = |line: &str| resolved(line).unwrap().connection.properties.number(RECEIVE_MAXIMUM);
        assert_eq!(of("-t a"), None);
        assert_eq!(of("-t a -V 5"), Some(20));
        assert_eq!(of("-t a -V 5 -C 3"), Some(3));
        assert_eq!(of("-t a -V 5 -C 20"), Some(20));
        assert_eq!(of("-t a -V 5 -C 100000"), Some(20));
        assert_eq!(of("-t a -C 3 -D connect receive-maximum 7"), Some(7));
        let kept = resolved("-t a -V 5 -c -i me").unwrap().connection.properties;
        assert_eq!(kept.number(SESSION_EXPIRY_INTERVAL), Some(u32::MAX));
    }

    #[test]
    fn what_has_no_effect_is_told() {
        for option in ["--retain-handling new", "--retain-as-published"] {
            let told = resolved(&format!("-t a {option}")).unwrap().warnings;
            assert!(told[0].contains("needs MQTT 5"), "{told:?}");
            assert!(resolved(&format!("-V 5 -t a {option}")).unwrap().warnings.is_empty());
        }
    }

    #[test]
    fn views_and_percentages() {
        assert_eq!(resolved("-t a --message-rate").unwrap().view, View::Rate);
        assert_eq!(
            resolved("-t a --random-filter 25").unwrap().selection.fraction,
            Some(0.25)
        );
        assert_eq!(resolved("-t a --random-filter 100").unwrap().selection.fraction, None);
    }

    #[test]
    fn what_does_not_go_together_is_named() {
        for (line, one, other) in [
            ("-R --retained-only", "-R", "--retained-only"),
            ("-R --until-retained", "-R", "--until-retained"),
            ("--share g --retained-only", "--share", "--retained-only"),
            ("--share g --remove-retained", "--share", "--remove-retained"),
            ("--share g --until-retained", "--share", "--until-retained"),
            ("-w --message-rate", "--message-rate", "--watch"),
            ("-w --json", "--watch", "--json"),
            ("-w -v", "--watch", "-v"),
            ("-E -w", "-E", "--watch"),
            ("--message-rate -N", "--message-rate", "-N"),
            ("--message-rate --decode hex", "--decode", "--message-rate"),
            ("-E --decode hex", "--decode", "-E"),
            ("--message-rate --random-filter 5", "--message-rate", "--random-filter"),
            ("-E --remove-retained", "-E", "--remove-retained"),
            ("-E --message-rate", "-E", "--message-rate"),
        ] {
            let expected = format!("{one} and {other} cannot be used together");
            assert_eq!(resolved(&format!("-t a {line}")).err(), Some(expected), "{line}");
        }
        assert!(resolved("-t a -R --until-retained --remove-retained").is_ok());
        for (line, why) in [
            ("-R", "no topic: -t FILTER is needed"),
            ("-t a#", "cannot subscribe to 'a#'"),
            ("-t a -T b#", "cannot use -T 'b#'"),
            ("-U b#", "cannot use -U 'b#'"),
            ("--filter :a#", "cannot subscribe to 'a#'"),
            ("--filter no-local:a", "--filter 'a': no-local needs MQTT 5 (-V 5)"),
            ("--filter id=1:a", "--filter 'a': id needs MQTT 5 (-V 5)"),
            (
                "-V 5 --share g --filter no-local:a",
                "--filter 'a': no-local and a shared subscription",
            ),
            ("--share g -t $share/h/a", "--share and the shared filter '$share/h/a'"),
            ("--share g/h -t a", "--share: no group can have the name 'g/h'"),
            ("--share + -t a", "--share: no group can have the name '+'"),
        ] {
            let error = resolved(line).unwrap_err();
            assert!(error.starts_with(why), "{line}: {error}");
        }
    }
}

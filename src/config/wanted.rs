//! Which topics mqsub subscribes to, how, and which of the messages it wants.

use super::connection::Version;
use super::subscribe::Selection;
use crate::exit::Exit;
use crate::failure::{Failure, quote};
use crate::flags::SubscribeFlags;
use crate::flags::selection::FilterSpec;
use crate::message::{Filter, RetainHandling, Subscription};

fn usage(why: impl Into<String>) -> Failure {
    Failure::new(Exit::Usage, why)
}

/// The subscriptions, in the order of `-t`, the URL, `--filter`; and a warning if
/// some of what was asked for has no effect.
pub(super) fn subscriptions<'a>(
    flags: &SubscribeFlags,
    topics: impl Iterator<Item = &'a String>,
    version: Version,
) -> Result<(Vec<Subscription>, Option<String>), Failure> {
    let detail = &flags.detail;
    let plain = topics.map(|topic| FilterSpec {
        filter: topic.clone(),
        ..FilterSpec::default()
    });
    let mut subscriptions = Vec::new();
    for spec in plain.chain(detail.filter.iter().cloned()) {
        if version != Version::V5 {
            only_mqtt_5(&spec)?;
        }
        subscriptions.push(subscription(flags, &spec)?);
    }
    let ignored = match (detail.retain_handling, detail.retain_as_published) {
        (Some(_), _) => Some("--retain-handling"),
        (None, true) => Some("--retain-as-published"),
        (None, false) => None,
    };
    let warning = ignored
        .filter(|_| version != Version::V5)
        .map(|option| format!("{option} has no effect: it needs MQTT 5 (-V 5)"));
    Ok((subscriptions, warning))
}

fn subscription(flags: &SubscribeFlags, spec: &FilterSpec) -> Result<Subscription, Failure> {
    let detail = &flags.detail;
    let mut filter = checked("subscribe to", &spec.filter)?;
    if let Some(group) = &detail.share {
        if filter.is_shared() {
            let text = quote(&spec.filter);
            return Err(usage(format!(
                "--share and the shared filter {text} cannot be used together"
            )));
        }
        let shared = format!("$share/{group}/{}", spec.filter);
        let bad = || usage(format!("--share: no group can have the name {}", quote(group)));
        if group.contains('/') {
            return Err(bad());
        }
        filter = Filter::new(&shared).map_err(|_| bad())?;
    }
    if spec.no_local && filter.is_shared() {
        let why = "no-local and a shared subscription cannot be used together";
        return Err(usage(format!("--filter {}: {why}", quote(&spec.filter))));
    }
    // What is not printed need not be sent; but it must come to be deleted.
    let unwanted = flags.selection.no_retained && !flags.selection.remove_retained;
    let default = if unwanted {
        RetainHandling::Never
    } else {
        RetainHandling::Always
    };
    Ok(Subscription {
        filter,
        qos: spec.qos.unwrap_or(flags.subscription.qos),
        no_local: spec.no_local,
        retain_as_published: spec.retain_as_published || detail.retain_as_published,
        retain_handling: spec.retain_handling.or(detail.retain_handling).unwrap_or(default),
        identifier: spec.identifier,
    })
}

/// Before MQTT 5 a filter has no options but its level.
fn only_mqtt_5(spec: &FilterSpec) -> Result<(), Failure> {
    let option = if spec.no_local {
        "no-local"
    } else if spec.retain_as_published {
        "retain-as-published"
    } else if spec.retain_handling.is_some() {
        "retain-handling"
    } else if spec.identifier.is_some() {
        "id"
    } else {
        return Ok(());
    };
    let filter = quote(&spec.filter);
    Err(usage(format!("--filter {filter}: {option} needs MQTT 5 (-V 5)")))
}

/// Which messages are wanted.
pub(super) fn selection(flags: &SubscribeFlags) -> Result<Selection, Failure> {
    let selection = &flags.selection;
    Ok(Selection {
        out: filters("-T", &selection.filter_out)?,
        no_retained: selection.no_retained,
        retained_only: selection.retained_only,
        remove_retained: selection.remove_retained,
        nothing: flags.end.subscribe_only,
        fraction: selection
            .random_filter
            .map(|percent| percent / 100.0)
            .filter(|part| *part < 1.0),
    })
}

/// The filters that stand behind an option.
pub(super) fn filters(option: &str, texts: &[String]) -> Result<Vec<Filter>, Failure> {
    let texts = texts.iter();
    texts.map(|text| checked(&format!("use {option}"), text)).collect()
}

fn checked(what: &str, text: &str) -> Result<Filter, Failure> {
    Filter::new(text).map_err(|why| usage(format!("cannot {what} {}: {why}", quote(text))))
}

//! Topics and filters: what matches what, by the rules of the standard (MQTT 5, 4.7).
#![no_main]

use libfuzzer_sys::fuzz_target;
use mqtools::message::{Filter, Topic};

/// The same the slow way.
fn matches(filter: &[&str], topic: &[&str]) -> bool {
    match (filter, topic) {
        (["#"], _) | ([], []) => true,
        (["+", filter @ ..], [_, topic @ ..]) => matches(filter, topic),
        ([one, filter @ ..], [other, topic @ ..]) => one == other && matches(filter, topic),
        _ => false,
    }
}

fuzz_target!(|input: (&str, &str)| {
    let (filter, topic) = input;
    let (Ok(filter), Ok(topic)) = (Filter::new(filter), Topic::new(topic)) else {
        return;
    };
    let text = filter.as_str();
    let text = match text.strip_prefix("$share/") {
        Some(shared) => shared.split_once('/').map_or("", |(_, filter)| filter),
        None => text,
    };
    let levels: Vec<&str> = text.split('/').collect();
    let names: Vec<&str> = topic.as_str().split('/').collect();
    let hidden = topic.as_str().starts_with('$') && matches!(levels[0], "+" | "#");
    let expected = !hidden && matches(&levels, &names);
    assert_eq!(filter.matches(topic.as_str()), expected, "{filter:?} {topic:?}");
});

use super::*;
use crate::message::{Properties, Topic};

fn message(text: &str, qos: Qos) -> Message {
    Message {
        topic: Topic::new("t").unwrap(),
        payload: text.to_owned().into(),
        qos,
        retain: false,
        properties: Properties::default(),
    }
}

fn window(limit: usize, texts: &[&str], qos: Qos) -> Window {
    let mut window = Window::new(limit);
    window.enqueue(texts.iter().map(|text| message(text, qos)));
    window
}

fn take(window: &mut Window) -> Vec<(usize, String)> {
    let mut taken = Vec::new();
    while let Some((slot, message)) = window.next() {
        taken.push((slot, String::from_utf8(message.payload.to_vec()).unwrap()));
    }
    taken
}

fn unasked() -> u64 {
    panic!("only QoS 0 needs to know")
}

#[test]
fn no_more_than_the_limit_is_in_flight() {
    let mut window = window(2, &["a", "b", "c"], Qos::AtLeastOnce);
    let taken = take(&mut window);
    assert_eq!(taken.len(), 2);
    assert_eq!(window.ready(), 0);
    window.complete(taken[0].0, unasked);
    assert_eq!(window.ready(), 1);
    assert_eq!(take(&mut window)[0].1, "c");
    assert!(!window.is_empty());
}

#[test]
fn a_broker_may_want_fewer() {
    let mut window = window(3, &["a", "b", "c"], Qos::AtLeastOnce);
    window.narrow(1, Limits::default());
    assert_eq!(take(&mut window).len(), 1);
    window.rewind(0, None);
    assert_eq!(take(&mut window).len(), 3);
}

#[test]
fn what_is_not_acknowledged_is_sent_again_in_order() {
    let mut window = window(4, &["a", "b", "c", "d", "e"], Qos::AtLeastOnce);
    let taken = take(&mut window);
    window.complete(taken[0].0, unasked);
    window.complete(taken[2].0, unasked);
    window.rewind(4, None);
    let again: Vec<String> = take(&mut window).into_iter().map(|(_, text)| text).collect();
    assert_eq!(again, ["b", "d", "e"]);
    assert_eq!(window.counts().delivered, 2);
    assert_eq!(window.counts().taken, 5);
}

#[test]
fn at_most_once_is_done_when_the_kernel_has_it() {
    let mut window = window(4, &["a", "b", "c"], Qos::AtMostOnce);
    let taken = take(&mut window);
    window.complete(taken[0].0, || 0);
    window.complete(taken[1].0, || 0);
    assert_eq!(window.counts().delivered, 0);
    assert!(window.is_idle() || window.ready() == 0);
    window.complete(taken[2].0, || 3);
    assert_eq!(window.counts().delivered, 3);
    assert!(window.is_empty() && window.has_unproven());
    window.prove(3);
    assert!(!window.has_unproven());
}

#[test]
fn a_broken_connection_leaves_at_most_once_in_doubt() {
    let mut window = window(4, &["a", "b", "c"], Qos::AtMostOnce);
    let taken = take(&mut window);
    window.complete(taken[0].0, || 1);
    window.complete(taken[1].0, || 1);
    window.rewind(1, None);
    let counts = window.counts();
    assert_eq!((counts.delivered, counts.doubtful), (0, 1));
    let again: Vec<String> = take(&mut window).into_iter().map(|(_, text)| text).collect();
    assert_eq!(again, ["b", "c"]);
}

#[test]
fn levels_may_be_mixed() {
    let mut window = Window::new(4);
    window.enqueue([message("a", Qos::AtLeastOnce), message("b", Qos::AtMostOnce)]);
    let taken = take(&mut window);
    window.complete(taken[1].0, || 2);
    assert!(!window.is_empty());
    window.complete(taken[0].0, || 2);
    assert!(window.is_empty());
}

#[test]
fn proof_covers_what_was_sent_before_it() {
    let mut window = window(4, &["a", "b", "c"], Qos::AtMostOnce);
    for (slot, _) in take(&mut window) {
        window.complete(slot, || 3);
    }
    window.prove(2);
    assert!(window.has_unproven());
    window.rewind(3, None);
    let counts = window.counts();
    assert_eq!((counts.delivered, counts.doubtful), (2, 1));
}

#[test]
fn cut_exchanges_go_on_where_the_session_was_kept() {
    let mut window = window(4, &["a", "b", "c"], Qos::ExactlyOnce);
    for (mid, (slot, _)) in (1..).zip(take(&mut window)) {
        window.identify(slot, mid);
    }
    window.rewind(3, Some(&|mid| mid == 1));
    let cut: Vec<(u16, bool)> = window.unresolved().map(|cut| (cut.mid, cut.received)).collect();
    assert_eq!(cut, [(1, true), (2, false), (3, false)]);
    assert!(take(&mut window).is_empty() && !window.is_empty());
    window.resolve(1, false);
    // Cut again: what was known is kept, what is new is added.
    window.rewind(0, Some(&|mid| mid == 2));
    window.resolve(2, false);
    window.resolve(3, true);
    assert!(window.is_empty());
    assert_eq!((window.counts().delivered, window.counts().refused), (2, 1));
}

#[test]
fn cut_exchanges_begin_anew_where_the_session_is_gone() {
    let mut window = window(2, &["a", "b", "c"], Qos::ExactlyOnce);
    for (mid, (slot, _)) in (1..).zip(take(&mut window)) {
        window.identify(slot, mid);
    }
    window.rewind(2, Some(&|_| true));
    window.start_over();
    let again: Vec<String> = take(&mut window).into_iter().map(|(_, text)| text).collect();
    assert_eq!(again, ["a", "b"]);
}

#[test]
fn what_the_broker_does_not_take_is_not_sent() {
    let mut window = window(4, &["x", "too long", "y"], Qos::AtLeastOnce);
    let limits = Limits {
        packet: 10,
        ..Limits::default()
    };
    window.narrow(4, limits);
    assert_eq!(take(&mut window).len(), 1);
    assert_eq!(window.reject().len(), 1);
    assert_eq!(take(&mut window)[0].1, "y");
    assert_eq!(window.counts().refused, 1);
}

#[test]
fn delivered_payloads_can_be_had_in_order() {
    let mut window = window(4, &["a", "b"], Qos::AtLeastOnce);
    window.keep_delivered();
    let taken = take(&mut window);
    window.complete(taken[1].0, unasked);
    assert!(!window.has_delivered());
    window.complete(taken[0].0, unasked);
    assert_eq!(window.take_delivered(), ["a", "b"]);
    assert!(window.take_delivered().is_empty());
}

#[test]
fn a_refused_message_is_final() {
    let mut window = window(2, &["a", "b"], Qos::AtLeastOnce);
    let taken = take(&mut window);
    window.refuse(taken[0].0, unasked);
    window.complete(taken[1].0, unasked);
    assert_eq!(window.counts().refused, 1);
    assert_eq!(window.counts().delivered, 1);
    assert!(window.is_empty());
}

#[test]
fn an_answer_for_an_earlier_connection_is_ignored() {
    let mut window = window(2, &["a"], Qos::AtLeastOnce);
    let taken = take(&mut window);
    window.rewind(0, None);
    window.complete(taken[0].0, unasked);
    assert_eq!(window.counts().delivered, 0);
    assert_eq!(window.waiting(), 1);
}

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

/// Nothing has been heard of any message.
fn silence(_: u64, _: u16) -> Fate {
    Fate::Unanswered
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
    window.rewind(0, false, silence);
    assert_eq!(take(&mut window).len(), 3);
}

#[test]
fn what_is_not_acknowledged_is_sent_again_in_order() {
    let mut window = window(4, &["a", "b", "c", "d", "e"], Qos::AtLeastOnce);
    let taken = take(&mut window);
    window.complete(taken[0].0, unasked);
    window.complete(taken[2].0, unasked);
    window.rewind(4, false, silence);
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
    window.rewind(1, false, silence);
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
    window.rewind(3, false, silence);
    let counts = window.counts();
    assert_eq!((counts.delivered, counts.doubtful), (2, 1));
}

#[test]
fn cut_exchanges_go_on_where_the_session_was_kept() {
    let mut window = window(4, &["a", "b", "c"], Qos::ExactlyOnce);
    for (mid, (slot, _)) in (1..).zip(take(&mut window)) {
        window.identify(slot, mid);
    }
    let received = |number: u16| {
        move |_, mid| {
            if mid == number {
                Fate::Received
            } else {
                Fate::Unanswered
            }
        }
    };
    window.rewind(3, true, received(1));
    let cut: Vec<(u16, bool)> = window.unresolved().map(|cut| (cut.mid, cut.received)).collect();
    assert_eq!(cut, [(1, true), (2, false), (3, false)]);
    assert!(take(&mut window).is_empty() && !window.is_empty());
    window.resolve(1, false);
    // Cut again: what was known is kept, what is new is added.
    window.rewind(0, true, received(2));
    window.resolve(2, false);
    window.resolve(3, true);
    assert!(window.is_empty());
    assert_eq!((window.counts().delivered, window.counts().refused), (2, 1));
}

#[test]
fn a_cut_exchange_can_begin_anew_before_what_is_new() {
    let mut window = window(2, &["a", "b", "c"], Qos::ExactlyOnce);
    for (mid, (slot, _)) in (1..).zip(take(&mut window)) {
        window.identify(slot, mid);
    }
    window.rewind(2, true, silence);
    window.resolve(1, false);
    window.restart(2);
    let again: Vec<String> = take(&mut window).into_iter().map(|(_, text)| text).collect();
    assert_eq!(
        (again, window.counts().delivered),
        (vec!["b".to_owned(), "c".to_owned()], 1)
    );
}

#[test]
fn cut_exchanges_begin_anew_where_the_session_is_gone() {
    let mut window = window(2, &["a", "b", "c"], Qos::ExactlyOnce);
    for (mid, (slot, _)) in (1..).zip(take(&mut window)) {
        window.identify(slot, mid);
    }
    window.rewind(2, true, |_, _| Fate::Received);
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
fn what_became_of_each_is_told_in_order() {
    for qos in [Qos::AtLeastOnce, Qos::ExactlyOnce] {
        let mut window = window(4, &[], qos);
        window.keep_settled();
        window.enqueue(["a", "b", "c", "too long", "d"].map(|text| message(text, qos)));
        let taken = take(&mut window);
        window.complete(taken[1].0, unasked);
        assert!(!window.has_settled());
        window.complete(taken[0].0, unasked);
        assert!(window.has_settled());
        assert_eq!(window.take_settled(), [true, true]);
        assert!(!window.has_settled());
        // Over a lost connection, too.
        window.complete(taken[3].0, unasked);
        window.rewind(4, false, silence);
        let taken = take(&mut window);
        window.refuse(taken[1].0, unasked);
        assert!(window.take_settled().is_empty());
        window.complete(taken[0].0, unasked);
        assert_eq!(window.take_settled(), [true, true, false]);
    }
}

#[test]
fn answers_that_were_seen_count_though_the_library_did_not_hear_them() {
    for (qos, fate, counted) in [
        (Qos::AtLeastOnce, Fate::Delivered, (1, 0)),
        (Qos::ExactlyOnce, Fate::Delivered, (1, 0)),
        (Qos::AtLeastOnce, Fate::Refused, (0, 1)),
        (Qos::ExactlyOnce, Fate::Refused, (0, 1)),
    ] {
        let mut window = window(4, &["a", "b"], qos);
        for (mid, (slot, _)) in (7..).zip(take(&mut window)) {
            window.identify(slot, mid);
        }
        // The second one has not left; its identifier has been used before.
        window.rewind(1, true, |ordinal, _| if ordinal > 1 { Fate::Unsent } else { fate });
        assert_eq!((window.counts().delivered, window.counts().refused), counted);
        assert_eq!(take(&mut window)[0].1, "b");
    }
}

#[test]
fn resumed_exchanges_that_ended_are_not_gone_on_with_again() {
    let mut window = window(4, &["a", "b", "c"], Qos::ExactlyOnce);
    for (mid, (slot, _)) in (1..).zip(take(&mut window)) {
        window.identify(slot, mid);
    }
    window.rewind(3, true, silence);
    window.rewind(0, true, |ordinal, mid| {
        assert_eq!(ordinal, 0);
        [Fate::Delivered, Fate::Received, Fate::Unanswered][usize::from(mid) - 1]
    });
    let cut: Vec<(u16, bool)> = window.unresolved().map(|cut| (cut.mid, cut.received)).collect();
    assert_eq!(cut, [(2, true), (3, false)]);
    assert_eq!(window.counts().delivered, 1);
}

#[test]
fn no_more_is_gone_on_with_at_once_than_the_broker_takes_now() {
    let mut window = window(4, &["a", "b", "c", "d is too long"], Qos::ExactlyOnce);
    for (mid, (slot, _)) in (1..).zip(take(&mut window)) {
        window.identify(slot, mid);
    }
    window.rewind(4, true, silence);
    let limits = Limits {
        packet: 15,
        ..Limits::default()
    };
    window.narrow(2, limits);
    assert_eq!(window.unresolved().count(), 2);
    assert_eq!(window.reject_cut().len(), 1);
    for mid in [1, 2, 3] {
        assert!(window.is_cut());
        window.resolve(mid, false);
    }
    assert!(!window.is_cut());
    assert_eq!((window.counts().delivered, window.counts().refused), (3, 1));
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
    window.rewind(0, false, silence);
    window.complete(taken[0].0, unasked);
    assert_eq!(window.counts().delivered, 0);
    assert_eq!(window.waiting(), 1);
}

#[test]
fn where_it_is_insisted_qos_0_is_delivered_when_it_is_proven_and_sent_again_before() {
    let mut window = Window::new(2);
    window.insist();
    window.keep_settled();
    window.enqueue(["a", "b", "c", "d"].map(|text| message(text, Qos::AtMostOnce)));
    for _ in 0..2 {
        for (slot, _) in take(&mut window) {
            window.complete(slot, || 4);
        }
    }
    assert!(window.has_unproven() && !window.is_empty());
    assert!(window.take_settled().is_empty());
    window.prove(1);
    assert_eq!(window.take_settled(), [true]);
    window.rewind(4, false, silence);
    assert_eq!((window.counts().delivered, window.counts().doubtful), (1, 0));
    let again: Vec<(usize, String)> = take(&mut window);
    assert_eq!(
        again.iter().map(|(_, text)| text.as_str()).collect::<Vec<_>>(),
        ["b", "c"]
    );
    for (slot, _) in again {
        window.complete(slot, || 2);
    }
    window.prove(2);
    assert_eq!(
        (window.take_settled(), window.has_unproven()),
        (vec![true, true], false)
    );
}

#[test]
fn behind_one_without_an_answer_no_more_is_kept_than_there_is_room_for() {
    let mut window = window(4, &["a"], Qos::AtLeastOnce);
    window.enqueue((0..BEHIND + 10).map(|_| message("b", Qos::AtMostOnce)));
    let (first, _) = window.next().unwrap();
    let mut handed = 1;
    while let Some((slot, _)) = window.next() {
        window.complete(slot, || 0);
        handed += 1;
    }
    assert_eq!(handed, 4 + BEHIND);
    assert_eq!((window.ready(), window.waiting()), (0, 7));
    window.complete(first, || u64::MAX);
    assert_eq!(window.ready(), 4);
}

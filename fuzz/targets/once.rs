//! QoS 2 receiving over any course of messages, releases and connections: no message
//! is printed twice in one exchange, none is passed over, each release is answered.
#![no_main]

use std::collections::{HashMap, VecDeque};

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use mqtools::config::connection::Version;
use mqtools::wire::fuzz::Exchanges;

#[derive(Arbitrary, Debug)]
enum Fate {
    Taken,
    /// Left with the broker.
    Left,
    /// To be taken later.
    Held,
}

#[derive(Arbitrary, Debug)]
enum Step {
    Publish { mid: u8, dup: bool, exactly_once: bool, payload: u8 },
    HandOver(Fate),
    TakeHeld,
    Release { mid: u8 },
    Reconnect { session_present: bool },
}

#[derive(Arbitrary, Debug)]
struct Input {
    version: u8,
    steps: Vec<Step>,
}

fn packet(first: u8, body: &[u8]) -> Vec<u8> {
    [&[first, u8::try_from(body.len()).unwrap()], body].concat()
}

fuzz_target!(|input: Input| {
    let version = [Version::V31, Version::V311, Version::V5][usize::from(input.version) % 3];
    let mut exchanges = Exchanges::new(version);
    // The same in a simple way: which messages were taken and not released, and on
    // which connection; what Paho was shown; what is held.
    let mut taken: HashMap<u16, usize> = HashMap::new();
    let mut shown: VecDeque<(u16, bool, bool)> = VecDeque::new();
    let mut held: VecDeque<u16> = VecDeque::new();
    let mut connection = 0;
    for step in input.steps {
        match step {
            Step::Publish { mid, dup, exactly_once, payload } => {
                let mid = u16::from(mid % 8) + 1;
                // No broker has an identifier in use for both.
                let other = shown.iter().any(|(other, _, twice)| *other == mid && *twice != exactly_once);
                if other || (!exactly_once && (taken.contains_key(&mid) || held.contains(&mid))) {
                    continue;
                }
                let mut body = vec![0, 1, b't', 0, u8::try_from(mid).unwrap()];
                if version == Version::V5 {
                    body.push(0);
                }
                body.extend(std::iter::repeat_n(b'x', usize::from(payload % 64)));
                let first = 0x30 | u8::from(dup) << 3 | if exactly_once { 4 } else { 2 };
                let bytes = packet(first, &body);
                let (through, answers) = exchanges.receive(&bytes).expect("a good packet");
                let first = if exactly_once { 0x32 } else { first };
                assert_eq!((through, answers), (packet(first, &body), Vec::new()));
                shown.push_back((mid, dup, exactly_once));
            }
            Step::HandOver(fate) => {
                let Some((mid, dup, exactly_once)) = shown.pop_front() else {
                    continue;
                };
                let is_taken = matches!(fate, Fate::Taken);
                if !exactly_once {
                    assert_eq!(exchanges.turn(mid), None);
                    assert!(!exchanges.acknowledge(mid, is_taken));
                    continue;
                }
                let first = match taken.get(&mid) {
                    None => true,
                    Some(then) if *then == connection => false,
                    // Of another connection: the same only if the broker says so.
                    Some(_) => !dup,
                };
                assert_eq!(exchanges.turn(mid), Some(first), "{mid}");
                assert!(exchanges.acknowledge(mid, is_taken));
                match fate {
                    Fate::Taken => drop(taken.insert(mid, connection)),
                    Fate::Held => held.push_back(mid),
                    Fate::Left => {}
                }
            }
            Step::TakeHeld => {
                if let Some(mid) = held.pop_front() {
                    exchanges.take(mid);
                    taken.insert(mid, connection);
                }
            }
            Step::Release { mid } => {
                let mid = u16::from(mid % 8) + 1;
                let id = [0, u8::try_from(mid).unwrap()];
                let (through, answers) = exchanges.receive(&packet(0x62, &id)).expect("a good packet");
                assert!(through.is_empty());
                let expected = if taken.remove(&mid).is_some() || version != Version::V5 {
                    packet(0x70, &id)
                } else {
                    packet(0x70, &[&id[..], &[0x92]].concat())
                };
                assert_eq!(answers, expected);
            }
            Step::Reconnect { session_present } => {
                exchanges.reconnect(session_present);
                connection += 1;
                shown.clear();
                held.clear();
                if !session_present && version != Version::V31 {
                    taken.clear();
                }
            }
        }
    }
});

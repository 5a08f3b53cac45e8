use super::super::facts::Connack;
use super::*;
use crate::message::{Properties, Value};

/// What a broker says that takes so many aliases, and packets of this size.
fn facts(maximum: u32, largest: Option<u32>) -> Facts {
    let mut properties = Properties::default();
    if maximum > 0 {
        properties.push(property::TOPIC_ALIAS_MAXIMUM, Value::Number(maximum));
    }
    if let Some(largest) = largest {
        properties.push(property::MAXIMUM_PACKET_SIZE, Value::Number(largest));
    }
    let connack = Connack {
        session_present: false,
        code: 0,
        old_form: false,
        properties,
    };
    Facts {
        connack: Some(connack),
        ..Facts::default()
    }
}

/// A PUBLISH as Paho writes it, with this block of properties: its slices.
fn publish(qos: u8, topic: &str, block: &[u8], payload: &[u8]) -> Vec<Vec<u8>> {
    let mut rest = if qos == 0 { Vec::new() } else { vec![0, 7] };
    packet::put_varying(&mut rest, block.len());
    rest.extend_from_slice(block);
    let mut header = vec![0x30 | qos << 1];
    packet::put_varying(&mut header, 2 + topic.len() + rest.len() + payload.len());
    let length = u16::try_from(topic.len()).unwrap().to_be_bytes().to_vec();
    let mut slices = vec![header, length, topic.as_bytes().to_vec(), rest];
    if !payload.is_empty() {
        slices.push(payload.to_vec());
    }
    slices
}

/// What leaves in its place, and the alias.
fn written(aliases: &mut Aliases, facts: &Facts, slices: &[Vec<u8>]) -> (Vec<u8>, Option<u16>) {
    let packet: Vec<IoSlice<'_>> = slices.iter().map(|slice| IoSlice::new(slice)).collect();
    match aliases.apply(&packet, facts) {
        None => (slices.concat(), None),
        Some(other) => {
            let bytes: Vec<u8> = other.packet.iter().flat_map(|slice| slice.to_vec()).collect();
            let mut reader = Reader::new(&bytes[1..]);
            let body = usize::try_from(reader.varying().unwrap()).unwrap();
            assert_eq!(reader.rest().len(), body);
            (bytes, Some(other.alias))
        }
    }
}

#[test]
fn the_second_message_brings_the_alias_and_the_third_lives_off_it() {
    let facts = facts(10, None);
    let mut aliases = Aliases::default();
    for (qos, topic, number) in [(0, "sensors/a", 1), (1, "sensors/b", 2), (2, "sensors/c", 3)] {
        let slices = publish(qos, topic, &[], b"hi");
        let mid: &[u8] = if qos == 0 { &[] } else { &[0, 7] };
        assert_eq!(written(&mut aliases, &facts, &slices), (slices.concat(), None));
        let body = 2 + topic.len() + mid.len() + 4 + 2;
        let first = [0x30 | qos << 1, u8::try_from(body).unwrap(), 0, 9];
        let property = [&[3, 35, 0, number][..], b"hi"].concat();
        let expected = [&first[..], topic.as_bytes(), mid, &property].concat();
        assert_eq!(written(&mut aliases, &facts, &slices), (expected, Some(number.into())));
        let first = [0x30 | qos << 1, u8::try_from(body - 9).unwrap(), 0, 0];
        let expected = [&first[..], mid, &property].concat();
        assert_eq!(written(&mut aliases, &facts, &slices).0, expected);
        assert_eq!(written(&mut aliases, &facts, &slices).0, expected);
    }
    let earlier = publish(0, "sensors/a", &[], b"");
    assert_eq!(
        written(&mut aliases, &facts, &earlier),
        (vec![0x30, 6, 0, 0, 3, 35, 0, 1], Some(1))
    );
}

#[test]
fn lengths_may_grow_by_a_byte() {
    let facts = facts(1, None);
    let mut aliases = Aliases::default();
    // A content type of 122 bytes: with the alias, the properties need two bytes
    // for their length.
    let block = [&[3, 0, 122][..], &[b'x'; 122]].concat();
    let slices = publish(1, "a/topic", &block, b"");
    written(&mut aliases, &facts, &slices);
    let (whole, _) = written(&mut aliases, &facts, &slices);
    assert_eq!(whole.len(), slices.concat().len() + 4);
    let (bytes, alias) = written(&mut aliases, &facts, &slices);
    assert_eq!(alias, Some(1));
    assert_eq!(bytes[..12], [0x32, 0x86, 1, 0, 0, 0, 7, 0x80, 1, 35, 0, 1]);
    assert_eq!(bytes[12..], block[..]);
}

#[test]
fn there_is_none_where_the_broker_takes_none_or_nothing_is_saved() {
    for (maximum, topic, given) in [(0, "a/topic", false), (5, "short", false), (5, "longer", true)] {
        let facts = facts(maximum, None);
        let mut aliases = Aliases::default();
        let slices = publish(0, topic, &[], b"hi");
        let given_out = (0..5).filter(|_| written(&mut aliases, &facts, &slices).1.is_some());
        assert_eq!(given_out.count() > 0, given, "{maximum} {topic}");
    }
}

#[test]
fn what_is_used_up_stays_as_it_is() {
    let facts = facts(2, None);
    let mut aliases = Aliases::default();
    let mut given = Vec::new();
    for _ in 0..3 {
        for topic in ["topic/1", "topic/2", "topic/3"] {
            let slices = publish(0, topic, &[], b"hi");
            let (bytes, alias) = written(&mut aliases, &facts, &slices);
            assert!(alias.is_some() || bytes == slices.concat());
            given.push(alias);
        }
    }
    let none = [None; 3];
    let both = [Some(1), Some(2), None];
    assert_eq!(given, [none, both, both].concat());
}

#[test]
fn a_packet_that_would_be_too_large_brings_none_in() {
    let slices = publish(0, "a/topic", &[], &[b'x'; 100]);
    let size = u32::try_from(slices.concat().len()).unwrap();
    for (more, given) in [(0, false), (2, false), (3, true)] {
        let facts = facts(1, Some(size + more));
        let mut aliases = Aliases::default();
        written(&mut aliases, &facts, &slices);
        let (bytes, alias) = written(&mut aliases, &facts, &slices);
        assert_eq!(alias.is_some(), given, "{more}");
        assert!(bytes.len() <= usize::try_from(size + more).unwrap());
    }
}

#[test]
fn the_users_alias_ends_ours() {
    let facts = facts(9, None);
    for users in [
        &[35, 0, 1][..],
        &[38, 0, 1, b'k', 0, 1, b'v', 35, 0, 1],
        &[1, 1, 35, 0, 1],
    ] {
        let mut aliases = Aliases::default();
        let ours = publish(0, "ours/1", &[38, 0, 1, 35, 0, 1, 35], b"hi");
        written(&mut aliases, &facts, &ours);
        written(&mut aliases, &facts, &ours);
        assert_eq!(
            written(&mut aliases, &facts, &ours).1,
            Some(1),
            "that is a user property"
        );
        let theirs = publish(0, "theirs", users, b"hi");
        for slices in [&theirs, &theirs, &theirs, &ours] {
            assert_eq!(written(&mut aliases, &facts, slices), (slices.concat(), None));
        }
    }
}

#[test]
fn the_memory_is_bounded() {
    let facts = facts(65_535, None);
    let mut aliases = Aliases::default();
    for number in 0..200 {
        let slices = publish(0, &format!("{number:060000}"), &[], b"hi");
        written(&mut aliases, &facts, &slices);
        written(&mut aliases, &facts, &slices);
    }
    let table = aliases.table.unwrap();
    assert_eq!(table.aliases.len(), ROOM / 60_000);
    assert!(table.once.is_empty());
    let facts = self::facts(5, None);
    let mut aliases = Aliases::default();
    for number in 0..3000 {
        let slices = publish(0, &format!("once/{number}"), &[], b"hi");
        written(&mut aliases, &facts, &slices);
    }
    let table = aliases.table.unwrap();
    assert_eq!(table.once.len(), 3000 % ONCE);
    assert!(table.aliases.is_empty());
}

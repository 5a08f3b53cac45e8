use super::*;
use crate::wire::once::Turn;
use std::io::IoSlice;

const CONNACK: [u8; 4] = [0x20, 2, 1, 0];

/// Feeds the packets in pieces of every size; what is left for Paho must
/// not depend on where the pieces end.
fn feed(version: Version, pings: &[Pinger], stream: &[u8]) -> (Watch, Vec<u8>) {
    feed_after(version, pings, None, stream)
}

/// The same after a SUBSCRIBE with this packet identifier.
fn feed_after(version: Version, pings: &[Pinger], mid: Option<u8>, stream: &[u8]) -> (Watch, Vec<u8>) {
    let mut outcome = None;
    for size in 1..=stream.len() {
        let mut watch = Watch::new(version, None);
        if let Some(mid) = mid {
            let subscribe = [0x82, 5, 0, mid, 0];
            watch.sent(0x82, &[IoSlice::new(&subscribe)], subscribe.len(), None);
        }
        for ping in pings {
            watch.pinged(*ping);
        }
        let mut seen = Vec::new();
        for piece in stream.chunks(size) {
            let mut piece = piece.to_vec();
            watch.inspect(&mut piece).unwrap();
            seen.extend(piece);
        }
        if let Some((_, before)) = &outcome {
            assert_eq!(&seen, before, "pieces of {size}");
        }
        outcome = Some((watch, seen));
    }
    outcome.unwrap()
}

#[test]
fn only_our_own_pongs_are_taken_out() {
    let publish = [0x30, 5, 0, 1, b't', 0xd0, 0x00];
    let stream = [&CONNACK[..], &[0xd0, 0], &publish, &[0xd0, 0]].concat();
    let (mut watch, seen) = feed(Version::V311, &[Pinger::Paho, Pinger::Ours(7)], &stream);
    assert_eq!(seen, [&CONNACK[..], &[0xd0, 0], &publish].concat());
    assert_eq!(watch.take_proven(), Some(7));
    assert_eq!(watch.take_proven(), None);
}

#[test]
fn facts_are_read_whole() {
    let stream = [
        // CONNACK of MQTT 5: refused, reason string "no".
        &[0x20, 8, 0, 0x87, 5, 31, 0, 2, b'n', b'o'][..],
        // SUBACK 7 with two codes.
        &[0x90, 5, 0, 7, 0, 1, 0x87],
    ]
    .concat();
    let (watch, seen) = feed_after(Version::V5, &[], Some(7), &stream);
    assert_eq!(seen, stream);
    let connack = watch.facts().connack.clone().unwrap();
    assert_eq!(connack.code, 0x87);
    assert_eq!(connack.properties.text(crate::property::REASON_STRING), Some("no"));
    assert_eq!(watch.facts().answers[0].codes, [1, 0x87]);
}

#[test]
fn exchanges_are_followed_to_their_end() {
    let mut watch = Watch::new(Version::V5, None);
    watch.inspect(&mut vec![0x20, 3, 0, 0, 0]).unwrap();
    watch.resume([(7, false), (8, false), (9, true)]);
    // PUBREC 7, PUBREC 8 refused, PUBCOMP 9.
    watch
        .inspect(&mut vec![0x50, 2, 0, 7, 0x50, 3, 0, 8, 0x97, 0x70, 2, 0, 9])
        .unwrap();
    let fates = |watch: &Watch| [6, 7, 8, 9].map(|mid| watch.fate(mid));
    let [unsent, received] = [Fate::Unsent, Fate::Received];
    assert_eq!(fates(&watch), [unsent, received, Fate::Refused, Fate::Delivered]);
    assert!(watch.take_resolved().is_empty(), "7 goes on");
    send(&mut watch, 0x62, 7);
    watch.inspect(&mut vec![0x70, 2, 0, 7]).unwrap();
    assert_eq!(fates(&watch)[1], Fate::Delivered);
    assert_eq!(watch.take_resolved(), [(8, Some(0x97)), (9, None), (7, None)]);
}

/// Tells the watch that a packet of this kind leaves, with this identifier.
fn send(watch: &mut Watch, first: u8, mid: u8) {
    let packet = match first >> 4 {
        kind::PUBLISH => vec![first, 6, 0, 1, b't', 0, mid, b'x'],
        _ => vec![first, 2, 0, mid],
    };
    watch.sent(first, &[IoSlice::new(&packet)], packet.len(), None);
}

#[test]
fn a_broker_keeps_a_message_until_it_is_released() {
    let mut watch = Watch::new(Version::V311, None);
    watch.inspect(&mut CONNACK.to_vec()).unwrap();
    for (mid, first) in (1..).zip([0x34, 0x34, 0x32]) {
        send(&mut watch, first, mid);
    }
    assert_eq!(watch.kept(), 2, "at QoS 1 it keeps nothing");
    watch
        .inspect(&mut vec![0x50, 2, 0, 1, 0x50, 2, 0, 1, 0x40, 2, 0, 3])
        .unwrap();
    assert_eq!((watch.kept(), watch.fate(1)), (2, Fate::Received));
    send(&mut watch, 0x62, 1);
    // And once more, for the second PUBREC.
    send(&mut watch, 0x62, 1);
    assert_eq!((watch.kept(), watch.fate(1)), (1, Fate::Received));
    watch.inspect(&mut vec![0x70, 2, 0, 1]).unwrap();
    send(&mut watch, 0x62, 1);
    assert_eq!((watch.kept(), watch.fate(1)), (1, Fate::Delivered));
    // An exchange that goes on from an earlier connection.
    watch.resume([(8, false), (9, true)]);
    assert_eq!(watch.kept(), 2);
}

/// What the watch says of these acknowledgements after a PUBLISH of this QoS with
/// the identifier 7.
fn acknowledge(qos: u8, acknowledgements: &[u8]) -> Result<(), Failure> {
    let mut watch = Watch::new(Version::V311, None);
    watch.inspect(&mut CONNACK.to_vec())?;
    send(&mut watch, 0x30 | qos << 1, 7);
    for acknowledgement in acknowledgements.chunks(4) {
        watch.inspect(&mut acknowledgement.to_vec())?;
        if acknowledgement[0] >> 4 == kind::PUBREC {
            send(&mut watch, 0x62, acknowledgement[3]);
        }
    }
    Ok(())
}

#[test]
fn an_acknowledgement_out_of_turn_ends_the_connection() {
    const REC: [u8; 4] = [0x50, 2, 0, 7];
    const COMP: [u8; 4] = [0x70, 2, 0, 7];
    const ACK: [u8; 4] = [0x40, 2, 0, 7];
    for (qos, stream) in [
        (1, &[ACK][..]),
        (2, &[REC, COMP]),
        // Said again after the end, or before it.
        (1, &[ACK, ACK]),
        (2, &[REC, REC, COMP, COMP]),
        // Of another message, which is over.
        (1, &[[0x40, 2, 0, 8]]),
    ] {
        assert!(acknowledge(qos, &stream.concat()).is_ok(), "{stream:x?}");
    }
    for (qos, stream) in [
        (1, &[REC][..]),
        (1, &[COMP]),
        (2, &[ACK]),
        (2, &[COMP]),
        (2, &[REC, ACK]),
        (1, &[[0x40, 2, 0, 0]]),
    ] {
        assert!(acknowledge(qos, &stream.concat()).is_err(), "{stream:x?}");
    }
}

#[test]
fn what_is_no_broker_is_named() {
    let say = |bytes: &[u8]| {
        let failure = Watch::new(Version::V311, None)
            .inspect(&mut bytes.to_vec())
            .unwrap_err();
        assert_eq!(failure.exit(), Exit::NoConnection);
        failure.to_string()
    };
    assert!(say(b"HTTP/1.1 400 Bad Request\r\n").contains("HTTP"));
    assert!(say(&[0x15, 3, 3, 0, 2, 2, 50]).contains("TLS"));
    assert!(say(b"220 mail.example ESMTP").contains("not MQTT"));
}

#[test]
fn packets_that_would_harm_paho_are_refused() {
    let refused = |version, bytes: &[u8]| {
        let mut stream = CONNACK.to_vec();
        if version == Version::V5 {
            stream = vec![0x20, 3, 0, 0, 0];
        }
        stream.extend_from_slice(bytes);
        Watch::new(version, None).inspect(&mut stream).is_err()
    };
    assert!(refused(Version::V311, &[0x90, 2, 0, 1]), "SUBACK without a code");
    assert!(refused(Version::V5, &[0xb0, 3, 0, 1, 0]), "UNSUBACK without a code");
    assert!(refused(Version::V311, &[0x40, 0]), "PUBACK without an identifier");
    assert!(
        refused(Version::V311, &[0x30, 0xff, 0xff, 0xff, 0xff]),
        "length of five bytes"
    );
    assert!(
        refused(Version::V311, &[0x90, 0xff, 0xff, 0xff, 0x7f]),
        "SUBACK of 256 MB"
    );
    assert!(
        refused(Version::V311, &[0xb0, 2, 0, 1]),
        "UNSUBACK that nobody asked for"
    );
}

#[test]
fn paho_sees_exactly_once_as_at_least_once_and_no_release() {
    // With all flags, and with a topic longer than any prefix that is looked at.
    let topic = [b'x'; 300];
    let long = [&[0x3d, 0xb5, 0x02, 0x01, 0x2c][..], &topic, &[0xff, 0xff], b"hello"].concat();
    let stream = [
        &CONNACK[..],
        &[0x34, 6, 0, 1, b't', 0, 7, 0x62],
        &[0x62, 2, 0, 7],
        &[0x62, 4, 0, 9, 0, 0],
        &long,
        &[0x32, 5, 0, 1, b't', 0, 7],
        &[0x62, 2, 0xff, 0xff],
        &[0x30, 3, 0, 1, b't'],
    ]
    .concat();
    let seen_long = [&[0x33][..], &long[1..]].concat();
    let expected = [
        &CONNACK[..],
        &[0x32, 6, 0, 1, b't', 0, 7, 0x62],
        &seen_long,
        &[0x32, 5, 0, 1, b't', 0, 7],
        &[0x30, 3, 0, 1, b't'],
    ]
    .concat();
    let (mut watch, seen) = feed(Version::V311, &[], &stream);
    assert_eq!(seen, expected);
    assert_eq!(
        watch.take_answers(),
        [0x70, 2, 0, 7, 0x70, 2, 0, 9, 0x70, 2, 0xff, 0xff]
    );
    assert_eq!(watch.once().turn(7), Some(Turn::First));
    assert!(watch.once().acknowledge(7, true) && watch.once().acknowledge(0xffff, true));
    assert!(
        !watch.once().acknowledge(7, true),
        "that is of another quality of service"
    );
}

#[test]
fn an_exactly_once_message_without_an_identifier_is_the_end() {
    for packet in [
        &[0x34, 0][..],
        &[0x34, 1, 0],
        &[0x34, 4, 0, 1, b't', 7],
        &[0x34, 5, 0, 1, b't', 0, 0],
        &[0x62, 2, 0, 0],
    ] {
        let mut watch = Watch::new(Version::V311, None);
        let mut bytes = [&CONNACK[..], packet].concat();
        assert!(watch.inspect(&mut bytes).is_err(), "{packet:?}");
    }
}

#[test]
fn a_packet_that_is_cut_within_its_properties_does_not_reach_paho() {
    // A content type of 2 bytes and a user property; then the payload.
    let properties = [3, 0, 2, b'a', b'b', 38, 0, 1, b'k', 0, 1, b'v'];
    let whole = |length: u8, kept: usize| {
        let payload = if kept < properties.len() { "" } else { "x" };
        let body = [&[0, 1, b't', 0, 7, length], &properties[..kept], payload.as_bytes()].concat();
        [&[0x32, u8::try_from(body.len()).unwrap()], &body[..]].concat()
    };
    let before = [0x20, 3, 0, 0, 0];
    let good = [&before[..], &whole(12, 12)].concat();
    assert_eq!(feed(Version::V5, &[], &good).1, good);
    // None at all, but for a length; of four bytes it need not be the shortest.
    let good = [&before[..], &[0x30, 8, 0, 1, b't', 0x80, 0x80, 0x80, 0, b'x']].concat();
    assert_eq!(feed(Version::V5, &[], &good).1, good);

    let refused = |packet: &[u8]| {
        // In one piece, and byte by byte, which must not show the last one.
        let mut watch = Watch::new(Version::V5, None);
        let mut stream = [&before[..], packet].concat();
        let at_once = watch.inspect(&mut stream).is_err();
        let mut watch = Watch::new(Version::V5, None);
        watch.inspect(&mut before.to_vec()).unwrap();
        let mut outcomes = packet.iter().map(|byte| watch.inspect(&mut vec![*byte]).is_err());
        let failed = outcomes.position(|failed| failed);
        assert_eq!(failed.is_some(), at_once, "{packet:?}");
        at_once
    };
    for kept in 0..properties.len() {
        assert!(refused(&whole(12, kept)), "{kept} bytes of them");
    }
    for length in [1, 2, 3, 4, 6, 8, 11, 13, 14, 127] {
        assert!(refused(&whole(length, 12)), "a length of {length}");
    }
    for (what, packet) in [
        ("no length", &[0x30, 3, 0, 1, b't'][..]),
        ("half a length", &[0x30, 4, 0, 1, b't', 0x80]),
        (
            "five bytes of length",
            &[0x30, 8, 0, 1, b't', 0x80, 0x80, 0x80, 0x80, 0],
        ),
        ("an unknown property", &[0x30, 6, 0, 1, b't', 2, 0x7f, 1]),
        ("QoS 3", &[0x36, 6, 0, 1, b't', 0, 1, 0]),
        ("a PUBACK", &[0x40, 6, 0, 1, 0, 3, 31, 0]),
        ("a DISCONNECT", &[0xe0, 4, 0, 3, 31, 0]),
        ("AUTH", &[0xf0, 0]),
    ] {
        assert!(refused(packet), "{what}");
    }
}

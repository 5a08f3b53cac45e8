use super::*;
use crate::property::USER_PROPERTY;

const PLACE: Place = Place { salt: 7, offset: 4096 };

fn message(topic: &str, payload: impl Into<Bytes>) -> Message {
    let mut properties = Properties::default();
    properties.push(2, Value::Number(60));
    properties.push(3, Value::Text("text/plain".to_owned()));
    properties.push(9, Value::Binary(vec![0, 255]));
    properties.push(USER_PROPERTY, Value::Pair("a".to_owned(), String::new()));
    Message {
        topic: Topic::new(topic).unwrap(),
        payload: payload.into(),
        qos: Qos::ExactlyOnce,
        retain: true,
        properties,
    }
}

/// When the messages of these tests were taken.
fn noon() -> SystemTime {
    UNIX_EPOCH + Duration::from_micros(1_700_000_000_123_456)
}

/// Three records, one behind the other, and where they end.
fn three() -> (Vec<u8>, Vec<usize>, Vec<Message>) {
    let messages = vec![
        message("a/b", "one"),
        message("é", Bytes::from_static(&[0, 255, 10])),
        message("c", ""),
    ];
    let mut bytes = Vec::new();
    let mut ends = Vec::new();
    for message in &messages {
        let place = PLACE.after(bytes.len());
        let before = bytes.len() as u64;
        write(&mut bytes, place, noon(), message).unwrap();
        assert_eq!(bytes.len() as u64 - before, size(message));
        ends.push(bytes.len());
    }
    (bytes, ends, messages)
}

/// All the records in these bytes, and how many bytes are none.
fn all(bytes: &[u8]) -> (Vec<Message>, usize) {
    let bytes = Bytes::copy_from_slice(bytes);
    let (mut at, mut strange, mut found) = (0, 0, Vec::new());
    while let Some((range, record)) = find(&bytes.slice(at..), PLACE.after(at)) {
        assert_eq!(record.time, noon());
        strange += range.start;
        at += range.end;
        found.push(record.message);
    }
    (found, strange + bytes.len() - at)
}

#[test]
fn what_is_written_is_read_back() {
    let (bytes, _, messages) = three();
    assert_eq!(all(&bytes), (messages, 0));
    assert_eq!(all(b""), (Vec::new(), 0));
}

#[test]
fn of_a_torn_tail_nothing_is_delivered() {
    let (bytes, ends, messages) = three();
    for length in 0..bytes.len() {
        let whole = ends.iter().filter(|end| **end <= length).count();
        let last = if whole == 0 { 0 } else { ends[whole - 1] };
        assert_eq!(
            all(&bytes[..length]),
            (messages[..whole].to_vec(), length - last),
            "{length}"
        );
    }
}

#[test]
fn a_damaged_byte_costs_its_record_and_no_other() {
    let (bytes, ends, messages) = three();
    for at in 0..bytes.len() {
        let hit = ends.iter().filter(|end| **end <= at).count();
        for flip in [1, 0x80, 0xff] {
            let mut damaged = bytes.clone();
            damaged[at] ^= flip;
            let mut left = messages.clone();
            left.remove(hit);
            let size = ends[hit] - if hit == 0 { 0 } else { ends[hit - 1] };
            assert_eq!(all(&damaged), (left, size), "{at}");
        }
    }
}

#[test]
fn a_record_in_a_payload_is_no_record() {
    let mut inner = Vec::new();
    // Somebody's spool: its first record, and one that says that it stands where
    // it will, but in another segment.
    write(&mut inner, PLACE, noon(), &message("inner", "x")).unwrap();
    let outer = message("outer", inner.clone());
    let mut bytes = Vec::new();
    write(&mut bytes, PLACE, noon(), &outer).unwrap();
    let at = bytes.len() - inner.len();
    let mut placed = Vec::new();
    let elsewhere = Place {
        salt: 8,
        ..PLACE.after(at)
    };
    write(&mut placed, elsewhere, noon(), &message("inner", "x")).unwrap();
    for inner in [inner, placed] {
        let mut bytes = Vec::new();
        write(&mut bytes, PLACE, noon(), &message("outer", inner)).unwrap();
        let end = bytes.len();
        write(&mut bytes, PLACE.after(end), noon(), &message("next", "y")).unwrap();
        assert_eq!(all(&bytes).0.len(), 2);
        // The outer one is damaged, and the search goes on in its payload.
        bytes[HEADER] ^= 1;
        assert_eq!(all(&bytes), (vec![message("next", "y")], end));
    }
}

#[test]
fn noise_is_no_record_and_no_panic() {
    let mut random = fastrand::Rng::with_seed(20);
    let (bytes, _, messages) = three();
    for _ in 0..20_000 {
        let mut noise = if random.bool() {
            bytes.clone()
        } else {
            let length = random.usize(0..200);
            let mut noise: Vec<u8> = (0..length).map(|_| random.u8(..)).collect();
            let at = random.usize(0..=length);
            noise.splice(at..at, MARK);
            noise
        };
        for _ in 0..random.usize(1..8) {
            match random.u8(0..4) {
                0 if !noise.is_empty() => {
                    let at = random.usize(0..noise.len());
                    noise[at] = random.u8(..);
                }
                1 => {
                    let from = random.usize(0..=noise.len());
                    let to = random.usize(from..=noise.len());
                    noise.drain(from..to);
                }
                2 => {
                    let at = random.usize(0..=noise.len());
                    noise.insert(at, random.u8(..));
                }
                _ => noise.truncate(random.usize(0..=noise.len())),
            }
        }
        for found in all(&noise).0 {
            assert!(messages.contains(&found), "{found:?}");
        }
    }
}

#[test]
fn a_body_that_makes_no_sense_is_no_record() {
    let write_body = |body: &[u8]| {
        let length = u32::try_from(body.len()).unwrap().to_le_bytes();
        let checksums = [PLACE.checksum(&length), PLACE.checksum(body)].concat();
        [&MARK[..], &length, &checksums, body].concat()
    };
    let (bytes, ends, _) = three();
    let body = &bytes[HEADER..ends[0]];
    assert_eq!(all(&write_body(body)).0.len(), 1);
    let mut random = fastrand::Rng::with_seed(21);
    for _ in 0..20_000 {
        let mut body = body.to_vec();
        for _ in 0..random.usize(1..4) {
            let at = random.usize(0..body.len());
            body[at] = random.u8(..);
        }
        body.truncate(random.usize(0..=body.len()));
        // It has a right checksum, so it may say something; but nothing that MQTT
        // does not have.
        let bytes = Bytes::from(write_body(&body));
        if let Some((_, record)) = read(&bytes, PLACE) {
            let message = record.message;
            assert!(Topic::received(message.topic.as_str()).is_ok());
            assert!(
                message
                    .properties
                    .iter()
                    .all(|property| property.value.check(property.id).is_ok())
            );
        }
    }
}

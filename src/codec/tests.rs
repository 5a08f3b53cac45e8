//! What is there and back, and what is refused.

use super::*;

fn there_and_back(codec: Codec, text: &str) -> (Vec<u8>, String) {
    let bytes = codec.encode(text.as_bytes()).unwrap();
    let mut back = Vec::new();
    codec.decode(&bytes, &mut back).unwrap();
    (bytes, String::from_utf8(back).unwrap())
}

#[test]
fn digits_stand_for_bytes() {
    for (codec, text, bytes, back) in [
        (Codec::Hex, "00fFa1", &[0, 0xff, 0xa1][..], "00ffa1"),
        (Codec::Hex, " 48 65\n6C ", b"Hel", "48656c"),
        (Codec::Hex, "", b"", ""),
        (Codec::Base64, "SGVs", b"Hel", "SGVs"),
        (Codec::Base64, "SGVsbG8", b"Hello", "SGVsbG8="),
        (Codec::Base64, "SGVs\nbG8=\n", b"Hello", "SGVsbG8="),
    ] {
        assert_eq!(there_and_back(codec, text), (bytes.to_vec(), back.to_owned()), "{text}");
    }
    for (codec, text) in [
        (Codec::Hex, "0"),
        (Codec::Hex, "0x12"),
        (Codec::Hex, "g0"),
        (Codec::Base64, "S!"),
        (Codec::Cbor, "{"),
        (Codec::Cbor, ""),
        (Codec::Msgpack, "1 2"),
    ] {
        assert!(codec.encode(text.as_bytes()).is_err(), "{text}");
    }
}

#[test]
fn json_comes_back_as_it_was() {
    for codec in [Codec::Cbor, Codec::Msgpack] {
        for text in [
            "null",
            "true",
            "0",
            "-1",
            "18446744073709551615",
            "-9223372036854775808",
            "1.5",
            "\"\\u0000 \\\" ü\"",
            "[]",
            "{\"z\":1,\"a\":[1,2,{\"b\":null}]}",
        ] {
            assert_eq!(there_and_back(codec, text).1, text, "{codec:?}");
        }
    }
    // RFC 8949, appendix A.
    assert_eq!(
        Codec::Cbor.encode(b"{\"a\":1,\"b\":[2,3]}").unwrap(),
        [0xa2, 0x61, 0x61, 0x01, 0x61, 0x62, 0x82, 0x02, 0x03]
    );
    assert_eq!(Codec::Msgpack.encode(b"{\"a\":1}").unwrap(), [0x81, 0xa1, 0x61, 0x01]);
}

fn decoded(codec: Codec, bytes: &[u8]) -> Result<String, String> {
    let mut text = b"before".to_vec();
    let outcome = codec.decode(bytes, &mut text);
    let text = String::from_utf8(text).unwrap();
    let behind = text.strip_prefix("before").unwrap().to_owned();
    assert!(outcome.is_ok() || behind.is_empty());
    outcome.map(|()| behind)
}

#[test]
fn what_json_does_not_have_has_a_form_that_is_read_back() {
    let large = format!("-1{}", "0".repeat(60));
    let mut bytes = Vec::new();
    for (codec, binary, text) in [
        (Codec::Cbor, &[0x43, 1, 2, 3][..], r#"{"$base64":"AQID"}"#),
        (Codec::Cbor, &[0xa1, 0x01, 0x20], r#"{"$map":[[1,-1]]}"#),
        (Codec::Cbor, &[0xa1, 0x81, 0x01, 0x02], r#"{"$map":[[[1],2]]}"#),
        (
            Codec::Cbor,
            &[0xa2, 0x61, b'a', 1, 0x61, b'a', 2],
            r#"{"$map":[["a",1],["a",2]]}"#,
        ),
        (Codec::Cbor, &[0xf9, 0x7e, 0x00], r#"{"$float":"NaN"}"#),
        (Codec::Cbor, &[0xf9, 0xfc, 0x00], r#"{"$float":"-Infinity"}"#),
        (Codec::Cbor, &[0xf9, 0x80, 0x00], "-0.0"),
        (Codec::Cbor, &[0xc1, 0x01], r#"{"$tag":[1,1]}"#),
        (Codec::Cbor, &[0xc2, 0x61, b'x'], r#"{"$tag":[2,"x"]}"#),
        (
            Codec::Cbor,
            &[0x3b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
            "-18446744073709551616",
        ),
        // RFC 8949, appendix A.
        (
            Codec::Cbor,
            &[0xc2, 0x49, 1, 0, 0, 0, 0, 0, 0, 0, 0],
            "18446744073709551616",
        ),
        (
            Codec::Cbor,
            &[0xc3, 0x49, 1, 0, 0, 0, 0, 0, 0, 0, 0],
            "-18446744073709551617",
        ),
        (Codec::Msgpack, &[0xc4, 1, 0xff], r#"{"$base64":"/w=="}"#),
        (Codec::Msgpack, &[0xd4, 5, 0xff], r#"{"$ext":[5,"/w=="]}"#),
        (Codec::Msgpack, &[0x81, 0xc0, 0xc2], r#"{"$map":[[null,false]]}"#),
        (
            Codec::Msgpack,
            &[0xcb, 0x7f, 0xf0, 0, 0, 0, 0, 0, 0],
            r#"{"$float":"Infinity"}"#,
        ),
    ] {
        assert_eq!(decoded(codec, binary).as_deref(), Ok(text), "{binary:x?}");
        assert_eq!(codec.encode(text.as_bytes()).as_deref(), Ok(binary), "{text}");
    }
    // What looks like such a form, and is none.
    for codec in [Codec::Cbor, Codec::Msgpack] {
        for text in [
            r#"{"$map":[["$base64","AQID"]]}"#,
            r#"{"$map":[["$map",[]]]}"#,
            r#"{"$other":1}"#,
            r#"{"$base64":"AQID","more":1}"#,
        ] {
            assert_eq!(there_and_back(codec, text).1, text, "{codec:?}");
        }
    }
    assert_eq!(there_and_back(Codec::Cbor, &large).1, large);
    assert!(
        Codec::Msgpack
            .encode(large.as_bytes())
            .unwrap_err()
            .contains("is larger than")
    );
    Codec::Msgpack.decode(&[0xa1, 0xff], &mut bytes).unwrap();
    assert_eq!(bytes, br#"{"$base64":"/w=="}"#, "a string that is not UTF-8");
    for text in [
        r#"{"$base64":1}"#,
        r#"{"$base64":"!"}"#,
        r#"{"$float":"nan"}"#,
        r#"{"$map":[[1]]}"#,
        r#"{"$tag":[-1,2]}"#,
        r#"{"$ext":[1]}"#,
    ] {
        let why = Codec::Cbor.encode(text.as_bytes()).unwrap_err();
        assert!(why.contains("is not of the form"), "{text}: {why}");
    }
    assert!(
        Codec::Cbor
            .encode(br#"{"$ext":[1,""]}"#)
            .unwrap_err()
            .contains("CBOR does not have")
    );
    assert!(Codec::Cbor.encode(b"1e400").unwrap_err().contains("too large"));
    assert!(
        Codec::Cbor
            .encode("9".repeat(2000).as_bytes())
            .unwrap_err()
            .contains("1000 digits")
    );
}

#[test]
fn what_is_hostile_is_refused_and_takes_no_room() {
    for (codec, bytes, why) in [
        (Codec::Cbor, &[1, 2][..], "it has 1 byte behind its CBOR value"),
        (Codec::Cbor, &[], "it is not CBOR: it ends too early"),
        (Codec::Cbor, &[0xff], "it has a CBOR value that cannot be read"),
        (Codec::Cbor, &[0x1c], "it is not CBOR, from byte 0 on"),
        (Codec::Msgpack, &[0x92], "it is not MessagePack"),
        (
            Codec::Msgpack,
            &[1, 2, 3],
            "it has 2 bytes behind its MessagePack value",
        ),
    ] {
        let told = decoded(codec, bytes).unwrap_err();
        assert!(told.starts_with(why), "{told}");
    }
    // Lengths that nobody has the memory for.
    for first in [0x5b_u8, 0x7b, 0x9b, 0xbb] {
        let bytes = [&[first], &[0xff; 8][..]].concat();
        assert!(decoded(Codec::Cbor, &bytes).is_err(), "{first:x}");
        let bytes = [&[first, 0, 0, 0x7f], &[0xff; 5][..]].concat();
        assert!(decoded(Codec::Cbor, &bytes).is_err(), "{first:x}");
    }
    for first in [0xc6_u8, 0xc9, 0xdb, 0xdd, 0xdf] {
        assert!(
            decoded(Codec::Msgpack, &[first, 0xff, 0xff, 0xff, 0xff]).is_err(),
            "{first:x}"
        );
    }
    // Depths.
    for codec in [Codec::Cbor, Codec::Msgpack] {
        for byte in [0x81, 0x91, 0xc1, 0xa1] {
            assert!(decoded(codec, &vec![byte; 1_000_000]).is_err());
        }
        assert!(codec.encode("[".repeat(1_000_000).as_bytes()).is_err());
    }
    let nested = |depth| [vec![0x81; depth], vec![1]].concat();
    assert!(decoded(Codec::Cbor, &nested(100)).is_ok());
    let why = decoded(Codec::Cbor, &nested(101)).unwrap_err();
    assert_eq!(why, "it is nested more than 100 deep");
}

/// A value with all that there is.
fn any_cbor(random: &mut fastrand::Rng, depth: usize) -> ciborium::Value {
    use ciborium::Value;
    let bytes = |random: &mut fastrand::Rng| (0..random.usize(0..20)).map(|_| random.u8(..)).collect::<Vec<u8>>();
    let inner = |random: &mut fastrand::Rng| any_cbor(random, depth - 1);
    match random.u8(0..if depth == 0 { 6 } else { 9 }) {
        0 => Value::Null,
        1 => Value::Bool(random.bool()),
        2 => (i128::from(random.u64(..)) * if random.bool() { -1 } else { 1 }).into(),
        3 => Value::Float(f64::from_bits(random.u64(..))),
        4 => Value::Bytes(bytes(random)),
        5 => Value::Text(
            random
                .choose_multiple("$base64\"\\\u{0}ü".chars(), 3)
                .into_iter()
                .collect(),
        ),
        6 => Value::Array((0..random.usize(0..4)).map(|_| inner(random)).collect()),
        7 => Value::Map(
            (0..random.usize(0..4))
                .map(|_| (inner(random), inner(random)))
                .collect(),
        ),
        _ => Value::Tag(random.u64(4..), Box::new(inner(random))),
    }
}

#[test]
fn each_value_comes_back() {
    let mut random = fastrand::Rng::with_seed(11);
    for _ in 0..20_000 {
        let value = any_cbor(&mut random, 4);
        let mut bytes = Vec::new();
        ciborium::into_writer(&value, &mut bytes).unwrap();
        let text = decoded(Codec::Cbor, &bytes).unwrap();
        let back = Codec::Cbor.encode(text.as_bytes()).unwrap();
        // The bits of what is no number are not kept, and no number is equal to it.
        if !text.contains("NaN") {
            assert_eq!(back, bytes, "{text}");
        }
        assert_eq!(decoded(Codec::Cbor, &back).as_deref(), Ok(&*text));
    }
    // Whatever can be read of chance bytes says the same after the way back.
    let mut read = 0;
    for _ in 0..50_000 {
        let bytes: Vec<u8> = (0..random.usize(1..24)).map(|_| random.u8(..)).collect();
        for codec in [Codec::Cbor, Codec::Msgpack] {
            if let Ok(text) = decoded(codec, &bytes) {
                let back = codec
                    .encode(text.as_bytes())
                    .unwrap_or_else(|why| panic!("{text}: {why}"));
                assert_eq!(decoded(codec, &back).as_deref(), Ok(&*text), "{bytes:x?}");
                read += 1;
            }
        }
    }
    assert!(read > 1000, "{read}");
}

#[test]
fn whatever_comes_it_is_json_or_refused() {
    let mut random = fastrand::Rng::with_seed(7);
    for _ in 0..50_000 {
        let bytes: Vec<u8> = (0..random.usize(0..24)).map(|_| random.u8(..)).collect();
        for codec in [Codec::Cbor, Codec::Msgpack] {
            if let Ok(text) = decoded(codec, &bytes) {
                assert!(
                    serde_json::from_str::<serde::de::IgnoredAny>(&text).is_ok(),
                    "{bytes:x?}: {text}"
                );
            }
        }
    }
}

//! The topic before each record.
#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use mqtools::input::{Keys, split_key};

fuzz_target!(|input: (Vec<u8>, Vec<Vec<u8>>)| {
    let (separator, records) = input;
    if separator.is_empty() {
        return;
    }
    let mut keys = Keys::new(separator.clone());
    for record in records {
        let record = Bytes::from(record);
        let split = split_key(&record, &separator);
        assert_eq!(keys.split(&record).ok(), split.clone().ok(), "the one that remembers is the same");
        if let Ok((topic, payload)) = split {
            assert_eq!([topic.as_str().as_bytes(), &separator, &payload].concat(), record);
        }
    }
});

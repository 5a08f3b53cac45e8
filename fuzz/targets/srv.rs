//! What a DNS server answers to a question for SRV records.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mqtools::wire::fuzz::srv;

fuzz_target!(|answer: &[u8]| {
    let _ = srv(0, answer);
    // The same as an answer to what was asked, without an error.
    let mut answer = answer.to_vec();
    if let Some(head) = answer.first_chunk_mut::<4>() {
        *head = [0, 7, head[2] & 0xfd | 0x80, head[3] & 0xf0];
    }
    if let Some(hosts) = srv(7, &answer) {
        assert!(hosts.iter().all(|(_, port)| *port != 0), "{hosts:?}");
        assert!(hosts.len() <= answer.len());
        assert_eq!(srv(8, &answer), None, "that is another question");
    }
});

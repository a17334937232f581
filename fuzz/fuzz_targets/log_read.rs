//! Any bytes are read as a log to their end: records, damage inside the file, nothing else.

#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use parallax_exchange::log::{self, LogError};

fuzz_target!(|bytes: &[u8]| {
    let length = bytes.len() as u64;
    let mut reader = log::read_bytes("input", Bytes::copy_from_slice(bytes));
    let mut behind = 0;
    loop {
        match reader.next() {
            Ok(None) | Err(LogError::Unsupported { .. }) => break,
            Ok(Some((position, _))) => {
                assert!(position.offset >= behind, "records come in order");
                behind = position.offset + 16;
            }
            Err(LogError::Damaged { offset, bytes, .. }) => {
                assert!(bytes > 0 && offset >= behind && offset + bytes <= length, "{offset} {bytes}");
                behind = offset + bytes;
            }
            Err(error) => panic!("{error}"),
        }
    }
    assert!(reader.unfinished_bytes() <= length);
});

//! Any bytes are an exchange or an error; what is an exchange stays the same when written anew.

#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use parallax_exchange::codec;

fuzz_target!(|bytes: &[u8]| {
    let Ok(exchange) = codec::decode(Bytes::copy_from_slice(bytes)) else { return };
    let mut encoded = Vec::new();
    codec::encode(&exchange, &mut encoded);
    let again = codec::decode(encoded.into()).expect("what we write can be read");
    assert_eq!(again, exchange);
});

//! Any bytes are an exchange or an error; what is an exchange stays the same when written anew, and a
//! view in place shows the same of it.

#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use parallax_exchange::Role;
use parallax_exchange::codec::{self, View};

fuzz_target!(|bytes: &[u8]| {
    let bytes = Bytes::copy_from_slice(bytes);
    let view = View::read(&bytes);
    let Ok(exchange) = codec::decode(bytes.clone()) else { return };
    if let Some(view) = view {
        assert_eq!((view.id, view.admitted_ns), (exchange.id, exchange.admitted_ns));
        assert_eq!((view.cluster_key, view.order), (exchange.cluster_key, exchange.order));
        for role in Role::ALL {
            let shown = view.outcome(role).map(|outcome| outcome.decode().expect("it was decoded"));
            assert_eq!(shown.as_ref(), exchange.outcomes.of(role), "{role:?}");
        }
    }
    let mut encoded = Vec::new();
    codec::encode(&exchange, &mut encoded);
    let again = codec::decode(encoded.into()).expect("what we write can be read");
    assert_eq!(again, exchange);
});

//! Two bodies of any type and coding: they compare without a fault, a body equals itself, and a rule
//! only hides.
//!
//! ```text
//! input = type(1) coding(1) length of the left body(2, big endian) left right
//! ```

#![no_main]

use bytes::Bytes;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue};
use libfuzzer_sys::fuzz_target;
use parallax_comparator::compare::{Comparer, Comparison};
use parallax_comparator::diff::Limits;
use parallax_config::{Action, Place, Rule};
use parallax_exchange::{Body, Response};
use std::sync::LazyLock;

const TYPES: [&str; 22] = [
    "",
    "application/json",
    "application/x-ndjson",
    "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=b",
    "multipart/mixed; boundary=b",
    "text/event-stream",
    "text/csv",
    "text/csv; header=absent",
    "application/cbor",
    "application/cbor-seq",
    "application/msgpack",
    "application/x-protobuf",
    "application/grpc",
    "application/grpc-web-text",
    "application/grpc+json",
    "text/plain",
    "text/html; charset=iso-8859-1",
    "text/plain; charset=utf-16le",
    "application/json; charset=shift_jis",
    "application/xml",
    "image/png",
];

const CODINGS: [&str; 6] = ["", "gzip", "deflate", "br", "zstd", "gzip, zstd"];

/// Small, so that a few seconds of fuzzing see every bound.
const LIMITS: Limits =
    Limits { differences: 16, side_bytes: 32, reread_bytes: 1 << 20, decoded_bytes: 1 << 16, lines: 64 };

static COMPARERS: LazyLock<[Comparer; 2]> = LazyLock::new(|| {
    let rule = |at: &str, action: &str| Rule {
        at: Place::try_from(at.to_owned()).expect("a place"),
        action: Action::try_from(action.to_owned()).expect("an action"),
        route: None,
        owner: None,
        expires: None,
    };
    let rules =
        [rule("body:/**/a", "ignore"), rule("body:/**/1", "tolerate:5"), rule("body:/rows", "unordered")];
    let comparer = |rules: &[Rule]| Comparer::new(rules, &[]).expect("usable rules").with_limits(LIMITS);
    [comparer(&[]), comparer(&rules)]
});

fuzz_target!(|bytes: &[u8]| {
    let Some((&[kind, coding, high, low], bodies)) = bytes.split_first_chunk::<4>() else { return };
    let length = usize::from(u16::from_be_bytes([high, low]));
    let Some((left, right)) = bodies.split_at_checked(length) else { return };
    let (kind, coding) =
        (TYPES[usize::from(kind) % TYPES.len()], CODINGS[usize::from(coding) % CODINGS.len()]);
    let (left, right) = (response(kind, coding, left), response(kind, coding, right));
    let [plain, masking] = &*COMPARERS;
    let seen = plain.compare(None, &left, &right);
    let is_equal = |seen: &Comparison| seen.differences.is_empty();
    assert_eq!(is_equal(&seen), is_equal(&plain.compare(None, &right, &left)), "either way");
    assert_eq!(seen, plain.compare(None, &left, &right), "the same again");
    assert!(is_equal(&plain.compare(None, &left, &left.clone())));
    let masked = masking.compare(None, &left, &right);
    assert!(is_equal(&masked) || !is_equal(&seen), "a rule only hides");
});

fn response(kind: &'static str, coding: &'static str, body: &[u8]) -> Response {
    let mut headers = HeaderMap::new();
    for (name, value) in [(CONTENT_TYPE, kind), (CONTENT_ENCODING, coding)] {
        if !value.is_empty() {
            headers.insert(name, HeaderValue::from_static(value));
        }
    }
    headers.insert("grpc-encoding", HeaderValue::from_static("gzip"));
    Response { headers, body: Body::whole(Bytes::copy_from_slice(body)), ..Response::default() }
}

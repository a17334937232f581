//! Bodies of any bytes under any type: they compare without a fault, and the laws of equality hold.
//!
//! A short relative of the fuzz target `body_diff`: bytes that are near the formats, cut and flipped.

use http::{HeaderMap, HeaderValue, header};
use parallax_comparator::compare::{Comparer, Comparison};
use parallax_comparator::diff::Limits;
use parallax_config::{Action, Place, Rule};
use parallax_exchange::{Body, Response};
use proptest::prelude::*;

/// A type and a body of it.
const SEEDS: [(&str, &[u8]); 14] = [
    ("", b"event: a\ndata: {\"a\":1}\n\n"),
    ("application/json; charset=utf-16", b"\xff\xfe{\0\"\0a\0\"\0:\x001\0}\0"),
    ("application/x-ndjson", b"{\"a\":1}\n[2]\n"),
    ("application/x-www-form-urlencoded", b"a=1&b=x+y%26&a=%ff"),
    ("multipart/form-data; boundary=b", b"--b\r\nContent-Disposition: form-data; name=\"a\"\r\nContent-Type: text/csv\r\n\r\nx,y\n1,2\r\n--b--\r\n"),
    ("multipart/mixed; boundary=b", b"--b\n\n--b\nContent-Type: multipart/mixed; boundary=c\n\n--c\n\nx\n--c--\n--b--"),
    ("text/event-stream", b"id: 1\ndata: {\"a\":[1]}\n\ndata: x\nevent: y\n\nretry: 5"),
    ("text/csv", b"id,a\n1,\"x \"\"y\"\"\"\n2,3,4\n"),
    ("application/cbor", b"\xa3\x61a\x83\x01\x20\xf9\x3e\x00\x61n\xc1\x1a\x00\x00\x00\x01\x41\x00\x7f\x61x\xff"),
    ("application/msgpack", b"\x83\xa1a\x93\xc3\xc0\xcb\x3f\xf0\0\0\0\0\0\0\x01\xc4\x02\x00\xff\xa1x\xd4\xff\x01"),
    ("application/x-protobuf", b"\x08\x96\x01\x12\x07testing\x1a\x02\x08\x07\x0b\x08\x01\x0c\x25\x01\0\0\0"),
    ("application/grpc", b"\0\0\0\0\x02\x08\x01\x80\0\0\0\x0egrpc-status:0\n"),
    ("application/grpc-web-text", b"AAAAAAIIAQ==gAAAAA5ncnBjLXN0YXR1czowCg=="),
    ("text/plain; charset=shift_jis", b"\x82\xa0\nb\nc\n"),
];

/// Small, so that every bound is met.
const LIMITS: Limits =
    Limits { differences: 16, side_bytes: 32, reread_bytes: 1 << 20, decoded_bytes: 1 << 12, lines: 2 };

fn comparer(rules: &[(&str, &str)]) -> Comparer {
    let rule = |(at, action): &(&str, &str)| Rule {
        at: Place::try_from((*at).to_owned()).unwrap(),
        action: Action::try_from((*action).to_owned()).unwrap(),
        route: None,
        owner: None,
        expires: None,
    };
    Comparer::new(&rules.iter().map(rule).collect::<Vec<_>>(), &[]).unwrap().with_limits(LIMITS)
}

fn response(kind: &'static str, body: Vec<u8>) -> Response {
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert("grpc-encoding", HeaderValue::from_static("gzip"));
    Response { headers, body: Body::whole(body), ..Response::default() }
}

/// A body near `seed`: a few bytes put in place of others, taken out or put in, then cut or repeated.
fn near(seed: &'static [u8]) -> impl Strategy<Value = Vec<u8>> {
    let change = (any::<prop::sample::Index>(), 0_u8..3, any::<u8>());
    (prop::collection::vec(change, 0..4), prop::option::of(any::<prop::sample::Index>()), 1_usize..3)
        .prop_map(move |(changes, cut, times)| {
            let mut body = seed.repeat(times);
            for (at, how, byte) in changes.into_iter().filter(|_| !seed.is_empty()) {
                let at = at.index(body.len().max(1)).min(body.len());
                match how {
                    0 => body.insert(at, byte),
                    1 if at < body.len() => drop(body.remove(at)),
                    _ => body.iter_mut().skip(at).take(1).for_each(|old| *old = byte),
                }
            }
            if let Some(cut) = cut.filter(|_| !body.is_empty()) {
                body.truncate(cut.index(body.len()) + 1);
            }
            body
        })
}

fn bodies() -> impl Strategy<Value = (&'static str, Vec<u8>, Vec<u8>)> {
    (0..SEEDS.len()).prop_flat_map(|index| {
        let (kind, seed) = SEEDS[index];
        (Just(kind), near(seed), near(seed))
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn any_two_bodies_of_a_type_compare((kind, left, right) in bodies()) {
        let (left, right) = (response(kind, left), response(kind, right));
        let (plain, masking) = (comparer(&[]), comparer(&[("body:/**/a", "ignore"), ("body:/rows", "unordered"), ("body:/**/1", "tolerate:5")]));
        let is_equal = |seen: &Comparison| seen.differences.is_empty();
        let seen = plain.compare(None, &left, &right);
        prop_assert_eq!(is_equal(&seen), is_equal(&plain.compare(None, &right, &left)), "either way: {:?}", seen);
        prop_assert_eq!(&seen, &plain.compare(None, &left, &right), "the same again");
        prop_assert!(is_equal(&plain.compare(None, &left, &left.clone())));
        let masked = masking.compare(None, &left, &right);
        prop_assert!(is_equal(&masked) || !is_equal(&seen), "a rule only hides: {:?}", masked);
    }
}

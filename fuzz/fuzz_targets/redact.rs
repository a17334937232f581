//! Any body is redacted without a fault, alike each time, and no secret that a reader of JSON would
//! find is left.
//!
//! ```text
//! input = type(1) coding(1) body
//! ```

#![no_main]

use bytes::Bytes;
use http::HeaderValue;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use libfuzzer_sys::fuzz_target;
use parallax_exchange::redact::{Key, Redactor};
use parallax_exchange::{Body, CopyOrder, Exchange, ExchangeId, Outcome, Outcomes, Request, Response};
use serde_json::Value;
use std::sync::LazyLock;

const TYPES: [&str; 5] =
    ["application/json", "application/x-ndjson", "application/x-www-form-urlencoded", "text/plain", ""];
const CODINGS: [&str; 5] = ["", "gzip", "deflate", "br", "zstd"];

static REDACTOR: LazyLock<Redactor> = LazyLock::new(|| {
    let places = ["body:/**/a", "query:a", "cookie:a", "header:authorization"];
    Redactor::new(&Key::new(&[7; 32]), places).expect("usable places")
});

fuzz_target!(|bytes: &[u8]| {
    let Some((&[kind, coding], body)) = bytes.split_first_chunk::<2>() else { return };
    let kind = TYPES[usize::from(kind) % TYPES.len()];
    let coding = CODINGS[usize::from(coding) % CODINGS.len()];
    let mut exchange = exchange(kind, coding, body);
    let mut again = exchange.clone();
    let done = REDACTOR.redact(&mut exchange);
    assert_eq!(REDACTOR.redact(&mut again), done, "the same again");
    assert_eq!(again, exchange, "the same again");
    let Some(Outcome::Response(answer)) = &exchange.outcomes.primary else { panic!("it was there") };
    assert_eq!(answer.body, exchange.request.body, "equal bodies stay equal");
    if coding.is_empty()
        && !answer.body.is_cut()
        && let Ok(json) = serde_json::from_slice(answer.body.bytes())
    {
        hides(&json);
    }
});

/// Every member called `a` is a token, or says that there is no value.
fn hides(json: &Value) {
    match json {
        Value::Object(members) => members.iter().for_each(|(name, value)| match value {
            Value::Null => {}
            Value::String(text) if name == "a" => assert!(text.starts_with("redacted-"), "{text}"),
            other if name == "a" => panic!("{other} is left"),
            other => hides(other),
        }),
        Value::Array(elements) => elements.iter().for_each(hides),
        _ => {}
    }
}

fn exchange(kind: &'static str, coding: &'static str, body: &[u8]) -> Exchange {
    let text = String::from_utf8_lossy(body);
    let mut request = Request { target: format!("/?{text}"), ..Request::default() };
    let mut response = Response::default();
    for headers in [&mut request.headers, &mut response.headers] {
        for (name, value) in [(CONTENT_TYPE, kind), (CONTENT_ENCODING, coding)] {
            if !value.is_empty() {
                headers.insert(name, HeaderValue::from_static(value));
            }
        }
        for name in ["cookie", "set-cookie", "location"] {
            if let Ok(value) = HeaderValue::from_bytes(body) {
                headers.insert(name, value);
            }
        }
    }
    request.body = Body::whole(Bytes::copy_from_slice(body));
    response.body = request.body.clone();
    Exchange {
        id: ExchangeId::default(),
        admitted_ns: 0,
        cluster_key: 0,
        labels: Vec::new(),
        order: CopyOrder::CandidateFirst,
        sample_ppm: 1_000_000,
        request,
        outcomes: Outcomes { primary: Some(Outcome::Response(Box::new(response))), ..Outcomes::default() },
    }
}

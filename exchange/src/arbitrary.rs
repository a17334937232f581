//! Arbitrary exchanges for property tests: every variant, odd bytes wherever the types allow them.

use crate::{
    Body, CopyOrder, Exchange, ExchangeId, Label, MissingReason, Outcome, Outcomes, Request, Response, Timing,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

pub(crate) fn exchange() -> impl Strategy<Value = Exchange> {
    let fixed = (id(), any::<u64>(), any::<u64>(), vec(label(), 0..4), order(), any::<u32>());
    (fixed, request(), outcomes()).prop_map(|(fixed, request, outcomes)| {
        let (id, admitted_ns, cluster_key, labels, order, sample_ppm) = fixed;
        Exchange { id, admitted_ns, cluster_key, labels, order, sample_ppm, request, outcomes }
    })
}

fn id() -> impl Strategy<Value = ExchangeId> {
    any::<(u32, u32, u64)>().prop_map(|(proxy, epoch, sequence)| ExchangeId { proxy, epoch, sequence })
}

/// Any characters, control characters among them.
fn text() -> impl Strategy<Value = String> {
    vec(any::<char>(), 0..10).prop_map(String::from_iter)
}

fn label() -> impl Strategy<Value = Label> {
    (text(), text())
        .prop_map(|(name, value): (String, String)| Label { name: name.into(), value: value.into() })
}

fn order() -> impl Strategy<Value = CopyOrder> {
    prop_oneof![Just(CopyOrder::CandidateFirst), Just(CopyOrder::ControlFirst)]
}

fn request() -> impl Strategy<Value = Request> {
    let method = prop_oneof![
        prop::sample::select(vec![Method::GET, Method::POST, Method::OPTIONS]),
        "[A-Z!#$%&'*+.^_`|~-]{1,20}".prop_map(|name| name.parse().expect("a token is a method")),
    ];
    let target = prop_oneof!["/[a-z/]{0,20}", Just("*".to_owned()), text()];
    (method, target, text(), headers(), body()).prop_map(|parts| {
        let (method, target, authority, headers, body) = parts;
        Request { method, target, authority, headers, body }
    })
}

fn outcomes() -> impl Strategy<Value = Outcomes> {
    (option::of(outcome()), option::of(outcome()), option::of(outcome()))
        .prop_map(|(primary, candidate, control)| Outcomes { primary, candidate, control })
}

fn outcome() -> impl Strategy<Value = Outcome> {
    let missing = (prop::sample::select(MissingReason::ALL.to_vec()), timing())
        .prop_map(|(reason, timing)| Outcome::Missing { reason, timing });
    prop_oneof![response().prop_map(|response| Outcome::Response(Box::new(response))), missing]
}

fn response() -> impl Strategy<Value = Response> {
    (100u16..=999, headers(), body(), headers(), timing()).prop_map(|parts| {
        let (status, headers, body, trailers, timing) = parts;
        let status = StatusCode::from_u16(status).expect("in the range of a status");
        Response { status, headers, body, trailers, timing }
    })
}

fn timing() -> impl Strategy<Value = Timing> {
    any::<(u64, u64, u64)>().prop_map(|(sent_ns, head_ns, done_ns)| Timing { sent_ns, head_ns, done_ns })
}

fn body() -> impl Strategy<Value = Body> {
    let bytes = || prop_oneof![vec(any::<u8>(), 0..150), vec(any::<u8>(), 0..3)];
    prop_oneof![
        bytes().prop_map(Body::whole),
        (bytes(), any::<u64>(), any::<u64>())
            .prop_map(|(bytes, length, digest)| Body::cut(bytes, length, digest)),
    ]
}

fn headers() -> impl Strategy<Value = HeaderMap> {
    let name = prop_oneof![
        prop::sample::select(vec!["content-type", "set-cookie", "x-repeated"]).prop_map(str::to_owned),
        "[a-z0-9!#$%&'*+.^_`|~-]{1,150}",
    ];
    let byte = prop_oneof![32u8..=126, 128u8..=255, Just(b'\t')]; // no control characters
    vec((name, vec(byte, 0..140)), 0..4).prop_map(|fields| {
        let parse = |(name, value): (String, Vec<u8>)| {
            let value = HeaderValue::from_bytes(&value).expect("no control characters");
            (name.parse::<HeaderName>().expect("a token is a name"), value)
        };
        let mut map = HeaderMap::new();
        for (name, value) in fields.into_iter().map(parse) {
            map.append(name, value);
        }
        map
    })
}

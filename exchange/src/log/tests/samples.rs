//! Files that earlier builds wrote and that every later build must still read.
//!
//! A new format adds a file; the old ones are never written again.

use super::*;
use crate::{
    Body, CopyOrder, Exchange, ExchangeId, Label, MissingReason, Outcome, Outcomes, Request, Response, Timing,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};

#[test]
fn a_log_of_format_1_is_read() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/samples/format-1.plx");
    let (records, damage) = read_all(&mut *open_reader(path).unwrap());
    assert!(damage.is_empty(), "{damage:?}");
    let records: Vec<_> = records.into_iter().map(|(_, record)| record).collect();
    assert_eq!(records, format_1());
}

/// What the first build put into the sample: every kind of record and of outcome.
fn format_1() -> Vec<Record> {
    vec![
        Record::Run(json(r#"{"run":"sample"}"#)),
        Record::Exchange(Box::new(exchange())),
        Record::Example(Box::new(Exchange { order: CopyOrder::CandidateFirst, ..exchange() })),
        Record::Sealed(json(r#"{"window":1}"#)),
        Record::Verdict(json(r#"{"state":"wait"}"#)),
        Record::End(json("{}")),
    ]
}

fn exchange() -> Exchange {
    let timing = Timing { sent_ns: 1_000, head_ns: 250_000, done_ns: 300_000 };
    let response = Response {
        status: StatusCode::ACCEPTED,
        headers: fields(&[("content-type", b"application/json"), ("set-cookie", b"a"), ("set-cookie", b"b")]),
        body: Body::whole(&br#"{"success":true}"#[..]),
        trailers: fields(&[("grpc-status", b"0")]),
        timing,
    };
    Exchange {
        id: ExchangeId { proxy: 0xdead_beef, epoch: 1_900_000_000, sequence: 300 },
        admitted_ns: 1_900_000_000_123_456_789,
        cluster_key: u64::MAX,
        labels: vec![Label { name: "route".into(), value: "ingest".into() }],
        order: CopyOrder::ControlFirst,
        sample_ppm: 1_000_000,
        request: Request {
            method: Method::POST,
            target: "/v1/log_event?k=\u{e9}".to_owned(),
            authority: "events.example".to_owned(),
            headers: fields(&[("x-raw", b"\xff\xfe"), ("accept", b"*/*")]),
            body: Body::cut(&b"the first bytes"[..], 5_000_000, 42),
        },
        outcomes: Outcomes {
            primary: Some(Outcome::Response(Box::new(response))),
            candidate: Some(Outcome::Missing { reason: MissingReason::Timeout, timing }),
            control: None,
        },
    }
}

fn fields(list: &[(&'static str, &[u8])]) -> HeaderMap {
    let parse = |&(name, value): &(&'static str, &[u8])| {
        (HeaderName::from_static(name), HeaderValue::from_bytes(value).unwrap())
    };
    let mut map = HeaderMap::new();
    for (name, value) in list.iter().map(parse) {
        map.append(name, value);
    }
    map
}

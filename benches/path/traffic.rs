//! The exchanges and the run that they belong to.

use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use parallax_comparator::run::{Build, ControlMode, NORMALISER, Run};
use parallax_comparator::slice::Slice;
use parallax_config::{Action, Place, Policy, Rule};
use parallax_exchange::{
    Body, CopyOrder, Exchange, ExchangeId, Label, Outcome, Outcomes, Request, Response, Timing,
};

/// Unix time of the first exchange.
const START_NS: u64 = 1_900_000_000_000_000_000;
const KEYS: usize = 1000;

/// A run with two named slices and two rules, neither of which hides what differs here.
pub(crate) fn run() -> Run {
    let rule = |at: Place| Rule { at, action: Action::Ignore, route: None, owner: None, expires: None };
    Run {
        run: "bench".into(),
        continues: None,
        attempt: 1,
        carried_windows: 0,
        started_ns: START_NS,
        candidate: Build::default(),
        baseline: Build::default(),
        control: ControlMode::Paired,
        policy: Policy::default(),
        rules: vec![rule(Place::Body("/received_at".into())), rule(Place::Header("x-served-by".into()))],
        slices: vec![Slice::of("route", "ingest"), Slice::of("route", "lookup")],
        normaliser: NORMALISER,
        checks: Vec::new(),
        replicas: Vec::new(),
        history: Vec::new(),
        noise: Vec::new(),
        descriptors: None,
        profiles: Vec::new(),
    }
}

/// The exchange at `index`; `differs` changes one value of the candidate's body.
pub(crate) fn exchange(index: usize, differs: bool) -> Exchange {
    let request = Request {
        method: Method::POST,
        target: "/v1/log_event?k=client-key".to_owned(),
        authority: "events.example".to_owned(),
        headers: headers(&[
            ("host", "events.example"),
            ("content-type", "application/json"),
            ("content-length", "1024"),
            ("user-agent", "sample-sdk/1.0"),
            ("accept", "*/*"),
            ("accept-encoding", "gzip, br"),
            ("x-api-key", "client-abcdefghijklmnop"),
            ("x-client-time", "1900000000000"),
        ]),
        body: Body::whole(body(index, "request")),
    };
    let answer = |date: &str, outcome: &str, done_ns: u64| Some(response(index, date, outcome, done_ns));
    let took = 1_000_000 + (index as u64 * 7_919) % 500_000;
    Exchange {
        id: ExchangeId { proxy: 77, epoch: 1_900_000_000, sequence: index as u64 },
        admitted_ns: START_NS + index as u64 * 1000,
        cluster_key: (index % KEYS) as u64 * 0x9e37_79b9_7f4a_7c15,
        labels: vec![Label { name: "route".into(), value: "ingest".into() }],
        order: if index.is_multiple_of(2) { CopyOrder::CandidateFirst } else { CopyOrder::ControlFirst },
        sample_ppm: 1_000_000,
        request,
        outcomes: Outcomes {
            primary: answer("Tue, 10 Jun 2031 10:10:10 GMT", "accepted", took),
            candidate: answer(
                "Tue, 10 Jun 2031 10:10:11 GMT",
                if differs { "deferred" } else { "accepted" },
                took + 5_000,
            ),
            control: answer("Tue, 10 Jun 2031 10:10:12 GMT", "accepted", took + 3_000),
        },
    }
}

fn response(index: usize, date: &str, outcome: &str, done_ns: u64) -> Outcome {
    let body = body(index, outcome);
    let mut headers = headers(&[
        ("content-type", "application/json"),
        ("date", "Tue, 10 Jun 2031 10:10:10 GMT"),
        ("server", "sample/1.0"),
        ("cache-control", "no-store"),
    ]);
    headers.insert("date", HeaderValue::from_str(date).expect("a date is a value"));
    headers.insert("content-length", body.len().into());
    Outcome::Response(Box::new(Response {
        status: StatusCode::OK,
        headers,
        body: Body::whole(body),
        trailers: HeaderMap::new(),
        timing: Timing { sent_ns: 1_000, head_ns: done_ns - 1_000, done_ns },
    }))
}

/// JSON of about 1 KiB; `outcome` stands in the middle.
fn body(index: usize, outcome: &str) -> String {
    let events = |from: usize| -> Vec<String> {
        (from..from + 4)
            .map(|event| {
                format!(
                    r#"{{"id":"8c9a7b6c-{:04x}-4321-9876-{:012x}","status":202,"queued":true,"lag_ms":{}.5}}"#,
                    event,
                    index * 31 + event,
                    (index * 13 + event) % 100
                )
            })
            .collect()
    };
    format!(
        r#"{{"success":true,"received":8,"events":[{}],"outcome":"{outcome}","more":[{}],"note":"größe \"quoted\" {}"}}"#,
        events(0).join(","),
        events(4).join(","),
        "x".repeat(96)
    )
}

fn headers(list: &[(&'static str, &'static str)]) -> HeaderMap {
    list.iter()
        .map(|&(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
        .collect()
}

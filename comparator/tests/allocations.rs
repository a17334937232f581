//! Equal exchanges allocate nothing: at full rate almost all of them are.

use allocation_counter::measure;
use http::{HeaderMap, HeaderName, HeaderValue};
use parallax_comparator::compare::Comparer;
use parallax_config::{Action, Place, Rule};
use parallax_exchange::{
    Body, CopyOrder, Exchange, ExchangeId, Label, Outcome, Outcomes, Request, Response, Timing,
};

fn response(date: &'static str) -> Outcome {
    let mut headers = HeaderMap::new();
    for (name, value) in [("date", date), ("content-type", "application/json"), ("x-a", "1"), ("x-a", "2")] {
        headers.append(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    let body = Body::whole(r#"{"success":true,"events":[1,2,3]}"#);
    let timing = Timing { sent_ns: 1, head_ns: 2, done_ns: 3 };
    Outcome::Response(Box::new(Response { headers, body, timing, ..Response::default() }))
}

#[test]
fn equal_exchanges_allocate_nothing() {
    let rule = |at: &str, route: Option<&str>| Rule {
        at: Place::try_from(at.to_owned()).unwrap(),
        action: Action::Ignore,
        route: route.map(str::to_owned),
        owner: None,
        expires: None,
    };
    let rules = [rule("body:/received_at", None), rule("header:x-b", Some("ingest"))];
    let comparer = Comparer::new(&rules, &["/success".into()]).unwrap();
    let exchange = Exchange {
        id: ExchangeId::default(),
        admitted_ns: 0,
        cluster_key: 0,
        labels: vec![Label { name: "route".into(), value: "ingest".into() }],
        order: CopyOrder::CandidateFirst,
        sample_ppm: 1_000_000,
        request: Request::default(),
        outcomes: Outcomes {
            primary: Some(response("Mon, 23 Nov 2026 10:00:00 GMT")),
            candidate: Some(response("Mon, 23 Nov 2026 10:00:01 GMT")),
            control: Some(response("Mon, 23 Nov 2026 10:00:00 GMT")),
        },
    };
    let mut observation = None;
    let counted = measure(|| observation = Some(comparer.observe(&exchange)));
    let observation = observation.unwrap();
    assert!(!observation.candidate.unwrap().mismatch && !observation.control.unwrap().mismatch);
    assert_eq!(counted.count_total, 0);
}

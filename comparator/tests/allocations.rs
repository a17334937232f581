//! Equal exchanges allocate nothing, from their bytes to the tally: at full rate almost all of them are.

use allocation_counter::measure;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use parallax_comparator::compare::Comparer;
use parallax_comparator::run::{Build, ControlMode, NORMALISER, RouteProfile, Run};
use parallax_comparator::slice::Slice;
use parallax_comparator::tally::Fate;
use parallax_comparator::trial::Trial;
use parallax_config::{Action, Place, Policy, ProfileName, Rule};
use parallax_exchange::{
    Body, CopyOrder, Exchange, ExchangeId, Label, Outcome, Outcomes, Request, Response, Timing, codec,
};

const START_NS: u64 = 1_800_000_000_000_000_000;

fn response(date: &'static str) -> Outcome {
    let mut headers = HeaderMap::new();
    for (name, value) in [("date", date), ("content-type", "application/json"), ("x-a", "1"), ("x-a", "2")] {
        headers.append(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    let body = Body::whole(r#"{"success":true,"events":[1,2,3]}"#);
    let timing = Timing { sent_ns: 1, head_ns: 2, done_ns: 3 };
    Outcome::Response(Box::new(Response { headers, body, timing, ..Response::default() }))
}

fn rules() -> [Rule; 2] {
    let rule = |at: &str, route: Option<&str>| Rule {
        at: Place::try_from(at.to_owned()).unwrap(),
        action: Action::Ignore,
        route: route.map(str::to_owned),
        owner: None,
        expires: None,
    };
    [rule("body:/received_at", None), rule("header:x-b", Some("ingest"))]
}

fn exchange(sequence: u64) -> Exchange {
    Exchange {
        id: ExchangeId { sequence, ..ExchangeId::default() },
        admitted_ns: START_NS + sequence,
        cluster_key: sequence % 16,
        labels: vec![Label { name: "route".into(), value: "ingest".into() }],
        order: CopyOrder::CandidateFirst,
        sample_ppm: 1_000_000,
        request: Request::default(),
        outcomes: Outcomes {
            primary: Some(response("Mon, 23 Nov 2026 10:00:00 GMT")),
            candidate: Some(response("Mon, 23 Nov 2026 10:00:01 GMT")),
            control: Some(response("Mon, 23 Nov 2026 10:00:00 GMT")),
        },
    }
}

fn run() -> Run {
    Run {
        run: "test".into(),
        continues: None,
        attempt: 1,
        carried_windows: 0,
        started_ns: START_NS,
        candidate: Build::default(),
        baseline: Build::default(),
        control: ControlMode::Paired,
        policy: Policy::default(),
        rules: rules().into(),
        slices: vec![Slice::of("route", "ingest")],
        normaliser: NORMALISER,
        checks: Vec::new(),
        replicas: Vec::new(),
        history: Vec::new(),
        noise: Vec::new(),
        descriptors: None,
        profiles: Vec::new(),
    }
}

#[test]
fn comparing_equal_exchanges_allocates_nothing() {
    let comparer = Comparer::new(&rules(), &["/success".into()]).unwrap();
    let exchange = exchange(0);
    let mut observation = None;
    let counted = measure(|| observation = Some(comparer.observe(&exchange)));
    let observation = observation.unwrap();
    assert!(!observation.candidate.unwrap().mismatch && !observation.control.unwrap().mismatch);
    assert_eq!(counted.count_total, 0);
}

/// Two paths, two sides and the list: what is said of the difference, and nothing to find it.
#[test]
fn only_what_is_said_of_a_difference_is_allocated() {
    let comparer = Comparer::new(&[], &[]).unwrap();
    let record =
        r#"{"id":"3f2504e0","user":{"name":"a","tags":["x","y"],"n":1.5},"at":10,"deep":[[{"k":[]}]]}"#;
    let left = format!(r#"{{"sdk":"js","batch":[{record},{record},{record}]}}"#);
    let compare = |right: &str, differences: usize| {
        let mut found = None;
        let counted =
            measure(|| found = Some(comparer.compare_json(None, left.as_bytes(), right.as_bytes())));
        assert_eq!(found.unwrap().differences.len(), differences);
        counted.count_total
    };
    assert_eq!(compare(&left, 0), 0, "equal");
    assert_eq!(compare(&left.replacen("10", "11", 1), 1), 5, "one value");
    let turned =
        r#"{"deep":[[{"k":[]}]],"at":10,"user":{"n":1.5,"tags":["x","y"],"name":"a"},"id":"3f2504e0"}"#;
    let reordered = format!(r#"{{"batch":[{turned},{turned},{turned}],"sdk":"js"}}"#);
    assert_eq!(compare(&reordered, 0), 0, "keys in another order");
}

#[test]
fn reading_what_equal_answers_mean_to_a_vendors_clients_allocates_nothing() {
    for (profile, target) in [(ProfileName::Statsig, "/v1/log_event"), (ProfileName::Segment, "/v1/batch")] {
        let of_route = RouteProfile { route: "ingest".to_owned(), profile };
        let comparer = Comparer::new(&[], &[]).unwrap().with_profiles(&[of_route]);
        let mut exchange = exchange(0);
        exchange.request.method = http::Method::POST;
        exchange.request.target = target.to_owned();
        let outcomes = &mut exchange.outcomes;
        for outcome in [&mut outcomes.primary, &mut outcomes.candidate, &mut outcomes.control] {
            let Some(Outcome::Response(response)) = outcome else { panic!("there is an answer") };
            response.body = Body::whole(r#"{"success":true}"#);
        }
        let mut observation = None;
        let counted = measure(|| observation = Some(comparer.observe(&exchange)));
        assert!(!observation.unwrap().candidate.unwrap().mismatch);
        assert_eq!(counted.count_total, 0, "{profile}");
    }
}

/// A new cluster key, a new slice, a new bucket of latencies and, once in twice as many exchanges as
/// the time before, a level of the route's count take memory; an exchange does not.
#[test]
fn counting_equal_exchanges_of_known_keys_allocates_nothing() {
    let mut trial = Trial::new(run()).unwrap();
    let exchanges: Vec<Exchange> = (0..10_000).map(exchange).collect();
    let encode = |exchange: &Exchange| {
        let mut bytes = Vec::new();
        codec::encode(exchange, &mut bytes);
        Bytes::from(bytes)
    };
    let encoded: Vec<Bytes> = exchanges.iter().map(encode).collect();
    let mut count = |from: usize, to: usize| {
        measure(|| {
            for (exchange, bytes) in exchanges[from..to].iter().zip(&encoded[from..to]) {
                assert_eq!(trial.exchange(exchange).unwrap().fate, Fate::Compared);
                assert_eq!(trial.encoded(bytes).unwrap().fate, Fate::Compared);
            }
        })
    };
    assert!(count(0, 6000).count_total > 0, "the first ones make room, and the counter counts");
    assert_eq!(count(6000, 10_000).count_total, 0);
}

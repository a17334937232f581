use super::{Bench, STATES, published};
use crate::canned;
use axum::body::Body;
use http::{Request, StatusCode};
use parallax_comparator::report::{Conservation, Report};
use parallax_comparator::slice::Slice;
use parallax_comparator::verdict::{CheckLine, CheckState, State};
use serde_json::json;

#[tokio::test]
async fn a_verdict_is_the_judges_bytes_with_200_in_every_state() {
    for state in STATES {
        let bench = Bench::new();
        let published = published("r1", state);
        bench.board.publish(published.clone());
        for target in ["/v1/verdicts/r1", "/v1/verdicts/latest"] {
            let answer = bench.get(target).await;
            assert_eq!(answer.status, StatusCode::OK);
            assert_eq!(answer.body, published.verdict_json);
            assert_eq!(answer.headers["cache-control"], "no-store");
            assert_eq!(answer.headers["x-content-type-options"], "nosniff");
        }
    }
}

#[tokio::test]
async fn promote_is_true_false_or_null_and_always_there() {
    let cases = [
        (State::Promote, json!(true)),
        (State::Reject, json!(false)),
        (State::Wait, json!(null)),
        (State::Inconclusive, json!(null)),
        (State::Invalid, json!(false)),
    ];
    for (state, expected) in cases {
        let bench = Bench::new();
        bench.board.publish(published("r1", state));
        let document = bench.get("/v1/verdicts/r1").await.json();
        assert_eq!(document.as_object().unwrap().get("promote"), Some(&expected), "{state:?}");
        assert!(document["reject"].is_boolean());
    }
}

#[tokio::test]
async fn before_anything_is_published_gates_get_503_and_livez_200() {
    let bench = Bench::new();
    for target in ["/v1/verdicts/r1", "/v1/verdicts/latest", "/v1/report", "/v1/differences", "/readyz"] {
        let answer = bench.get(target).await;
        assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE, "{target}");
        assert_eq!(answer.headers["retry-after"], "5");
        assert!(answer.json()["remedy"].is_string());
    }
    assert_eq!(bench.get("/livez").await.status, StatusCode::OK);
    assert_eq!(bench.get("/v1/verdicts").await.json()["verdicts"], json!([]));
    bench.board.publish(published("r1", State::Wait));
    assert_eq!(bench.get("/readyz").await.json()["run"], "r1");
}

#[tokio::test]
async fn a_draining_process_is_not_ready_but_tells_its_verdict() {
    let bench = Bench::new();
    bench.board.publish(published("r1", State::Wait));
    bench.board.drain();
    let answer = bench.get("/readyz").await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(answer.json()["error"].as_str().unwrap().contains("draining"));
    for target in ["/livez", "/v1/verdicts/r1"] {
        assert_eq!(bench.get(target).await.status, StatusCode::OK, "{target}");
    }
}

#[tokio::test]
async fn an_unknown_run_is_404_and_a_run_of_another_digest_409() {
    let bench = Bench::new();
    bench.board.publish(published("r1", State::Promote));
    let digest = canned::DIGEST;
    for (target, status) in [
        ("/v1/verdicts/r2".to_owned(), 404),
        ("/v1/verdicts/latest?candidate=sha256:0".to_owned(), 404),
        ("/v1/verdicts/r1?candidate=sha256:0".to_owned(), 409),
        (format!("/v1/verdicts/r1?candidate={digest}"), 200),
        (format!("/v1/verdicts/latest?candidate={digest}"), 200),
        ("/v1/verdicts/%ff".to_owned(), 400),
        ("/v1/verdicts/r1?wait=soon".to_owned(), 400),
        ("/v1/verdicts/r1?wait=11m".to_owned(), 400),
        ("/v1/verdicts/r1?digest=x".to_owned(), 400),
        ("/v1/verdicts?wait=1s".to_owned(), 400),
        ("/v1/examples/e1".to_owned(), 404),
        ("/v1/report?run=r2".to_owned(), 404),
    ] {
        let answer = bench.get(&target).await;
        assert_eq!(answer.status.as_u16(), status, "{target}: {}", answer.text());
        let document = answer.json();
        assert!(status == 200 || document["error"].is_string(), "{target}");
    }
}

#[tokio::test]
async fn an_unknown_path_is_404_with_the_paths_that_exist() {
    let bench = Bench::new();
    for target in ["/v1", "/v2/verdicts", "/v1/verdicts/r1/", "/%3Cscript%3E"] {
        let answer = bench.get(target).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{target}");
        assert!(answer.json()["paths"].as_array().unwrap().contains(&json!("GET /v1/verdicts/{run}")));
    }
    let request = Request::post("/v1/verdicts").body(Body::empty()).unwrap();
    let answer = bench.send(request).await;
    assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED);
    assert!(answer.json()["error"].as_str().unwrap().contains("POST"));
}

#[tokio::test]
async fn a_document_that_is_no_object_is_never_a_2xx() {
    for broken in ["", "null", "<html>", "{\"verdict\":\"promote\""] {
        let bench = Bench::new();
        let mut published = published("r1", State::Promote);
        published.verdict_json = broken.to_owned().into();
        bench.board.publish(published);
        let answer = bench.get("/v1/verdicts/r1").await;
        assert_eq!(answer.status, StatusCode::INTERNAL_SERVER_ERROR, "{broken}");
        answer.json();
    }
}

#[tokio::test]
async fn the_list_holds_each_run_with_its_changes_newest_first() {
    let bench = Bench::new();
    bench.board.publish(published("r1", State::Wait));
    bench.board.publish(published("r1", State::Wait));
    bench.board.publish(published("r1", State::Reject));
    bench.board.publish(published("r2", State::Wait));
    let document = bench.get("/v1/verdicts").await.json();
    let runs: Vec<_> = document["verdicts"].as_array().unwrap().iter().map(|v| v["run"].clone()).collect();
    assert_eq!(runs, ["r2", "r1"]);
    let changes = document["verdicts"][1]["changes"].as_array().unwrap();
    let states: Vec<_> = changes.iter().map(|change| change["verdict"].clone()).collect();
    assert_eq!(states, ["wait", "reject"]);
    let other = bench.get("/v1/verdicts?candidate=sha256:0").await.json();
    assert_eq!(other["verdicts"], json!([]));
}

#[tokio::test]
async fn the_board_keeps_a_bounded_number_of_runs_and_changes() {
    let bench = Bench::new();
    for index in 0..40 {
        bench.board.publish(published(&format!("r{index}"), State::Wait));
    }
    for index in 0..300 {
        let is_final = false;
        let state = if index % 2 == 0 { State::Invalid } else { State::Wait };
        let verdict = canned::verdict("r39", state, is_final);
        bench.board.publish(canned::publish(verdict, Report::default()));
    }
    let document = bench.get("/v1/verdicts").await.json();
    let verdicts = document["verdicts"].as_array().unwrap();
    assert_eq!(verdicts.len(), 32);
    assert_eq!(verdicts[0]["run"], "r39");
    assert_eq!(verdicts[31]["run"], "r8");
    let changes = verdicts[0]["changes"].as_array().unwrap();
    assert_eq!(changes.len(), 128);
    assert_eq!(changes[127]["verdict"], "wait", "the newest stay");
}

#[tokio::test]
async fn the_report_is_readable_in_parts() {
    let bench = Bench::new();
    let conservation = Conservation { offered: 7, ..Conservation::default() };
    let report = Report { run: "r1".to_owned(), conservation, ..Report::default() };
    bench.board.publish(canned::publish(canned::verdict("r1", State::Wait, false), report));
    let whole = bench.get("/v1/report").await.json();
    assert_eq!((&whole["schema"], &whole["run"]), (&json!("parallax.report/1"), &json!("r1")));
    let differences = bench.get("/v1/differences?run=r1").await.json();
    assert_eq!(differences["schema"], "parallax.differences/1");
    assert_eq!(differences["conservation"]["offered"], 7);
    assert_eq!(differences["differences"], json!([]));
}

#[tokio::test]
async fn metrics_hold_each_state_as_0_or_1_and_escape_labels() {
    let bench = Bench::new();
    let verdict = canned::verdict("a\"b\\c\nd", State::Reject, true);
    bench.board.publish(canned::publish(verdict, Report::default()));
    let answer = bench.get("/metrics").await;
    assert_eq!(answer.status, StatusCode::OK);
    assert!(answer.headers["content-type"].to_str().unwrap().starts_with("text/plain; version=0.0.4"));
    let text = answer.text();
    assert!(text.contains("parallax_verdict{run=\"a\\\"b\\\\c\\nd\",state=\"reject\"} 1\n"), "{text}");
    let states = text.lines().filter(|line| line.starts_with("parallax_verdict{"));
    assert_eq!(states.filter(|line| line.ends_with("} 0")).count(), 4, "the other states are 0");
    assert!(text.contains("parallax_log_e_reject{run=\"a\\\"b\\\\c\\nd\"} 0\n"), "{text}");
    assert!(text.contains("# TYPE parallax_verdict gauge\n"));
}

/// A run with evidence of a region, and of a shard of it that has too little.
fn with_regions() -> parallax_comparator::report::Published {
    let mut verdict = canned::verdict("r1", State::Promote, true);
    let line: CheckLine = serde_json::from_value(json!({
        "slice": {}, "check": "mismatch", "required": true, "state": "promote", "tau": 0.0005, "delta": 0.002,
        "n": 5000, "n_required": 2925, "need_units": 0, "worse": 1, "better": 1, "log_e_reject": -1.0,
        "log_e_reject_plain": -1.0, "log_threshold_reject": 3.0, "log_e_promote": 5.0,
        "log_e_promote_plain": 5.0, "log_threshold_promote": 4.6, "estimate": 0.0, "cs": [-0.001, 0.001],
        "deff": 1.0, "guard": "off", "examples": [],
    }))
    .unwrap();
    let labels = |labels: &[(&str, &str)]| {
        Slice::from_iter(labels.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())))
    };
    for (slice, state) in [
        (labels(&[("region", "eu")]), CheckState::Promote),
        (labels(&[("region", "eu"), ("shard", "3")]), CheckState::Uncertified),
    ] {
        let required = state == CheckState::Promote;
        verdict.checks.push(CheckLine { slice, state, required, ..line.clone() });
    }
    canned::publish(verdict, Report::default())
}

#[tokio::test]
async fn a_region_and_a_shard_have_verdicts_of_their_own() {
    let bench = Bench::new();
    bench.board.publish(with_regions());
    let digest = canned::DIGEST;
    for target in [
        "/v1/verdicts/r1?region=eu".to_owned(),
        format!("/v1/verdicts/latest?candidate={digest}&region=eu&wait=30s"),
    ] {
        let document = bench.get(&target).await.json();
        assert_eq!(document["schema"], "parallax.verdict/1");
        assert_eq!((&document["verdict"], &document["slice"]), (&json!("promote"), &json!({"region": "eu"})));
        assert_eq!(document["checks"].as_array().unwrap().len(), 1);
    }
    let shard = bench.get("/v1/verdicts/r1?region=eu&shard=3").await.json();
    assert_eq!((&shard["verdict"], &shard["promote"]), (&json!("inconclusive"), &json!(null)));
    let unknown = bench.get("/v1/verdicts/r1?region=us").await;
    assert_eq!(unknown.status, StatusCode::NOT_FOUND);
    assert!(unknown.json()["error"].as_str().unwrap().contains("region=us"));
    assert_eq!(bench.get("/v1/verdicts/r1/signature?region=eu").await.status, StatusCode::BAD_REQUEST);
    assert_eq!(bench.get("/v1/verdicts/r1?zone=eu").await.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn the_list_tells_the_verdict_of_a_slice_and_leaves_out_runs_without_it() {
    let bench = Bench::new();
    bench.board.publish(with_regions());
    bench.board.publish(published("r2", State::Promote));
    let list = bench.get("/v1/verdicts?region=eu&shard=3").await.json();
    let verdicts = list["verdicts"].as_array().unwrap();
    assert_eq!(verdicts.len(), 1, "{list}");
    assert_eq!((&verdicts[0]["run"], &verdicts[0]["verdict"]), (&json!("r1"), &json!("inconclusive")));
    assert_eq!(verdicts[0]["changes"].as_array().unwrap().len(), 1);
}

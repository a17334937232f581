use super::{Answer, Bench, published};
use crate::canned;
use axum::body::Body;
use http::Request;
use parallax_comparator::report::Report;
use parallax_comparator::verdict::State;
use serde_json::{Value, json};

async fn post(bench: &Bench, hook: &str, metadata: Value) -> Answer {
    let body = json!({
        "name": "collector", "namespace": "events", "phase": "Progressing", "checksum": "85d557f47b",
        "metadata": metadata,
    });
    let request = Request::post(format!("/v1/flagger/{hook}"))
        .header("content-type", "application/json")
        .body(Body::from(body.to_string()))
        .unwrap();
    bench.send(request).await
}

#[tokio::test]
async fn each_hook_answers_with_its_own_polarity() {
    let blocking = (State::Invalid, false);
    // promote, wait, inconclusive, blocking invalid, reject, final invalid
    let states = [
        (State::Promote, true),
        (State::Wait, false),
        (State::Inconclusive, true),
        blocking,
        (State::Reject, true),
        (State::Invalid, true),
    ];
    let table = [
        ("confirm-rollout", [200, 409, 409, 409, 409, 409]),
        ("confirm-traffic-increase", [200, 409, 409, 409, 409, 409]),
        ("confirm-promotion", [200, 409, 409, 409, 409, 409]),
        ("rollout", [200, 200, 200, 200, 409, 409]),
        ("rollback", [409, 409, 409, 409, 200, 200]),
    ];
    for (hook, expected) in table {
        for ((state, is_final), status) in states.into_iter().zip(expected) {
            let bench = Bench::new();
            bench.board.publish(canned::publish(canned::verdict("r1", state, is_final), Report::default()));
            let answer = post(&bench, hook, json!({"digest": canned::DIGEST})).await;
            assert_eq!(answer.status.as_u16(), status, "{hook} in {state:?}, final {is_final}");
            if status == 200 {
                assert_eq!(answer.json()["run"], "r1");
            } else {
                assert_eq!(answer.text().lines().count(), 1, "the body becomes an event");
                assert!(answer.text().starts_with("parallax run r1: "));
            }
        }
    }
}

#[tokio::test]
async fn trouble_is_a_4xx_that_flagger_does_not_retry() {
    let hooks = ["confirm-rollout", "confirm-traffic-increase", "rollout", "confirm-promotion", "rollback"];
    for hook in hooks {
        let bench = Bench::new();
        assert_eq!(post(&bench, hook, json!({"run": "r1"})).await.status.as_u16(), 409, "not ready");
        bench.board.publish(published("r1", State::Promote));
        for (metadata, status) in [
            (json!({"run": "r2"}), 404),
            (json!({"digest": "sha256:0"}), 404),
            (json!({"run": "r1", "digest": "sha256:0"}), 409),
            (json!({"run": ""}), 404),
            (json!({}), 404),
            (json!(null), 404),
            (json!("r1"), 400),
        ] {
            let answer = post(&bench, hook, metadata.clone()).await;
            assert_eq!(answer.status.as_u16(), status, "{hook} {metadata}");
            assert_eq!(answer.text().lines().count(), 1);
        }
    }
}

#[tokio::test]
async fn a_rejects_reason_reaches_the_event_as_one_line() {
    let bench = Bench::new();
    let mut verdict = canned::verdict("r1", State::Reject, true);
    verdict.reason = "two\nlines\r\nhere".to_owned();
    bench.board.publish(canned::publish(verdict, Report::default()));
    let answer = post(&bench, "rollout", json!({"run": "r1"})).await;
    assert_eq!(answer.text(), "parallax run r1: reject: two lines  here\n");
}

#[tokio::test]
async fn bodies_that_are_no_webhook_and_hooks_that_do_not_exist_are_refused() {
    let bench = Bench::new();
    bench.board.publish(published("r1", State::Reject));
    let send = async |hook: &str, body: Vec<u8>| {
        let request = Request::post(format!("/v1/flagger/{hook}")).body(Body::from(body)).unwrap();
        bench.send(request).await.status.as_u16()
    };
    assert_eq!(send("rollback", b"".to_vec()).await, 400);
    assert_eq!(send("rollback", b"[1]".to_vec()).await, 400);
    assert_eq!(send("rollback", vec![b' '; 70 << 10]).await, 413);
    assert_eq!(send("pre-rollout", b"{}".to_vec()).await, 404);
    let get = bench.get("/v1/flagger/rollback").await;
    assert_eq!(get.status.as_u16(), 405, "a GET must not look like a yes to roll back");
}

use super::{Bench, STATES, published};
use crate::limits;
use parallax_comparator::verdict::State;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio::time::Instant;

/// Asks in the background, and returns once the question is being waited on.
async fn ask(bench: &Arc<Bench>, target: &'static str) -> JoinHandle<super::Answer> {
    let asked = {
        let bench = bench.clone();
        tokio::spawn(async move { bench.get(target).await })
    };
    tokio::task::yield_now().await;
    assert!(!asked.is_finished(), "it should wait");
    asked
}

#[tokio::test(start_paused = true)]
async fn a_long_poll_wakes_when_the_state_changes_and_not_before() {
    let bench = Arc::new(Bench::new());
    bench.board.publish(published("r1", State::Wait));
    let asked = ask(&bench, "/v1/verdicts/r1?wait=30s").await;
    bench.board.publish(published("r1", State::Wait));
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(!asked.is_finished(), "another watermark in the same state is no news");
    bench.board.publish(published("r1", State::Reject));
    assert_eq!(asked.await.unwrap().json()["verdict"], "reject");
}

#[tokio::test(start_paused = true)]
async fn a_long_poll_ends_after_its_time_with_what_is_there() {
    let bench = Arc::new(Bench::new());
    bench.board.publish(published("r1", State::Wait));
    let started = Instant::now();
    let answer = bench.get("/v1/verdicts/r1?wait=30s").await;
    assert_eq!(answer.json()["verdict"], "wait");
    assert!(started.elapsed() >= Duration::from_secs(30), "the clock is a simulated one");
}

#[tokio::test(start_paused = true)]
async fn a_final_verdict_is_not_waited_on() {
    for state in STATES.into_iter().filter(|state| *state != State::Wait) {
        let bench = Bench::new();
        bench.board.publish(published("r1", state));
        let started = Instant::now();
        bench.get("/v1/verdicts/r1?wait=30s").await.json();
        assert_eq!(started.elapsed(), Duration::ZERO, "{state:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_long_poll_on_an_empty_board_gets_the_first_publication() {
    let bench = Arc::new(Bench::new());
    let asked = ask(&bench, "/v1/verdicts/latest?wait=30s").await;
    bench.board.publish(published("r1", State::Wait));
    assert_eq!(asked.await.unwrap().json()["run"], "r1");
    let empty = Bench::new();
    assert_eq!(empty.get("/v1/verdicts/latest?wait=30s").await.status.as_u16(), 503);
}

#[tokio::test(start_paused = true)]
async fn an_unknown_run_is_an_answer_at_once() {
    let bench = Bench::new();
    bench.board.publish(published("r1", State::Wait));
    let started = Instant::now();
    assert_eq!(bench.get("/v1/verdicts/r2?wait=30s").await.status.as_u16(), 404);
    assert_eq!(started.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn stopping_ends_long_polls_with_the_document() {
    let bench = Arc::new(Bench::new());
    bench.board.publish(published("r1", State::Wait));
    let asked = ask(&bench, "/v1/verdicts/r1?wait=5m").await;
    let started = Instant::now();
    bench.stop.send_replace(true);
    assert_eq!(asked.await.unwrap().json()["verdict"], "wait");
    assert_eq!(started.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn too_many_long_polls_are_refused_and_plain_reads_are_not() {
    let bench = Arc::new(Bench::new());
    bench.board.publish(published("r1", State::Wait));
    let mut waiting = Vec::new();
    for _ in 0..limits::POLLS {
        waiting.push(ask(&bench, "/v1/verdicts/r1?wait=1m").await);
    }
    let refused = bench.get("/v1/verdicts/r1?wait=1m").await;
    assert_eq!(refused.status.as_u16(), 503);
    assert!(refused.json()["error"].as_str().unwrap().contains("256 long polls"));
    assert_eq!(bench.get("/v1/verdicts/r1").await.status.as_u16(), 200);
    bench.board.publish(published("r1", State::Promote));
    for answer in waiting {
        assert_eq!(answer.await.unwrap().json()["promote"], true);
    }
}

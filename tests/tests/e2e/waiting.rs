//! `verdict wait` and its exit codes, against a console that says what the test wants.

use crate::harness::{Invocation, Outcome, Upstream, free_port, parallax, wait_for};
use bytes::Bytes;
use http::{Request, Response};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

const SOON: Duration = Duration::from_secs(60);

/// A verdict document in this state, about `sha256:aa`.
pub(crate) fn verdict(state: &str, is_final: bool) -> Value {
    let directory = tempfile::tempdir().expect("a temporary directory");
    std::fs::write(directory.path().join("none.jsonl"), "").expect("a file");
    let judge = ["verdict", "judge", "none.jsonl", "--format", "json"];
    let mut document = parallax(judge).dir(directory.path()).run(SOON).expect_code(20).document().0;
    document["run"] = json!("r1");
    document["verdict"] = json!(state);
    document["final"] = json!(is_final);
    document["reject"] = json!(state == "reject");
    document["promote"] = match state {
        "promote" => json!(true),
        "reject" | "invalid" if is_final => json!(false),
        _ => Value::Null,
    };
    document["candidate"]["digest"] = json!("sha256:aa");
    document
}

/// Answers the n-th request with the n-th document, the last one again and again.
pub(crate) fn console(documents: Vec<Value>) -> Upstream {
    let asked = std::cell::Cell::new(0);
    Upstream::start(move |request: &Request<Bytes>| {
        if request.uri().query().is_some_and(|query| query.contains("sha256%3Abb")) {
            return answer(409, &json!({"error": "another build"}));
        }
        if request.uri().path().ends_with("/unknown") {
            return answer(404, &json!({"error": "no such run"}));
        }
        let document = &documents[asked.get().min(documents.len() - 1)];
        asked.set(asked.get() + 1);
        answer(200, document)
    })
}

fn answer(status: u16, body: &Value) -> Response<Bytes> {
    Response::builder().status(status).body(Bytes::from(body.to_string())).expect("a status")
}

fn wait(console: &Upstream, args: &[&str]) -> Invocation {
    let url = console.url();
    parallax([&["verdict", "wait", "--console", &url, "--format", "json"][..], args].concat())
}

fn ended(console: &Upstream, args: &[&str]) -> Outcome {
    wait(console, args).run(SOON)
}

#[test]
fn a_final_verdict_ends_the_wait_with_its_own_code() {
    for (state, code) in [("promote", 0), ("reject", 10), ("inconclusive", 20), ("invalid", 30)] {
        let console = console(vec![verdict(state, true)]);
        let outcome = ended(&console, &["--deadline", "30s"]).expect_code(code);
        assert_eq!(outcome.document().text("/verdict"), state);
    }
}

#[test]
fn a_wait_goes_on_through_an_invalid_that_may_pass() {
    let documents = vec![verdict("wait", false), verdict("invalid", false), verdict("promote", true)];
    let console = console(documents);
    ended(&console, &["--deadline", "30s"]).expect_code(0);
    assert_eq!(console.served(), 3);
}

#[test]
fn the_deadline_ends_a_wait_undecided_with_what_is_there() {
    for (state, code) in [("wait", 20), ("invalid", 30)] {
        let console = console(vec![verdict(state, false)]);
        let started = Instant::now();
        let outcome = ended(&console, &["--deadline", "1s"]).expect_code(code);
        assert!(started.elapsed() >= Duration::from_secs(1), "it must not end early");
        assert_eq!(outcome.document().text("/verdict"), state);
    }
}

#[test]
fn once_looks_once() {
    for (state, is_final, code) in [("wait", false, 20), ("invalid", false, 30), ("promote", true, 0)] {
        let console = console(vec![verdict(state, is_final)]);
        ended(&console, &["--once"]).expect_code(code);
        assert_eq!(console.served(), 1);
    }
}

#[test]
fn every_state_has_its_code_however_the_wait_ends() {
    // Plain, with `--on-inconclusive fail`, with `pass`. An invalid run is never a pass, final or not.
    let table = [
        ("promote", true, [0, 0, 0]),
        ("reject", true, [10, 10, 10]),
        ("inconclusive", true, [20, 10, 0]),
        ("invalid", true, [30, 30, 30]),
        ("wait", false, [20, 10, 0]),
        ("invalid", false, [30, 30, 30]),
    ];
    for (state, is_final, codes) in table {
        let console = console(vec![verdict(state, is_final)]);
        let ways = [&[][..], &["--on-inconclusive", "fail"], &["--on-inconclusive", "pass"]];
        for (way, code) in ways.into_iter().zip(codes) {
            for end in [&["--once"][..], &["--deadline", "100ms"]] {
                let outcome = ended(&console, &[end, way].concat());
                assert_eq!(outcome.code, code, "{state}, final {is_final}, {end:?} {way:?}: {outcome}");
            }
        }
    }
}

#[test]
fn what_is_no_verdict_has_codes_of_its_own() {
    let promote = console(vec![verdict("promote", true)]);
    ended(&promote, &["--candidate", "sha256:aa"]).expect_code(0);
    ended(&promote, &["--run", "unknown"]).expect_code(2);
    let other = ended(&promote, &["--run", "r1", "--candidate", "sha256:bb"]).expect_code(10);
    assert!(other.stderr.contains("is not about sha256:bb"), "{other}");
    ended(&promote, &["--deadline", "soon"]).expect_code(2);
    let nobody = format!("http://127.0.0.1:{}", free_port());
    parallax(["verdict", "wait", "--once", "--console", &nobody]).run(SOON).expect_code(69);
    let garbled = console(vec![json!({"schema": "parallax.verdict/2"})]);
    ended(&garbled, &["--once"]).expect_code(65);
}

#[test]
fn an_interrupt_before_the_console_answers_is_told_from_a_console_that_is_down() {
    let busy = Upstream::start(|_: &Request<Bytes>| answer(503, &json!({"error": "not ready"})));
    let mut process = wait(&busy, &["--deadline", "50s"]).start();
    // The second question shows that it listens to signals and asks again.
    wait_for("the console to be asked twice", SOON, || (busy.served() >= 2).then_some(()));
    process.interrupt();
    let outcome = Outcome::of(&mut process, SOON).expect_code(130);
    assert!(outcome.stderr.contains("before the console told a verdict"), "{outcome}");
}

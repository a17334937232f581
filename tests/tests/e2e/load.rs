//! Load on two builds, and replay of what others recorded.

use crate::harness::{Upstream, parallax};
use bytes::Bytes;
use http::Response;
use std::time::Duration;

const SOON: Duration = Duration::from_secs(60);

/// A policy by which seconds suffice: what is planted here differs in every answer.
const POLICY: &str = "[policy]\nunit = \"request\"\nwindow = \"100ms\"\nkey_block = \"100ms\"\nshadow_timeout = \"1s\"\n\
                      seal_delay = \"1s\"\nminimum_time = \"1s\"\nminimum_keys = 0\nguard_windows = 2\n\
                      futility_looks = 1000000\n";

fn answering(body: &'static str) -> Upstream {
    Upstream::start(move |_| {
        let answer = Response::builder().header("content-type", "application/json");
        answer.body(Bytes::from_static(body.as_bytes())).expect("a response")
    })
}

#[test]
fn two_targets_end_in_a_verdict_that_names_the_difference() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    std::fs::write(directory.path().join("policy.toml"), POLICY).expect("a file");
    let [old, same] = [(); 2].map(|()| answering(r#"{"a": 1, "b": 2}"#));
    let new = answering(r#"{"a": 1, "b": 3}"#);
    let run = |candidate: &Upstream| {
        let urls = [("--target", old.url()), ("--candidate", candidate.url()), ("--control", same.url())];
        let mut args: Vec<String> = [
            "load",
            "run",
            "--rate",
            "100/s",
            "--duration",
            "4s",
            "--policy",
            "policy.toml",
            "--format",
            "json",
        ]
        .map(str::to_owned)
        .to_vec();
        args.extend(urls.into_iter().flat_map(|(flag, url)| [flag.to_owned(), url]));
        parallax(args).dir(directory.path()).run(SOON)
    };

    let found = run(&new).expect_code(10).document();
    found.expect_verdict("reject");
    found.expect_culprit("body:/b");
    found.expect_conservation();
    assert_eq!(found.count("/load/compared"), 400, "{found}");
    assert_eq!(found.count("/load/targets/1/completed"), new.served(), "{found}");
    assert_eq!(old.served(), new.served(), "every arrival goes to every target: {found}");

    let equal = run(&same).document();
    assert_ne!(equal.text("/verdict"), "reject", "{equal}");
    assert!(equal.at("/report/differences").as_array().is_some_and(Vec::is_empty), "{equal}");
}

#[test]
fn a_session_of_a_browser_is_replayed_in_part() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let entry = |second: u64, method: &str, path: &str| {
        format!(
            r#"{{"startedDateTime": "2026-01-01T00:00:{second:02}Z", "request": {{"method": "{method}",
              "url": "https://shop.example{path}", "headers": []}}}}"#
        )
    };
    let entries =
        [entry(0, "GET", "/v1/a"), entry(30, "GET", "/v1/b"), entry(59, "POST", "/other")].join(",");
    let har = format!(r#"{{"log": {{"entries": [{entries}]}}}}"#);
    std::fs::write(directory.path().join("session.har"), har).expect("a file");
    let inspect = parallax(["recording", "inspect", "session.har", "--format", "json"]);
    let document = inspect.dir(directory.path()).run(SOON).expect_code(0).document();
    assert_eq!((document.text("/format"), document.count("/requests")), ("har", 3), "{document}");

    let target = answering("{}");
    let url = target.url();
    let args = ["replay", "session.har", "--target", &url, "--path", "/v1/{*rest}", "--stretch-to", "200ms"];
    let outcome = parallax(args.into_iter().chain(["--format", "json"])).dir(directory.path()).run(SOON);
    let report = outcome.document();
    assert_eq!((report.count("/completed"), target.served()), (2, 2), "{report}");
    assert_eq!(report.count("/plan/last_due_ns"), 200_000_000, "{report}");
}

#[test]
fn the_self_test_counts_exactly_and_blames_a_busy_machine_for_the_rest() {
    let outcome = parallax(["load", "selftest", "--part", "1s", "--no-peers", "--format", "json"]).run(SOON);
    let document = outcome.document();
    assert_eq!(document.text("/schema"), "parallax.selftest/1", "{document}");
    let checks = document.at("/checks").as_array().expect("checks");
    let counts: Vec<_> = checks.iter().filter(|check| check["unit"] == "requests").collect();
    assert!(counts.len() >= 6 && counts.iter().all(|check| check["held"] == true), "{document}");
    let expected = match (document.at("/held").as_bool(), document.at("/trustworthy").as_bool()) {
        (Some(true), _) => 0,
        (Some(false), Some(true)) => 10,
        _ => 30,
    };
    assert_eq!(outcome.code, expected, "{document}");
}

#[test]
fn the_knee_is_below_the_rate_that_is_missed() {
    // Refuses what comes less than 28 ms after the one before: 30 a second are fine, 45 are not.
    let last = std::sync::Mutex::new(std::time::Instant::now());
    let target = Upstream::start(move |_| {
        let gap =
            std::mem::replace(&mut *last.lock().expect("one thread"), std::time::Instant::now()).elapsed();
        let status = if gap < Duration::from_millis(28) { 503 } else { 200 };
        Response::builder().status(status).body(Bytes::new()).expect("a response")
    });
    let url = target.url();
    let args = ["load", "run", "--target", &url, "--rate", "20/s", "--duration", "1s", "--knee"];
    let limits = ["--fail-if", "errors<50%", "--format", "json"];
    let outcome = parallax(args.into_iter().chain(limits)).run(SOON);
    let document = outcome.document();
    assert_eq!(document.text("/schema"), "parallax.knee/1", "{document}");
    assert_eq!(document.at("/steps/0/rate").as_f64(), Some(20.0), "{document}");
    if document.at("/generator_limited").as_bool() == Some(true) {
        assert_eq!(outcome.code, 30, "{document}");
        return;
    }
    let rate = |pointer: &str| document.at(pointer).as_f64().expect("a rate");
    assert!(rate("/held") <= 45.0 && rate("/missed") > 30.0, "{document}");
    assert!(rate("/missed") / rate("/held") <= 1.1, "{document}");
    assert_eq!(outcome.code, 0, "{document}");
}

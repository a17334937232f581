//! Long and made streams: an hour replayed in a minute, events that are made up, runs that are stopped.

use crate::harness::{Rig, Trial, Upstream, parallax, wait_for};
use bytes::Bytes;
use http::Response;
use std::fmt::Write as _;
use std::time::Duration;

const SOON: Duration = Duration::from_secs(60);

fn answering() -> Upstream {
    Upstream::start(|_| {
        let answer = Response::builder().header("content-type", "application/json");
        answer.body(Bytes::from_static(br#"{"success":true}"#)).expect("a response")
    })
}

/// Nothing is decided while the replay lasts: it is the stream that is looked at.
const UNDECIDED: &str = "[policy]\nunit = \"request\"\nwindow = \"1s\"\nminimum_time = \"30m\"\ndeadline = \"1h\"\n\
                         futility_looks = 1000000\n";

#[test]
fn an_hour_that_was_recorded_is_replayed_in_a_minute_through_the_proxy_onto_two_builds() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    // 720 requests over an hour, in bursts of three 100 ms apart every 15 s: 12 a second at 60 times.
    let mut lines = String::new();
    for number in 0..720u64 {
        let at_ns = (number / 3) * 15_000_000_000 + (number % 3) * 100_000_000 + 1_750_000_000_000_000_000;
        let body = format!(r#"{{\"event\":{number}}}"#);
        writeln!(
            lines,
            r#"{{"method": "POST", "path": "/v1/events", "headers": {{"x-session": "s{}"}}, "body": "{body}", "at_ns": {at_ns}}}"#,
            number % 40
        )
        .expect("a String takes everything");
    }
    std::fs::write(directory.path().join("hour.jsonl"), lines).expect("a file");
    parallax(["recording", "convert", "hour.jsonl", "hour.plx"])
        .dir(directory.path())
        .run(SOON)
        .expect_code(0);

    let [old, new] = [(); 2].map(|()| answering());
    let trial = Trial {
        primary: old.url(),
        candidate: new.url(),
        tables: "[[routes]]\nname = \"ingest\"\npath = \"/v1/{*rest}\"\nmethods = [\"POST\"]\n".to_owned(),
        policy: UNDECIDED,
        ..Trial::default()
    };
    let mut rig = Rig::start(&trial);
    let url = format!("http://{}", rig.address());
    let args = ["replay", "hour.plx", "--target", &url, "--speed", "60", "--format", "json"];
    let report = parallax(args).dir(directory.path()).run(Duration::from_secs(120)).document();
    assert_eq!((report.count("/planned"), report.count("/completed")), (720, 720), "{report}");
    // 239 gaps of 15 s and the last 200 ms, divided by 60: to the nanosecond, and nothing was added up.
    assert_eq!(report.count("/plan/last_due_ns"), 59_753_333_333, "{report}");
    let elapsed = report.count("/elapsed_ns");
    assert!((59_753_333_333..75_000_000_000).contains(&elapsed), "{report}");
    wait_for("the last copies", SOON, || (new.served() == 720).then_some(()));
    assert_eq!(old.served(), 720, "{report}");

    let found = rig.interrupt().expect_code(130).document();
    found.expect_conservation();
    assert_ne!(found.text("/verdict"), "reject", "{found}");
    assert!(found.at("/report/differences").as_array().is_some_and(Vec::is_empty), "{found}");
}

#[test]
fn made_up_events_are_what_the_profiles_read() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    std::fs::write(directory.path().join("body.json"), r#"{"id":"{{uuid}}","n":{{number 1 9}}}"#)
        .expect("a file");
    let run = |more: &[&str]| {
        let target = answering();
        let url = target.url();
        let args =
            ["load", "run", "--target", &url, "--rate", "100/s", "--duration", "300ms", "--format", "json"];
        let run = parallax(args.into_iter().chain(more.iter().copied())).dir(directory.path()).run(SOON);
        let report = run.document();
        assert_eq!((report.count("/status/200"), target.served()), (30, 30), "{more:?}: {report}");
        report.count("/bytes/sent")
    };
    let vendors = ["statsig", "segment", "snowplow", "posthog", "amplitude", "ga4", "cloudevents", "otlp"];
    for vendor in vendors {
        let events =
            |batch| run(&["--events", vendor, "--users", "5", "--batch", batch, "-H", "x-load: yes"]);
        assert!(events("20") > 4 * events("2"), "{vendor}: a batch of 20 is larger than one of 2");
    }
    assert!(run(&["--body-template", "body.json", "-m", "PUT"]) > 30 * 50);
    let refused =
        parallax(["load", "run", "--target", "http://127.0.0.1:1/", "--rate", "1/s", "--events", "mixed"]);
    assert!(refused.run(SOON).expect_code(2).stderr.contains("none of statsig, segment"));
}

#[test]
fn a_run_that_is_stopped_prints_what_it_has_and_says_so() {
    let target = answering();
    let url = target.url();
    let args = ["load", "run", "--target", &url, "--rate", "50/s", "--duration", "10m", "--format", "json"];
    let mut process = parallax(args).start();
    wait_for("some requests", SOON, || (target.served() >= 10).then_some(()));
    process.interrupt();
    let outcome = crate::harness::Outcome::of(&mut process, SOON).expect_code(130);
    let report = outcome.document();
    assert_eq!(report.at("/partial").as_bool(), Some(true), "{report}");
    let count = |name: &str| report.count(name);
    assert!(count("/completed") >= 10, "{report}");
    assert_eq!(count("/planned"), 30_000, "{report}");
    assert_eq!(count("/planned"), count("/released") + count("/unreleased") + count("/not_due"), "{report}");
}

#[test]
fn a_recording_is_shared_with_pseudonyms_that_keep_equal_values_equal() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let line = |mail: &str, token: &str| {
        format!(
            r#"{{"method": "POST", "path": "/v1/a?token={token}", "headers": {{"authorization": "Bearer {token}"}},
               "body": "{{\"user\":{{\"email\":\"{mail}\"}},\"n\":1}}"}}"#
        )
        .replace('\n', " ")
    };
    let lines = [line("ann@a.example", "t-1"), line("bob@a.example", "t-2"), line("ann@a.example", "t-3")];
    std::fs::write(directory.path().join("in.jsonl"), lines.join("\n")).expect("a file");
    std::fs::write(directory.path().join("key"), [7; 32]).expect("a file");
    std::fs::write(directory.path().join("short"), "abc").expect("a file");
    let convert = |to: &str, key: &str| {
        let args =
            ["recording", "convert", "in.jsonl", to, "--pseudonym-key", key, "--redact", "credentials"];
        let more = ["--redact", "query:token", "--redact", "body:/user/email"];
        parallax(args.into_iter().chain(more)).dir(directory.path()).run(SOON)
    };
    let told = convert("out.gor", "key").expect_code(0).stderr;
    assert!(told.contains("9 values and 0 whole bodies were replaced"), "{told}");
    let text = std::fs::read_to_string(directory.path().join("out.gor")).expect("a recording");
    for secret in ["ann@", "bob@", "t-1", "t-2", "Bearer"] {
        assert!(!text.contains(secret), "{secret} is still there:\n{text}");
    }
    let mails: Vec<&str> =
        text.split(r#""email":""#).skip(1).filter_map(|rest| rest.split('"').next()).collect();
    assert_eq!(mails.len(), 3, "{text}");
    assert!(mails[0] == mails[2] && mails[0] != mails[1], "{mails:?}");
    let refused = convert("more.gor", "short").expect_code(2).stderr;
    assert!(refused.contains("short holds 3 bytes"), "{refused}");
}

//! `parallax outputs`: what two builds wrote, as files.

use crate::harness::{Document, parallax};
use std::path::Path;
use std::time::Duration;

const SOON: Duration = Duration::from_secs(30);

/// 400 events over 400 seconds; what `change` makes of each is written, a line each.
fn write(directory: &Path, name: &str, change: impl Fn(u64) -> Vec<String>) {
    let text: String = (0..400).flat_map(change).map(|line| line + "\n").collect();
    std::fs::write(directory.join(name), text).expect("a file");
}

fn event(n: u64, value: u64) -> String {
    format!(r#"{{"id":"e{n}","ts":{},"user":{{"v":{value}}}}}"#, 1_764_000_000 + n)
}

fn outputs(directory: &Path, more: &[&str]) -> crate::harness::Outcome {
    let files = ["outputs", "--primary", "a", "--candidate", "b", "--id", "/id", "--time", "/ts"];
    parallax(files.iter().chain(more)).dir(directory).run(SOON)
}

fn counts(document: &Document) -> [u64; 5] {
    ["matched", "missing", "extra", "duplicate", "different"]
        .map(|class| document.count(&format!("/counts/{class}")))
}

#[test]
fn what_two_builds_wrote_is_compared_and_judged() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let at = directory.path();
    write(at, "a", |n| vec![event(n, n)]);
    // The other way round, with the keys in another order.
    write(at, "c", |n| {
        let n = 399 - n;
        vec![format!(r#"{{"user": {{"v": {n}.0}}, "ts": {}, "id": "e{n}"}}"#, 1_764_000_000 + n)]
    });
    std::fs::copy(at.join("c"), at.join("b")).expect("a copy");
    let equal = outputs(at, &["--format", "json"]).expect_code(0).document();
    assert_eq!(equal.text("/schema"), "parallax.outputs/1");
    assert_eq!(*equal.at("/equal"), true);
    assert_eq!(counts(&equal), [400, 0, 0, 0, 0], "{equal}");

    write(at, "b", |n| match n {
        100..140 => Vec::new(),
        200..220 => vec![event(n, 7)],
        300..310 => vec![event(n, n), event(n, n)],
        _ => vec![event(n, n)],
    });
    let tallies = ["--control", "c", "--tallies", "t.jsonl", "--format", "json"];
    let different = outputs(at, &tallies).expect_code(10).document();
    assert_eq!(counts(&different), [340, 40, 0, 10, 20], "{different}");
    assert_eq!(different.count("/by_path/~1user~1v"), 20, "{different}");
    assert_eq!(different.count("/control/counts/matched"), 400, "{different}");
    let verdict = parallax(["verdict", "judge", "t.jsonl", "--format", "json"]).dir(at).run(SOON);
    let verdict = verdict.expect_code(10).document();
    assert_eq!(verdict.text("/verdict"), "reject", "{verdict}");

    let shown = outputs(at, &["--control", "c"]).expect_code(10).stdout;
    for part in ["different: 340 of 400 records match", "missing", "control 0", "at /user/v 20, control 0"] {
        assert!(shown.contains(part), "missing: {part}\n{shown}");
    }
}

#[test]
fn sources_that_cannot_be_compared_are_named() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let at = directory.path();
    write(at, "a", |n| vec![event(n, n)]);
    outputs(at, &[]).expect_code(74);
    std::fs::write(at.join("b"), "nothing\n").expect("a file");
    outputs(at, &[]).expect_code(10);
    std::fs::copy(at.join("b"), at.join("a")).expect("a copy");
    let damaged = outputs(at, &[]).expect_code(65);
    assert!(damaged.stdout.contains("1 records are not what the source claims"), "{damaged}");
    let wrong = parallax(["outputs", "--primary", "a", "--candidate", "b", "--id", "id"]).dir(at).run(SOON);
    assert!(wrong.expect_code(2).stderr.contains("write /json/pointer or header:name"));
}

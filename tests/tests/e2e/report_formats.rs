//! The reports for CI systems, read as those read them: SARIF against its published schema, JUnit by a
//! parser of another project (`tests/gates`).

use crate::harness::tools::{directory, need};
use crate::harness::{parallax, root};
use crate::waiting::{console, verdict};
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

const SOON: Duration = Duration::from_secs(60);

/// A rejected run, judged from tallies: 40 windows in which 20 of 200 units are worse.
fn rejected(at: &Path) -> Value {
    let mut tallies = String::new();
    for window in 1..=40 {
        for check in ["mismatch", "status"] {
            let worse = if check == "mismatch" { 20 } else { 0 };
            let line = json!({
                "window": window, "slice": {}, "check": check, "units": 200, "worse": worse, "better": 0,
            });
            writeln!(tallies, "{line}").expect("a text");
        }
    }
    std::fs::write(at.join("tallies.jsonl"), tallies).expect("a file");
    let judge = ["verdict", "judge", "tallies.jsonl", "--format", "json"];
    parallax(judge).dir(at).run(SOON).expect_code(10).document().0
}

/// The report of a console's verdict, in a file whose ending says its format.
fn report(document: &Value, format: &str, at: &Path) -> PathBuf {
    let console = console(vec![document.clone()]);
    let url = console.url();
    let shown = parallax(["verdict", "show", "--console", &url, "--format", format]).run(SOON);
    let file = at.join(format!("report.{format}"));
    std::fs::write(&file, shown.stdout).expect("a file");
    file
}

/// What the reader made of the file.
fn read(tool: &Path, file: &Path) -> Value {
    let output = Command::new(tool).arg("formats").arg(file).current_dir(root().join("tests/gates")).output();
    let output = output.expect("the program runs");
    let said = String::from_utf8_lossy(&output.stderr);
    let list: Value =
        serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {said}"));
    list[0].clone()
}

/// Every state, from real checks where the state has some.
fn states(at: &Path) -> Vec<Value> {
    let mut all = vec![rejected(at)];
    for (state, is_final) in
        [("promote", true), ("wait", false), ("inconclusive", true), ("invalid", true), ("invalid", false)]
    {
        all.push(verdict(state, is_final));
    }
    all
}

#[test]
fn sarif_and_junit_are_what_their_readers_want_in_every_state() {
    let Some(tool) = need("report formats", directory().join("gates/gates"), "gates") else { return };
    let directory = tempfile::tempdir().expect("a temporary directory");
    let at = directory.path();
    for document in states(at) {
        let state = document["verdict"].as_str().expect("a state");
        let sarif = read(&tool, &report(&document, "sarif", at));
        assert_eq!(sarif["problems"], json!([]), "{state}: {sarif:#}");
        let junit = read(&tool, &report(&document, "junit", at));
        assert_eq!(junit["problems"], json!([]), "{state}: {junit:#}");
        let totals = &junit["totals"];
        if state == "reject" {
            let blamed = json!({"rule": "parallax/mismatch", "level": "error"});
            assert!(sarif["results"].as_array().expect("results").contains(&blamed), "{sarif:#}");
            assert!(totals["failed"].as_u64() > Some(0), "{junit:#}");
        } else {
            assert_eq!(sarif["results"], Value::Null, "{state}: only failures are results");
            assert_eq!(totals["failed"], json!(0), "{state}: {junit:#}");
        }
    }
}

#[test]
fn the_reader_of_reports_sees_a_slip() {
    let Some(tool) = need("report formats", directory().join("gates/gates"), "gates") else { return };
    let directory = tempfile::tempdir().expect("a temporary directory");
    let at = directory.path();
    let file = report(&rejected(at), "sarif", at);
    let text = std::fs::read_to_string(&file).expect("it was written");
    for (right, wrong) in [("\"level\": \"error\"", "\"level\": \"bad\""), ("\"ruleId\"", "\"rule_id\"")] {
        let slip = at.join("slip.sarif");
        std::fs::write(&slip, text.replacen(right, wrong, 1)).expect("a file");
        let seen = read(&tool, &slip);
        assert_ne!(seen["problems"], json!([]), "{wrong}");
    }
}

/// GitLab publishes no schema: <https://docs.gitlab.com/ci/testing/code_quality/> names what it reads.
#[test]
fn the_code_quality_report_has_what_gitlab_reads() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let at = directory.path();
    for document in states(at) {
        let text = std::fs::read_to_string(report(&document, "gitlab", at)).expect("it was written");
        let issues: Vec<Value> = serde_json::from_str(&text).expect("a list");
        assert_eq!(issues.is_empty(), document["verdict"] != "reject", "{text}");
        for issue in issues {
            for field in ["/description", "/check_name", "/fingerprint", "/location/path"] {
                assert!(issue.pointer(field).is_some_and(Value::is_string), "{field}: {issue:#}");
            }
            assert!(issue["location"]["lines"]["begin"].is_u64(), "{issue:#}");
            let severities = ["info", "minor", "major", "critical", "blocker"];
            assert!(severities.iter().any(|severity| issue["severity"] == *severity), "{issue:#}");
        }
    }
}

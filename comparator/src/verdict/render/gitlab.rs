//! GitLab's code quality report: an issue for each check that fails.

use super::checks::{blamed, family, suspected};
use super::sarif::fingerprint;
use super::text::finding;
use crate::verdict::{CheckLine, Verdict};
use serde_json::{Value, json};

pub(super) fn gitlab(verdict: &Verdict) -> String {
    let failing = blamed(verdict).into_iter().map(|line| (line, "critical"));
    let doubtful = suspected(verdict).into_iter().map(|line| (line, "minor"));
    let issues: Vec<Value> =
        failing.chain(doubtful).map(|(line, level)| issue(verdict, line, level)).collect();
    format!("{:#}\n", Value::Array(issues))
}

/// The report wants a file; a slice is the nearest thing that a verdict has.
fn issue(verdict: &Verdict, line: &CheckLine, severity: &str) -> Value {
    json!({
        "description": format!("{}, {}: {}", line.slice, line.check, finding(verdict, line)),
        "check_name": format!("parallax/{}", family(line)),
        "fingerprint": fingerprint(line),
        "severity": severity,
        "location": {"path": line.slice.to_string(), "lines": {"begin": 1}},
    })
}

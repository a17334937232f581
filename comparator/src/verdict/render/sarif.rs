//! SARIF 2.1.0: a result for each check that fails, nothing for those that pass or wait.

use super::checks::{blamed, family, suspected};
use super::text::{counts, finding};
use crate::verdict::{CheckLine, CheckState, Verdict};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

/// Rule and what it means, in the order of the documents.
const RULES: [(&str, &str); 7] = [
    ("mismatch", "The candidate's responses differ from the primary's more often than the control's do"),
    ("status", "The candidate's status class differs from the primary's more often than the control's does"),
    ("error_rate", "The candidate answers with errors more often than the control"),
    ("availability", "The candidate leaves requests unanswered more often than the control"),
    ("latency", "The candidate is slower than the control beyond the tolerance"),
    ("field", "A field of the candidate's responses differs more often than the control's"),
    ("outputs", "What the candidate wrote differs from what the primary wrote"),
];

pub(super) fn sarif(verdict: &Verdict) -> String {
    let failing = blamed(verdict).into_iter().map(|line| (line, "error"));
    let doubtful = suspected(verdict).into_iter().map(|line| (line, "warning"));
    let results: Vec<Value> =
        failing.chain(doubtful).map(|(line, level)| result(verdict, line, level)).collect();
    let document = json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {"name": "parallax", "rules": rules()}},
            "automationDetails": {"id": format!("parallax/{}", verdict.run)},
            "results": results,
            "properties": {
                "verdict": verdict.verdict,
                "final": verdict.is_final,
                "reason": verdict.reason,
                "candidate": verdict.candidate,
                "waits": waits(verdict),
            },
        }],
    });
    format!("{document:#}\n")
}

fn rules() -> Vec<Value> {
    let rule = |(name, text): (&str, &str)| json!({"id": format!("parallax/{name}"), "shortDescription": {"text": text}});
    RULES.into_iter().map(rule).collect()
}

fn result(verdict: &Verdict, line: &CheckLine, level: &str) -> Value {
    let text = format!("{}, {}: {} ({})", line.slice, line.check, finding(verdict, line), counts(line));
    json!({
        "ruleId": format!("parallax/{}", family(line)),
        "kind": "fail",
        "level": level,
        "message": {"text": text},
        "locations": [{"logicalLocations": [{"fullyQualifiedName": line.slice.to_string(), "kind": "resource"}]}],
        "partialFingerprints": {"parallax/v1": fingerprint(line)},
    })
}

/// Names the finding across runs: slice and check (which names the field).
pub(super) fn fingerprint(line: &CheckLine) -> String {
    let digest = Sha256::digest(format!("{}\u{0}{}", line.slice, line.check));
    digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}

fn waits(verdict: &Verdict) -> Vec<String> {
    let waiting = verdict.checks.iter().filter(|line| line.state == CheckState::Wait && line.required);
    waiting.map(|line| format!("{}, {}", line.slice, line.check)).collect()
}

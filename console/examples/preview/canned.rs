//! Publications made up for looking at the page and for tests: one for each state.

use bytes::Bytes;
use parallax_comparator::report::{Published, Report};
use parallax_comparator::run::{Build, ControlMode};
use parallax_comparator::verdict::{State, Verdict};
use std::sync::Arc;

/// The digest of the canned candidate.
pub(crate) const DIGEST: &str = "sha256:5f0c1d7e0c3b9f2ab1f6d1d2a5b3c4d5e6f708192a3b4c5d6e7f8091a2b3c4d5";

/// A publication of these.
pub(crate) fn publish(verdict: Verdict, report: Report) -> Published {
    let verdict_json = Bytes::from(serde_json::to_vec(&verdict).expect("a verdict can be written"));
    Published { verdict: Arc::new(verdict), verdict_json, report: Arc::new(report) }
}

/// The head of a verdict.
pub(crate) fn verdict(run: &str, state: State, is_final: bool) -> Verdict {
    let (code, reason) = match state {
        State::Promote => (0, "every required check of 3 slices is good enough"),
        State::Reject => (10, "worse than tolerated: mismatch in route=ingest"),
        State::Wait => (20, "promote evidence 28.6 of 100 in route=ingest, check=mismatch.severe"),
        State::Inconclusive => (20, "deadline: 2h passed without a decision"),
        State::Invalid => (30, "coverage: 91.2% of mirrored exchanges were compared, 98% are needed"),
    };
    let promote = match state {
        State::Promote => Some(true),
        State::Reject => Some(false),
        State::Invalid if is_final => Some(false),
        _ => None,
    };
    let build = |digest: &str, revision: &str| Build {
        image: Some("registry.example/collector".to_owned()),
        digest: Some(digest.to_owned()),
        revision: Some(revision.to_owned()),
    };
    Verdict {
        run: run.to_owned(),
        continues: None,
        attempt: 1,
        verdict: state,
        is_final,
        code,
        promote,
        reject: state == State::Reject,
        reason: reason.to_owned(),
        candidate: build(DIGEST, "9f3c2b1a"),
        baseline: build("sha256:77aa0f3e", "77aa0f3e"),
        control: ControlMode::Paired,
        replica_check: "not possible".to_owned(),
        watermark: Some("2026-11-22T14:41:10Z".to_owned()),
        sealed_windows: 231,
        ..Verdict::default()
    }
}

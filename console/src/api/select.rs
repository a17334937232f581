//! Which run a request means.

use super::problem::Problem;
use crate::board::{Entry, Snapshot};
use http::StatusCode;

/// A run by name, by the candidate that it validates, or by both.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Selection {
    /// The run's name; `None` is the newest.
    pub(crate) run: Option<String>,
    /// The digest of the candidate; a run for another candidate does not match.
    pub(crate) candidate: Option<String>,
}

impl Selection {
    /// The run that is meant.
    ///
    /// Where both a run and a digest are given, the run must validate that digest: a verdict about
    /// another build must never pass a gate.
    ///
    /// # Errors
    /// 503 on an empty board, 404 for an unknown run or digest, 409 for a run of another digest.
    pub(crate) fn find<'a>(&self, snapshot: &'a Snapshot) -> Result<&'a Entry, Problem> {
        let Some(latest) = snapshot.latest() else {
            return Err(Problem::not_ready());
        };
        let unknown = |what: String| {
            Problem::new(StatusCode::NOT_FOUND, what).remedy("GET /v1/verdicts lists the runs")
        };
        match (&self.run, &self.candidate) {
            (None, None) => Ok(latest),
            (None, Some(digest)) => snapshot
                .candidate(digest)
                .ok_or_else(|| unknown(format!("no run validates candidate `{digest}`"))),
            (Some(run), candidate) => {
                let entry = snapshot.run(run).ok_or_else(|| unknown(format!("no run is named `{run}`")))?;
                match candidate {
                    Some(digest) if entry.verdict().candidate.digest.as_deref() != Some(digest) => {
                        Err(other_candidate(entry, digest))
                    }
                    _ => Ok(entry),
                }
            }
        }
    }
}

fn other_candidate(entry: &Entry, asked: &str) -> Problem {
    let verdict = entry.verdict();
    let validates = verdict.candidate.digest.as_deref().unwrap_or("a candidate without a digest");
    let error = format!("run `{}` validates {validates}, not `{asked}`", verdict.run);
    Problem::new(StatusCode::CONFLICT, error).remedy("ask for the run of this digest")
}

//! Which run a request means, and which part of it.

use super::problem::Problem;
use crate::board::{Entry, Snapshot};
use axum::extract::Query;
use axum::extract::rejection::QueryRejection;
use http::StatusCode;
use parallax_comparator::slice::Slice;
use parallax_comparator::verdict::Verdict;
use serde::Deserialize;
use std::borrow::Cow;

/// A run by name, by the candidate that it validates, or by both.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Selection {
    /// The run's name; `None` is the newest.
    pub(crate) run: Option<String>,
    /// The digest of the candidate; a run for another candidate does not match.
    pub(crate) candidate: Option<String>,
    /// The slice; the whole run when it has no labels.
    pub(crate) slice: Slice,
}

/// `?candidate=sha256:…&region=eu&shard=3&wait=30s`; labels are spelled as in `[[policy.slices]]`.
#[derive(Debug, Default, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Parameters {
    pub(crate) run: Option<String>,
    pub(crate) candidate: Option<String>,
    pub(crate) wait: Option<String>,
    route: Option<String>,
    tenant: Option<String>,
    region: Option<String>,
    shard: Option<String>,
}

impl Parameters {
    /// Reads a query string.
    ///
    /// # Errors
    /// 400 for an unknown parameter.
    pub(crate) fn accept(parameters: Result<Query<Self>, QueryRejection>) -> Result<Self, Problem> {
        parameters.map(|Query(parameters)| parameters).map_err(|rejection| {
            Problem::new(StatusCode::BAD_REQUEST, rejection.body_text()).remedy(
                "the parameters are `wait`, such as 30s, `candidate`, a digest, and the labels of a slice: \
                 `region`, `shard`, `tenant`, `route`",
            )
        })
    }

    /// The slice that the labels name; everything where there are none.
    pub(crate) fn slice(&self) -> Slice {
        let Self { route, tenant, region, shard, .. } = self;
        slice([("route", route), ("tenant", tenant), ("region", region), ("shard", shard)])
    }

    /// The selection of `run`.
    pub(crate) fn select(&self, run: Option<String>) -> Selection {
        Selection { run, candidate: self.candidate.clone(), slice: self.slice() }
    }
}

/// The slice of those labels that are given.
pub(crate) fn slice(labels: [(&str, &Option<String>); 4]) -> Slice {
    labels.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value.clone()?))).collect()
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

impl Selection {
    /// The verdict that is meant: the run's, or that of the slice.
    ///
    /// # Errors
    /// As [`Self::find`]; 404 for a slice of which the run keeps no evidence.
    pub(crate) fn verdict<'a>(&self, snapshot: &'a Snapshot) -> Result<Cow<'a, Verdict>, Problem> {
        let verdict = self.find(snapshot)?.verdict();
        if self.slice.is_all() {
            return Ok(Cow::Borrowed(verdict));
        }
        let unknown = || {
            let error = format!("run `{}` keeps no evidence of {}", verdict.run, self.slice);
            Problem::new(StatusCode::NOT_FOUND, error)
                .remedy("name it in `[[policy.slices]]`; the slices are in `checks` of the run's verdict")
        };
        verdict.of_slice(&self.slice).map(Cow::Owned).ok_or_else(unknown)
    }
}

fn other_candidate(entry: &Entry, asked: &str) -> Problem {
    let verdict = entry.verdict();
    let validates = verdict.candidate.digest.as_deref().unwrap_or("a candidate without a digest");
    let error = format!("run `{}` validates {validates}, not `{asked}`", verdict.run);
    Problem::new(StatusCode::CONFLICT, error).remedy("ask for the run of this digest")
}

//! What people look at beside the verdict: paths, examples, latency, and where requests went.
//!
//! Estimates and displays only; nothing here is evidence.

pub(crate) mod book;
mod curl;
mod examples;
mod latency;
mod paths;
mod places;
pub(crate) mod redact;
mod reporter;
mod unified;

pub use reporter::Reporter;

use crate::diff::{Difference, Kind, Part};
use crate::verdict::Verdict;
use parallax_exchange::{DropReason, ShedReason};
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Everything published at one moment; readers hold it as long as they like.
#[derive(Debug, Clone)]
pub struct Published {
    /// The verdict at the newest watermark.
    pub verdict: Arc<Verdict>,
    /// The same, as the bytes of its document.
    pub verdict_json: bytes::Bytes,
    /// The display beside it.
    pub report: Arc<Report>,
}

/// The display beside the verdict.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Report {
    /// The run.
    pub run: String,
    /// Unix time in nanoseconds at which it started.
    pub started_ns: u64,
    /// Unix time in nanoseconds of this report.
    pub now_ns: u64,
    /// Where requests went.
    pub conservation: Conservation,
    /// Paths that differ, most excess over noise first; bounded.
    pub differences: Vec<PathCount>,
    /// The differences at all other paths together; `None` where there are none.
    pub other_differences: Option<OtherPaths>,
    /// One in this many (exchange, path) pairs is counted by path: at 1 the counts of paths are exact,
    /// above it they are estimates. 0 before the first report.
    pub paths_one_in: u64,
    /// Latency of each role over the whole run, primary first.
    pub latency: Vec<RoleLatency>,
    /// Example exchanges, bounded, chosen by hash.
    pub examples: Vec<Arc<Example>>,
}

/// The conservation law in numbers:
/// `offered = not_selected + dropped + mirrored` and `mirrored = compared + shed + lost + late + open`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Conservation {
    /// Requests that reached the mirror.
    pub offered: u64,
    /// Requests that no route selects.
    pub not_selected: u64,
    /// Selected, not mirrored.
    pub dropped: BTreeMap<DropReason, u64>,
    /// Admitted to the mirror.
    pub mirrored: u64,
    /// Every role ended in an outcome.
    pub compared: u64,
    /// Given up at admission.
    pub shed: BTreeMap<ShedReason, u64>,
    /// Evidence lost after admission, in sealed windows.
    pub lost: u64,
    /// Evidence that came after its window was sealed.
    pub late: u64,
    /// Mirrored, and not yet in any of the counts above: in flight, or waiting to be compared.
    pub open: u64,
}

/// How often one path differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PathCount {
    /// The route, where one matched.
    pub route: Option<Arc<str>>,
    /// The part of the message.
    #[serde(rename = "in")]
    pub part: Part,
    /// The generalised path.
    pub pattern: String,
    /// The kind of difference.
    pub kind: Kind,
    /// Exchanges in which the candidate differs from the primary here.
    pub raw: u64,
    /// Exchanges in which the control differs from the primary here.
    pub noise: u64,
    /// Exchanges in which only the candidate differs here, and the control, where there is one, answered.
    pub candidate_only: u64,
    /// Exchanges in which only the control differs here, and the candidate answered.
    pub control_only: u64,
    /// Exchanges compared on this route.
    pub exchanges: u64,
    /// Ids of examples.
    pub examples: Vec<String>,
}

/// Differences at paths that have no row of their own.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct OtherPaths {
    /// (exchange, path) pairs in which the candidate differs from the primary.
    pub raw: u64,
    /// In which the control differs from the primary.
    pub noise: u64,
    /// In which only the candidate differs.
    pub candidate_only: u64,
    /// In which only the control differs.
    pub control_only: u64,
}

/// Latency of one role.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct RoleLatency {
    /// `primary`, `candidate` or `control`.
    pub role: &'static str,
    /// Responses timed.
    pub count: u64,
    /// Outcomes without a response: +infinity, in no percentile below.
    pub missing: u64,
    /// Quantile in [0, 1] and latency in nanoseconds, ascending, for tables and plots.
    pub quantiles: Vec<(f64, u64)>,
    /// Largest latency in nanoseconds.
    pub max_ns: u64,
}

/// One exchange, kept for people to look at. Credentials in headers, parameters and members with
/// well-known names are replaced.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Example {
    /// The exchange's id.
    pub id: String,
    /// The route.
    pub route: Option<Arc<str>>,
    /// Method and target.
    pub request: String,
    /// The request's body, bounded, as text.
    pub request_body: String,
    /// What the primary answered, bounded, as text: status line, headers, body.
    pub primary: String,
    /// What the candidate answered.
    pub candidate: String,
    /// What the control answered.
    pub control: Option<String>,
    /// Where the candidate differs, after masking.
    pub differences: Vec<Difference>,
    /// A unified diff from the primary's answer to the candidate's, as text, masked places included;
    /// bounded.
    pub unified: String,
    /// A command for a POSIX shell that sends the request again, to `$BASE_URL` where that is set;
    /// `None` where the body is not whole or too long to paste.
    pub curl: Option<String>,
}

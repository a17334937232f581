//! One request with the outcome of each role.

use crate::{Body, ExchangeId, Outcome, Role};
use http::{HeaderMap, Method};
use std::sync::Arc;

/// One request with the outcome of each role; immutable once captured.
#[derive(Debug, Clone, PartialEq)]
pub struct Exchange {
    /// Unique in the log.
    pub id: ExchangeId,
    /// When the complete request was admitted to the mirror: nanoseconds since the Unix epoch.
    /// For an exchange that was only recorded, when its request arrived.
    pub admitted_ns: u64,
    /// 64-bit hash of the cluster key (user, session or connection); the grain of evidence.
    pub cluster_key: u64,
    /// What slices are cut by, sorted by name: `route` first among them by convention of the proxy.
    pub labels: Vec<Label>,
    /// Which copy was sent first.
    pub order: CopyOrder,
    /// Share of the route's traffic that is mirrored, in parts per million.
    pub sample_ppm: u32,
    /// The request as the client sent it.
    pub request: Request,
    /// What each role did.
    pub outcomes: Outcomes,
}

impl Exchange {
    /// An estimate of the memory that the exchange holds, in bytes; queues are bounded by it.
    #[must_use]
    pub fn weight(&self) -> usize {
        const FIXED: usize = 1024; // structs, header maps and their small allocations
        let bodies = Role::ALL
            .into_iter()
            .filter_map(|role| self.outcomes.of(role)?.response())
            .map(|response| response.body.bytes().len());
        FIXED + self.request.body.bytes().len() + bodies.sum::<usize>()
    }
}

/// A name and a value that slices are cut by, such as `route` = `ingest`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Label {
    /// The dimension.
    pub name: Arc<str>,
    /// The place on it.
    pub value: Arc<str>,
}

/// Which copy was sent first; randomised by a hash of the exchange id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum CopyOrder {
    /// The candidate's copy went first, or there is no control.
    #[default]
    CandidateFirst,
    /// The control's copy went first.
    ControlFirst,
}

/// A request as the client sent it, hop-by-hop headers removed.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Request {
    /// The method.
    pub method: Method,
    /// Path and query as received, starting with `/` (or `*`).
    pub target: String,
    /// Host, from the authority or the `Host` header; empty where there was none.
    pub authority: String,
    /// End-to-end headers in order, duplicates kept.
    pub headers: HeaderMap,
    /// Body as on the wire: content codings are not undone, chunk framing is.
    pub body: Body,
}

impl Request {
    /// The part of the target before `?`.
    #[must_use]
    pub fn path(&self) -> &str {
        self.target.split_once('?').map_or(&self.target, |(path, _)| path)
    }

    /// The part of the target after `?`.
    #[must_use]
    pub fn query(&self) -> Option<&str> {
        self.target.split_once('?').map(|(_, query)| query)
    }
}

/// What each role did; `None` where the request was not sent to that role.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Outcomes {
    /// The live deployment's outcome.
    pub primary: Option<Outcome>,
    /// The candidate's.
    pub candidate: Option<Outcome>,
    /// The control's.
    pub control: Option<Outcome>,
}

impl Outcomes {
    /// The outcome of `role`.
    #[must_use]
    pub fn of(&self, role: Role) -> Option<&Outcome> {
        match role {
            Role::Primary => self.primary.as_ref(),
            Role::Candidate => self.candidate.as_ref(),
            Role::Control => self.control.as_ref(),
        }
    }

    /// The place of the outcome of `role`.
    pub fn of_mut(&mut self, role: Role) -> &mut Option<Outcome> {
        match role {
            Role::Primary => &mut self.primary,
            Role::Candidate => &mut self.candidate,
            Role::Control => &mut self.control,
        }
    }
}

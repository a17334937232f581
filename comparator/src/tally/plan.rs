//! What is fixed for a whole run: everything in a tally that is not a count.

use super::marks::FIELDS_MAX;
use crate::check::{Check, Quantile};
use crate::judge::latency::{Tolerance, ToleranceError, lag};
use crate::run::{ControlMode, Run};
use crate::slice::Slice;
use http::HeaderName;
use parallax_config::{Policy, UnitKind};
use std::sync::Arc;

/// A run that cannot be tallied.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// Windows of no length.
    #[error("policy.window must be at least 1ns; 10s is the default")]
    Window,
    /// A block would begin inside a window, so a returning key could not be told.
    #[error("policy.key_block must be a multiple of policy.window")]
    KeyBlock,
    /// A latency tolerance.
    #[error("policy.checks.\"{check}\"")]
    Tolerance {
        /// The check.
        check: Check,
        /// What is wrong.
        #[source]
        source: ToleranceError,
    },
    /// Not the name of a header.
    #[error("policy.replica_header `{0}` is not the name of a header")]
    ReplicaHeader(String),
    /// Each field check takes a bit of a 64-bit word.
    #[error("{0} field checks are configured; {FIELDS_MAX} are possible, so join some with * in their paths")]
    Fields(usize),
}

/// The fixed part of a tally.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) window_ns: u64,
    /// Windows between a threshold's newest evidence and its use.
    pub(crate) lag: u64,
    pub(crate) warm_up_ns: u64,
    pub(crate) unit: UnitKind,
    pub(crate) key_block_ns: u64,
    pub(crate) keys_max: u64,
    /// Net discordant requests that make a unit severe.
    pub(crate) severe: i64,
    pub(crate) control: ControlMode,
    pub(crate) tolerances: [Tolerance; 4],
    /// `all` first, then the named ones, then `other` where there are named ones.
    pub(crate) slices: Vec<Slice>,
    /// Positions in `slices`, sorted by slice: the order of rows.
    pub(crate) order: Vec<usize>,
    /// Paths of the field checks, in the comparer's order.
    pub(crate) fields: Vec<Arc<str>>,
    /// The response header by which the candidate's replicas are told apart.
    pub(crate) replica_header: Option<HeaderName>,
}

impl Plan {
    pub(crate) fn new(run: &Run) -> Result<Self, PlanError> {
        let policy = &run.policy;
        let window_ns = policy.window.nanos();
        if window_ns == 0 {
            return Err(PlanError::Window);
        }
        let key_block_ns = policy.key_block.nanos();
        let blocks = policy.unit == UnitKind::Session;
        if blocks && (key_block_ns == 0 || !key_block_ns.is_multiple_of(window_ns)) {
            return Err(PlanError::KeyBlock);
        }
        let fields = field_paths(run);
        if fields.len() > FIELDS_MAX {
            return Err(PlanError::Fields(fields.len()));
        }
        let slices = all_slices(&run.slices);
        let mut order: Vec<usize> = (0..slices.len()).collect();
        order.sort_by(|a, b| slices[*a].cmp(&slices[*b]));
        Ok(Self {
            window_ns,
            lag: lag(policy),
            warm_up_ns: policy.warm_up.nanos(),
            unit: policy.unit,
            key_block_ns,
            keys_max: policy.keys_max,
            severe: i64::try_from(policy.severe_requests).unwrap_or(i64::MAX).max(1),
            control: run.control,
            tolerances: tolerances(run)?,
            slices,
            order,
            fields,
            replica_header: replica_header(policy)?,
        })
    }

    /// The key block that a window lies in; the same for ever where a key counts once in the run.
    pub(crate) fn block_of(&self, window: u64) -> u64 {
        match self.unit {
            UnitKind::Session => window.saturating_mul(self.window_ns) / self.key_block_ns,
            UnitKind::KeyOnce | UnitKind::Request => 0,
        }
    }
}

fn replica_header(policy: &Policy) -> Result<Option<HeaderName>, PlanError> {
    let read = |name: &String| name.parse().map_err(|_| PlanError::ReplicaHeader(name.clone()));
    policy.replica_header.as_ref().map(read).transpose()
}

/// Paths of the configured field checks, sorted: the list that a comparer is made with.
pub(crate) fn field_paths(run: &Run) -> Vec<Arc<str>> {
    let paths = run.policy.checks.keys().filter_map(|name| name.strip_prefix("field."));
    paths.map(Arc::from).collect()
}

fn all_slices(named: &[Slice]) -> Vec<Slice> {
    let mut slices = vec![Slice::all()];
    for slice in named {
        if !slices.contains(slice) && !slice.is_other() {
            slices.push(slice.clone());
        }
    }
    if slices.len() > 1 {
        slices.push(Slice::other());
    }
    slices
}

fn tolerances(run: &Run) -> Result<[Tolerance; 4], PlanError> {
    let of = |quantile| {
        Tolerance::new(&run.policy, quantile)
            .map_err(|source| PlanError::Tolerance { check: Check::Latency(quantile), source })
    };
    let [p50, p90, p99, p999] = Quantile::ALL;
    Ok([of(p50)?, of(p90)?, of(p99)?, of(p999)?])
}

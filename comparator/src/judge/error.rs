//! Why a run or a window cannot be judged.

use crate::check::Check;
use crate::rows::Row;

/// A policy by which nothing can be judged.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("policy.{key}: {why}")]
pub struct JudgeError {
    /// The setting, without `policy.`.
    pub key: String,
    /// What is wrong and what to write instead.
    pub why: String,
}

impl JudgeError {
    pub(crate) fn policy(key: impl Into<String>, why: impl Into<String>) -> Self {
        Self { key: key.into(), why: why.into() }
    }
}

/// A sealed window that cannot be judged.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TallyError {
    /// Windows come in ascending order, each once.
    #[error("window {window} came after window {newest} was sealed; give windows in order, merged")]
    Order {
        /// The window given.
        window: u64,
        /// The newest sealed one.
        newest: u64,
    },
    /// A row contradicts itself.
    #[error("window {window}, slice {slice}, check {check}: {why}")]
    Row {
        /// Its window.
        window: u64,
        /// Its slice, as text.
        slice: String,
        /// Its check.
        check: Check,
        /// What is wrong with it.
        why: &'static str,
    },
    /// Parts of one window were counted against different thresholds.
    #[error("window {window}: one latency check has two thresholds, {a} ns and {b} ns")]
    Thresholds {
        /// The window.
        window: u64,
        /// One threshold.
        a: u64,
        /// The other.
        b: u64,
    },
    /// The run's counts would no longer be exact.
    #[error("window {window}: the run has more than 2^53 units in one slice")]
    TooManyUnits {
        /// The window.
        window: u64,
    },
}

impl TallyError {
    pub(crate) fn row(row: &Row, why: &'static str) -> Self {
        Self::Row { window: row.window, slice: row.slice.to_string(), check: row.check.clone(), why }
    }
}

//! The verdict document, `parallax.verdict/1`.

use crate::check::Check;
use crate::rows::Signs;
use crate::run::{Build, ControlMode};
use crate::slice::Slice;
use serde::Serialize;

/// What a gate should do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// The candidate is good enough on every required slice and check.
    Promote,
    /// The candidate is worse than tolerated.
    Reject,
    /// Not decided yet.
    Wait,
    /// Not decided, and it will not be.
    Inconclusive,
    /// The evidence cannot be trusted.
    Invalid,
}

/// The verdict document; every field is present in every state.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Verdict {
    /// `parallax.verdict/1`.
    pub schema: &'static str,
    /// The run.
    pub run: String,
    /// The run that it continues.
    pub continues: Option<String>,
    /// Runs of the same digest so far.
    pub attempt: u64,
    /// What a gate should do.
    pub verdict: State,
    /// Whether it stands for good.
    #[serde(rename = "final")]
    pub is_final: bool,
    /// The exit code: 0 promote, 10 reject, 20 wait or inconclusive, 30 invalid.
    pub code: u8,
    /// `true`, `false` (final reject or invalid) or `null` (undecided).
    pub promote: Option<bool>,
    /// Whether it is a reject.
    pub reject: bool,
    /// One line for people.
    pub reason: String,
    /// The build under validation.
    pub candidate: Build,
    /// The primary's build.
    pub baseline: Build,
    /// How the control is mirrored.
    pub control: ControlMode,
    /// `measured`, `assumed` or `bounded`.
    pub noise_floor: &'static str,
    /// `ok`, `not possible` or what was found.
    pub replica_check: String,
    /// Rules that could not be applied, and why.
    pub not_checked: Vec<String>,
    /// RFC 3339 time of the newest sealed window's end; `null` before the first.
    pub watermark: Option<String>,
    /// Windows sealed, empty ones included.
    pub sealed_windows: u64,
    /// What the checks found.
    pub checks: Vec<CheckLine>,
}

/// One hypothesis in the document.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CheckLine {
    /// The sub-population.
    pub slice: Slice,
    /// The question.
    pub check: Check,
    /// Whether a promote needs it.
    pub required: bool,
    /// Units.
    pub n: u64,
    /// Signs.
    #[serde(flatten)]
    pub signs: Option<Signs>,
}

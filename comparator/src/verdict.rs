//! The verdict document, `parallax.verdict/1`: what every gate reads.
//!
//! Plain values, made by the judge; every field is present in every state and every number is finite,
//! because gates evaluate expressions over it and a missing field is an error to them.

pub mod cells;
mod part;
pub mod render;
pub mod signature;

pub use crate::judge::guard::Guard;
pub use part::SliceDocument;

use crate::check::Check;
use crate::rows::Signs;
use crate::run::{Build, ControlMode};
use crate::slice::Slice;
use parallax_exchange::{DropReason, ShedReason};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

/// The `schema` of the document.
pub const SCHEMA: &str = "parallax.verdict/1";

/// What a gate should do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
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

impl State {
    /// The exit code of a command that ends with this verdict.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::Promote => 0,
            Self::Reject => 10,
            Self::Wait | Self::Inconclusive => 20,
            Self::Invalid => 30,
        }
    }

    /// The name in the document.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Promote => "promote",
            Self::Reject => "reject",
            Self::Wait => "wait",
            Self::Inconclusive => "inconclusive",
            Self::Invalid => "invalid",
        }
    }
}

/// What is known about the differences that equal builds show too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NoiseFloor {
    /// A control gets the same requests.
    Measured,
    /// The policy's tolerances are taken to include it.
    Assumed,
    /// An earlier A/A run of the same rig bounds it.
    Bounded,
}

/// The name in the document.
impl fmt::Display for NoiseFloor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Measured => "measured",
            Self::Assumed => "assumed",
            Self::Bounded => "bounded",
        })
    }
}

/// The verdict document; every field is present in every state.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    /// `parallax.verdict/1`.
    pub schema: Cow<'static, str>,
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
    /// Whether the run was ended before it was decided.
    pub partial: bool,
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
    /// What is known about the noise.
    pub noise_floor: NoiseFloor,
    /// `ok`, `not possible` or what was found.
    pub replica_check: String,
    /// Rules that could not be applied, and why.
    pub not_checked: Vec<String>,
    /// RFC 3339 time of the newest sealed window's end; `null` before the first.
    pub watermark: Option<String>,
    /// Windows sealed, empty ones included.
    pub sealed_windows: u64,
    /// The policy in short.
    pub policy: PolicyLine,
    /// Where the mirrored exchanges went.
    pub exposure: ExposureLine,
    /// Where the offered requests went.
    pub conservation: ConservationLine,
    /// The numbers behind the decision.
    pub evidence: Evidence,
    /// What the checks found, by slice, then check.
    pub checks: Vec<CheckLine>,
    /// Hypotheses each proved worse than tolerated on its own; latched.
    pub culprits: Vec<Hypothesis>,
    /// Hypotheses that look worse at this watermark.
    pub suspects: Vec<Hypothesis>,
    /// What is still needed.
    pub forecast: Forecast,
    /// Slices too small for a promise of their own.
    pub not_individually_certified: Vec<Uncertified>,
    /// What came after the final watermark.
    pub after_final: Option<AfterFinal>,
    /// What makes the verdict reproducible.
    pub replay: Replay,
}

/// Nothing seen yet of a run without a name: `wait`.
impl Default for Verdict {
    fn default() -> Self {
        Self {
            schema: Cow::Borrowed(SCHEMA),
            run: String::new(),
            continues: None,
            attempt: 1,
            verdict: State::Wait,
            is_final: false,
            partial: false,
            code: State::Wait.code(),
            promote: None,
            reject: false,
            reason: "no units yet".to_owned(),
            candidate: Build::default(),
            baseline: Build::default(),
            control: ControlMode::Paired,
            noise_floor: NoiseFloor::Measured,
            replica_check: "not possible".to_owned(),
            not_checked: Vec::new(),
            watermark: None,
            sealed_windows: 0,
            policy: PolicyLine::default(),
            exposure: ExposureLine::default(),
            conservation: ConservationLine::default(),
            evidence: Evidence::default(),
            checks: Vec::new(),
            culprits: Vec::new(),
            suspects: Vec::new(),
            forecast: Forecast::default(),
            not_individually_certified: Vec::new(),
            after_final: None,
            replay: Replay::default(),
        }
    }
}

impl Verdict {
    /// The document as one line of JSON; equal verdicts give equal bytes.
    #[must_use]
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("a verdict has text keys and finite numbers only")
    }

    /// Reads a document; fields that this build does not know are left out.
    ///
    /// # Errors
    /// What is not such a document, or one of another schema.
    pub fn from_json(json: &str) -> Result<Self, serde_json::Error> {
        let verdict: Self = serde_json::from_str(json)?;
        if verdict.schema == SCHEMA {
            return Ok(verdict);
        }
        let why = format!("its schema is `{}`; this build reads {SCHEMA}", verdict.schema);
        Err(serde::de::Error::custom(why))
    }
}

/// The policy in short.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct PolicyLine {
    /// `sha256:` of the canonical JSON of policy, weights and rules.
    pub hash: String,
    /// Bound on a false reject.
    pub alpha: f64,
    /// Bound on a false promote.
    pub beta: f64,
    /// Tolerance of the mismatch check.
    pub tau: f64,
    /// Margin of the mismatch check.
    pub delta: f64,
    /// Grain of evidence and length of a window, such as `session/10s`.
    pub unit: String,
    /// Length of a window in nanoseconds.
    pub window_ns: u64,
}

/// Where the mirrored exchanges went.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ExposureLine {
    /// Admitted to the mirror.
    pub mirrored: u64,
    /// Every mirrored role ended in an outcome.
    pub compared: u64,
    /// compared / mirrored; 1 where nothing was mirrored.
    pub coverage: f64,
    /// Given up at admission for all roles.
    pub shed: u64,
    /// Evidence lost after admission.
    pub lost: u64,
    /// Evidence that came after its window was sealed.
    pub late: u64,
    /// The primary has no outcome; in no check.
    pub primary_failed: u64,
    /// Units of the whole population.
    pub units: u64,
    /// Distinct cluster keys: exact below 1,024, then an estimate.
    pub clusters: u64,
    /// The candidate has no response.
    pub candidate_missing: u64,
    /// The control has no response.
    pub control_missing: u64,
    /// Only the control has no response.
    pub control_only_missing: u64,
}

/// The law `offered = not_selected + dropped + mirrored`, `mirrored = compared + shed + lost + late`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConservationLine {
    /// Requests that reached the mirror; `null` in imported tallies.
    pub offered: Option<u64>,
    /// Requests that no route selects.
    pub not_selected: Option<u64>,
    /// Selected, not mirrored.
    pub dropped: BTreeMap<DropReason, u64>,
    /// Admitted to the mirror.
    pub mirrored: u64,
    /// Every role ended in an outcome.
    pub compared: u64,
    /// Given up at admission.
    pub shed: BTreeMap<ShedReason, u64>,
    /// Evidence lost after admission.
    pub lost: u64,
    /// Evidence that came after its window was sealed.
    pub late: u64,
}

/// The numbers behind the decision; natural logarithms of e-values.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Evidence {
    /// The weighted mean of all reject evidence.
    pub global_reject: GlobalReject,
    /// The required hypothesis with the least promote evidence.
    pub weakest_promote: Option<WeakestPromote>,
}

/// The weighted mean of all reject evidence and what rejects.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct GlobalReject {
    /// Its logarithm.
    pub log_e: f64,
    /// The logarithm from which on the run is rejected.
    pub log_threshold: f64,
}

/// The required hypothesis with the least promote evidence.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WeakestPromote {
    /// The sub-population, as text.
    pub slice: String,
    /// The question.
    pub check: Check,
    /// Its logarithm.
    pub log_e: f64,
    /// The logarithm that it needs.
    pub log_threshold: f64,
}

/// What the evidence says about one hypothesis.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CheckState {
    /// Good enough.
    Promote,
    /// Proved worse than tolerated on its own.
    Reject,
    /// Looks worse at this watermark.
    Suspect,
    /// Not enough evidence.
    Wait,
    /// The control itself fails it too often.
    Nondeterministic,
    /// Its slice is too small for a promise of its own.
    Uncertified,
}

/// One hypothesis in the document.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CheckLine {
    /// The sub-population.
    pub slice: Slice,
    /// The question.
    pub check: Check,
    /// Whether a promote needs it.
    pub required: bool,
    /// What the evidence says.
    pub state: CheckState,
    /// Tolerated excess share of worse units; 0 for plain latency, whose tolerance is in its thresholds.
    pub tau: f64,
    /// Excess share to be excluded before promoting; 0 for plain latency.
    pub delta: f64,
    /// Units.
    pub n: u64,
    /// Units below which nothing is promoted, however clean.
    pub n_required: u64,
    /// Units still needed for a promote, going on as so far; `null`: never.
    pub need_units: Option<u64>,
    /// Signs of a count check.
    #[serde(flatten)]
    pub signs: Option<Signs>,
    /// Signs and thresholds of a latency check.
    #[serde(flatten)]
    pub latency: Option<LatencyLine>,
    /// Logarithm of the judged evidence that the candidate is worse.
    pub log_e_reject: f64,
    /// The same without guard and restarts.
    pub log_e_reject_plain: f64,
    /// The logarithm from which on this hypothesis alone is a culprit.
    pub log_threshold_reject: f64,
    /// Logarithm of the judged evidence that it is good enough.
    pub log_e_promote: f64,
    /// The same without guard.
    pub log_e_promote_plain: f64,
    /// The logarithm that a promote needs.
    pub log_threshold_promote: f64,
    /// Excess share of worse units, of a count check.
    #[serde(flatten)]
    pub excess: Option<Excess>,
    /// Candidate's quantile over the control's, of a latency check.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ratio: Option<Ratio>,
    /// Design effect: about 1 where the units of a window do not share fate.
    pub deff: f64,
    /// Whether whole windows are tested beside units.
    pub guard: Guard,
    /// Where differing exchanges can be looked at.
    pub examples: Vec<String>,
}

/// Signs and thresholds of a latency check.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct LatencyLine {
    /// Signs with the candidate granted the reject tolerance.
    pub reject: Signs,
    /// Signs with the candidate granted the promote tolerance.
    pub promote: Signs,
    /// The newest thresholds; `null` before the first.
    pub thresholds_ms: Option<Thresholds>,
}

/// The newest thresholds of a latency check, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Thresholds {
    /// The control's quantile.
    pub x: f64,
    /// From here on the candidate counts as slower, for a reject.
    pub g_reject: f64,
    /// From here on the candidate counts as slower, against a promote.
    pub g_promote: f64,
}

/// Excess share of worse units.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Excess {
    /// (worse - better) / n; `null` without units.
    pub estimate: Option<f64>,
    /// Confidence sequence at level alpha, in [-1, 1].
    pub cs: [f64; 2],
}

/// Candidate's quantile over the control's, from histograms of the whole run: an estimate, no evidence.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Ratio {
    /// `null` where a histogram is missing.
    pub estimate: Option<f64>,
    /// Confidence sequence at level alpha; `null` where there is too little for one.
    pub cs: Option<[f64; 2]>,
}

/// A hypothesis by name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Hypothesis {
    /// The sub-population.
    pub slice: Slice,
    /// The question.
    pub check: Check,
}

/// What is still needed, for the required check that needs the most.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Forecast {
    /// Units until it can promote, going on as so far; `null`: never.
    pub need_units: Option<u64>,
    /// Units that are left until the deadline (or the budget's end).
    pub budget_units: Option<u64>,
    /// When that is, RFC 3339; `null`: unknown or never.
    pub eta: Option<String>,
    /// Whether the run ended, or is about to end, because neither decision is in reach.
    pub futile: bool,
    /// Whether spotless units alone can still promote.
    pub promote_reachable: bool,
}

/// A slice too small for a promise of its own.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Uncertified {
    /// The sub-population.
    pub slice: Slice,
    /// Units of the mismatch check.
    pub n: u64,
    /// Upper bound of the excess share of worse units.
    pub upper: f64,
}

/// What came after the final watermark; it changes nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AfterFinal {
    /// What the verdict would be now.
    pub verdict: State,
    /// One line for people.
    pub reason: String,
    /// RFC 3339 time of the newest sealed window's end.
    pub watermark: Option<String>,
    /// Windows sealed, empty ones included.
    pub sealed_windows: u64,
    /// Units of the whole population.
    pub units: u64,
    /// Hypotheses each proved worse than tolerated on its own by now.
    pub culprits: Vec<Hypothesis>,
}

/// What makes the verdict reproducible.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Replay {
    /// Topic of the tallies; `null` for a log in files.
    pub topic: Option<String>,
    /// First and last offset by partition.
    pub offsets: BTreeMap<String, [u64; 2]>,
    /// SHA-256 over every row and exposure judged, in run order.
    pub counters_sha256: String,
}

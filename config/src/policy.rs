//! `[policy]`: what counts as worse, how sure to be, and how long to wait.
//!
//! Names and defaults are those of the verdict's specification, table 2.10.

use crate::Span;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The grain of evidence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum UnitKind {
    /// All exchanges of one cluster key in one window; a key counts once in each key block.
    #[default]
    Session,
    /// Each exchange on its own: only where the user asserts independence.
    Request,
    /// Like `session`, but a key counts once in the whole run.
    KeyOnce,
}

/// The policy of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Policy {
    /// Bound on P(reject | nowhere worse than tau).
    #[schemars(extend("exclusiveMinimum" = 0.0, "maximum" = 0.2, "x-unit" = "probability"))]
    pub alpha: f64,
    /// Bound on P(promote | some required check worse by delta).
    #[schemars(extend("exclusiveMinimum" = 0.0, "maximum" = 0.2, "x-unit" = "probability"))]
    pub beta: f64,
    /// Tolerated excess share of worse units (checks mismatch, field, outputs).
    #[schemars(extend("exclusiveMinimum" = -1.0, "exclusiveMaximum" = 1.0, "x-unit" = "share of units"))]
    pub tau: f64,
    /// Excess share that must be excluded before promoting (the same checks).
    #[schemars(extend("exclusiveMinimum" = 0.0, "exclusiveMaximum" = 1.0, "x-unit" = "share of units"))]
    pub delta: f64,
    /// Allows `tau <= 0`.
    pub i_know: bool,
    /// The grain of evidence.
    pub unit: UnitKind,
    /// Length of a window of admission time.
    #[schemars(extend("x-minimum" = "1ms"))]
    pub window: Span,
    /// A returning key counts once per block of this length; a multiple of `window`.
    #[schemars(extend("x-minimum" = "1ms"))]
    pub key_block: Span,
    /// Key hashes kept per set; a full set makes the run invalid.
    #[schemars(range(min = 1), extend("x-unit" = "keys"))]
    pub keys_max: u64,
    /// Time limit of a copy.
    #[schemars(extend("x-minimum" = "1ms", "x-maximum" = "1h"))]
    pub shadow_timeout: Span,
    /// How long after its end a window is sealed; `shadow_timeout` + 5 s when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"35s")]
    pub seal_delay: Option<Span>,
    /// Exchanges admitted before this are compared and shown, their latency not judged.
    pub warm_up: Span,
    /// Net discordant requests that make a unit severe.
    #[schemars(range(min = 2), extend("x-unit" = "requests"))]
    pub severe_requests: u64,
    /// Admission time to be seen before a promote.
    pub minimum_time: Span,
    /// A full cycle of the load to be seen before a promote (24 h for diurnal services).
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"24h")]
    pub min_cycle: Option<Span>,
    /// Distinct cluster keys to be seen before a promote.
    #[schemars(extend("x-unit" = "keys"))]
    pub minimum_keys: u64,
    /// Sealed windows to be seen before a promote.
    #[schemars(range(min = 1), extend("x-unit" = "windows"))]
    pub min_windows: u64,
    /// Least share of mirrored exchanges that must be compared.
    #[schemars(extend("exclusiveMinimum" = 0.0, "maximum" = 1.0, "x-unit" = "share of mirrored exchanges"))]
    pub coverage: f64,
    /// Largest share of mirrored exchanges that may come late.
    #[schemars(range(min = 0.0, max = 1.0), extend("x-unit" = "share of mirrored exchanges"))]
    pub late: f64,
    /// Largest share of compared exchanges in which only the control is missing.
    #[schemars(range(min = 0.0, max = 1.0), extend("x-unit" = "share of compared exchanges"))]
    pub control_only_missing: f64,
    /// Largest judged reject evidence with which a check may promote.
    #[schemars(extend("exclusiveMinimum" = 0.0, "x-unit" = "e-value"))]
    pub quiet: f64,
    /// Windows after which the burst guard may go off.
    #[schemars(range(min = 1), extend("x-unit" = "windows"))]
    pub guard_windows: u64,
    /// Design effect above which the burst guard latches.
    #[schemars(range(min = 1.0), extend("x-unit" = "ratio of variances"))]
    pub deff_limit: f64,
    /// Tolerated excess share of worse windows.
    #[schemars(extend("minimum" = 0.0, "exclusiveMaximum" = 1.0, "x-unit" = "share of windows"))]
    pub tau_window: f64,
    /// Excess share of worse windows that must be excluded before promoting.
    #[schemars(extend("exclusiveMinimum" = 0.0, "exclusiveMaximum" = 1.0, "x-unit" = "share of windows"))]
    pub delta_window: f64,
    /// Share of the excess that condemns one replica instead of the build.
    #[schemars(extend("exclusiveMinimum" = 0.0, "maximum" = 1.0, "x-unit" = "share of the excess"))]
    pub replica_share: f64,
    /// Response header that names the replica that answered, such as `x-pod`; without it a bad replica
    /// cannot be told from a bad build.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"x-pod")]
    pub replica_header: Option<String>,
    /// Share of control-bad units above which a field check counts as nondeterministic.
    #[schemars(extend("exclusiveMinimum" = 0.0, "maximum" = 1.0, "x-unit" = "share of units"))]
    pub nondeterministic: f64,
    /// False discovery rate of the suspects.
    #[schemars(extend("exclusiveMinimum" = 0.0, "exclusiveMaximum" = 1.0, "x-unit" = "rate"))]
    pub suspects_q: f64,
    /// Evidence needed over evidence left that makes a run futile.
    #[schemars(range(min = 1.0), extend("x-unit" = "ratio"))]
    pub futility_ratio: f64,
    /// Consecutive futile watermarks before giving up.
    #[schemars(range(min = 1), extend("x-unit" = "watermarks"))]
    pub futility_looks: u64,
    /// Ends a run early when only an improving candidate could promote.
    pub thrifty: bool,
    /// When an undecided run becomes inconclusive.
    #[schemars(extend("x-minimum" = "1ms"))]
    pub deadline: Span,
    /// Units after which an undecided run is taken to be over, for the forecast.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1), example = 100_000, extend("x-unit" = "units"))]
    pub budget_units: Option<u64>,
    /// Settings by check: `mismatch`, `status`, `error_rate`, `availability`, `outputs`,
    /// `mismatch.severe`, `field.<path>`, `latency.p50` … `latency.p999`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("examples" = [{
        "status": { "tau": 0.0001, "delta": 0.0005, "required": true },
        "latency.p99": {
            "required": true,
            "reject_ratio": 1.05, "promote_ratio": 1.10, "reject_floor": "1ms", "promote_floor": "2ms",
        },
    }]))]
    pub checks: BTreeMap<String, CheckPolicy>,
    /// Sub-populations with evidence of their own; found from the routes when empty.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub slices: Vec<SlicePolicy>,
    /// The candidate is the primary's own build: a reject condemns the rig.
    pub self_test: bool,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            alpha: 0.05,
            beta: 0.01,
            tau: 0.0005,
            delta: 0.002,
            i_know: false,
            unit: UnitKind::Session,
            window: Span::secs(10),
            key_block: Span::secs(600),
            keys_max: 1 << 24,
            shadow_timeout: Span::secs(30),
            seal_delay: None,
            warm_up: Span::secs(0),
            severe_requests: 5,
            minimum_time: Span::secs(15 * 60),
            min_cycle: None,
            minimum_keys: 200,
            min_windows: 2,
            coverage: 0.98,
            late: 0.001,
            control_only_missing: 0.02,
            quiet: 2.0,
            guard_windows: 30,
            deff_limit: 2.0,
            tau_window: 0.02,
            delta_window: 0.10,
            replica_share: 0.6,
            replica_header: None,
            nondeterministic: 0.2,
            suspects_q: 0.1,
            futility_ratio: 4.0,
            futility_looks: 20,
            thrifty: false,
            deadline: Span::secs(2 * 3600),
            budget_units: None,
            checks: BTreeMap::new(),
            slices: Vec::new(),
            self_test: false,
        }
    }
}

impl Policy {
    /// Slices that a policy may name, at most.
    pub const SLICES_MAX: usize = 256;

    /// How long after its end a window is sealed.
    #[must_use]
    pub fn seal_delay(&self) -> Span {
        self.seal_delay.unwrap_or(Span(self.shadow_timeout.0 + std::time::Duration::from_secs(5)))
    }
}

/// Settings of one check; what is absent keeps the check's default.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct CheckPolicy {
    /// Tolerated excess share of worse units.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = 0.0001, extend("exclusiveMinimum" = -1.0, "exclusiveMaximum" = 1.0, "x-unit" = "share of units"))]
    pub tau: Option<f64>,
    /// Excess share that must be excluded before promoting.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = 0.0005, extend("exclusiveMinimum" = 0.0, "exclusiveMaximum" = 1.0, "x-unit" = "share of units"))]
    pub delta: Option<f64>,
    /// Whether a promote needs this check's evidence.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub required: Option<bool>,
    /// 1 + rho_R: slower than this counts towards a reject.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1.0, max = 1000.0), example = 1.05, extend("x-unit" = "ratio of latencies"))]
    pub reject_ratio: Option<f64>,
    /// 1 + rho_P: slower than this must be excluded before promoting.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1.0, max = 1000.0), example = 1.10, extend("x-unit" = "ratio of latencies"))]
    pub promote_ratio: Option<f64>,
    /// eps_R: the least slowdown that counts towards a reject.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"1ms")]
    pub reject_floor: Option<Span>,
    /// eps_P: the least slowdown that must be excluded before promoting.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"2ms")]
    pub promote_floor: Option<Span>,
    /// How many times as often as the control the candidate may fail, beside tau; only under `unit = "request"`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1.0, max = 10.0), example = 1.5, extend("x-unit" = "ratio of failures"))]
    pub noise_ratio: Option<f64>,
}

/// A named sub-population.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SlicePolicy {
    /// Labels that an exchange must carry, such as `{ route = "ingest" }`; `{}` is the whole.
    #[schemars(extend("examples" = [{"route": "ingest"}]))]
    pub slice: BTreeMap<String, String>,
    /// Whether a promote needs this slice's evidence; decided by its expected units when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub required: Option<bool>,
    /// Share of the reject level spent on this slice.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(example = 0.25, extend("exclusiveMinimum" = 0.0, "exclusiveMaximum" = 1.0, "x-unit" = "share of the reject level"))]
    pub weight: Option<f64>,
    /// Units per second expected here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(example = 50.0, extend("exclusiveMinimum" = 0.0, "x-unit" = "units per second"))]
    pub rate: Option<f64>,
}

//! From the policy to hypotheses: which questions are asked of each slice, with which tolerance, and
//! what is refused before a run starts.

use super::JudgeError;
use super::bounds::lower;
use super::latency::Tolerance;
use super::math::ln;
use super::mixture::{Bets, Counts, Grant, spotless_units};
use super::restarts::OneUnit;
use crate::check::{Check, Quantile};
use crate::run::{ControlMode, NoiseCounts, Run};
use parallax_config::{Policy, UnitKind};

/// Windows until the deadline, at most; bounds the work of a run whose tallies have gaps.
const MOST_WINDOWS: u64 = 10_000_000;

/// How the promote side of a check is proved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Proof {
    /// Worse in less than `delta` of the units: `E_P` on the check's own counts.
    Margin,
    /// Better in more units than worse, granted the tolerance: `E_R` at 0 on the swapped counts.
    Better,
}

/// One question with its tolerances; asked of every slice alike.
#[derive(Debug, Clone)]
pub(crate) struct Hypothesis {
    pub(crate) check: Check,
    /// Whether a promote needs it in a required slice; `None`: where 250,000 units are expected.
    pub(crate) required: Option<bool>,
    pub(crate) tau: f64,
    pub(crate) delta: f64,
    pub(crate) reject: Bets,
    pub(crate) reject_window: OneUnit,
    pub(crate) proof: Proof,
    pub(crate) promote: Bets,
    pub(crate) promote_window: Bets,
    /// Units below which nothing is promoted, however clean.
    pub(crate) n_req: u64,
}

impl Hypothesis {
    /// Logarithm of the promote side's unit-level e-value.
    pub(crate) fn ln_promote(&self, units: Counts) -> f64 {
        self.promote.ln_e(seen_by(self.proof, units))
    }

    /// Logarithm of its window-level e-value.
    pub(crate) fn ln_promote_window(&self, windows: Counts) -> f64 {
        self.promote_window.ln_e(seen_by(self.proof, windows))
    }

    /// Lower bounds of both, without exponentials.
    pub(crate) fn ln_promote_at_least(&self, units: Counts) -> f64 {
        self.promote.ln_e_at_least(seen_by(self.proof, units))
    }

    pub(crate) fn ln_promote_window_at_least(&self, windows: Counts) -> f64 {
        self.promote_window.ln_e_at_least(seen_by(self.proof, windows))
    }

    /// Thousandths of the control's own failures that the candidate is granted.
    pub(crate) fn grant(&self) -> u32 {
        self.reject.grant().0
    }

    pub(crate) fn is_latency(&self) -> bool {
        matches!(self.check, Check::Latency(_) | Check::LatencySevere(_))
    }
}

/// Counts as the bets of `proof` read them.
fn seen_by(proof: Proof, counts: Counts) -> Counts {
    if proof == Proof::Better { counts.swapped() } else { counts }
}

/// The thresholds of a run.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Levels {
    /// `ln(1/alpha)`, or `ln(2/alpha)` where the other half bounds the noise.
    pub(crate) reject: f64,
    /// `ln(1/beta)`, or `ln(2/beta)`.
    pub(crate) promote: f64,
    /// `ln(2/alpha)`, for intervals.
    pub(crate) interval: f64,
    /// `ln` of the largest quiet reject evidence.
    pub(crate) quiet: f64,
    /// Windows until the deadline.
    pub(crate) deadline: u64,
}

impl Levels {
    pub(crate) fn new(run: &Run) -> Self {
        let policy = &run.policy;
        let spent = if is_bounded(run) { 2.0 } else { 1.0 };
        Self {
            reject: ln(spent / policy.alpha),
            promote: ln(spent / policy.beta),
            interval: ln(2.0 / policy.alpha),
            quiet: ln(policy.quiet),
            deadline: run
                .carried_windows
                .saturating_add(policy.deadline.nanos().div_ceil(policy.window.nanos().max(1)).max(1)),
        }
    }
}

/// Whether an earlier A/A run bounds the noise in place of a control.
pub(crate) fn is_bounded(run: &Run) -> bool {
    run.control == ControlMode::None && !run.noise.is_empty()
}

/// Refuses a policy that cannot be judged by.
pub(crate) fn validate(run: &Run) -> Result<(), JudgeError> {
    let policy = &run.policy;
    for (key, value) in [("alpha", policy.alpha), ("beta", policy.beta)] {
        ensure(value > 0.0 && value <= 0.2, key, "must be above 0 and at most 0.2")?;
    }
    shares(policy)?;
    times(policy)?;
    for name in policy.checks.keys() {
        let check: Check = name.parse().map_err(|error: crate::check::UnknownCheck| {
            JudgeError::policy(format!("checks.{name}"), error.to_string())
        })?;
        let severe = matches!(check, Check::MismatchSevere | Check::LatencySevere(_));
        ensure(
            !(severe && policy.unit == UnitKind::Request),
            &format!("checks.{name}"),
            "a single request cannot be severe; remove it, or set policy.unit to session",
        )?;
    }
    for quantile in Quantile::ALL {
        Tolerance::new(policy, quantile).map_err(|error| {
            JudgeError::policy(format!("checks.{}", Check::Latency(quantile)), error.to_string())
        })?;
    }
    Ok(())
}

fn shares(policy: &Policy) -> Result<(), JudgeError> {
    for (key, value) in [
        ("coverage", policy.coverage),
        ("late", policy.late),
        ("control_only_missing", policy.control_only_missing),
        ("replica_share", policy.replica_share),
        ("nondeterministic", policy.nondeterministic),
    ] {
        ensure((0.0..=1.0).contains(&value), key, "must be a share from 0 to 1")?;
    }
    ensure(policy.suspects_q > 0.0 && policy.suspects_q < 1.0, "suspects_q", "must be between 0 and 1")?;
    ensure(policy.quiet >= 1.0 && policy.quiet.is_finite(), "quiet", "must be at least 1")?;
    ensure(policy.deff_limit >= 0.0 && policy.deff_limit.is_finite(), "deff_limit", "must not be negative")?;
    ensure(policy.futility_ratio > 0.0, "futility_ratio", "must be above 0")?;
    ensure(policy.severe_requests > 0, "severe_requests", "must be at least 1")?;
    let open = |value: f64| value > 0.0 && value < 1.0;
    ensure(open(policy.tau_window), "tau_window", "must be between 0 and 1")?;
    ensure(open(policy.delta_window), "delta_window", "must be between 0 and 1")?;
    ensure(policy.tau_window < policy.delta_window, "delta_window", "must be larger than tau_window")
}

fn times(policy: &Policy) -> Result<(), JudgeError> {
    let window = policy.window.nanos();
    ensure(window > 0, "window", "must be longer than 0")?;
    let is_whole = policy.key_block.nanos() > 0 && policy.key_block.nanos().is_multiple_of(window);
    ensure(is_whole || policy.unit != UnitKind::Session, "key_block", "must be a multiple of policy.window")?;
    ensure(policy.minimum_time <= policy.deadline, "minimum_time", "must not exceed policy.deadline")?;
    let cycle = policy.min_cycle.unwrap_or(policy.minimum_time);
    ensure(cycle <= policy.deadline, "min_cycle", "must not exceed policy.deadline")?;
    let windows = policy.deadline.nanos().div_ceil(window);
    ensure(windows > 0, "deadline", "must be longer than 0")?;
    ensure(windows <= MOST_WINDOWS, "window", "is too short: the deadline must not exceed 10000000 windows")
}

fn ensure(holds: bool, key: &str, why: &str) -> Result<(), JudgeError> {
    if holds { Ok(()) } else { Err(JudgeError::policy(key, why)) }
}

/// The hypotheses of every slice, in the order of the documents.
pub(crate) fn hypotheses(run: &Run) -> Result<Vec<Hypothesis>, JudgeError> {
    let hypotheses: Vec<_> =
        checks(run).into_iter().map(|check| hypothesis(run, check)).collect::<Result<_, _>>()?;
    ensure(
        hypotheses.iter().any(|hypothesis| hypothesis.required == Some(true)),
        "checks",
        "leaves no check that is required for a promote; require at least one",
    )?;
    Ok(hypotheses)
}

/// Checks that this policy and control ask for but the run gathers no evidence for.
pub(crate) fn unjudged(run: &Run) -> Vec<Check> {
    let mut checks = asked(run);
    checks.retain(|check| !(run.checks.is_empty() || run.checks.contains(check)));
    checks
}

fn checks(run: &Run) -> Vec<Check> {
    let mut checks = asked(run);
    checks.retain(|check| run.checks.is_empty() || run.checks.contains(check));
    checks
}

fn asked(run: &Run) -> Vec<Check> {
    let mut checks = vec![Check::Mismatch, Check::Status, Check::ErrorRate, Check::Availability];
    let severe = run.policy.unit != UnitKind::Request;
    if run.control != ControlMode::None {
        checks.extend(Quantile::ALL.map(Check::Latency));
        if severe {
            checks.extend(Quantile::ALL.map(Check::LatencySevere));
        }
    }
    if severe {
        checks.push(Check::MismatchSevere);
    }
    let configured = run.policy.checks.keys().filter_map(|name| name.parse().ok());
    checks.extend(configured.filter(|check| matches!(check, Check::Field(_) | Check::Outputs)));
    checks.sort();
    checks
}

fn hypothesis(run: &Run, check: Check) -> Result<Hypothesis, JudgeError> {
    let policy = &run.policy;
    let name = check.to_string();
    let own = policy.checks.get(&name);
    let proof = if matches!(check, Check::Latency(_)) { Proof::Better } else { Proof::Margin };
    let (tau, delta) = margins(run, &check)?;
    let grant = grant(run, &check)?;
    let (promote, promote_window) = match proof {
        Proof::Margin => (Bets::promote_granting(delta, grant), Bets::promote(policy.delta_window)),
        Proof::Better => (Bets::reject(0.0), Bets::reject(0.0)),
    };
    let n_req = match check {
        Check::Latency(quantile) => 50_000 / (1000 - quantile.thousandths()),
        _ => spotless_units(&promote, Levels::new(run).promote).ok_or_else(|| {
            JudgeError::policy(format!("checks.{name}.delta"), "no number of units can prove it".to_owned())
        })?,
    };
    Ok(Hypothesis {
        required: own.and_then(|own| own.required).map_or_else(|| required(policy, &check), Some),
        tau,
        delta,
        reject: Bets::reject_granting(tau, grant),
        reject_window: Bets::reject(policy.tau_window).into(),
        proof,
        promote,
        promote_window,
        n_req,
        check,
    })
}

/// Whether a check is required where its own settings do not say: a twin follows its base.
fn required(policy: &Policy, check: &Check) -> Option<bool> {
    let base = match check {
        Check::MismatchSevere => Check::Mismatch,
        Check::LatencySevere(quantile) => Check::Latency(*quantile),
        other => other.clone(),
    };
    if let Some(own) = policy.checks.get(&base.to_string()).and_then(|own| own.required) {
        return Some(own);
    }
    match base {
        Check::Latency(Quantile::P999) => None,
        Check::Field(_) | Check::Outputs => Some(false),
        _ => Some(true),
    }
}

/// What a check grants in proportion to the control's own failures.
fn grant(run: &Run, check: &Check) -> Result<Grant, JudgeError> {
    let name = check.to_string();
    let Some(ratio) = run.policy.checks.get(&name).and_then(|own| own.noise_ratio) else {
        return Ok(Grant::default());
    };
    let ensure = |holds, why| ensure(holds, &format!("checks.{name}.noise_ratio"), why);
    ensure((1.0..=10.0).contains(&ratio), "must be from 1 to 10")?;
    ensure(
        run.policy.unit == UnitKind::Request,
        "needs policy.unit = \"request\"; remove it, or assert that requests are independent",
    )?;
    ensure(
        run.control != ControlMode::None,
        "needs a control; without one nothing is known of its failures",
    )?;
    ensure(
        !matches!(check, Check::Latency(_) | Check::LatencySevere(_)),
        "is for checks that count; a latency check has reject_ratio and promote_ratio",
    )?;
    Ok(Grant(((ratio - 1.0) * 1000.0).round() as u32))
}

/// tau and Delta of a check; 0 and 0 for a plain latency check, whose tolerance lies in its thresholds.
fn margins(run: &Run, check: &Check) -> Result<(f64, f64), JudgeError> {
    let policy = &run.policy;
    let (tau, delta) = match check {
        Check::Latency(_) => return Ok((0.0, 0.0)),
        Check::Mismatch | Check::Field(_) | Check::Outputs => (policy.tau, policy.delta),
        _ => (0.0001, 0.0005),
    };
    let name = check.to_string();
    let own = policy.checks.get(&name);
    let mut tau = own.and_then(|own| own.tau).unwrap_or(tau);
    let mut delta = own.and_then(|own| own.delta).unwrap_or(delta);
    let key = |field: &str| if own.is_some() { format!("checks.{name}.{field}") } else { field.to_owned() };
    if is_bounded(run) {
        let noise = run.noise.iter().find(|noise| noise.check == *check).ok_or_else(|| {
            JudgeError::policy(
                format!("checks.{name}"),
                "has no noise counts; run an A/A run first".to_owned(),
            )
        })?;
        let bounds = noise_bounds(run, noise);
        tau += bounds[1];
        delta += bounds[0];
    }
    ensure(
        tau > 0.0 || (policy.i_know && tau > -1.0),
        &key("tau"),
        "must be above 0 (a tolerance of 0 rejects on any real difference; set policy.i_know to allow it)",
    )?;
    ensure(tau < delta, &key("delta"), "must be larger than tau, noise included")?;
    ensure(delta < 1.0, &key("delta"), "must be below 1")?;
    Ok((tau, delta))
}

/// Lower and upper bound of the noise that an A/A run without a control showed: each spends half of
/// the level of the side that it protects.
fn noise_bounds(run: &Run, noise: &NoiseCounts) -> [f64; 2] {
    let counts = Counts::new(noise.units, noise.worse.min(noise.units), 0);
    let (alpha, beta) = (ln(2.0 / run.policy.alpha), ln(2.0 / run.policy.beta));
    [lower(counts, beta).max(0.0), -lower(counts.swapped(), alpha)]
}

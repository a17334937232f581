//! Whether a policy can be met at all: the units that a promote needs, and those that can come.
//!
//! A policy that can never promote looks like a working rig until its deadline. The number of units
//! needed follows from the specification's section 2.6, the number that can come from the windows to
//! the deadline and from what is known about the cluster keys.

use crate::error::Problem;
use crate::keypath::KeyPath;
use crate::tolerance::Family;
use crate::{Config, KeySource, Policy, UnitKind};

const BETS: i32 = 20;
const BET_SCALE: f64 = 0.999;

/// The least `n` with `E_P(n, 0, 0; delta) >= 1/beta`: spotless units that a promote needs.
///
/// `delta` and `beta` lie in (0, 1). The e-process is the mixture of section 2.2 of the
/// specification; it grows with `n`, so the least `n` is found by bisection.
#[must_use]
pub fn units_needed(delta: f64, beta: f64) -> u64 {
    let enough = |n: u64| log_evidence(n, delta) >= -beta.ln();
    let mut high = 1_u64;
    while !enough(high) && high < 1 << 60 {
        high *= 2;
    }
    let mut low = 0;
    while high - low > 1 {
        let middle = low + (high - low) / 2;
        if enough(middle) {
            high = middle;
        } else {
            low = middle;
        }
    }
    high
}

/// `ln E_P(n, 0, 0; delta)`.
#[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^53")]
fn log_evidence(n: u64, delta: f64) -> f64 {
    let weight = |k: i32| 1.0 / f64::from(k + 1);
    let total: f64 = (0..BETS).map(weight).sum();
    let terms: Vec<f64> = (0..BETS)
        .map(|k| {
            let bet = BET_SCALE * 2_f64.powi(-k) / (1.0 - delta);
            (weight(k) / total).ln() + n as f64 * (bet * delta).ln_1p()
        })
        .collect();
    let largest = terms.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    largest + terms.iter().map(|term| (term - largest).exp()).sum::<f64>().ln()
}

/// What the policy's required checks need, for the check that needs most: its name and its units.
#[must_use]
pub fn units_required(policy: &Policy) -> (&'static str, u64) {
    let checks = [
        "mismatch",
        "mismatch.severe",
        "status",
        "error_rate",
        "availability",
        "latency.p50",
        "latency.p50.severe",
        "latency.p90",
        "latency.p90.severe",
        "latency.p99",
        "latency.p99.severe",
        "latency.p999",
        "latency.p999.severe",
    ];
    let severe = |check: &str| check.ends_with(".severe") && policy.unit == UnitKind::Request;
    let needs = checks.into_iter().filter(|check| policy.requires(check) && !severe(check)).map(|check| {
        let units = match Family::of(check) {
            Some(Family::Latency(quantile)) => 50_000 / (1000 - quantile),
            _ => policy.shares(check).map_or(0, |shares| units_needed(shares.delta, policy.beta)),
        };
        (check, units)
    });
    // Of equals the first in the documents' order.
    needs.rev().max_by_key(|(_, units)| *units).unwrap_or(("mismatch", 0))
}

/// Warnings about a policy that cannot promote however good the candidate is.
pub(crate) fn policy_warnings(policy: &Policy) -> Vec<Problem> {
    let at = |key: &str| KeyPath::of(&["policy", key]);
    let mut warnings = Vec::new();
    let windows = policy.deadline.nanos() / policy.window.nanos().max(1);
    // While the burst guard is on, the windows themselves must give the evidence too.
    let needed = policy.guard_windows.min(units_needed(policy.delta_window, policy.beta));
    if windows < needed.max(policy.min_windows) {
        warnings.push(Problem::new(
            at("deadline"),
            format!(
                "{windows} windows fit in {}, and no promote comes before window {needed}",
                policy.deadline
            ),
            format!("raise deadline, shorten window ({}), or expect a reject or nothing", policy.window),
        ));
    }
    let (check, units) = units_required(policy);
    for (index, slice) in policy.slices.iter().enumerate() {
        let Some(rate) = slice.rate else { continue };
        let expected = rate * policy.deadline.0.as_secs_f64();
        #[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^53")]
        if slice.required == Some(true) && expected < units as f64 {
            warnings.push(Problem::new(
                at("slices").index(index).key("rate"),
                format!("{expected:.0} units are expected before the deadline and {check} needs {units}"),
                "raise deadline, raise the check's delta, or do not require this slice",
            ));
        }
    }
    warnings
}

/// A warning when connections are the cluster keys and few of them could not carry a verdict.
pub(crate) fn key_warning(config: &Config) -> Option<Problem> {
    let only_connections = config.key.iter().all(|source| *source == KeySource::Connection);
    if !only_connections || config.policy.unit == UnitKind::Request || config.roles.candidate.is_none() {
        return None;
    }
    let policy = &config.policy;
    let blocks = match policy.unit {
        UnitKind::KeyOnce => 1,
        _ => (policy.deadline.nanos() / policy.key_block.nanos().max(1)).max(1),
    };
    let (check, units) = units_required(policy);
    let connections = units.div_ceil(blocks).max(policy.minimum_keys);
    let what = format!(
        "the cluster key is the client's connection, which counts once per {}; {check} needs {units} units, \
         that is about {connections} connections before the deadline",
        if policy.unit == UnitKind::KeyOnce { "run".to_owned() } else { policy.key_block.to_string() },
    );
    let remedy = "name what identifies a user or session, such as key = [\"header:x-user-id\"]; or set \
                  policy.unit = \"request\" where requests are independent";
    Some(Problem::new(KeyPath::of(&["key"]), what, remedy))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_needed_match_the_specification() {
        assert_eq!(units_needed(0.002, 0.01), 2_925);
        assert_eq!(units_needed(0.0005, 0.01), 11_707);
        assert_eq!(units_needed(0.002, 0.05), 2_087);
        assert_eq!(units_needed(0.0005, 0.05), 8_354);
    }

    #[test]
    fn the_strictest_required_check_decides() {
        let mut policy = Policy::default();
        assert_eq!(units_required(&policy).1, 11_707);
        policy.checks.entry("latency.p999".to_owned()).or_default().required = Some(true);
        assert_eq!(units_required(&policy), ("latency.p999", 50_000));
    }

    #[test]
    fn evidence_matches_the_golden_vectors() {
        assert!((log_evidence(1000, 2e-3) - 1.133_792_189_626_471_5).abs() < 1e-9);
        assert!((log_evidence(4200, 1e-3) - 3.018_577_346_185_711_3).abs() < 1e-9);
    }
}

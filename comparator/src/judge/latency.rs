//! Latency: from the control's past to a threshold, and from the threshold to tolerances.
//!
//! Latency is integer nanoseconds and a missing outcome is +infinity. The threshold `x_p` of a window
//! is known before the window opens, so that counting exceedances is fair whatever the load does.
//! Tolerances are rounded to histogram edges, each in the direction that makes its side harder to
//! prove, in integer arithmetic. `verdict.md` 2.4.

use crate::check::{Check, Quantile};
use crate::latencies::{LONGEST_NS, Latencies, edge_above, edge_at};
use parallax_config::{CheckPolicy, Policy, Span};
use std::ops::RangeInclusive;

/// Sealed windows that a threshold looks back on.
const LOOK_BACK: u64 = 20;
const BILLION: u128 = 1_000_000_000;

/// Windows between the newest that a threshold reads and the one that it is used in:
/// `ceil(seal_delay / window)`, so that all it reads is sealed before it is needed.
#[must_use]
pub fn lag(policy: &Policy) -> u64 {
    policy.seal_delay().nanos().div_ceil(policy.window.nanos().max(1))
}

/// The windows whose control latencies make the threshold of `window`, run indices from 1;
/// `None` before window `lag + 3`, the first that has a threshold.
#[must_use]
pub fn look_back(window: u64, lag: u64) -> Option<RangeInclusive<u64>> {
    (window >= lag.saturating_add(3))
        .then(|| window.saturating_sub(lag + LOOK_BACK).max(1)..=window - lag - 1)
}

/// The threshold `x_p`: the first edge above the `ceil(p N)`-th smallest of the control's `N` latencies,
/// `missing` of which are +infinity and so in no bucket.
///
/// `None` where there are none, or where that one is missing.
#[must_use]
pub fn threshold(control: &Latencies, missing: u64, quantile: Quantile) -> Option<u64> {
    let total = u128::from(control.count()) + u128::from(missing);
    let rank = (total * u128::from(quantile.thousandths())).div_ceil(1000);
    if rank == 0 {
        return None;
    }
    control.nth_smallest(u64::try_from(rank).unwrap_or(u64::MAX)).map(edge_above)
}

/// How much slower the candidate may be at one quantile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tolerance {
    /// `1 + rho_R` in parts per billion.
    reject_ratio: u64,
    /// `1 + rho_P` in parts per billion.
    promote_ratio: u64,
    /// `eps_R` in nanoseconds.
    reject_floor: u64,
    /// `eps_P` in nanoseconds.
    promote_floor: u64,
}

/// A latency tolerance that cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ToleranceError {
    /// A ratio is below 1 or above 1,000.
    #[error("reject_ratio and promote_ratio must be at least 1 and at most 1000")]
    Ratio,
    /// The promote ratio leaves no room between the two decisions.
    #[error("promote_ratio must be larger than reject_ratio")]
    RatioOrder,
    /// The promote floor leaves no room between the two decisions.
    #[error("promote_floor must be larger than reject_floor")]
    FloorOrder,
}

impl Tolerance {
    /// The tolerance of `quantile` under `policy`; what it does not set has the default of the table
    /// in `verdict.md` 2.10.
    ///
    /// # Errors
    /// A ratio out of range, or a promote side that is not looser than the reject side.
    pub fn new(policy: &Policy, quantile: Quantile) -> Result<Self, ToleranceError> {
        let own = policy.checks.get(&Check::Latency(quantile).to_string());
        let own = own.cloned().unwrap_or_default();
        let wide = quantile == Quantile::P999;
        let (reject_ratio, promote_ratio) = if wide { (1.10, 1.25) } else { (1.05, 1.10) };
        let tolerance = Self {
            reject_ratio: billionths(own.reject_ratio.unwrap_or(reject_ratio))?,
            promote_ratio: billionths(own.promote_ratio.unwrap_or(promote_ratio))?,
            reject_floor: floor(&own, |own| own.reject_floor, 1),
            promote_floor: floor(&own, |own| own.promote_floor, 2),
        };
        if tolerance.promote_ratio <= tolerance.reject_ratio {
            return Err(ToleranceError::RatioOrder);
        }
        if tolerance.promote_floor <= tolerance.reject_floor {
            return Err(ToleranceError::FloorOrder);
        }
        Ok(tolerance)
    }

    /// `g_R(x) = max((1 + rho_R) x, x + min(eps_R, x/4))`, rounded up to an edge.
    ///
    /// A candidate latency of at least this counts towards a reject.
    #[must_use]
    pub fn reject(&self, x: u64) -> u64 {
        let scaled = (u128::from(x) * u128::from(self.reject_ratio)).div_ceil(BILLION);
        let lifted = x.saturating_add(self.reject_floor.min(x.div_ceil(4)));
        edge_at_least(narrow(scaled).max(lifted))
    }

    /// `g_P(x) = max((1 + rho_P) x, x + min(eps_P, x/2))`, rounded down to an edge.
    ///
    /// A candidate latency of at least this counts against a promote.
    #[must_use]
    pub fn promote(&self, x: u64) -> u64 {
        let scaled = u128::from(x) * u128::from(self.promote_ratio) / BILLION;
        let lifted = x.saturating_add(self.promote_floor.min(x / 2));
        edge_at(narrow(scaled).max(lifted))
    }
}

fn floor(own: &CheckPolicy, of: impl Fn(&CheckPolicy) -> Option<Span>, default_ms: u64) -> u64 {
    of(own).unwrap_or(Span::millis(default_ms)).nanos()
}

/// Ratios are decimal settings, so they are made exact before anything is multiplied.
fn billionths(ratio: f64) -> Result<u64, ToleranceError> {
    if (1.0..=1000.0).contains(&ratio) {
        Ok((ratio * 1e9).round() as u64)
    } else {
        Err(ToleranceError::Ratio)
    }
}

/// Rounds up to an edge; what is longer than any edge stays as it is.
fn edge_at_least(ns: u64) -> u64 {
    if ns > LONGEST_NS || edge_at(ns) == ns { ns } else { edge_above(ns) }
}

fn narrow(ns: u128) -> u64 {
    u64::try_from(ns).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::latencies::Recorder;

    fn tolerance() -> Tolerance {
        Tolerance::new(&Policy::default(), Quantile::P99).unwrap()
    }

    #[test]
    fn tolerances_of_the_specified_example() {
        assert_eq!(tolerance().reject(41_222_144), 43_286_528);
        assert_eq!(tolerance().promote(41_222_144), 45_318_144);
    }

    #[test]
    fn floors_are_capped_for_fast_endpoints() {
        // 0.2 ms: a floor of 1 ms would allow a six-fold slowdown.
        assert!(tolerance().reject(200_000) <= edge_above(250_000));
        assert!(tolerance().promote(200_000) <= 300_000);
    }

    #[test]
    fn rounding_makes_each_side_harder_to_prove() {
        for x in [3, 1_000, 65_537, 5_000_011, 999_999_999_999] {
            let exact = x as f64;
            let reject = (1.05 * exact).max(exact + f64::min(1e6, exact / 4.0));
            let promote = (1.10 * exact).max(exact + f64::min(2e6, exact / 2.0));
            assert!(tolerance().reject(x) as f64 >= reject * (1.0 - 1e-12), "{x}");
            assert!(tolerance().promote(x) as f64 <= promote * (1.0 + 1e-12), "{x}");
        }
    }

    #[test]
    fn thresholds_are_the_edge_above_the_rank() {
        let mut recorder = Recorder::default();
        assert_eq!(threshold(&recorder.so_far().clone(), 0, Quantile::P50), None);
        (1..=10).for_each(|ns| recorder.record(ns * 100));
        let control = recorder.finish();
        assert_eq!(threshold(&control, 0, Quantile::P50), Some(501));
        assert_eq!(threshold(&control, 0, Quantile::P90), Some(901));
        assert_eq!(threshold(&control, 0, Quantile::P99), Some(1001));
        assert_eq!(threshold(&control, 1, Quantile::P99), None, "the eleventh of eleven is missing");
        assert_eq!(threshold(&control, 1, Quantile::P50), Some(601));
    }

    #[test]
    fn a_threshold_reads_only_windows_sealed_before_it_is_used() {
        let lag = lag(&Policy::default());
        assert_eq!(lag, 4);
        assert_eq!(look_back(6, lag), None);
        assert_eq!(look_back(7, lag), Some(1..=2));
        assert_eq!(look_back(25, lag), Some(1..=20));
        assert_eq!(look_back(100, lag), Some(76..=95));
    }

    #[test]
    fn a_promote_side_that_is_not_looser_is_refused() {
        let policy = |set: fn(&mut CheckPolicy)| {
            let mut policy = Policy::default();
            set(policy.checks.entry("latency.p99".to_owned()).or_default());
            Tolerance::new(&policy, Quantile::P99)
        };
        assert_eq!(policy(|own| own.promote_ratio = Some(1.05)), Err(ToleranceError::RatioOrder));
        assert_eq!(policy(|own| own.promote_floor = Some(Span::millis(1))), Err(ToleranceError::FloorOrder));
        assert_eq!(policy(|own| own.reject_ratio = Some(0.9)), Err(ToleranceError::Ratio));
    }
}

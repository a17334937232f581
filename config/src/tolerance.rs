//! What each check tolerates once its own settings and the defaults are put together.

use crate::{Policy, Span};

/// Tolerance and margin of a check, as shares of the units.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Shares {
    /// Tolerated excess share of worse units.
    pub tau: f64,
    /// Excess share that must be excluded before promoting.
    pub delta: f64,
}

/// Tolerances of a latency quantile.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Slowdown {
    /// Slower than this counts towards a reject.
    pub reject_ratio: f64,
    /// Slower than this must be excluded before promoting.
    pub promote_ratio: f64,
    /// The least slowdown that counts towards a reject.
    pub reject_floor: Span,
    /// The least slowdown that must be excluded before promoting.
    pub promote_floor: Span,
}

/// What a check is about, by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Family {
    /// `mismatch`, `outputs`, `field.<path>`: the policy's own `tau` and `delta` are their defaults.
    Sameness,
    /// `status`, `error_rate`, `availability` and every `.severe` twin.
    Strict,
    /// `latency.pX`, the quantile in thousandths: its tolerance is a slowdown.
    Latency(u64),
}

impl Family {
    /// The family of a check; `None` when there is no such check.
    pub(crate) fn of(check: &str) -> Option<Self> {
        match check {
            "mismatch" | "outputs" => Some(Self::Sameness),
            "status" | "error_rate" | "availability" | "mismatch.severe" => Some(Self::Strict),
            "latency.p50" => Some(Self::Latency(500)),
            "latency.p90" => Some(Self::Latency(900)),
            "latency.p99" => Some(Self::Latency(990)),
            "latency.p999" => Some(Self::Latency(999)),
            _ => match check.strip_suffix(".severe").map(Self::of) {
                Some(Some(Self::Latency(_))) => Some(Self::Strict),
                Some(_) => None,
                None if check.strip_prefix("field.").is_some_and(|path| !path.is_empty()) => {
                    Some(Self::Sameness)
                }
                None => None,
            },
        }
    }
}

impl Policy {
    /// `tau` and `delta` of a check; `None` of `latency.pX`, which tolerates a [`Slowdown`] instead,
    /// and of names that are no check.
    #[must_use]
    pub fn shares(&self, check: &str) -> Option<Shares> {
        let default = match Family::of(check)? {
            Family::Sameness => Shares { tau: self.tau, delta: self.delta },
            Family::Strict => Shares { tau: 0.0001, delta: 0.0005 },
            Family::Latency(_) => return None,
        };
        let own = self.checks.get(check);
        Some(Shares {
            tau: own.and_then(|own| own.tau).unwrap_or(default.tau),
            delta: own.and_then(|own| own.delta).unwrap_or(default.delta),
        })
    }

    /// The tolerated slowdown of `latency.pX`; `None` of every other check.
    #[must_use]
    pub fn slowdown(&self, check: &str) -> Option<Slowdown> {
        let Family::Latency(quantile) = Family::of(check)? else { return None };
        let (reject, promote) = if quantile == 999 { (1.10, 1.25) } else { (1.05, 1.10) };
        let own = self.checks.get(check).cloned().unwrap_or_default();
        Some(Slowdown {
            reject_ratio: own.reject_ratio.unwrap_or(reject),
            promote_ratio: own.promote_ratio.unwrap_or(promote),
            reject_floor: own.reject_floor.unwrap_or(Span::millis(1)),
            promote_floor: own.promote_floor.unwrap_or(Span::millis(2)),
        })
    }

    /// Whether a promote needs a check's evidence, as far as the policy alone decides it:
    /// `latency.p999`, `outputs` and fields are required only where the policy says so.
    #[must_use]
    pub fn requires(&self, check: &str) -> bool {
        let own = |name: &str| self.checks.get(name).and_then(|own| own.required);
        let base = check.strip_suffix(".severe").unwrap_or(check);
        let default = match Family::of(base) {
            Some(Family::Latency(quantile)) => quantile != 999,
            Some(Family::Strict) => true,
            Some(Family::Sameness) => base == "mismatch",
            None => false,
        };
        own(check).or_else(|| own(base)).unwrap_or(default)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_are_those_of_the_specification() {
        let policy = Policy::default();
        assert_eq!(policy.shares("mismatch"), Some(Shares { tau: 0.0005, delta: 0.002 }));
        assert_eq!(policy.shares("field./a"), Some(Shares { tau: 0.0005, delta: 0.002 }));
        for strict in ["status", "error_rate", "availability", "mismatch.severe", "latency.p99.severe"] {
            assert_eq!(policy.shares(strict), Some(Shares { tau: 0.0001, delta: 0.0005 }), "{strict}");
        }
        assert_eq!(policy.shares("latency.p99"), None);
        assert_eq!(
            policy.slowdown("latency.p90").map(|s| (s.reject_ratio, s.promote_ratio)),
            Some((1.05, 1.10))
        );
        assert_eq!(
            policy.slowdown("latency.p999").map(|s| (s.reject_ratio, s.promote_ratio)),
            Some((1.10, 1.25))
        );
        assert_eq!(policy.slowdown("status"), None);
    }

    #[test]
    fn only_real_checks_have_a_family() {
        for unknown in ["latency.p95", "status.severe", "field.", "", "mismatch.severe.severe"] {
            assert_eq!(Family::of(unknown), None, "{unknown}");
        }
    }

    #[test]
    fn a_twin_is_required_with_its_check_unless_it_says_otherwise() {
        let mut policy = Policy::default();
        assert!(policy.requires("latency.p99.severe") && !policy.requires("latency.p999"));
        policy.checks.entry("latency.p99".to_owned()).or_default().required = Some(false);
        assert!(!policy.requires("latency.p99.severe"));
        policy.checks.entry("latency.p99.severe".to_owned()).or_default().required = Some(true);
        assert!(policy.requires("latency.p99.severe"));
    }
}

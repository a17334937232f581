//! How much slower the candidate is at a quantile: an estimate for people, from histograms of the whole
//! run. No evidence: the tested statement is about exceedances of a threshold.
//!
//! Bounds come from a band around the empirical distribution that holds at all times (Howard and Ramdas,
//! Bernoulli 2022, theorem 2): `|F_t - F| <= 0.85 sqrt((ln(1 + ln(t/m)) + C)/t)` for `t >= m`. It needs millions of
//! latencies before it says anything about p999.

use super::math::{exp, ln, rounded};
use crate::check::Quantile;
use crate::latencies::Latencies;
use crate::rows::RoleHistograms;
use crate::verdict::Ratio;

/// `A` of the theorem.
const A: f64 = 0.85;
/// Latencies from which on the band holds: `m`.
const FROM: f64 = 1_000.0;

/// Widths of the band at a level, found once.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Band {
    c: f64,
}

impl Band {
    /// The band that holds with probability `1 - level` for one arm.
    pub(crate) fn new(level: f64) -> Self {
        let (mut low, mut high) = (1.0, 100.0);
        while high - low > 1e-9 {
            let middle = low + (high - low) / 2.0;
            if error_of(middle) > level { low = middle } else { high = middle }
        }
        Self { c: high }
    }

    /// Half its width after `count` latencies; `None` where it does not hold yet.
    fn half_width(self, count: u64) -> Option<f64> {
        let t = count as f64;
        (t >= FROM).then(|| A * ((ln(1.0 + ln(t / FROM)) + self.c) / t).sqrt())
    }

    /// Candidate's quantile over the control's.
    pub(crate) fn ratio(self, latency: &RoleHistograms, quantile: Quantile) -> Ratio {
        let p = quantile.thousandths() as f64 / 1000.0;
        let candidate = Arm::new(&latency.candidate, latency.missing[1]);
        let control = Arm::new(&latency.control, latency.missing[2]);
        let divide = |a: Option<u64>, b: Option<u64>| match (a?, b?) {
            (_, 0) => None,
            (a, b) => Some(rounded(a as f64 / b as f64)),
        };
        let bounds = || {
            let k = candidate.bounds(p, self.half_width(candidate.count)?);
            let c = control.bounds(p, self.half_width(control.count)?);
            Some([divide(k[0], c[1])?, divide(k[1], c[0])?])
        };
        Ratio { estimate: divide(candidate.quantile(p), control.quantile(p)), cs: bounds() }
    }
}

/// The theorem's bound on the probability that the band with constant `c` is ever left: the smallest
/// value over its free parameter `eta` in (1, 2 A^2).
fn error_of(c: f64) -> f64 {
    const STEPS: u32 = 2_000;
    let bound = |step: u32| {
        let eta = 1.0 + (2.0 * A * A - 1.0) * f64::from(step) / f64::from(STEPS);
        let gamma = (2.0 / eta).sqrt() * (A - (2.0 * (eta - 1.0) / c).sqrt());
        if gamma <= 1.0 {
            return f64::INFINITY;
        }
        let square = gamma * gamma;
        4.0 * exp(-square * c) * (1.0 + 1.0 / ((square - 1.0) * ln(eta)))
    };
    (1..STEPS).map(bound).fold(f64::INFINITY, f64::min)
}

/// The latencies of one role; missing outcomes are +infinity.
struct Arm<'a> {
    latencies: &'a Latencies,
    count: u64,
}

impl<'a> Arm<'a> {
    fn new(latencies: &'a Latencies, missing: u64) -> Self {
        Self { latencies, count: latencies.count().saturating_add(missing) }
    }

    /// `None` where there are no latencies or the quantile is infinite.
    fn quantile(&self, p: f64) -> Option<u64> {
        if self.count == 0 {
            return None;
        }
        let rank = (p * self.count as f64).ceil().max(1.0);
        self.latencies.nth_smallest(rank as u64)
    }

    fn bounds(&self, p: f64, half_width: f64) -> [Option<u64>; 2] {
        let low = if p > half_width { self.quantile(p - half_width) } else { Some(0) };
        let high = if p + half_width < 1.0 { self.quantile(p + half_width) } else { None };
        [low, high]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::latencies::Recorder;

    fn histograms(count: u64, candidate_missing: u64) -> RoleHistograms {
        let of = |scale: u64| {
            let mut recorder = Recorder::default();
            (1..=count).for_each(|rank| recorder.record(rank * scale));
            recorder.finish()
        };
        RoleHistograms {
            candidate: of(1_100),
            control: of(1_000),
            missing: [0, candidate_missing, 0],
            ..RoleHistograms::default()
        }
    }

    #[test]
    fn the_constants_are_those_of_the_theorem() {
        assert!((Band::new(0.025).c - 8.62265).abs() < 1e-4);
        assert!((Band::new(0.05).c - 8.12272).abs() < 1e-4);
    }

    #[test]
    fn the_estimate_lies_within_its_bounds() {
        let ratio = Band::new(0.025).ratio(&histograms(20_000, 0), Quantile::P50);
        let (estimate, [lower, upper]) = (ratio.estimate.unwrap(), ratio.cs.unwrap());
        assert!((estimate - 1.1).abs() < 0.002, "{estimate}");
        assert!(1.0 < lower && lower < 1.1 && 1.1 < upper && upper < 1.2, "{lower} {upper}");
    }

    #[test]
    fn too_little_data_gives_no_bounds_and_infinite_quantiles_no_estimate() {
        let band = Band::new(0.025);
        assert_eq!(band.ratio(&RoleHistograms::default(), Quantile::P50), Ratio { estimate: None, cs: None });
        assert_eq!(band.ratio(&histograms(900, 0), Quantile::P50).cs, None);
        assert_eq!(
            band.ratio(&histograms(20_000, 0), Quantile::P999).cs,
            None,
            "the band is wider than 0.001"
        );
        assert_eq!(band.ratio(&histograms(1_000, 100), Quantile::P99).estimate, None);
    }
}

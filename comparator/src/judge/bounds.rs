//! Bounds on the excess share: where the e-processes, seen as functions of their tolerance, cross a level.
//!
//! `E_R(n, b, c; d)` falls and `E_P(n, b, c; d)` rises in `d`, because each factor does, so every bound is the
//! root of a monotone function. The two are mirror images: `E_P(n, b, c; d) = E_R(n, c, b; -d)`.

use super::mixture::{Bets, Counts};

/// Roots are found to this width; documents print 6 decimals.
const WIDTH: f64 = 1e-11;
/// The smallest distance from -1 at which bets are still finite.
const EDGE: f64 = 1e-15;

/// Excess shares that the counts do not exclude, with the confidence that `threshold = ln(2/alpha)`
/// stands for, at any time; both in [-1, 1].
///
/// `lower = inf{d: E_R(d) < 2/alpha}` and `upper = sup{d: E_P(d) < 2/alpha}`.
#[must_use]
pub fn confidence(counts: Counts, threshold: f64) -> [f64; 2] {
    // The excess share is that of worse over better units, whatever is granted.
    let counts = counts.with_both(0);
    [lower(counts, threshold), -lower(counts.swapped(), threshold)]
}

/// `inf{d: ln E_R(d) < threshold}`, for a `threshold` above 0; -1 without units.
pub(crate) fn lower(counts: Counts, threshold: f64) -> f64 {
    if counts.n == 0 {
        return -1.0;
    }
    let excess = |d: f64| Bets::ln_e_reject(d, counts) - threshold;
    // At the estimate no bet has gained: ln(1 + x) <= x, and the x sum to nothing.
    let mut high = (counts.worse as f64 - counts.better as f64) / counts.n as f64;
    high = high.clamp(-1.0 + EDGE, 1.0 - EDGE);
    let mut step = (2.0 * threshold / counts.n as f64).sqrt().min(0.5) / 4.0;
    let (mut low, mut at_low, mut at_high) = (high, -threshold, -threshold);
    while at_low < 0.0 {
        if low <= -1.0 + EDGE {
            return -1.0;
        }
        (high, at_high) = (low, at_low);
        low = (low - step).max(-1.0 + EDGE);
        at_low = excess(low);
        step *= 2.0;
    }
    root(excess, [low, high], [at_low, at_high])
}

/// The root of a falling function between two places, with its values there: regula falsi in the form of
/// Illinois, which halves the value of an end that stays, with a halving wherever that is slow.
fn root(
    value: impl Fn(f64) -> f64,
    [mut low, mut high]: [f64; 2],
    [mut at_low, mut at_high]: [f64; 2],
) -> f64 {
    for round in 0..200 {
        if high - low <= WIDTH {
            break;
        }
        let chord = low + (high - low) * at_low / (at_low - at_high);
        let inside = chord > low && chord < high && round % 4 != 3;
        let middle = if inside { chord } else { low + (high - low) / 2.0 };
        let found = value(middle);
        if found >= 0.0 {
            (low, at_low) = (middle, found);
            at_high /= 2.0;
        } else {
            (high, at_high) = (middle, found);
            at_low /= 2.0;
        }
    }
    low + (high - low) / 2.0
}

#[cfg(test)]
mod tests {
    use super::super::math::ln;
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn confidence_sequence_golden_vectors() {
        let threshold = ln(2.0 / 0.05);
        let [lower, upper] = confidence(Counts::new(21_406, 14, 11), threshold);
        assert!((lower + 0.000_699).abs() < 5e-7 && (upper - 0.001_005).abs() < 5e-7, "{lower} {upper}");
        let [lower, upper] = confidence(Counts::new(84, 0, 0), threshold);
        assert!((lower + 0.056_746).abs() < 5e-7 && (upper - 0.056_746).abs() < 5e-7, "{lower} {upper}");
    }

    #[test]
    fn one_sided_counts_keep_the_interval_within_its_range() {
        for counts in [Counts::new(3, 3, 0), Counts::new(3, 0, 3), Counts::new(100_000, 100_000, 0)] {
            let [lower, upper] = confidence(counts, ln(40.0));
            assert!((-1.0..=1.0).contains(&lower) && lower <= upper && upper <= 1.0, "{lower} {upper}");
        }
    }

    #[test]
    fn without_units_nothing_is_excluded() {
        assert_eq!(confidence(Counts::default(), 3.0), [-1.0, 1.0]);
    }

    proptest! {
        #[test]
        fn the_bounds_are_where_the_evidence_crosses(n in 1u64..2_000_000, worse in 0.0..1.0f64, better in 0.0..1.0f64) {
            let worse = (n as f64 * worse * worse) as u64;
            let better = ((n - worse) as f64 * better * better) as u64;
            let counts = Counts::new(n, worse, better);
            let [lower, upper] = confidence(counts, ln(40.0));
            prop_assert!(-1.0 <= lower && lower <= upper && upper <= 1.0);
            for (bound, ln_e) in [
                (lower, (|d, counts| Bets::reject(d).ln_e(counts)) as fn(f64, Counts) -> f64),
                (upper, |d, counts| Bets::promote(d).ln_e(counts)),
            ] {
                let inward = if bound == lower { 1e-7 } else { -1e-7 };
                if bound.abs() < 1.0 - 2e-7 {
                    prop_assert!(ln_e(bound + inward, counts) < ln(40.0), "inside {bound}");
                    prop_assert!(ln_e(bound - inward, counts) >= ln(40.0), "outside {bound}");
                }
            }
        }
    }
}

//! The sign test: whether one of two equally likely things came too often for chance.

/// Chance of at least `more` heads among `more + fewer` tosses of a fair coin, in [0, 1].
///
/// Above a thousand tosses by Hoeffding's bound, which is never below the chance itself: what is
/// called rare is rare.
pub(super) fn chance(more: u64, fewer: u64) -> f64 {
    const EXACT_MAX: u64 = 1_000;
    let tosses = more + fewer;
    if more <= fewer {
        return 1.0;
    }
    if tosses > EXACT_MAX {
        let excess = (more - fewer) as f64;
        return libm::exp(-excess * excess / (2.0 * tosses as f64));
    }
    // Terms of the binomial distribution from all heads down, in units of 2^-tosses.
    let mut term = libm::exp2(-(tosses as f64));
    let mut sum = term;
    for tails in 1..=fewer {
        term *= (tosses - tails + 1) as f64 / tails as f64;
        sum += term;
    }
    sum.min(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chances_are_those_of_a_fair_coin() {
        for (more, fewer, expected) in [
            (1, 0, 0.5),
            (3, 0, 0.125),
            (10, 0, 0.000_976_562_5),
            (8, 2, 0.054_687_5),
            (2, 8, 1.0),
            (0, 0, 1.0),
        ] {
            assert!((chance(more, fewer) - expected).abs() < 1e-12, "{more}:{fewer} {}", chance(more, fewer));
        }
        assert!(chance(500, 499) > 0.45 && chance(5_000, 4_990) > 0.9, "close to even is no surprise");
        assert!(chance(6_000, 4_000) < 1e-6);
    }
}

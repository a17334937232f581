//! The e-process: a mixture of constant bets on three integers.
//!
//! Each bet is a gambler who stakes a constant share of the capital on every unit. Under the null the
//! expected capital never grows, so by Ville's inequality it exceeds `1/alpha` with probability at most
//! `alpha`, however often one looks. Constant bets make the result a function of the counts alone: order
//! and partition cannot matter. `verdict.md` 2.2; betting after Waudby-Smith and Ramdas (JRSS-B 2023),
//! mixtures after Howard, Ramdas, McAuliffe and Sekhon (Ann. Statist. 2021).

use super::math::{exp_all, ln, ln_1p};
use std::sync::OnceLock;

/// Number of bets; the stake halves from one to the next.
pub const BETS: usize = 20;

/// The largest stake leaves this share of the capital after the worst unit.
const STAKE: f64 = 0.999;

/// Units by what they say: `worse + better <= n`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Units in all.
    pub n: u64,
    /// Units in which the candidate did worse than the control.
    pub worse: u64,
    /// Units in which it did better.
    pub better: u64,
    /// Units in which both were bad; counted only where the tolerance grows with the control's own failures.
    pub both: u64,
}

/// How much more often than the control the candidate may fail: thousandths of the control's own failures.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Grant(pub u32);

impl Grant {
    /// As a share: `r`.
    #[must_use]
    pub fn share(self) -> f64 {
        f64::from(self.0) / 1000.0
    }

    /// The sum of the units' values, which are 1, `-(1 + r)`, `-r` and 0: in thousandths, or in whole units where
    /// nothing is granted.
    #[must_use]
    pub(crate) fn net(self, counts: Counts) -> i128 {
        let [worse, better, both] = [counts.worse, counts.better, counts.both].map(i128::from);
        match i128::from(self.0) {
            0 => worse - better,
            granted => 1000 * worse - (1000 + granted) * better - granted * both,
        }
    }

    /// The sum of their squares, in the square of the same measure.
    #[must_use]
    pub(crate) fn squares(self, counts: Counts) -> f64 {
        let [worse, better, both] = [counts.worse, counts.better, counts.both].map(|units| units as f64);
        match f64::from(self.0) {
            0.0 => worse + better,
            granted => 1e6 * worse + (1000.0 + granted).powi(2) * better + granted * granted * both,
        }
    }
}

impl Counts {
    /// Counts of `n` units, `worse` and `better` of them; `worse + better <= n`.
    #[must_use]
    pub const fn new(n: u64, worse: u64, better: u64) -> Self {
        Self { n, worse, better, both: 0 }
    }

    /// The same with the units in which both arms were bad; all three together at most `n`.
    #[must_use]
    pub const fn with_both(self, both: u64) -> Self {
        Self { both, ..self }
    }

    /// The same units seen from the other side.
    #[must_use]
    pub const fn swapped(self) -> Self {
        Self { worse: self.better, better: self.worse, ..self }
    }

    /// Adds the counts of `other`.
    pub fn add(&mut self, other: Self) {
        self.n += other.n;
        self.worse += other.worse;
        self.better += other.better;
        self.both += other.both;
    }

    /// Units that say nothing.
    #[must_use]
    pub const fn alike(self) -> u64 {
        self.n - self.worse - self.better - self.both
    }
}

/// What one unit does to the logarithm of each bet's capital.
#[derive(Debug, Clone, PartialEq)]
pub struct Bets {
    worse: [f64; BETS],
    better: [f64; BETS],
    alike: [f64; BETS],
    /// Of a unit in which both arms were bad; as `alike` where nothing is granted.
    both: [f64; BETS],
    grant: Grant,
    spotless: Spotless,
}

/// Units of which powers are kept: of 0 to 63 units, then of as many times 64.
const POWERS: usize = 64;

/// What units that say nothing do to each bet's capital, made when first asked for; it follows from the bets, and so
/// never tells two of them apart.
#[derive(Debug, Clone, Default)]
struct Spotless(OnceLock<Box<[[f64; BETS]]>>);

impl PartialEq for Spotless {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Bets {
    /// Bets against "the excess share of worse units is at most `tau`"; `tau` in (-1, 1).
    #[must_use]
    pub fn reject(tau: f64) -> Self {
        Self::reject_granting(tau, Grant::default())
    }

    /// Bets against "the excess share of worse units is at least `delta`"; `delta` in (-1, 1).
    #[must_use]
    pub fn promote(delta: f64) -> Self {
        Self::promote_granting(delta, Grant::default())
    }

    /// Bets against "the candidate is bad in at most `tau` more units than `1 + r` times as many as the control":
    /// the value of a unit is `A - (1 + r) B` (`verdict.md` 2.1).
    #[must_use]
    pub fn reject_granting(tau: f64, grant: Grant) -> Self {
        let r = grant.share();
        Self::with(STAKE / (1.0 + r + tau), grant, |stake| {
            [1.0 - tau, -(1.0 + r + tau), -tau, -(r + tau)].map(|value| ln_1p(stake * value))
        })
    }

    /// Bets against "at least `delta` more units than `1 + r` times as many".
    #[must_use]
    pub fn promote_granting(delta: f64, grant: Grant) -> Self {
        let r = grant.share();
        Self::with(STAKE / (1.0 - delta), grant, |stake| {
            [-(1.0 - delta), 1.0 + r + delta, delta, r + delta].map(|value| ln_1p(stake * value))
        })
    }

    fn with(largest: f64, grant: Grant, factors: impl Fn(f64) -> [f64; 4]) -> Self {
        let none = [0.0; BETS];
        let mut bets =
            Self { worse: none, better: none, alike: none, both: none, grant, spotless: Spotless::default() };
        let mut stake = largest;
        for k in 0..BETS {
            [bets.worse[k], bets.better[k], bets.alike[k], bets.both[k]] = factors(stake);
            stake /= 2.0;
        }
        bets
    }

    /// What the bets grant the candidate.
    #[must_use]
    pub fn grant(&self) -> Grant {
        self.grant
    }

    /// Logarithm of each bet's capital after `counts`, from a capital of 1.
    #[must_use]
    pub fn log_capitals(&self, counts: Counts) -> [f64; BETS] {
        let (worse, better, alike) = (counts.worse as f64, counts.better as f64, counts.alike() as f64);
        let plain =
            std::array::from_fn(|k| worse * self.worse[k] + better * self.better[k] + alike * self.alike[k]);
        if counts.both == 0 {
            return plain;
        }
        let both = counts.both as f64;
        std::array::from_fn(|k| plain[k] + both * self.both[k])
    }

    /// By what each bet's capital is multiplied after `counts`; beyond `exp(700)` too little.
    ///
    /// Most checks see no difference in most windows, so the powers of a unit that says nothing are kept: two of them
    /// make those of up to 4,095 units, at a sixth of the cost of the exponentials.
    #[must_use]
    pub(crate) fn growth(&self, counts: Counts) -> [f64; BETS] {
        let units = usize::try_from(counts.n).unwrap_or(usize::MAX);
        if counts.alike() < counts.n || units >= POWERS * POWERS {
            return exp_all(&self.log_capitals(counts));
        }
        let powers = self.spotless.0.get_or_init(|| {
            let of = |units: usize| exp_all(&self.alike.map(|factor| factor * units as f64));
            (0..POWERS).map(of).chain((0..POWERS).map(|times| of(times * POWERS))).collect()
        });
        let (ones, many) = (&powers[units % POWERS], &powers[POWERS + units / POWERS]);
        std::array::from_fn(|k| ones[k] * many[k])
    }

    /// `ln E_R(counts; tau)`: [`Bets::reject`] for one evaluation only, without the factors of units that
    /// were not seen. Searches over `tau` spend their time here.
    #[must_use]
    pub(crate) fn ln_e_reject(tau: f64, counts: Counts) -> f64 {
        let mut capitals = [0.0; BETS];
        let mut add = |count: u64, factor: &dyn Fn(f64) -> f64| {
            if count > 0 {
                let mut stake = STAKE / (1.0 + tau);
                for capital in &mut capitals {
                    *capital += count as f64 * ln_1p(factor(stake));
                    stake /= 2.0;
                }
            }
        };
        add(counts.worse, &|stake| stake * (1.0 - tau));
        add(counts.better, &|stake| -stake * (1.0 + tau));
        add(counts.alike(), &|stake| -stake * tau);
        log_weighted(&capitals)
    }

    /// Factors of one unit: worse, better, alike.
    pub(crate) fn factors(&self) -> [[f64; BETS]; 3] {
        [exp_all(&self.worse), exp_all(&self.better), exp_all(&self.alike)]
    }

    /// A lower bound of [`Bets::ln_e`], within `ln(1/w_19)` of it, for a third of the cost: the capital of the
    /// best bet alone.
    #[must_use]
    pub(crate) fn ln_e_at_least(&self, counts: Counts) -> f64 {
        let best = self.log_capitals(counts).into_iter().fold(f64::NEG_INFINITY, f64::max);
        best + LEAST_LN_WEIGHT
    }

    /// An upper bound of [`Bets::ln_e`] at the same cost: all capital on the best bet.
    #[must_use]
    pub fn ln_e_at_most(&self, counts: Counts) -> f64 {
        self.log_capitals(counts).into_iter().fold(f64::NEG_INFINITY, f64::max)
    }

    /// Logarithm of the e-value: the capital of all bets together.
    #[must_use]
    pub fn ln_e(&self, counts: Counts) -> f64 {
        log_weighted(&self.log_capitals(counts))
    }

    /// Expected growth of the best bet's logarithm a unit, where shares `worse` and `better` of the units are worse
    /// and better, and in a share `both` both arms are bad.
    #[must_use]
    pub fn best_growth(&self, [worse, better, both]: [f64; 3]) -> f64 {
        let alike = 1.0 - worse - better - both;
        let growth = |k: usize| {
            worse * self.worse[k] + better * self.better[k] + alike * self.alike[k] + both * self.both[k]
        };
        (0..BETS).map(growth).fold(f64::NEG_INFINITY, f64::max)
    }

    /// Logarithm of the e-value after `counts` and then `spotless` units that say nothing; the number
    /// need not be whole.
    #[must_use]
    pub fn ln_e_after(&self, counts: Counts, spotless: f64) -> f64 {
        let now = self.log_capitals(counts);
        log_weighted(&std::array::from_fn(|k| now[k] + spotless * self.alike[k]))
    }
}

/// `ln sum_k w_k exp(capital_k)` with `w_k` proportional to `1/(k+1)`.
pub(crate) fn log_weighted(log_capitals: &[f64; BETS]) -> f64 {
    let top = log_capitals.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    top + ln(weighted(&exp_all(&log_capitals.map(|capital| capital - top))))
}

/// `sum_k w_k capital_k`, k ascending.
pub(crate) fn weighted(capitals: &[f64; BETS]) -> f64 {
    WEIGHTS.iter().zip(capitals).map(|(weight, capital)| weight * capital).sum()
}

/// `w_k = 1/((k+1) H_20)`.
const WEIGHTS: [f64; BETS] = {
    let (mut weights, mut total, mut k) = ([0.0; BETS], 0.0, 0);
    while k < BETS {
        weights[k] = 1.0 / (k + 1) as f64;
        total += weights[k];
        k += 1;
    }
    k = 0;
    while k < BETS {
        weights[k] /= total;
        k += 1;
    }
    weights
};

/// `ln w_19`, rounded down.
const LEAST_LN_WEIGHT: f64 = -4.276_05;

/// Smallest number of spotless units that proves "less than `delta`" at `threshold` (a logarithm).
///
/// `None` where no number does (`delta <= 0`).
#[must_use]
pub fn spotless_units(bets: &Bets, threshold: f64) -> Option<u64> {
    const MOST: u64 = 1 << 53;
    let enough = |n| bets.ln_e(Counts::new(n, 0, 0)) >= threshold;
    if !enough(MOST) {
        return None;
    }
    let (mut below, mut at) = (0, MOST);
    while at - below > 1 {
        let middle = below + (at - below) / 2;
        if enough(middle) { at = middle } else { below = middle }
    }
    Some(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn growth_is_the_power_of_the_factors() {
        for bets in [Bets::reject(5e-4), Bets::reject(0.3), Bets::promote(2e-3)] {
            for (n, worse) in
                [(0, 0), (1, 0), (63, 0), (64, 0), (4_000, 0), (4_095, 0), (4_096, 0), (9_000, 2)]
            {
                let counts = Counts::new(n, worse, 0);
                for (grown, log) in bets.growth(counts).into_iter().zip(bets.log_capitals(counts)) {
                    let expected = libm::exp(log.max(-700.0));
                    let is_close = (grown - expected).abs() <= 2e-13 * expected;
                    assert!(
                        is_close || log < -690.0 && grown < 1e-290,
                        "{n} units: {grown} instead of {expected}"
                    );
                }
            }
        }
    }

    fn assert_close(found: f64, expected: f64, relative: f64) {
        assert!((found - expected).abs() <= relative * expected.abs(), "{found} instead of {expected}");
    }

    #[test]
    fn reject_side_golden_vectors() {
        for (n, worse, better, expected) in [
            (1000, 0, 0, -0.1719984811509155),
            (1000, 10, 0, 5.190497938014342),
            (10_000, 25, 10, 0.3029772633916341),
            (100_000, 250, 100, 12.141717070235632),
            (100_000, 150, 100, -0.9090080838972814),
        ] {
            assert_close(Bets::reject(5e-4).ln_e(Counts::new(n, worse, better)), expected, 1e-9);
        }
        let huge = Counts::new(1_000_000_000_000, 2_000_000_000, 1_000_000_000);
        assert_close(Bets::reject(5e-4).ln_e(huge), 39_512_342.894_769_92, 1e-6);
    }

    #[test]
    fn promote_side_golden_vectors() {
        for (n, worse, better, delta, expected) in [
            (1000, 0, 0, 2e-3, 1.1337921896264715),
            (4200, 0, 0, 1e-3, 3.0185773461857113),
            (10_000, 10, 10, 2e-3, 5.203041985145224),
            (20_000, 20, 20, 1e-3, 2.69165990742663),
            (100_000, 1000, 1000, 2e-3, 6.939490872840698),
            (60, 0, 0, 0.1, 5.0651657703653745),
        ] {
            assert_close(Bets::promote(delta).ln_e(Counts::new(n, worse, better)), expected, 1e-9);
        }
    }

    #[test]
    fn one_evaluation_equals_bets_made_for_it() {
        for counts in [Counts::new(5_000, 0, 0), Counts::new(5_000, 3, 0), Counts::new(70, 3, 40)] {
            for tau in [-0.5, -1e-4, 0.0, 0.002, 0.7] {
                assert_eq!(Bets::ln_e_reject(tau, counts), Bets::reject(tau).ln_e(counts));
            }
        }
    }

    #[test]
    fn the_cheap_bounds_hold_the_evidence_between_them() {
        for counts in [Counts::default(), Counts::new(5_000, 3, 40), Counts::new(1_000_000, 900, 20)] {
            let bets = Bets::reject(5e-4);
            let (bound, ln_e) = (bets.ln_e_at_least(counts), bets.ln_e(counts));
            assert!(bound <= ln_e && ln_e <= bets.ln_e_at_most(counts), "{bound} {ln_e}");
        }
        assert!(
            LEAST_LN_WEIGHT <= ln(WEIGHTS[BETS - 1]) && (WEIGHTS.iter().sum::<f64>() - 1.0).abs() < 1e-15
        );
    }

    #[test]
    fn granted_bets_are_fair_on_their_boundary_and_stay_above_nothing() {
        // P(A), P(B) with P(A) - (1 + r) P(B) = tau, the arms dependent.
        let (r, tau, b, ab) = (0.5, 0.001, 0.04, 0.03);
        let a = (1.0 + r) * b + tau;
        let shares = [a - ab, b - ab, 1.0 - a - b + ab, ab];
        for bets in [Bets::reject_granting(tau, Grant(500)), Bets::promote_granting(tau, Grant(500))] {
            for k in 0..BETS {
                let factors = [bets.worse[k], bets.better[k], bets.alike[k], bets.both[k]].map(f64::exp);
                let mean: f64 = factors.iter().zip(shares).map(|(factor, share)| factor * share).sum();
                assert!((mean - 1.0).abs() < 1e-12, "bet {k}: {mean}");
                assert!(factors.iter().all(|factor| *factor >= 0.000_999), "bet {k}: {factors:?}");
            }
        }
    }

    #[test]
    fn nothing_granted_changes_nothing() {
        assert_eq!(Bets::reject_granting(5e-4, Grant(0)), Bets::reject(5e-4));
        let (plain, both) = (Counts::new(1_000, 9, 4), Counts::new(1_000, 9, 4).with_both(30));
        let apart = Bets::promote(2e-3).ln_e(plain) - Bets::promote(2e-3).ln_e(both);
        assert!(apart.abs() < 1e-12 && Grant(0).net(both) == 5 && Grant(0).squares(both) == 13.0);
        assert_eq!(
            (Grant(500).net(both), Grant(500).squares(both)),
            (-12_000, 9e6 + 4.0 * 2.25e6 + 30.0 * 25e4)
        );
        // The more the control fails by itself, the more is forgiven.
        let granted = Bets::reject_granting(5e-4, Grant(500));
        assert!(
            granted.ln_e(both) < granted.ln_e(plain) && granted.ln_e(plain) < Bets::reject(5e-4).ln_e(plain)
        );
    }

    #[test]
    fn nothing_seen_is_no_evidence() {
        assert!(Bets::reject(5e-4).ln_e(Counts::default()).abs() < 1e-15);
        assert!(Bets::promote(2e-3).ln_e(Counts::default()).abs() < 1e-15);
    }

    #[test]
    fn spotless_units_are_those_of_the_specification() {
        for (delta, beta, expected) in
            [(0.002, 0.01, 2_925), (0.0005, 0.01, 11_707), (0.002, 0.05, 2_087), (0.0005, 0.05, 8_354)]
        {
            assert_eq!(spotless_units(&Bets::promote(delta), ln(1.0 / beta)), Some(expected));
        }
        assert_eq!(spotless_units(&Bets::promote(0.0), ln(100.0)), None);
    }

    #[test]
    fn improved_units_raise_promote_evidence_faster_than_spotless_ones() {
        let bets = Bets::promote(2e-3);
        let seen = Counts::new(10_000, 60, 10);
        assert!((bets.ln_e_after(seen, 20_000.0) + 0.35).abs() < 0.005);
        assert!((bets.ln_e(Counts::new(30_000, 60, 210)) - 71.6).abs() < 0.05);
    }
}

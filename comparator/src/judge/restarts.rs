//! Restarts: half of the reject capital is staked at later windows, so a regression that starts in
//! the middle of a run is seen soon.
//!
//! `E^cp(t) = E(S_t)/2 + sum_{s=1..t-1} E(S_t - S_s)/(2 s (s+1)) + 1/(2t)`: the weights are fixed in advance
//! and sum to one, so the guarantee is that of the plain e-process, over the whole run. Each bet's
//! restarts are folded into one number, which makes a window cost the same however long the run is.
//! `verdict.md` 2.3.

use super::math::{ln, log_add_exp};
use super::mixture::{BETS, Bets, Counts, log_weighted, weighted};

/// Capital beyond which only logarithms are kept; far below the end of the range of `f64`.
const LARGE: f64 = 1e200;

/// The counts of one series and the restarts on top of them.
///
/// With `B_k = A_k exp(L_k(S))`, the present capital of bet `k` over all its restarts, the recursion of
/// `verdict.md` 2.3 is: add the stakes that fell due, then multiply by what the window's units do.
#[derive(Debug, Clone)]
pub struct Restarts {
    /// Everything counted so far.
    counts: Counts,
    /// The last window that had units; 0 before the first.
    last: u64,
    capital: Capital,
    /// `E^cp` after the last window that had units.
    value: Value,
}

/// An e-value; its logarithm is taken where it is asked for, which for most windows' series is never.
#[derive(Debug, Clone, Copy)]
enum Value {
    Plain(f64),
    Log(f64),
}

impl Value {
    fn ln(self) -> f64 {
        match self {
            Self::Plain(value) => ln(value),
            Self::Log(log) => log,
        }
    }
}

/// The present capital of each bet.
#[derive(Debug, Clone)]
enum Capital {
    /// As it is. What vanishes here is negligible beside the next stake, and stays so, because both
    /// grow by the same factors.
    Plain([f64; BETS]),
    /// As logarithms: from the first window on that would leave the range.
    Logs([f64; BETS]),
}

/// Bets on single units, such as whole windows, with their factors made once.
#[derive(Debug, Clone)]
pub struct OneUnit {
    pub(crate) bets: Bets,
    factors: [[f64; BETS]; 3],
}

impl From<Bets> for OneUnit {
    fn from(bets: Bets) -> Self {
        Self { factors: bets.factors(), bets }
    }
}

impl Default for Restarts {
    fn default() -> Self {
        Self {
            counts: Counts::default(),
            last: 0,
            capital: Capital::Plain([0.0; BETS]),
            value: Value::Log(0.0),
        }
    }
}

impl Restarts {
    /// Adds what run window `window` counted; windows without units may be left out, the others come
    /// in ascending order from 1.
    pub fn add(&mut self, bets: &Bets, window: u64, counts: Counts) {
        if counts.n > 0 {
            self.grow(window, counts, || bets.log_capitals(counts), &bets.growth(counts));
        }
    }

    /// Adds one unit whose factors were made before.
    pub(crate) fn add_one(&mut self, bets: &OneUnit, window: u64, unit: Counts) {
        let which = if unit.worse > 0 { 0 } else { 2 - usize::from(unit.better > 0) };
        self.grow(window, unit, || bets.bets.log_capitals(unit), &bets.factors[which]);
    }

    fn grow(
        &mut self,
        window: u64,
        counts: Counts,
        growth: impl FnOnce() -> [f64; BETS],
        factors: &[f64; BETS],
    ) {
        let now = window as f64;
        // The stakes of all empty windows since the last one, which telescope.
        let stake = match self.last {
            0 => 1.0 - 1.0 / (2.0 * now),
            last => (1.0 / last as f64 - 1.0 / now) / 2.0,
        };
        self.counts.add(counts);
        self.last = window;
        self.capital.grow(stake, growth, factors);
        let held_back = 1.0 / (2.0 * now);
        self.value = match &self.capital {
            Capital::Plain(capital) => Value::Plain(weighted(capital) + held_back),
            Capital::Logs(logs) => Value::Log(log_add_exp(log_weighted(logs), ln(held_back))),
        };
    }

    /// Everything counted so far.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// Logarithm of the e-value with restarts.
    #[must_use]
    pub fn ln_e(&self) -> f64 {
        self.value.ln()
    }

    /// The smaller of the logarithms of two e-values; of the smaller one alone where that can be told without.
    pub(crate) fn ln_least(&self, other: &Self) -> f64 {
        match (self.value, other.value) {
            (Value::Plain(a), Value::Plain(b)) => ln(a.min(b)),
            (a, b) => a.ln().min(b.ln()),
        }
    }
}

impl Capital {
    /// Adds `stake` to every bet, then lets each grow by its factor, whose logarithm `growth` gives where it is needed.
    fn grow(&mut self, stake: f64, growth: impl FnOnce() -> [f64; BETS], factors: &[f64; BETS]) {
        if let Self::Plain(capital) = self {
            let grown: [f64; BETS] = std::array::from_fn(|k| (capital[k] + stake) * factors[k]);
            // Without a branch in it: the largest of them would be found one after the other.
            let is_beyond = grown.iter().fold(false, |found, capital| found | (*capital >= LARGE));
            if !is_beyond {
                *capital = grown;
                return;
            }
            // What vanished has been negligible beside the stakes; the smallest normal number stands for it.
            *self = Self::Logs(capital.map(|capital| ln(capital.max(f64::MIN_POSITIVE))));
        }
        if let Self::Logs(logs) = self {
            let ln_stake = ln(stake);
            for (log, growth) in logs.iter_mut().zip(growth()) {
                *log = log_add_exp(*log, ln_stake) + growth;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::math::log_sum_exp;
    use super::*;

    pub(crate) const WINDOWS: [(u64, u64, u64); 8] = [
        (1000, 1, 1),
        (1000, 0, 0),
        (0, 0, 0),
        (0, 0, 0),
        (1200, 9, 1),
        (800, 6, 0),
        (1000, 8, 2),
        (50_000, 120, 40),
    ];

    #[test]
    fn golden_sequence() {
        let expected = [
            -0.198301764700105,
            -0.269609409563349,
            -0.269609409563349,
            -0.269609409563349,
            0.758213919551438,
            2.617147636081049,
            4.043627835429163,
            12.516748691959583,
        ];
        let bets = Bets::reject(5e-4);
        let mut restarts = Restarts::default();
        for (window, ((n, worse, better), expected)) in WINDOWS.into_iter().zip(expected).enumerate() {
            restarts.add(&bets, window as u64 + 1, Counts::new(n, worse, better));
            assert!((restarts.ln_e() - expected).abs() < 1e-12, "{} in window {window}", restarts.ln_e());
        }
        assert!((bets.ln_e(restarts.counts()) - 12.310402709693898).abs() < 1e-11);
    }

    #[test]
    fn the_recursion_equals_the_double_sum() {
        let bets = Bets::reject(5e-4);
        let mut restarts = Restarts::default();
        let mut sums = vec![Counts::default()];
        for (window, (n, worse, better)) in WINDOWS.into_iter().cycle().take(40).enumerate() {
            let counts = Counts::new(n / 10, worse, better);
            restarts.add(&bets, window as u64 + 1, counts);
            let mut sum = sums[window];
            sum.add(counts);
            sums.push(sum);
            assert!((restarts.ln_e() - double_sum(&bets, &sums)).abs() < 1e-11, "window {window}");
        }
    }

    #[test]
    fn capital_beyond_the_range_of_floating_point_is_kept_as_logarithms() {
        let bets = Bets::reject(5e-4);
        let mut restarts = Restarts::default();
        let mut sums = vec![Counts::default()];
        for (window, worse) in [0, 900, 300, 0, 1, 0, 0, 0, 950, 2].into_iter().enumerate() {
            let counts = Counts::new(100_000, worse, 3);
            restarts.add(&bets, window as u64 + 1, counts);
            let mut sum = sums[window];
            sum.add(counts);
            sums.push(sum);
            let expected = double_sum(&bets, &sums);
            assert!((restarts.ln_e() - expected).abs() < 1e-9 * expected.abs().max(1.0), "window {window}");
        }
        assert!(matches!(restarts.capital, Capital::Logs(_)) && restarts.ln_e() > 500.0);
    }

    fn double_sum(bets: &Bets, sums: &[Counts]) -> f64 {
        let t = sums.len() - 1;
        let since = |s: usize| {
            let (now, then) = (sums[t], sums[s]);
            bets.ln_e(Counts::new(now.n - then.n, now.worse - then.worse, now.better - then.better))
        };
        let mut terms = vec![ln(0.5) + since(0), -ln(2.0 * t as f64)];
        terms.extend((1..t).map(|s| since(s) - ln(2.0 * (s * (s + 1)) as f64)));
        log_sum_exp(&terms)
    }
}

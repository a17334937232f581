//! Restarts: half of the reject capital is staked at later windows, so a regression that starts in
//! the middle of a run is seen soon.
//!
//! `E^cp(t) = E(S_t)/2 + sum_{s=1..t-1} E(S_t - S_s)/(2 s (s+1)) + 1/(2t)`: the weights are fixed in advance
//! and sum to one, so the guarantee is that of the plain e-process, over the whole run. Each bet's
//! restarts are folded into one number, which makes a window cost the same however long the run is.
//! `verdict.md` 2.3.

use super::math::{ln, log_add_exp};
use super::mixture::{BETS, Bets, Counts, log_weighted};

/// The counts of one series and the restarts on top of them.
#[derive(Debug, Clone)]
pub struct Restarts {
    /// Everything counted so far.
    counts: Counts,
    /// The last window that had units; 0 before the first.
    last: u64,
    /// `A_k` in logarithms: what was staked on bet `k` so far, as capital at the start of the run.
    ln_staked: [f64; BETS],
    /// `ln E^cp` after the last window that had units.
    ln_e: f64,
}

impl Default for Restarts {
    fn default() -> Self {
        Self { counts: Counts::default(), last: 0, ln_staked: [0.0; BETS], ln_e: 0.0 }
    }
}

impl Restarts {
    /// Adds what run window `window` counted; windows without units may be left out, the others come
    /// in ascending order from 1.
    pub fn add(&mut self, bets: &Bets, window: u64, counts: Counts) {
        if counts.n == 0 {
            return;
        }
        let now = window as f64;
        if self.last == 0 {
            self.ln_staked = [ln(1.0 - 1.0 / (2.0 * now)); BETS];
        } else {
            // The stakes of all empty windows since the last one, which telescope.
            let ln_stake = ln((1.0 / self.last as f64 - 1.0 / now) / 2.0);
            let capitals = bets.log_capitals(self.counts);
            for (staked, capital) in self.ln_staked.iter_mut().zip(capitals) {
                *staked = log_add_exp(*staked, ln_stake - capital);
            }
        }
        self.counts.add(counts);
        self.last = window;
        let capitals = bets.log_capitals(self.counts);
        let restarted = std::array::from_fn(|k| self.ln_staked[k] + capitals[k]);
        self.ln_e = log_add_exp(log_weighted(&restarted), -ln(2.0 * now));
    }

    /// Everything counted so far.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// Logarithm of the e-value with restarts.
    #[must_use]
    pub fn ln_e(&self) -> f64 {
        self.ln_e
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

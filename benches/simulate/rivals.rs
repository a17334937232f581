//! The rules that other tools use, as they use them.

use parallax_comparator::judge::mixture::Counts;

/// A one-sided z-test of level 0.05: McNemar's, with Wald's variance, against an excess of `tau`.
pub(crate) fn z_rejects(counts: Counts, tau: f64) -> bool {
    z(counts, tau) > 1.645
}

/// The same against an excess of at least `delta`.
pub(crate) fn z_promotes(counts: Counts, delta: f64) -> bool {
    z(counts, delta) < -1.645
}

fn z(counts: Counts, excess: f64) -> f64 {
    let (n, net) = (counts.n as f64, counts.worse as f64 - counts.better as f64);
    let variance = (counts.worse + counts.better) as f64 - net * net / n;
    // Without a discordant unit the statistic is not defined; a rule that peeks waits for one.
    if variance > 0.0 { (net - excess * n) / variance.sqrt() } else { 0.0 }
}

/// How likely a statistic of the same test is to be at least as large by chance.
pub(crate) fn z_chance(counts: Counts, tau: f64) -> f64 {
    0.5 * libm::erfc(z(counts, tau) / std::f64::consts::SQRT_2)
}

/// The mixture sequential probability ratio test: normal, two-sided, with plug-in variance and a prior of variance
/// `max(tau, .001)^2`, counted where the candidate is worse. Each side has level 0.05, so the two have 0.1 and the
/// threshold is 10: with it the published shares are met in every row of A1, with 20 a third to a half of them.
pub(crate) fn msprt_rejects(counts: Counts, tau: f64) -> bool {
    let (n, net) = (counts.n as f64, counts.worse as f64 - counts.better as f64);
    let apart = net / n - tau;
    let variance = ((counts.worse + counts.better) as f64 - net * net / n) / (n * n);
    let prior = tau.max(0.001).powi(2);
    let ln_ratio = 0.5 * (variance / (variance + prior)).ln()
        + prior * apart * apart / (2.0 * variance * (variance + prior));
    variance > 0.0 && apart > 0.0 && ln_ratio >= 10f64.ln()
}

/// The largest `k` for which the `k`-th smallest of `chances` is at most `k/m q`: how many Benjamini and Hochberg's
/// procedure flags.
pub(crate) fn benjamini_hochberg(chances: &[f64], q: f64) -> f64 {
    let mut sorted = chances.to_vec();
    sorted.sort_by(f64::total_cmp);
    let share = q / sorted.len() as f64;
    let last = (1..=sorted.len()).rev().find(|k| sorted[k - 1] <= *k as f64 * share);
    last.map_or(-1.0, |k| sorted[k - 1])
}

/// Diffy's rule: a field is a regression when the candidate differs from the primary more often than the
/// secondary does, by more than 20% of both together and 0.03% of all.
pub(crate) fn diffy(counts: Counts, shared: u64) -> bool {
    let raw = (counts.worse + shared) as f64;
    let noise = (counts.better + shared) as f64;
    raw > noise && (raw - noise) / (raw + noise) > 0.2 && (raw - noise) / counts.n as f64 > 0.0003
}

/// Mann and Whitney's test, one-sided at 0.05, from two histograms over the same buckets, as Kayenta's judge
/// uses it for a metric whose increase is bad: whether the second sample tends to be larger.
pub(crate) fn mann_whitney(first: &[u32], second: &[u32]) -> bool {
    let (mut below, mut u, mut ties) = (0.0, 0.0, 0.0);
    for (a, b) in first.iter().zip(second) {
        let (a, b) = (f64::from(*a), f64::from(*b));
        u += b * (below + a / 2.0);
        below += a;
        let t = a + b;
        ties += t * t * t - t;
    }
    let n: f64 = first.iter().copied().map(f64::from).sum();
    let m: f64 = second.iter().copied().map(f64::from).sum();
    let all = n + m;
    let variance = n * m / 12.0 * (all + 1.0 - ties / (all * (all - 1.0)));
    variance > 0.0 && (u - n * m / 2.0) / variance.sqrt() > 1.645
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rules_are_those_of_their_tools() {
        assert!(diffy(Counts::new(1_000, 16, 10), 0) && !diffy(Counts::new(1_000, 14, 10), 0));
        assert!(!diffy(Counts::new(1_000_000, 25, 10), 0), "15 of a million are less than 0.03%");
        assert!(z_rejects(Counts::new(1_000, 10, 2), 0.0) && !z_rejects(Counts::new(1_000, 4, 2), 0.0));
        assert!((z_chance(Counts::new(1_000_000, 1_000, 1_000), 0.0) - 0.5).abs() < 1e-12);
        assert!(
            msprt_rejects(Counts::new(10_000, 60, 10), 0.0)
                && !msprt_rejects(Counts::new(10_000, 12, 10), 0.0)
        );
        assert!(!msprt_rejects(Counts::new(10_000, 10, 60), 0.0), "only where the candidate is worse");
        assert_eq!(benjamini_hochberg(&[0.9, 0.01, 0.02, 0.5], 0.05), 0.02);
        assert_eq!(benjamini_hochberg(&[0.9, 0.8], 0.05), -1.0);
        assert!(z_promotes(Counts::new(10_000, 3, 2), 0.002));
        assert!(!mann_whitney(&[10, 10, 10], &[10, 10, 10]) && mann_whitney(&[20, 10, 1], &[1, 10, 20]));
        assert!(!mann_whitney(&[1, 10, 20], &[20, 10, 1]), "an improvement is no regression");
    }
}

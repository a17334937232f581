//! Random counts: exact binomials in the time of their outcome, not of their trials.

use parallax_comparator::judge::mixture::Counts;

/// A seeded generator.
pub(crate) struct Random(fastrand::Rng);

/// The mean up to which one draw walks along the distribution; larger ones are drawn in parts.
const WALK: f64 = 20.0;

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(fastrand::Rng::with_seed(seed))
    }

    /// Uniform in [0, 1).
    pub(crate) fn unit(&mut self) -> f64 {
        self.0.f64()
    }

    pub(crate) fn coin(&mut self) -> bool {
        self.0.bool()
    }

    pub(crate) fn is(&mut self, probability: f64) -> bool {
        self.unit() < probability
    }

    /// Two independent standard normal numbers, by the polar method of Marsaglia.
    pub(crate) fn normals(&mut self) -> [f64; 2] {
        loop {
            let [u, v] = [self.unit() * 2.0 - 1.0, self.unit() * 2.0 - 1.0];
            let s = u * u + v * v;
            if s > 0.0 && s < 1.0 {
                let scale = (-2.0 * s.ln() / s).sqrt();
                return [u * scale, v * scale];
            }
        }
    }

    /// Successes in `n` independent trials of probability `p`.
    pub(crate) fn binomial(&mut self, n: u64, p: f64) -> u64 {
        if p > 0.5 {
            return n - self.binomial(n, 1.0 - p);
        }
        if p <= 0.0 {
            return 0;
        }
        let part = ((WALK / p) as u64).max(1);
        let (mut left, mut sum) = (n, 0);
        while left > 0 {
            let now = left.min(part);
            sum += self.walk(now, p);
            left -= now;
        }
        sum
    }

    /// Inversion: from 0 upwards until the probability is used up.
    fn walk(&mut self, n: u64, p: f64) -> u64 {
        let odds = p / (1.0 - p);
        let mut mass = ((n as f64) * (-p).ln_1p()).exp();
        let (mut left, mut at) = (self.unit(), 0);
        while left >= mass && at < n {
            left -= mass;
            at += 1;
            mass *= odds * (n - at + 1) as f64 / at as f64;
        }
        at
    }

    /// `n` units, of which shares `worse` and `better` are discordant.
    pub(crate) fn units(&mut self, n: u64, worse: f64, better: f64) -> Counts {
        let b = self.binomial(n, worse);
        let c = self.binomial(n - b, (better / (1.0 - worse)).min(1.0));
        Counts::new(n, b, c)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn binomials_have_their_mean_and_variance() {
        for (n, p) in [(100, 0.001), (1_000, 0.01), (120, 0.54), (50_000, 0.003), (37, 0.97)] {
            let mut random = Random::new(7);
            let draws: Vec<f64> = (0..4_000).map(|_| random.binomial(n, p) as f64).collect();
            let mean = draws.iter().sum::<f64>() / 4e3;
            let variance = draws.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / 4e3;
            let (m, v) = (n as f64 * p, n as f64 * p * (1.0 - p));
            assert!((mean - m).abs() < 5.0 * (v / 4e3).sqrt(), "n={n} p={p}: mean {mean} instead of {m}");
            assert!((variance / v - 1.0).abs() < 0.25, "n={n} p={p}: variance {variance} instead of {v}");
        }
    }

    #[test]
    fn normals_are_standard() {
        let mut random = Random::new(1);
        let draws: Vec<f64> = (0..20_000).flat_map(|_| random.normals()).collect();
        let mean = draws.iter().sum::<f64>() / 4e4;
        let variance = draws.iter().map(|x| x * x).sum::<f64>() / 4e4;
        assert!(mean.abs() < 0.025 && (variance - 1.0).abs() < 0.04, "{mean} {variance}");
    }
}

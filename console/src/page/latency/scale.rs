//! The axes of the latency plot: where a quantile and a latency lie.
//!
//! Both are logarithmic. The horizontal axis is `log10(1 / (1 - q))`, so that p90, p99 and p99.9 are
//! evenly spaced: the tail, where builds differ, gets as much room as the body.

/// Maps `low..=high` to `from..=to` by logarithm.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Log {
    low: f64,
    high: f64,
    from: f64,
    to: f64,
}

impl Log {
    /// `low` and `high` are positive; where they are not `low < high` the axis spans one decade.
    pub(crate) fn new(low: f64, high: f64, from: f64, to: f64) -> Self {
        let low = low.max(f64::MIN_POSITIVE);
        let high = if high > low { high } else { low * 10.0 };
        Self { low, high, from, to }
    }

    /// Where `value` lies, never outside the axis.
    pub(crate) fn at(&self, value: f64) -> f64 {
        let value = value.clamp(self.low, self.high);
        let part = (value / self.low).ln() / (self.high / self.low).ln();
        self.from + part * (self.to - self.from)
    }

    /// Ticks at 1, 2 and 5 times powers of ten, at powers of ten alone where those are many.
    pub(crate) fn ticks(&self) -> Vec<f64> {
        let decades = (self.high / self.low).log10();
        let steps: &[f64] = if decades > 3.0 { &[1.0] } else { &[1.0, 2.0, 5.0] };
        let (first, last) = (self.low.log10().floor() as i32, self.high.log10().ceil() as i32);
        let all = (first..=last).flat_map(|power| steps.iter().map(move |step| step * 10f64.powi(power)));
        all.filter(|tick| (self.low * 0.999..=self.high * 1.001).contains(tick)).collect()
    }
}

/// The next of 1, 2, 5 times a power of ten at or below `value`, or at or above it.
pub(crate) fn round(value: f64, up: bool) -> f64 {
    let power = 10f64.powi(value.max(1.0).log10().floor() as i32);
    let steps = [1.0, 2.0, 5.0, 10.0].map(|step| step * power);
    let found = if up {
        steps.into_iter().find(|step| *step >= value * 0.999_999)
    } else {
        steps.into_iter().rev().find(|step| *step <= value * 1.000_001)
    };
    found.unwrap_or(value)
}

/// The odds against reaching the quantile, `1 / (1 - q)`: 1 at the minimum, 100 at p99.
pub(crate) fn rarity(quantile: f64) -> f64 {
    1.0 / (1.0 - quantile.clamp(0.0, 0.999_999_9))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_evenly_spaced_by_their_rarity() {
        let axis = Log::new(1.0, 1000.0, 0.0, 300.0);
        let places = [0.0, 0.9, 0.99, 0.999, 1.0].map(|q| axis.at(rarity(q)).round());
        assert_eq!(places, [0.0, 100.0, 200.0, 300.0, 300.0]);
    }

    #[test]
    fn ticks_are_round_and_inside() {
        assert_eq!(Log::new(2e5, 1e7, 0.0, 1.0).ticks(), [2e5, 5e5, 1e6, 2e6, 5e6, 1e7]);
        assert_eq!(Log::new(1e3, 1e9, 0.0, 1.0).ticks().len(), 7);
        assert_eq!((round(230.0, false), round(230.0, true), round(500.0, true)), (200.0, 500.0, 500.0));
    }

    #[test]
    fn an_axis_without_extent_still_places_its_value() {
        let axis = Log::new(5.0, 5.0, 0.0, 100.0);
        assert!((0.0..=100.0).contains(&axis.at(5.0)));
        assert!(Log::new(0.0, 0.0, 0.0, 1.0).at(0.0).is_finite());
    }
}

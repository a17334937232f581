//! A cell: the evidence of one hypothesis in one slice.
//!
//! Less than 1 KiB, whatever the length of the run: a slice with its 13 checks takes less than 13 KiB here, beside the
//! latency histograms of its three roles (8 to 16 bytes for each bucket in use).

use super::guard::{Guard, Series, Tracked};
use super::histograms::Evidence;
use super::intake::Touched;
use super::mixture::Counts;
use super::policy::Hypothesis;
use parallax_config::Policy;

/// Control-bad units are judged from this many units on.
const ENOUGH_UNITS: u64 = 200;

/// State of one hypothesis in one slice.
#[derive(Debug, Clone, Default)]
pub(crate) struct Cell {
    reject: Series,
    /// The promote series of a latency check; count checks prove on `reject`'s counts.
    promote: Option<Tracked>,
    pub(crate) guard: Guard,
    /// Logarithm of the judged reject evidence R.
    pub(crate) ln_r: f64,
    /// Largest `ln_r` so far.
    pub(crate) ln_r_max: f64,
    /// The first run window that had units; 0 before it.
    pub(crate) first_window: u64,
    /// The newest published threshold, in nanoseconds.
    pub(crate) threshold_ns: Option<u64>,
    /// Units whose control-bad count was given, and that count.
    control_bad: [u64; 2],
    /// The control itself was bad too often; latched.
    pub(crate) nondeterministic: bool,
    /// Evidence of histograms, which replaces that of pairs.
    histograms: Option<Box<Evidence>>,
}

impl Cell {
    /// Adds what run window `window` counted.
    pub(crate) fn add(&mut self, hypothesis: &Hypothesis, window: u64, touched: &Touched) {
        if touched.threshold_ns.is_some() {
            self.threshold_ns = touched.threshold_ns;
        }
        if touched.reject.n == 0 {
            return;
        }
        if self.first_window == 0 {
            self.first_window = window;
        }
        self.reject.add(&hypothesis.reject, &hypothesis.reject_window, window, touched.reject);
        if let Some(promote) = touched.promote {
            self.promote.get_or_insert_default().add(promote);
        }
        if let Some([units, bad]) = touched.control {
            self.control_bad[0] += units;
            self.control_bad[1] += bad;
        }
    }

    /// Takes the evidence of all histograms so far. No guard: that requests are independent is asserted.
    pub(crate) fn take_histograms(&mut self, window: u64, found: Evidence) {
        if self.first_window == 0 {
            self.first_window = window;
        }
        self.guard = Guard::Off;
        self.ln_r = found.ln_r;
        self.ln_r_max = self.ln_r_max.max(found.ln_r);
        self.histograms = Some(Box::new(found));
    }

    /// The evidence of histograms, where it replaces that of pairs.
    pub(crate) fn of_histograms(&self) -> Option<&Evidence> {
        self.histograms.as_deref()
    }

    /// Recomputes guard and R at a watermark; to be called for cells that had units.
    pub(crate) fn judge(&mut self, policy: &Policy) {
        let windows = self.reject.windows().n;
        let farthest = self.reject.farthest().max(self.promote.as_ref().map_or(0.0, Tracked::farthest));
        let deff = self.design_effect();
        self.guard = self.guard.after(windows, deff, farthest, policy.guard_windows, policy.deff_limit);
        self.ln_r = self.reject.ln_judged(self.guard);
        self.ln_r_max = self.ln_r_max.max(self.ln_r);
        let [units, bad] = self.control_bad.map(|count| count as f64);
        self.nondeterministic |= self.control_bad[0] >= ENOUGH_UNITS && bad > policy.nondeterministic * units;
    }

    /// Logarithm of the judged promote evidence P; computed when asked, because most watermarks are
    /// decided without it.
    pub(crate) fn ln_p(&self, hypothesis: &Hypothesis) -> f64 {
        if let Some(found) = &self.histograms {
            return found.ln_p;
        }
        let unit = hypothesis.ln_promote(self.promote_units());
        if !self.guard.is_on() {
            return unit;
        }
        unit.min(hypothesis.ln_promote_window(self.promote_windows()))
    }

    fn promote_windows(&self) -> Counts {
        self.promote.as_ref().map_or(self.reject.windows(), Tracked::windows)
    }

    /// A lower bound of [`Cell::ln_p`] that needs no exponential.
    pub(crate) fn ln_p_at_least(&self, hypothesis: &Hypothesis) -> f64 {
        if let Some(found) = &self.histograms {
            return found.ln_p;
        }
        let unit = hypothesis.ln_promote_at_least(self.promote_units());
        if !self.guard.is_on() {
            return unit;
        }
        unit.min(hypothesis.ln_promote_window_at_least(self.promote_windows()))
    }

    /// Units, worse and better, on the reject side.
    pub(crate) fn units(&self) -> Counts {
        match &self.histograms {
            None => self.reject.units(),
            Some(found) => Counts::new(found.n, 0, 0),
        }
    }

    /// Logarithms of the reject and promote evidence without guard and restarts.
    pub(crate) fn ln_plain(&self, hypothesis: &Hypothesis) -> [f64; 2] {
        match &self.histograms {
            None => [hypothesis.reject.ln_e(self.units()), hypothesis.ln_promote(self.promote_units())],
            Some(found) => [found.ln_r, found.ln_p],
        }
    }

    /// Logarithm of the unit-level reject evidence, whatever the guard says.
    #[cfg(test)]
    pub(crate) fn ln_r_unguarded(&self) -> f64 {
        self.reject.ln_e()[0]
    }

    /// The same on the promote side; equal for a count check.
    pub(crate) fn promote_units(&self) -> Counts {
        self.promote.as_ref().map_or(self.units(), Tracked::units)
    }

    /// The larger design effect of the cell's series.
    pub(crate) fn design_effect(&self) -> f64 {
        let promote = self.promote.as_ref().map_or(f64::NEG_INFINITY, Tracked::design_effect);
        self.reject.design_effect().max(promote)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_takes_less_than_a_kilobyte() {
        assert!(size_of::<Cell>() <= 1024, "{} bytes; the module's head promises less", size_of::<Cell>());
    }
}

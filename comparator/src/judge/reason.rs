//! One line for people: why the verdict is what it is, and what would change it.

use super::Judge;
use super::decision::{Outcome, Stop};
use super::lacking::Lacking;
use super::math::exp;
use parallax_config::Span;

impl Judge {
    pub(super) fn reason(&self) -> String {
        match &self.outcome {
            Outcome::Invalid { cause, .. } => cause.clone(),
            Outcome::Reject => self.why_reject(),
            Outcome::Promote => self.why_promote(),
            Outcome::Inconclusive(Stop::Deadline) => format!("deadline reached: {}", self.why_wait()),
            Outcome::Inconclusive(Stop::Futile) => {
                format!("neither decision is in reach before the deadline: {}", self.why_wait())
            }
            Outcome::Wait if self.ended => format!("the run ended undecided: {}", self.why_wait()),
            Outcome::Wait => self.why_wait(),
        }
    }

    fn why_reject(&self) -> String {
        let Some(cell) = self.heaviest() else {
            return "worse than tolerated".to_owned();
        };
        let units = self.cells[cell].units();
        format!(
            "worse than tolerated in {}: {} of {} units worse, {} better; evidence {} of {}",
            self.place(cell),
            units.worse,
            units.n,
            units.better,
            odds(self.ln_mean),
            odds(self.levels.reject),
        )
    }

    fn why_promote(&self) -> String {
        let required = self.required_cells().count();
        let weakest = self.weakest().map(|cell| {
            format!(
                "; least evidence {} of {} in {}",
                odds(self.ln_p(cell)),
                odds(self.levels.promote),
                self.place(cell)
            )
        });
        format!("all {required} required checks hold{}", weakest.unwrap_or_default())
    }

    fn why_wait(&self) -> String {
        let Some(lacking) = self.lacking() else {
            return "nothing is lacking".to_owned();
        };
        match lacking {
            Lacking::Units => "no units yet".to_owned(),
            Lacking::Survey { windows } => {
                format!("{} of {windows} windows seen before the required slices are known", self.watermark)
            }
            Lacking::Evidence { cell } => format!(
                "promote evidence {} of {} in {}",
                odds(self.ln_p(cell)),
                odds(self.levels.promote),
                self.place(cell)
            ),
            Lacking::Noise { cell } => {
                format!("the control itself differs too often in {}; mask what varies", self.place(cell))
            }
            Lacking::Quiet { cell } => format!(
                "reject evidence {} in {}, at most {} for a promote",
                odds(self.cells[cell].ln_r),
                self.place(cell),
                odds(self.levels.quiet)
            ),
            Lacking::Exposure { cell } => format!(
                "{} of {} units in {}",
                self.cells[cell].units().n,
                self.hypothesis_of(cell).n_req,
                self.place(cell)
            ),
            Lacking::Keys => {
                format!("{} of {} distinct keys", self.rig.distinct_keys(), self.run.policy.minimum_keys)
            }
            Lacking::Time => {
                let span = |windows: u64| {
                    let window = self.run.policy.window.0;
                    Span(window.saturating_mul(u32::try_from(windows.saturating_sub(1)).unwrap_or(u32::MAX)))
                };
                format!("{} of {} of admission time", span(self.watermark), span(self.earliest_promote()))
            }
            Lacking::Recent { slice } => {
                format!("slice={}: no units in the newest fifth of the run", self.slices[slice].slice)
            }
        }
    }

    /// Where a cell lies, as text.
    fn place(&self, cell: usize) -> String {
        let slice = &self.slice_of(cell).slice;
        let check = &self.hypothesis_of(cell).check;
        if slice.is_all() || slice.is_other() {
            format!("slice={slice}, check={check}")
        } else {
            format!("{slice}, check={check}")
        }
    }
}

/// An e-value from its logarithm, with three digits; as a power of e where it is very large or small.
pub(crate) fn odds(ln_e: f64) -> String {
    let value = exp(ln_e);
    let text = match ln_e {
        _ if ln_e.abs() >= 999.95 => return format!("e^{ln_e:.0}"),
        _ if ln_e.abs() > 13.8 => return format!("e^{ln_e:.1}"),
        _ if value >= 99.95 => return format!("{value:.0}"),
        _ if value >= 9.995 => format!("{value:.1}"),
        _ if value >= 0.01 => format!("{value:.2}"),
        _ => format!("{value:.6}"),
    };
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::super::math::ln;
    use super::*;

    #[test]
    fn evidence_is_printed_with_three_digits() {
        for (value, text) in
            [(28.616, "28.6"), (100.000_000_1, "100"), (1.0, "1"), (20.0, "20"), (0.0004, "0.0004")]
        {
            assert_eq!(odds(ln(value)), text);
        }
        assert_eq!(odds(70.25), "e^70.2");
    }
}

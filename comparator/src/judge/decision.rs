//! The decision at a watermark, in the order of `verdict.md` 2.6.

use super::Judge;
use super::futility::{Need, is_out_of_reach, is_reachable, is_reject_beyond};
use super::math::{ln, log_sum_exp};
use super::rig::fault_text;
use crate::check::Check;
use crate::verdict::State;

/// What a watermark decides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    Wait,
    Promote,
    Reject,
    Inconclusive(Stop),
    Invalid {
        /// `cause: explanation`.
        cause: String,
        is_final: bool,
    },
}

/// Why an undecided run ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stop {
    Deadline,
    Futile,
}

impl Outcome {
    pub(crate) fn state(&self) -> State {
        match self {
            Self::Wait => State::Wait,
            Self::Promote => State::Promote,
            Self::Reject => State::Reject,
            Self::Inconclusive(_) => State::Inconclusive,
            Self::Invalid { .. } => State::Invalid,
        }
    }

    pub(crate) fn is_final(&self) -> bool {
        match self {
            Self::Wait => false,
            Self::Invalid { is_final, .. } => *is_final,
            Self::Promote | Self::Reject | Self::Inconclusive(_) => true,
        }
    }
}

impl Judge {
    /// Decides at the newest watermark.
    pub(super) fn decide(&mut self) -> Outcome {
        let over = self.watermark >= self.levels.deadline;
        if let Some(fault) = self.rig.faults.first() {
            return Outcome::Invalid { cause: fault_text(*fault).to_owned(), is_final: true };
        }
        let rejects = self.ln_mean >= self.levels.reject;
        if rejects && self.run.policy.self_test {
            let cause = "a/a: the same build is told apart from itself, so the rig is not fair".to_owned();
            return Outcome::Invalid { cause, is_final: true };
        }
        if let Some(cause) = self.rig.broken(&self.run.policy, self.run.control) {
            self.futile_looks = 0;
            return Outcome::Invalid { cause, is_final: over };
        }
        if rejects {
            return match self.replica_to_blame() {
                Some(replica) => Outcome::Invalid {
                    cause: format!("replica: {replica} explains the excess"),
                    is_final: over,
                },
                None => Outcome::Reject,
            };
        }
        if self.is_ripe() {
            return Outcome::Promote;
        }
        self.futile_looks = if self.looks_futile() { self.futile_looks + 1 } else { 0 };
        if over {
            Outcome::Inconclusive(Stop::Deadline)
        } else if self.futile_looks >= self.run.policy.futility_looks.max(1) || self.is_thrifty_end() {
            Outcome::Inconclusive(Stop::Futile)
        } else {
            Outcome::Wait
        }
    }

    /// Logarithm of the weighted mean of all reject evidence at this watermark.
    pub(super) fn mean(&self) -> f64 {
        let checks = self.hypotheses.len();
        let terms: Vec<f64> = self
            .slices
            .iter()
            .zip(self.ln_r.chunks(checks))
            .flat_map(|(slice, cells)| {
                let ln_weight = ln(slice.weight);
                cells.iter().map(move |ln_r| ln_weight + ln_r)
            })
            .collect();
        log_sum_exp(&terms)
    }

    /// The replica that explains the hypothesis with the largest weighted evidence.
    pub(super) fn replica_to_blame(&self) -> Option<&str> {
        let cell = self.heaviest()?;
        self.replicas.culprit(cell, self.run.policy.replica_share)
    }

    /// The cell with the largest weighted reject evidence; the first among equals.
    pub(super) fn heaviest(&self) -> Option<usize> {
        let weighted = |cell: usize| ln(self.slice_of(cell).weight) + self.cells[cell].ln_r;
        (0..self.cells.len()).reduce(|best, next| if weighted(next) > weighted(best) { next } else { best })
    }

    /// Logarithm of the judged promote evidence of a cell.
    pub(super) fn ln_p(&self, cell: usize) -> f64 {
        self.cells[cell].ln_p(self.hypothesis_of(cell))
    }

    /// Whether a promote needs this cell.
    pub(super) fn is_required(&self, cell: usize) -> bool {
        let hypothesis = self.hypothesis_of(cell);
        let left = self.cells[cell].nondeterministic && matches!(hypothesis.check, Check::Field(_));
        self.slice_of(cell).requires(hypothesis) && !left
    }

    /// The cells that a promote needs, in the order of the documents.
    pub(super) fn required_cells(&self) -> impl Iterator<Item = usize> + Clone + '_ {
        let checks = self.hypotheses.len();
        let slices = self.slices.iter().enumerate().filter(|(_, slice)| slice.is_needed());
        let cells = slices.flat_map(move |(at, _)| at * checks..(at + 1) * checks);
        cells.filter(|cell| self.is_required(*cell))
    }

    /// Whether the control fails this cell's check so often that its slice cannot promote.
    pub(super) fn is_too_noisy(&self, cell: usize) -> bool {
        self.cells[cell].nondeterministic && self.hypothesis_of(cell).check == Check::Mismatch
    }

    /// Units that `cell` will gain until the run is over, if windows go on like those since its first unit.
    ///
    /// Latency checks begin late, when the first threshold is published or the warm-up is over; windows
    /// before that say nothing about their rate.
    pub(super) fn units_left(&self, cell: usize) -> f64 {
        let units = self.cells[cell].units().n as f64;
        match self.run.policy.budget_units {
            Some(budget) => {
                let spent = self.cells[self.mismatch_of_all()].units().n.max(1) as f64;
                units * ((budget as f64 - spent) / spent).max(0.0)
            }
            None => {
                units / self.windows_of(cell) as f64
                    * self.levels.deadline.saturating_sub(self.watermark) as f64
            }
        }
    }

    /// Windows since the first that had units of `cell`, at least 1.
    pub(super) fn windows_of(&self, cell: usize) -> u64 {
        let before = self.cells[cell].first_window.saturating_sub(1);
        self.watermark.saturating_sub(before).max(1)
    }

    pub(super) fn need_of(&self, cell: usize) -> Need {
        let left = self.units_left(cell);
        Need::of(self.hypothesis_of(cell), &self.cells[cell], &self.levels, left)
    }

    /// Whether neither decision is in reach: the promote of some required check, and the reject of all.
    ///
    /// A check without units says nothing yet: latency waits for its first threshold.
    fn looks_futile(&self) -> bool {
        let ratio = self.run.policy.futility_ratio;
        let mut seen = self.required_cells().filter(|cell| self.cells[*cell].units().n > 0);
        let out_of_reach = |cell: usize| {
            let (hypothesis, left) = (self.hypothesis_of(cell), self.units_left(cell));
            left > 0.0 && is_out_of_reach(hypothesis, &self.cells[cell], &self.levels, left, ratio)
        };
        seen.any(out_of_reach) && self.no_reject_within(ratio)
    }

    /// Whether every hypothesis needs more than `ratio` times the units that are left for a reject.
    fn no_reject_within(&self, ratio: f64) -> bool {
        (0..self.cells.len()).filter(|cell| self.cells[*cell].units().n > 0).all(|cell| {
            let left = self.units_left(cell);
            let (hypothesis, cell) = (self.hypothesis_of(cell), &self.cells[cell]);
            left <= 0.0 || is_reject_beyond(hypothesis, cell, &self.levels, ratio * left)
        })
    }

    /// Whether the run may end because only an improving candidate could still promote.
    fn is_thrifty_end(&self) -> bool {
        self.run.policy.thrifty
            && self.watermark >= self.survey()
            && !self.is_promote_reachable()
            && self.no_reject_within(2.0)
    }

    /// Whether spotless units alone can still prove every required check.
    pub(super) fn is_promote_reachable(&self) -> bool {
        self.required_cells().all(|cell| {
            let left = self.units_left(cell);
            self.cells[cell].units().n == 0
                || is_reachable(self.hypothesis_of(cell), &self.cells[cell], &self.levels, left)
        })
    }
}

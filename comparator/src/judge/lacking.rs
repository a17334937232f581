//! What a promote still lacks: evidence, quiet or exposure. `verdict.md` 2.6, step 4.

use super::Judge;
use parallax_config::UnitKind;

/// The first thing that a promote lacks.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Lacking {
    /// No window has counted anything.
    Units,
    /// What is required is decided only after these windows.
    Survey { windows: u64 },
    /// This cell has the least promote evidence, and not enough.
    Evidence { cell: usize },
    /// This cell's control is too noisy to tell.
    Noise { cell: usize },
    /// This cell has reject evidence above the quiet level.
    Quiet { cell: usize },
    /// This cell has too few units for any promise.
    Exposure { cell: usize },
    /// Too few distinct cluster keys.
    Keys,
    /// Too little admission time.
    Time,
    /// A required slice has had no unit for a while.
    Recent { slice: usize },
}

impl Judge {
    /// What a promote lacks at this watermark; `None`: nothing.
    pub(super) fn lacking(&self) -> Option<Lacking> {
        if self.slices.iter().all(|slice| slice.last_window == 0) {
            return Some(Lacking::Units);
        }
        if self.slices.iter().any(|slice| slice.required.is_none()) {
            return Some(Lacking::Survey { windows: self.survey() });
        }
        self.lacking_evidence().or_else(|| self.lacking_exposure())
    }

    /// Whether nothing is lacking: [`Judge::lacking`] without a search for the weakest evidence.
    ///
    /// The cheap conditions come first, then the cell that failed last time, so that the watermarks of a
    /// run that is not ripe yet cost no evidence at all.
    pub(super) fn is_ripe(&mut self) -> bool {
        if self.slices.iter().any(|slice| slice.required.is_none()) || self.lacking_exposure().is_some() {
            return false;
        }
        let fails = |judge: &Self, cell: usize| {
            judge.is_required(cell)
                && (judge.is_too_noisy(cell)
                    || judge.cells[cell].ln_r > judge.levels.quiet
                    || judge.ln_p(cell) < judge.levels.promote)
        };
        if fails(self, self.failed_last) {
            return false;
        }
        let failing = self.required_cells().find(|cell| fails(self, *cell));
        if let Some(cell) = failing {
            self.failed_last = cell;
            return false;
        }
        self.lacking().is_none()
    }

    fn lacking_evidence(&self) -> Option<Lacking> {
        let required = || self.required_cells();
        if let Some(cell) = required().find(|cell| self.is_too_noisy(*cell)) {
            return Some(Lacking::Noise { cell });
        }
        // Nothing required (every required field check turned out nondeterministic) proves nothing.
        let weakest = self.weakest();
        match weakest {
            None => return Some(Lacking::Units),
            Some(cell) if self.ln_p(cell) < self.levels.promote => {
                return Some(Lacking::Evidence { cell });
            }
            Some(_) => {}
        }
        required().find(|cell| self.cells[*cell].ln_r > self.levels.quiet).map(|cell| Lacking::Quiet { cell })
    }

    fn lacking_exposure(&self) -> Option<Lacking> {
        let mut required = self.required_cells();
        if let Some(cell) =
            required.find(|cell| self.cells[*cell].units().n < self.hypothesis_of(*cell).n_req)
        {
            return Some(Lacking::Exposure { cell });
        }
        if self.watermark < self.earliest_promote() {
            return Some(Lacking::Time);
        }
        if self.needs_keys() && self.rig.has_keys && self.rig.distinct_keys() < self.run.policy.minimum_keys {
            return Some(Lacking::Keys);
        }
        let newest = self.watermark - self.watermark.div_ceil(5);
        let stale =
            |slice: &super::slices::SliceState| slice.required == Some(true) && slice.last_window <= newest;
        self.slices.iter().position(stale).map(|slice| Lacking::Recent { slice })
    }

    /// Whether distinct keys are waited for: not where requests are independent by assertion.
    pub(super) fn needs_keys(&self) -> bool {
        self.run.policy.unit != UnitKind::Request
    }

    /// The required cell with the least promote evidence; the first among equals.
    pub(super) fn weakest(&self) -> Option<usize> {
        self.required_cells()
            .map(|cell| (cell, self.ln_p(cell)))
            .reduce(|weakest, next| if next.1 < weakest.1 { next } else { weakest })
            .map(|(cell, _)| cell)
    }

    /// The first watermark at which enough admission time and windows have been seen.
    pub(super) fn earliest_promote(&self) -> u64 {
        let policy = &self.run.policy;
        let time = policy.minimum_time.max(policy.min_cycle.unwrap_or(policy.minimum_time));
        // The newest window begins this many windows after the first.
        let windows = time.nanos().div_ceil(policy.window.nanos().max(1)) + 1;
        windows.max(policy.min_windows)
    }
}

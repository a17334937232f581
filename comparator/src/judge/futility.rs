//! Futility and forecast: how many more units a decision needs, and how many are left.
//!
//! Stopping without a decision can raise neither error, so nothing here touches the guarantees.
//! `verdict.md` 2.7.

use super::cell::Cell;
use super::mixture::Counts;
use super::policy::{Hypothesis, Levels, Proof};

/// What one hypothesis still needs, in units; infinite where it drifts away from the decision.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Need {
    pub(crate) promote: f64,
    pub(crate) reject: f64,
    /// Units that are left.
    pub(crate) left: f64,
}

impl Need {
    /// Of a cell with units; `left` are its remaining ones.
    pub(crate) fn of(hypothesis: &Hypothesis, cell: &Cell, levels: &Levels, left: f64) -> Self {
        let units = cell.units();
        let towards_reject = growth(&hypothesis.reject, units);
        let have_reject = hypothesis.reject.ln_e(units);
        let proved = cell.promote_units();
        let proved = if hypothesis.proof == Proof::Better { proved.swapped() } else { proved };
        Self {
            reject: need(levels.reject - have_reject, towards_reject),
            promote: need(levels.promote - cell.ln_p, growth(&hypothesis.promote, proved)),
            left,
        }
    }
}

/// Whether spotless units alone, `left` of them, can still prove the promote side.
pub(crate) fn is_reachable(hypothesis: &Hypothesis, cell: &Cell, levels: &Levels, left: f64) -> bool {
    hypothesis.proof == Proof::Better || hypothesis.promote.ln_e_after(cell.units(), left) >= levels.promote
}

/// Growth of the best bet a unit, at rates smoothed so that nothing seen is not certainty.
fn growth(bets: &super::mixture::Bets, counts: Counts) -> f64 {
    let units = counts.n as f64 + 1.0;
    bets.best_growth((counts.worse as f64 + 0.5) / units, (counts.better as f64 + 0.5) / units)
}

fn need(missing: f64, growth: f64) -> f64 {
    if missing <= 0.0 {
        0.0
    } else if growth <= 0.0 {
        f64::INFINITY
    } else {
        missing / growth
    }
}

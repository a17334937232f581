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
        if let Some(found) = cell.of_histograms() {
            let steady = |missing: f64, ln_e: f64| need(missing, ln_e / found.n as f64);
            return Self {
                reject: steady(levels.reject - found.ln_r, found.ln_r),
                promote: steady(levels.promote - found.ln_p, found.ln_p),
                left,
            };
        }
        let proved = proved_units(hypothesis, cell);
        Self {
            reject: reject_need(hypothesis, units, levels),
            promote: need(levels.promote - cell.ln_p(hypothesis), growth(&hypothesis.promote, proved)),
            left,
        }
    }
}

/// Whether the promote side needs more than `ratio` times the `left` units; told by a bound where that
/// is enough, since most checks of a healthy run are well in reach.
///
/// The smoothed rates of a few units look like noise even where nothing was seen (half a unit in 50 is 1%), so
/// before `n_req` units only their number counts: whether that many will come at all.
pub(crate) fn is_out_of_reach(
    hypothesis: &Hypothesis,
    cell: &Cell,
    levels: &Levels,
    left: f64,
    ratio: f64,
) -> bool {
    let missing = hypothesis.n_req.saturating_sub(cell.units().n) as f64;
    if missing > 0.0 {
        return missing > ratio * left;
    }
    if cell.of_histograms().is_some() {
        return Need::of(hypothesis, cell, levels, left).promote / left > ratio;
    }
    let growth = growth(&hypothesis.promote, proved_units(hypothesis, cell));
    let within = |ln_p: f64| need(levels.promote - ln_p, growth) / left <= ratio;
    !(within(cell.ln_p_at_least(hypothesis)) || within(cell.ln_p(hypothesis)))
}

/// The units of the promote side as its bets read them.
fn proved_units(hypothesis: &Hypothesis, cell: &Cell) -> Counts {
    let units = cell.promote_units();
    if hypothesis.proof == Proof::Better { units.swapped() } else { units }
}

/// Whether spotless units alone, `left` of them, can still prove the promote side.
pub(crate) fn is_reachable(hypothesis: &Hypothesis, cell: &Cell, levels: &Levels, left: f64) -> bool {
    hypothesis.proof == Proof::Better || hypothesis.promote.ln_e_after(cell.units(), left) >= levels.promote
}

fn reject_need(hypothesis: &Hypothesis, units: Counts, levels: &Levels) -> f64 {
    need(levels.reject - hypothesis.reject.ln_e(units), growth(&hypothesis.reject, units))
}

/// Whether the plain evidence needs more than `most` units for a reject; told by a bound where that is
/// enough, since most checks of a healthy run are far from one.
pub(crate) fn is_reject_beyond(hypothesis: &Hypothesis, cell: &Cell, levels: &Levels, most: f64) -> bool {
    if cell.of_histograms().is_some() {
        return Need::of(hypothesis, cell, levels, most).reject > most;
    }
    let units = cell.units();
    let growth = growth(&hypothesis.reject, units);
    let beyond = |ln_e: f64| need(levels.reject - ln_e, growth) > most;
    beyond(hypothesis.reject.ln_e_at_most(units)) || beyond(hypothesis.reject.ln_e(units))
}

/// Growth of the best bet a unit, at rates smoothed so that nothing seen is not certainty.
fn growth(bets: &super::mixture::Bets, counts: Counts) -> f64 {
    let units = counts.n as f64 + 1.0;
    let [worse, better] = [counts.worse, counts.better].map(|seen| (seen as f64 + 0.5) / units);
    bets.best_growth([worse, better, counts.both as f64 / units])
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

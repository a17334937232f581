//! Slices of a run: fixed when it starts, with weight and expectation. `verdict.md` 2.6.

use super::JudgeError;
use super::policy::{Hypothesis, Levels};
use super::weights::slice_weights;
use crate::check::{Check, Quantile};
use crate::rows::RoleHistograms;
use crate::run::Run;
use crate::slice::Slice;

/// Units from which on p999 is required where the policy does not say.
const P999_UNITS: f64 = 250_000.0;

/// One slice of the run.
#[derive(Debug, Clone)]
pub(crate) struct SliceState {
    pub(crate) slice: Slice,
    /// omega of each of its hypotheses.
    pub(crate) weight: f64,
    /// Whether a promote needs it; `None` until the expected units are known.
    pub(crate) required: Option<bool>,
    /// Whether a promote needs p999 here.
    pub(crate) p999: bool,
    /// What the policy says about `required`.
    stated: Option<bool>,
    /// Units expected until the deadline, where known before the run.
    expected: Option<f64>,
    /// The newest window with a unit; 0 before the first.
    pub(crate) last_window: u64,
    /// Latency of the whole run; for display.
    pub(crate) latency: RoleHistograms,
}

impl SliceState {
    /// Whether a promote needs `hypothesis` in this slice (nondeterministic fields aside).
    pub(crate) fn requires(&self, hypothesis: &Hypothesis) -> bool {
        self.is_needed() && hypothesis.required.unwrap_or(self.p999)
    }

    /// Whether a promote needs this slice, as far as is known.
    pub(crate) fn is_needed(&self) -> bool {
        self.required.unwrap_or(self.slice.is_all() || self.stated == Some(true))
    }

    /// Decides what is required from the units expected until the deadline.
    pub(crate) fn fix(&mut self, hypotheses: &[Hypothesis], expected: f64) {
        self.p999 = expected >= P999_UNITS;
        let needed = hypotheses.iter().filter(|hypothesis| hypothesis.required.unwrap_or(self.p999));
        let needed = needed.map(|hypothesis| hypothesis.n_req).max().unwrap_or(0);
        let large = self.slice.is_all() || expected >= needed as f64;
        self.required = Some(self.stated.unwrap_or(large));
    }

    /// Whether `required` can be decided before any unit was seen; if so, decides it.
    fn fix_early(&mut self, hypotheses: &[Hypothesis]) {
        let p999 = Check::Latency(Quantile::P999);
        let p999_open =
            hypotheses.iter().any(|hypothesis| hypothesis.required.is_none() && hypothesis.check == p999);
        match self.expected {
            Some(expected) => self.fix(hypotheses, expected),
            None if !p999_open && (self.stated.is_some() || self.slice.is_all()) => {
                self.fix(hypotheses, 0.0);
            }
            None => {}
        }
    }
}

/// The slices of a run, in the order of the documents: `all`, then the named ones and `other`.
pub(crate) fn slices(
    run: &Run,
    hypotheses: &[Hypothesis],
    levels: &Levels,
) -> Result<Vec<SliceState>, JudgeError> {
    let mut names: Vec<Slice> = run.slices.iter().filter(|slice| !slice.is_all()).cloned().collect();
    if !names.is_empty() {
        names.push(Slice::other());
    }
    names.push(Slice::all());
    names.sort();
    names.dedup();
    for own in &run.policy.slices {
        if !names.iter().any(|slice| *slice.labels() == own.slice) {
            let why = format!("`{}` is no slice of this run", Slice::from(own.slice.clone()));
            return Err(JudgeError::policy("slices", why));
        }
        if own.slice.is_empty() && own.required == Some(false) {
            return Err(JudgeError::policy("slices", "the whole population is always required"));
        }
    }
    let weights = slice_weights(run, &names)?;
    let state = |(slice, weight): (Slice, f64)| {
        let mut state = SliceState {
            weight: weight / hypotheses.len() as f64,
            required: None,
            p999: false,
            stated: run
                .policy
                .slices
                .iter()
                .find(|own| own.slice == *slice.labels())
                .and_then(|own| own.required),
            expected: expected(run, &slice, levels),
            last_window: 0,
            latency: RoleHistograms::default(),
            slice,
        };
        state.fix_early(hypotheses);
        state
    };
    Ok(names.into_iter().zip(weights).map(state).collect())
}

/// Units expected until the deadline, from the policy's rate or the previous run.
fn expected(run: &Run, slice: &Slice, levels: &Levels) -> Option<f64> {
    let stated = run.policy.slices.iter().find(|own| own.slice == *slice.labels()).and_then(|own| own.rate);
    if let Some(rate) = stated {
        return Some(rate * run.policy.deadline.0.as_secs_f64());
    }
    let past = run.history.iter().find(|past| past.slice == *slice)?;
    Some(past.units as f64 / past.windows.max(1) as f64 * levels.deadline as f64)
}

//! The control's recent past, and the latency thresholds that it publishes.

use super::marks::{Bound, Bounds};
use super::plan::Plan;
use crate::check::Quantile;
use crate::judge::latency::{look_back, threshold};
use crate::latencies::Latencies;
use crate::rows::SealedWindow;
use std::collections::VecDeque;
use std::ops::RangeInclusive;

/// Latencies of the control in the sealed windows that a threshold may still read, by slice.
#[derive(Debug, Clone)]
pub(crate) struct History {
    slices: Vec<VecDeque<Past>>,
}

#[derive(Debug, Clone)]
struct Past {
    /// Run index.
    window: u64,
    control: Latencies,
    missing: u64,
}

/// What one window may read of the past.
pub(crate) struct Look<'a> {
    history: &'a History,
    plan: &'a Plan,
    windows: Option<RangeInclusive<u64>>,
}

impl History {
    pub(crate) fn new(slices: usize) -> Self {
        Self { slices: (0..slices).map(|_| VecDeque::new()).collect() }
    }

    /// Remembers a sealed window and forgets those that no later window reads.
    pub(crate) fn add(&mut self, plan: &Plan, sealed: &SealedWindow) {
        let oldest = look_back(sealed.window + 1, plan.lag).map_or(1, |read| *read.start());
        for (slice, past) in plan.slices.iter().zip(&mut self.slices) {
            while past.front().is_some_and(|front| front.window < oldest) {
                past.pop_front();
            }
            if let Some(roles) = sealed.latency.get(slice) {
                past.push_back(Past {
                    window: sealed.window,
                    control: roles.control.clone(),
                    missing: roles.missing[2],
                });
            }
        }
    }

    /// The past as window `run_index` may read it; nothing while the run is cold.
    pub(crate) fn look<'a>(&'a self, plan: &'a Plan, run_index: u64, warm: bool) -> Look<'a> {
        Look { history: self, plan, windows: look_back(run_index, plan.lag).filter(|_| warm) }
    }
}

impl Look<'_> {
    /// The thresholds of one slice.
    pub(crate) fn bounds(&self, slice: usize) -> Bounds {
        let Some(windows) = &self.windows else { return Bounds::default() };
        let (mut control, mut missing) = (Latencies::default(), 0);
        for past in self.history.slices[slice].iter().filter(|past| windows.contains(&past.window)) {
            control.merge(&past.control);
            missing += past.missing;
        }
        std::array::from_fn(|index| {
            let x = threshold(&control, missing, Quantile::ALL[index])?;
            let tolerance = &self.plan.tolerances[index];
            Some(Bound { x, reject: tolerance.reject(x), promote: tolerance.promote(x) })
        })
    }
}

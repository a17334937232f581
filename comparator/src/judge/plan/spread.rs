//! Windows in which the expected counts of a question are spread evenly.

use super::Question;
use crate::check::{Check, Quantile};
use crate::judge::Judge;
use crate::rows::{Row, SealedWindow, Signs};
use crate::slice::Slice;

/// Feeds windows of evenly spread counts until a decision, at most `most` of them.
pub(super) fn advance(mut judge: Judge, question: &Question, excess: f64, most: u64) -> Judge {
    let checks: Vec<Check> = judge.checks().cloned().collect();
    let mut slices = vec![(Slice::all(), 1.0)];
    slices.extend(question.slices.iter().cloned());
    if !question.slices.is_empty() {
        let named: f64 = question.slices.iter().map(|(_, share)| share).sum();
        slices.push((Slice::other(), (1.0 - named).max(0.0)));
    }
    let units = question.units_per_second * question.policy.window.0.as_secs_f64();
    let mut window = 0;
    while !judge.is_final() && window < most {
        window += 1;
        let row = |(slice, share): &(Slice, f64), check: &Check| {
            Spread {
                units: units * share,
                worse: question.noise + excess,
                better: question.noise,
                is_hit: *check == question.check,
            }
            .row(window, slice, check)
        };
        let rows =
            slices.iter().flat_map(|slice| checks.iter().map(move |check| row(slice, check))).collect();
        let window = SealedWindow { window, rows, ..SealedWindow::default() };
        judge.step(&window).expect("counts made here are consistent and in order");
    }
    judge
}

/// Expected counts of one check and slice.
struct Spread {
    /// A window.
    units: f64,
    /// Share of units, where the check is hit.
    worse: f64,
    better: f64,
    is_hit: bool,
}

impl Spread {
    fn row(&self, window: u64, slice: &Slice, check: &Check) -> Row {
        let part =
            |rate: f64| (rate * window as f64).floor() as u64 - (rate * (window - 1) as f64).floor() as u64;
        let units = part(self.units);
        let hit = if self.is_hit { 1.0 } else { 0.0 };
        let worse = part(self.units * self.worse * hit).min(units);
        let signs = Signs { worse, better: part(self.units * self.better * hit).min(units - worse) };
        let granted = match check {
            // Two equal builds: granted the promote tolerance, the candidate is better in some of the
            // units that exceed the threshold at all.
            Check::Latency(quantile) => {
                Signs { worse: 0, better: part(self.units * better_share(*quantile)) }
            }
            _ => Signs::default(),
        };
        let latency = matches!(check, Check::Latency(_) | Check::LatencySevere(_));
        Row {
            window,
            slice: slice.clone(),
            check: check.clone(),
            units,
            signs: (!latency).then_some(signs),
            reject: latency.then_some(signs),
            promote: latency.then_some(if self.is_hit { signs } else { granted }),
            threshold_ns: None,
            // Of requests: no control is bad beside those that the candidate does better.
            control_bad: (!latency).then_some(signs.better),
            replicas: std::collections::BTreeMap::new(),
        }
    }
}

/// A fifth of the exceedances; the simulated lognormal latencies of `verdict.md` 3 H show more.
fn better_share(quantile: Quantile) -> f64 {
    0.2 * (1000 - quantile.thousandths()) as f64 / 1000.0
}

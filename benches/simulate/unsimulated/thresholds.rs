//! Latency as it is judged: by units, with published thresholds, restarts and the guard.

use crate::case::one_if;
use crate::case::{Case, share};
use crate::draw::Random;
use crate::judged::{latency_row, of_rows, play, run_of};
use crate::latency::{Histogram, QUANTILES, Unit, sign};
use parallax_comparator::check::{Check, Quantile};
use parallax_comparator::judge::Judge;
use parallax_comparator::judge::mixture::Counts;
use parallax_comparator::rows::SealedWindow;
use parallax_comparator::verdict::State;
use std::collections::VecDeque;

/// Windows between the newest that a threshold reads and the one that it is used in.
const LAG: usize = 4;
const LOOK_BACK: usize = 20;
const UNITS: usize = 120;

/// How the two arms differ.
#[derive(Clone, Copy)]
struct Truth {
    unit: Unit,
    /// Share of windows in which one arm, chosen by coin, is 1.5 x as slow.
    incidents: f64,
    /// Amplitude of a load that both arms share.
    drift: f64,
}

pub(crate) fn cases() -> Vec<Case> {
    let granted = [1.05f64.ln(), 1.10f64.ln()];
    let equal = Unit { requests: 6, ratio: 0.0, arm_effect: 0.3, granted };
    let truth = Truth { unit: equal, incidents: 0.0, drift: 0.3 };
    let slower = |ratio: f64| Truth { unit: Unit { ratio: ratio.ln(), ..equal }, ..truth };
    vec![
        case("equal", truth, Some(State::Reject)),
        case("equal,incidents", Truth { incidents: 0.04, ..truth }, Some(State::Reject)),
        case("ratio=1.05", slower(1.05), Some(State::Reject)),
        case("ratio=1.10", slower(1.10), Some(State::Promote)),
        case("ratio=1.20", slower(1.20), Some(State::Promote)),
    ]
}

fn case(name: &str, truth: Truth, wrong: Option<State>) -> Case {
    let checks: Vec<Check> = [Quantile::P50, Quantile::P90, Quantile::P99]
        .into_iter()
        .flat_map(|quantile| [Check::Latency(quantile), Check::LatencySevere(quantile)])
        .collect();
    let judge = run_of(360, &checks, &[], |_| {});
    let columns = [(State::Reject, 0.05), (State::Promote, 0.01)].map(|(state, limit)| {
        let column = share(state.name());
        if wrong == Some(state) { column.at_most(limit) } else { column }
    });
    Case {
        name: format!("N/latency,{name}"),
        truth: format!(
            "{name}: candidate {:.2} x as slow, 120 units of 6 requests with an effect of the arm, load swings; \
             360 windows, guard, published p50 to p99 and twins",
            truth.unit.ratio.exp()
        ),
        replications: 400,
        published_replications: 0,
        columns: columns.to_vec(),
        trial: Box::new(move |random| {
            let state = play_latency(&judge, &checks, random, truth);
            vec![one_if(state == State::Reject), one_if(state == State::Promote)]
        }),
    }
}

fn play_latency(judge: &Judge, checks: &[Check], random: &mut Random, truth: Truth) -> State {
    let (mut past, mut recent) = (VecDeque::new(), Histogram::new());
    play(judge, |window| {
        let thresholds = if window as usize >= LAG + 3 { recent.quantiles() } else { None };
        let mut control = Histogram::new();
        let counts = count(random, truth, window, thresholds, &mut control);
        past.push_back(control);
        // The newest that the next window may read is LAG + 1 before it.
        if let Some(newest) = past.len().checked_sub(LAG + 1) {
            recent.merge(&past[newest]);
        }
        if past.len() > LAG + LOOK_BACK {
            recent.remove(&past.pop_front().expect("there are more than that many"));
        }
        match counts {
            None => SealedWindow { window, ..SealedWindow::default() },
            Some(counts) => {
                let rows = checks.iter().zip(counts);
                of_rows(
                    window,
                    rows.map(|(check, [reject, promote])| latency_row(window, check, reject, promote))
                        .collect(),
                )
            }
        }
    })
    .state
}

/// Reject and promote series of each quantile, its severe twin behind it.
fn count(
    random: &mut Random,
    truth: Truth,
    window: u64,
    thresholds: Option<[f64; 4]>,
    control: &mut Histogram,
) -> Option<[[Counts; 2]; 6]> {
    let load = truth.drift * (window as f64 / 60.0 * std::f64::consts::TAU).sin();
    let mut loads = [load; 2];
    if random.is(truth.incidents) {
        loads[usize::from(random.coin())] += 1.5f64.ln();
    }
    let x = thresholds.map_or([f64::INFINITY; 3], |x| [x[0], x[1], x[2]]);
    let mut counts = [[Counts::default(); 2]; 6];
    for _ in 0..UNITS {
        let net = truth.unit.draw(random, x, loads, |latency| control.record(latency));
        for (at, sides) in net.into_iter().enumerate() {
            for (side, [more, less]) in sides.into_iter().enumerate() {
                counts[2 * at][side].add(sign(more - less, 1));
                counts[2 * at + 1][side].add(sign(more - less, 5));
            }
        }
    }
    debug_assert_eq!(QUANTILES[2].0, "p99");
    thresholds.map(|_| counts)
}

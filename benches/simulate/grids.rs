//! Table E2: grids of bets, and the single best bet that nobody knows beforehand.

use crate::case::{Case, median, one_if, share};
use crate::draw::Random;
use crate::pairs::{LEVEL, LOOK, LOOKS, Pairs};
use parallax_comparator::judge::mixture::Counts;

const TAU: f64 = 0.0005;

/// Stakes with their weights, which sum to one.
struct Grid {
    name: &'static str,
    bets: Vec<[f64; 2]>,
    /// Median pairs until a reject, and share of false rejects, as published.
    published: [f64; 2],
}

impl Grid {
    /// `count` stakes, each `ratio` times smaller than the one before.
    fn new(
        name: &'static str,
        count: i32,
        ratio: f64,
        weight: impl Fn(f64) -> f64,
        published: [f64; 2],
    ) -> Self {
        let weights: Vec<f64> = (0..count).map(|k| weight(f64::from(k + 1))).collect();
        let sum: f64 = weights.iter().sum();
        let stake = |k: i32| 0.999 / (1.0 + TAU) * ratio.powi(-k);
        let bets = (0..count).zip(weights).map(|(k, weight)| [stake(k), weight / sum]).collect();
        Self { name, bets, published }
    }

    /// Whether the mixture is at least 20.
    fn rejects(&self, counts: Counts) -> bool {
        let [b, c, rest] = [counts.worse, counts.better, counts.alike()].map(|units| units as f64);
        let capital = |[stake, weight]: &[f64; 2]| {
            let ln = b * (stake * (1.0 - TAU)).ln_1p()
                + c * (-stake * (1.0 + TAU)).ln_1p()
                + rest * (-stake * TAU).ln_1p();
            weight * ln.exp()
        };
        self.bets.iter().map(capital).sum::<f64>() >= LEVEL.exp()
    }
}

pub(crate) fn cases() -> Vec<Case> {
    let even = |_| 1.0;
    let grids = vec![
        Grid::new("10 bets, halving, equal weights", 10, 2.0, even, [28_350.0, 0.0150]),
        Grid::new("20 bets, halving, equal weights", 20, 2.0, even, [33_600.0, 0.0085]),
        Grid::new("40 bets, by root 2, equal weights", 40, 2f64.sqrt(), even, [33_000.0, 0.0090]),
        Grid::new("20 bets, halving, 1/(k+1) (ours)", 20, 2.0, |k| 1.0 / k, [28_050.0, 0.0250]),
        Grid::new("20 bets, halving, 1/(k+1)^2", 20, 2.0, |k| 1.0 / (k * k), [27_900.0, 0.0395]),
        Grid { name: "the single bet 0.286", bets: vec![[0.286, 1.0]], published: [16_900.0, 0.0435] },
    ];
    let columns = grids.iter().flat_map(|grid| {
        [
            median(&format!("{}: pairs until a reject", grid.name)).published(grid.published[0]),
            share(&format!("{}: false rejects", grid.name)).published(grid.published[1]).at_most(0.05),
        ]
    });
    vec![Case {
        name: "E2/grids".to_owned(),
        truth: format!("noise .001, excess .0015 (then {TAU} = tau), looks every {LOOK} to 100k"),
        replications: 2_000,
        // Of the power; the false rejects have 2,000.
        published_replications: 1_000,
        columns: columns.collect(),
        trial: Box::new(move |random| {
            let power = first_looks(random, &grids, 0.0015);
            let wrong = first_looks(random, &grids, TAU);
            power.into_iter().zip(wrong).flat_map(|(at, wrong)| [at, one_if(wrong.is_finite())]).collect()
        }),
    }]
}

/// Pairs until each grid rejects; infinite where it does not.
fn first_looks(random: &mut Random, grids: &[Grid], excess: f64) -> Vec<f64> {
    let (mut sum, mut both) = (Counts::default(), 0);
    let mut at = vec![f64::INFINITY; grids.len()];
    for _ in 0..LOOKS {
        Pairs { noise: 0.001, shared: 0.0, excess }.add(random, LOOK, &mut sum, &mut both);
        for (at, grid) in at.iter_mut().zip(grids).filter(|(at, _)| at.is_infinite()) {
            if grid.rejects(sum) {
                *at = sum.n as f64;
            }
        }
        if at.iter().all(|at| at.is_finite()) {
            break;
        }
    }
    at
}

//! Table C: 1,000 cells at once.

use crate::case::{Case, one_if, share};
use crate::draw::Random;
use crate::rivals::{diffy, z_rejects};
use parallax_comparator::judge::mixture::{Bets, Counts};

const CELLS: usize = 1_000;
const TAU: f64 = 0.0005;

pub(crate) fn cases() -> Vec<Case> {
    let rows: [(usize, f64, [f64; 6]); 3] = [
        (0, 0.0, [0.0, 0.0, 1.0, 1.0, 0.620, f64::NAN]),
        (20, TAU + 0.002, [1.0, 0.0, 1.0, 1.0, 0.568, 0.933]),
        (20, TAU + 0.005, [1.0, 0.0, 1.0, 1.0, 0.635, 0.999]),
    ];
    let case = |(bad, excess, published): (usize, f64, [f64; 6])| {
        let name = |what: &str, at: usize| match published[at] {
            value if value.is_nan() => share(what),
            value => share(what).published(value),
        };
        let mut columns = vec![
            name("the mean rejects", 0),
            name("some innocent cell is a culprit", 1).at_most(0.05),
            name("some innocent cell: z, any look", 2),
            name("some innocent cell: Diffy, any look", 3),
            name("some innocent cell: Diffy, at the end", 4),
            name("share of the bad cells that are culprits", 5),
        ];
        if bad == 0 {
            columns[0] = columns[0].clone().at_most(0.05);
        }
        Case {
            name: format!("C/bad={bad},excess={excess}"),
            truth: format!(
                "1,000 cells, {bad} of them worse by {excess}, noise lognormal around .1%, 50 looks"
            ),
            replications: 400,
            published_replications: 400,
            columns,
            trial: Box::new(move |random| trial(random, bad, excess)),
        }
    };
    rows.into_iter().map(case).collect()
}

fn trial(random: &mut Random, bad: usize, excess: f64) -> Vec<f64> {
    let bets = Bets::reject(TAU);
    let noise: Vec<f64> =
        (0..CELLS).map(|_| (0.001 * (1.2 * random.normals()[0]).exp()).clamp(1e-5, 0.05)).collect();
    let mut cells = vec![Counts::default(); CELLS];
    let mut largest = vec![f64::NEG_INFINITY; CELLS];
    let mut ever = [false; 3];
    for _ in 0..50 {
        let mut sum = 0.0;
        for (at, cell) in cells.iter_mut().enumerate() {
            let own = if at < bad { excess } else { 0.0 };
            cell.add(random.units(2_000, noise[at] + own, noise[at]));
            let ln_e = bets.ln_e(*cell);
            largest[at] = largest[at].max(ln_e);
            sum += ln_e.exp();
            if at >= bad {
                ever[1] |= z_rejects(*cell, TAU);
                ever[2] |= diffy(*cell, 0);
            }
        }
        ever[0] |= sum / CELLS as f64 >= 20.0;
    }
    let culprit = (20.0 * CELLS as f64).ln();
    let found = largest[..bad].iter().filter(|ln_e| **ln_e >= culprit).count() as f64;
    vec![
        one_if(ever[0]),
        one_if(largest[bad..].iter().any(|ln_e| *ln_e >= culprit)),
        one_if(ever[1]),
        one_if(ever[2]),
        one_if(cells[bad..].iter().any(|cell| diffy(*cell, 0))),
        if bad == 0 { 0.0 } else { found / bad as f64 },
    ]
}

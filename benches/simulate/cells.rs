//! Table C: 1,000 cells at once.

use crate::case::{Case, Column, mean, one_if, share};
use crate::draw::Random;
use crate::rivals::{benjamini_hochberg, diffy, z_chance, z_rejects};
use parallax_comparator::judge::mixture::{Bets, Counts};

const CELLS: usize = 1_000;
const TAU: f64 = 0.0005;
/// Level of every rule here.
const LEVEL: f64 = 0.05;
const RULES: [&str; 6] = [
    "culprits (e-Bonferroni)",
    "e-BH",
    "z, any look",
    "z with Benjamini-Hochberg at each look",
    "Diffy, any look",
    "Diffy, at the end",
];

/// What is published of a rule: share of runs with a false flag, false flags a run, false discovery rate, power.
type Published = [f64; 4];

pub(crate) fn cases() -> Vec<Case> {
    let none = f64::NAN;
    let clean = [0.0, 0.0, 0.0, none];
    let rows: [(usize, f64, [Published; 6]); 3] = [
        (
            0,
            0.0,
            [
                clean,
                clean,
                [1.0, 31.4, 1.0, none],
                [0.005, 0.01, 0.005, none],
                [1.0, 402.0, 1.0, none],
                [0.62, 1.0, 0.62, none],
            ],
        ),
        (
            20,
            TAU + 0.002,
            [
                [0.0, 0.0, 0.0, 0.933],
                [0.0, 0.0, 0.0, 0.960],
                [1.0, 30.0, 0.598, 1.0],
                [0.080, 0.08, 0.004, 0.991],
                [1.0, 394.0, 0.954, 0.960],
                [0.568, 0.82, 0.042, 0.907],
            ],
        ),
        (
            20,
            TAU + 0.005,
            [
                [0.0, 0.0, 0.0, 0.999],
                [0.0, 0.0, 0.0, 1.0],
                [1.0, 31.0, 0.602, 1.0],
                [0.183, 0.21, 0.010, 1.0],
                [1.0, 393.0, 0.952, 0.990],
                [0.635, 1.0, 0.047, 0.978],
            ],
        ),
    ];
    let case = |(bad, excess, published): (usize, f64, [Published; 6])| {
        let global = share("the mean rejects").published(if bad == 0 { 0.0 } else { 1.0 });
        let mut columns = vec![if bad == 0 { global.at_most(LEVEL) } else { global }];
        columns.extend(
            RULES
                .iter()
                .zip(published)
                .enumerate()
                .flat_map(|(at, (rule, of))| rule_columns(rule, of, at < 2)),
        );
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

fn rule_columns(rule: &str, [any, flags, rate, power]: Published, is_ours: bool) -> Vec<Column> {
    let any = share(&format!("{rule}: some innocent cell")).maybe(any);
    vec![
        if is_ours { any.at_most(LEVEL) } else { any },
        mean(&format!("{rule}: innocent cells a run")).maybe(flags),
        mean(&format!("{rule}: false discovery rate")).maybe(rate),
        mean(&format!("{rule}: share of the bad cells")).maybe(power),
    ]
}

fn trial(random: &mut Random, bad: usize, excess: f64) -> Vec<f64> {
    let bets = Bets::reject(TAU);
    let noise: Vec<f64> =
        (0..CELLS).map(|_| (0.001 * (1.2 * random.normals()[0]).exp()).clamp(1e-5, 0.05)).collect();
    let mut cells = vec![Counts::default(); CELLS];
    let mut flagged = vec![[false; RULES.len()]; CELLS];
    let mut global = false;
    for _ in 0..50 {
        for (at, cell) in cells.iter_mut().enumerate() {
            let own = if at < bad { excess } else { 0.0 };
            cell.add(random.units(2_000, noise[at] + own, noise[at]));
        }
        let evidence: Vec<f64> = cells.iter().map(|cell| bets.ln_e(*cell).exp()).collect();
        let chances: Vec<f64> = cells.iter().map(|cell| z_chance(*cell, TAU)).collect();
        // e-BH is the procedure of Benjamini and Hochberg on 1/E.
        let inverse: Vec<f64> = evidence.iter().map(|e| 1.0 / e).collect();
        let [e_bh, z_bh] = [&inverse, &chances].map(|chances| benjamini_hochberg(chances, LEVEL));
        global |= evidence.iter().sum::<f64>() / CELLS as f64 >= 1.0 / LEVEL;
        for (at, flags) in flagged.iter_mut().enumerate() {
            flags[0] |= evidence[at] >= CELLS as f64 / LEVEL;
            flags[1] |= inverse[at] <= e_bh;
            flags[2] |= z_rejects(cells[at], TAU);
            flags[3] |= chances[at] <= z_bh;
            flags[4] |= diffy(cells[at], 0);
        }
    }
    for (flags, cell) in flagged.iter_mut().zip(&cells) {
        flags[5] = diffy(*cell, 0);
    }
    let mut values = vec![one_if(global)];
    for rule in 0..RULES.len() {
        let count = |cells: &[[bool; RULES.len()]]| cells.iter().filter(|flags| flags[rule]).count() as f64;
        let (right, wrong) = (count(&flagged[..bad]), count(&flagged[bad..]));
        let rate = wrong / (right + wrong).max(1.0);
        let power = if bad == 0 { 0.0 } else { right / bad as f64 };
        values.extend([one_if(wrong > 0.0), wrong, rate, power]);
    }
    values
}

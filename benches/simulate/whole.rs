//! Table F: the whole rule, from the first window to the verdict.

use crate::case::{Case, median, one_if, share};
use crate::judged::{Guarding, play_mismatch, run_of};
use parallax_comparator::check::Check;
use parallax_comparator::verdict::State;

pub(crate) fn cases() -> Vec<Case> {
    // Promote, reject and median units without futility; promote and reject with the default.
    let rows = [
        (0.001, 0.0, [1.0, 0.0, 9_000.0, 1.0, 0.0]),
        (0.001, 0.0005, [0.990, 0.010, 15_000.0, 0.990, 0.010]),
        (0.001, 0.001, [0.690, 0.300, 35_000.0, 0.690, 0.300]),
        (0.001, 0.002, [0.004, 0.996, 15_000.0, 0.004, 0.996]),
        (0.001, 0.003, [0.0, 1.0, 7_000.0, 0.0, 1.0]),
        (0.001, 0.005, [0.0, 1.0, 4_000.0, 0.0, 1.0]),
        (0.01, 0.0, [0.772, 0.008, 64_000.0, 0.768, 0.008]),
        (0.01, 0.0005, [0.384, 0.008, 100_000.0, 0.384, 0.008]),
        (0.01, 0.001, [0.098, 0.032, 100_000.0, 0.098, 0.032]),
        (0.01, 0.002, [0.002, 0.522, 96_500.0, 0.002, 0.512]),
        (0.01, 0.003, [0.0, 0.986, 32_000.0, 0.0, 0.984]),
        (0.01, 0.005, [0.0, 1.0, 12_000.0, 0.0, 1.0]),
    ];
    let case = |(noise, excess, published): (f64, f64, [f64; 5])| {
        let judge = |looks| {
            run_of(100, &[Check::Mismatch], &[], |run| {
                Guarding::Off.set(run);
                run.policy.futility_looks = looks;
            })
        };
        let judges = [judge(u64::MAX), judge(20)];
        let mut columns = vec![
            share("promote").published(published[0]),
            share("reject").published(published[1]),
            median("units to the verdict").published(published[2]).in_steps_of(1_000.0),
            share("with futility: promote").published(published[3]),
            share("with futility: reject").published(published[4]),
        ];
        if excess <= 0.0005 {
            columns[1] = columns[1].clone().at_most(0.05);
            columns[4] = columns[4].clone().at_most(0.05);
        }
        if excess >= 0.002 {
            columns[0] = columns[0].clone().at_most(0.01);
            columns[3] = columns[3].clone().at_most(0.01);
        }
        Case {
            name: format!("F/noise={noise},excess={excess}"),
            truth: format!(
                "noise {noise}, excess {excess}; 100 windows of 1,000 units, alpha .05, beta .01, no guard"
            ),
            replications: 2_000,
            published_replications: 500,
            columns,
            trial: Box::new(move |random| {
                let (worse, better) = ((noise + excess) * (1.0 - noise), noise * (1.0 - noise - excess));
                let drawn: Vec<_> = (0..100).map(|_| random.units(1_000, worse, better)).collect();
                let [plain, futile] =
                    [0, 1].map(|at| play_mismatch(&judges[at], |window| drawn[window as usize - 1]));
                vec![
                    one_if(plain.state == State::Promote),
                    one_if(plain.state == State::Reject),
                    plain.windows as f64 * 1_000.0,
                    one_if(futile.state == State::Promote),
                    one_if(futile.state == State::Reject),
                ]
            }),
        }
    };
    rows.into_iter().map(case).collect()
}

//! Slices: incidents that hit all of them at once, and weights that do not follow the traffic.

use crate::case::{Case, one_if, share};
use crate::judged::{End, Guarding, of_rows, play, row, run_of};
use parallax_comparator::check::Check;
use parallax_comparator::judge::Judge;
use parallax_comparator::judge::mixture::Counts;
use parallax_comparator::slice::Slice;
use parallax_comparator::verdict::State;
use parallax_config::SlicePolicy;

pub(crate) fn cases() -> Vec<Case> {
    let mut cases = vec![across()];
    for (name, weights) in [("default", None), ("inverse", Some([0.01, 0.09, 0.89]))] {
        cases.push(weighted(name, weights, 0.0005, State::Reject, 0.05));
        cases.push(weighted(name, weights, 0.002, State::Promote, 0.01));
    }
    cases
}

/// Every window's counts of each shard; the whole population is their sum.
fn play_shards(judge: &Judge, shards: &[Slice], drawn: &[Vec<Counts>]) -> End {
    play(judge, |window| {
        let counts = &drawn[window as usize - 1];
        let mut whole = Counts::default();
        counts.iter().for_each(|counts| whole.add(*counts));
        let mut rows = vec![row(window, &Slice::all(), &Check::Mismatch, whole)];
        rows.extend(
            shards.iter().zip(counts).map(|(slice, counts)| row(window, slice, &Check::Mismatch, *counts)),
        );
        of_rows(window, rows)
    })
}

/// In 4% of windows an incident hits 54% of the units of one arm in all of four shards.
fn across() -> Case {
    let shards: Vec<Slice> = (0..4).map(|shard| Slice::of("shard", &shard.to_string())).collect();
    let judges = [Guarding::Off, Guarding::On]
        .map(|guard| run_of(180, &[Check::Mismatch], &shards, |run| guard.set(run)));
    Case {
        name: "N/cross-shard-incidents".to_owned(),
        truth: "equal builds, 4 shards of 30 units; in 4% of windows an incident hits 54% of one arm's units in all"
            .to_owned(),
        replications: 2_000,
        published_replications: 0,
        columns: vec![
            share("no guard: reject"),
            share("guard: reject").at_most(0.05),
            share("guard: promote"),
        ],
        trial: Box::new(move |random| {
            let mut window = || {
                let hit = if random.is(0.04) { 0.54 } else { 0.0 };
                let candidate = random.coin();
                let mut shard = || {
                    let seen = random.units(30, 0.001, 0.001);
                    let hits = random.binomial(seen.alike(), hit);
                    let [worse, better] = if candidate { [hits, 0] } else { [0, hits] };
                    Counts::new(30, seen.worse + worse, seen.better + better)
                };
                (0..4).map(|_| shard()).collect()
            };
            let drawn: Vec<Vec<Counts>> = (0..180).map(|_| window()).collect();
            let [off, on] = [0, 1].map(|at| play_shards(&judges[at], &shards, &drawn).state);
            vec![one_if(off == State::Reject), one_if(on == State::Reject), one_if(on == State::Promote)]
        }),
    }
}

/// Three slices with 90%, 9% and 1% of the traffic, all of them at the edge of what is tolerated, or of what is
/// promised.
fn weighted(name: &str, weights: Option<[f64; 3]>, excess: f64, wrong: State, limit: f64) -> Case {
    const UNITS: [u64; 3] = [900, 90, 10];
    let slices: Vec<Slice> =
        ["busy", "middling", "quiet"].iter().map(|name| Slice::of("route", name)).collect();
    let judge = run_of(200, &[Check::Mismatch], &slices, |run| {
        Guarding::Off.set(run);
        if let Some(weights) = weights {
            let own = slices.iter().zip(weights).map(|(slice, weight)| SlicePolicy {
                weight: Some(weight),
                slice: slice.labels().clone(),
                required: None,
                rate: None,
            });
            run.policy.slices = own.collect();
        }
    });
    let what = wrong.name();
    Case {
        name: format!("N/weights={name},excess={excess}"),
        truth: format!(
            "{name} weights, traffic 90:9:1, noise .001, excess {excess} everywhere; 200 windows, no guard"
        ),
        replications: 2_000,
        published_replications: 0,
        columns: vec![share(what).at_most(limit)],
        trial: Box::new(move |random| {
            let drawn: Vec<Vec<Counts>> = (0..200)
                .map(|_| UNITS.iter().map(|units| random.units(*units, 0.001 + excess, 0.001)).collect())
                .collect();
            vec![one_if(play_shards(&judge, &slices, &drawn).state == wrong)]
        }),
    }
}

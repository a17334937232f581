//! The rules that condemn the rig: a bad replica, a lopsided order, lost evidence.

use crate::case::{Case, one_if, share};
use crate::draw::Random;
use crate::judged::{of_rows, play, row, run_of};
use parallax_comparator::check::Check;
use parallax_comparator::judge::mixture::Counts;
use parallax_comparator::rows::{Exposure, SealedWindow, Signs};
use parallax_comparator::slice::Slice;
use parallax_comparator::verdict::State;

pub(crate) fn cases() -> Vec<Case> {
    vec![
        replicas("even", [1.0 / 3.0; 3], [0.005; 3], State::Reject),
        replicas("uneven-traffic", [0.55, 0.25, 0.2], [0.005; 3], State::Reject),
        replicas("ten", [0.1; 10], [0.005; 10], State::Reject),
        replicas("one-bad-node", [1.0 / 3.0; 3], [0.015, 0.0, 0.0], State::Invalid),
        blocking(),
        hidden(0.001),
        hidden(0.019),
    ]
}

/// Replicas with their shares of the traffic, each with its own excess.
fn replicas<const N: usize>(name: &str, shares: [f64; N], excess: [f64; N], right: State) -> Case {
    let names: Vec<String> = (0..N).map(|at| format!("replica-{at}")).collect();
    let judge = run_of(180, &[Check::Mismatch], &[], |run| run.replicas.clone_from(&names));
    let other = if right == State::Reject { State::Invalid } else { State::Reject };
    Case {
        name: format!("N/replicas={name}"),
        truth: format!(
            "{N} replicas, {name}, noise .001, excess {:.4} on the first; 120 units a window",
            excess[0]
        ),
        replications: 2_000,
        published_replications: 0,
        columns: vec![
            share(&format!("ends as {}", right.name())),
            share(&format!("ends as {}", other.name())),
        ],
        trial: Box::new(move |random| {
            let end = play(&judge, |window| {
                let mut whole = Counts::default();
                let mut by_replica = std::collections::BTreeMap::new();
                let mut left = 120;
                for at in 0..N {
                    let rest: f64 = shares[at..].iter().sum();
                    let units = random.binomial(left, (shares[at] / rest).min(1.0));
                    left -= units;
                    let seen = random.units(units, 0.001 + excess[at], 0.001);
                    whole.add(seen);
                    by_replica.insert(names[at].clone(), Signs { worse: seen.worse, better: seen.better });
                }
                let mut row = row(window, &Slice::all(), &Check::Mismatch, whole);
                row.replicas = by_replica;
                of_rows(window, vec![row])
            });
            vec![one_if(end.state == right), one_if(end.state == other)]
        }),
    }
}

/// What a healthy rig does: a fair order of copies, a few lost exchanges, a control that fails now and then.
fn blocking() -> Case {
    let judge = run_of(720, &[Check::Mismatch], &[], |run| run.policy.beta = 1e-300);
    Case {
        name: "N/blocking-rules".to_owned(),
        truth: "a healthy rig: fair order, 1% shed, .05% late, control alone missing in 1%; 1,000 exchanges, 720 windows".to_owned(),
        replications: 1_000,
        published_replications: 0,
        columns: vec![share("blocked at some watermark"), share("ends invalid").at_most(0.01)],
        trial: Box::new(move |random| {
            let (mut state, mut blocked) = (judge.clone(), false);
            while !state.is_final() {
                let window = state.watermark() + 1;
                let mut sealed = of_rows(window, vec![row(window, &Slice::all(), &Check::Mismatch, Counts::new(200, 0, 0))]);
                sealed.exposure = Some(healthy(random));
                let now = state.step(&sealed).expect("drawn counts are consistent");
                blocked |= now == State::Invalid;
            }
            vec![one_if(blocked), one_if(state.state() == State::Invalid)]
        }),
    }
}

fn healthy(random: &mut Random) -> Exposure {
    let mirrored = 1_000;
    let (shed, late) = (random.binomial(mirrored, 0.01), random.binomial(mirrored, 0.0005));
    let compared = mirrored - shed - late;
    Exposure {
        mirrored,
        compared,
        shed,
        late,
        ordered: compared,
        candidate_first: random.binomial(compared, 0.5),
        control_missing: random.binomial(compared, 0.011),
        control_only_missing: random.binomial(compared, 0.01),
        candidate_offered: mirrored,
        control_offered: mirrored,
        ..Exposure::default()
    }
}

/// Evidence is lost where the candidate is bad: every bad exchange, as long as it is so few.
fn hidden(lost: f64) -> Case {
    let judge = run_of(180, &[Check::Mismatch], &[], |_| {});
    Case {
        name: format!("N/lost-where-bad={lost}"),
        truth: format!(
            "the candidate is bad in {lost} of exchanges, and exactly those are lost; 1,000 a window"
        ),
        replications: 200,
        published_replications: 0,
        columns: vec![if lost > 0.002 { share("promote").at_most(0.01) } else { share("promote") }],
        trial: Box::new(move |random| {
            let end = play(&judge, |window| {
                let gone = random.binomial(1_000, lost);
                let compared = 1_000 - gone;
                let rows = vec![row(window, &Slice::all(), &Check::Mismatch, Counts::new(compared, 0, 0))];
                let exposure = Exposure {
                    mirrored: 1_000,
                    compared,
                    ordered: compared,
                    candidate_first: random.binomial(compared, 0.5),
                    candidate_offered: 1_000,
                    control_offered: 1_000,
                    ..Exposure::default()
                };
                SealedWindow { exposure: Some(exposure), ..of_rows(window, rows) }
            });
            vec![one_if(end.state == State::Promote)]
        }),
    }
}

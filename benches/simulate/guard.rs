//! Table G: units that share fate, and the guard.

use crate::case::{Case, Column, mean, median, one_if, share};
use crate::draw::Random;
use crate::judged::{Guarding, play_mismatch, run_of};
use parallax_comparator::check::Check;
use parallax_comparator::judge::mixture::{Bets, Counts};
use parallax_comparator::judge::restarts::Restarts;
use parallax_comparator::verdict::State;

const GUARDS: [(Guarding, &str); 3] =
    [(Guarding::Off, "no guard"), (Guarding::On, "guard"), (Guarding::Always, "windows at all times")];

/// Windows of units that fail alone and, in some windows, together.
#[derive(Clone, Copy)]
struct Truth {
    units: u64,
    noise: f64,
    excess: f64,
    /// Share of windows with an incident.
    incidents: f64,
    /// Share of the units that an incident hits.
    hits: f64,
    /// Whether a coin says which arm it hits; else always the candidate.
    either: bool,
}

impl Truth {
    fn window(self, random: &mut Random) -> Counts {
        let (worse, better) =
            ((self.noise + self.excess) * (1.0 - self.noise), self.noise * (1.0 - self.noise - self.excess));
        let seen = random.units(self.units, worse, better);
        if !random.is(self.incidents) {
            return seen;
        }
        let hit = random.binomial(seen.alike(), self.hits);
        let candidate = !self.either || random.coin();
        let of_candidate = if candidate { hit } else { 0 };
        Counts::new(seen.n, seen.worse + of_candidate, seen.better + hit - of_candidate)
    }
}

pub(crate) fn cases() -> Vec<Case> {
    let innocent = Truth { units: 120, noise: 0.001, excess: 0.0, incidents: 0.04, hits: 0.54, either: true };
    let mut cases = vec![
        verdicts("incident=.04,hits=.54", innocent, [[0.433, 0.567], [0.004, 0.284], [0.004, 0.234]]),
        verdicts(
            "incident=.005,hits=.54",
            Truth { incidents: 0.005, ..innocent },
            [[0.143, 0.856], [0.0, 0.734], [0.0, 0.267]],
        ),
        verdicts(
            "incident=.04,hits=.02",
            Truth { hits: 0.02, ..innocent },
            [[0.023, 0.912], [0.004, 0.701], [0.003, 0.280]],
        ),
        tolerated(0.025, [0.457, 0.040]),
        tolerated(0.014, [0.115, 0.0]),
    ];
    cases.extend(
        [
            (0.15, [1.14, 0.020, 0.009, 0.005]),
            (0.25, [1.38, 0.035, 0.011, 0.004]),
            (0.37, [1.90, 0.098, 0.022, 0.007]),
        ]
        .map(mild),
    );
    let independent =
        Truth { units: 1_000, noise: 0.001, excess: 0.0, incidents: 0.0, hits: 0.0, either: true };
    for (excess, times) in [(0.0, [9.0, 30.0]), (0.0005, [16.0, 30.0])] {
        cases.push(until(Truth { excess, ..independent }, State::Promote, times));
    }
    for (excess, times) in [(0.002, [15.0, 20.0]), (0.003, [7.0, 9.0]), (0.005, [4.0, 7.0])] {
        cases.push(until(Truth { excess, ..independent }, State::Reject, times));
    }
    for (excess, times) in [(0.01, [7.0, 11.0]), (0.46, [1.0, 7.0])] {
        cases.push(until(Truth { units: 120, noise: 0.0, excess, ..independent }, State::Reject, times));
    }
    cases
}

/// Verdicts about an innocent candidate after 180 windows, under each kind of guard.
fn verdicts(name: &str, truth: Truth, published: [[f64; 2]; 3]) -> Case {
    let judges = GUARDS.map(|(guard, _)| run_of(180, &[Check::Mismatch], &[], |run| guard.set(run)));
    let columns = GUARDS.iter().zip(published).flat_map(|((guard, name), [reject, promote])| {
        let columns = ["reject", "promote"].map(|what| share(&format!("{name}: {what}")));
        // The published run without guard had no floor of units either: an incident of the control promotes at once,
        // where the judge waits and may meet one of the candidate.
        if *guard == Guarding::Off {
            return columns;
        }
        let [of_reject, of_promote] = columns;
        [of_reject.published(reject).at_most(0.05), of_promote.published(promote)]
    });
    let [reject, promote] = published[0];
    let bare = [
        share("no guard, no floor of units: reject").published(reject),
        share("no guard, no floor of units: promote").published(promote),
    ];
    Case {
        name: format!("G/{name}"),
        truth: format!(
            "equal builds, 120 units; in {} of windows an incident hits {} of the units of one arm; 180 windows",
            truth.incidents, truth.hits
        ),
        replications: 2_000,
        published_replications: 2_000,
        columns: bare.into_iter().chain(columns).collect(),
        trial: Box::new(move |random| {
            let drawn: Vec<Counts> = (0..180).map(|_| truth.window(random)).collect();
            let ends = judges.iter().map(|judge| play_mismatch(judge, |at| drawn[at as usize - 1]).state);
            std::iter::once(bare_verdict(&drawn))
                .chain(ends)
                .flat_map(|state| [State::Reject, State::Promote].map(|is| one_if(state == is)))
                .collect()
        }),
    }
}

/// The verdict on evidence of units alone, with the defaults of the mismatch check: no guard and no floor of any kind.
fn bare_verdict(drawn: &[Counts]) -> State {
    let (reject, promote) = (Bets::reject(0.0005), Bets::promote(0.002));
    let mut restarts = Restarts::default();
    for (window, counts) in (1..).zip(drawn) {
        restarts.add(&reject, window, *counts);
        if restarts.ln_e() >= 20f64.ln() {
            return State::Reject;
        }
        if promote.ln_e(restarts.counts()) >= 100f64.ln() && restarts.ln_e() <= 2f64.ln() {
            return State::Promote;
        }
    }
    State::Inconclusive
}

/// The whole tolerance comes as incidents.
fn tolerated(incidents: f64, published: [f64; 2]) -> Case {
    let truth = Truth { units: 120, noise: 0.0, excess: 0.0, incidents, hits: 0.02, either: false };
    // A promote would end a run before it could be rejected: beta is too small for one.
    let judges = [Guarding::Off, Guarding::On].map(|guard| {
        run_of(720, &[Check::Mismatch], &[], |run| {
            guard.set(run);
            run.policy.beta = 1e-300;
        })
    });
    Case {
        name: format!("G/tolerated-incidents={incidents}"),
        truth: format!(
            "worse in incidents alone, in {incidents} of windows, that hit 2% of the units; 720 windows"
        ),
        replications: 600,
        published_replications: 600,
        columns: vec![
            share("no guard: ever rejects").published(published[0]),
            share("guard: ever rejects").published(published[1]).at_most(0.05),
        ],
        trial: Box::new(move |random| {
            let drawn: Vec<Counts> = (0..720).map(|_| truth.window(random)).collect();
            let rejects = |judge| play_mismatch(judge, |at| drawn[at as usize - 1]).state == State::Reject;
            judges.iter().map(|judge| one_if(rejects(judge))).collect()
        }),
    }
}

/// Equal builds whose arms vary a little from window to window, each on its own: the failure rate of an arm in a window
/// is lognormal around 5% with standard deviation `spread` of the logarithm, which makes the published design effects.
fn mild((spread, [deff, off, on, always]): (f64, [f64; 4])) -> Case {
    let judges = GUARDS.map(|(guard, _)| {
        run_of(180, &[Check::Mismatch], &[], |run| {
            guard.set(run);
            run.policy.beta = 1e-300;
        })
    });
    Case {
        name: format!("G/mild,spread={spread}"),
        truth: format!(
            "equal builds, 120 units, failures of each arm and window lognormal around 5%, spread {spread}; 180 windows"
        ),
        replications: 2_000,
        published_replications: 1_500,
        columns: vec![
            mean("design effect").published(deff),
            share("no guard: ever rejects").published(off),
            share("guard: ever rejects").published(on).at_most(0.05),
            share("windows at all times: ever rejects").published(always).at_most(0.05),
        ],
        trial: Box::new(move |random| {
            let mut total = Counts::default();
            let mut squares = 0.0;
            let drawn: Vec<Counts> = (0..180)
                .map(|_| {
                    let [k, c] =
                        random.normals().map(|normal| 0.05 * (spread * (normal - spread / 2.0)).exp());
                    let seen = random.units(120, k * (1.0 - c), c * (1.0 - k));
                    squares += (seen.worse as f64 - seen.better as f64).powi(2);
                    total.add(seen);
                    seen
                })
                .collect();
            let rejects = |judge| play_mismatch(judge, |at| drawn[at as usize - 1]).state == State::Reject;
            let shared = squares / ((total.worse + total.better) as f64).max(1.0);
            std::iter::once(shared).chain(judges.iter().map(|judge| one_if(rejects(judge)))).collect()
        }),
    }
}

/// Windows until a verdict where units are independent.
fn until(truth: Truth, state: State, published: [f64; 2]) -> Case {
    let judges =
        [Guarding::Off, Guarding::On].map(|guard| run_of(100, &[Check::Mismatch], &[], |run| guard.set(run)));
    let wrong = if state == State::Promote { State::Reject } else { State::Promote };
    let columns: Vec<Column> = vec![
        median("no guard: windows").published(published[0]),
        median("guard: windows").published(published[1]),
        share(&format!("guard: {}", wrong.name())),
    ];
    Case {
        name: format!("G/independent,units={},excess={}", truth.units, truth.excess),
        truth: format!(
            "independent units, {} a window, noise {}, excess {}: windows until {}",
            truth.units,
            truth.noise,
            truth.excess,
            state.name()
        ),
        replications: 1_500,
        published_replications: 1_500,
        columns,
        trial: Box::new(move |random| {
            let drawn: Vec<Counts> = (0..100).map(|_| truth.window(random)).collect();
            let [off, on] = [0, 1].map(|at| play_mismatch(&judges[at], |at| drawn[at as usize - 1]));
            vec![off.windows_if(state), on.windows_if(state), one_if(on.state == wrong)]
        }),
    }
}

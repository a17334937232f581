//! Short simulations with fixed seeds: the errors that the specification bounds, the faults that it
//! promises to find. The long ones, which reproduce its tables, are in `benches`.

use super::*;
use bounds::confidence;
use mixture::{Bets, Counts};
use restarts::Restarts;

/// Units whose candidate fails with `own + shared`, whose control fails with `noise + shared`, and the
/// shared failures cancel: worse, better or neither.
#[derive(Clone, Copy)]
struct Units {
    excess: f64,
    noise: f64,
}

impl Units {
    fn draw(self, random: &mut fastrand::Rng, n: u64) -> Counts {
        let mut counts = Counts { n, ..Counts::default() };
        for _ in 0..n {
            let (candidate, control) = (random.f64() < self.noise + self.excess, random.f64() < self.noise);
            counts.worse += u64::from(candidate && !control);
            counts.better += u64::from(control && !candidate);
        }
        counts
    }
}

/// Whether `E_R` ever reaches 20 in `looks` looks of 100 pairs each.
fn ever_rejects(units: Units, tau: f64, looks: u64, seed: u64) -> bool {
    let (bets, mut random, mut sum) = (Bets::reject(tau), fastrand::Rng::with_seed(seed), Counts::default());
    (0..looks).any(|_| {
        sum.add(units.draw(&mut random, 100));
        bets.ln_e(sum) >= 20f64.ln()
    })
}

#[test]
fn on_the_boundary_few_of_many_looks_reject() {
    // Table A1, row 1 has .0225 of 2,000 at 1,000 looks; at 200 looks it is less.
    let rejects = (0..150).filter(|seed| ever_rejects(Units { excess: 0.0, noise: 0.0005 }, 0.0, 200, *seed));
    let share = rejects.count() as f64 / 150.0;
    assert!(share <= 0.05, "{share}");
}

#[test]
fn a_planted_excess_is_found_at_the_stated_size() {
    // Table A2: noise .001, excess .0105, median 900 pairs, always within 10,000.
    let found = (0..40).all(|seed| ever_rejects(Units { excess: 0.0105, noise: 0.001 }, 0.0005, 100, seed));
    assert!(found);
}

#[test]
fn a_regression_in_mid_run_is_found_sooner_with_restarts() {
    // Table E: from pair 50,000 on .0055 worse; 14,000 pairs more without restarts, 7,000 with them.
    let bets = Bets::reject(0.0005);
    let delays: Vec<[u64; 2]> = (0..15)
        .map(|seed| {
            let (mut random, mut restarts) = (fastrand::Rng::with_seed(seed), Restarts::default());
            let mut found = [None, None];
            for window in 1..=100 {
                let excess = if window > 50 { 0.0055 } else { 0.0 };
                restarts.add(&bets, window, Units { excess, noise: 0.001 }.draw(&mut random, 1_000));
                for (found, ln_e) in found.iter_mut().zip([restarts.ln_e(), bets.ln_e(restarts.counts())]) {
                    if ln_e >= 20f64.ln() {
                        found.get_or_insert(window - 50);
                    }
                }
            }
            found.map(|found| found.unwrap_or(50))
        })
        .collect();
    let median = |which: usize| {
        let mut delays: Vec<u64> = delays.iter().map(|delay| delay[which]).collect();
        delays.sort_unstable();
        delays[delays.len() / 2]
    };
    let [with, without] = [median(0), median(1)];
    assert!((4..=10).contains(&with) && (10..=18).contains(&without), "{with} {without}");
}

#[test]
fn the_interval_holds_the_truth() {
    let units = Units { excess: 0.002, noise: 0.002 };
    let misses = (0..60).filter(|seed| {
        let (mut random, mut sum) = (fastrand::Rng::with_seed(*seed), Counts::default());
        (0..40).any(|_| {
            sum.add(units.draw(&mut random, 500));
            let [lower, upper] = confidence(sum, 40f64.ln());
            // Where both fail the excess of discordant units is a little less than that of failures.
            lower > 0.002 || upper < 0.002 * 0.99
        })
    });
    assert!(misses.count() <= 3);
}

/// A run of the mismatch check alone: no floors, alpha .05, beta .01.
fn mismatch_alone() -> Run {
    let mut run = run(&[]);
    run.checks = vec![Check::Mismatch];
    run.policy.minimum_time = parallax_config::Span::secs(0);
    run.policy.minimum_keys = 0;
    run
}

fn verdict_of(
    judge: &Judge,
    units: impl Fn(&mut fastrand::Rng, u64) -> Counts,
    windows: u64,
    seed: u64,
) -> State {
    let (mut judge, mut random) = (judge.clone(), fastrand::Rng::with_seed(seed));
    for index in 1..=windows {
        let counts = units(&mut random, index);
        let row = count(index, &Slice::all(), "mismatch", counts.n, counts.worse, counts.better);
        judge.step(&SealedWindow { window: index, rows: vec![row], ..SealedWindow::default() }).unwrap();
        if judge.is_final() {
            break;
        }
    }
    judge.state()
}

#[test]
fn an_equal_build_is_promoted_and_a_worse_one_never() {
    let judge = Judge::new(&mismatch_alone()).unwrap();
    let verdicts = |excess: f64, range: std::ops::Range<u64>| -> Vec<State> {
        let units = Units { excess, noise: 0.001 };
        range.map(|seed| verdict_of(&judge, |random, _| units.draw(random, 1_000), 100, seed)).collect()
    };
    assert!(verdicts(0.0, 0..12).iter().all(|state| *state == State::Promote));
    assert!(verdicts(0.003, 0..12).iter().all(|state| *state == State::Reject));
    // On the margin itself: a false promote in .004 of runs (table F).
    assert!(verdicts(0.002, 0..12).iter().all(|state| *state != State::Promote));
}

#[test]
fn incidents_in_one_arm_do_not_reject_an_innocent_build() {
    // Table G, row 1: 120 units, 4% of windows have an incident that hits 54% of the units of one arm,
    // chosen by coin. Without the guard .433 of such runs reject, with it .004.
    let judge = Judge::new(&mismatch_alone()).unwrap();
    let incidents = |random: &mut fastrand::Rng, _| {
        if random.f64() >= 0.04 {
            return Counts::new(120, 0, 0);
        }
        let hit = (0..120).filter(|_| random.f64() < 0.54).count() as u64;
        if random.bool() { Counts::new(120, hit, 0) } else { Counts::new(120, 0, hit) }
    };
    let rejected = (0..40).filter(|seed| verdict_of(&judge, incidents, 180, *seed) == State::Reject).count();
    assert!(rejected <= 1, "{rejected} of 40");
}

#[test]
fn on_the_boundary_of_a_relative_tolerance_few_runs_decide_wrongly() {
    // The candidate fails half as often again as the control, dependent on it: exactly what is granted.
    use mixture::Grant;
    let (reject, promote) =
        (Bets::reject_granting(0.0005, Grant(500)), Bets::promote_granting(0.002, Grant(500)));
    let ever = |bets: &Bets, excess: f64, seed: u64| {
        let (mut random, mut sum) = (fastrand::Rng::with_seed(seed), Counts::default());
        (0..40).any(|_| {
            let mut counts = Counts::new(500, 0, 0);
            for _ in 0..500 {
                // Shared failures in 2%, the control's own in 2%, the candidate's own in 4% and the excess.
                let draw = random.f64();
                counts.both += u64::from(draw < 0.02);
                counts.better += u64::from((0.02..0.04).contains(&draw));
                counts.worse += u64::from((0.04..0.08 + excess).contains(&draw));
            }
            sum.add(counts);
            bets.ln_e(sum) >= 20f64.ln()
        })
    };
    let share = |bets: &Bets, excess: f64| (0..80).filter(|seed| ever(bets, excess, *seed)).count();
    assert!(share(&reject, 0.0005) <= 8, "false rejects at tau");
    assert!(share(&promote, 0.002) <= 8, "false promotes at Delta");
    assert!(share(&reject, 0.03) >= 78, "a real excess is found");
}

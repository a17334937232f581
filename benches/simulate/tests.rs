//! A short version of the bench, with fixed seeds: no guarantee may be seen to fail, and no figure may be far from
//! the published one.

use super::*;
use parallax_comparator::check::Check;
use parallax_comparator::judge::mixture::Counts;
use parallax_comparator::judge::plan::{Plan, Question};
use parallax_comparator::slice::Slice;
use parallax_comparator::verdict::State;
use parallax_config::{Policy, Span};

/// Runs the rows that begin with one of `names`, `replications` times each.
fn simulate(names: &[&str], replications: u32) {
    let all = cases();
    for name in names {
        let chosen: Vec<&Case> = all.iter().filter(|case| case.name.starts_with(name)).collect();
        assert!(!chosen.is_empty(), "no row begins with {name}");
        for case in chosen {
            let found = run::run(case, replications, 1, 0);
            for (column, figure) in case.columns.iter().zip(&found.figures) {
                let row = report::rows(case, &found);
                assert!(figure.holds != Some(false), "{}: {} fails\n{row}", case.name, column.name);
                assert!(figure.agrees != Some(false), "{}: {} differs\n{row}", case.name, column.name);
            }
        }
    }
}

#[test]
fn names_are_unique() {
    let mut names: Vec<String> = cases().into_iter().map(|case| case.name).collect();
    let all = names.len();
    names.sort();
    names.dedup();
    assert_eq!(names.len(), all);
}

#[test]
fn threads_change_nothing() {
    let case = cases().into_iter().find(|case| case.name.starts_with("D/null")).expect("a row");
    let values =
        |threads| run::run(&case, 12, threads, 0).figures.iter().map(|figure| figure.value).collect();
    let (one, three): (Vec<f64>, Vec<f64>) = (values(1), values(3));
    assert_eq!(one, three);
}

#[test]
fn independent_pairs_and_bursts_are_as_published() {
    simulate(
        &[
            "A1/noise=0.001,tau=0.0005",
            "E2/",
            "A3/noise=0.001,delta=0.002",
            "E/",
            "D/null,noise=0.05,burst=0.05",
        ],
        20,
    );
}

#[test]
fn the_judge_decides_as_published() {
    simulate(&["F/noise=0.001,excess=0.002", "G/incident=.04,hits=.54", "G/independent,units=120"], 12);
}

#[test]
fn what_the_specification_did_not_simulate_holds() {
    simulate(&["N/cross-shard", "N/weights", "N/request-ids", "N/replicas=even", "N/lost"], 10);
}

#[test]
fn latency_by_units_holds() {
    simulate(&["H/few-units", "N/latency,equal"], 2);
}

/// Windows until a run of all checks ends, where the mismatch check is hit as the plan's question says and the others
/// are not; latency is that of equal builds. Infinite for another end than `state`.
fn windows_until(question: &Question, state: State, seed: u64) -> f64 {
    let mut random = draw::Random::new(seed);
    let judge = judged::run_of(1, &[], &[], |run| run.policy = question.policy.clone());
    let checks: Vec<Check> = judge.checks().cloned().collect();
    let units = (question.units_per_second * question.policy.window.0.as_secs_f64()) as u64;
    let (noise, excess) = (question.noise, question.excesses[0]);
    let end = judged::play(&judge, |window| {
        let row = |check: &Check| match check {
            Check::Latency(_) | Check::LatencySevere(_) => {
                let promote = Counts::new(units, 0, units / 20);
                judged::latency_row(window, check, Counts::new(units, 0, 0), promote)
            }
            Check::Mismatch => {
                let drawn = random.units(units, noise + excess, noise);
                judged::row(window, &Slice::all(), check, drawn)
            }
            _ => judged::row(window, &Slice::all(), check, Counts::new(units, 0, 0)),
        };
        judged::of_rows(window, checks.iter().map(row).collect())
    });
    end.windows_if(state)
}

/// The error that `judge::plan` states.
#[test]
fn a_plan_says_how_long_half_of_the_runs_take() {
    let policy = Policy {
        minimum_time: Span::secs(0),
        minimum_keys: 0,
        futility_looks: u64::MAX,
        ..Policy::default()
    };
    let within = |planned: f64, median: f64| (0.7..=1.4).contains(&(median / planned));
    for (units_per_second, noise, excess) in [
        (100.0, 0.0, 0.004),
        (100.0, 0.001, 0.002),
        (100.0, 0.01, 0.005),
        (20.0, 0.002, 0.003),
        (20.0, 0.003, 0.0),
        (20.0, 0.001, 0.0),
    ] {
        let question = Question {
            policy: policy.clone(),
            units_per_second,
            check: Check::Mismatch,
            noise,
            excesses: vec![excess],
            slices: Vec::new(),
            keys: None,
        };
        let planned = &Plan::new(&question).expect("a plan").answers[0];
        let mut found: Vec<f64> =
            (0..41).map(|seed| windows_until(&question, planned.verdict, seed)).collect();
        found.sort_by(f64::total_cmp);
        let (planned, median) = (planned.windows as f64, found[20]);
        assert!(within(planned, median), "noise {noise}, excess {excess}: {planned} planned, {median} found");
        assert!(!within(2.0 * planned, median), "a plan of twice the time would be seen");
    }
}

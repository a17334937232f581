//! A short version of the bench, with fixed seeds: no guarantee may be seen to fail, and no figure may be far from
//! the published one.

use super::*;

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

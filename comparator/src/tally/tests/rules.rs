//! Single rules, one example each.

use crate::compare::{Observation, Side};
use crate::rows::{Fault, SealedWindow, Signs};
use crate::run::{ControlMode, Run};
use crate::slice::Slice;
use crate::tally::{Fate, PlanError, SealError, Tally, Unsealed};
use crate::testing::{SECOND, START_NS, exchange, run};
use parallax_config::{Span, UnitKind};
use parallax_exchange::{Exchange, Outcome};

const FIRST: u64 = START_NS / SECOND;

fn same() -> Observation {
    let side = Some(Side { latency_ns: Some(5_000_000), ..Side::default() });
    Observation { candidate: side.clone(), control: side, ..Observation::default() }
}

fn count(tally: &mut Tally, exchange: &Exchange) -> Fate {
    tally.count(exchange, &same()).unwrap()
}

/// One exchange in each of the first `windows` windows, sealed as a live run would.
fn steady(run: &Run, windows: u64) -> Vec<SealedWindow> {
    let mut tally = Tally::new(run).unwrap();
    let mut sealed = Vec::new();
    for window in 0..windows {
        if let Some(through) = tally.read_by(FIRST + window) {
            while let Some(next) = tally.next_to_seal(through) {
                sealed.push(tally.seal(next, None).unwrap());
            }
        }
        count(&mut tally, &exchange(window, START_NS + window * SECOND + 500_000_000));
    }
    while let Some(next) = tally.next_to_seal(FIRST + windows - 1) {
        sealed.push(tally.seal(next, None).unwrap());
    }
    sealed
}

fn windows_with_latency(run: &Run) -> Vec<u64> {
    let has = |window: &&SealedWindow| window.rows.iter().any(|row| row.threshold_ns.is_some());
    steady(run, 12).iter().filter(has).map(|window| window.window).collect()
}

#[test]
fn latency_is_judged_from_window_lag_plus_3_on_and_after_the_warm_up() {
    let mut run = run();
    assert_eq!(windows_with_latency(&run), [5, 6, 7, 8, 9, 10, 11, 12]);
    // The first exchange comes half a second into its window: the eighth begins 6.5 s after it.
    run.policy.warm_up = Span::secs(7);
    assert_eq!(windows_with_latency(&run), [9, 10, 11, 12]);
}

#[test]
fn thresholds_are_stored_with_the_rows_that_they_made() {
    let window = &steady(&run(), 8)[7];
    let thresholds: Vec<u64> = window.rows.iter().filter_map(|row| row.threshold_ns).collect();
    assert_eq!(thresholds.len(), 16, "two slices, four quantiles, each with its severe twin");
    assert!(thresholds.iter().all(|x| *x > 5_000_000 && *x < 5_010_000), "{thresholds:?}");
}

#[test]
fn an_exchange_is_refused_until_its_past_is_sealed() {
    let mut tally = Tally::new(&run()).unwrap();
    count(&mut tally, &exchange(1, START_NS));
    let early = exchange(2, START_NS + 6 * SECOND);
    assert_eq!(tally.count(&early, &same()), Err(Unsealed(FIRST + 3)));
    assert_eq!(tally.next_to_seal(FIRST + 3), Some(FIRST));
    assert_eq!(tally.seal(FIRST + 3, None).unwrap_err(), SealError::Earlier(FIRST));
    assert_eq!(tally.seal(FIRST, None).unwrap().window, 1);
    assert_eq!(tally.next_to_seal(FIRST + 3), Some(FIRST + 3), "empty windows are passed over");
    assert_eq!(tally.seal(FIRST + 3, None).unwrap().window, 4);
    assert_eq!(tally.seal(FIRST + 2, None).unwrap_err(), SealError::Again(FIRST + 2));
    assert_eq!(count(&mut tally, &early), Fate::Compared);
    assert_eq!(count(&mut tally, &exchange(3, START_NS + SECOND)), Fate::Late);
}

#[test]
fn the_run_begins_with_its_earliest_exchange_not_with_the_first_to_arrive() {
    let mut tally = Tally::new(&run()).unwrap();
    assert_eq!(tally.seal(FIRST, None).unwrap_err(), SealError::BeforeStart(FIRST));
    count(&mut tally, &exchange(1, START_NS + SECOND));
    count(&mut tally, &exchange(2, START_NS));
    assert_eq!(tally.seal(FIRST - 1, None).unwrap_err(), SealError::BeforeStart(FIRST - 1));
    assert_eq!(tally.seal(FIRST, None).unwrap().window, 1);
    assert_eq!(tally.seal(FIRST + 1, None).unwrap().window, 2);
    assert_eq!(count(&mut tally, &exchange(3, START_NS - SECOND)), Fate::Late);
}

#[test]
fn a_key_counts_once_a_block_and_again_in_the_next() {
    let mut run = run();
    run.policy.key_block = Span::secs(3);
    let mut units = |unit| {
        run.policy.unit = unit;
        let mut tally = Tally::new(&run).unwrap();
        let window = |tally: &mut Tally, window: u64| {
            let mut again = exchange(1, START_NS + window * SECOND);
            again.id.sequence = window;
            count(tally, &again);
            let sealed = tally.seal(FIRST + window, None).unwrap();
            (sealed.rows.first().map_or(0, |row| row.units), sealed.slices[&Slice::all()].repeated)
        };
        (0..5).map(|index| window(&mut tally, index)).collect::<Vec<_>>()
    };
    assert_eq!(START_NS % (3 * SECOND), 0, "blocks are aligned to the epoch");
    assert_eq!(units(UnitKind::Session), [(1, 0), (0, 1), (0, 1), (1, 0), (0, 1)]);
    assert_eq!(units(UnitKind::KeyOnce), [(1, 0), (0, 1), (0, 1), (0, 1), (0, 1)]);
    assert_eq!(units(UnitKind::Request), [(1, 0); 5]);
}

#[test]
fn a_full_key_set_is_a_fault_and_counts_nothing() {
    let mut run = run();
    run.policy.keys_max = 2;
    let mut tally = Tally::new(&run).unwrap();
    for sequence in 0..3 {
        count(&mut tally, &exchange(sequence, START_NS));
    }
    let sealed = tally.seal(FIRST, None).unwrap();
    assert!(sealed.exposure.unwrap().key_set_full);
    assert!(sealed.faults.contains(&Fault::KeySetFull));
    assert!(sealed.rows.is_empty());
    assert_eq!(sealed.slices[&Slice::all()].requests, 3);
}

#[test]
fn a_unit_has_one_sign_and_a_severe_one_only_past_the_dead_zone() {
    let mut run = run();
    run.policy.severe_requests = 3;
    let mut tally = Tally::new(&run).unwrap();
    let bad = Side { mismatch: true, ..Side::default() };
    for (key, requests) in [(1, 2), (2, 3), (3, 50)] {
        for sequence in 0..requests {
            let mut exchange = exchange(key * 100 + sequence, START_NS);
            exchange.cluster_key = key;
            let seen = Observation { candidate: Some(bad.clone()), ..same() };
            tally.count(&exchange, &seen).unwrap();
        }
    }
    let sealed = tally.seal(FIRST, None).unwrap();
    let signs = |check: &str| {
        let check = check.parse().unwrap();
        sealed.rows.iter().find(|row| row.slice.is_all() && row.check == check).unwrap().signs.unwrap()
    };
    assert_eq!(signs("mismatch"), Signs { worse: 3, better: 0 });
    assert_eq!(signs("mismatch.severe"), Signs { worse: 2, better: 0 });
}

#[test]
fn a_run_without_a_control_counts_every_bad_unit_and_no_latency() {
    let mut run = run();
    run.control = ControlMode::None;
    let mut tally = Tally::new(&run).unwrap();
    let mut exchange = exchange(1, START_NS);
    exchange.outcomes.control = None;
    let side = Side { mismatch: true, latency_ns: Some(1), ..Side::default() };
    let seen = Observation { candidate: Some(side), ..Observation::default() };
    assert_eq!(tally.count(&exchange, &seen), Ok(Fate::Compared));
    let sealed = tally.seal(FIRST, None).unwrap();
    assert_eq!(sealed.rows[0].signs, Some(Signs { worse: 1, better: 0 }));
    assert!(sealed.rows.iter().all(|row| row.threshold_ns.is_none()));
}

#[test]
fn discordant_requests_are_counted_by_replica() {
    let mut run = run();
    run.policy.replica_header = Some("x-pod".into());
    let mut tally = Tally::new(&run).unwrap();
    let bad = Side { mismatch: true, latency_ns: Some(5_000_000), ..Side::default() };
    for (sequence, pod) in [(1, "p1"), (2, "p1"), (3, "p2")] {
        let mut exchange = exchange(sequence, START_NS);
        if let Some(Outcome::Response(response)) = &mut exchange.outcomes.candidate {
            response.headers.insert("x-pod", pod.parse().unwrap());
        }
        let candidate = if pod == "p1" { Some(bad.clone()) } else { same().candidate };
        tally.count(&exchange, &Observation { candidate, ..same() }).unwrap();
    }
    let sealed = tally.seal(FIRST, None).unwrap();
    let mismatch = &sealed.rows[0];
    assert_eq!(mismatch.replicas["p1"], Signs { worse: 2, better: 0 });
    assert_eq!(mismatch.replicas["p2"], Signs::default(), "a quiet replica is known all the same");
}

#[test]
fn what_has_no_copy_is_a_recording() {
    let mut tally = Tally::new(&run()).unwrap();
    let mut exchange = exchange(1, START_NS);
    exchange.outcomes.candidate = None;
    assert_eq!(count(&mut tally, &exchange), Fate::NotMirrored);
    assert_eq!(tally.next_to_seal(u64::MAX), None, "it does not begin the run");
}

#[test]
fn settings_that_cannot_be_tallied_are_refused() {
    let error = |change: fn(&mut Run)| {
        let mut run = run();
        change(&mut run);
        Tally::new(&run).unwrap_err()
    };
    assert_eq!(error(|run| run.policy.window = Span::secs(0)), PlanError::Window);
    assert_eq!(error(|run| run.policy.key_block = Span::millis(1500)), PlanError::KeyBlock);
    let spaced = |run: &mut Run| run.policy.replica_header = Some("x pod".into());
    assert_eq!(error(spaced), PlanError::ReplicaHeader("x pod".into()));
    let many = |run: &mut Run| {
        for index in 0..60 {
            run.policy.checks.insert(format!("field./{index}"), Default::default());
        }
    };
    assert_eq!(error(many), PlanError::Fields(60));
}

//! Every verdict and the order in which they come.

use super::*;
use crate::rows::Fault;
use crate::verdict::CheckState;
use parallax_config::{Span, UnitKind};

/// A judge of `run` after `windows` windows of what `rows` gives.
fn judged(run: &Run, windows: u64, rows: impl Fn(u64) -> Vec<Row>) -> Judge {
    let mut judge = Judge::new(run).unwrap();
    for index in 1..=windows {
        judge.step(&window(index, rows(index))).unwrap();
    }
    judge
}

fn clean(units: u64) -> impl Fn(u64) -> Vec<Row> {
    move |index| everything(index, &Slice::all(), units, 0)
}

fn worse(units: u64, worse: u64) -> impl Fn(u64) -> Vec<Row> {
    move |index| everything(index, &Slice::all(), units, worse)
}

fn with(change: impl FnOnce(&mut Run)) -> Run {
    let mut run = run(&[]);
    change(&mut run);
    run
}

#[test]
fn a_spotless_candidate_is_promoted_after_the_minimum_time() {
    // 200 units a window: the severe checks need 11,707 units (59 windows), the time 91 windows.
    let judge = judged(&run(&[]), 90, clean(200));
    assert_eq!(judge.state(), State::Wait);
    assert_eq!(judge.verdict().reason, "14m50s of 15m of admission time");
    let verdict = judged(&run(&[]), 91, clean(200)).verdict();
    assert_eq!((verdict.verdict, verdict.is_final, verdict.promote), (State::Promote, true, Some(true)));
    assert_eq!(verdict.code, 0);
}

#[test]
fn nothing_seen_waits() {
    let mut judge = Judge::new(&run(&[])).unwrap();
    assert_eq!(judge.verdict().reason, "no units yet");
    let verdict = judge.seal(&window(3, Vec::new())).unwrap();
    assert_eq!((verdict.verdict, verdict.sealed_windows, verdict.code), (State::Wait, 3, 20));
    assert_eq!((verdict.promote, verdict.reject, verdict.is_final), (None, false, false));
}

#[test]
fn a_worse_candidate_is_rejected_and_the_culprit_named() {
    let verdict = judged(&run(&[]), 40, worse(200, 3)).verdict();
    assert_eq!((verdict.verdict, verdict.is_final, verdict.code), (State::Reject, true, 10));
    assert_eq!((verdict.promote, verdict.reject), (Some(false), true));
    assert!(verdict.reason.contains("slice=all, check=mismatch"), "{}", verdict.reason);
    let culprits: Vec<_> = verdict.culprits.iter().map(|culprit| culprit.check.to_string()).collect();
    assert_eq!(culprits, ["mismatch"]);
    assert_eq!(verdict.suspects, verdict.culprits);
    assert_eq!(verdict.checks[0].state, CheckState::Reject);
    assert!((7..=15).contains(&verdict.sealed_windows), "{}", verdict.sealed_windows);
}

#[test]
fn what_comes_after_the_final_watermark_changes_nothing_but_its_own_field() {
    let mut judge = judged(&run(&[]), 91, clean(200));
    let settled = judge.verdict();
    assert_eq!(settled.after_final, None);
    for index in 92..200 {
        judge.step(&window(index, everything(index, &Slice::all(), 200, 100))).unwrap();
    }
    let mut later = judge.verdict();
    let after = later.after_final.take().unwrap();
    assert_eq!(later, settled);
    assert_eq!((after.verdict, after.sealed_windows), (State::Reject, 199));
    assert_eq!(after.culprits[0].check, Check::Mismatch);
    assert_eq!(judge.state(), State::Promote);
}

#[test]
fn shed_evidence_blocks_every_decision_until_it_is_made_up_for() {
    let mut judge = Judge::new(&run(&[])).unwrap();
    for index in 1..=20 {
        let mut window = window(index, everything(index, &Slice::all(), 200, 40));
        let exposure = window.exposure.as_mut().unwrap();
        exposure.compared -= 10 * u64::from(index < 6);
        exposure.shed += 10 * u64::from(index < 6);
        judge.step(&window).unwrap();
        // From 1,000 mirrored exchanges on; 50 of them are shed, 2% of 2,500.
        let expected = match index {
            1..5 => State::Wait,
            5..13 => State::Invalid,
            _ => State::Reject,
        };
        assert_eq!(judge.state(), expected, "window {index}: {}", judge.verdict().reason);
        assert_eq!(judge.is_final(), expected == State::Reject);
    }
    assert!(judge.verdict().sealed_windows == 13);
}

#[test]
fn a_rig_that_is_broken_at_the_deadline_stays_invalid() {
    let run = with(|run| run.policy.deadline = Span::secs(900));
    let mut judge = Judge::new(&run).unwrap();
    for index in 1..=90 {
        let mut window = window(index, Vec::new());
        window.exposure.as_mut().unwrap().compared = 150;
        judge.step(&window).unwrap();
    }
    let verdict = judge.verdict();
    assert_eq!((verdict.verdict, verdict.is_final, verdict.promote), (State::Invalid, true, Some(false)));
    assert!(verdict.reason.starts_with("coverage: "), "{}", verdict.reason);
}

#[test]
fn every_sign_of_a_broken_rig_is_named() {
    let cause = |change: fn(&mut crate::rows::Exposure)| {
        let mut judge = Judge::new(&run(&[])).unwrap();
        for index in 1..=10 {
            let mut window = window(index, Vec::new());
            change(window.exposure.as_mut().unwrap());
            judge.step(&window).unwrap();
        }
        let verdict = judge.verdict();
        assert_eq!((verdict.verdict, verdict.is_final), (State::Invalid, false));
        verdict.reason.split(':').next().unwrap().to_owned()
    };
    assert_eq!(cause(|exposure| exposure.compared = 195), "coverage");
    assert_eq!(cause(|exposure| exposure.late = 1), "late");
    assert_eq!(cause(|exposure| exposure.compared = 199), "lost");
    assert_eq!(cause(|exposure| exposure.control_only_missing = 5), "control");
    assert_eq!(cause(|exposure| exposure.candidate_first = 60), "order");
    assert_eq!(cause(|exposure| exposure.candidate_offered = 199), "copies");
    assert_eq!(cause(|exposure| exposure.compared = 300), "conservation");
}

#[test]
fn the_limits_of_the_rig_are_where_the_specification_puts_them() {
    // 2,000 mirrored exchanges in ten windows; what `change` takes away, it takes from the last one.
    let cause = |change: &dyn Fn(&mut crate::rows::Exposure)| {
        let mut judge = Judge::new(&run(&[])).unwrap();
        for index in 1..=10 {
            let mut window = window(index, Vec::new());
            if index == 10 {
                change(window.exposure.as_mut().unwrap());
            }
            judge.step(&window).unwrap();
        }
        let verdict = judge.verdict();
        (verdict.verdict == State::Invalid).then(|| verdict.reason.split(':').next().unwrap().to_owned())
    };
    let shed = |count| {
        move |exposure: &mut crate::rows::Exposure| {
            exposure.compared -= count;
            exposure.shed += count;
        }
    };
    let late = |count| {
        move |exposure: &mut crate::rows::Exposure| {
            exposure.compared -= count;
            exposure.late += count;
        }
    };
    let control = |count| move |exposure: &mut crate::rows::Exposure| exposure.control_only_missing = count;
    let first = |count| move |exposure: &mut crate::rows::Exposure| exposure.candidate_first += count;
    assert_eq!((cause(&shed(40)), cause(&shed(41))), (None, Some("coverage".to_owned())), "98%");
    assert_eq!((cause(&late(2)), cause(&late(3))), (None, Some("late".to_owned())), "0.1%");
    assert_eq!((cause(&control(40)), cause(&control(41))), (None, Some("control".to_owned())), "2%");
    // 2.5 sqrt(2,000) is 111.8.
    assert_eq!((cause(&first(111)), cause(&first(112))), (None, Some("order".to_owned())), "5 sigma");
}

#[test]
fn faults_and_a_self_test_that_rejects_end_the_run() {
    let mut judge = Judge::new(&run(&[])).unwrap();
    let faults = std::collections::BTreeSet::from([Fault::CandidateChanged]);
    let verdict = judge.seal(&SealedWindow { faults, ..window(1, Vec::new()) }).unwrap();
    assert_eq!((verdict.verdict, verdict.is_final, verdict.code), (State::Invalid, true, 30));
    assert!(verdict.reason.starts_with("candidate: "));

    let verdict = judged(&with(|run| run.policy.self_test = true), 40, worse(200, 3)).verdict();
    assert_eq!((verdict.verdict, verdict.is_final), (State::Invalid, true));
    assert!(verdict.reason.starts_with("a/a: "), "{}", verdict.reason);
}

#[test]
fn one_bad_replica_condemns_the_node_and_not_the_build() {
    let replicas = ["a", "b", "c"].map(String::from);
    let rows = |index| {
        let mut rows = everything(index, &Slice::all(), 200, 3);
        rows[0].replicas = replicas
            .iter()
            .cloned()
            .map(|name| {
                let worse = if name == "b" { 5 } else { 1 };
                (name, Signs { worse, better: 1 })
            })
            .collect();
        rows
    };
    let verdict = judged(&run(&[]), 40, rows).verdict();
    assert_eq!((verdict.verdict, verdict.is_final), (State::Invalid, false));
    assert_eq!(verdict.reason, "replica: b explains the excess");
    assert_eq!(verdict.replica_check, "replica b explains the excess");
    let even = judged(&run(&[]), 40, worse(200, 3)).verdict();
    assert_eq!((even.verdict, even.replica_check.as_str()), (State::Reject, "not possible"));
}

#[test]
fn the_deadline_ends_an_undecided_run() {
    let run = with(|run| {
        run.policy.deadline = Span::secs(905);
        run.policy.futility_looks = u64::MAX;
    });
    let judge = judged(&run, 90, clean(50));
    assert_eq!((judge.state(), judge.deadline()), (State::Wait, 91));
    let verdict = judged(&run, 91, clean(50)).verdict();
    assert_eq!((verdict.verdict, verdict.is_final, verdict.code), (State::Inconclusive, true, 20));
    assert_eq!((verdict.promote, verdict.reject), (None, false));
    assert!(verdict.reason.starts_with("deadline reached: "), "{}", verdict.reason);
}

#[test]
fn a_hopeless_run_ends_early_and_says_what_it_needed() {
    let verdict = judged(&run(&[]), 60, clean(2)).verdict();
    assert_eq!((verdict.verdict, verdict.sealed_windows), (State::Inconclusive, 20));
    assert!(verdict.forecast.futile);
    let (need, left) = (verdict.forecast.need_units, verdict.forecast.budget_units);
    assert!(need.is_none_or(|need| need > 4 * left.unwrap()), "{need:?} {left:?}");
}

#[test]
fn only_watermarks_in_a_row_make_a_run_futile() {
    let run = with(|run| run.checks = vec![Check::Mismatch]);
    let mut judge = Judge::new(&run).unwrap();
    let mut step = |index, units| {
        judge.step(&window(index, vec![count(index, &Slice::all(), "mismatch", units, 0, 0)])).unwrap();
        (judge.futile_looks, judge.state())
    };
    // Half a unit a window would never do; 2,000 at once are more than hoped for; then nothing again.
    let looks: Vec<u64> = (1..=15).map(|index| step(index, 1).0).collect();
    assert_eq!(looks, (1..=15).collect::<Vec<_>>());
    assert_eq!(step(16, 2_000), (0, State::Wait), "they begin anew");
}

#[test]
fn latency_that_waits_for_its_first_threshold_is_not_futile() {
    // Windows of 100 ms against a seal delay of 35 s: no latency unit before window 353.
    let run = with(|run| {
        run.policy.window = Span::millis(100);
        run.policy.key_block = Span::secs(1);
        run.policy.deadline = Span::secs(90);
        run.policy.minimum_time = Span::secs(0);
    });
    let late = |units: u64| {
        move |index: u64| {
            let mut rows = everything(index, &Slice::all(), units, 0);
            rows.retain(|row| index >= 353 || row.signs.is_some());
            rows
        }
    };
    let verdict = judged(&run, 899, late(50)).verdict();
    // 11,707 units of the severe twins take 235 windows from there.
    assert_eq!((verdict.verdict, verdict.sealed_windows), (State::Promote, 353 + 234), "{}", verdict.reason);
    // With a quarter of the units they come too late, but not four times too late.
    let judge = judged(&run, 600, late(12));
    assert_eq!(judge.state(), State::Wait, "{}", judge.verdict().reason);
}

#[test]
fn a_few_spotless_units_are_not_taken_for_noise() {
    // Half a unit in 200 is 0.25% of both signs: by that rate nothing would ever be decided.
    let run = with(|run| run.policy.window = Span::secs(4));
    let judge = judged(&run, 60, clean(10));
    assert_eq!(judge.state(), State::Wait, "{}", judge.verdict().reason);
    assert!(judge.verdict().forecast.promote_reachable && !judge.verdict().forecast.futile);
}

#[test]
fn windows_left_out_are_empty_ones() {
    let (mut given, mut left_out) = (Judge::new(&run(&[])).unwrap(), Judge::new(&run(&[])).unwrap());
    for index in 1..=200 {
        let some = index % 7 < 3;
        let mut window = window(index, if some { clean(300)(index) } else { Vec::new() });
        if !some {
            window.exposure = None;
        }
        given.step(&window).unwrap();
        if some {
            left_out.step(&window).unwrap();
            assert_eq!(given.state(), left_out.state(), "window {index}");
        }
    }
    assert_eq!(given.state(), State::Promote);
    assert_eq!(given.verdict().sealed_windows, left_out.verdict().sealed_windows);
}

#[test]
fn a_promote_may_fall_into_a_gap_and_so_may_the_deadline() {
    let mut judge = judged(&run(&[]), 80, clean(300));
    judge.step(&window(100, Vec::new())).unwrap();
    let verdict = judge.verdict();
    assert_eq!((verdict.verdict, verdict.sealed_windows), (State::Promote, 91));
    assert_eq!(verdict.watermark.as_deref(), Some("2026-11-22T14:17:50Z"));

    let mut judge = judged(&run(&[]), 80, clean(100));
    judge.step(&window(1_000_000, Vec::new())).unwrap();
    assert_eq!(judge.verdict().verdict, State::Inconclusive);
}

#[test]
fn a_required_slice_that_falls_silent_cannot_be_promoted() {
    let route = Slice::of("route", "a");
    let mut run = run(std::slice::from_ref(&route));
    run.policy.slices = vec![parallax_config::SlicePolicy {
        slice: route.labels().clone(),
        required: Some(true),
        weight: None,
        rate: None,
    }];
    let rows = |index| {
        let mut rows = clean(300)(index);
        if index <= 70 {
            rows.extend(everything(index, &route, 250, 0));
        }
        rows
    };
    let verdict = judged(&run, 91, rows).verdict();
    assert_eq!(verdict.reason, "slice=route=a: no units in the newest fifth of the run");
}

#[test]
fn too_few_keys_or_a_loud_check_hold_a_promote_back() {
    let few = |index| SealedWindow {
        exposure: Some(crate::rows::Exposure {
            keys: vec![index % 150],
            ..window(index, Vec::new()).exposure.unwrap()
        }),
        ..window(index, clean(200)(index))
    };
    let mut judge = Judge::new(&run(&[])).unwrap();
    (1..=200).for_each(|index| {
        judge.step(&few(index)).unwrap();
    });
    assert_eq!(judge.verdict().reason, "150 of 200 distinct keys");

    // Exactly as much better as worse, but too often: proved within the margin, yet not quiet.
    let run = with(|run| run.policy.delta = 0.05);
    let loud = |index| everything(index, &Slice::all(), 200, u64::from(index > 60 && index % 2 == 0));
    let verdict = judged(&run, 91, loud).verdict();
    assert!(verdict.reason.contains("at most 2 for a promote"), "{}", verdict.reason);
}

#[test]
fn independent_requests_wait_for_no_keys_and_need_no_key_block() {
    let run = with(|run| {
        run.policy.unit = UnitKind::Request;
        run.policy.key_block = Span::secs(7);
    });
    let mut judge = Judge::new(&run).unwrap();
    (1..=91).for_each(|index| {
        let mut window = window(index, clean(200)(index));
        window.exposure.as_mut().unwrap().keys = vec![1];
        window.rows.retain(|row| !row.check.to_string().ends_with("severe"));
        judge.step(&window).unwrap();
    });
    assert_eq!(judge.state(), State::Promote, "{}", judge.verdict().reason);
}

#[test]
fn p999_is_required_where_enough_units_are_expected_and_only_there() {
    let required = |units| {
        let judge = Judge::new(&with(|run| {
            run.history = vec![crate::run::SliceHistory { slice: Slice::all(), units, windows: 720 }];
        }));
        let lines = judge.unwrap().verdict().checks;
        let of = |name: &str| lines.iter().find(|line| line.check.to_string() == name).unwrap().required;
        [of("latency.p99"), of("latency.p999"), of("latency.p999.severe")]
    };
    assert_eq!(required(249_999), [true, false, false]);
    assert_eq!(required(250_000), [true, true, true]);
}

#[test]
fn a_thrifty_run_ends_once_only_an_improvement_could_promote() {
    let run = |thrifty| {
        with(|run| {
            run.policy.thrifty = thrifty;
            run.policy.minimum_time = Span::secs(0);
            run.policy.deadline = Span::secs(600);
        })
    };
    // 1% of noise each way: what is left until the deadline cannot prove an excess below 0.2%.
    let noisy = |index| {
        let mut rows = everything(index, &Slice::all(), 200, 0);
        rows[0] = count(index, &Slice::all(), "mismatch", 200, 2, 2);
        rows
    };
    let verdict = judged(&run(true), 30, noisy).verdict();
    assert_eq!((verdict.verdict, verdict.sealed_windows), (State::Inconclusive, 30), "{}", verdict.reason);
    assert!(!verdict.forecast.promote_reachable);
    let patient = judged(&run(false), 30, noisy).verdict();
    assert_eq!((patient.verdict, patient.forecast.promote_reachable), (State::Wait, false));
}

/// A run whose requests are the units, with a tolerance relative to the control's own mismatches.
fn granting(noise_ratio: f64) -> Run {
    with(|run| {
        run.policy.unit = UnitKind::Request;
        run.policy.checks.entry("mismatch".to_owned()).or_default().noise_ratio = Some(noise_ratio);
    })
}

/// Requests of which the control fails 100 of 2,000 and the candidate 130, 60 of them together.
fn noisy(index: u64) -> Vec<Row> {
    let mut rows = everything(index, &Slice::all(), 2_000, 0);
    rows.retain(|row| !row.check.to_string().ends_with("severe"));
    rows[0] = Row { control_bad: Some(100), ..count(index, &Slice::all(), "mismatch", 2_000, 70, 40) };
    rows
}

#[test]
fn a_tolerance_relative_to_noise_forgives_what_it_says_and_no_more() {
    // 1.3 times as many failures: within half as many again, beyond a tenth.
    for (noise_ratio, expected) in [(1.0, State::Reject), (1.1, State::Reject), (1.5, State::Promote)] {
        let verdict = judged(&granting(noise_ratio), 91, noisy).verdict();
        assert_eq!(verdict.verdict, expected, "{noise_ratio}: {}", verdict.reason);
        let line = &verdict.checks[0];
        assert_eq!(
            line.excess.as_ref().unwrap().estimate,
            Some(0.015),
            "shown as it is, whatever is granted"
        );
        assert!(line.deff < 0.1, "even windows share no fate: {}", line.deff);
    }
    let mut judge = Judge::new(&granting(1.5)).unwrap();
    let untold = vec![count(1, &Slice::all(), "mismatch", 2_000, 70, 40)];
    let error = judge.step(&window(1, untold)).unwrap_err().to_string();
    assert!(error.contains("under noise_ratio it needs `control_bad`"), "{error}");

    let refused = |change: fn(&mut Run)| {
        let mut run = granting(1.5);
        change(&mut run);
        Judge::new(&run).unwrap_err().key
    };
    assert_eq!(refused(|run| run.policy.unit = UnitKind::Session), "checks.mismatch.noise_ratio");
    assert_eq!(refused(|run| run.control = ControlMode::None), "checks.mismatch.noise_ratio");
    assert_eq!(*refused(|run| *run = granting(0.5)), *"checks.mismatch.noise_ratio");
}

#[test]
fn a_dead_control_is_seen_among_the_exchanges_that_it_was_sent() {
    // 1% of the exchanges are sent to the control as well; it answers none of them.
    let broken = |control: ControlMode| {
        let mut judge = Judge::new(&with(|run| run.control = control)).unwrap();
        for index in 1..=10 {
            let mut window = window(index, Vec::new());
            let exposure = window.exposure.as_mut().unwrap();
            (exposure.ordered, exposure.candidate_first, exposure.control_offered) = (2, 1, 2);
            (exposure.control_missing, exposure.control_only_missing) = (2, 2);
            exposure.candidate_offered = if control == ControlMode::Paired { 2 } else { 200 };
            judge.step(&window).unwrap();
        }
        judge.verdict().reason
    };
    assert!(
        broken(ControlMode::Sampled).starts_with("control: in 100.000% of"),
        "{}",
        broken(ControlMode::Sampled)
    );
    assert!(!broken(ControlMode::Paired).starts_with("control"), "paired: of all that were compared");
}

#[test]
fn a_field_that_the_control_fails_too_is_no_longer_required() {
    let run = with(|run| {
        run.policy.checks.entry("field./id".to_owned()).or_default().required = Some(true);
        run.policy.futility_looks = u64::MAX;
    });
    let noisy = |check: &'static str| {
        move |index: u64| {
            let mut rows = clean(200)(index);
            rows.retain(|row| row.check.to_string() != check);
            let mut row = count(index, &Slice::all(), check, 200, 60, 60);
            row.control_bad = Some(60);
            rows.push(row);
            if check == "mismatch" {
                rows.push(count(index, &Slice::all(), "field./id", 200, 0, 0));
            }
            rows
        }
    };
    let verdict = judged(&run, 91, noisy("field./id")).verdict();
    assert_eq!(verdict.verdict, State::Promote, "{}", verdict.reason);
    let field = verdict.checks.iter().find(|line| line.check.to_string() == "field./id").unwrap();
    assert_eq!((field.state, field.required), (CheckState::Nondeterministic, false));

    // The mismatch check itself stays required: its slice waits until what varies is masked.
    let verdict = judged(&run, 91, noisy("mismatch")).verdict();
    assert_eq!((verdict.verdict, verdict.checks[0].state), (State::Wait, CheckState::Nondeterministic));
    assert!(verdict.reason.contains("mask what varies"), "{}", verdict.reason);
}

#[test]
fn while_the_guard_is_on_a_promote_needs_windows_and_not_units_alone() {
    let run = with(|run| {
        run.checks = vec![Check::Mismatch];
        run.policy.minimum_time = Span::secs(0);
        run.policy.minimum_keys = 0;
    });
    // 1,000 spotless units a window: units alone would do after three windows.
    let spotless = |index| vec![count(index, &Slice::all(), "mismatch", 1_000, 0, 0)];
    let windows = |rows: &dyn Fn(u64) -> Vec<Row>| {
        let mut judge = Judge::new(&run).unwrap();
        (1..=100).find(|index| {
            judge.step(&window(*index, rows(*index))).unwrap();
            judge.state() == State::Promote
        })
    };
    assert_eq!(windows(&spotless), Some(30), "the guard goes off");
    // An incident latches it: windows must prove what units have proved, which takes about 50 of them.
    let shaken = |index| match index {
        10 => vec![count(index, &Slice::all(), "mismatch", 1_000, 0, 60)],
        _ => spotless(index),
    };
    assert!(windows(&shaken).is_some_and(|windows| windows > 45), "{:?}", windows(&shaken));
}

#[test]
fn a_field_is_nondeterministic_from_200_units_and_above_a_fifth() {
    let run = with(|run| {
        run.policy.checks.entry("field./id".to_owned()).or_default().required = Some(true);
    });
    for (units, bad, expected) in [(199, 199, false), (200, 40, false), (200, 41, true)] {
        let rows = |index| {
            let mut row = count(index, &Slice::all(), "field./id", units, 0, 0);
            row.control_bad = Some(bad);
            vec![row]
        };
        let verdict = judged(&run, 1, rows).verdict();
        let field = verdict.checks.iter().find(|line| line.check.to_string() == "field./id").unwrap();
        assert_eq!(field.state == CheckState::Nondeterministic, expected, "{bad} of {units}");
    }
}

#[test]
fn a_culprit_stays_one_while_the_run_is_blocked_and_its_evidence_falls() {
    let run = with(|run| run.checks = vec![Check::Mismatch]);
    let mut judge = Judge::new(&run).unwrap();
    for index in 1..=60 {
        let [worse, better] = if index <= 20 { [4, 0] } else { [0, 40] };
        let mut sealed = window(index, vec![count(index, &Slice::all(), "mismatch", 200, worse, better)]);
        let exposure = sealed.exposure.as_mut().unwrap();
        (exposure.compared, exposure.shed) = (150, 50);
        judge.step(&sealed).unwrap();
    }
    let verdict = judge.verdict();
    assert_eq!((verdict.verdict, verdict.is_final), (State::Invalid, false), "{}", verdict.reason);
    let culprits: Vec<_> = verdict.culprits.iter().map(|culprit| culprit.check.to_string()).collect();
    assert_eq!((culprits, verdict.suspects.len()), (vec!["mismatch".to_owned()], 0));
}

#[test]
fn suspects_are_those_of_the_e_bh_procedure_and_are_not_latched() {
    // Worse for a while, then better: the evidence rises and falls again.
    let rows = |index| {
        let mut rows = everything(index, &Slice::all(), 400, 0);
        rows.retain(|row| !["mismatch", "status"].contains(&row.check.to_string().as_str()));
        let [worse, better] = if index <= 12 { [2, 0] } else { [0, 40] };
        rows.push(count(index, &Slice::all(), "mismatch", 400, worse, better));
        rows.push(count(index, &Slice::all(), "status", 400, worse.min(1), better));
        rows
    };
    let run = with(|run| {
        run.policy.alpha = 1e-9;
        run.policy.futility_looks = u64::MAX;
    });
    let mut judge = Judge::new(&run).unwrap();
    let mut sizes = Vec::new();
    for index in 1..=60 {
        judge.step(&window(index, rows(index))).unwrap();
        let verdict = judge.verdict();
        let mut evidence: Vec<_> =
            verdict.checks.iter().map(|line| (line.log_e_reject, line.check.to_string())).collect();
        evidence.sort_by(|a, b| b.0.total_cmp(&a.0));
        let m = evidence.len() as f64;
        let largest = (1..=evidence.len()).rev().find(|k| evidence[k - 1].0 >= (m / (*k as f64 * 0.1)).ln());
        let expected: Vec<String> =
            evidence.into_iter().take(largest.unwrap_or(0)).map(|(_, check)| check).collect();
        let found: Vec<String> = verdict.suspects.iter().map(|suspect| suspect.check.to_string()).collect();
        assert_eq!(found, expected, "window {index}");
        sizes.push(found.len());
    }
    assert!(sizes.contains(&2), "both at once need less each: {sizes:?}");
    assert_eq!((sizes[0], sizes[59]), (0, 0), "none at first, none at the end: {sizes:?}");
}

#[test]
fn an_ended_run_stays_undecided_and_says_so() {
    let verdict = judged(&run(&[]), 40, clean(200)).finish();
    assert_eq!(
        (verdict.verdict, verdict.is_final, verdict.partial, verdict.code),
        (State::Wait, false, true, 20)
    );
    assert!(verdict.reason.starts_with("the run ended undecided: "), "{}", verdict.reason);
    let decided = judged(&run(&[]), 91, clean(200)).finish();
    assert!(!decided.partial && decided.is_final);
}

#[test]
fn a_continued_run_goes_on_where_the_undecided_one_stopped() {
    let first = with(|run| {
        run.policy.deadline = Span::secs(900);
        run.policy.futility_looks = u64::MAX;
    });
    let stopped = judged(&first, 90, clean(100));
    assert_eq!(stopped.state(), State::Inconclusive);
    let second = Run {
        run: "second".to_owned(),
        continues: Some(first.run.clone()),
        carried_windows: 90,
        ..first.clone()
    };
    let verdict = judged(&second, 130, clean(100)).verdict();
    assert_eq!((verdict.verdict, verdict.sealed_windows), (State::Promote, 118), "{}", verdict.reason);
    assert_eq!(verdict.policy.hash, stopped.verdict().policy.hash);
    assert_eq!(verdict.continues.as_deref(), Some(first.run.as_str()));
}

#[test]
fn a_slice_without_enough_traffic_is_not_certified_on_its_own() {
    let [small, large] = [Slice::of("route", "a"), Slice::of("route", "b")];
    let rows = |index: u64| {
        let mut rows = clean(200)(index);
        rows.push(count(index, &small, "mismatch", u64::from(index.is_multiple_of(3)), 0, 0));
        rows.extend(everything(index, &large, 190, 0));
        rows
    };
    let verdict = judged(&run(&[small.clone(), large.clone()]), 91, rows).verdict();
    assert_eq!(verdict.verdict, State::Promote, "{}", verdict.reason);
    let small_ones: Vec<_> =
        verdict.not_individually_certified.iter().map(|slice| slice.slice.clone()).collect();
    assert_eq!(small_ones, [Slice::other(), small]);
    let required = |slice: &Slice| verdict.checks.iter().any(|line| line.slice == *slice && line.required);
    assert!(required(&large) && !required(&Slice::other()));
}

#[test]
fn without_a_control_latency_is_off_and_the_noise_is_assumed_or_bounded() {
    let assumed = with(|run| run.control = ControlMode::None);
    let judge = Judge::new(&assumed).unwrap();
    assert!(judge.checks().all(|check| !check.to_string().starts_with("latency")));
    assert_eq!(judge.verdict().noise_floor.to_string(), "assumed");

    let noise =
        |check: &str, worse| crate::run::NoiseCounts { check: check.parse().unwrap(), units: 50_000, worse };
    let bounded = with(|run| {
        run.control = ControlMode::None;
        run.policy.delta = 0.004;
        let checks = ["mismatch", "status", "error_rate", "availability", "mismatch.severe"];
        run.noise = checks.map(|check| noise(check, if check == "mismatch" { 100 } else { 0 })).into();
    });
    let verdict = Judge::new(&bounded).unwrap().verdict();
    // U_N = .002775 and L_N = .001338 at 100 of 50,000 (verdict.md 2.5).
    assert_eq!((verdict.checks[0].tau, verdict.checks[0].delta), (0.003275, 0.005338));
    assert_eq!(verdict.noise_floor.to_string(), "bounded");
    assert_eq!(verdict.evidence.global_reject.log_threshold, 3.688879);

    let refused = |change: fn(&mut Run)| {
        let mut run = bounded.clone();
        change(&mut run);
        Judge::new(&run).unwrap_err().key
    };
    assert_eq!(refused(|run| run.policy.delta = 0.0015), "delta");
    assert_eq!(refused(|run| run.noise.truncate(1)), "checks.status");
}

#[test]
fn windows_come_in_order_and_rows_make_sense_or_nothing_changes() {
    let mut judge = judged(&run(&[]), 5, clean(200));
    let before = judge.verdict();
    let error = judge.step(&window(5, Vec::new())).unwrap_err();
    assert_eq!(error, TallyError::Order { window: 5, newest: 5 });
    let bad = window(6, vec![count(6, &Slice::all(), "status", 10, 8, 3)]);
    assert!(judge.step(&bad).unwrap_err().to_string().starts_with("window 6, slice all, check status: "));
    let huge = window(6, vec![count(6, &Slice::all(), "status", 1 << 53, 0, 0)]);
    assert_eq!(judge.step(&huge), Err(TallyError::TooManyUnits { window: 6 }));
    assert_eq!(judge.verdict(), before);
}

#[test]
fn rows_of_unknown_slices_are_left_out_and_counted() {
    let mut rows = clean(200)(1);
    rows.push(count(1, &Slice::of("route", "new"), "mismatch", 5, 5, 0));
    let verdict = judged(&run(&[]), 1, |_| rows.clone()).verdict();
    assert!(verdict.not_checked.iter().any(|gap| gap.starts_with("1 rows of slices")));
}

#[test]
fn policies_by_which_nothing_can_be_judged_are_refused_with_key_and_remedy() {
    let error = |change: fn(&mut Policy)| Judge::new(&with(|run| change(&mut run.policy))).unwrap_err();
    for (key, change) in [
        ("alpha", (|policy| policy.alpha = 0.3) as fn(&mut Policy)),
        ("beta", |policy| policy.beta = 0.0),
        ("alpha", |policy| policy.alpha = f64::NAN),
        ("tau", |policy| policy.tau = 0.0),
        ("delta", |policy| policy.delta = 0.0005),
        ("minimum_time", |policy| policy.deadline = Span::secs(60)),
        ("min_cycle", |policy| policy.min_cycle = Some(Span::secs(86_400))),
        ("key_block", |policy| policy.key_block = Span::secs(15)),
        ("window", |policy| policy.window = Span::secs(0)),
        ("window", |policy| policy.window = Span(std::time::Duration::from_nanos(1))),
        ("delta_window", |policy| policy.delta_window = 0.01),
        ("checks.latencies", |policy| {
            policy.checks.entry("latencies".to_owned()).or_default();
        }),
        ("checks.latency.p99", |policy| {
            policy.checks.entry("latency.p99".to_owned()).or_default().promote_ratio = Some(1.05);
        }),
        ("checks.status.delta", |policy| {
            policy.checks.entry("status".to_owned()).or_default().tau = Some(0.001);
        }),
        ("checks.mismatch.severe", |policy| {
            policy.unit = UnitKind::Request;
            policy.checks.entry("mismatch.severe".to_owned()).or_default();
        }),
    ] {
        let error = error(change);
        assert_eq!(error.key, key, "{error}");
        assert!(error.to_string().starts_with(&format!("policy.{key}: ")));
    }
    let i_know = with(|run| {
        run.policy.tau = 0.0;
        run.policy.i_know = true;
    });
    assert!(Judge::new(&i_know).is_ok());
}

#[test]
fn independent_requests_have_no_severe_checks() {
    let judge = Judge::new(&with(|run| run.policy.unit = UnitKind::Request)).unwrap();
    assert!(judge.checks().all(|check| !check.to_string().ends_with("severe")));
}

#[test]
fn weights_are_half_for_all_and_sum_to_one() {
    let slices: Vec<Slice> = ["a", "b", "c"].map(|name| Slice::of("route", name)).into();
    let weights = |run: &Run| -> Vec<f64> {
        let judge = Judge::new(run).unwrap();
        judge.slices.iter().map(|slice| slice.weight * judge.hypotheses.len() as f64).collect()
    };
    let close = |found: Vec<f64>, expected: &[f64]| {
        let apart = found.iter().zip(expected).any(|(a, b)| (a - b).abs() > 1e-12);
        assert!(!apart && found.len() == expected.len(), "{found:?}");
        assert!((found.iter().sum::<f64>() - 1.0).abs() < 1e-12);
    };
    close(weights(&run(&[])), &[1.0]);
    close(weights(&run(&slices)), &[0.5, 0.125, 0.125, 0.125, 0.125]);

    // By the square root of the share in the previous run; `other` counts as 5% at least.
    let mut run = run(&slices);
    let past = |slice: &Slice, units| crate::run::SliceHistory { slice: slice.clone(), units, windows: 10 };
    run.history = vec![past(&slices[0], 7_225), past(&slices[1], 2_500), past(&slices[2], 275)];
    let roots = [0.05f64.sqrt(), 0.85, 0.5, 0.0275f64.sqrt()];
    let total: f64 = roots.iter().sum();
    let expected: Vec<f64> = std::iter::once(0.5).chain(roots.map(|root| 0.5 * root / total)).collect();
    close(weights(&run), &expected);

    // Stated weights stand; the rest is shared as before.
    run.history.clear();
    run.policy.slices = vec![parallax_config::SlicePolicy {
        slice: slices[0].labels().clone(),
        required: None,
        weight: Some(0.4),
        rate: None,
    }];
    close(weights(&run), &[0.3, 0.1, 0.4, 0.1, 0.1]);
    run.policy.slices[0].weight = Some(1.0);
    assert_eq!(Judge::new(&run).unwrap_err().key, "slices.weight");
}

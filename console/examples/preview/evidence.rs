//! Made-up evidence: the checks of three slices, as a judge would print them.

use parallax_comparator::check::{Check, Quantile};

use parallax_comparator::rows::Signs;
use parallax_comparator::slice::Slice;
use parallax_comparator::verdict::{
    CheckLine, CheckState, Evidence, Excess, ExposureLine, Forecast, GlobalReject, Guard, Hypothesis,
    LatencyLine, PolicyLine, Ratio, State, Thresholds, Uncertified, Verdict, WeakestPromote,
};

/// Fills in what `verdict` rests on, after its state.
pub(crate) fn fill(verdict: &mut Verdict) {
    let state = verdict.verdict;
    verdict.policy = PolicyLine {
        hash: "sha256:0c9d2b7be0f4cf7ab0b9a8e1d5c1c60a9b6f0a3f7c1d2e3f405162738495a6b7".to_owned(),
        alpha: 0.05,
        beta: 0.01,
        tau: 0.0005,
        delta: 0.002,
        unit: "session/10s".to_owned(),
        window_ns: 10_000_000_000,
    };
    verdict.exposure = ExposureLine {
        mirrored: 4_812_003,
        compared: 4_809_412,
        coverage: 0.99946,
        shed: 2_452,
        primary_failed: 3,
        units: 61_210,
        clusters: 18_233,
        candidate_missing: 12,
        control_missing: 9,
        control_only_missing: 7,
        ..ExposureLine::default()
    };
    verdict.checks = [Slice::all(), Slice::of("route", "identify"), Slice::of("route", "ingest")]
        .into_iter()
        .flat_map(|slice| lines(&slice, state))
        .collect();
    let of = |wanted| {
        let lines = verdict.checks.iter().filter(move |line: &&CheckLine| line.state == wanted);
        lines.map(|line| Hypothesis { slice: line.slice.clone(), check: line.check.clone() }).collect()
    };
    (verdict.culprits, verdict.suspects) = (of(CheckState::Reject), of(CheckState::Suspect));
    verdict.evidence = evidence(state);
    verdict.forecast = Forecast {
        need_units: Some(5_937),
        budget_units: Some(45_314),
        eta: Some("2026-11-22T14:52:00Z".to_owned()),
        futile: state == State::Inconclusive,
        promote_reachable: true,
    };
    verdict.not_individually_certified =
        vec![Uncertified { slice: Slice::of("route", "admin"), n: 84, upper: 0.056_746 }];
}

fn evidence(state: State) -> Evidence {
    let reject = if state == State::Reject { 70.253_1 } else { -0.612_004 };
    let promote = match state {
        State::Promote => 5.011_2,
        State::Reject => -31.08,
        _ => 3.353_892,
    };
    let check = if state == State::Reject { Check::Mismatch } else { Check::MismatchSevere };
    Evidence {
        global_reject: GlobalReject { log_e: reject, log_threshold: 2.995_732 },
        weakest_promote: Some(WeakestPromote {
            slice: "route=ingest".to_owned(),
            check,
            log_e: promote,
            log_threshold: 4.605_17,
        }),
    }
}

fn lines(slice: &Slice, state: State) -> Vec<CheckLine> {
    let bad = state == State::Reject && *slice != Slice::of("route", "identify");
    let n = if slice.is_all() { 61_210 } else { 21_406 };
    let line = |check: Check| blank(slice, check, n);
    let holds = |check: Check, better: u64, worse: u64| CheckLine {
        state: CheckState::Promote,
        signs: Some(Signs { worse, better }),
        excess: Some(Excess {
            estimate: Some((worse as f64 - better as f64) / n as f64),
            cs: [-0.0007, 0.001],
        }),
        log_e_reject: -0.89,
        log_e_promote: 14.2,
        ..line(check)
    };
    let worse = |check: Check, state| CheckLine {
        state,
        signs: Some(Signs { worse: 310, better: 52 }),
        excess: Some(Excess { estimate: Some(0.004_215), cs: [0.003_18, 0.005_38] }),
        log_e_reject: 72.03,
        log_e_promote: -31.08,
        ..line(check)
    };
    let mut severe = holds(Check::MismatchSevere, 0, 1);
    if state != State::Promote {
        severe.state = CheckState::Wait;
        severe.log_e_promote = 3.353_892;
    }
    let mut lines = vec![
        if bad { worse(Check::Mismatch, CheckState::Reject) } else { holds(Check::Mismatch, 11, 14) },
        if bad { worse(Check::Status, CheckState::Suspect) } else { holds(Check::Status, 0, 0) },
        holds(Check::ErrorRate, 1, 2),
        holds(Check::Availability, 1, 0),
        severe,
    ];
    for quantile in Quantile::ALL {
        lines.push(latency(line(Check::Latency(quantile)), quantile, bad));
    }
    lines
}

fn latency(line: CheckLine, quantile: Quantile, bad: bool) -> CheckLine {
    let (x, better) = match quantile {
        Quantile::P50 => (0.734, 4_120),
        Quantile::P90 => (1.139, 1_902),
        Quantile::P99 => (2.892, 212),
        Quantile::P999 => (14.31, 24),
    };
    let slow = bad && quantile >= Quantile::P99;
    let worse = if slow { better * 5 } else { better - better / 50 };
    let optional = quantile == Quantile::P999;
    CheckLine {
        required: !optional,
        state: match (slow, optional) {
            (true, _) => CheckState::Reject,
            (false, true) => CheckState::Uncertified,
            _ => CheckState::Promote,
        },
        latency: Some(LatencyLine {
            reject: Signs { worse, better },
            promote: Signs { worse: worse / 2, better },
            thresholds_ms: Some(Thresholds { x, g_reject: x * 1.25, g_promote: x * 1.5 }),
        }),
        log_e_reject: if slow { 240.6 } else { -0.92 },
        log_e_promote: if slow { -88.0 } else { 8.72 },
        ratio: Some(Ratio {
            estimate: Some(if slow { 2.61 } else { 1.004 }),
            cs: (!optional).then_some(if slow { [2.41, 2.83] } else { [0.981, 1.043] }),
        }),
        deff: 0.657_424,
        ..line
    }
}

fn blank(slice: &Slice, check: Check, n: u64) -> CheckLine {
    let coarse = check == Check::Mismatch;
    CheckLine {
        slice: slice.clone(),
        check,
        required: true,
        state: CheckState::Wait,
        tau: if coarse { 0.0005 } else { 0.0001 },
        delta: if coarse { 0.002 } else { 0.0005 },
        n,
        n_required: if coarse { 2_925 } else { 11_707 },
        need_units: Some(0),
        signs: None,
        latency: None,
        log_e_reject: 0.0,
        log_e_reject_plain: 0.0,
        log_threshold_reject: 6.95,
        log_e_promote: 0.0,
        log_e_promote_plain: 0.0,
        log_threshold_promote: 4.605_17,
        excess: None,
        ratio: None,
        deff: 0.918_43,
        guard: Guard::Off,
        examples: Vec::new(),
    }
}

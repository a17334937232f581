//! The example document of `verdict.md` 4.1 is a test vector.

use super::*;
use crate::verdict::{CheckLine, CheckState};

/// What `total` gives window `j` of `of` when it is spread evenly.
fn spread(total: u64, j: u64, of: u64) -> u64 {
    total * j / of - total * (j - 1) / of
}

fn judged() -> Judge {
    let orders = Slice::of("route", "/orders");
    let mut judge = Judge::new(&run(std::slice::from_ref(&orders))).unwrap();
    for j in 1..=231 {
        let part = |total| spread(total, j, 231);
        let mut rows = vec![
            count(j, &orders, "mismatch", part(21_406), part(14), part(11)),
            count(j, &orders, "mismatch.severe", part(21_406), part(1), part(0)),
        ];
        if j >= 7 {
            let part = |total| spread(total, j - 6, 225);
            let reject = Signs { worse: part(74), better: part(78) };
            let promote = Signs { worse: part(51), better: part(112) };
            rows.push(latency(j, &orders, "latency.p99", part(20_850), reject, promote));
        }
        judge.step(&window(j, rows)).unwrap();
    }
    judge
}

fn line(judge: &Judge, check: &str) -> CheckLine {
    let orders = Slice::of("route", "/orders");
    let lines = judge.verdict().checks;
    lines.into_iter().find(|line| line.slice == orders && line.check.to_string() == check).unwrap()
}

#[test]
fn the_mismatch_line() {
    let line = line(&judged(), "mismatch");
    assert_eq!((line.n, line.signs), (21_406, Some(Signs { worse: 14, better: 11 })));
    assert_eq!([line.log_e_reject, line.log_e_reject_plain], [-0.891874, -0.897623]);
    assert_eq!([line.log_e_promote, line.log_e_promote_plain], [14.199917, 14.199917]);
    let excess = line.excess.unwrap();
    assert_eq!((excess.estimate, excess.cs), (Some(0.00014), [-0.000699, 0.001005]));
    assert_eq!((line.deff, line.guard.name()), (0.91843, "off"));
    assert_eq!(line.state, CheckState::Promote);
    assert!(line.required);
}

#[test]
fn the_severe_line() {
    let line = line(&judged(), "mismatch.severe");
    assert_eq!((line.n, line.signs), (21_406, Some(Signs { worse: 1, better: 0 })));
    assert_eq!([line.log_e_reject, line.log_e_reject_plain], [-0.38101, -0.387424]);
    assert_eq!([line.log_e_promote, line.log_e_promote_plain], [3.353892, 3.353892]);
    let excess = line.excess.unwrap();
    assert_eq!((excess.estimate, excess.cs), (Some(0.000047), [-0.000197, 0.000522]));
    assert_eq!((line.deff, line.guard.name()), (0.99564, "off"));
    assert_eq!(line.state, CheckState::Wait);
}

#[test]
fn the_latency_line() {
    let line = line(&judged(), "latency.p99");
    let latency = line.latency.unwrap();
    assert_eq!(latency.reject, Signs { worse: 74, better: 78 });
    assert_eq!(latency.promote, Signs { worse: 51, better: 112 });
    let thresholds = latency.thresholds_ms.unwrap();
    assert_eq!([thresholds.x, thresholds.g_reject, thresholds.g_promote], [41.222144, 43.286528, 45.318144]);
    assert_eq!([line.log_e_reject, line.log_e_reject_plain], [-0.919603, -0.924053]);
    assert_eq!([line.log_e_promote, line.log_e_promote_plain], [8.722539, 8.722539]);
    assert_eq!((line.n, line.deff, line.guard.name()), (20_850, 0.657424, "off"));
    assert_eq!(line.state, CheckState::Promote);
}

#[test]
fn the_head_and_the_forecast_of_the_severe_check() {
    let judge = judged();
    let verdict = judge.verdict();
    assert_eq!(verdict.watermark.as_deref(), Some("2026-11-22T14:41:10Z"));
    assert_eq!((verdict.sealed_windows, verdict.code, verdict.promote), (231, 20, None));
    assert_eq!(verdict.evidence.global_reject.log_threshold, 2.995732);
    assert_eq!(Verdict::from_json(&verdict.to_json()).unwrap(), verdict);
    assert_eq!(verdict.policy.unit, "session/10s");
    let severe =
        judge.cells.iter().position(|cell| cell.units() == mixture::Counts::new(21_406, 1, 0)).unwrap();
    let need = judge.need_of(severe);
    assert_eq!((need.promote.ceil(), need.left.round()), (5937.0, 45_314.0));
    assert_eq!(judge.eta(severe, need.promote).as_deref(), Some("2026-11-22T14:52:00Z"));
}

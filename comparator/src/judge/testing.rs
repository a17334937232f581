//! Runs, windows and verdicts written by hand, for the tests of this crate.

use super::*;
use crate::latencies::Recorder;
use crate::rows::{Exposure, RoleHistograms, Row, Signs};
use crate::run::{Build, ControlMode, NORMALISER};
use crate::slice::Slice;
use parallax_config::Policy;
use std::sync::LazyLock;

/// 2026-11-22T14:02:40Z: 231 windows of 10 s before the watermark of the specified example.
pub(crate) const START: u64 = 1_795_356_160;

/// A run of the default policy over `slices` beside the whole.
pub(crate) fn run(slices: &[Slice]) -> Run {
    Run {
        run: "2026-11-22T14-02Z-a1b2".to_owned(),
        continues: None,
        attempt: 1,
        carried_windows: 0,
        started_ns: START * 1_000_000_000,
        candidate: Build { digest: Some("sha256:c".to_owned()), ..Build::default() },
        baseline: Build { digest: Some("sha256:b".to_owned()), ..Build::default() },
        control: ControlMode::Paired,
        policy: Policy::default(),
        rules: Vec::new(),
        profiles: Vec::new(),
        slices: slices.to_vec(),
        normaliser: NORMALISER,
        checks: Vec::new(),
        replicas: Vec::new(),
        history: Vec::new(),
        noise: Vec::new(),
        descriptors: None,
    }
}

/// A sealed window of `rows`, in which as many exchanges were mirrored as compared.
pub(crate) fn window(index: u64, rows: Vec<Row>) -> SealedWindow {
    let exposure = Exposure {
        mirrored: 200,
        compared: 200,
        ordered: 200,
        candidate_first: 100,
        candidate_offered: 200,
        control_offered: 200,
        keys: (0..40).map(|key| (index * 40 + key).wrapping_mul(0x9e37_79b9_7f4a_7c15)).collect(),
        ..Exposure::default()
    };
    let latency = |milliseconds: u64| {
        let mut recorder = Recorder::default();
        (0..200).for_each(|rank| recorder.record(milliseconds * (1_000_000 + rank * 5_000)));
        recorder.finish()
    };
    let latency =
        RoleHistograms { candidate: latency(21), control: latency(20), ..RoleHistograms::default() };
    SealedWindow {
        window: index,
        latency: [(Slice::all(), latency)].into(),
        end_ns: (START + index * 10) * 1_000_000_000,
        exposure: Some(exposure),
        rows,
        ..SealedWindow::default()
    }
}

/// A row of a count check.
pub(crate) fn count(window: u64, slice: &Slice, check: &str, units: u64, worse: u64, better: u64) -> Row {
    Row {
        window,
        slice: slice.clone(),
        check: check.parse().unwrap(),
        units,
        signs: Some(Signs { worse, better }),
        reject: None,
        promote: None,
        threshold_ns: None,
        control_bad: None,
        replicas: std::collections::BTreeMap::new(),
    }
}

/// A row of a latency check whose threshold is 41.222144 ms.
pub(crate) fn latency(
    window: u64,
    slice: &Slice,
    check: &str,
    units: u64,
    reject: Signs,
    promote: Signs,
) -> Row {
    Row {
        signs: None,
        reject: Some(reject),
        promote: Some(promote),
        threshold_ns: Some(41_222_144),
        ..count(window, slice, check, units, 0, 0)
    }
}

/// Every check of `slice` in one window: `units` units, of which the mismatch check finds `worse`.
pub(crate) fn everything(window: u64, slice: &Slice, units: u64, worse: u64) -> Vec<Row> {
    static CHECKS: LazyLock<Vec<Check>> =
        LazyLock::new(|| Judge::new(&run(&[])).unwrap().checks().cloned().collect());
    let row = |check: &Check| match check {
        Check::Latency(_) | Check::LatencySevere(_) => {
            let none = Signs::default();
            let better = Signs { worse: 0, better: units / 10 };
            let severe = matches!(check, Check::LatencySevere(_));
            let promote = if severe { none } else { better };
            latency(window, slice, &check.to_string(), units, none, promote)
        }
        Check::Mismatch => count(window, slice, "mismatch", units, worse, 0),
        other => count(window, slice, &other.to_string(), units, 0, 0),
    };
    CHECKS.iter().map(row).collect()
}

fn judged(run: &Run, windows: u64, rows: impl Fn(u64) -> Vec<Row>) -> Judge {
    let mut judge = Judge::new(run).unwrap();
    for index in 1..=windows {
        judge.step(&window(index, rows(index))).unwrap();
    }
    judge
}

/// Two routes, `other` without traffic.
fn routes() -> [Slice; 2] {
    [Slice::of("route", "/admin"), Slice::of("route", "/orders")]
}

/// Every check of the whole and of the busy route; `worse` mismatching units a window.
fn two_slices(index: u64, worse: u64) -> Vec<Row> {
    let [admin, orders] = routes();
    let mut rows = everything(index, &Slice::all(), 200, worse);
    rows.push(count(index, &admin, "mismatch", u64::from(index.is_multiple_of(20)), 0, 0));
    rows.extend(everything(index, &orders, 150, worse));
    rows
}

/// Spotless until it was promoted.
pub(crate) fn promoted() -> Verdict {
    judged(&run(&routes()), 95, |index| two_slices(index, 0)).verdict()
}

/// One unit in a hundred worse.
pub(crate) fn rejected() -> Verdict {
    judged(&run(&routes()), 40, |index| two_slices(index, 2)).verdict()
}

/// Spotless, too early.
pub(crate) fn waiting() -> Verdict {
    judged(&run(&routes()), 40, |index| two_slices(index, 0)).verdict()
}

/// A tenth of the evidence is lost.
pub(crate) fn invalid() -> Verdict {
    let mut judge = Judge::new(&run(&[])).unwrap();
    for index in 1..=10 {
        let mut window = window(index, everything(index, &Slice::all(), 180, 0));
        if let Some(exposure) = &mut window.exposure {
            exposure.compared = 180;
        }
        judge.step(&window).unwrap();
    }
    judge.verdict()
}

/// Too little traffic until the deadline.
pub(crate) fn inconclusive() -> Verdict {
    judged(&run(&[]), 720, |index| everything(index, &Slice::all(), 3, 0)).verdict()
}

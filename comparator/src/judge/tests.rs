//! The judge as a whole, on windows written by hand.

mod decisions;
mod example;

use super::*;
use crate::rows::{Exposure, Row, Signs};
use crate::run::{Build, ControlMode, NORMALISER};
use crate::slice::Slice;
use parallax_config::Policy;

/// 2026-11-22T14:02:40Z: 231 windows of 10 s before the watermark of the specified example.
const START: u64 = 1_795_356_160;

/// A run of the default policy over `slices` beside the whole.
fn run(slices: &[Slice]) -> Run {
    Run {
        run: "2026-11-22T14-02Z-a1b2".to_owned(),
        continues: None,
        attempt: 1,
        started_ns: START * 1_000_000_000,
        candidate: Build { digest: Some("sha256:c".to_owned()), ..Build::default() },
        baseline: Build { digest: Some("sha256:b".to_owned()), ..Build::default() },
        control: ControlMode::Paired,
        policy: Policy::default(),
        rules: Vec::new(),
        slices: slices.to_vec(),
        normaliser: NORMALISER,
        replicas: Vec::new(),
        history: Vec::new(),
        noise: Vec::new(),
    }
}

/// A sealed window of `rows`, in which as many exchanges were mirrored as compared.
fn window(index: u64, rows: Vec<Row>) -> SealedWindow {
    let exposure = Exposure {
        mirrored: 200,
        compared: 200,
        ordered: 200,
        candidate_first: 100,
        candidate_offered: 200,
        control_offered: 200,
        keys: (0..40).map(|key| index * 40 + key).collect(),
        ..Exposure::default()
    };
    SealedWindow {
        window: index,
        end_ns: (START + index * 10) * 1_000_000_000,
        exposure: Some(exposure),
        rows,
        ..SealedWindow::default()
    }
}

/// A row of a count check.
fn count(window: u64, slice: &Slice, check: &str, units: u64, worse: u64, better: u64) -> Row {
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
fn latency(window: u64, slice: &Slice, check: &str, units: u64, reject: Signs, promote: Signs) -> Row {
    Row {
        signs: None,
        reject: Some(reject),
        promote: Some(promote),
        threshold_ns: Some(41_222_144),
        ..count(window, slice, check, units, 0, 0)
    }
}

/// Every check of `slice` in one window: `units` units, of which the mismatch check finds `worse`.
fn everything(window: u64, slice: &Slice, units: u64, worse: u64) -> Vec<Row> {
    let judge = Judge::new(&run(&[])).unwrap();
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
    judge.checks().map(row).collect()
}

//! The check `outputs` as tallies: what the judge reads.

use super::Settings;
use super::findings::Units;
use super::recipe::NO_WINDOW;
use crate::check::Check;
use crate::rows::{Row, SealedWindow, Signs, Tallies};
use crate::run::{Build, ControlMode, NORMALISER, Run};
use crate::slice::Slice;
use parallax_config::{Policy, Span};
use std::collections::BTreeMap;
use std::time::Duration;

/// The tallies of a whole comparison. They bring a run along that requires the check, which the default
/// policy does not, so that they can be judged as they are.
pub(super) fn tallies(
    records: &BTreeMap<i64, u64>,
    units: &BTreeMap<i64, Units>,
    settings: &Settings,
) -> Tallies {
    let mut policy = Policy { window: Span(settings.window), ..Policy::default() };
    policy.checks.entry(Check::Outputs.to_string()).or_default().required = Some(true);
    let run = Run {
        run: "outputs".to_owned(),
        continues: None,
        attempt: 1,
        carried_windows: 0,
        started_ns: 0,
        candidate: Build::default(),
        baseline: Build::default(),
        control: ControlMode::Paired,
        policy,
        rules: settings.rules.clone(),
        slices: Vec::new(),
        normaliser: NORMALISER,
        profiles: Vec::new(),
        checks: vec![Check::Outputs],
        replicas: Vec::new(),
        history: Vec::new(),
        noise: Vec::new(),
        descriptors: None,
    };
    Tallies { run: Some(run), windows: windows(records, units, settings.window), ended: true }
}

/// One row a window: `units` are the records of the primary there, and the copies that only other sides
/// have; `worse` where the candidate's is not as it should be and the control's is, `better` the other
/// way round.
///
/// Windows are counted from that of the primary's first event. Records without a time, and those that
/// only other sides have before the first, count in the first window.
fn windows(
    records: &BTreeMap<i64, u64>,
    units: &BTreeMap<i64, Units>,
    window: Duration,
) -> Vec<SealedWindow> {
    let timed = |window: &&i64| **window != NO_WINDOW;
    let first = records.keys().chain(units.keys()).find(timed).copied();
    let index = |window: i64| match first {
        Some(first) if window > first => window.abs_diff(first) + 1,
        _ => 1,
    };
    let mut rows = BTreeMap::<u64, (u64, Signs)>::new();
    for (window, records) in records {
        rows.entry(index(*window)).or_default().0 += records;
    }
    for (window, more) in units {
        let (count, signs) = rows.entry(index(*window)).or_default();
        *count += more.more;
        signs.merge(Signs { worse: more.worse, better: more.better });
    }
    let end_ns = |index: u64| {
        let length = i128::try_from(window.as_nanos()).unwrap_or(i128::MAX);
        let end = first.map(|first| (i128::from(first) + i128::from(index)).saturating_mul(length));
        end.and_then(|end| u64::try_from(end).ok()).unwrap_or(0)
    };
    rows.into_iter()
        .map(|(window, (units, signs))| SealedWindow {
            window,
            end_ns: end_ns(window),
            rows: vec![Row {
                window,
                slice: Slice::all(),
                check: Check::Outputs,
                units,
                signs: Some(signs),
                reject: None,
                promote: None,
                threshold_ns: None,
                control_bad: None,
                replicas: BTreeMap::new(),
            }],
            ..SealedWindow::default()
        })
        .collect()
}

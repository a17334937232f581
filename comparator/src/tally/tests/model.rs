//! The definitions of `verdict.md` 2.1 and 2.4, spelled out one exchange at a time.

use super::traffic::{Case, FIRST_WINDOW, WINDOWS};
use crate::check::{Check, Quantile};
use crate::judge::latency::Tolerance;
use crate::latencies::{edge_above, edge_at};
use crate::rows::{Row, Signs};
use crate::run::Run;
use crate::slice::Slice;
use crate::tally::Fate;
use parallax_config::UnitKind;
use std::collections::{BTreeMap, BTreeSet};

/// Windows between a threshold's evidence and its use: a seal delay of 2 s over windows of 1 s.
const LAG: u64 = 2;
const KEY_BLOCK: u64 = 3;

/// The rows of all windows, in order.
pub(super) fn rows(run: &Run, cases: &[Case], fates: &[Fate]) -> Vec<Row> {
    let compared: Vec<&Case> =
        cases.iter().zip(fates).filter(|(_, fate)| **fate == Fate::Compared).map(|(case, _)| case).collect();
    let Some(first) = compared.iter().map(|case| case.window).min() else { return Vec::new() };
    let mut rows = Vec::new();
    let mut counted = BTreeSet::new();
    for window in first..WINDOWS {
        for slice in slices(run) {
            rows.extend(window_rows(run, &compared, first, window, &slice, &mut counted));
        }
    }
    rows
}

fn slices(run: &Run) -> BTreeSet<Slice> {
    run.slices.iter().cloned().chain([Slice::all(), Slice::other()]).collect()
}

fn in_slice(run: &Run, case: &Case, slice: &Slice) -> bool {
    let labels = case.labels();
    let carries = |slice: &Slice| {
        let has = |name: &str, value: &str| {
            labels.iter().any(|label| (&*label.name, &*label.value) == (name, value))
        };
        slice.labels().iter().all(|(name, value)| has(name, value))
    };
    match slice {
        all if all.is_all() => true,
        other if other.is_other() => !run.slices.iter().any(carries),
        named => carries(named),
    }
}

type Counted = BTreeSet<(Slice, u64, u64)>;

fn window_rows(
    run: &Run,
    cases: &[&Case],
    first: u64,
    window: u64,
    slice: &Slice,
    counted: &mut Counted,
) -> Vec<Row> {
    let here: Vec<&Case> = cases
        .iter()
        .filter(|case| case.window == window && !case.primary_failed && in_slice(run, case, slice))
        .copied()
        .collect();
    let units = units(run.policy.unit, &here, window, slice, counted);
    if units.is_empty() {
        return Vec::new();
    }
    let index = window - first + 1;
    let mut rows: Vec<Row> = checks(run)
        .into_iter()
        .filter_map(|check| {
            let threshold = match &check {
                Check::Latency(quantile) | Check::LatencySevere(quantile) => {
                    Some(threshold(run, cases, first, index, slice, *quantile)?)
                }
                _ => None,
            };
            Some(row(run, index, slice, check, threshold, &units))
        })
        .collect();
    rows.sort_by(|a, b| a.check.cmp(&b.check));
    rows
}

fn checks(run: &Run) -> Vec<Check> {
    let severe = run.policy.unit != UnitKind::Request;
    let fields = ["/a", "/b/*"].map(|path| Check::Field(path.into()));
    let mut checks = vec![Check::Mismatch, Check::Status, Check::ErrorRate, Check::Availability];
    checks.extend(Quantile::ALL.map(Check::Latency));
    checks.extend(fields);
    if severe {
        checks.push(Check::MismatchSevere);
        checks.extend(Quantile::ALL.map(Check::LatencySevere));
    }
    checks
}

/// The units that count, each as its exchanges.
fn units<'a>(
    unit: UnitKind,
    here: &[&'a Case],
    window: u64,
    slice: &Slice,
    counted: &mut Counted,
) -> Vec<Vec<&'a Case>> {
    if unit == UnitKind::Request {
        return here.iter().map(|case| vec![*case]).collect();
    }
    let mut by_key = BTreeMap::<u64, Vec<&Case>>::new();
    here.iter().for_each(|case| by_key.entry(case.key).or_default().push(case));
    let block = if unit == UnitKind::Session { (FIRST_WINDOW + window) / KEY_BLOCK } else { 0 };
    by_key
        .into_iter()
        .filter(|(key, _)| counted.insert((slice.clone(), block, *key)))
        .map(|(_, unit)| unit)
        .collect()
}

/// `x_p` of a run window, from a sorted list.
fn threshold(
    run: &Run,
    cases: &[&Case],
    first: u64,
    index: u64,
    slice: &Slice,
    quantile: Quantile,
) -> Option<u64> {
    if index < LAG + 3 {
        return None;
    }
    let read = index.saturating_sub(LAG + 20).max(1)..=index - LAG - 1;
    let mut control: Vec<u64> = cases
        .iter()
        .filter(|case| read.contains(&(case.window - first + 1)))
        .filter(|case| !case.primary_failed && in_slice(run, case, slice))
        .map(|case| case.control.latency_ns.unwrap_or(u64::MAX))
        .collect();
    control.sort_unstable();
    let rank = (control.len() as u64 * quantile.thousandths()).div_ceil(1000);
    let value = *control.get(usize::try_from(rank).unwrap().checked_sub(1)?)?;
    (value != u64::MAX).then(|| edge_above(edge_at(value)))
}

fn row(
    run: &Run,
    index: u64,
    slice: &Slice,
    check: Check,
    threshold: Option<u64>,
    units: &[Vec<&Case>],
) -> Row {
    let severe = matches!(check, Check::MismatchSevere | Check::LatencySevere(_));
    let zone = if severe { 2 } else { 1 };
    let signs = |bad: &dyn Fn(&Case) -> (bool, bool)| {
        let nets = units.iter().map(|unit| {
            unit.iter().map(|case| bad(case)).map(|(a, b)| i64::from(a) - i64::from(b)).sum::<i64>()
        });
        nets.fold(Signs::default(), |signs, net| Signs {
            worse: signs.worse + u64::from(net >= zone),
            better: signs.better + u64::from(net <= -zone),
        })
    };
    let mut row = Row {
        window: index,
        slice: slice.clone(),
        check: check.clone(),
        units: units.len() as u64,
        signs: None,
        reject: None,
        promote: None,
        threshold_ns: threshold,
        control_bad: None,
        replicas: BTreeMap::new(),
    };
    if let (Check::Latency(quantile) | Check::LatencySevere(quantile), Some(x)) = (&check, threshold) {
        let tolerance = Tolerance::new(&run.policy, *quantile).unwrap();
        let slow = |latency: Option<u64>, bound: u64| latency.is_none_or(|latency| latency >= bound);
        let series = |bound: u64| {
            signs(&|case: &Case| (slow(case.candidate.latency_ns, bound), slow(case.control.latency_ns, x)))
        };
        row.reject = Some(series(tolerance.reject(x)));
        row.promote = Some(series(tolerance.promote(x)));
        return row;
    }
    let bad = |case: &Case| (is_bad(&case.candidate, &check), is_bad(&case.control, &check));
    row.signs = Some(signs(&bad));
    row.control_bad = Some(units.iter().filter(|unit| unit.iter().any(|case| bad(case).1)).count() as u64);
    row
}

fn is_bad(side: &crate::compare::Side, check: &Check) -> bool {
    match check {
        Check::Mismatch | Check::MismatchSevere => side.mismatch,
        Check::Status => side.status_differs,
        Check::ErrorRate => side.error,
        Check::Availability => side.missing,
        Check::Field(path) => side.fields.contains(&u16::from(&**path != "/a")),
        _ => unreachable!("latency is counted elsewhere"),
    }
}

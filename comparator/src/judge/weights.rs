//! Shares of the reject level: fixed when a run starts, because weights that follow the traffic seen
//! so far would make the weighted mean no e-process. `verdict.md` 2.6.

use super::JudgeError;
use crate::run::Run;
use crate::slice::Slice;

/// What `other`, and a slice that the previous run did not know, count as at least.
const LEAST_SHARE: f64 = 0.05;

/// The weight of each of `slices`; they sum to one.
///
/// The policy's own weights stand. Of what they leave, `all` has half and the other slices share the
/// rest by the square root of their share in the previous run, equally where there was none.
pub(crate) fn slice_weights(run: &Run, slices: &[Slice]) -> Result<Vec<f64>, JudgeError> {
    let stated: Vec<Option<f64>> = slices.iter().map(|slice| stated_weight(run, slice)).collect();
    let spent: f64 = stated.iter().flatten().sum();
    let positive = stated.iter().flatten().all(|weight| *weight > 0.0);
    let all_stated = stated.iter().all(Option::is_some);
    if !positive || if all_stated { (spent - 1.0).abs() > 1e-9 } else { spent >= 1.0 } {
        let why = "every weight must be above 0 and their sum below 1, or 1 where every slice has one";
        return Err(JudgeError::policy("slices.weight", why));
    }

    let root = |(slice, stated): (&Slice, &Option<f64>)| {
        if stated.is_some() || slice.is_all() { 0.0 } else { share(run, slices, slice).sqrt() }
    };
    let roots: Vec<f64> = slices.iter().zip(&stated).map(root).collect();
    let rest: f64 = roots.iter().sum();
    let all_is_open = slices.iter().zip(&stated).any(|(slice, stated)| slice.is_all() && stated.is_none());
    let for_all = match (all_is_open, rest > 0.0) {
        (false, _) => 0.0,
        (true, true) => 0.5,
        (true, false) => 1.0,
    };
    let left = 1.0 - spent;
    let weight = |((slice, stated), root): ((&Slice, &Option<f64>), &f64)| match stated {
        Some(weight) => *weight,
        None if slice.is_all() => left * for_all,
        None => left * (1.0 - for_all) * root / rest,
    };
    Ok(slices.iter().zip(&stated).zip(&roots).map(weight).collect())
}

fn stated_weight(run: &Run, slice: &Slice) -> Option<f64> {
    run.policy.slices.iter().find(|own| own.slice == *slice.labels())?.weight
}

/// Share of a slice in the previous run; the same for every slice where nothing is known.
fn share(run: &Run, slices: &[Slice], slice: &Slice) -> f64 {
    let units = |slice: &Slice| run.history.iter().find(|past| past.slice == *slice).map(|past| past.units);
    let total: u64 = slices.iter().filter(|slice| !slice.is_all()).filter_map(units).sum();
    match units(slice) {
        _ if total == 0 => 1.0,
        Some(units) if !slice.is_other() && units > 0 => units as f64 / total as f64,
        known => (known.unwrap_or(0) as f64 / total as f64).max(LEAST_SHARE),
    }
}

//! What somebody else's tallies leave out, so that a verdict on them says which rules it could not apply.

use super::super::Judge;
use super::super::histograms::Basis;
use crate::check::Check;
use crate::rows::SealedWindow;
use parallax_config::UnitKind;

/// Rules that `windows`, which bring no run along, give nothing for; beside those of the exposure.
pub(super) fn gaps(windows: &[SealedWindow], judge: &Judge) -> Vec<String> {
    let rows = || windows.iter().flat_map(|window| &window.rows);
    let noisy = |check: &Check| matches!(check, Check::Mismatch | Check::Field(_));
    let untold = rows().find(|row| noisy(&row.check) && row.control_bad.is_none());
    let units_of_keys = judge.run.policy.unit != UnitKind::Request;
    let counts = windows.iter().any(|window| !window.slices.is_empty());
    let gap = |missing: bool, text: &str| missing.then(|| text.to_owned());
    [
        untold.map(|row| format!("nondeterministic: no `control_bad` was given for {}", row.check)),
        gap(rows().all(|row| row.replicas.is_empty()), "replica: no counts by replica were given"),
        gap(
            units_of_keys && !counts,
            "key_block: no `counts` were given; units are taken to be fresh draws, returning keys left out",
        ),
        gap(
            judge.basis == Basis::Judged,
            "latency pairs: none were given; histograms are judged, which holds for stationary latencies of \
             independent requests",
        ),
        gap(true, "builds: no run was given; changed builds, rules or policies cannot be seen"),
    ]
    .into_iter()
    .flatten()
    .collect()
}

//! Sealing: units become signs, and signs become rows.

use super::keys::{KeySets, SmallestKeys};
use super::marks::{FIELDS, MISMATCH, Marks, PROMOTE, REJECT, check_at, positions};
use super::plan::Plan;
use super::unit::Unit;
use super::window::{OpenWindow, SlicePart};
use crate::check::{Check, Quantile};
use crate::rows::{Badness, Fault, RoleHistograms, Row, SealedWindow, Signs, SliceCounts};
use crate::slice::Slice;
use parallax_config::UnitKind;
use parallax_exchange::Admissions;

/// Signs of closed units, by check position.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Closed {
    units: u64,
    /// Empty until a unit is closed.
    positions: Vec<Position>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Position {
    signs: Signs,
    /// Signs with the dead zone of the severe checks.
    severe: Signs,
    control_bad: u64,
}

impl Closed {
    /// Closes a unit that is one request.
    pub(super) fn request(&mut self, marks: Marks, checks: usize) {
        self.units += 1;
        self.positions.resize(checks, Position::default());
        for at in positions(marks.a & !marks.b) {
            self.positions[at].signs.worse += 1;
        }
        for at in positions(marks.b & !marks.a) {
            self.positions[at].signs.better += 1;
        }
        for at in positions(marks.b) {
            self.positions[at].control_bad += 1;
        }
    }

    fn unit(&mut self, unit: &Unit, severe: i64, checks: usize) {
        self.units += 1;
        self.positions.resize(checks, Position::default());
        for (position, net) in self.positions.iter_mut().zip(unit.nets()) {
            sign(&mut position.signs, net, 1);
            sign(&mut position.severe, net, severe);
        }
        for at in positions(unit.control_bad) {
            self.positions[at].control_bad += 1;
        }
    }

    pub(super) fn merge(&mut self, other: &Self) {
        self.units += other.units;
        if self.positions.is_empty() {
            self.positions.clone_from(&other.positions);
            return;
        }
        for (mine, theirs) in self.positions.iter_mut().zip(&other.positions) {
            mine.signs.merge(theirs.signs);
            mine.severe.merge(theirs.severe);
            mine.control_bad += theirs.control_bad;
        }
    }
}

/// `+1` from `zone` on, `-1` from `-zone` down.
fn sign(signs: &mut Signs, net: i64, zone: i64) {
    signs.worse += u64::from(net >= zone);
    signs.better += u64::from(net <= -zone);
}

impl OpenWindow {
    /// Closes the units and makes the rows; the caller adds what is known of the window as a whole.
    pub(super) fn close(
        mut self,
        keys: &mut KeySets,
        block: u64,
        smallest: &mut SmallestKeys,
    ) -> SealedWindow {
        let mut exposure = self.exposure;
        exposure.keys = smallest.enter_all(self.keys);
        let mut sealed = SealedWindow::default();
        for &index in &self.plan.order {
            let Some(part) = self.slices.remove(&index) else { continue };
            let slice = &self.plan.slices[index];
            exposure.key_set_full |= part.close(&self.plan, keys, (index, block), slice, &mut sealed);
        }
        if exposure.key_set_full {
            sealed.faults.insert(Fault::KeySetFull);
        }
        sealed.exposure = Some(exposure);
        sealed
    }
}

impl SlicePart {
    /// Adds the slice's rows to `sealed`; true when its key set is full, so that no unit counts.
    fn close(
        mut self,
        plan: &Plan,
        keys: &mut KeySets,
        (index, block): (usize, u64),
        slice: &Slice,
        sealed: &mut SealedWindow,
    ) -> bool {
        let units = std::mem::take(&mut self.units);
        let fresh = |key: &u64| !keys.holds(index, block, *key);
        let (fresh, returning): (Vec<_>, Vec<_>) = units.iter().partition(|(key, _)| fresh(key));
        self.repeated.extend(returning.iter().map(|(key, _)| **key));
        let fits =
            plan.unit == UnitKind::Request || keys.enter(index, block, fresh.iter().map(|(key, _)| **key));
        if fits {
            fresh.iter().for_each(|(_, unit)| self.closed.unit(unit, plan.severe, plan.checks()));
        }
        if self.closed.units > 0 {
            self.rows(plan, slice, &mut sealed.rows);
        }
        sealed.slices.insert(slice.clone(), self.summary(plan));
        let [primary, candidate, control] = self.latency.map(crate::latencies::Recorder::finish);
        let latency = RoleHistograms { primary, candidate, control, missing: self.missing };
        sealed.latency.insert(slice.clone(), latency);
        !fits
    }

    /// The slice's rows in the order of the checks.
    fn rows(&self, plan: &Plan, slice: &Slice, rows: &mut Vec<Row>) {
        let severe = plan.unit != UnitKind::Request;
        let begin = rows.len();
        let counts = (MISMATCH..REJECT).chain(FIELDS..plan.checks());
        rows.extend(counts.map(|at| self.count_row(at, check_at(at, &plan.fields), slice, false)));
        for (index, quantile) in Quantile::ALL.into_iter().enumerate() {
            rows.extend(self.latency_row(index, Check::Latency(quantile), slice, false));
            if severe {
                rows.extend(self.latency_row(index, Check::LatencySevere(quantile), slice, true));
            }
        }
        if severe {
            rows.push(self.count_row(MISMATCH, Check::MismatchSevere, slice, true));
        }
        rows[begin..].sort_by(|a, b| a.check.cmp(&b.check));
    }

    fn count_row(&self, at: usize, check: Check, slice: &Slice, severe: bool) -> Row {
        let position = self.closed.positions[at];
        let signs = if severe { position.severe } else { position.signs };
        Row { signs: Some(signs), control_bad: Some(position.control_bad), ..self.row(at, check, slice) }
    }

    fn latency_row(&self, quantile: usize, check: Check, slice: &Slice, severe: bool) -> Option<Row> {
        let bound = self.bounds[quantile]?;
        let of = |series: usize| {
            let position = self.closed.positions[series + quantile];
            Some(if severe { position.severe } else { position.signs })
        };
        Some(Row {
            reject: of(REJECT),
            promote: of(PROMOTE),
            threshold_ns: Some(bound.x),
            ..self.row(REJECT + quantile, check, slice)
        })
    }

    fn row(&self, at: usize, check: Check, slice: &Slice) -> Row {
        Row {
            window: 0,
            slice: slice.clone(),
            check,
            units: self.closed.units,
            signs: None,
            reject: None,
            promote: None,
            threshold_ns: None,
            control_bad: None,
            replicas: self.replicas.of(at),
        }
    }

    fn summary(&self, plan: &Plan) -> SliceCounts {
        let bad = (MISMATCH..REJECT).chain(FIELDS..plan.checks()).map(|at| {
            let [candidate, control] = self.bad[at];
            (check_at(at, &plan.fields), Badness { candidate, control })
        });
        let bad = bad.filter(|(_, badness)| *badness != Badness::default()).collect();
        SliceCounts { requests: self.requests, repeated: self.repeated.len() as u64, bad }
    }
}

/// Adds what the mirror's door counted, where that is known, and the latecomers.
pub(super) fn expose(sealed: &mut SealedWindow, admissions: Option<Admissions>, late: u64) {
    for row in &mut sealed.rows {
        row.window = sealed.window;
    }
    if let Some(exposure) = &mut sealed.exposure {
        exposure.late = late;
        match &admissions {
            Some(door) => {
                exposure.mirrored = door.mirrored;
                exposure.shed = door.shed_total();
                exposure.candidate_offered = door.candidate_offered;
                exposure.control_offered = door.control_offered;
            }
            None => exposure.mirrored = exposure.compared + late,
        }
    }
    sealed.admissions = admissions;
}

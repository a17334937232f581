//! One open window: counters that merge, until they are closed into rows.

use super::bounds::Look;
use super::keys::SmallestKeys;
use super::marks::{Bounds, FIELDS, Marks, positions};
use super::plan::Plan;
use super::replicas::Replicas;
use super::seal::Closed;
use super::unit::Unit;
use crate::compare::{Observation, Side};
use crate::facts::{Deed, Facts};
use crate::latencies::{Recorder, edge_at};
use crate::rows::Exposure;
use foldhash::{HashMap, HashSet};
use parallax_config::UnitKind;
use parallax_exchange::CopyOrder;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The counts of one window while exchanges may still come.
///
/// Parts of a window that were counted apart (by other threads) merge into the whole, however the
/// exchanges were spread: units are added, not signs. All parts must have read the same past.
#[derive(Debug)]
pub struct OpenWindow {
    pub(super) plan: Arc<Plan>,
    pub(super) exposure: Exposure,
    pub(super) keys: SmallestKeys,
    pub(super) slices: BTreeMap<usize, SlicePart>,
}

/// The counts of one slice.
#[derive(Debug, Default)]
pub(super) struct SlicePart {
    pub(super) bounds: Bounds,
    pub(super) units: HashMap<u64, Unit>,
    /// Units that are closed at once: requests.
    pub(super) closed: Closed,
    pub(super) requests: u64,
    /// Keys that have been counted before; a unit of theirs does not count.
    pub(super) repeated: HashSet<u64>,
    /// Requests by check in which the candidate and the control were bad.
    pub(super) bad: Vec<[u64; 2]>,
    pub(super) replicas: Replicas,
    /// Primary, candidate, control.
    pub(super) latency: [Recorder; 3],
    pub(super) missing: [u64; 3],
}

/// What an exchange adds to each of its slices.
struct Entry<'a> {
    key: u64,
    marks: Marks,
    /// Latencies of primary, candidate, control.
    latency: [Latency; 3],
    replica: Option<&'a str>,
}

/// The latency of one role.
#[derive(Debug, Clone, Copy)]
enum Latency {
    /// The role was sent no copy.
    NotSent,
    /// No response: +infinity.
    Missing,
    /// Nanoseconds, and the edge of the bucket that they are counted in.
    Took { nanoseconds: u64, edge: u64 },
}

impl Latency {
    fn of(nanoseconds: Option<u64>) -> Self {
        nanoseconds
            .map_or(Self::Missing, |nanoseconds| Self::Took { nanoseconds, edge: edge_at(nanoseconds) })
    }

    fn of_side(side: Option<&Side>) -> Self {
        side.map_or(Self::NotSent, |side| Self::of(side.latency_ns))
    }

    fn nanoseconds(self) -> Option<u64> {
        match self {
            Self::Took { nanoseconds, .. } => Some(nanoseconds),
            Self::NotSent | Self::Missing => None,
        }
    }
}

impl OpenWindow {
    pub(super) fn new(plan: Arc<Plan>) -> Self {
        Self { plan, exposure: Exposure::default(), keys: SmallestKeys::default(), slices: BTreeMap::new() }
    }

    /// Counts an exchange in each of its slices; `known` tells whether its key was counted before.
    pub(super) fn count(
        &mut self,
        facts: &Facts<'_>,
        seen: &Observation,
        slices: &[usize],
        past: &Look<'_>,
        known: impl Fn(usize) -> bool,
    ) {
        self.expose(facts);
        let Some(entry) = self.plan.enter(facts, seen) else { return };
        for &slice in slices {
            let part = self.slices.entry(slice).or_insert_with(|| SlicePart {
                bounds: past.bounds(slice),
                bad: vec![[0; 2]; self.plan.checks()],
                ..SlicePart::default()
            });
            let is_new = part.count(&entry, &self.plan, || known(slice));
            // Every exchange is in the first slice, so a key that is not new there was entered before.
            if slice == 0 && is_new {
                self.keys.enter(entry.key);
            }
        }
    }

    /// Adds another part of the same window.
    ///
    /// # Panics
    /// When the parts used different thresholds: they would not be parts of one window.
    pub fn merge(&mut self, other: Self) {
        self.exposure.merge(&other.exposure);
        self.keys.merge(&other.keys);
        for (slice, part) in other.slices {
            match self.slices.get_mut(&slice) {
                Some(mine) => mine.merge(part, self.plan.checks()),
                None => drop(self.slices.insert(slice, part)),
            }
        }
    }

    fn expose(&mut self, facts: &Facts<'_>) {
        let [primary, candidate, control] = facts.deeds;
        let paired = candidate != Deed::Nothing && control != Deed::Nothing;
        let (candidate, control) = (candidate == Deed::Missing, control == Deed::Missing);
        let counts = &mut self.exposure;
        counts.compared += 1;
        counts.primary_failed += u64::from(!matches!(primary, Deed::Answered(_)));
        counts.candidate_missing += u64::from(candidate);
        counts.control_missing += u64::from(control);
        counts.control_only_missing += u64::from(control && !candidate);
        counts.ordered += u64::from(paired);
        counts.candidate_first += u64::from(paired && facts.order == CopyOrder::CandidateFirst);
    }
}

impl Plan {
    /// Number of check positions.
    pub(super) fn checks(&self) -> usize {
        FIELDS + self.fields.len()
    }

    /// What the exchange adds to the checks; `None` when it enters none.
    fn enter<'a>(&self, facts: &'a Facts<'_>, seen: &Observation) -> Option<Entry<'a>> {
        let Deed::Answered(primary_ns) = facts.deeds[0] else { return None };
        if seen.primary_failed {
            return None;
        }
        let mut marks = Marks::of(seen, self.control)?;
        let known = u64::MAX >> (64 - self.checks());
        marks.a &= known;
        marks.b &= known;
        Some(Entry {
            key: facts.cluster_key,
            marks,
            latency: [
                Latency::of(Some(primary_ns)),
                Latency::of_side(seen.candidate.as_ref()),
                Latency::of_side(seen.control.as_ref()),
            ],
            replica: self.replica_header.as_ref().and_then(|name| facts.candidate_header(name.as_str())),
        })
    }
}

impl SlicePart {
    /// Counts an exchange; false where one of its key was counted here before.
    fn count(&mut self, entry: &Entry<'_>, plan: &Plan, known: impl FnOnce() -> bool) -> bool {
        let [_, candidate, control] = entry.latency;
        let marks = entry.marks.with_latency(candidate.nanoseconds(), control.nanoseconds(), &self.bounds);
        self.requests += 1;
        self.record(entry);
        for at in positions(marks.a) {
            self.bad[at][0] += 1;
        }
        for at in positions(marks.b) {
            self.bad[at][1] += 1;
        }
        if let Some(replica) = entry.replica {
            self.replicas.count(replica, marks, plan.checks());
        }
        if plan.unit == UnitKind::Request {
            self.closed.request(marks, plan.checks());
            true
        } else if let Some(unit) = self.units.get_mut(&entry.key) {
            unit.count(marks, plan.fields.len());
            false
        } else if known() {
            self.repeated.insert(entry.key)
        } else {
            self.units.entry(entry.key).or_default().count(marks, plan.fields.len());
            true
        }
    }

    fn record(&mut self, entry: &Entry<'_>) {
        for (role, latency) in entry.latency.iter().enumerate() {
            match latency {
                Latency::Took { edge, .. } => self.latency[role].record_edge(*edge),
                Latency::Missing => self.missing[role] += 1,
                Latency::NotSent => {}
            }
        }
    }

    fn merge(&mut self, other: Self, checks: usize) {
        assert_eq!(self.bounds, other.bounds, "parts of one window use the same thresholds");
        for (key, unit) in other.units {
            self.units.entry(key).and_modify(|mine| mine.merge(&unit)).or_insert(unit);
        }
        self.closed.merge(&other.closed);
        self.requests += other.requests;
        self.repeated.extend(other.repeated);
        for (mine, theirs) in self.bad.iter_mut().zip(other.bad) {
            mine[0] += theirs[0];
            mine[1] += theirs[1];
        }
        self.replicas.merge(other.replicas, checks);
        for (mine, theirs) in self.latency.iter_mut().zip(other.latency) {
            mine.merge(theirs);
        }
        for (mine, theirs) in self.missing.iter_mut().zip(other.missing) {
            *mine += theirs;
        }
    }
}

//! Tally rows: everything that the judge reads, as integers.
//!
//! Merging rows of one window is addition (sets: union), so partitions can be tallied anywhere and
//! in any order. Written as `parallax.tally/1`, one JSON object a line.

mod gap;
mod int;
mod lines;
mod merge;

pub use gap::Gap;
pub(crate) use lines::{Part, Read, parts};
pub use lines::{TALLY_SCHEMA, Tallies, TallyError, read_tallies};

use crate::check::Check;
use crate::latencies::Latencies;
use crate::slice::Slice;
use parallax_exchange::Admissions;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Units made worse and better.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signs {
    /// Units in which the candidate did worse than the control.
    #[serde(with = "int")]
    pub worse: u64,
    /// Units in which it did better.
    #[serde(with = "int")]
    pub better: u64,
}

impl Signs {
    /// Adds the counts of `other`.
    pub fn merge(&mut self, other: Self) {
        self.worse += other.worse;
        self.better += other.better;
    }
}

/// The counts of one check in one slice and window.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Row {
    /// The run's window index, from 1; gaps are empty windows.
    pub window: u64,
    /// The sub-population; everything where it is absent.
    #[serde(default)]
    pub slice: Slice,
    /// The question.
    pub check: Check,
    /// Units counted; for latency only those with a published threshold.
    #[serde(with = "int")]
    pub units: u64,
    /// Signs of a count check.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub signs: Option<Signs>,
    /// Signs of a latency check, candidate granted g_R.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reject: Option<Signs>,
    /// Signs of a latency check, candidate granted g_P.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub promote: Option<Signs>,
    /// The published threshold x of a latency check, in nanoseconds.
    #[serde(default, with = "int::option", skip_serializing_if = "Option::is_none")]
    pub threshold_ns: Option<u64>,
    /// Units in which the control was bad.
    #[serde(default, with = "int::option", skip_serializing_if = "Option::is_none")]
    pub control_bad: Option<u64>,
    /// Discordant requests by candidate replica: `worse` A=1,B=0, `better` A=0,B=1.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub replicas: BTreeMap<String, Signs>,
}

/// What happened to the exchanges of one window.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Exposure {
    /// Admitted to the mirror.
    #[serde(with = "int")]
    pub mirrored: u64,
    /// Every mirrored role ended in an outcome.
    #[serde(with = "int")]
    pub compared: u64,
    /// Given up at admission for all roles.
    #[serde(with = "int")]
    pub shed: u64,
    /// Evidence that arrived after its window was sealed.
    #[serde(with = "int")]
    pub late: u64,
    /// The primary has no outcome; in no check.
    #[serde(with = "int")]
    pub primary_failed: u64,
    /// The candidate has no response.
    #[serde(with = "int")]
    pub candidate_missing: u64,
    /// The control has no response.
    #[serde(with = "int")]
    pub control_missing: u64,
    /// The control has no response and the candidate has one.
    #[serde(with = "int")]
    pub control_only_missing: u64,
    /// Compared exchanges whose copies went to both candidate and control.
    #[serde(with = "int")]
    pub ordered: u64,
    /// Of the `ordered` ones, those whose candidate copy was sent first.
    #[serde(with = "int")]
    pub candidate_first: u64,
    /// Copies offered to the candidate.
    #[serde(with = "int")]
    pub candidate_offered: u64,
    /// Copies offered to the control.
    #[serde(with = "int")]
    pub control_offered: u64,
    /// A set of cluster keys is full (`keys_max`): returning keys can no longer be told, and no unit of
    /// the slice is counted in this window.
    pub key_set_full: bool,
    /// 64-bit hashes of cluster keys, ascending: those of the window that are new among the 1,024
    /// smallest of the run. So the 1,024 smallest of all windows together are those of the run.
    #[serde(with = "hex_keys")]
    pub keys: Vec<u64>,
    /// Counters that an imported tally does not give, by name; rules that need them are skipped.
    #[serde(skip)]
    pub absent: BTreeSet<&'static str>,
}

impl Exposure {
    /// Adds the counts of another part of the same window; `keys` become the union.
    pub fn merge(&mut self, other: &Self) {
        self.mirrored += other.mirrored;
        self.compared += other.compared;
        self.shed += other.shed;
        self.late += other.late;
        self.primary_failed += other.primary_failed;
        self.candidate_missing += other.candidate_missing;
        self.control_missing += other.control_missing;
        self.control_only_missing += other.control_only_missing;
        self.ordered += other.ordered;
        self.candidate_first += other.candidate_first;
        self.candidate_offered += other.candidate_offered;
        self.control_offered += other.control_offered;
        self.key_set_full |= other.key_set_full;
        self.keys.extend(&other.keys);
        self.keys.sort_unstable();
        self.keys.dedup();
        self.absent.extend(&other.absent);
    }
}

/// Hashes use all 64 bits, which not every reader of JSON keeps in a number.
mod hex_keys {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(super) fn serialize<S: Serializer>(keys: &[u64], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(keys.iter().map(|key| format!("{key:016x}")))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u64>, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Key {
            Number(u64),
            Text(String),
        }
        let keys = Vec::<Key>::deserialize(deserializer)?.into_iter().map(|key| match key {
            Key::Number(number) => Ok(number),
            Key::Text(text) => u64::from_str_radix(&text, 16).map_err(D::Error::custom),
        });
        let mut keys = keys.collect::<Result<Vec<u64>, _>>()?;
        keys.sort_unstable();
        keys.dedup();
        Ok(keys)
    }
}

/// Something that ends a run's validity for good.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// The candidate's build changed during the run.
    CandidateChanged,
    /// The primary's build changed during the run.
    BaselineChanged,
    /// The control's build changed during the run.
    ControlChanged,
    /// Part of the evidence was compared by another version of the comparison.
    NormaliserChanged,
    /// Part of the evidence was gathered under another policy.
    PolicyChanged,
    /// A set of key hashes reached `keys_max`, so returning keys can no longer be told.
    KeySetFull,
}

/// Requests of one slice and window; estimates for people, no evidence.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct SliceCounts {
    /// Requests that entered the checks.
    #[serde(with = "int")]
    pub requests: u64,
    /// Units left out because their key was counted before in its key block.
    #[serde(with = "int")]
    pub repeated: u64,
    /// Bad requests by count check.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub bad: BTreeMap<Check, Badness>,
}

impl SliceCounts {
    /// Adds the counts of another part of the same slice and window.
    pub fn merge(&mut self, other: Self) {
        self.requests += other.requests;
        self.repeated += other.repeated;
        for (check, badness) in other.bad {
            let mine = self.bad.entry(check).or_default();
            mine.candidate += badness.candidate;
            mine.control += badness.control;
        }
    }
}

/// Bad requests of one check.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Badness {
    /// In which the candidate was bad.
    #[serde(with = "int")]
    pub candidate: u64,
    /// In which the control was.
    #[serde(with = "int")]
    pub control: u64,
}

/// One sealed window: the judge's whole input.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SealedWindow {
    /// The run's window index, from 1.
    pub window: u64,
    /// Unix time in nanoseconds at which the window ends: the watermark; 0 where it is not known.
    pub end_ns: u64,
    /// What happened at the mirror's door; absent in imported tallies.
    pub admissions: Option<Admissions>,
    /// What happened to the exchanges; absent in imported tallies that have none.
    pub exposure: Option<Exposure>,
    /// Counts, sorted by slice, then check.
    pub rows: Vec<Row>,
    /// Requests by slice.
    pub slices: BTreeMap<Slice, SliceCounts>,
    /// Latency of each role by slice.
    pub latency: BTreeMap<Slice, RoleHistograms>,
    /// What ends the run's validity.
    pub faults: BTreeSet<Fault>,
    /// The process ended before this window was sealed, and came back.
    pub gap: Option<Gap>,
}

/// Latencies of the roles in one slice and window.
///
/// A missing outcome is +infinity: counted in `missing`, in no bucket.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct RoleHistograms {
    /// The primary's.
    #[serde(default, skip_serializing_if = "Latencies::is_empty")]
    pub primary: Latencies,
    /// The candidate's.
    #[serde(default, skip_serializing_if = "Latencies::is_empty")]
    pub candidate: Latencies,
    /// The control's.
    #[serde(default, skip_serializing_if = "Latencies::is_empty")]
    pub control: Latencies,
    /// Missing outcomes of primary, candidate, control.
    pub missing: [u64; 3],
}

impl RoleHistograms {
    /// Adds the counts of `other`.
    pub fn merge(&mut self, other: &Self) {
        self.primary.merge(&other.primary);
        self.candidate.merge(&other.candidate);
        self.control.merge(&other.control);
        for (mine, theirs) in self.missing.iter_mut().zip(other.missing) {
            *mine += theirs;
        }
    }
}

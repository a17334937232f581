//! What was found: counts, paths, examples, and the units of the check `outputs`.

use super::pairs::{Fate, Pairs};
use super::pass::Entry;
use serde::Serialize;
use std::collections::BTreeMap;

/// What is wrong with a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    /// The primary wrote it, the candidate did not.
    Missing,
    /// The candidate wrote it, the primary did not.
    Extra,
    /// Both wrote the id, one of them more often.
    Duplicate,
    /// The same id in the same window with other content.
    Different,
    /// The same id in another window.
    Moved,
    /// Equal, but written after the allowed lateness.
    Late,
}

/// Records by what became of them.
///
/// `primary = matched + different + moved + late + missing + duplicate_primary` and
/// `candidate = matched + different + moved + late + extra + (duplicate - duplicate_primary)`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Records of the primary.
    pub primary: u64,
    /// Records of the other side.
    pub candidate: u64,
    /// Equal under the rules, in the same window, in time.
    pub matched: u64,
    /// Records of the primary whose id the other side does not have.
    pub missing: u64,
    /// Records of the other side whose id the primary does not have.
    pub extra: u64,
    /// Records that one side has more than the other, of ids that both have.
    pub duplicate: u64,
    /// Of these, those that the primary has more.
    pub duplicate_primary: u64,
    /// Pairs with other content.
    pub different: u64,
    /// Pairs in different windows.
    pub moved: u64,
    /// Pairs of which only the other side's was late.
    pub late: u64,
}

/// One record that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What is wrong.
    pub class: Class,
    /// The record's id; `None` where it has none.
    pub id: Option<String>,
    /// The places that differ: JSON pointers and `header:name`.
    pub paths: Vec<String>,
}

/// The primary against one other side.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Findings {
    /// How many.
    pub counts: Counts,
    /// Pairs that differ at a place, by its pattern (array positions and keys that are data as `*`).
    pub by_path: BTreeMap<String, u64>,
    /// Examples, of each class at most as many as asked for.
    #[serde(skip)]
    pub examples: Vec<Finding>,
}

/// Units of one window that the sides do not agree on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Units {
    /// Beside one for each record of the primary.
    pub(super) more: u64,
    pub(super) worse: u64,
    pub(super) better: u64,
}

/// Patterns that are told apart; the rest is counted under one name.
const PATTERNS_MAX: usize = 10_000;
const OTHER_PATTERNS: &str = "(other places)";

impl Findings {
    /// Adds the paired records of one id. The examples' ids are the caller's to add.
    pub(super) fn add(&mut self, pairs: &Pairs, has_left: bool) {
        let counts = &mut self.counts;
        for fate in &pairs.fates {
            *match fate {
                Fate::Matched => &mut counts.matched,
                Fate::Late => &mut counts.late,
                Fate::Moved => &mut counts.moved,
                Fate::Different => &mut counts.different,
                Fate::Missing => &mut counts.missing,
                Fate::Surplus => &mut counts.duplicate_primary,
            } += 1;
            counts.duplicate += u64::from(*fate == Fate::Surplus);
        }
        *(if has_left { &mut counts.duplicate } else { &mut counts.extra }) += pairs.surplus.len() as u64;
        for (_, comparison) in &pairs.differing {
            let mut patterns: Vec<String> = comparison.differences.iter().map(pattern).collect();
            patterns.sort_unstable();
            patterns.dedup();
            for pattern in patterns {
                let known = self.by_path.contains_key(&pattern) || self.by_path.len() < PATTERNS_MAX;
                *self.by_path.entry(if known { pattern } else { OTHER_PATTERNS.to_owned() }).or_default() +=
                    1;
            }
        }
    }

    /// Whether there is nothing but matches.
    #[must_use]
    pub fn is_equal(&self) -> bool {
        let Counts { missing, extra, duplicate, different, moved, late, .. } = self.counts;
        missing + extra + duplicate + different + moved + late == 0
    }
}

fn pattern(difference: &crate::diff::Difference) -> String {
    place(difference.part, &difference.pattern)
}

/// The place of a difference, as `--id` would name it.
pub(super) fn place(part: crate::diff::Part, path: &str) -> String {
    match part {
        crate::diff::Part::Header => format!("header:{path}"),
        _ => path.to_owned(),
    }
}

/// Adds what the candidate and the control made of the primary's records `left` of one id.
///
/// A unit is one copy of an event in the window of the primary's record. It is bad on a side where it
/// is anything but matched; a copy that only other sides have is a unit of its own.
pub(super) fn add_units(
    left: &[Entry],
    (candidate, candidate_pairs): (&[Entry], &Pairs),
    (control, control_pairs): (&[Entry], &Pairs),
    units: &mut BTreeMap<i64, Units>,
) {
    for (at, entry) in left.iter().enumerate() {
        let bad = |pairs: &Pairs| pairs.fates[at] != Fate::Matched;
        let (candidate, control) = (bad(candidate_pairs), bad(control_pairs));
        if candidate != control {
            let window = units.entry(entry.window).or_default();
            window.worse += u64::from(candidate);
            window.better += u64::from(control);
        }
    }
    let window = |entry: &Entry| left.first().unwrap_or(entry).window;
    let mut surplus = BTreeMap::<i64, (u64, u64)>::new();
    for at in &candidate_pairs.surplus {
        surplus.entry(window(&candidate[*at])).or_default().0 += 1;
    }
    for at in &control_pairs.surplus {
        surplus.entry(window(&control[*at])).or_default().1 += 1;
    }
    for (window, (candidate, control)) in surplus {
        let units = units.entry(window).or_default();
        units.more += candidate.max(control);
        units.worse += candidate.saturating_sub(control);
        units.better += control.saturating_sub(candidate);
    }
}

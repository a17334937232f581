//! Which copy of an id on one side belongs to which on the other, and what became of each.

use super::OutputsError;
use super::pass::Entry;
use crate::compare::Comparison;
use smallvec::SmallVec;

/// What became of a record of the primary's on the other side.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Fate {
    Matched,
    /// There, equal, and written after the allowed lateness, which the primary's was not.
    Late,
    /// There, in another window.
    Moved,
    /// There, with other content.
    Different,
    /// The other side has no record of this id.
    Missing,
    /// The other side has fewer records of this id.
    Surplus,
}

/// The records of one id, paired.
#[derive(Debug, Default)]
pub(super) struct Pairs {
    /// One for each record on the left, in their order.
    pub(super) fates: SmallVec<[Fate; 2]>,
    /// Records on the right that have no partner.
    pub(super) surplus: SmallVec<[usize; 2]>,
    /// What differs between the partners that are moved or different.
    pub(super) differing: Vec<(usize, Comparison)>,
}

/// So many comparisons are spent on finding partners that are equal under the rules, among the copies of
/// one id that are not equal as they stand; beyond, they are paired in order.
const PROBES_MAX: usize = 4_096;

type Free = SmallVec<[usize; 4]>;

/// Pairs the records of one id; both sides sorted.
///
/// First those that mean the same in the same window, then those of one window that are equal under
/// the rules, then those of one window, then any: each time in order.
pub(super) fn pair(
    left: &[Entry],
    right: &[Entry],
    compare: &mut dyn FnMut(&Entry, &Entry) -> Result<Comparison, OutputsError>,
) -> Result<Pairs, OutputsError> {
    let unpaired = if right.is_empty() { Fate::Missing } else { Fate::Surplus };
    let mut pairs = Pairs { fates: SmallVec::from_elem(unpaired, left.len()), ..Pairs::default() };
    let (mut lefts, mut rights) = identical(left, right, &mut pairs.fates);
    if !lefts.is_empty() && !rights.is_empty() {
        let mut known = Vec::new();
        if lefts.len() * rights.len() <= PROBES_MAX {
            take(&mut lefts, &mut rights, |l, r| {
                if left[l].window != right[r].window {
                    return Ok(false);
                }
                let comparison = compare(&left[l], &right[r])?;
                let equal = comparison.differences.is_empty();
                if equal {
                    pairs.fates[l] = timely(&left[l], &right[r]);
                } else {
                    known.push((l, r, comparison));
                }
                Ok(equal)
            })?;
        }
        for fate in [Fate::Different, Fate::Moved] {
            take(&mut lefts, &mut rights, |l, r| {
                if fate == Fate::Different && left[l].window != right[r].window {
                    return Ok(false);
                }
                let at = known.iter().position(|(kl, kr, _)| (*kl, *kr) == (l, r));
                let comparison = match at {
                    Some(at) => known.swap_remove(at).2,
                    None => compare(&left[l], &right[r])?,
                };
                // Beyond the probes an equal pair may still turn up.
                let equal = fate == Fate::Different && comparison.differences.is_empty();
                pairs.fates[l] = if equal { timely(&left[l], &right[r]) } else { fate };
                if !equal {
                    pairs.differing.push((l, comparison));
                }
                Ok(true)
            })?;
        }
    }
    pairs.surplus.extend(rights);
    Ok(pairs)
}

/// Pairs what means the same in the same window; returns what is left.
fn identical(left: &[Entry], right: &[Entry], fates: &mut [Fate]) -> (Free, Free) {
    let (mut lefts, mut rights) = (Free::new(), Free::new());
    let (mut l, mut r) = (0, 0);
    while l < left.len() && r < right.len() {
        match left[l].meaning().cmp(&right[r].meaning()) {
            std::cmp::Ordering::Less => {
                lefts.push(l);
                l += 1;
            }
            std::cmp::Ordering::Greater => {
                rights.push(r);
                r += 1;
            }
            std::cmp::Ordering::Equal => {
                fates[l] = timely(&left[l], &right[r]);
                l += 1;
                r += 1;
            }
        }
    }
    lefts.extend(l..left.len());
    rights.extend(r..right.len());
    (lefts, rights)
}

fn timely(left: &Entry, right: &Entry) -> Fate {
    if right.is_late && !left.is_late { Fate::Late } else { Fate::Matched }
}

/// Removes from both lists the pairs that `fit`: for each on the left the first on the right.
fn take(
    lefts: &mut Free,
    rights: &mut Free,
    mut fit: impl FnMut(usize, usize) -> Result<bool, OutputsError>,
) -> Result<(), OutputsError> {
    let mut rest = Free::new();
    for &l in lefts.iter() {
        let mut found = None;
        for (at, &r) in rights.iter().enumerate() {
            if fit(l, r)? {
                found = Some(at);
                break;
            }
        }
        match found {
            Some(at) => drop(rights.remove(at)),
            None => rest.push(l),
        }
    }
    *lefts = rest;
    Ok(())
}

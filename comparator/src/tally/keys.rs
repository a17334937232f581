//! Cluster keys: which ones counted already, and how many there are.

use super::plan::Plan;
use foldhash::{HashSet, HashSetExt as _};
use parallax_config::UnitKind;
use std::collections::BTreeSet;

/// Hashes kept to estimate the number of distinct keys.
const SMALLEST: usize = 1024;

/// The keys that have been counted, exactly: a key that returns is no fresh draw (`verdict.md` 2.1).
///
/// Changed at seals only, so what a key finds there does not depend on the order of arrival.
#[derive(Debug, Clone)]
pub(crate) struct KeySets {
    unit: UnitKind,
    max: u64,
    slices: Vec<Counted>,
    /// What the newest window entered.
    entered: Entered,
}

/// Key hashes by position of their slice in the plan: what one window adds to the sets.
pub(crate) type Entered = Vec<(usize, Vec<u64>)>;

#[derive(Debug, Clone, Default)]
struct Counted {
    block: u64,
    keys: HashSet<u64>,
}

impl KeySets {
    pub(crate) fn new(plan: &Plan) -> Self {
        let slices = plan.slices.iter().map(|_| Counted::default()).collect();
        Self { unit: plan.unit, max: plan.keys_max, slices, entered: Entered::new() }
    }

    /// Forgets what the window before entered.
    pub(crate) fn begin_window(&mut self) {
        self.entered.clear();
    }

    /// What the newest window entered; of use to who wants to go on from here without its exchanges.
    pub(crate) fn entered(&self) -> &Entered {
        &self.entered
    }

    /// Whether the key has been counted in this block.
    pub(crate) fn holds(&self, slice: usize, block: u64, key: u64) -> bool {
        let counted = &self.slices[slice];
        self.unit != UnitKind::Request && counted.block == block && counted.keys.contains(&key)
    }

    /// Enters the new ones of `keys`; false when they do not all fit, and then none is entered.
    ///
    /// All or none: which ones would fit depends on an order that means nothing.
    pub(crate) fn enter(
        &mut self,
        slice: usize,
        block: u64,
        keys: impl Iterator<Item = u64> + Clone,
    ) -> bool {
        let counted = &mut self.slices[slice];
        if counted.block != block {
            *counted = Counted { block, keys: HashSet::new() };
        }
        let new = keys.clone().filter(|key| !counted.keys.contains(key)).count() as u64;
        let fits = counted.keys.len() as u64 + new <= self.max;
        if fits {
            counted.keys.extend(keys.clone());
            self.entered.push((slice, keys.collect()));
        }
        fits
    }
}

/// The smallest 64-bit hashes of the keys seen: exact below 1,024 keys, then an estimate.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct SmallestKeys(BTreeSet<u64>);

impl SmallestKeys {
    /// Whether the key is among the smallest now and was not before.
    pub(crate) fn enter(&mut self, key: u64) -> bool {
        if self.0.len() < SMALLEST {
            return self.0.insert(key);
        }
        let enters = self.0.last().is_some_and(|largest| key < *largest) && self.0.insert(key);
        if enters {
            self.0.pop_last();
        }
        enters
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        for key in &other.0 {
            self.enter(*key);
        }
    }

    /// Enters the keys of a window into those of the run; gives those that are new in the end, ascending.
    ///
    /// The others change no union, so nobody needs to hear of them again.
    pub(crate) fn enter_all(&mut self, window: Self) -> Vec<u64> {
        let entered: Vec<u64> = window.0.into_iter().filter(|key| self.enter(*key)).collect();
        entered.into_iter().filter(|key| self.0.contains(key)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn smallest_of(keys: &[u64]) -> SmallestKeys {
        let mut smallest = SmallestKeys::default();
        keys.iter().for_each(|key| {
            smallest.enter(*key);
        });
        smallest
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        #[test]
        fn the_smallest_keys_of_parts_are_those_of_the_whole(
            keys in proptest::collection::vec(0u64..5000, 0..4000), cut in 0usize..4000,
        ) {
            let (left, right) = keys.split_at(cut.min(keys.len()));
            let mut joined = smallest_of(left);
            joined.merge(&smallest_of(right));
            prop_assert_eq!(&joined, &smallest_of(&keys));

            let mut run = smallest_of(left);
            let new = run.enter_all(smallest_of(right));
            prop_assert_eq!(&run, &joined);
            let mut told = smallest_of(left);
            told.merge(&smallest_of(&new));
            prop_assert_eq!(told, joined, "what is told suffices");
        }
    }
}

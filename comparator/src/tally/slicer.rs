//! Which slices an exchange belongs to.

use crate::slice::Slice;
use foldhash::HashMap;
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// Label sets remembered; past it the memory starts anew, which costs time and changes nothing.
const REMEMBERED: usize = 4096;

/// Finds the slices of a label set, and remembers them: exchanges carry few different sets.
#[derive(Debug)]
pub(crate) struct Slicer {
    slices: Vec<Slice>,
    /// By a hash of the labels.
    known: HashMap<u64, Known>,
}

#[derive(Debug)]
struct Known {
    labels: Box<[(Box<str>, Box<str>)]>,
    slices: Box<[usize]>,
}

impl Slicer {
    /// `slices` are `all`, the named ones and, where there are named ones, `other`.
    pub(crate) fn new(slices: &[Slice]) -> Self {
        Self { slices: slices.to_vec(), known: HashMap::default() }
    }

    /// Positions of the slices: `all`, and every named one whose labels it carries, or else `other`.
    pub(crate) fn slices_of(&mut self, labels: &[(&str, &str)]) -> &[usize] {
        let hash = hash(labels);
        // Two sets with one hash take turns, which costs time and changes nothing.
        let is_known = self.known.get(&hash).is_some_and(|known| known.is_of(labels));
        if !is_known {
            let known = Known { labels: owned(labels), slices: self.find(labels) };
            if self.known.len() >= REMEMBERED {
                self.known.clear();
            }
            self.known.insert(hash, known);
        }
        self.known.get(&hash).map_or(&[], |known| &known.slices)
    }

    fn find(&self, labels: &[(&str, &str)]) -> Box<[usize]> {
        let carries = |name: &str, value: &str| labels.contains(&(name, value));
        let named = self.slices.iter().enumerate().filter(|(_, slice)| !slice.is_all() && !slice.is_other());
        let mut found = vec![0];
        found.extend(
            named
                .filter(|(_, slice)| slice.labels().iter().all(|(n, v)| carries(n, v)))
                .map(|(index, _)| index),
        );
        if found.len() == 1 && self.slices.len() > 1 {
            found.push(self.slices.len() - 1);
        }
        found.into()
    }
}

impl Known {
    fn is_of(&self, labels: &[(&str, &str)]) -> bool {
        self.labels.len() == labels.len()
            && self.labels.iter().zip(labels).all(|(mine, other)| (&*mine.0, &*mine.1) == *other)
    }
}

fn owned(labels: &[(&str, &str)]) -> Box<[(Box<str>, Box<str>)]> {
    labels.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect()
}

fn hash(labels: &[(&str, &str)]) -> u64 {
    labels.iter().fold(0, |seed, (name, value)| {
        xxh3_64_with_seed(value.as_bytes(), xxh3_64_with_seed(name.as_bytes(), seed))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    #[test]
    fn an_exchange_is_in_all_and_in_each_named_slice_or_else_in_other() {
        let both = Slice::from_iter([("region".into(), "eu".into()), ("route".into(), "a".into())]);
        let slices = [Slice::all(), Slice::of("route", "a"), both, Slice::other()];
        let mut slicer = Slicer::new(&slices);
        for _ in 0..2 {
            assert_eq!(*slicer.slices_of(&[("route", "a")]), [0, 1]);
            assert_eq!(*slicer.slices_of(&[("region", "eu"), ("route", "a")]), [0, 1, 2]);
            assert_eq!(*slicer.slices_of(&[("route", "b")]), [0, 3]);
            assert_eq!(*slicer.slices_of(&[]), [0, 3]);
        }
    }

    #[test]
    fn without_named_slices_there_is_no_other() {
        assert_eq!(*Slicer::new(&[Slice::all()]).slices_of(&[("route", "a")]), [0]);
    }

    /// Labels as exchanges carry them, each name at most once.
    fn labels() -> impl Strategy<Value = BTreeMap<&'static str, &'static str>> {
        let name = prop::sample::select(vec!["route", "tenant", "region", "shard"]);
        prop::collection::btree_map(name, prop::sample::select(vec!["a", "b", "c"]), 0..4)
    }

    proptest! {
        /// The definition: everything is in `all`; in each named slice all of whose labels it carries;
        /// and in `other` where there is none. Neither the order of labels nor what was asked before counts.
        #[test]
        fn slices_are_what_their_definition_says(
            named in prop::collection::btree_set(labels(), 0..6),
            asked in prop::collection::vec(labels(), 1..20),
        ) {
            let owned = |labels: &BTreeMap<&str, &str>| {
                Slice::from_iter(labels.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())))
            };
            let named: Vec<_> = named.into_iter().filter(|labels| !labels.is_empty()).collect();
            let mut slices: Vec<Slice> = std::iter::once(Slice::all()).chain(named.iter().map(owned)).collect();
            if !named.is_empty() {
                slices.push(Slice::other());
            }
            let mut slicer = Slicer::new(&slices);
            for labels in &asked {
                let is_in = |slice: &BTreeMap<&str, &str>| slice.iter().all(|pair| labels.get(pair.0) == Some(pair.1));
                let mut expected = vec![0];
                expected.extend((1..).zip(&named).filter(|(_, slice)| is_in(slice)).map(|(at, _)| at));
                if expected == [0] && !named.is_empty() {
                    expected.push(named.len() + 1);
                }
                let straight: Vec<_> = labels.iter().map(|(name, value)| (*name, *value)).collect();
                let reversed: Vec<_> = straight.iter().rev().copied().collect();
                prop_assert_eq!(slicer.slices_of(&straight), &expected);
                prop_assert_eq!(slicer.slices_of(&reversed), &expected);
            }
        }
    }

    #[test]
    fn more_label_sets_than_are_remembered_change_nothing() {
        let slices = [Slice::all(), Slice::of("tenant", "7"), Slice::other()];
        let mut slicer = Slicer::new(&slices);
        for index in (0..2 * REMEMBERED).chain(0..10) {
            let tenant = index.to_string();
            let expected = if index == 7 { [0, 1] } else { [0, 2] };
            assert_eq!(*slicer.slices_of(&[("route", "a"), ("tenant", &tenant)]), expected);
        }
        assert!(slicer.known.len() <= REMEMBERED);
    }
}

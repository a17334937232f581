//! Discordant requests by candidate replica: a noisy node must not condemn the build.

use super::marks::{FIELDS, Marks, PROMOTE, positions};
use crate::rows::Signs;
use std::collections::BTreeMap;

/// Replicas told apart; the names that sort last share a row.
const REPLICAS_MAX: usize = 256;
/// Bytes of a replica's name that count.
const NAME_MAX: usize = 64;
/// The row of those beyond.
const OTHERS: &str = "(others)";

/// Counts by replica and check position; the reject series stands for a latency check.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Replicas {
    named: BTreeMap<Box<str>, Vec<Signs>>,
    others: Vec<Signs>,
}

impl Replicas {
    pub(crate) fn count(&mut self, replica: &str, marks: Marks, checks: usize) {
        let row = self.row(cut(replica), checks);
        for at in positions(marks.a & !marks.b).filter(is_judged) {
            row[at].worse += 1;
        }
        for at in positions(marks.b & !marks.a).filter(is_judged) {
            row[at].better += 1;
        }
    }

    pub(crate) fn merge(&mut self, other: Self, checks: usize) {
        for (name, signs) in other.named {
            add(self.row(&name, checks), &signs);
        }
        if !other.others.is_empty() {
            self.others.resize(checks, Signs::default());
            add(&mut self.others, &other.others);
        }
    }

    /// The counts of one check.
    pub(crate) fn of(&self, position: usize) -> BTreeMap<String, Signs> {
        let others = (!self.others.is_empty()).then_some((OTHERS, &self.others));
        let named = self.named.iter().map(|(name, signs)| (&**name, signs));
        named.chain(others).map(|(name, signs)| (name.to_owned(), signs[position])).collect()
    }

    /// The names that sort first are kept, so that the order of arrival does not matter.
    fn row(&mut self, name: &str, checks: usize) -> &mut [Signs] {
        let full = self.named.len() >= REPLICAS_MAX && !self.named.contains_key(name);
        if full {
            self.others.resize(checks, Signs::default());
            if self.named.last_key_value().is_none_or(|(last, _)| name > &**last) {
                return &mut self.others;
            }
            if let Some((_, evicted)) = self.named.pop_last() {
                add(&mut self.others, &evicted);
            }
        }
        self.named.entry(name.into()).or_insert_with(|| vec![Signs::default(); checks])
    }
}

fn add(into: &mut [Signs], from: &[Signs]) {
    for (mine, theirs) in into.iter_mut().zip(from) {
        mine.worse += theirs.worse;
        mine.better += theirs.better;
    }
}

fn is_judged(position: &usize) -> bool {
    !(PROMOTE..FIELDS).contains(position)
}

fn cut(name: &str) -> &str {
    let mut end = name.len().min(NAME_MAX);
    while !name.is_char_boundary(end) {
        end -= 1;
    }
    &name[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_beyond_the_bound_share_a_row_whatever_the_order() {
        let names: Vec<String> = (0..REPLICAS_MAX + 40).map(|i| format!("pod-{i:04}")).collect();
        let bad = Marks { a: 0b11, b: 0 };
        let (mut forward, mut backward) = (Replicas::default(), Replicas::default());
        names.iter().for_each(|name| forward.count(name, bad, FIELDS));
        names.iter().rev().for_each(|name| backward.count(name, bad, FIELDS));
        assert_eq!(forward, backward);
        let rows = forward.of(0);
        assert_eq!(rows.len(), REPLICAS_MAX + 1);
        assert_eq!(rows[OTHERS], Signs { worse: 40, better: 0 });
        assert_eq!(forward.of(2)[OTHERS], Signs::default());
    }

    #[test]
    fn parts_merge_into_the_whole() {
        let (mut whole, mut left, mut right) =
            (Replicas::default(), Replicas::default(), Replicas::default());
        for (index, marks) in
            [Marks { a: 1, b: 0 }, Marks { a: 0, b: 1 }, Marks { a: 1, b: 1 }].iter().enumerate()
        {
            let name = ["a", "b"][index % 2];
            whole.count(name, *marks, FIELDS);
            [&mut left, &mut right][index % 2].count(name, *marks, FIELDS);
        }
        left.merge(right, FIELDS);
        assert_eq!(left, whole);
    }
}

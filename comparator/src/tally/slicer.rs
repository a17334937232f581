//! Which slices an exchange belongs to.

use crate::slice::Slice;
use parallax_exchange::Label;
use std::collections::HashMap;
use std::sync::Arc;

/// Label sets remembered; past it the memory starts anew, which costs time and changes nothing.
const REMEMBERED: usize = 4096;

/// Finds the slices of a label set, and remembers them: exchanges carry few different sets.
#[derive(Debug)]
pub(crate) struct Slicer {
    slices: Vec<Slice>,
    known: HashMap<Box<[Label]>, Arc<[usize]>>,
}

impl Slicer {
    /// `slices` are `all`, the named ones and, where there are named ones, `other`.
    pub(crate) fn new(slices: &[Slice]) -> Self {
        Self { slices: slices.to_vec(), known: HashMap::new() }
    }

    /// Positions of the slices: `all`, and every named one whose labels it carries, or else `other`.
    pub(crate) fn slices_of(&mut self, labels: &[Label]) -> Arc<[usize]> {
        if let Some(known) = self.known.get(labels) {
            return Arc::clone(known);
        }
        let found = self.find(labels);
        if self.known.len() >= REMEMBERED {
            self.known.clear();
        }
        self.known.insert(labels.into(), Arc::clone(&found));
        found
    }

    fn find(&self, labels: &[Label]) -> Arc<[usize]> {
        let carries = |name: &str, value: &str| {
            labels.iter().any(|label| *label.name == *name && *label.value == *value)
        };
        let named = self.slices.iter().enumerate().filter(|(_, slice)| !slice.is_all() && !slice.is_other());
        let mut found = vec![0];
        found.extend(
            named.filter(|(_, slice)| slice.0.iter().all(|(n, v)| carries(n, v))).map(|(index, _)| index),
        );
        if found.len() == 1 && self.slices.len() > 1 {
            found.push(self.slices.len() - 1);
        }
        found.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn label(name: &str, value: &str) -> Label {
        Label { name: name.into(), value: value.into() }
    }

    #[test]
    fn an_exchange_is_in_all_and_in_each_named_slice_or_else_in_other() {
        let both = Slice([("region".into(), "eu".into()), ("route".into(), "a".into())].into());
        let slices = [Slice::all(), Slice::of("route", "a"), both, Slice::other()];
        let mut slicer = Slicer::new(&slices);
        for _ in 0..2 {
            assert_eq!(*slicer.slices_of(&[label("route", "a")]), [0, 1]);
            assert_eq!(*slicer.slices_of(&[label("region", "eu"), label("route", "a")]), [0, 1, 2]);
            assert_eq!(*slicer.slices_of(&[label("route", "b")]), [0, 3]);
            assert_eq!(*slicer.slices_of(&[]), [0, 3]);
        }
    }

    #[test]
    fn without_named_slices_there_is_no_other() {
        assert_eq!(*Slicer::new(&[Slice::all()]).slices_of(&[label("route", "a")]), [0]);
    }
}

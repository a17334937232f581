//! Arrays whose order means nothing, by rule: compared as multisets.

use super::array::Frame;
use super::walk::Walk;
use crate::diff::path::Step;
use crate::diff::sink::Stop;
use std::collections::HashMap;
use std::ops::Range;

impl Walk<'_, '_, '_> {
    /// Compares the arrays of `frame` as multisets, and forgets what a comparison in order recorded.
    ///
    /// Elements that are equal byte for byte are paired first, then those that are equal under the
    /// rules, each with the first free one. What is left is missing or extra; where both sides have
    /// equally many left they are paired in order, so that one changed element shows what changed
    /// in it.
    pub(super) fn multiset(&mut self, frame: &Frame) -> Result<(), Stop> {
        self.sink.rewind(frame.mark);
        let (left, right) = self.spans(frame)?;
        let ends = (self.left, self.right);
        let (mut left, mut right): (Vec<_>, Vec<_>) =
            (left.into_iter().enumerate().collect(), right.into_iter().enumerate().collect());
        self.pair_identical(&mut left, &mut right);
        self.pair_equal(&mut left, &mut right)?;
        if left.len() == right.len() {
            for ((index, l), (_, r)) in left.iter().zip(&right) {
                self.value_at(Step::Index(*index), (l.start, r.start))?;
            }
        } else {
            for (index, span) in left {
                let text = self.left.slice(&span);
                self.lone(Step::Index(index), Some(text), None)?;
            }
            for (index, span) in right {
                let text = self.right.slice(&span);
                self.lone(Step::Index(index), None, Some(text))?;
            }
        }
        (self.left, self.right) = ends;
        Ok(())
    }

    /// Removes pairs of elements with the same text.
    fn pair_identical(&self, left: &mut Vec<Element>, right: &mut Vec<Element>) {
        let mut counts: HashMap<&[u8], usize> = HashMap::new();
        for (_, span) in right.iter() {
            *counts.entry(self.right.slice(span)).or_default() += 1;
        }
        let mut paired: HashMap<&[u8], usize> = HashMap::new();
        left.retain(|(_, span)| {
            let text = self.left.slice(span);
            match counts.get_mut(text) {
                Some(count) if *count > 0 => {
                    *count -= 1;
                    *paired.entry(text).or_default() += 1;
                    false
                }
                _ => true,
            }
        });
        right.retain(|(_, span)| match paired.get_mut(self.right.slice(span)) {
            Some(count) if *count > 0 => {
                *count -= 1;
                false
            }
            _ => true,
        });
    }

    /// Removes pairs of elements that are equal under the rules.
    fn pair_equal(&mut self, left: &mut Vec<Element>, right: &mut Vec<Element>) -> Result<(), Stop> {
        let mut unpaired = Vec::new();
        for (index, span) in left.drain(..) {
            let mut found = None;
            for (place, (_, other)) in right.iter().enumerate() {
                if self.equal_at(Step::Index(index), (span.start, other.start))? {
                    found = Some(place);
                    break;
                }
            }
            match found {
                Some(place) => drop(right.remove(place)),
                None => unpaired.push((index, span)),
            }
        }
        *left = unpaired;
        Ok(())
    }
}

/// An element's index and text.
type Element = (usize, Range<usize>);

//! Arrays: element by element, and what to say when that does not go up.

use super::walk::{Starts, Walk, on_left, on_right};
use super::{Shape, Type};
use crate::diff::Kind;
use crate::diff::path::Step;
use crate::diff::sink::{Mark, Stop};
use crate::mask::Pairing;
use std::ops::Range;

/// Differing elements among which the same elements in another order are looked for.
pub(super) const MOVED_MAX: usize = 256;

/// An array being compared.
pub(super) struct Frame {
    pub(super) shape: Shape,
    /// Where the array starts on both sides, brackets included.
    pub(super) starts: Starts,
    /// Where its first element is looked for.
    pub(super) inside: Starts,
    /// What had been recorded before it.
    pub(super) mark: Mark,
}

/// An element that differs, and where it starts on both sides.
#[derive(Debug, Clone, Copy)]
pub(super) struct Changed {
    pub(super) index: usize,
    pub(super) starts: Starts,
}

impl Walk<'_, '_, '_> {
    /// Compares the arrays whose opening brackets were just passed.
    pub(super) fn array(&mut self, shape: Shape, starts: Starts) -> Result<(), Stop> {
        let inside = (self.left.at(), self.right.at());
        let frame = Frame { shape, starts, inside, mark: self.sink.mark() };
        let mut first = (true, true);
        let mut changed: Vec<Changed> = Vec::new();
        let (mut index, depth) = (0, self.path.len());
        loop {
            match self.elements(shape, &mut first)? {
                (true, true) => {}
                (false, false) => break,
                _ => return self.uneven(&frame, changed.first().map_or(index, |first| first.index)),
            }
            let before = self.sink.mark();
            let at = (self.left.at(), self.right.at());
            self.path.push(Step::Index(index));
            let compared = self.value();
            self.path.truncate(depth);
            match compared {
                Ok(()) => {}
                // A probe of an unordered array goes on: the elements may be further along.
                Err(Stop::Differs) if self.reorders() => return self.unordered(&frame),
                Err(stop) => return Err(stop),
            }
            if self.sink.mark() != before {
                changed.push(Changed { index, starts: at });
            }
            index += 1;
        }
        if changed.is_empty() {
            return Ok(());
        }
        if self.reorders() {
            return self.unordered(&frame);
        }
        if (2..=MOVED_MAX).contains(&changed.len()) && self.is_permutation(&changed)? {
            self.sink.rewind(frame.mark);
            return self.differ(Kind::Order, starts);
        }
        Ok(())
    }

    /// Whether a rule says that the order of this array means nothing.
    fn reorders(&self) -> bool {
        self.sink.masks.pairing(&self.path).is_some()
    }

    /// Compares an array of which a rule says so without regard to order.
    fn unordered(&mut self, frame: &Frame) -> Result<(), Stop> {
        match self.sink.masks.pairing(&self.path) {
            Some(Pairing::Key(key)) => self.keyed(frame, key),
            _ => self.multiset(frame),
        }
    }

    /// Moves both cursors to the next element; which sides have one.
    pub(super) fn elements(&mut self, shape: Shape, first: &mut (bool, bool)) -> Result<(bool, bool), Stop> {
        let depth = self.path.len();
        match shape {
            Shape::Value => Ok((
                self.left.element(&mut first.0, depth).map_err(on_left)?,
                self.right.element(&mut first.1, depth).map_err(on_right)?,
            )),
            Shape::Lines => Ok((self.left.peek().is_some(), self.right.peek().is_some())),
        }
    }

    /// The arrays have different lengths, and their first `same` elements are equal.
    ///
    /// Records the length, then pairs the elements that are left once the equal ones at both ends
    /// are set aside, so that one removed element does not make all that follow it differ.
    fn uneven(&mut self, frame: &Frame, same: usize) -> Result<(), Stop> {
        if self.reorders() {
            return self.unordered(frame);
        }
        self.sink.rewind(frame.mark);
        let (left, right) = self.spans(frame)?;
        let ends = (self.left, self.right);
        self.differ(Kind::Length, frame.starts)?;
        let (mut left, mut right) = (&left[same..], &right[same..]);
        while let (Some((l, left_rest)), Some((r, right_rest))) = (left.split_last(), right.split_last()) {
            if !self.equal_at(Step::Index(same + left_rest.len()), (l.start, r.start))? {
                break;
            }
            (left, right) = (left_rest, right_rest);
        }
        for (index, (l, r)) in left.iter().zip(right).enumerate() {
            self.value_at(Step::Index(same + index), (l.start, r.start))?;
        }
        (self.left, self.right) = ends;
        Ok(())
    }

    /// The texts of all elements; leaves both cursors at the ends of the arrays.
    #[expect(clippy::type_complexity, reason = "the same list for both sides")]
    pub(super) fn spans(&mut self, frame: &Frame) -> Result<(Vec<Range<usize>>, Vec<Range<usize>>), Stop> {
        let depth = self.path.len();
        self.left.seek(frame.inside.0);
        self.right.seek(frame.inside.1);
        let left = self.left.elements(frame.shape, depth).map_err(on_left)?;
        let right = self.right.elements(frame.shape, depth).map_err(on_right)?;
        self.sink.pay(self.left.at() - frame.inside.0)?;
        self.sink.pay(self.right.at() - frame.inside.1)?;
        Ok((left, right))
    }

    /// Whether the changed elements are the same on both sides, in another order.
    ///
    /// Gives up at the first element that the other side has nowhere, which most often is the very
    /// first.
    pub(super) fn is_permutation(&mut self, changed: &[Changed]) -> Result<bool, Stop> {
        let mut free: Vec<usize> = changed.iter().map(|changed| changed.starts.1).collect();
        for Changed { index, starts } in changed {
            let mut found = None;
            for (place, right) in free.iter().enumerate() {
                if self.equal_at(Step::Index(*index), (starts.0, *right))? {
                    found = Some(place);
                    break;
                }
            }
            match found {
                Some(place) => {
                    free.remove(place);
                }
                None => return Ok(false),
            }
        }
        Ok(true)
    }
}

impl super::Cursor<'_> {
    /// The texts of all elements from here to the end of the array.
    fn elements(&mut self, shape: Shape, depth: usize) -> Result<Vec<Range<usize>>, super::Broken> {
        let mut spans = Vec::new();
        let mut first = true;
        loop {
            let more = match shape {
                Shape::Value => self.element(&mut first, depth)?,
                Shape::Lines => self.peek().is_some(),
            };
            if !more {
                return Ok(spans);
            }
            let _: Type = self.peek_type()?;
            let start = self.at();
            self.skip(depth + 1)?;
            spans.push(start..self.at());
        }
    }
}

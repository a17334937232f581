//! One unit: all exchanges of a cluster key in one window and slice.

use super::marks::{FIELDS, Marks, positions};

/// The net badness of a unit for every check: requests with A=1,B=0 minus those with A=0,B=1.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Unit {
    net: [i32; FIELDS],
    /// Nets of the field checks; empty until one is not 0.
    fields: Box<[i32]>,
    /// Checks by which the control was bad in some request.
    pub(crate) control_bad: u64,
}

impl Unit {
    pub(crate) fn count(&mut self, marks: Marks, fields: usize) {
        self.control_bad |= marks.b;
        for at in positions(marks.a & !marks.b) {
            *self.at(at, fields) += 1;
        }
        for at in positions(marks.b & !marks.a) {
            *self.at(at, fields) -= 1;
        }
    }

    /// Adds a part of the same unit that was counted elsewhere.
    pub(crate) fn merge(&mut self, other: &Self) {
        self.control_bad |= other.control_bad;
        for (mine, theirs) in self.net.iter_mut().zip(other.net) {
            *mine += theirs;
        }
        if self.fields.is_empty() {
            self.fields.clone_from(&other.fields);
        } else {
            for (mine, theirs) in self.fields.iter_mut().zip(&other.fields) {
                *mine += theirs;
            }
        }
    }

    /// Nets by position.
    pub(crate) fn nets(&self) -> impl Iterator<Item = i64> {
        self.net.iter().chain(&self.fields).map(|net| i64::from(*net))
    }

    fn at(&mut self, position: usize, fields: usize) -> &mut i32 {
        if position < FIELDS {
            return &mut self.net[position];
        }
        if self.fields.is_empty() {
            self.fields = vec![0; fields].into();
        }
        &mut self.fields[position - FIELDS]
    }
}

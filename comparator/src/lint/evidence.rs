//! Where a rule hides, and who differs there.

use crate::diff::{Difference, Kind, Part};
use crate::report::{book, redact};
use parallax_exchange::Exchange;
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// A rule and a place, generalised.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    pub(super) rule: u16,
    pub(super) route: Option<Box<str>>,
    pub(super) part: Part,
    pub(super) pattern: Box<str>,
    pub(super) kind: Kind,
}

/// The same of one exchange, borrowed.
#[derive(Debug, Clone, Copy)]
pub(super) struct At<'a> {
    /// Names rule, route, part, pattern and kind.
    pub(super) key: u64,
    rule: u16,
    route: Option<&'a str>,
    pub(super) difference: &'a Difference,
    pub(super) candidate: bool,
    pub(super) control: bool,
}

impl<'a> At<'a> {
    /// `copy` is 0 for the candidate and 1 for the control.
    pub(super) fn new(rule: u16, route: Option<&'a str>, difference: &'a Difference, copy: usize) -> Self {
        let seed = route.map_or(0, |route| xxh3_64_with_seed(route.as_bytes(), 1));
        let seed = seed ^ u64::from(rule) << 16 ^ (difference.part as u64) << 8 ^ difference.kind as u64;
        Self {
            key: xxh3_64_with_seed(difference.pattern.as_bytes(), seed),
            rule,
            route,
            difference,
            candidate: copy == 0,
            control: copy == 1,
        }
    }

    /// Whether another difference is at the same place.
    pub(super) fn is_at(&self, other: &Difference) -> bool {
        let of = |difference: &'a Difference| (difference.part, difference.kind, &*difference.pattern);
        of(self.difference) == (other.part, other.kind, &*other.pattern)
    }

    pub(super) fn place(&self) -> Place {
        Place {
            rule: self.rule,
            route: self.route.map(Into::into),
            part: self.difference.part,
            pattern: self.difference.pattern.as_str().into(),
            kind: self.difference.kind,
        }
    }
}

/// Exchanges by who differs at a place.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Counts {
    /// The candidate differs.
    pub(super) candidate: u64,
    /// The control differs.
    pub(super) control: u64,
    /// The candidate alone, where the control answered.
    pub(super) candidate_only: u64,
    /// The control alone.
    pub(super) control_only: u64,
}

impl Counts {
    pub(super) fn of(candidate: bool, control: bool, with_control: bool) -> Self {
        Self {
            candidate: u64::from(candidate),
            control: u64::from(control),
            candidate_only: u64::from(candidate && !control && with_control),
            control_only: u64::from(control && !candidate),
        }
    }

    fn zip(self, other: Self, with: impl Fn(u64, u64) -> u64) -> Self {
        Self {
            candidate: with(self.candidate, other.candidate),
            control: with(self.control, other.control),
            candidate_only: with(self.candidate_only, other.candidate_only),
            control_only: with(self.control_only, other.control_only),
        }
    }
}

impl book::Counts for Counts {
    fn merge(&mut self, other: Self) {
        *self = self.zip(other, |a, b| a + b);
    }

    fn scaled(self, level: u32) -> Self {
        self.zip(self, |count, _| count.saturating_mul(1 << level.min(63)))
    }

    fn without(self, other: Self) -> Self {
        self.zip(other, u64::saturating_sub)
    }
}

/// One difference, kept for people to look at: without credentials, as recordings hold them where the run
/// was told to redact nothing.
#[derive(Debug, Clone)]
pub(super) struct PlaceExample {
    pub(super) exchange: String,
    pub(super) path: String,
    pub(super) left: Option<String>,
    pub(super) right: Option<String>,
}

impl PlaceExample {
    pub(super) fn of(exchange: &Exchange, difference: &Difference) -> Self {
        let Difference { path, left, right, .. } = redact::difference(difference);
        Self { exchange: exchange.id.to_string(), path, left, right }
    }
}

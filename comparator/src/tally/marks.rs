//! The answers of one exchange to every check's question, as two words of bits.
//!
//! Bit `i` of `a` says that the candidate is bad by check `i`, bit `i` of `b` that the control is.
//! Two equal words, the usual case, cost nothing further.

use crate::check::{Check, Quantile};
use crate::compare::{Observation, Side};
use crate::run::ControlMode;
use std::sync::Arc;

/// Positions of the count checks.
pub(crate) const MISMATCH: usize = 0;
const STATUS: usize = 1;
const ERROR_RATE: usize = 2;
const AVAILABILITY: usize = 3;
/// First of the four positions of the latency checks' reject series, quantiles ascending.
pub(crate) const REJECT: usize = 4;
/// First of the four positions of their promote series.
pub(crate) const PROMOTE: usize = 8;
/// First position of the field checks.
pub(crate) const FIELDS: usize = 12;
/// Field checks that fit into the word.
pub(crate) const FIELDS_MAX: usize = 64 - FIELDS;

/// Which checks find the candidate (`a`) and the control (`b`) bad.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Marks {
    pub(crate) a: u64,
    pub(crate) b: u64,
}

/// Thresholds of one quantile in one slice and window, in nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Bound {
    /// The control's threshold x.
    pub(crate) x: u64,
    /// `g_R(x)`.
    pub(crate) reject: u64,
    /// `g_P(x)`.
    pub(crate) promote: u64,
}

/// The thresholds of a slice and window, quantiles ascending; `None` where none is published.
pub(crate) type Bounds = [Option<Bound>; 4];

impl Marks {
    /// The count checks; `None` when the exchange enters no check.
    ///
    /// Without a control nothing is subtracted, except that an error which the primary made too is
    /// not the candidate's (`verdict.md` 2.5).
    pub(crate) fn of(seen: &Observation, control: ControlMode) -> Option<Self> {
        let candidate = seen.candidate.as_ref()?;
        let mut marks = Self { a: bits(candidate), b: 0 };
        match (&seen.control, control) {
            (Some(side), ControlMode::Paired | ControlMode::Sampled) => marks.b = bits(side),
            (None, ControlMode::Paired | ControlMode::Sampled) => return None,
            (_, ControlMode::None) if seen.primary_error => marks.a &= !(1 << ERROR_RATE),
            (_, ControlMode::None) => {}
        }
        Some(marks)
    }

    /// Adds the latency checks: a missing response is slower than any threshold.
    pub(crate) fn with_latency(
        mut self,
        candidate: Option<u64>,
        control: Option<u64>,
        bounds: &Bounds,
    ) -> Self {
        let (candidate, control) = (candidate.unwrap_or(u64::MAX), control.unwrap_or(u64::MAX));
        for (index, bound) in bounds.iter().enumerate() {
            let Some(bound) = bound else { continue };
            let slow = u64::from(control >= bound.x);
            self.a |= u64::from(candidate >= bound.reject) << (REJECT + index);
            self.a |= u64::from(candidate >= bound.promote) << (PROMOTE + index);
            self.b |= slow << (REJECT + index) | slow << (PROMOTE + index);
        }
        self
    }
}

/// Positions of the bits that are set.
pub(crate) fn positions(mut word: u64) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        let position = word.trailing_zeros();
        word &= word.wrapping_sub(1);
        (position < 64).then_some(position as usize)
    })
}

/// The check at a position; the two series of a latency check share one.
pub(crate) fn check_at(position: usize, fields: &[Arc<str>]) -> Check {
    match position {
        MISMATCH => Check::Mismatch,
        STATUS => Check::Status,
        ERROR_RATE => Check::ErrorRate,
        AVAILABILITY => Check::Availability,
        REJECT..PROMOTE => Check::Latency(Quantile::ALL[position - REJECT]),
        PROMOTE..FIELDS => Check::Latency(Quantile::ALL[position - PROMOTE]),
        _ => Check::Field(Arc::clone(&fields[position - FIELDS])),
    }
}

fn bits(side: &Side) -> u64 {
    let fixed = [
        (MISMATCH, side.mismatch),
        (STATUS, side.status_differs),
        (ERROR_RATE, side.error),
        (AVAILABILITY, side.missing),
    ];
    let fields = side.fields.iter().map(|field| FIELDS + usize::from(*field)).filter(|at| *at < 64);
    let set = fixed.into_iter().filter(|(_, set)| *set).map(|(at, _)| at);
    // A response that is missing lacks every field; the plan masks those that are not configured.
    let all_fields = if side.missing { u64::MAX << FIELDS } else { 0 };
    set.chain(fields).fold(all_fields, |word, at| word | 1 << at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_are_the_set_bits() {
        assert_eq!(positions(0).count(), 0);
        assert_eq!(positions(1 << 63 | 0b101).collect::<Vec<_>>(), [0, 2, 63]);
    }

    #[test]
    fn a_missing_response_exceeds_every_threshold() {
        let bound = Some(Bound { x: 100, reject: 125, promote: 150 });
        let bounds = [bound, None, bound, None];
        let marks = |k, c| Marks::default().with_latency(k, c, &bounds);
        assert_eq!(marks(None, None), Marks { a: 0b0101_0101_0000, b: 0b0101_0101_0000 });
        assert_eq!(marks(Some(124), Some(99)), Marks::default());
        assert_eq!(marks(Some(125), Some(99)), Marks { a: 0b0101_0000, b: 0 });
        assert_eq!(marks(Some(150), Some(100)), Marks { a: 0b0101_0101_0000, b: 0b0101_0101_0000 });
    }

    #[test]
    fn a_missing_response_lacks_every_field() {
        let missing = Side { missing: true, ..Side::default() };
        assert_eq!(bits(&missing) >> FIELDS, u64::MAX >> FIELDS);
        assert_eq!(bits(&Side::default()), 0);
    }

    #[test]
    fn without_a_control_an_error_of_the_primary_too_is_not_counted() {
        let side = Side { error: true, mismatch: true, ..Side::default() };
        let mut seen = Observation { candidate: Some(side), ..Observation::default() };
        assert_eq!(Marks::of(&seen, ControlMode::Paired), None, "only whole triples are evidence");
        let mut of = |primary_error| {
            seen.primary_error = primary_error;
            Marks::of(&seen, ControlMode::None).unwrap()
        };
        assert_eq!(of(true), Marks { a: 1 << MISMATCH, b: 0 });
        assert_eq!(of(false), Marks { a: 1 << MISMATCH | 1 << ERROR_RATE, b: 0 });
    }
}

//! The arrival plan: when each request is due, as a pure function of its index.
//!
//! Nothing is accumulated from the run itself, no clock is read and no queue is shared: a stripe of
//! the plan (indices `i` with `i mod stripes = stripe`) gives the same instants whether one core or
//! sixteen walk it, and a late request never moves a later one.
//!
//! A plan is a shape (how the rate goes over time) and a spacing (where arrivals lie under it). The
//! constant rate is computed in integers. Every other rate is a chain of pieces with linear rates,
//! whose cumulative rate has a closed inverse: ramps, staircases, sines and tables are all one case.

mod profile;
mod recorded;
pub mod shapes;
mod spacing;

pub use profile::{Piece, Profile};
pub use recorded::{Pace, Recorded};
pub use spacing::Spacing;

use crate::Rate;
use serde::Serialize;
use std::time::Duration;

/// When each of a fixed number of requests is due.
#[derive(Debug, Clone)]
pub struct Plan {
    shape: Shape,
    arrivals: u64,
}

#[derive(Debug, Clone)]
enum Shape {
    Constant(Rate),
    Profile { profile: Profile, spacing: Spacing, kind: &'static str },
    Recorded(Recorded),
    Closed { length_ns: u64 },
}

/// Why there is no such plan.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// No request would ever be due.
    #[error("{what} plans no request at all; raise the rate or the duration")]
    Empty {
        /// The plan in words.
        what: String,
    },
    /// More requests, or a longer span, than can be counted.
    #[error("{what} is longer than 2^62 nanoseconds (146 years) or requests; shorten it")]
    TooLong {
        /// The plan in words.
        what: String,
    },
}

impl Plan {
    /// `rate` for `duration`, evenly: request `i` of `N` per `D` is due at `floor((2i+1)·D / 2N)`.
    ///
    /// The shift by half a slot keeps whole-second windows exact: each holds `rate` requests.
    ///
    /// # Errors
    /// [`PlanError`] for no request, or for too many.
    pub fn constant(rate: Rate, duration: Duration) -> Result<Self, PlanError> {
        let what = || format!("{rate} for {duration:?}");
        let arrivals = u128::from(rate.arrivals()) * duration.as_nanos() / u128::from(rate.per_ns());
        let arrivals = checked(arrivals, duration.as_nanos(), what)?;
        Ok(Self { shape: Shape::Constant(rate), arrivals })
    }

    /// Requests at random with mean `rate`: independent exponential gaps, drawn from `seed`.
    ///
    /// The number of requests is that of the constant plan, so the last one may be due somewhat
    /// before or after `duration`.
    ///
    /// # Errors
    /// As [`Self::constant`].
    pub fn poisson(rate: Rate, duration: Duration, seed: u64) -> Result<Self, PlanError> {
        let arrivals = Self::constant(rate, duration)?.arrivals;
        let profile = Profile::new(vec![Piece::level(rate, duration)]);
        let shape = Shape::Profile { profile, spacing: Spacing::Poisson { seed }, kind: "poisson" };
        Ok(Self { shape, arrivals })
    }

    /// A rate that goes linearly `from` one value `to` another; `None` is 0.
    ///
    /// # Errors
    /// As [`Self::constant`].
    pub fn ramp(from: Option<Rate>, to: Option<Rate>, duration: Duration) -> Result<Self, PlanError> {
        Self::profile("ramp", vec![Piece::between(from, to, duration)], Spacing::Even)
    }

    /// Constant rates one after another.
    ///
    /// # Errors
    /// As [`Self::constant`].
    pub fn staircase(steps: &[(Rate, Duration)]) -> Result<Self, PlanError> {
        let pieces = steps.iter().map(|&(rate, duration)| Piece::level(rate, duration)).collect();
        Self::profile("staircase", pieces, Spacing::Even)
    }

    /// Any chain of pieces, evenly or at random under its rate; `kind` names it in reports.
    ///
    /// # Errors
    /// As [`Self::constant`].
    pub fn profile(kind: &'static str, pieces: Vec<Piece>, spacing: Spacing) -> Result<Self, PlanError> {
        let profile = Profile::new(pieces);
        let what = || format!("a {kind} of {:.3} s", profile.span_ns() / 1e9);
        // Half a millionth of a request is rounding, not a missing request.
        let arrivals = (profile.arrivals() + 5e-7) as u128;
        let arrivals = checked(arrivals, profile.span_ns() as u128, what)?;
        Ok(Self { shape: Shape::Profile { profile, spacing, kind }, arrivals })
    }

    /// The instants of a recording, at its own pace, at a multiple of it, or rescaled to a rate.
    ///
    /// # Errors
    /// As [`Self::constant`].
    pub fn recorded(recorded: Recorded) -> Result<Self, PlanError> {
        let what = || "the recording at this pace".to_owned();
        let arrivals = checked(recorded.arrivals().into(), recorded.span_ns(), what)?;
        Ok(Self { shape: Shape::Recorded(recorded), arrivals })
    }

    /// No plan at all: every connection sends its next request when the last one has been answered, until
    /// `duration` has passed.
    ///
    /// A target that stalls is asked less then, and its stalls are missing in the latencies
    /// (coordinated omission); this is for comparing with tools that work so, and for finding capacity.
    ///
    /// # Errors
    /// [`PlanError::Empty`] for no time at all, [`PlanError::TooLong`] for too much.
    pub fn closed(duration: Duration) -> Result<Self, PlanError> {
        let what = || format!("a closed loop for {duration:?}");
        let length_ns = checked(duration.as_nanos(), duration.as_nanos(), what)?;
        Ok(Self { shape: Shape::Closed { length_ns }, arrivals: u64::MAX >> 2 })
    }

    /// How long a closed loop lasts; `None` for a plan.
    #[must_use]
    pub fn closed_ns(&self) -> Option<u64> {
        match self.shape {
            Shape::Closed { length_ns } => Some(length_ns),
            _ => None,
        }
    }

    /// How many requests are planned, at least 1; more than will ever be sent for a closed loop.
    #[must_use]
    pub fn arrivals(&self) -> u64 {
        self.arrivals
    }

    /// The requests of one stripe in order: index and due time in nanoseconds after the start.
    ///
    /// # Panics
    /// If `stripe >= stripes`.
    #[must_use]
    pub fn stripe(&self, stripe: u64, stripes: u64) -> Stripe<'_> {
        assert!(stripe < stripes, "stripe {stripe} of {stripes} does not exist");
        Stripe { plan: self, next: stripe, stripes, place: spacing::Place::default() }
    }

    /// When the last request is due, in nanoseconds after the start. Takes a walk over a random plan.
    #[must_use]
    pub fn last_ns(&self) -> u64 {
        match &self.shape {
            Shape::Closed { length_ns } => *length_ns,
            Shape::Profile { spacing: Spacing::Poisson { .. }, .. } => {
                self.stripe(0, 1).last().map_or(0, |(_, due)| due)
            }
            _ => self.stripe(self.arrivals - 1, self.arrivals).next().map_or(0, |(_, due)| due),
        }
    }

    /// The plan in words and numbers, for reports.
    #[must_use]
    pub fn describe(&self) -> PlanDocument {
        let mut document = PlanDocument { arrivals: self.arrivals, ..PlanDocument::default() };
        match &self.shape {
            Shape::Closed { .. } => {
                document.kind = "closed";
                document.arrivals = 0;
            }
            Shape::Constant(rate) => {
                document.kind = "constant";
                document.rate = Some(rate.per_second());
            }
            Shape::Profile { profile, spacing, kind } => {
                document.kind = kind;
                document.rate = Some(profile.arrivals() * 1e9 / profile.span_ns());
                if let Spacing::Poisson { seed } = spacing {
                    document.seed = Some(seed.to_string());
                }
            }
            Shape::Recorded(recorded) => {
                document.kind = "recorded";
                document.recorded = Some(recorded.describe());
            }
        }
        document.last_due_ns = self.last_ns();
        document
    }

    fn due_ns(&self, index: u64, place: &mut spacing::Place) -> u64 {
        match &self.shape {
            Shape::Constant(rate) => {
                let slots = (2 * u128::from(index) + 1) * u128::from(rate.per_ns());
                (slots / (2 * u128::from(rate.arrivals()))) as u64
            }
            Shape::Profile { profile, spacing, .. } => {
                let count = spacing.count_at(index, place);
                profile.time_of(count, &mut place.piece) as u64
            }
            Shape::Recorded(recorded) => recorded.due_ns(index),
            Shape::Closed { .. } => 0,
        }
    }
}

/// `arrivals` as a count, unless there are none, or they or their span are out of range.
fn checked(arrivals: u128, span_ns: u128, what: impl Fn() -> String) -> Result<u64, PlanError> {
    match u64::try_from(arrivals) {
        Ok(0) => Err(PlanError::Empty { what: what() }),
        Ok(count) if count >> 62 == 0 && span_ns >> 62 == 0 => Ok(count),
        _ => Err(PlanError::TooLong { what: what() }),
    }
}

/// The requests of one stripe; see [`Plan::stripe`].
#[derive(Debug, Clone)]
pub struct Stripe<'a> {
    plan: &'a Plan,
    next: u64,
    stripes: u64,
    place: spacing::Place,
}

impl Stripe<'_> {
    /// How many requests are still to come.
    #[must_use]
    pub fn remaining(&self) -> u64 {
        self.plan.arrivals.saturating_sub(self.next).div_ceil(self.stripes)
    }
}

impl Iterator for Stripe<'_> {
    type Item = (u64, u64);

    fn next(&mut self) -> Option<Self::Item> {
        let index = self.next;
        if index >= self.plan.arrivals {
            return None;
        }
        self.next += self.stripes;
        Some((index, self.plan.due_ns(index, &mut self.place)))
    }
}

/// A plan in a report.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct PlanDocument {
    /// `constant`, `poisson`, `ramp`, `staircase`, `sine`, `table`, `recorded` or `closed`.
    pub kind: &'static str,
    /// How many requests it holds; 0 where it is `closed`, which plans none.
    pub arrivals: u64,
    /// When the last one is due.
    pub last_due_ns: u64,
    /// Mean rate per second.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rate: Option<f64>,
    /// What random gaps are drawn from, as a string because it may exceed 2^53.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seed: Option<String>,
    /// Where the instants come from a recording.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recorded: Option<recorded::RecordedDocument>,
}

#[cfg(test)]
mod tests;

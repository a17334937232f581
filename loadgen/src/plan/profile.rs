//! Rates that change: pieces over which the rate is linear in time.

use crate::Rate;
use std::time::Duration;

/// A stretch of time in which the rate goes linearly from one value to another.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Piece {
    /// Arrivals per nanosecond at the beginning.
    from: f64,
    /// Arrivals per nanosecond at the end.
    to: f64,
    /// Nanoseconds.
    length: f64,
}

impl Piece {
    /// A constant rate.
    #[must_use]
    pub fn level(rate: Rate, duration: Duration) -> Self {
        Self::between(Some(rate), Some(rate), duration)
    }

    /// A linear change; `None` is a rate of 0.
    #[must_use]
    pub fn between(from: Option<Rate>, to: Option<Rate>, duration: Duration) -> Self {
        let per_second = |rate: Option<Rate>| rate.map_or(0.0, Rate::per_second);
        Self::linear(per_second(from), per_second(to), duration.as_nanos() as f64)
    }

    /// A linear change between two rates per second, both at least 0, in `length` nanoseconds.
    pub(super) fn linear(from: f64, to: f64, length: f64) -> Self {
        Self { from: from / 1e9, to: to / 1e9, length }
    }

    /// Arrivals in the whole piece: the area of a trapezium.
    fn arrivals(&self) -> f64 {
        (self.from + self.to) / 2.0 * self.length
    }

    /// When `count` arrivals, at most all of the piece, have happened, in nanoseconds from its start.
    ///
    /// The root of `from·t + (to - from)·t²/(2·length) = count`, in the form that does not cancel.
    fn time_of(&self, count: f64) -> f64 {
        if count <= 0.0 {
            return 0.0;
        }
        let slope = (self.to - self.from) / self.length;
        let root = (self.from * self.from + 2.0 * slope * count).max(0.0).sqrt();
        (2.0 * count / (self.from + root)).min(self.length)
    }
}

/// Pieces one after another, with their sums.
#[derive(Debug, Clone)]
pub struct Profile {
    pieces: Vec<Placed>,
    /// Of all pieces: where the next one would begin.
    end: Sums,
}

#[derive(Debug, Clone, Copy, Default)]
struct Sums {
    arrivals: f64,
    time: f64,
}

#[derive(Debug, Clone, Copy)]
struct Placed {
    piece: Piece,
    begin: Sums,
}

impl Profile {
    pub(super) fn new(pieces: Vec<Piece>) -> Self {
        let mut end = Sums::default();
        let placed = pieces.into_iter().map(|piece| {
            let begin = end;
            end = Sums { arrivals: begin.arrivals + piece.arrivals(), time: begin.time + piece.length };
            Placed { piece, begin }
        });
        Self { pieces: placed.collect(), end }
    }

    /// Arrivals in all, not rounded.
    pub(super) fn arrivals(&self) -> f64 {
        self.end.arrivals
    }

    /// Nanoseconds in all.
    pub(super) fn span_ns(&self) -> f64 {
        self.end.time
    }

    /// When `count` arrivals have happened, in nanoseconds; beyond the end the last rate goes on.
    ///
    /// `hint` is the piece of an earlier, smaller count: a walk over a plan passes each piece once.
    pub(super) fn time_of(&self, count: f64, hint: &mut usize) -> f64 {
        while self.pieces.get(*hint + 1).is_some_and(|next| next.begin.arrivals <= count) {
            *hint += 1;
        }
        let Some(Placed { piece, begin }) = self.pieces.get(*hint) else { return 0.0 };
        let beyond = count - self.end.arrivals;
        if beyond > 0.0 && piece.to > 0.0 {
            return self.end.time + beyond / piece.to;
        }
        begin.time + piece.time_of(count - begin.arrivals)
    }
}

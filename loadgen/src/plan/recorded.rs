//! Instants from a recording, at its own pace or rescaled, once or in laps.

use crate::Rate;
use serde::Serialize;
use std::sync::Arc;
use std::time::Duration;

/// How fast a recording goes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Pace {
    /// So many times its own speed, in millionths (1,000,000 is as recorded), above 0.
    Speed {
        /// Millionths of the recorded speed.
        millionths: u64,
    },
    /// At a mean rate: gaps keep their proportions, so bursts keep their shape.
    Rate(Rate),
}

impl Pace {
    /// As recorded.
    pub const RECORDED: Self = Self::Speed { millionths: 1_000_000 };

    /// `factor` times the recorded speed; `None` unless it is in [0.000001, 1,000,000].
    #[must_use]
    pub fn times(factor: f64) -> Option<Self> {
        let fits = (1e-6..=1e6).contains(&factor);
        fits.then(|| Self::Speed { millionths: (factor * 1e6).round() as u64 })
    }
}

/// The instants of a recording, laid out in time.
///
/// Request `i` is request `i mod n` of lap `i / n`. A lap lasts the recording's span and one mean gap,
/// so that laps follow each other as requests do.
#[derive(Debug, Clone)]
pub struct Recorded {
    /// Nanoseconds after the first request; sorted.
    offsets: Arc<[u64]>,
    pace: Pace,
    /// In recorded nanoseconds.
    lap: u64,
    arrivals: u64,
}

impl Recorded {
    /// `laps` laps over requests at `offsets` (nanoseconds after the first one; they are sorted here).
    #[must_use]
    pub fn laps(mut offsets: Vec<u64>, pace: Pace, laps: u64) -> Self {
        offsets.sort_unstable();
        let first = offsets.first().copied().unwrap_or_default();
        offsets.iter_mut().for_each(|offset| *offset -= first);
        let gaps = (offsets.len() as u64).saturating_sub(1).max(1);
        let span = offsets.last().copied().unwrap_or_default();
        // A recording of one instant has no mean gap; a second between laps is a choice.
        let lap = if span == 0 { 1_000_000_000 } else { span.saturating_add(span.div_ceil(gaps)) };
        let arrivals = (offsets.len() as u64).saturating_mul(laps);
        Self { offsets: offsets.into(), pace, lap, arrivals }
    }

    /// As many laps, and of the last one as much, as are due before `duration` has passed.
    #[must_use]
    pub fn lasting(offsets: Vec<u64>, pace: Pace, duration: Duration) -> Self {
        let mut recorded = Self::laps(offsets, pace, u64::from(u32::MAX));
        let (mut due, mut not_due) = (0, recorded.arrivals);
        while due < not_due {
            let middle = due + (not_due - due) / 2;
            if recorded.due_128(middle) < duration.as_nanos() {
                due = middle + 1;
            } else {
                not_due = middle;
            }
        }
        recorded.arrivals = due;
        recorded
    }

    /// Requests in all laps.
    #[must_use]
    pub fn arrivals(&self) -> u64 {
        self.arrivals
    }

    /// When the last request is due.
    pub(super) fn span_ns(&self) -> u128 {
        self.arrivals.checked_sub(1).map_or(0, |last| self.due_128(last))
    }

    pub(super) fn due_ns(&self, index: u64) -> u64 {
        // Beyond 2^62 the plan is refused before anything is asked of it.
        self.due_128(index) as u64
    }

    fn due_128(&self, index: u64) -> u128 {
        let requests = self.offsets.len() as u64;
        let (lap, offset) = (index / requests, self.offsets[(index % requests) as usize]);
        let wide = u128::from;
        match self.pace {
            Pace::Speed { millionths } => {
                (wide(lap) * wide(self.lap) + wide(offset)) * 1_000_000 / wide(millionths.max(1))
            }
            Pace::Rate(rate) => {
                let time_of = |count: u64| wide(count) * wide(rate.per_ns()) / wide(rate.arrivals());
                if self.offsets.last() == Some(&0) {
                    return time_of(index); // No gaps to keep: evenly.
                }
                let begin = time_of(lap * requests);
                begin + wide(offset) * time_of(requests) / wide(self.lap)
            }
        }
    }

    pub(super) fn describe(&self) -> RecordedDocument {
        let requests = self.offsets.len() as u64;
        let (speed, rate) = match self.pace {
            Pace::Speed { millionths } => (Some(millionths as f64 / 1e6), None),
            Pace::Rate(rate) => (None, Some(rate.per_second())),
        };
        RecordedDocument {
            requests,
            laps: self.arrivals as f64 / requests.max(1) as f64,
            span_ns: self.offsets.last().copied().unwrap_or_default(),
            speed,
            rate,
        }
    }
}

/// The recorded part of a plan in a report.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RecordedDocument {
    /// Requests in the recording.
    pub requests: u64,
    /// How often they are sent; not whole where a duration ends a lap early.
    pub laps: f64,
    /// From its first request to its last, as recorded.
    pub span_ns: u64,
    /// Times the recorded speed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub speed: Option<f64>,
    /// Mean rate per second it is rescaled to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rate: Option<f64>,
}

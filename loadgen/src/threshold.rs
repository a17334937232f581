//! Thresholds: what must hold of a report, such as `p99<50ms`.
//!
//! ```text
//! threshold = metric comparison value
//! metric    = [ series "." ] statistic | count | "rate"
//! series    = "response" | "service" | "send_lag" | "first_byte" | "connect"     default: response
//! statistic = "p" number | "min" | "max" | "mean"                                p50, p99, p99.9, p999
//! count     = "errors" | "failures" | "http_errors" | "status." ( digit "xx" | digits )
//! comparison = "<" | "<=" | ">" | ">="
//! value     = number "ns" | "us" | "ms" | "s"       for times
//!           | number "%" | number                    for counts: of the arrivals that were due, or in all
//!           | rate                                   for "rate": 900/s
//! ```
//!
//! A threshold states what must hold and is missed otherwise. Times and errors take only upper bounds
//! and the rate only lower ones: whoever writes `p99>50ms` most likely means "fail above", the opposite
//! of what it would say here, and is told so instead of passing.

use crate::engine::Counts;
use crate::rate::Rate;
use crate::report::LoadReport;
use hdrhistogram::Histogram;
use serde::Serialize;
use std::fmt;
use std::str::FromStr;

mod parse;

/// What must hold of a report.
#[derive(Debug, Clone, PartialEq)]
pub struct Threshold {
    text: String,
    metric: Metric,
    comparison: Comparison,
    bound: Bound,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Metric {
    Time(Series, Statistic),
    Count(Count),
    Rate,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Series {
    Response,
    Service,
    SendLag,
    FirstByte,
    Connect,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Statistic {
    /// In [0, 1].
    Quantile(f64),
    Min,
    Max,
    Mean,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Count {
    /// Failures and replies of 400 and above.
    Errors,
    /// Arrivals without a reply, censored ones included.
    Failures,
    /// Replies of 400 and above.
    HttpErrors,
    /// Replies with a status.
    Status(u16),
    /// Replies with a status of a hundred.
    StatusClass(u16),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Comparison {
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Bound {
    Nanoseconds(f64),
    /// Of the arrivals that were due, in [0, 1].
    Share(f64),
    Number(f64),
    PerSecond(Rate),
}

/// Whether a threshold held.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ThresholdOutcome {
    /// As it was written.
    pub threshold: String,
    /// Whether it held. Where nothing was measured, it did not.
    pub held: bool,
    /// What was found, in the threshold's unit: nanoseconds, a share, a number or a rate per second;
    /// absent where nothing was measured.
    pub found: Option<f64>,
}

/// The text is no threshold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a threshold: {why}")]
pub struct ThresholdError {
    text: String,
    why: String,
}

impl Threshold {
    /// Compares a report with the threshold.
    #[must_use]
    pub fn check(&self, report: &LoadReport) -> ThresholdOutcome {
        let found = self.found(report);
        let held = found.is_some_and(|found| self.comparison.holds(found, self.bound.number()));
        ThresholdOutcome { threshold: self.text.clone(), held, found }
    }

    fn found(&self, report: &LoadReport) -> Option<f64> {
        match self.metric {
            Metric::Time(series, statistic) => series.with(report, |times| statistic.of(times)),
            Metric::Count(count) => {
                let found = count.of(&report.tally.counts) as f64;
                let due = report.document.planned - report.document.not_due;
                match self.bound {
                    Bound::Share(_) => (due > 0).then(|| found / due as f64),
                    _ => (due > 0).then_some(found),
                }
            }
            Metric::Rate => Some(report.document.achieved_rate),
        }
    }
}

impl Series {
    fn with<T>(self, report: &LoadReport, read: impl FnOnce(&Histogram<u64>) -> T) -> T {
        let tally = &report.tally;
        match self {
            Self::Response => read(&tally.whole_response()),
            Self::Service => read(&tally.service),
            Self::SendLag => read(&tally.send_lag),
            Self::FirstByte => read(&tally.first_byte),
            Self::Connect => read(&tally.connect),
        }
    }
}

impl Statistic {
    /// In nanoseconds; `None` where there are no times.
    fn of(self, times: &Histogram<u64>) -> Option<f64> {
        let value = match self {
            Self::Quantile(quantile) => times.value_at_quantile(quantile).min(times.max()) as f64,
            Self::Min => times.min() as f64,
            Self::Max => times.max() as f64,
            Self::Mean => times.mean(),
        };
        (!times.is_empty()).then_some(value)
    }
}

impl Count {
    fn of(self, counts: &Counts) -> u64 {
        let failures = counts.failed_in_all() + counts.in_flight_at_end + counts.unreleased;
        match self {
            Self::Errors => failures + counts.http_errors(),
            Self::Failures => failures,
            Self::HttpErrors => counts.http_errors(),
            Self::Status(status) => counts.status.get(&status).copied().unwrap_or(0),
            Self::StatusClass(hundred) => {
                counts.status.range(hundred * 100..hundred * 100 + 100).map(|(_, count)| count).sum()
            }
        }
    }
}

impl Comparison {
    fn holds(self, found: f64, bound: f64) -> bool {
        match self {
            Self::Less => found < bound,
            Self::LessOrEqual => found <= bound,
            Self::Greater => found > bound,
            Self::GreaterOrEqual => found >= bound,
        }
    }

    fn is_upper_bound(self) -> bool {
        matches!(self, Self::Less | Self::LessOrEqual)
    }
}

impl Bound {
    fn number(self) -> f64 {
        match self {
            Self::Nanoseconds(number) | Self::Share(number) | Self::Number(number) => number,
            Self::PerSecond(rate) => rate.per_second(),
        }
    }
}

impl fmt::Display for Threshold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl FromStr for Threshold {
    type Err = ThresholdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        parse::threshold(text).map_err(|why| ThresholdError { text: text.to_owned(), why })
    }
}

#[cfg(test)]
mod tests;

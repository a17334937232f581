//! Shapes of rates as people name them, each a chain of linear pieces.
//!
//! A sine is a chain of chords: with 64 to a period its rate is never off by more than 0.13 % of the
//! amplitude, and every shape shares one exact inverse of the cumulative rate.

use super::Piece;
use crate::Rate;
use std::str::FromStr;
use std::time::Duration;

/// Chords that stand for one period of a sine.
const CHORDS: u32 = 64;

/// A sine of more periods than this is refused: its pieces are kept in memory.
const PERIODS_MAX: u128 = 100_000;

/// Why a shape cannot be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ShapeError {
    /// The rate would fall below 0.
    #[error("the amplitude {amplitude} is above the mean rate {mean}; a rate cannot be below 0")]
    Negative {
        /// Of the sine.
        amplitude: Rate,
        /// Around which it goes.
        mean: Rate,
    },
    /// A period of 0, or too many of them.
    #[error("a period of {period:?} does not fit {duration:?}; it may fit from once to {PERIODS_MAX} times")]
    Period {
        /// As given.
        period: Duration,
        /// Of the whole plan.
        duration: Duration,
    },
    /// A line of a table.
    #[error("{place}, line {line}: {why}")]
    Line {
        /// The file.
        place: String,
        /// From 1.
        line: usize,
        /// What is wrong.
        why: String,
    },
    /// A table of fewer than two points.
    #[error("{place}: a profile needs two points or more, one a line, such as `0,100` and `60,500`")]
    Short {
        /// The file.
        place: String,
    },
}

/// `mean + amplitude · sin(2πt/period)` for `duration`.
///
/// # Errors
/// [`ShapeError::Negative`] or [`ShapeError::Period`].
pub fn sine(
    mean: Rate,
    amplitude: Rate,
    period: Duration,
    duration: Duration,
) -> Result<Vec<Piece>, ShapeError> {
    if amplitude.per_second() > mean.per_second() {
        return Err(ShapeError::Negative { amplitude, mean });
    }
    let periods = duration.as_nanos().checked_div(period.as_nanos());
    if !periods.is_some_and(|periods| (1..=PERIODS_MAX).contains(&periods)) {
        return Err(ShapeError::Period { period, duration });
    }
    let chord = period.as_nanos() as f64 / f64::from(CHORDS);
    let whole = duration.as_nanos() as f64;
    let chords = (whole / chord).ceil() as u64;
    let rate = |time: f64| {
        let angle = std::f64::consts::TAU * time / period.as_nanos() as f64;
        // `sin` of another platform may differ in the last bit, and a plan must not.
        (mean.per_second() + amplitude.per_second() * libm::sin(angle)).max(0.0)
    };
    let place = |number: u64| (number as f64 * chord).min(whole);
    Ok((0..chords)
        .map(|number| {
            let (begin, end) = (place(number), place(number + 1));
            Piece::linear(rate(begin), rate(end), end - begin)
        })
        .collect())
}

/// A table of `seconds,rate per second`, one point a line, straight lines between the points.
///
/// Seconds rise from line to line and begin anywhere; two points at the same second are a jump. Empty
/// lines, lines that begin with `#`, and one line of column names at the top are skipped.
///
/// # Errors
/// [`ShapeError::Line`] for the first line that is no point, [`ShapeError::Short`].
pub fn table(place: &str, text: &str) -> Result<Vec<Piece>, ShapeError> {
    let mut points: Vec<(f64, f64)> = Vec::new();
    let mut is_first = true;
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let is_heading = std::mem::take(&mut is_first) && line.starts_with(|c: char| c.is_ascii_alphabetic());
        if is_heading {
            continue;
        }
        let error = |why: String| ShapeError::Line { place: place.to_owned(), line: index + 1, why };
        let point = point(line).map_err(error)?;
        if points.last().is_some_and(|(seconds, _)| *seconds > point.0) {
            return Err(error(format!("second {} lies before the line above", point.0)));
        }
        points.push(point);
    }
    if points.len() < 2 {
        return Err(ShapeError::Short { place: place.to_owned() });
    }
    let between = points.windows(2).map(|pair| (pair[0], pair[1]));
    let apart = between.filter(|(left, right)| right.0 > left.0);
    Ok(apart.map(|(left, right)| Piece::linear(left.1, right.1, (right.0 - left.0) * 1e9)).collect())
}

fn point(line: &str) -> Result<(f64, f64), String> {
    let (seconds, rate) =
        line.split_once(',').ok_or_else(|| format!("`{line}` is no point; write seconds,rate"))?;
    let number = |text: &str| match text.trim().parse::<f64>() {
        Ok(number) if number.is_finite() && (0.0..=1e9).contains(&number) => Ok(number),
        _ => Err(format!("`{}` is not a number from 0 to 10^9", text.trim())),
    };
    Ok((number(seconds)?, number(rate)?))
}

/// One step of a staircase, written `500/s:30s`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    /// While it lasts.
    pub rate: Rate,
    /// How long it lasts.
    pub duration: Duration,
}

impl FromStr for Step {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (rate, duration) = text
            .split_once(':')
            .ok_or_else(|| format!("`{text}` is no step; write a rate, a colon and a duration: 500/s:30s"))?;
        Ok(Self {
            rate: rate.parse().map_err(|error: crate::ParseRateError| error.to_string())?,
            duration: humantime::parse_duration(duration.trim())
                .map_err(|error| format!("`{duration}` is not a duration: {error}"))?,
        })
    }
}

/// A ramp, written `100/s..1000/s`; a side that is left out is a rate of 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ramp {
    /// At the beginning.
    pub from: Option<Rate>,
    /// At the end.
    pub to: Option<Rate>,
}

impl FromStr for Ramp {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (from, to) = text.split_once("..").ok_or_else(|| {
            format!("`{text}` is no ramp; write two rates with `..` between: 100/s..1000/s")
        })?;
        let side = |text: &str| match text.trim() {
            "" | "0" => Ok(None),
            text => text.parse().map(Some).map_err(|error: crate::ParseRateError| error.to_string()),
        };
        Ok(Self { from: side(from)?, to: side(to)? })
    }
}

/// A wave on a mean rate, written `50/s@10m`: amplitude and period.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wave {
    /// How far the rate goes above and below its mean.
    pub amplitude: Rate,
    /// From crest to crest.
    pub period: Duration,
}

impl FromStr for Wave {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (amplitude, period) = text
            .split_once('@')
            .ok_or_else(|| format!("`{text}` is no wave; write an amplitude, `@` and a period: 50/s@10m"))?;
        Ok(Self {
            amplitude: amplitude.parse().map_err(|error: crate::ParseRateError| error.to_string())?,
            period: humantime::parse_duration(period.trim())
                .map_err(|error| format!("`{period}` is not a duration: {error}"))?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{Plan, Spacing};

    fn rate(text: &str) -> Rate {
        text.parse().expect("a rate")
    }

    fn per_second(plan: &Plan, seconds: usize) -> Vec<u64> {
        let mut counts = vec![0; seconds];
        plan.stripe(0, 1).for_each(|(_, due)| counts[(due / 1_000_000_000) as usize] += 1);
        counts
    }

    #[test]
    fn a_sine_has_its_mean_its_crest_and_its_trough() {
        let pieces =
            sine(rate("100/s"), rate("100/s"), Duration::from_secs(40), Duration::from_secs(80)).unwrap();
        let plan = Plan::profile("sine", pieces, Spacing::Even).unwrap();
        assert_eq!(plan.arrivals(), 8000);
        let counts = per_second(&plan, 80);
        assert!((199..=200).contains(&counts[10]) && counts[30] <= 1, "{counts:?}");
        assert_eq!(counts[..40], counts[40..]);
    }

    #[test]
    fn a_sine_that_would_need_a_negative_rate_is_refused() {
        let error =
            sine(rate("10/s"), rate("11/s"), Duration::from_secs(1), Duration::from_secs(9)).unwrap_err();
        assert!(error.to_string().contains("11/s is above the mean rate 10/s"), "{error}");
        for period in [Duration::ZERO, Duration::from_secs(10)] {
            let error = sine(rate("10/s"), rate("1/s"), period, Duration::from_secs(9)).unwrap_err();
            assert!(matches!(error, ShapeError::Period { .. }), "{error}");
        }
    }

    #[test]
    fn a_table_goes_straight_from_point_to_point_and_may_jump() {
        let pieces = table("p.csv", "second,rate\n# a comment\n0,0\n10, 20\n10,5\n\n20,5\n").unwrap();
        let plan = Plan::profile("table", pieces, Spacing::Even).unwrap();
        assert_eq!(plan.arrivals(), 150);
        assert_eq!(per_second(&plan, 20)[10..], [5; 10]);
    }

    #[test]
    fn a_bad_table_is_refused_with_the_line() {
        for (text, expected) in [
            ("0,1\n5\n", "p.csv, line 2: `5` is no point"),
            ("0,1\n5,x\n", "p.csv, line 2: `x` is not a number"),
            ("0,1\n5,-1\n", "line 2: `-1` is not a number from 0"),
            ("5,1\n4,1\n", "line 2: second 4 lies before"),
            ("0,1\n", "needs two points"),
            ("", "needs two points"),
        ] {
            let error = table("p.csv", text).unwrap_err().to_string();
            assert!(error.contains(expected), "{text:?}: {error}");
        }
    }

    #[test]
    fn steps_ramps_and_waves_are_written_as_they_are_read() {
        assert_eq!("5/s:2m".parse::<Step>().unwrap().duration, Duration::from_secs(120));
        assert_eq!("..5/s".parse::<Ramp>().unwrap(), Ramp { from: None, to: Some(rate("5/s")) });
        assert_eq!("5/s..0".parse::<Ramp>().unwrap(), Ramp { from: Some(rate("5/s")), to: None });
        assert_eq!("5/s@1h".parse::<Wave>().unwrap().period, Duration::from_secs(3600));
        assert!("5/s".parse::<Step>().unwrap_err().contains("500/s:30s"));
        assert!("5/s".parse::<Ramp>().unwrap_err().contains(".."));
        assert!("5@1h".parse::<Wave>().unwrap_err().contains("not a rate"));
        assert!("5/s:soon".parse::<Step>().unwrap_err().contains("`soon` is not a duration"));
    }
}

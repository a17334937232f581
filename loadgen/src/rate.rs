//! Rates as people write them: `1000/s`, `50/m`, `2.5k/s`.

use std::fmt;
use std::str::FromStr;

/// A rate as an exact fraction: `arrivals` in every `per_ns` nanoseconds, both above 0.
///
/// A fraction and no float, so that a plan can be computed without rounding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    arrivals: u64,
    per_ns: u64,
}

/// Above this nothing can be paced one by one: a request every nanosecond.
const PER_SECOND_MAX: f64 = 1e9;

const UNITS: [(&str, u64); 4] =
    [("ms", 1_000_000), ("s", 1_000_000_000), ("m", 60_000_000_000), ("h", 3_600_000_000_000)];

impl Rate {
    /// `arrivals` in every `per_ns` nanoseconds; `None` if either is 0 or the rate is above 10^9 per
    /// second.
    #[must_use]
    pub fn new(arrivals: u64, per_ns: u64) -> Option<Self> {
        let rate = Self { arrivals, per_ns };
        (arrivals > 0 && per_ns > 0 && rate.per_second() <= PER_SECOND_MAX).then_some(rate)
    }

    /// Whole arrivals in every second; `None` if 0 or above 10^9.
    #[must_use]
    pub fn of_second(arrivals: u64) -> Option<Self> {
        Self::new(arrivals, 1_000_000_000)
    }

    /// Arrivals in every [`Self::per_ns`].
    #[must_use]
    pub fn arrivals(self) -> u64 {
        self.arrivals
    }

    /// Nanoseconds in which [`Self::arrivals`] happen.
    #[must_use]
    pub fn per_ns(self) -> u64 {
        self.per_ns
    }

    /// The rate in arrivals per second, rounded to binary floating point: for display, not for plans.
    #[must_use]
    pub fn per_second(self) -> f64 {
        self.arrivals as f64 * 1e9 / self.per_ns as f64
    }
}

/// Arrivals per second, such as `1000/s`.
impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match UNITS.iter().find(|(_, ns)| *ns == self.per_ns) {
            Some((unit, _)) => write!(f, "{}/{unit}", self.arrivals),
            None => write!(f, "{}/s", self.per_second()),
        }
    }
}

/// The text is not a rate.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is not a rate; write a number above 0, a slash and ms, s, m or h, such as 1000/s, 50/m or 2.5k/s"
)]
pub struct ParseRateError(String);

impl FromStr for Rate {
    type Err = ParseRateError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        parse(text).ok_or_else(|| ParseRateError(text.to_owned()))
    }
}

fn parse(text: &str) -> Option<Rate> {
    let (number, unit) = text.trim().split_once('/')?;
    let (_, per_ns) = UNITS.iter().find(|(name, _)| *name == unit.trim())?;
    let (number, factor) = match number.trim().strip_suffix(['k', 'K']) {
        Some(thousands) => (thousands, 1000),
        None => match number.trim().strip_suffix('M') {
            Some(millions) => (millions, 1_000_000),
            None => (number.trim(), 1),
        },
    };
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || fraction.len() > 6 || !digits(whole) || !digits(fraction) {
        return None;
    }
    // 2.5 in a second is 25 in ten seconds: the same rate without a fraction.
    let scale = 10u64.pow(fraction.len() as u32);
    let arrivals = format!("{whole}{fraction}").parse::<u64>().ok()?.checked_mul(factor)?;
    let common = gcd(arrivals, scale);
    Rate::new(arrivals / common, per_ns.checked_mul(scale / common)?)
}

fn gcd(a: u64, b: u64) -> u64 {
    if b == 0 { a.max(1) } else { gcd(b, a % b) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_read_exactly() {
        let rate = |text: &str| text.parse::<Rate>().map(|rate| (rate.arrivals(), rate.per_ns()));
        assert_eq!(rate("1000/s"), Ok((1000, 1_000_000_000)));
        assert_eq!(rate("50/m"), Ok((50, 60_000_000_000)));
        assert_eq!(rate("2.5k/s"), Ok((2500, 1_000_000_000)));
        assert_eq!(rate("0.3/s"), Ok((3, 10_000_000_000)));
        assert_eq!(rate(" 7 / h "), Ok((7, 3_600_000_000_000)));
    }

    #[test]
    fn what_is_not_a_rate_is_refused_with_the_grammar() {
        for text in
            ["", "1000", "0/s", "-1/s", "1/day", "1e3/s", ".5/s", "1..2/s", "+1/s", "2000M/s", "NaN/s"]
        {
            let error = text.parse::<Rate>().unwrap_err().to_string();
            assert!(error.contains("such as 1000/s"), "{text}: {error}");
        }
    }

    #[test]
    fn a_rate_prints_as_it_is_read() {
        for text in ["1000/s", "50/m", "7/h"] {
            assert_eq!(text.parse::<Rate>().unwrap().to_string(), text);
        }
        assert_eq!("2.5/s".parse::<Rate>().unwrap().to_string(), "2.5/s");
    }
}

//! The checks: each asks one question of an exchange, for the candidate and for the control alike.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// One question; the order is that of the documents.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Check {
    /// The whole response differs from the primary's after masking, or is missing.
    Mismatch,
    /// The status class differs from the primary's; missing is a class.
    Status,
    /// A 5xx, or what the profile calls *retry*.
    ErrorRate,
    /// No response.
    Availability,
    /// Latency at a quantile, against a threshold from the control's past.
    Latency(Quantile),
    /// A configured field differs from the primary's, or is missing.
    Field(Arc<str>),
    /// The output record of the event is missing, extra or different.
    Outputs,
    /// [`Check::Mismatch`] with a dead zone: units made much worse.
    MismatchSevere,
    /// [`Check::Latency`] with a dead zone.
    LatencySevere(Quantile),
}

/// The quantiles that are judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Quantile {
    /// 0.5
    P50,
    /// 0.9
    P90,
    /// 0.99
    P99,
    /// 0.999
    P999,
}

impl Quantile {
    /// All of them, ascending.
    pub const ALL: [Self; 4] = [Self::P50, Self::P90, Self::P99, Self::P999];

    /// The quantile in thousandths: 500, 900, 990, 999.
    #[must_use]
    pub const fn thousandths(self) -> u64 {
        match self {
            Self::P50 => 500,
            Self::P90 => 900,
            Self::P99 => 990,
            Self::P999 => 999,
        }
    }

    /// `p50` … `p999`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::P50 => "p50",
            Self::P90 => "p90",
            Self::P99 => "p99",
            Self::P999 => "p999",
        }
    }
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Mismatch => f.write_str("mismatch"),
            Self::Status => f.write_str("status"),
            Self::ErrorRate => f.write_str("error_rate"),
            Self::Availability => f.write_str("availability"),
            Self::Latency(quantile) => write!(f, "latency.{}", quantile.name()),
            Self::Field(path) => write!(f, "field.{path}"),
            Self::Outputs => f.write_str("outputs"),
            Self::MismatchSevere => f.write_str("mismatch.severe"),
            Self::LatencySevere(quantile) => write!(f, "latency.{}.severe", quantile.name()),
        }
    }
}

/// The text names no check.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is not a check; the checks are mismatch, status, error_rate, availability, latency.p50, \
     latency.p90, latency.p99, latency.p999, field.<path>, outputs, mismatch.severe and latency.pX.severe"
)]
pub struct UnknownCheck(pub String);

impl FromStr for Check {
    type Err = UnknownCheck;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let unknown = || UnknownCheck(text.to_owned());
        let quantile = |name: &str| Quantile::ALL.into_iter().find(|q| q.name() == name).ok_or_else(unknown);
        Ok(match text {
            "mismatch" => Self::Mismatch,
            "status" => Self::Status,
            "error_rate" => Self::ErrorRate,
            "availability" => Self::Availability,
            "outputs" => Self::Outputs,
            "mismatch.severe" => Self::MismatchSevere,
            _ => {
                if let Some(path) = text.strip_prefix("field.") {
                    Self::Field(path.into())
                } else if let Some(rest) = text.strip_prefix("latency.") {
                    match rest.strip_suffix(".severe") {
                        Some(name) => Self::LatencySevere(quantile(name)?),
                        None => Self::Latency(quantile(rest)?),
                    }
                } else {
                    return Err(unknown());
                }
            }
        })
    }
}

impl Serialize for Check {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Check {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_check_survives_printing_and_parsing() {
        for text in
            ["mismatch", "latency.p999", "latency.p50.severe", "field./a/*", "mismatch.severe", "outputs"]
        {
            assert_eq!(text.parse::<Check>().unwrap().to_string(), text);
        }
        assert!("latency.p95".parse::<Check>().is_err());
    }
}

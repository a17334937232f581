//! An instant: when mirroring ends.

use crate::datetime;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::str::FromStr;

/// An instant, written `2027-01-01T18:00:00Z` with its offset from UTC, with or without quotes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, JsonSchema)]
#[schemars(with = "String", extend("format" = "date-time"))]
pub struct Moment(pub Timestamp);

impl Moment {
    /// Nanoseconds since the Unix epoch; 0 for what was before, the largest number for what is too far.
    #[must_use]
    pub fn unix_ns(self) -> u64 {
        u64::try_from(self.0.as_nanosecond().max(0)).unwrap_or(u64::MAX)
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for Moment {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self).map_err(|_| {
            format!("`{text}` is not an instant; write date, time and offset, such as 2027-01-01T18:00:00Z")
        })
    }
}

impl Serialize for Moment {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Moment {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        datetime::deserialize(deserializer, "an instant such as 2027-01-01T18:00:00Z")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Holder {
        at: Moment,
    }

    #[test]
    fn an_instant_reads_alike_bare_quoted_and_with_any_offset() {
        let bare: Holder = toml::from_str("at = 2027-01-02T03:04:05Z").unwrap();
        let quoted: Holder = toml::from_str("at = \"2027-01-02T05:04:05+02:00\"").unwrap();
        assert_eq!(bare, quoted);
        assert_eq!(serde_json::to_string(&bare).unwrap(), r#"{"at":"2027-01-02T03:04:05Z"}"#);
        assert_eq!(bare.at.unix_ns(), 1_798_859_045_000_000_000);
    }

    #[test]
    fn what_has_no_offset_is_refused() {
        assert!(toml::from_str::<Holder>("at = 2027-01-02T03:04:05").is_err());
        assert!(toml::from_str::<Holder>("at = 2027-01-02").is_err());
    }
}

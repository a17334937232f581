//! A calendar day: when a rule expires.

use crate::datetime;
use jiff::civil::Date;
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::str::FromStr;

/// A day in UTC, written `2027-01-01`, with or without quotes.
///
/// In documents it is a string, so that a run's record reads alike in TOML and in JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, JsonSchema)]
#[schemars(with = "String", extend("format" = "date"))]
pub struct Day(pub Date);

impl Day {
    /// Today in UTC, by the system's clock.
    #[must_use]
    pub fn today() -> Self {
        Self(jiff::Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC).date())
    }

    /// The day that is as many whole days later as `span` has, at least one.
    ///
    /// # Errors
    /// There is no such day in the calendar, which ends with the year 9999.
    pub fn after(self, span: crate::Span) -> Result<Self, String> {
        let days = i64::try_from(span.0.as_secs() / 86_400).unwrap_or(i64::MAX).max(1);
        let later = jiff::Span::new().try_days(days).and_then(|days| self.0.checked_add(days));
        later.map(Self).map_err(|_| format!("there is no day {span} after {self}; write a shorter time"))
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for Day {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self).map_err(|_| format!("`{text}` is not a day such as 2027-01-01"))
    }
}

impl Serialize for Day {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Day {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        datetime::deserialize(deserializer, "a day such as 2027-01-01")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Holder {
        day: Day,
    }

    #[test]
    fn a_day_reads_alike_bare_quoted_and_from_json() {
        let bare: Holder = toml::from_str("day = 2027-01-02").unwrap();
        let quoted: Holder = toml::from_str("day = \"2027-01-02\"").unwrap();
        let json: Holder = serde_json::from_str(r#"{"day":"2027-01-02"}"#).unwrap();
        assert_eq!(bare, quoted);
        assert_eq!(bare, json);
        assert_eq!(serde_json::to_string(&bare).unwrap(), r#"{"day":"2027-01-02"}"#);
    }

    #[test]
    fn a_time_of_day_is_refused() {
        assert!(toml::from_str::<Holder>("day = 2027-01-02T03:04:05Z").is_err());
        assert!(toml::from_str::<Holder>("day = \"soon\"").is_err());
    }
}

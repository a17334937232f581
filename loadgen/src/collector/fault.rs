//! Regressions that can be planted, and what a validation has to say about each.

use http::Method;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// What is wrong with a build of the collector.
///
/// Every fault but [`Fault::Flaky`] is a pure function of the request, like a real bug.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Fault {
    /// Nothing: the build behaves as the primary.
    #[default]
    None,
    /// The discount of a purchase is forgotten when it is scored.
    Field,
    /// The cohort of a guest is a string instead of a number.
    Type,
    /// A batch with a character outside the basic plane crashes its connection.
    Drop,
    /// Ingestion takes 60 % longer, at least 4 ms.
    Slow,
    /// One answer in 1,000 names another shard: noise, which every role has.
    Flaky,
    /// Batches of clients older than version 2 get 500.
    Status,
}

/// Requests between two noisy answers of [`Fault::Flaky`], on average.
const NOISE_ONE_IN: u32 = 1000;

/// Least delay of [`Fault::Slow`]: above every latency floor of the default policy.
const SLOW_AT_LEAST: Duration = Duration::from_millis(4);

impl Fault {
    /// Every fault, in the order in which help texts list them.
    pub const ALL: [Self; 7] =
        [Self::None, Self::Field, Self::Type, Self::Drop, Self::Slow, Self::Flaky, Self::Status];

    /// The name on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Field => "field",
            Self::Type => "type",
            Self::Drop => "drop",
            Self::Slow => "slow",
            Self::Flaky => "flaky",
            Self::Status => "status",
        }
    }

    /// What primary and control run while the candidate runs `self`: noise is everybody's.
    #[must_use]
    pub const fn of_baseline(self) -> Self {
        match self {
            Self::Flaky => Self::Flaky,
            _ => Self::None,
        }
    }

    /// Whether a validation must promote a candidate with this fault.
    #[must_use]
    pub const fn is_harmless(self) -> bool {
        matches!(self, Self::None | Self::Flaky)
    }

    /// The difference that the candidate shows, as `in:pattern` of a difference; `None` where it shows
    /// no difference in what it answers.
    ///
    /// For [`Fault::Flaky`] it is the noise that must be seen and not blamed.
    #[must_use]
    pub const fn expected_path(self) -> Option<&'static str> {
        match self {
            Self::None | Self::Slow | Self::Drop => None,
            Self::Field => Some("body:/results/*/score"),
            Self::Type => Some("body:/results/*/cohort"),
            Self::Flaky => Some("body:/shard"),
            Self::Status => Some("status"),
        }
    }

    /// The check that must name the culprit; `None` where nothing is to be blamed.
    #[must_use]
    pub const fn expected_check(self) -> Option<&'static str> {
        match self {
            Self::None | Self::Flaky => None,
            Self::Field | Self::Type => Some("mismatch"),
            Self::Drop => Some("availability"),
            Self::Slow => Some("latency.p50"),
            Self::Status => Some("status"),
        }
    }

    /// Whether this answer is one of the noisy ones.
    pub(crate) fn is_noisy(self, noise: &mut fastrand::Rng) -> bool {
        self == Self::Flaky && noise.u32(..NOISE_ONE_IN) == 0
    }

    /// How much longer the answer has to take, given what the work `took`.
    pub(crate) fn delay(self, method: &Method, took: Duration) -> Option<Duration> {
        (self == Self::Slow && method == Method::POST).then(|| SLOW_AT_LEAST.max(took * 6 / 10))
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The text names no fault.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a regression; choose one of none, field, type, drop, slow, flaky, status")]
pub struct UnknownFault(String);

impl FromStr for Fault {
    type Err = UnknownFault;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|fault| fault.name() == text).ok_or_else(|| UnknownFault(text.to_owned()))
    }
}

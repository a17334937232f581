//! Time of which a run kept less than it saw, because its process ended and was started again.

use super::int;
use serde::{Deserialize, Serialize};

/// The process ended somewhere in this stretch of time and came back at its end.
///
/// What the log has of it counts. How much was mirrored and never reached the log cannot be known: exchanges
/// under way, those in the queue and, without capture, those in windows that were open. So the stretch is told.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gap {
    /// Unix nanoseconds from which on windows were open: the end of the newest sealed one.
    #[serde(with = "int")]
    pub from_ns: u64,
    /// Unix nanoseconds at which the run went on.
    #[serde(with = "int")]
    pub until_ns: u64,
    /// Windows that the stretch touches.
    #[serde(with = "int")]
    pub windows: u64,
    /// Exchanges of it that are known to have been mirrored and are not counted: part of the window's `mirrored`, so
    /// they are among the lost ones.
    #[serde(with = "int")]
    pub lost: u64,
}

impl Gap {
    /// The stretch between two moments, in windows of `window_ns`; a clock that went back makes it empty.
    #[must_use]
    pub fn new(from_ns: u64, until_ns: u64, window_ns: u64, lost: u64) -> Self {
        let (until_ns, window_ns) = (until_ns.max(from_ns), window_ns.max(1));
        Self { from_ns, until_ns, windows: until_ns / window_ns - from_ns / window_ns + 1, lost }
    }

    /// Its length in nanoseconds.
    #[must_use]
    pub fn span_ns(&self) -> u64 {
        self.until_ns.saturating_sub(self.from_ns)
    }

    /// Adds another part of the same window: the stretch that both lie in.
    pub fn merge(&mut self, other: &Self) {
        self.from_ns = self.from_ns.min(other.from_ns);
        self.until_ns = self.until_ns.max(other.until_ns);
        self.windows = self.windows.max(other.windows);
        self.lost = self.lost.saturating_add(other.lost);
    }
}

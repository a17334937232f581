//! Recordings: closed sets of requests with the times at which they came.
//!
//! The native formats are the log's (whole exchanges that `run --capture` wrote, or requests alone), and a
//! packed one for recordings that are kept: compressed, with an index by time and session.
//! GoReplay's `.gor`, browsers' HAR, access logs, the targets of other load generators and JSON lines are
//! read too, and made into exchanges.
//! A recording is held in memory and rendered before the clock starts, so that a replay reads no file
//! while it sends. What is wrong with one is counted and told, never skipped in silence.

mod access_log;
mod convert;
mod facts;
mod gor;
mod har;
mod lines;
mod native;
mod open;
mod packed;
mod select;
mod targets;

pub use access_log::Spread;
pub use convert::{Converted, convert};
pub use facts::{Damage, RecordingDocument};
pub(crate) use gor::message::reply;
pub use gor::{GorError, GorMode, write_gor};
pub use har::write_har;
pub use lines::LineError;
pub(crate) use native::exchange_of;
pub use native::{from_reader, write, write_requests};
pub use open::{Reading, each, is_packed, open, open_as};
pub use packed::{Block, Packed, PackedWriter};
pub use select::{PathPattern, Selection};

use crate::engine::{LoadError, Options, Run};
use crate::plan::{Pace, Plan, Recorded};
use crate::source::{Rendering, Source};
use crate::target::Target;
use parallax_exchange::Request;
use parallax_exchange::log::LogError;
use std::time::Duration;

/// Requests in the order of their times.
#[derive(Debug, Clone, Default)]
pub struct Recording {
    requests: Vec<Timed>,
    facts: facts::Facts,
}

/// A request with the time at which it came.
type Timed = (u64, Request);

/// Why a recording cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum RecordingError {
    /// It cannot be read or written.
    #[error(transparent)]
    Log(#[from] LogError),
    /// A line that is no request.
    #[error(transparent)]
    Line(#[from] LineError),
    /// A `.gor` file cannot say it.
    #[error(transparent)]
    Gor(#[from] GorError),
    /// None of the known formats.
    #[error(
        "{place} is no recording: it begins with \"{begin}\"; expected a native recording, a .gor file, a HAR archive, an access log, vegeta targets, an h2load timing script, or JSON lines of requests"
    )]
    Unknown {
        /// The path.
        place: String,
        /// Its first bytes, escaped.
        begin: String,
    },
    /// It is JSON, but no archive of requests.
    #[error("{place}: {why}")]
    Har {
        /// The path.
        place: String,
        /// What is wrong.
        why: String,
    },
    /// A packed recording that is of another format, or damaged where everything depends on it.
    #[error("{place}: {why}")]
    Packed {
        /// The path.
        place: String,
        /// What is wrong, with its offset, and what can be done.
        why: String,
    },
    /// The name to write to tells no format.
    #[error("{place}: the name of a recording ends in .plr, .plx, .gor, .gor.gz or .har")]
    Suffix {
        /// The path.
        place: String,
    },
    /// There is nothing in it that can be sent.
    #[error("{place} holds no request that can be replayed{why}")]
    Empty {
        /// File or directory.
        place: String,
        /// What it holds instead; begins with `: `, or is empty.
        why: String,
    },
    /// The file cannot be opened.
    #[error("failed to {action} {place}")]
    Io {
        /// What was tried.
        action: &'static str,
        /// The path.
        place: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
}

/// How long a replay goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// So many times through the recording.
    Laps(u64),
    /// From the beginning again and again until this has passed.
    Lasting(Duration),
}

impl Recording {
    /// Requests with their times in Unix nanoseconds, in any order.
    #[must_use]
    pub fn new(requests: impl IntoIterator<Item = (u64, Request)>) -> Self {
        let mut recording = Self::default();
        for (at_ns, request) in requests {
            recording.push(at_ns, request);
        }
        recording.sort();
        recording
    }

    /// Requests with their times in Unix nanoseconds, earliest first.
    #[must_use]
    pub fn requests(&self) -> &[(u64, Request)] {
        &self.requests
    }

    /// What is in it, as the document `parallax.recording/1`.
    #[must_use]
    pub fn describe(&self) -> RecordingDocument {
        self.facts.describe(&self.requests)
    }

    /// A run that sends the recording to `target`.
    ///
    /// # Errors
    /// [`LoadError::Plan`] for a pace that plans nothing, [`LoadError::Source`] for a request that
    /// cannot be sent.
    pub fn replay(
        &self,
        target: Target,
        pace: Pace,
        extent: Extent,
        rendering: &Rendering,
        options: Options,
    ) -> Result<Run, LoadError> {
        let source = Source::new(
            self.requests.iter().map(|(_, request)| request),
            &target,
            rendering,
            "the recording",
        )?;
        let times = self.requests.iter().map(|(at_ns, _)| *at_ns).collect();
        let recorded = match extent {
            Extent::Laps(laps) => Recorded::laps(times, pace, laps),
            Extent::Lasting(duration) => Recorded::lasting(times, pace, duration),
        };
        Ok(Run { plan: Plan::recorded(recorded)?, target, source, options })
    }

    fn push(&mut self, at_ns: u64, request: Request) {
        self.facts.see(at_ns, &request);
        self.requests.push((at_ns, request));
    }

    fn sort(&mut self) {
        self.requests.sort_by_key(|(at_ns, _)| *at_ns); // Stable: equal times keep their order.
    }
}

#[cfg(test)]
mod tests;

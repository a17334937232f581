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
use crate::source::{Rendering, SessionKey, Sessions, Source, SourceError, link};
use crate::target::Target;
use parallax_exchange::log::LogError;
use parallax_exchange::{Request, Response};
use std::time::Duration;

/// Requests in the order of their times.
#[derive(Debug, Clone, Default)]
pub struct Recording {
    requests: Vec<Timed>,
    /// What else is known of each request.
    beside: Vec<Beside>,
    facts: facts::Facts,
}

/// What a recording has of a request, beside the request.
#[derive(Debug, Clone, Default)]
struct Beside {
    cluster_key: u64,
    /// What the primary answered, where it was asked for.
    answer: Option<Box<Response>>,
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
        for (number, (at_ns, request)) in requests.into_iter().enumerate() {
            recording.push(at_ns, request, Beside { cluster_key: number as u64, answer: None });
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
        let mut source = Source::new(
            self.requests.iter().map(|(_, request)| request),
            &target,
            rendering,
            "the recording",
        )?;
        if let Some(order) = &rendering.order {
            if source.is_shared() {
                return Err(SourceError::Order.into());
            }
            let sessions = Sessions::new((0..self.requests.len()).map(|at| self.session(at, &order.by)));
            if order.remap {
                let answers: Vec<_> = self.beside.iter().map(|beside| beside.answer.as_deref()).collect();
                link(&mut source, &sessions, &answers);
            }
            source = source.in_order_of(sessions);
        }
        let times = self.requests.iter().map(|(at_ns, _)| *at_ns).collect();
        let recorded = match extent {
            Extent::Laps(laps) => Recorded::laps(times, pace, laps),
            Extent::Lasting(duration) => Recorded::lasting(times, pace, duration),
        };
        Ok(Run { plan: Plan::recorded(recorded)?, target, source, options })
    }

    /// The session of a request.
    fn session(&self, at: usize, key: &SessionKey) -> u64 {
        let headers = &self.requests[at].1.headers;
        let value = match key {
            SessionKey::Recorded => return self.beside[at].cluster_key,
            SessionKey::Header(name) => headers.get(name).map(http::HeaderValue::as_bytes),
            SessionKey::Cookie(name) => headers.get_all(http::header::COOKIE).into_iter().find_map(|value| {
                let pairs = value.as_bytes().split(|byte| *byte == b';').map(<[u8]>::trim_ascii);
                pairs.into_iter().find_map(|pair| pair.strip_prefix(name.as_bytes())?.strip_prefix(b"="))
            }),
        };
        // A request without it is a session of its own; the number is marked so that it is no digest.
        value.map_or(at as u64 | 1 << 63, |value| xxhash_rust::xxh3::xxh3_64(value) & !(1 << 63))
    }

    fn push(&mut self, at_ns: u64, request: Request, beside: Beside) {
        self.facts.see(at_ns, &request);
        self.requests.push((at_ns, request));
        self.beside.push(beside);
    }

    fn sort(&mut self) {
        let (requests, beside) = (std::mem::take(&mut self.requests), std::mem::take(&mut self.beside));
        let mut both: Vec<_> = requests.into_iter().zip(beside).collect();
        both.sort_by_key(|((at_ns, _), _)| *at_ns); // Stable: equal times keep their order.
        (self.requests, self.beside) = both.into_iter().unzip();
    }

    /// Keeps the requests that `is_wanted` says.
    fn keep(&mut self, is_wanted: impl Fn(&Timed) -> bool) {
        let (requests, beside) = (std::mem::take(&mut self.requests), std::mem::take(&mut self.beside));
        let both = requests.into_iter().zip(beside).filter(|(request, _)| is_wanted(request));
        (self.requests, self.beside) = both.unzip();
    }
}

#[cfg(test)]
mod tests;

//! The engine: sends a plan's requests at their times, whatever the target does.
//!
//! One thread per lane, each with its own `epoll`, connections, queue and tally; lanes share nothing
//! but a stop flag and take every n-th arrival. Terms, for an arrival that is due at T, released at D,
//! on the wire at W, answered from B to E: *response* is E - T, *service* E - W, *first byte* B - W,
//! *send lag* W - T, of which D - T is the *generator's lag* and the rest waiting for a connection.
//! A failure ends at the instant at which it was known; what has not ended when the run ends is
//! *censored*, recorded with the time it has waited so far. Nothing leaves the denominator.

mod arm;
mod books;
pub(crate) mod clock;
mod connection;
mod lane;
mod line;
mod live;
mod multiplex;
pub(crate) mod pair;
mod poll;
mod reply;
mod requests;
pub(crate) mod run;
pub(crate) mod tally;
mod transport;

pub use pair::PairedRun;
pub use requests::{Fate, JTL_HEADER, RequestRecord};
pub use run::{Interval, LoadError, Observer, Progress, Run};
pub use tally::{Class, Counts, Failure, Tally, Windows};
pub(crate) use tally::{LONGEST_NS, WINDOW_NS};

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// How a plan is carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// Threads; 0 chooses one for every 20,000 requests per second, at most one per core.
    pub lanes: usize,
    /// Most connections at once, over all lanes; each carries one request at a time.
    pub connections: usize,
    /// Connections opened before the start; 0 chooses one for every 100 requests per second.
    pub warm: usize,
    /// Most arrivals that wait for a connection, over all lanes; above it they are shed.
    pub backlog: usize,
    /// What an arrival does that finds every connection busy.
    pub when_full: WhenFull,
    /// Time limit of an arrival, from its intended start to the last byte of the reply.
    pub timeout: Duration,
    /// Requests at once on a connection of HTTP/2.
    pub streams: usize,
    /// Spins for the last 60 µs before an arrival is due: a core for a few microseconds of punctuality.
    pub spin: bool,
}

/// What an arrival does that finds every connection busy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum WhenFull {
    /// It waits for the first that becomes free, and the wait is part of its response time.
    #[default]
    Queue,
    /// It is given up, counted as `shed` and recorded as censored.
    Shed,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            lanes: 0,
            // Enough for 25,000 requests per second of 10 ms each, and below the usual limit of 1,024
            // descriptors.
            connections: 256,
            warm: 0,
            // 16 bytes each: a megabyte and a half, and a minute at 1,600 requests per second.
            backlog: 100_000,
            when_full: WhenFull::Queue,
            timeout: Duration::from_secs(30),
            // What servers allow by default, nginx and Go among them, is 100 and more.
            streams: 100,
            spin: false,
        }
    }
}

impl Options {
    fn timeout_ns(&self) -> u64 {
        u64::try_from(self.timeout.as_nanos()).unwrap_or(u64::MAX)
    }

    /// How often time limits are looked at: a fiftieth of the limit, within 1 and 50 ms.
    fn sweep_ns(&self) -> u64 {
        (self.timeout_ns() / 50).clamp(1_000_000, 50_000_000)
    }
}

/// Ends a run early: in-flight requests are given up and the result is marked partial.
#[derive(Debug, Clone, Default)]
pub struct Stop(Arc<AtomicBool>);

impl Stop {
    /// Asks every run that has this flag to end.
    pub fn set(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether [`Self::set`] was called.
    #[must_use]
    pub fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests;

#[cfg(test)]
mod session_tests;

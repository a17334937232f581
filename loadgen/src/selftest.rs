//! The generator against a server that knows the truth.
//!
//! A load generator that measures itself wrongly does so unnoticed: its numbers look like any others. So
//! it is run against a scripted server in the same process, whose stamps and whose script tell what the
//! generator should have found: when requests arrived, how long a freeze lasted, how long a queue makes
//! one wait. Beside it, where installed, other generators are run against the same server, and the server
//! tells what it saw of each.

mod arrivals;
mod faults;
mod freeze;
mod peers;
mod queue;

pub use arrivals::Arrivals;
pub use peers::Peer;

use crate::engine::{LoadError, Options, Run, Stop};
use crate::oracle::Oracle;
use crate::plan::Plan;
use crate::report::{IntegrityVerdict, LoadReport};
use crate::source::{Rendering, Source};
use crate::target::Target;
use parallax_exchange::Request;
use serde::Serialize;
use std::time::Duration;

/// How the test is done.
#[derive(Debug, Clone, Copy)]
pub struct Settings {
    /// How long each part takes; at least a second makes sense.
    pub part: Duration,
    /// Whether other generators are run beside.
    pub peers: bool,
}

/// What was found.
#[derive(Debug, Clone, Serialize)]
pub struct Selftest {
    /// `parallax.selftest/1`.
    pub schema: &'static str,
    /// Whether every check held.
    pub held: bool,
    /// Whether the machine let the generator keep its schedule in every part; where it did not, a check
    /// that failed says little.
    pub trustworthy: bool,
    /// The checks, in the order in which they were made.
    pub checks: Vec<Check>,
    /// What the server saw of each generator at the same rate.
    pub peers: Vec<Peer>,
}

/// One number beside the truth.
#[derive(Debug, Clone, Serialize)]
pub struct Check {
    /// What was checked.
    pub name: String,
    /// What the server or the formula says.
    pub expected: f64,
    /// What the generator found.
    pub found: f64,
    /// How far they may be apart.
    pub tolerance: f64,
    /// `ms`, `requests` or `%`.
    pub unit: &'static str,
    /// Whether they are no further apart.
    pub held: bool,
}

/// Why the test could not be done.
#[derive(Debug, thiserror::Error)]
pub enum SelftestError {
    /// A run could not take place.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// The server could not be started.
    #[error("failed to start the scripted server")]
    Server(#[from] std::io::Error),
}

impl Check {
    fn new(name: impl Into<String>, unit: &'static str, expected: f64, found: f64, tolerance: f64) -> Self {
        let held = (expected - found).abs() <= tolerance;
        Self { name: name.into(), expected, found, tolerance, unit, held }
    }

    /// Of a time in milliseconds, which may be off by a share or by an amount, whichever is more.
    fn of_time(name: impl Into<String>, expected: f64, found: f64, share: f64, amount: f64) -> Self {
        Self::new(name, "ms", expected, found, (expected * share).max(amount))
    }
}

/// Does the whole test; takes some six parts, and one more for each other generator.
///
/// # Errors
/// [`SelftestError`]: the machine has no port, thread or descriptor left. A check that fails is no error.
pub fn selftest(settings: Settings, stop: &Stop) -> Result<Selftest, SelftestError> {
    let mut test = Test { settings, stop, checks: Vec::new(), trustworthy: true };
    test.arrivals()?;
    test.freeze()?;
    test.queues()?;
    test.faults()?;
    let peers = if settings.peers { test.peers()? } else { Vec::new() };
    let held = test.checks.iter().all(|check| check.held);
    let Test { checks, trustworthy, .. } = test;
    Ok(Selftest { schema: "parallax.selftest/1", held, trustworthy, checks, peers })
}

struct Test<'a> {
    settings: Settings,
    stop: &'a Stop,
    checks: Vec<Check>,
    trustworthy: bool,
}

impl Test<'_> {
    /// Runs a plan against the server.
    fn load(&mut self, oracle: &Oracle, plan: Plan) -> Result<LoadReport, SelftestError> {
        let target = Target::parse(&oracle.url()).map_err(LoadError::from)?;
        let request = Request { target: "/".to_owned(), ..Request::default() };
        let source = Source::new([request], &target, &Rendering::default(), "the self-test");
        let source = source.map_err(LoadError::from)?;
        let run = Run { target, plan, source, options: Options::default() };
        let report = crate::run(&run, self.stop, &mut ())?;
        self.trustworthy &= report.document.integrity.verdict == IntegrityVerdict::Trustworthy;
        Ok(report)
    }
}

/// Nanoseconds as milliseconds.
fn millis(ns: u64) -> f64 {
    ns as f64 / 1e6
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_check_fails_beyond_its_tolerance() {
        assert!(Check::new("a", "ms", 10.0, 11.0, 1.0).held);
        assert!(!Check::new("a", "ms", 10.0, 11.5, 1.0).held);
        assert!(Check::of_time("a", 1000.0, 951.0, 0.05, 20.0).held);
        assert!(!Check::of_time("a", 0.0, 21.0, 0.05, 20.0).held);
    }

    #[test]
    fn the_generator_agrees_with_the_server() {
        let settings = Settings { part: Duration::from_secs(1), peers: false };
        let test = selftest(settings, &Stop::default()).expect("the machine has a port");
        let names: Vec<&str> = test.checks.iter().map(|check| check.name.as_str()).collect();
        assert!(names.len() >= 12, "{names:?}");
        // Counts are exact on any machine; times are checked where the machine kept the schedule.
        let judged = test.checks.iter().filter(|check| test.trustworthy || check.unit == "requests");
        let failed: Vec<&Check> = judged.filter(|check| !check.held).collect();
        assert!(failed.is_empty(), "{failed:#?}");
    }
}

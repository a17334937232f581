//! What a run found: a document for machines and a page for people.
//!
//! Times in documents are integers in nanoseconds and count from the intended start. A report says
//! whether it may be believed: see [`Integrity`].

mod document;
mod integrity;
mod page;
mod plot;
mod summary;

pub use document::{Bytes, Connections, LoadDocument, Quantiles, Remap};
pub(crate) use integrity::HostClock;
pub use integrity::{Clock, Integrity, IntegrityVerdict, PlanWindows, Processor};
pub use page::{Second, page};

use crate::Threshold;
use crate::engine::run::Measured;
use crate::engine::{LoadError, Observer, PairedRun, RequestRecord, Run, Stop, Tally};
use parallax_exchange::{Ledger, Sender};
use serde::{Serialize, Serializer};

/// The result of a run; as JSON it is the document `parallax.load/1`.
#[derive(Debug, Clone)]
pub struct LoadReport {
    /// The document.
    pub document: LoadDocument,
    /// The histograms and counts that the document is made of.
    pub tally: Tally,
}

/// Carries out a run; blocks until every arrival has ended or `stop` is set, which makes the report
/// partial.
///
/// # Errors
/// [`LoadError`]: nobody listens at the target, or the operating system refuses what the engine needs.
/// A target that fails later is no error but a count in the report.
pub fn run(run: &Run, stop: &Stop, observer: &mut dyn Observer) -> Result<LoadReport, LoadError> {
    let before = HostClock::read();
    report(run, run.measure(stop, observer, None)?, &before)
}

/// Carries out a run as [`run`] does, and gives what became of each arrival to `each`, in the order in which
/// they ended; returns how many arrivals it did not get because it was too slow.
///
/// # Errors
/// As [`run`].
pub fn run_each(
    run: &Run,
    stop: &Stop,
    observer: &mut dyn Observer,
    each: &mut (dyn FnMut(&RequestRecord) + Send),
) -> Result<(LoadReport, u64), LoadError> {
    let before = HostClock::read();
    let (measured, dropped) = run.measure_each(stop, observer, each)?;
    Ok((report(run, measured, &before)?, dropped))
}

fn report(run: &Run, measured: Measured, before: &HostClock) -> Result<LoadReport, LoadError> {
    // A closed loop plans nothing: what it released is all there was to send.
    let is_closed = run.plan.closed_ns().is_some();
    let planned = if is_closed { measured.tally.counts.released } else { run.plan.arrivals() };
    balance(&measured.tally, planned)?;
    let integrity = Integrity::judge(&measured, before);
    let document = LoadDocument::new(run, planned, &measured, integrity);
    Ok(LoadReport { document, tally: measured.tally })
}

/// The result of a run against several targets.
#[derive(Debug, Clone)]
pub struct PairedReport {
    /// One report for each target, in their order.
    pub targets: Vec<LoadReport>,
    /// Exchanges handed to the comparison.
    pub compared: u64,
    /// Arrivals that were due and were not: an answer above 1 MiB, a limit of this machine, or a comparison
    /// that was too slow.
    pub lost: u64,
}

/// Carries out a run against several targets, as [`run`] does against one; exchanges go to `sender`, what
/// is mirrored is counted in `ledger`.
///
/// # Errors
/// As [`run`].
pub fn run_paired(
    run: &PairedRun,
    stop: &Stop,
    observer: &mut dyn Observer,
    ledger: &Ledger,
    sender: Sender,
) -> Result<PairedReport, LoadError> {
    let before = HostClock::read();
    let found = run.measure(stop, observer, ledger, sender)?;
    let targets = run.runs().iter().zip(found.measured);
    let targets = targets.map(|(run, measured)| report(run, measured, &before)).collect::<Result<_, _>>()?;
    Ok(PairedReport { targets, compared: found.compared, lost: found.lost })
}

impl LoadReport {
    /// Checks thresholds and notes their outcomes in the document; whether all held.
    pub fn check(&mut self, thresholds: &[Threshold]) -> bool {
        self.document.thresholds = thresholds.iter().map(|threshold| threshold.check(self)).collect();
        self.document.thresholds.iter().all(|outcome| outcome.held)
    }

    /// The report for people, some 30 lines without colour, each ended by a line feed.
    #[must_use]
    pub fn summary(&self) -> String {
        summary::render(self)
    }
}

impl Serialize for LoadReport {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.document.serialize(serializer)
    }
}

/// Every arrival of the plan must be found in exactly one count and, if it was due, in one histogram.
fn balance(tally: &Tally, planned: u64) -> Result<(), LoadError> {
    let counts = &tally.counts;
    let ended = counts.completed() + counts.failed_in_all() + counts.in_flight_at_end;
    let recorded: u64 = tally.response.iter().map(hdrhistogram::Histogram::len).sum();
    let identities = [
        (
            "planned = released + unreleased + not due",
            planned,
            counts.released + counts.unreleased + counts.not_due,
        ),
        ("released = completed + failed + in flight at the end", counts.released, ended),
        ("response times = planned - not due", recorded, planned - counts.not_due),
    ];
    match identities.into_iter().find(|(_, left, right)| left != right) {
        Some((name, left, right)) => Err(LoadError::Unbalanced(format!("{name}: {left} is not {right}"))),
        None => Ok(()),
    }
}

#[cfg(test)]
pub(crate) mod tests;

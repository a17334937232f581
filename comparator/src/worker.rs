//! The worker: the thread that turns exchanges into evidence, and keeps it.
//!
//! A thin shell around the pure [`Trial`]: it owns the clock, the queue's end, the ledger and the log.
//! It decides when a window is sealed (its end and the seal delay have passed) and writes that decision
//! into the log at the place where it was made, so a replay makes it at the same place.
//!
//! Nothing here can hold up the live path: the queue is bounded and its senders never wait. A log that
//! cannot be written stops neither comparing nor judging; the verdict then says that it is not kept.

mod clock;
mod drive;
mod keeper;

pub use clock::{Clock, system_clock};

use crate::report::Published;
use crate::resume::Resumed;
use crate::run::Run;
use crate::trial::{Trial, TrialError};
use drive::Drive;
use keeper::Keeper;
use parallax_exchange::log::Writer;
use parallax_exchange::{Ledger, Receiver};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

/// Takes what is published: at every seal, and between them when something changed.
pub type Publish = Box<dyn FnMut(Published) + Send>;

/// How a worker runs; what it judges is in the [`Run`].
#[derive(Clone)]
pub struct WorkerOptions {
    /// Puts every exchange into the log before it counts, so that it can be compared again.
    pub capture: bool,
    /// Without capture: exchanges kept in the log as examples, at most.
    pub examples_max: u64,
    /// Least time between two publications that no seal caused.
    pub publish_every: Duration,
    /// Tells Unix time; the same clock as the one that stamps admissions.
    pub clock: Clock,
}

impl Default for WorkerOptions {
    fn default() -> Self {
        Self {
            capture: false,
            examples_max: 1000,
            publish_every: Duration::from_millis(500),
            clock: system_clock(),
        }
    }
}

impl std::fmt::Debug for WorkerOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WorkerOptions")
            .field("capture", &self.capture)
            .field("examples_max", &self.examples_max)
            .field("publish_every", &self.publish_every)
            .finish_non_exhaustive()
    }
}

/// Why a worker cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The run cannot be tried.
    #[error(transparent)]
    Trial(#[from] TrialError),
    /// The system gives no thread.
    #[error("the comparator's thread cannot be started")]
    Thread(#[source] std::io::Error),
}

/// The worker's thread ended by a fault of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the comparator's thread panicked; its log holds what was sealed before")]
pub struct WorkerPanicked;

/// What a worker leaves behind.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// The last publication.
    pub published: Published,
    /// Exchanges received, late ones and mere recordings included.
    pub exchanges: u64,
    /// Records that the log did not take; above 0 the evidence is not kept in whole.
    pub log_failures: u64,
}

/// Starts workers.
#[derive(Debug)]
pub struct Worker;

impl Worker {
    /// Starts a thread that compares, tallies and judges everything that `receiver` gives.
    ///
    /// `publish` is called on that thread: at once, at every seal, and in between as the options say.
    /// It must return quickly.
    ///
    /// # Errors
    /// [`StartError`]; nothing has been written to the log then.
    pub fn start(
        run: Run,
        receiver: Receiver,
        ledger: Ledger,
        log: Option<Box<dyn Writer>>,
        options: WorkerOptions,
        publish: Publish,
    ) -> Result<WorkerHandle, StartError> {
        let keeper = Keeper::new(log, options.capture, options.examples_max);
        Self::spawn(Trial::new(run)?, keeper, 0, receiver, ledger, options, publish)
    }

    /// As [`Worker::start`], for a run that goes on from its log; whether it captures is as it was.
    ///
    /// # Errors
    /// [`StartError::Thread`].
    pub fn resume(
        mut resumed: Resumed,
        receiver: Receiver,
        ledger: Ledger,
        log: Box<dyn Writer>,
        options: WorkerOptions,
        publish: Publish,
    ) -> Result<WorkerHandle, StartError> {
        let keeper = Keeper::resume(log, &resumed, options.examples_max);
        resumed.go_on((options.clock)());
        let lane = ledger.lane();
        let window_ns = resumed.trial.run().policy.window.nanos();
        for (window, door) in &resumed.open {
            lane.count(window.saturating_mul(window_ns), |counts| counts.merge(door));
        }
        Self::spawn(resumed.trial, keeper, resumed.exchanges, receiver, ledger, options, publish)
    }

    fn spawn(
        trial: Trial,
        keeper: Keeper,
        exchanges: u64,
        receiver: Receiver,
        ledger: Ledger,
        options: WorkerOptions,
        publish: Publish,
    ) -> Result<WorkerHandle, StartError> {
        let stop = Arc::new(AtomicBool::new(false));
        let drive = Drive::new(trial, receiver, ledger, keeper, options, publish, Arc::clone(&stop));
        let drive = drive.after(exchanges);
        let thread = std::thread::Builder::new()
            .name("parallax-compare".to_owned())
            .spawn(move || drive.run())
            .map_err(StartError::Thread)?;
        Ok(WorkerHandle { stop, thread })
    }
}

/// A running worker; dropping it lets the worker go on until every sender is gone.
#[derive(Debug)]
pub struct WorkerHandle {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Outcome>,
}

impl WorkerHandle {
    /// Ends the run: takes what waits in the queue, seals every window and writes the end.
    ///
    /// Stop the proxy first (it drains its copies): once every sender is gone nothing can come any
    /// more, so no seal delay is waited for. What senders offer after the queue was found empty is
    /// refused, and counted as lost.
    ///
    /// # Errors
    /// [`WorkerPanicked`] when the thread had ended by a fault of ours.
    pub fn stop(self) -> Result<Outcome, WorkerPanicked> {
        self.stop.store(true, Ordering::Release);
        self.thread.join().map_err(|_| WorkerPanicked)
    }

    /// Whether the thread has ended by itself: every sender is gone, or it panicked.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.thread.is_finished()
    }
}

#[cfg(test)]
mod tests;

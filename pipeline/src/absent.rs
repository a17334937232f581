//! What stands for the Kafka client in a build without it: the same functions, which say so.

use crate::{KafkaUrl, PipelineError, Published, Spooled, Work, Worked};
use parallax_comparator::run::Run;
use parallax_exchange::{Admissions, Exchange};
use std::path::Path;
use std::time::Duration;

/// Copies a range of a topic into files.
///
/// # Errors
/// [`PipelineError::NotBuilt`].
pub fn spool(
    _url: &KafkaUrl,
    _into: &Path,
    _going: &mut dyn FnMut(u64) -> bool,
) -> Result<Spooled, PipelineError> {
    Err(PipelineError::NotBuilt)
}

/// Works as a member of a group of judges.
///
/// # Errors
/// [`PipelineError::NotBuilt`].
pub fn work(
    _work: &Work,
    _begin: &mut dyn FnMut() -> Run,
    _stop: &dyn Fn() -> bool,
    _publish: &mut dyn FnMut(&parallax_comparator::report::Published),
) -> Result<Worked, PipelineError> {
    Err(PipelineError::NotBuilt)
}

/// Writes exchanges to a topic; none can be made in this build.
#[derive(Debug)]
pub struct Publisher(std::convert::Infallible);

impl Publisher {
    /// A publisher.
    ///
    /// # Errors
    /// [`PipelineError::NotBuilt`].
    pub fn new(_url: KafkaUrl) -> Result<Self, PipelineError> {
        Err(PipelineError::NotBuilt)
    }

    /// Offers an exchange; never waits for a broker.
    pub fn exchange(&mut self, _exchange: &Exchange) {}

    /// Writes a mark to every partition.
    pub fn mark(&mut self, _admissions: Vec<(u64, Admissions)>) {}

    /// Serves the client library; call it often.
    pub fn poll(&mut self) {}

    /// What was done so far.
    #[must_use]
    pub fn published(&self) -> Published {
        Published::default()
    }

    /// Says goodbye and waits for what is queued, `limit` at the longest.
    pub fn close(&mut self, _admissions: Vec<(u64, Admissions)>, _limit: Duration) -> Published {
        Published::default()
    }
}

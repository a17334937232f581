//! What stands for the Kafka client in a build without it: the same functions, which say so.

use crate::{KafkaUrl, PipelineError, Spooled};
use std::path::Path;

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

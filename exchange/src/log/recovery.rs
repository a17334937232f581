//! Where the good part of a segment ends, after a writer that did not close it.
//!
//! A crash of the process leaves at most one record that is cut short; a crash of the machine may
//! leave any bytes behind the last sync. Both are cut off when a writer opens the log, because
//! whatever is appended behind them would otherwise have to be searched for. Damage that has whole
//! records behind it stays where it is: those records are evidence, and readers step over damage.

use super::LogError;
use super::scan::{Scanner, Step, Tail};
use super::source::Source;
use std::path::Path;

/// The state of the last segment of a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Recovered {
    /// Where the next frame goes; 0 where not even a header is there.
    pub(crate) end: u64,
    /// Bytes behind it, to be cut off.
    pub(crate) torn: u64,
}

/// Finds the end of the last whole frame; reads the whole segment.
pub(crate) fn recover(source: &impl Source, path: &Path) -> Result<Recovered, LogError> {
    let mut scanner = Scanner::new(source);
    loop {
        match scanner.step(Tail::Growing).map_err(LogError::io("read", path))? {
            Step::Frame { .. } | Step::Damage { .. } => {}
            Step::Unsupported(why) => {
                return Err(LogError::Unsupported { place: path.display().to_string(), why });
            }
            Step::End => break,
        }
    }
    let end = scanner.good_end();
    let length = source.length().map_err(LogError::io("read", path))?;
    Ok(Recovered { end, torn: length.saturating_sub(end) })
}

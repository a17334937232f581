//! Finds what is damaged in a closed log, and copies what is whole into a new file.
//!
//! Records are copied byte for byte: a field that only a newer build knows goes along. Indexes and
//! the like (kinds that may be skipped) stay behind, because they speak of places in the old file.
//! Memory is bounded by one record, whatever the log's length.

use super::location::path;
use super::reader::{End, FileReader, RawRecord};
use super::writer::FileWriter;
use super::{LogError, Writer};
use std::path::Path;

/// What [`check`] or [`repair`] found.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Checkup {
    /// Records that can be read.
    pub records: u64,
    /// Places that cannot.
    pub damaged: u64,
    /// Their bytes.
    pub damaged_bytes: u64,
}

/// Reads the closed log at `from` to its end; `tell` hears of every [`LogError::Damaged`] place, a
/// torn end included.
///
/// # Errors
/// As [`super::open_recording`].
pub fn check(from: &str, tell: impl FnMut(LogError)) -> Result<Checkup, LogError> {
    walk(FileReader::open(path(from)?, End::Closed)?, |_| Ok(()), tell)
}

/// As [`check`], and copies every record that can be read to the new file `to`, which must not exist.
///
/// # Errors
/// As [`check`], and [`LogError::Io`] for `to`, which is removed then.
pub fn repair(from: &str, to: &Path, tell: impl FnMut(LogError)) -> Result<Checkup, LogError> {
    let reader = FileReader::open(path(from)?, End::Closed)?;
    let mut writer = FileWriter::create_file(to)?;
    let copied = walk(reader, |raw| writer.append_raw(raw), tell);
    copied.and_then(|checkup| writer.sync().map(|()| checkup)).inspect_err(|_| {
        let _ = std::fs::remove_file(to); // where it cannot go, the first error still counts
    })
}

fn walk(
    mut reader: FileReader,
    mut take: impl FnMut(&RawRecord) -> Result<(), LogError>,
    mut tell: impl FnMut(LogError),
) -> Result<Checkup, LogError> {
    let mut checkup = Checkup::default();
    loop {
        let read = match reader.next_raw() {
            Ok(None) => return Ok(checkup),
            Ok(Some(raw)) => reader.interpret(&raw).map(|record| record.map(|_| raw)),
            Err(error) => Err(error),
        };
        match read {
            Ok(Some(raw)) => {
                take(&raw)?;
                checkup.records += 1;
            }
            Ok(None) => {}
            Err(error @ LogError::Damaged { bytes, .. }) => {
                checkup.damaged += 1;
                checkup.damaged_bytes += bytes;
                tell(error);
            }
            Err(error) => return Err(error),
        }
    }
}

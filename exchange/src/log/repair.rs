//! Copies what is whole in a damaged log into a new file.
//!
//! Records are copied byte for byte: a field that only a newer build knows goes along. Indexes and
//! the like (kinds that may be skipped) stay behind, because they speak of places in the old file.

use super::location::path;
use super::reader::{End, FileReader};
use super::writer::FileWriter;
use super::{LogError, Writer};
use std::path::Path;

/// What [`repair`] did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Repair {
    /// Records copied.
    pub records: u64,
    /// Bytes of the new file.
    pub bytes: u64,
    /// Places that could not be read.
    pub damaged: u64,
    /// Their bytes.
    pub damaged_bytes: u64,
}

/// Copies every record of the log at `from` that can be read to the new file `to`, which must not
/// exist; `tell` hears of every [`LogError::Damaged`] place, a torn end included.
///
/// # Errors
/// As [`super::open_recording`] for `from`, and [`LogError::Io`] for `to`, which is removed then.
pub fn repair(from: &str, to: &Path, tell: impl FnMut(LogError)) -> Result<Repair, LogError> {
    let reader = FileReader::open(path(from)?, End::Closed)?;
    let writer = FileWriter::create_file(to)?;
    copy(reader, writer, tell).inspect_err(|_| {
        let _ = std::fs::remove_file(to); // where it cannot go, the first error still counts
    })
}

fn copy(
    mut reader: FileReader,
    mut writer: FileWriter,
    mut tell: impl FnMut(LogError),
) -> Result<Repair, LogError> {
    let mut repair = Repair::default();
    loop {
        let copied = match reader.next_raw() {
            Ok(None) => break,
            Ok(Some(raw)) => reader.interpret(&raw).map(|record| record.map(|_| raw)),
            Err(error) => Err(error),
        };
        match copied {
            Ok(Some(raw)) => writer.append_raw(&raw)?,
            Ok(None) => {}
            Err(error @ LogError::Damaged { bytes, .. }) => {
                repair.damaged += 1;
                repair.damaged_bytes += bytes;
                tell(error);
            }
            Err(error) => return Err(error),
        }
    }
    writer.sync()?;
    repair.records = writer.stats().records;
    repair.bytes = writer.length();
    Ok(repair)
}

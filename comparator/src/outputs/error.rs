//! Why outputs cannot be compared.

use crate::compare::RuleError;
use std::path::PathBuf;

/// Outputs that cannot be compared.
#[derive(Debug, thiserror::Error)]
pub enum OutputsError {
    /// A setting that cannot be used.
    #[error("{0}")]
    Setting(String),
    /// A rule that cannot be used.
    #[error(transparent)]
    Rule(#[from] RuleError),
    /// A file or directory cannot be read.
    #[error("failed to read {}", path.display())]
    Io {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A directory without files.
    #[error("{} holds no files: name the file or directory that the build wrote to", .0.display())]
    Empty(PathBuf),
    /// Not a regular file.
    #[error("{} is no regular file, and sources are read more than once: write it to a file first", .0.display())]
    Stream(PathBuf),
    /// A file of a kind that is not read.
    #[error("{} looks like .{extension}: unpack or convert it to NDJSON or CSV first", path.display())]
    Kind {
        /// Which.
        path: PathBuf,
        /// What it ends in.
        extension: String,
    },
    /// A CSV file without a usable header.
    #[error("{}: {why}", path.display())]
    Header {
        /// Which.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// A record without an end.
    #[error(
        "{} has a record of more than 64 MiB at byte {offset}: {}",
        path.display(),
        if *quoted { "is a quote not closed?" } else { "are there no line ends?" }
    )]
    TooLong {
        /// Which file.
        path: PathBuf,
        /// Where the record starts.
        offset: u64,
        /// Whether quotes hide line ends in it.
        quoted: bool,
    },
    /// A file that got shorter.
    #[error("{} got shorter while it was read: compare when the build has stopped writing", path.display())]
    Changed {
        /// Which.
        path: PathBuf,
    },
    /// A second reading gave other records than the first.
    #[error("a source changed while it was read: compare when the builds have stopped writing")]
    Unstable,
    /// More records of one range of ids than the memory holds.
    #[error(
        "{records} records have ids so alike that they must be held at once, which needs {bytes} bytes: \
         is the id really one record's? otherwise raise --memory"
    )]
    Memory {
        /// How many.
        records: u64,
        /// What they need.
        bytes: u64,
    },
}

impl OutputsError {
    /// Whether the settings are at fault, not the data.
    #[must_use]
    pub fn is_usage(&self) -> bool {
        matches!(
            self,
            Self::Setting(_) | Self::Rule(_) | Self::Empty(_) | Self::Stream(_) | Self::Memory { .. }
        )
    }
}

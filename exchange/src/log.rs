//! The log: what a run keeps, in the order in which it became evidence.
//!
//! One writer puts everything into one sequence, so a reader that replays the sequence sees what the
//! judge saw, in the judge's order, and recomputes the verdict byte for byte.
//! Payloads other than exchanges are JSON documents of other crates; the log does not look inside.

use crate::Exchange;
use bytes::Bytes;
use std::fmt;

/// One entry of the log.
#[derive(Debug, Clone, PartialEq)]
pub enum Record {
    /// What is fixed when a run starts; the first record of a run (JSON).
    Run(Bytes),
    /// An exchange, as evidence (capture) or as part of a recording.
    Exchange(Box<Exchange>),
    /// A differing exchange kept for people to look at; no evidence.
    Example(Box<Exchange>),
    /// A sealed window's tally rows (JSON).
    Sealed(Bytes),
    /// The verdict at a watermark (JSON).
    Verdict(Bytes),
    /// The run ended in good order (JSON); its absence means that it was cut off.
    End(Bytes),
}

/// Where a record lies: enough to seek to it again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// Segment number (files) or partition (Kafka).
    pub segment: u64,
    /// Byte offset in the segment, or offset in the partition.
    pub offset: u64,
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.segment, self.offset)
    }
}

/// The writing half of a transport.
pub trait Writer: Send {
    /// Adds a record at the end. It survives a crash of this process once the call returns, and one
    /// of the machine after [`Writer::sync`].
    ///
    /// # Errors
    /// The transport's; the record is then not in the log, or only as a torn tail.
    fn append(&mut self, record: &Record) -> Result<Position, LogError>;

    /// Makes everything appended so far durable.
    ///
    /// # Errors
    /// The transport's.
    fn sync(&mut self) -> Result<(), LogError>;
}

/// The reading half of a transport.
pub trait Reader: Send {
    /// The next record; `None` at the end of what is there now.
    ///
    /// # Errors
    /// [`LogError::Damaged`] for bytes that are not a record; the next call goes on behind them.
    fn next(&mut self) -> Result<Option<(Position, Record)>, LogError>;
}

/// Why the log cannot be written or read.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The operating system refused.
    #[error("failed to {action} {place}")]
    Io {
        /// What was tried, such as `open`.
        action: &'static str,
        /// File or address.
        place: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// Bytes that are not a record.
    #[error("{place}: {bytes} bytes at offset {offset} are damaged: {why}")]
    Damaged {
        /// File or partition.
        place: String,
        /// Where the damage begins.
        offset: u64,
        /// How much is unreadable.
        bytes: u64,
        /// What is wrong.
        why: String,
    },
    /// The file is something else, or of a version that this build cannot read.
    #[error("{place}: {why}")]
    Unsupported {
        /// File or address.
        place: String,
        /// What it is and what can be done.
        why: String,
    },
}

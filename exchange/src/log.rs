//! The log: what a run keeps, in the order in which it became evidence.
//!
//! One writer puts everything into one sequence, so a reader that replays the sequence sees what the
//! judge saw, in the judge's order, and recomputes the verdict byte for byte.
//! Payloads other than exchanges are JSON documents of other crates; the log does not look inside.
//!
//! The transport is chosen by URL: `file:DIRECTORY` is a directory of segment files that needs no
//! service ([`open_writer`], [`open_reader`]; byte layout and recovery in `docs/log-format.md`).
//! The parts, from the bytes up: `source` reads at an offset, `frame` is one record's envelope,
//! `record` what is inside, `scan` walks the frames of a segment and steps over damage, `segment`
//! names files and reads their headers, `active` appends to one; `writer` and `reader` make a
//! sequence of segments out of that, `recovery` finds a torn tail, `lock` keeps a second writer out,
//! `repair` checks a log and copies what is whole.

mod active;
mod frame;
mod location;
mod lock;
mod reader;
mod record;
mod recovery;
mod repair;
mod scan;
mod segment;
mod source;
mod writer;

#[cfg(test)]
mod tests;

use crate::{Exchange, codec};
use bytes::Bytes;
use std::fmt;
use std::path::Path;

pub use frame::MAX_RECORD_BYTES;
pub use location::{open_reader, open_recording, open_writer, read_bytes};
pub use repair::{Checkup, check, repair};

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

/// One entry of the log, in which an exchange is still encoded.
///
/// The bytes are a part of what the reader read, shared and not copied: whoever keeps an exchange for
/// long keeps its own copy, as [`crate::codec::decode`] of `Bytes::copy_from_slice` does.
#[derive(Debug, Clone, PartialEq)]
pub enum Entry {
    /// As [`Record::Exchange`].
    Exchange(Bytes),
    /// As [`Record::Example`].
    Example(Bytes),
    /// Any other record.
    Other(Record),
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

/// Bounds of a log in files; zero counts as the least that makes sense.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes after which a new segment is begun. A record longer than this has one to itself.
    pub segment_bytes: u64,
    /// Bytes of all segments together; above it the oldest whole segments are removed, never the
    /// one being written.
    pub total_bytes: u64,
}

/// What a writer has done since it was opened.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct WriterStats {
    /// Records added.
    pub records: u64,
    /// Bytes added, framing included.
    pub bytes: u64,
    /// Whole segments removed because the log had reached its total size.
    pub segments_removed: u64,
    /// Their bytes.
    pub bytes_removed: u64,
    /// Bytes after the last whole record that were cut off when the log was opened.
    pub torn_bytes: u64,
}

/// The writing half of a transport.
pub trait Writer: Send {
    /// Adds a record at the end. It survives a crash of this process once the call returns, and one
    /// of the machine after [`Writer::sync`].
    ///
    /// # Errors
    /// The transport's; the record is then not in the log, or only as a torn tail.
    fn append(&mut self, record: &Record) -> Result<Position, LogError>;

    /// Adds records in their order, as [`Writer::append`] does, for the cost of one write where the
    /// transport can.
    ///
    /// # Errors
    /// The transport's; a first part of the records may be in the log then.
    fn append_batch(&mut self, records: &[Record]) -> Result<Vec<Position>, LogError> {
        records.iter().map(|record| self.append(record)).collect()
    }

    /// Makes everything appended so far durable.
    ///
    /// # Errors
    /// The transport's.
    fn sync(&mut self) -> Result<(), LogError>;

    /// What this writer has done so far.
    fn stats(&self) -> WriterStats {
        WriterStats::default()
    }
}

/// The reading half of a transport.
pub trait Reader: Send {
    /// The next record; `None` at the end of what is there now.
    ///
    /// # Errors
    /// [`LogError::Damaged`] for bytes that are not a record; the next call goes on behind them.
    fn next(&mut self) -> Result<Option<(Position, Record)>, LogError>;

    /// The next record, an exchange not decoded: for those who look at every exchange and keep few.
    ///
    /// ```
    /// # use parallax_exchange::codec::View;
    /// # use parallax_exchange::log::{Entry, LogError, Reader};
    /// /// Counts requests on `route`, at a few GB of log per second.
    /// fn on_route(log: &mut dyn Reader, route: &str) -> Result<u64, LogError> {
    ///     let mut count = 0;
    ///     while let Some((_, entry)) = log.next_entry()? {
    ///         let Entry::Exchange(bytes) = entry else { continue };
    ///         // What a view cannot tell, `codec::decode(bytes)` reads or says what is wrong with it.
    ///         let Some(view) = View::read(&bytes) else { continue };
    ///         count += u64::from(view.labels.contains(&("route", route)));
    ///     }
    ///     Ok(count)
    /// }
    /// ```
    ///
    /// # Errors
    /// As [`Reader::next`]; whether an exchange can be decoded is not asked.
    fn next_entry(&mut self) -> Result<Option<(Position, Entry)>, LogError> {
        let encoded = |exchange: &Exchange| {
            let mut bytes = Vec::new();
            codec::encode(exchange, &mut bytes);
            Bytes::from(bytes)
        };
        Ok(self.next()?.map(|(position, record)| match record {
            Record::Exchange(exchange) => (position, Entry::Exchange(encoded(&exchange))),
            Record::Example(exchange) => (position, Entry::Example(encoded(&exchange))),
            other => (position, Entry::Other(other)),
        }))
    }

    /// Goes to a position that [`Writer::append`] or [`Reader::next`] gave.
    ///
    /// # Errors
    /// [`LogError::Unsupported`] when that part of the log is gone, or the transport cannot seek.
    fn seek(&mut self, position: Position) -> Result<(), LogError> {
        let why = "cannot seek in this log".to_owned();
        Err(LogError::Unsupported { place: position.to_string(), why })
    }

    /// Bytes behind the last whole record, once [`Reader::next`] gave `None`: a record that is just
    /// being written, or the torn tail of a writer that is gone.
    fn unfinished_bytes(&self) -> u64 {
        0
    }
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
    /// Somebody else writes to this log.
    #[error("{place}: another process ({holder}) writes to this log; stop it or choose another directory")]
    Locked {
        /// The directory.
        place: String,
        /// What the lock file says about the holder, such as `pid 4711`.
        holder: String,
    },
    /// The record is longer than a record may be.
    #[error(
        "a record of {bytes} bytes is longer than the limit of {MAX_RECORD_BYTES}; lower the capture cap for bodies"
    )]
    TooLong {
        /// Its length.
        bytes: usize,
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

impl LogError {
    /// An error of the operating system, with what was tried and where.
    pub(crate) fn io(action: &'static str, place: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let place = place.display().to_string();
        move |source| Self::Io { action, place, source }
    }
}

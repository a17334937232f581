//! Appends records to segments: one buffer, one write, then the position is known.
//!
//! Nothing is kept back in memory, so what was acknowledged survives a `kill -9` of this process; a
//! batch costs one write. Segments are rolled and the oldest removed here; the file being written
//! is [`Active`].

use super::active::Active;
use super::lock::DirectoryLock;
use super::reader::RawRecord;
use super::{Limits, LogError, Position, Record, Writer, WriterStats};
use super::{frame, record, segment};
use std::collections::VecDeque;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// Buffered bytes after which a batch is written in parts, so that memory stays bounded.
const WRITE_BYTES: usize = 4 << 20;

/// What can be put into a log.
trait Framed {
    /// Appends the frame to `into`; it will lie at `offset` of its segment.
    fn write(&self, into: &mut Vec<u8>, offset: u64) -> Result<(), LogError>;
}

impl Framed for Record {
    fn write(&self, into: &mut Vec<u8>, offset: u64) -> Result<(), LogError> {
        record::write(into, offset, self)
    }
}

impl Framed for RawRecord {
    fn write(&self, into: &mut Vec<u8>, offset: u64) -> Result<(), LogError> {
        let written = frame::write(into, offset, self.kind, |into| into.extend_from_slice(&self.payload));
        written.map_err(|bytes| LogError::TooLong { bytes })
    }
}

/// Where the segments go.
#[derive(Debug)]
enum Home {
    Directory {
        path: PathBuf,
        limits: Limits,
        _lock: DirectoryLock,
    },
    /// One file that is not rolled, for a recording.
    File,
}

/// The writer of a log in files.
#[derive(Debug)]
pub(crate) struct FileWriter {
    home: Home,
    current: Active,
    /// Older segments with their lengths, oldest first.
    older: VecDeque<(u64, u64)>,
    buffer: Vec<u8>,
    stats: WriterStats,
}

impl FileWriter {
    /// Opens or creates the log in `directory` and cuts off a torn tail.
    pub(crate) fn open(directory: &Path, limits: Limits) -> Result<Self, LogError> {
        std::fs::create_dir_all(directory).map_err(LogError::io("create", directory))?;
        let lock = DirectoryLock::acquire(directory)?;
        let mut numbers = segment::list(directory)?;
        let mut stats = WriterStats::default();
        let number = numbers.pop();
        let path = segment::path(directory, number.unwrap_or(segment::FIRST));
        let current = match number {
            Some(number) => Active::reopen(path, number, &mut stats)?,
            None => Active::create(path, segment::FIRST)?,
        };
        let mut older = VecDeque::with_capacity(numbers.len());
        for number in numbers {
            let path = segment::path(directory, number);
            let length = path.metadata().map_err(LogError::io("look at", &path))?.len();
            older.push_back((number, length));
        }
        let home = Home::Directory { path: directory.to_owned(), limits, _lock: lock };
        Ok(Self { home, current, older, buffer: Vec::new(), stats })
    }

    /// Creates `path`, which must not exist, as a log of one file that grows without limit.
    pub(crate) fn create_file(path: &Path) -> Result<Self, LogError> {
        let current = Active::create(path.to_owned(), segment::FIRST)?;
        let older = VecDeque::new();
        Ok(Self { home: Home::File, current, older, buffer: Vec::new(), stats: WriterStats::default() })
    }

    /// Adds a record as another log holds it, byte for byte.
    pub(crate) fn append_raw(&mut self, raw: &RawRecord) -> Result<(), LogError> {
        self.append_all(std::iter::once(raw), |_| {})
    }

    fn append_all<'a, F: Framed + 'a>(
        &mut self,
        records: impl Iterator<Item = &'a F>,
        mut appended: impl FnMut(Position),
    ) -> Result<(), LogError> {
        self.buffer.clear();
        let mut waiting = 0;
        for record in records {
            let position = self.buffer_record(record, &mut waiting)?;
            appended(position);
            if self.buffer.len() >= WRITE_BYTES {
                self.flush(&mut waiting)?;
            }
        }
        self.flush(&mut waiting)?;
        if self.buffer.capacity() > 2 * WRITE_BYTES {
            self.buffer = Vec::new(); // one huge record must not be paid for ever after
        }
        Ok(())
    }

    /// Puts a record into the buffer, into the next segment where this one is full.
    fn buffer_record(&mut self, record: &impl Framed, waiting: &mut u64) -> Result<Position, LogError> {
        let start = self.buffer.len();
        let offset = self.current.length() + start as u64;
        record.write(&mut self.buffer, offset)?;
        let end = self.current.length() + self.buffer.len() as u64;
        if offset > segment::HEADER_BYTES as u64 && end > self.segment_bytes() {
            self.buffer.truncate(start);
            self.flush(waiting)?;
            self.roll()?;
            return self.buffer_record(record, waiting);
        }
        *waiting += 1;
        Ok(Position { segment: self.current.number(), offset })
    }

    fn segment_bytes(&self) -> u64 {
        match &self.home {
            Home::Directory { limits, .. } => limits.segment_bytes,
            Home::File => u64::MAX,
        }
    }

    fn flush(&mut self, waiting: &mut u64) -> Result<(), LogError> {
        let written = self.current.append(&self.buffer);
        if written.is_ok() {
            self.stats.bytes += self.buffer.len() as u64;
            self.stats.records += std::mem::take(waiting);
        }
        self.buffer.clear();
        written
    }

    /// Makes the present segment durable and begins the next.
    fn roll(&mut self) -> Result<(), LogError> {
        self.sync()?;
        let Home::Directory { path, .. } = &self.home else { return Ok(()) };
        let number = self.current.number() + 1;
        let next = Active::create(segment::path(path, number), number)?;
        self.older.push_back((self.current.number(), self.current.length()));
        self.current = next;
        self.remove_oldest();
        Ok(())
    }

    /// Removes the oldest segments while all together are longer than the limit.
    ///
    /// Where one cannot be removed, evidence goes on being written and the next roll tries again.
    fn remove_oldest(&mut self) {
        let Home::Directory { path: directory, limits, .. } = &self.home else { return };
        // The new segment will be filled, so room is made for it now.
        let older: u64 = self.older.iter().map(|(_, length)| length).sum();
        let mut total = limits.segment_bytes.saturating_add(older);
        while total > limits.total_bytes
            && let Some(&(number, length)) = self.older.front()
        {
            let path = segment::path(directory, number);
            match std::fs::remove_file(&path) {
                Err(error) if error.kind() != ErrorKind::NotFound => {
                    tracing::warn!(segment = %path.display(), %error, "oldest log segment cannot be removed");
                    return;
                }
                _ => {}
            }
            self.older.pop_front();
            total -= length;
            self.stats.segments_removed += 1;
            self.stats.bytes_removed += length;
            tracing::info!(segment = %path.display(), bytes = length, "oldest log segment removed");
        }
    }
}

impl Writer for FileWriter {
    fn append(&mut self, record: &Record) -> Result<Position, LogError> {
        let mut position = None;
        self.append_all(std::iter::once(record), |at| position = Some(at))?;
        Ok(position.expect("one record has one position"))
    }

    fn append_batch(&mut self, records: &[Record]) -> Result<Vec<Position>, LogError> {
        let mut positions = Vec::with_capacity(records.len());
        self.append_all(records.iter(), |at| positions.push(at))?;
        Ok(positions)
    }

    fn sync(&mut self) -> Result<(), LogError> {
        self.current.sync()
    }

    fn stats(&self) -> WriterStats {
        self.stats
    }
}

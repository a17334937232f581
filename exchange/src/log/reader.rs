//! Reads a log in files, segment after segment, and follows one that grows.
//!
//! The end of a segment is only final once a later one exists: until then an unfinished record is
//! one that is just being written, and the reader waits for it by giving `None`.

use super::scan::{Scanner, Step, Tail};
use super::source::Source;
use super::{Entry, LogError, Position, Reader, Record};
use super::{frame, record, segment};
use bytes::Bytes;
use std::fs::File;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// The reader of a log in files.
pub(crate) struct FileReader {
    /// `None` where the log is one segment.
    directory: Option<PathBuf>,
    current: Current,
    end: End,
}

/// What an unfinished record at the end of the log is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// One that is just being written.
    Open,
    /// A torn one: nothing will be added.
    Closed,
}

/// A record as it lies in the log; the payload shares the reader's window.
pub(crate) struct RawRecord {
    pub(crate) position: Position,
    pub(crate) kind: u8,
    pub(crate) flags: u8,
    pub(crate) payload: Bytes,
}

/// The segment being read.
struct Current {
    path: PathBuf,
    /// By its file name.
    number: Option<u64>,
    scanner: Scanner<Box<dyn Source + Send>>,
}

impl FileReader {
    /// Opens the log at `path`: a directory of segments, or one segment file.
    pub(crate) fn open(path: &Path, end: End) -> Result<Self, LogError> {
        if !path.metadata().map_err(LogError::io("open", path))?.is_dir() {
            return Ok(Self { directory: None, current: Current::open(path.to_owned())?, end });
        }
        let Some(&first) = segment::list(path)?.first() else {
            let why = "this directory holds no log (no files like 00000000000000000001.plx)".to_owned();
            return Err(LogError::Unsupported { place: path.display().to_string(), why });
        };
        let current = Current::open(segment::path(path, first))?;
        Ok(Self { directory: Some(path.to_owned()), current, end })
    }

    /// Reads one segment from memory; errors call it `name`.
    pub(crate) fn in_memory(name: &str, segment: Bytes) -> Self {
        let scanner: Scanner<Box<dyn Source + Send>> = Scanner::new(Box::new(segment));
        let current = Current { path: name.into(), number: None, scanner };
        Self { directory: None, current, end: End::Closed }
    }

    /// The segment behind the present one, where there is one.
    fn later(&self) -> Result<Option<u64>, LogError> {
        let Some(directory) = &self.directory else { return Ok(None) };
        let number = self.current.number;
        Ok(segment::list(directory)?.into_iter().find(|&other| Some(other) > number))
    }

    /// Goes on to the beginning of segment `to`.
    fn advance(&mut self, to: u64) -> Result<(), LogError> {
        let Some(directory) = &self.directory else { return Ok(()) };
        let from = self.current.number.unwrap_or_default();
        match Current::open(segment::path(directory, to)) {
            Ok(next) => self.current = next,
            Err(LogError::Io { source, .. })
                if source.kind() == ErrorKind::NotFound && !segment::list(directory)?.contains(&to) =>
            {
                return Ok(()); // removed just now by the writer; the caller looks for the next one
            }
            Err(error) => return Err(error),
        }
        if to == from + 1 {
            return Ok(());
        }
        let why = format!("segments {} to {} are gone", from + 1, to - 1);
        Err(LogError::Damaged { place: directory.display().to_string(), offset: 0, bytes: 0, why })
    }

    /// The next whole record; `None` at the end of what is there now.
    pub(crate) fn next_raw(&mut self) -> Result<Option<RawRecord>, LogError> {
        // The segment behind this one, once it was seen: only then is the end of this one final.
        // What was appended to this one before that is read first.
        let mut later = None;
        loop {
            let is_final = later.is_some() || self.end == End::Closed;
            let tail = if is_final { Tail::Final } else { Tail::Growing };
            let current = &mut self.current;
            match current.scanner.step(tail).map_err(LogError::io("read", &current.path))? {
                Step::Frame { offset, kind, flags, payload } => {
                    return Ok(Some(RawRecord { position: current.position(offset), kind, flags, payload }));
                }
                Step::Damage { offset, bytes, why } => return Err(current.damaged(offset, bytes, why)),
                Step::Unsupported(why) => return Err(current.unsupported(why)),
                Step::End => match later.take() {
                    Some(to) => self.advance(to)?,
                    None => {
                        later = self.later()?;
                        if later.is_none() {
                            return Ok(None);
                        }
                    }
                },
            }
        }
    }

    /// What is in `raw`; `None` for a record that may be skipped.
    ///
    /// Copied out of the window: a record that is kept does not keep its neighbours.
    pub(crate) fn interpret(&self, raw: &RawRecord) -> Result<Option<Record>, LogError> {
        record::read(raw.kind, raw.flags, Bytes::copy_from_slice(&raw.payload))
            .map_err(|why| self.unreadable(raw, why))
    }

    fn unreadable(&self, raw: &RawRecord, why: String) -> LogError {
        let bytes = (frame::HEADER_BYTES + raw.payload.len()) as u64;
        self.current.damaged(raw.position.offset, bytes, why)
    }
}

impl Reader for FileReader {
    fn next(&mut self) -> Result<Option<(Position, Record)>, LogError> {
        while let Some(raw) = self.next_raw()? {
            if let Some(record) = self.interpret(&raw)? {
                return Ok(Some((raw.position, record)));
            }
        }
        Ok(None)
    }

    fn next_entry(&mut self) -> Result<Option<(Position, Entry)>, LogError> {
        while let Some(raw) = self.next_raw()? {
            let position = raw.position;
            if let Some(entry) = record::entry(raw.kind, raw.flags, &raw.payload) {
                return Ok(Some((position, entry)));
            }
            if let Some(record) = self.interpret(&raw)? {
                return Ok(Some((position, Entry::Other(record))));
            }
        }
        Ok(None)
    }

    fn seek(&mut self, position: Position) -> Result<(), LogError> {
        if let Some(directory) = &self.directory {
            let path = segment::path(directory, position.segment);
            if !path.exists() {
                let why = "this segment is gone; keep more with a larger total size of the log".to_owned();
                return Err(LogError::Unsupported { place: path.display().to_string(), why });
            }
            self.current = Current::open(path)?;
        }
        self.current.scanner.seek(position.offset);
        Ok(())
    }

    fn unfinished_bytes(&self) -> u64 {
        // A file that cannot be asked for its length now fails at the next read, with its reason.
        self.current.scanner.unfinished_bytes().unwrap_or_default()
    }
}

impl Current {
    fn open(path: PathBuf) -> Result<Self, LogError> {
        let file = File::open(&path).map_err(LogError::io("open", &path))?;
        let number = path.file_name().and_then(|name| segment::number_of(name.to_str()?));
        Ok(Self { path, number, scanner: Scanner::new(Box::new(file)) })
    }

    fn position(&self, offset: u64) -> Position {
        let segment = self.number.or(self.scanner.number()).unwrap_or(segment::FIRST);
        Position { segment, offset }
    }

    fn damaged(&self, offset: u64, bytes: u64, why: String) -> LogError {
        LogError::Damaged { place: self.path.display().to_string(), offset, bytes, why }
    }

    fn unsupported(&self, why: String) -> LogError {
        LogError::Unsupported { place: self.path.display().to_string(), why }
    }
}

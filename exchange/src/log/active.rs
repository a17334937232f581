//! The segment being written.
//!
//! A write that fails is undone by cutting the file back to the last whole record, so that a full
//! disk leaves a clean log, and the next append may succeed again.

use super::recovery::{Recovered, recover};
use super::{LogError, WriterStats, segment};
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

/// What a segment needs of a file; tests have one whose disk is full.
pub(crate) trait Store {
    /// Writes all of `bytes` at `offset`; a part of them may be written when it fails.
    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()>;

    /// Cuts the file.
    fn set_len(&self, length: u64) -> io::Result<()>;

    /// Makes what was written durable.
    fn sync_data(&self) -> io::Result<()>;
}

impl Store for File {
    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        FileExt::write_all_at(self, bytes, offset)
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        Self::set_len(self, length)
    }

    fn sync_data(&self) -> io::Result<()> {
        Self::sync_data(self)
    }
}

/// A segment that is open for appending.
#[derive(Debug)]
pub(crate) struct Active<S = File> {
    store: S,
    path: PathBuf,
    number: u64,
    /// Bytes that are the header and whole records.
    length: u64,
    /// Whether the directory may have forgotten the file after a crash of the machine.
    is_new: bool,
    /// Whether bytes behind `length` could not be cut off yet.
    is_dirty: bool,
}

impl Active {
    /// Makes `path`, which must not exist, segment `number`.
    pub(crate) fn create(path: PathBuf, number: u64) -> Result<Self, LogError> {
        let opened = OpenOptions::new().write(true).create_new(true).open(&path);
        let store = opened.map_err(LogError::io("create", &path))?;
        let mut active = Self { store, path, number, length: 0, is_new: true, is_dirty: false };
        if let Err(error) = active.append(&segment::header(number)) {
            // Without a header it must not stay; where it cannot go either, the first error counts.
            let _ = std::fs::remove_file(&active.path);
            return Err(error);
        }
        Ok(active)
    }

    /// Goes on with the segment at `path` behind its last whole record.
    pub(crate) fn reopen(path: PathBuf, number: u64, stats: &mut WriterStats) -> Result<Self, LogError> {
        let opened = OpenOptions::new().read(true).write(true).open(&path);
        let store = opened.map_err(LogError::io("open", &path))?;
        let Recovered { end, torn } = recover(&store, &path)?;
        let mut active = Self { store, path, number, length: end, is_new: true, is_dirty: false };
        if torn > 0 {
            active.cut_back()?;
            stats.torn_bytes = torn;
            tracing::warn!(segment = %active.path.display(), bytes = torn, "torn tail of the log cut off");
        }
        if end == 0 {
            active.append(&segment::header(number))?;
        }
        Ok(active)
    }
}

impl<S: Store> Active<S> {
    pub(crate) fn number(&self) -> u64 {
        self.number
    }

    /// Where the next frame goes.
    pub(crate) fn length(&self) -> u64 {
        self.length
    }

    /// Writes `bytes`, which are whole frames, at the end: all of them or none.
    pub(crate) fn append(&mut self, bytes: &[u8]) -> Result<(), LogError> {
        if self.is_dirty {
            self.cut_back()?;
        }
        match self.store.write_all_at(bytes, self.length) {
            Ok(()) => {
                self.length += bytes.len() as u64;
                Ok(())
            }
            Err(error) => {
                self.is_dirty = self.cut_back().is_err();
                Err(LogError::io("append to", &self.path)(error))
            }
        }
    }

    /// Makes everything appended durable, and the file's name too.
    pub(crate) fn sync(&mut self) -> Result<(), LogError> {
        self.store.sync_data().map_err(LogError::io("sync", &self.path))?;
        if self.is_new {
            sync_directory(&self.path)?;
            self.is_new = false;
        }
        Ok(())
    }

    fn cut_back(&mut self) -> Result<(), LogError> {
        self.store.set_len(self.length).map_err(LogError::io("truncate", &self.path))?;
        self.is_dirty = false;
        Ok(())
    }
}

fn sync_directory(file: &Path) -> Result<(), LogError> {
    let directory = match file.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let opened = File::open(directory).map_err(LogError::io("open", directory))?;
    opened.sync_all().map_err(LogError::io("sync", directory))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::cell::{Cell, RefCell};

    /// A file on a disk with so much room; cutting it may fail too.
    #[derive(Debug, Default)]
    struct SmallDisk {
        bytes: RefCell<Vec<u8>>,
        room: Cell<usize>,
        cannot_cut: Cell<bool>,
    }

    impl Store for SmallDisk {
        fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
            let mut file = self.bytes.borrow_mut();
            let offset = usize::try_from(offset).unwrap();
            assert!(offset <= file.len(), "a write must not leave a hole");
            let fits = bytes.len().min(self.room.get().saturating_sub(offset));
            file.truncate(offset);
            file.extend_from_slice(&bytes[..fits]);
            if fits == bytes.len() { Ok(()) } else { Err(io::ErrorKind::StorageFull.into()) }
        }

        fn set_len(&self, length: u64) -> io::Result<()> {
            if self.cannot_cut.get() {
                return Err(io::ErrorKind::Other.into());
            }
            self.bytes.borrow_mut().truncate(usize::try_from(length).unwrap());
            Ok(())
        }

        fn sync_data(&self) -> io::Result<()> {
            Ok(())
        }
    }

    fn active() -> Active<SmallDisk> {
        let path = PathBuf::from("full/1.plx");
        let store = SmallDisk::default();
        Active { store, path, number: 1, length: 0, is_new: false, is_dirty: false }
    }

    #[test]
    fn a_full_disk_is_told_with_the_file_and_the_cause() {
        let error = active().append(b"record").unwrap_err();
        assert_eq!(error.to_string(), "failed to append to full/1.plx");
        let cause = std::error::Error::source(&error).unwrap().to_string();
        assert_eq!(cause, io::Error::from(io::ErrorKind::StorageFull).to_string());
    }

    proptest! {
        /// However room comes and goes, the file holds what was acknowledged; behind it there is
        /// something only while it could not be cut off.
        #[test]
        fn the_file_holds_exactly_what_was_acknowledged(
            steps in proptest::collection::vec((1usize..20, 0usize..200, any::<bool>()), 1..40),
        ) {
            let mut active = active();
            let mut acknowledged = Vec::new();
            for (index, (length, room, cannot_cut)) in steps.into_iter().enumerate() {
                active.store.room.set(room);
                active.store.cannot_cut.set(cannot_cut);
                let record = vec![u8::try_from(index).unwrap(); length];
                if active.append(&record).is_ok() {
                    acknowledged.extend(record);
                }
                let file = active.store.bytes.borrow();
                prop_assert_eq!(&file[..acknowledged.len()], &acknowledged[..]);
                prop_assert_eq!(active.length(), acknowledged.len() as u64);
                prop_assert!(active.is_dirty || file.len() == acknowledged.len());
            }
        }
    }
}

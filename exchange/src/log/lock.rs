//! One writer per directory.
//!
//! The lock is the operating system's (`flock`), so it ends with its holder however that ends. The
//! text in the file only tells people who holds it; a stale text means nothing.

use super::LogError;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Write};
use std::path::Path;

const NAME: &str = "writer.lock";

/// The right to write to a directory, held until it is dropped.
#[derive(Debug)]
pub(crate) struct DirectoryLock {
    _file: File,
}

impl DirectoryLock {
    pub(crate) fn acquire(directory: &Path) -> Result<Self, LogError> {
        let path = directory.join(NAME);
        let mut options = OpenOptions::new();
        let opened = options.read(true).write(true).create(true).truncate(false).open(&path);
        let mut file = opened.map_err(LogError::io("open", &path))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut holder = String::new();
                file.read_to_string(&mut holder).map_err(LogError::io("read", &path))?;
                let place = directory.display().to_string();
                return Err(LogError::Locked { place, holder: holder.trim().to_owned() });
            }
            Err(TryLockError::Error(error)) => return Err(LogError::io("lock", &path)(error)),
        }
        file.set_len(0).map_err(LogError::io("write", &path))?;
        writeln!(file, "pid {}", std::process::id()).map_err(LogError::io("write", &path))?;
        Ok(Self { _file: file })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_writer_is_told_who_holds_the_lock() {
        let directory = tempfile::tempdir().unwrap();
        let first = DirectoryLock::acquire(directory.path()).unwrap();
        let refused = DirectoryLock::acquire(directory.path()).unwrap_err().to_string();
        assert!(refused.contains(&format!("(pid {})", std::process::id())), "{refused}");
        drop(first);
        DirectoryLock::acquire(directory.path()).unwrap();
    }
}

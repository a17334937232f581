//! Bytes that are read at an offset: a file, or bytes in memory.
//!
//! Reading goes through a [`Window`] of fixed size, so that walking small records costs one system
//! call per quarter megabyte. A record is copied out of it once: a record that somebody keeps must
//! not keep the whole window alive.

use bytes::Bytes;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

/// Something with bytes at offsets that may still grow.
pub(crate) trait Source {
    /// Reads into `buf` from `offset`; 0 at the end.
    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize>;

    /// How many bytes there are now.
    fn length(&self) -> io::Result<u64>;
}

impl Source for File {
    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        FileExt::read_at(self, buf, offset)
    }

    fn length(&self) -> io::Result<u64> {
        Ok(self.metadata()?.len())
    }
}

impl<S: Source> Source for &S {
    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        (**self).read_at(buf, offset)
    }

    fn length(&self) -> io::Result<u64> {
        (**self).length()
    }
}

impl Source for Box<dyn Source + Send> {
    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        (**self).read_at(buf, offset)
    }

    fn length(&self) -> io::Result<u64> {
        (**self).length()
    }
}

impl Source for Bytes {
    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        let rest = usize::try_from(offset).ok().and_then(|offset| self.get(offset..)).unwrap_or_default();
        let count = rest.len().min(buf.len());
        buf[..count].copy_from_slice(&rest[..count]);
        Ok(count)
    }

    fn length(&self) -> io::Result<u64> {
        Ok(self.len() as u64)
    }
}

/// A part of a source in memory.
#[derive(Debug)]
pub(crate) struct Window {
    start: u64,
    bytes: Vec<u8>,
    capacity: usize,
}

impl Window {
    /// Large enough that system calls do not show, small enough for a processor's cache.
    pub(crate) const BYTES: usize = 256 << 10;

    pub(crate) fn new(capacity: usize) -> Self {
        Self { start: 0, bytes: Vec::new(), capacity }
    }

    /// Forgets what was read: what lies behind the end may be written differently later.
    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
    }

    /// The bytes from `offset`, at least `want` of them unless the source ends before;
    /// `want` must not be larger than the window.
    pub(crate) fn peek(&mut self, source: &impl Source, offset: u64, want: usize) -> io::Result<&[u8]> {
        debug_assert!(want <= self.capacity, "the window holds {} bytes", self.capacity);
        if self.cached(offset).len() < want {
            self.refill(source, offset)?;
        }
        Ok(self.cached(offset))
    }

    /// Copies `length` bytes from `offset`; `None` where the source ends before.
    pub(crate) fn copy(
        &mut self,
        source: &impl Source,
        offset: u64,
        length: usize,
    ) -> io::Result<Option<Bytes>> {
        if length <= self.capacity {
            return Ok(self.peek(source, offset, length)?.get(..length).map(Bytes::copy_from_slice));
        }
        if source.length()? < offset.saturating_add(length as u64) {
            return Ok(None); // and nothing is allocated for a length that is not true
        }
        let mut bytes = vec![0; length];
        let read = read_full(source, &mut bytes, offset)?;
        Ok((read == length).then(|| bytes.into()))
    }

    fn cached(&self, offset: u64) -> &[u8] {
        let skip = offset.checked_sub(self.start).and_then(|skip| usize::try_from(skip).ok());
        skip.and_then(|skip| self.bytes.get(skip..)).unwrap_or_default()
    }

    fn refill(&mut self, source: &impl Source, offset: u64) -> io::Result<()> {
        let keep = self.cached(offset).len();
        let from = self.bytes.len() - keep;
        let behind = source.length()?.saturating_sub(offset);
        let size = usize::try_from(behind).map_or(self.capacity, |behind| behind.clamp(keep, self.capacity));
        self.bytes.copy_within(from.., 0);
        self.bytes.resize(size, 0);
        self.start = offset;
        let read = read_full(source, &mut self.bytes[keep..], offset + keep as u64);
        self.bytes.truncate(keep + read.as_ref().map_or(0, |read| *read));
        read.map(|_| ())
    }
}

fn read_full(source: &impl Source, buf: &mut [u8], offset: u64) -> io::Result<usize> {
    let mut read = 0;
    while read < buf.len() {
        match source.read_at(&mut buf[read..], offset + read as u64) {
            Ok(0) => break,
            Ok(count) => read += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(read)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_reads_any_range_of_a_longer_source() {
        let source = Bytes::from_iter((0..=255).cycle().take(1000));
        let mut window = Window::new(64);
        for (offset, want) in [(0, 64), (10, 60), (990, 10), (5, 5), (960, 64)] {
            let got = window.peek(&source, offset, want).unwrap();
            let end = (offset as usize + want).min(1000);
            assert_eq!(&got[..end - offset as usize], &source[offset as usize..end]);
        }
        assert_eq!(window.copy(&source, 3, 500).unwrap().unwrap(), source[3..503]);
        assert_eq!(window.copy(&source, 990, 11).unwrap(), None);
        assert_eq!(window.copy(&source, 501, 500).unwrap(), None);
        assert!(window.peek(&source, u64::MAX, 1).unwrap().is_empty());
    }
}

//! Bytes that are read at an offset: a file, or bytes in memory.
//!
//! Reading goes through a [`Window`] of fixed size, so that walking small records costs one system
//! call per quarter megabyte. Records are slices of it, so looking at one copies nothing; a record that
//! somebody may keep is copied by the reader, as it must not keep the whole window alive.

use bytes::{Bytes, BytesMut};
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
///
/// What is taken out of it ([`Window::share`]) shares its memory, which is used again for the next
/// part once nobody else holds any of it, and left to those who do otherwise.
#[derive(Debug)]
pub(crate) struct Window {
    start: u64,
    bytes: Bytes,
    capacity: usize,
}

impl Window {
    /// Large enough that system calls do not show, small enough for a processor's cache.
    pub(crate) const BYTES: usize = 256 << 10;

    pub(crate) fn new(capacity: usize) -> Self {
        Self { start: 0, bytes: Bytes::new(), capacity }
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

    /// The `length` bytes from `offset`; `None` where the source ends before.
    pub(crate) fn share(
        &mut self,
        source: &impl Source,
        offset: u64,
        length: usize,
    ) -> io::Result<Option<Bytes>> {
        if length <= self.capacity {
            let found = self.peek(source, offset, length)?.len() >= length;
            let skip = usize::try_from(offset - self.start).unwrap_or_default();
            return Ok(found.then(|| self.bytes.slice(skip..skip + length)));
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
        let mut bytes = self.moved(from);
        bytes.resize(size, 0);
        self.start = offset;
        let read = read_full(source, &mut bytes[keep..], offset + keep as u64);
        bytes.truncate(keep + read.as_ref().map_or(0, |read| *read));
        self.bytes = bytes.freeze();
        read.map(|_| ())
    }

    /// What is in memory behind the first `from` bytes, in memory that may be written to.
    fn moved(&mut self, from: usize) -> BytesMut {
        match std::mem::take(&mut self.bytes).try_into_mut() {
            Ok(mut own) => {
                let keep = own.len() - from;
                own.copy_within(from.., 0);
                own.truncate(keep);
                own
            }
            Err(shared) => {
                let mut new = BytesMut::with_capacity(self.capacity);
                new.extend_from_slice(&shared[from..]);
                new
            }
        }
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
        assert_eq!(window.share(&source, 3, 500).unwrap().unwrap(), source[3..503]);
        assert_eq!(window.share(&source, 990, 11).unwrap(), None);
        assert_eq!(window.share(&source, 501, 500).unwrap(), None);
        assert!(window.peek(&source, u64::MAX, 1).unwrap().is_empty());
    }

    #[test]
    fn what_is_shared_stays_as_it_was_while_the_window_goes_on() {
        let source = Bytes::from_iter((0..=255).cycle().take(1000));
        let mut window = Window::new(64);
        let kept: Vec<Bytes> =
            (0..90).step_by(3).map(|at| window.share(&source, at * 11, 10).unwrap().unwrap()).collect();
        for (slice, at) in kept.iter().zip((0..90).step_by(3)) {
            assert_eq!(slice, &source[at * 11..at * 11 + 10]);
        }
    }

    #[test]
    fn a_window_of_which_nothing_is_held_uses_its_memory_again() {
        let source = Bytes::from(vec![7; 1000]);
        let mut window = Window::new(64);
        let mut places = std::collections::BTreeSet::new();
        for offset in (0..900).step_by(30) {
            drop(window.share(&source, offset, 30).unwrap());
            places.insert(window.bytes.as_ptr());
        }
        assert_eq!(places.len(), 1);
    }
}

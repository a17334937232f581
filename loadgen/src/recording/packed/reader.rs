//! Reads a packed recording by its index: all of it, a stretch of time, or one session.

use super::layout::{ENVELOPE, Envelope, HEADER, TRAILER, Trailer, check_header, kind, long, number};
use super::salvage;
use crate::recording::RecordingError;
use crate::recording::facts::Facts;
use crate::recording::open::Visit;
use bytes::Bytes;
use parallax_exchange::{Exchange, codec};
use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

/// An open packed recording: its index in memory, its exchanges on the disk.
#[derive(Debug)]
pub struct Packed {
    place: String,
    pub(super) file: File,
    blocks: Vec<Block>,
    /// First session and offset of each section of sessions.
    pages: Vec<(u64, u64)>,
    exchanges: u64,
    bytes: u64,
}

/// A block as the index tells of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Block {
    /// Where it begins in the file.
    pub offset: u64,
    /// Time of its earliest exchange, in Unix nanoseconds.
    pub first_ns: u64,
    /// Time of its latest exchange.
    pub last_ns: u64,
    /// Exchanges in it.
    pub exchanges: u32,
    /// Bytes in the file.
    pub stored: u32,
}

impl Packed {
    /// Opens a recording: reads its index, and no exchange.
    ///
    /// # Errors
    /// [`RecordingError::Packed`]: it is something else, of a newer format, or has no whole index;
    /// [`RecordingError::Io`].
    pub fn open(path: impl AsRef<Path>) -> Result<Self, RecordingError> {
        let path = path.as_ref();
        let place = path.display().to_string();
        let file = File::open(path).map_err(|source| io_error("open", &place, source))?;
        check(&file, &place)?;
        let bytes = file.metadata().map_err(|source| io_error("read", &place, source))?.len();
        Self { place, file, blocks: Vec::new(), pages: Vec::new(), exchanges: 0, bytes }.with_index()
    }

    /// Exchanges in it.
    #[must_use]
    pub fn exchanges(&self) -> u64 {
        self.exchanges
    }

    /// Its blocks, in the order of the file.
    #[must_use]
    pub fn blocks(&self) -> &[Block] {
        &self.blocks
    }

    /// Bytes of the file.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// From the time of its earliest exchange to that of its latest; `None` where there is none.
    #[must_use]
    pub fn times(&self) -> Option<(u64, u64)> {
        let first = self.blocks.iter().map(|block| block.first_ns).min()?;
        Some((first, self.blocks.iter().map(|block| block.last_ns).max()?))
    }

    /// Blocks that may hold exchanges of these times.
    pub fn blocks_between(&self, times: Range<u64>) -> impl Iterator<Item = usize> + '_ {
        let blocks = self.blocks.iter().enumerate();
        blocks
            .filter(move |(_, block)| block.first_ns < times.end && block.last_ns >= times.start)
            .map(|(number, _)| number)
    }

    /// Blocks that hold exchanges of a session, which is named by its cluster key; some pages of the index
    /// are read for it.
    ///
    /// # Errors
    /// [`RecordingError::Packed`] where that part of the index is damaged; [`RecordingError::Io`].
    pub fn blocks_of(&self, session: u64) -> Result<Vec<usize>, RecordingError> {
        // The session may begin at the end of the page before the first that begins with it.
        let after = self.pages.partition_point(|(first, _)| *first < session);
        let mut found = Vec::new();
        for (_, offset) in
            self.pages[after.saturating_sub(1)..].iter().take_while(|(first, _)| *first <= session)
        {
            let (_, page) = self.section(*offset, kind::SESSIONS).map_err(|fault| self.refuse(fault))?;
            let entries = page.chunks_exact(12).filter(|entry| long(entry, 0) == session);
            found.extend(entries.map(|entry| number(entry, 8) as usize));
        }
        Ok(found)
    }

    /// The exchanges of a block, in the order of the file.
    ///
    /// # Errors
    /// [`RecordingError::Packed`] for a damaged block, with its offset; [`RecordingError::Io`].
    pub fn read(&self, block: usize) -> Result<Vec<Exchange>, RecordingError> {
        let offset = self.blocks.get(block).map_or(0, |block| block.offset);
        self.block(offset).map_err(|fault| self.refuse(fault))
    }

    fn block(&self, offset: u64) -> Result<Vec<Exchange>, Fault> {
        let (envelope, plain) = self.section(offset, kind::EXCHANGES)?;
        exchanges(plain, envelope.count).map_err(|why| Fault::damaged(offset, why))
    }

    fn with_index(mut self) -> Result<Self, RecordingError> {
        let cut = || RecordingError::Packed {
            place: self.place.clone(),
            why: "it has no index at its end, so it was cut off; `recording convert` copies what is whole"
                .to_owned(),
        };
        let mut last = [0; TRAILER];
        let at = self.bytes.checked_sub(TRAILER as u64).ok_or_else(cut)?;
        self.file.read_exact_at(&mut last, at).map_err(|source| io_error("read", &self.place, source))?;
        let trailer = Trailer::parse(&last).ok_or_else(cut)?;
        let blocks = self.sections(trailer.blocks..trailer.pages, kind::BLOCKS);
        let blocks = blocks.map_err(|fault| self.refuse(fault))?;
        self.blocks = blocks.iter().flat_map(|part| part.chunks_exact(32)).map(Block::of).collect();
        let pages = self.sections(trailer.pages..at, kind::PAGES).map_err(|fault| self.refuse(fault))?;
        let pairs = pages.iter().flat_map(|part| part.chunks_exact(16));
        self.pages = pairs.map(|pair| (long(pair, 0), long(pair, 8))).collect();
        self.exchanges = trailer.exchanges;
        let listed: u64 = self.blocks.iter().map(|block| u64::from(block.exchanges)).sum();
        if (self.blocks.len() as u64, listed) != (trailer.block_count, trailer.exchanges) {
            return Err(self.refuse(Fault::damaged(trailer.blocks, "the index and the trailer disagree")));
        }
        Ok(self)
    }

    /// Sections that follow each other.
    fn sections(&self, range: Range<u64>, kind: u8) -> Result<Vec<Bytes>, Fault> {
        let (mut parts, mut offset) = (Vec::new(), range.start);
        while offset < range.end {
            let (envelope, part) = self.section(offset, kind)?;
            offset += ENVELOPE as u64 + u64::from(envelope.stored);
            parts.push(part);
        }
        Ok(parts)
    }

    fn section(&self, offset: u64, kind: u8) -> Result<(Envelope, Bytes), Fault> {
        let (envelope, plain) = section(&self.file, self.bytes, offset)?;
        if envelope.kind != kind {
            return Err(Fault::damaged(offset, "a section of another kind lies here"));
        }
        Ok((envelope, plain))
    }

    fn refuse(&self, fault: Fault) -> RecordingError {
        match fault {
            Fault::Io(source) => io_error("read", &self.place, source),
            Fault::Damaged { offset, why } => {
                RecordingError::Packed { place: self.place.clone(), why: format!("at byte {offset}: {why}") }
            }
        }
    }
}

impl Block {
    fn of(entry: &[u8]) -> Self {
        let [offset, first_ns, last_ns] = [0, 8, 16].map(|at| long(entry, at));
        Self { offset, first_ns, last_ns, exchanges: number(entry, 24), stored: number(entry, 28) }
    }
}

/// Why a part cannot be read.
#[derive(Debug)]
pub(super) enum Fault {
    Io(io::Error),
    Damaged { offset: u64, why: &'static str },
}

impl Fault {
    pub(super) fn damaged(offset: u64, why: &'static str) -> Self {
        Self::Damaged { offset, why }
    }
}

/// The section at `offset` of a file of `length` bytes, decompressed.
pub(super) fn section(file: &File, length: u64, offset: u64) -> Result<(Envelope, Bytes), Fault> {
    let damaged = |why| Fault::damaged(offset, why);
    let room = length.saturating_sub(offset).checked_sub(ENVELOPE as u64);
    let room = room.ok_or_else(|| damaged("the file ends inside a section"))?;
    let mut bytes = [0; ENVELOPE];
    file.read_exact_at(&mut bytes, offset).map_err(Fault::Io)?;
    let envelope = Envelope::parse(&bytes, offset).map_err(damaged)?;
    if u64::from(envelope.stored) > room {
        return Err(damaged("the file ends inside a section")); // and nothing is allocated for it
    }
    let mut stored = vec![0; envelope.stored as usize];
    file.read_exact_at(&mut stored, offset + ENVELOPE as u64).map_err(Fault::Io)?;
    if crc32fast::hash(&stored) != envelope.crc {
        return Err(damaged("the checksum of a section is wrong"));
    }
    let plain = zstd::bulk::decompress(&stored, envelope.plain as usize);
    let plain = plain.map_err(|_| damaged("a section does not decompress"))?;
    if plain.len() != envelope.plain as usize {
        return Err(damaged("a section decompresses to another length"));
    }
    Ok((envelope, plain.into()))
}

/// The exchanges of a block's bytes.
pub(super) fn exchanges(mut plain: Bytes, count: u32) -> Result<Vec<Exchange>, &'static str> {
    let mut exchanges = Vec::new();
    while !plain.is_empty() {
        if plain.len() < 4 {
            return Err("a block ends inside a length");
        }
        let length = number(&plain.split_to(4), 0) as usize;
        if length > plain.len() {
            return Err("a block ends inside an exchange");
        }
        // A copy, so that an exchange that is kept does not keep its neighbours.
        let own = Bytes::copy_from_slice(&plain.split_to(length));
        exchanges.push(codec::decode(own).map_err(|_| "a block holds what is no exchange")?);
    }
    if exchanges.len() != count as usize {
        return Err("a block holds another number of exchanges than it says");
    }
    Ok(exchanges)
}

/// Visits every exchange whose time, counted from the earliest, lies in `window` (nanoseconds); blocks of
/// other times are not read.
pub(in crate::recording) fn walk(
    path: &Path,
    window: &Range<u64>,
    visit: Visit<'_>,
) -> Result<Facts, RecordingError> {
    let mut facts = Facts::of("packed");
    let packed = match Packed::open(path) {
        Ok(packed) => packed,
        Err(RecordingError::Packed { place, why }) => {
            let file = File::open(path).map_err(|source| io_error("open", &place, source))?;
            check(&file, &place)?; // What is of another format is refused, not salvaged.
            facts.damage(0, why);
            salvage::walk(&file, &place, &mut facts, visit)?;
            return Ok(facts);
        }
        Err(error) => return Err(error),
    };
    let origin = packed.times().map_or(0, |(first, _)| first);
    let times = origin.saturating_add(window.start)..origin.saturating_add(window.end);
    facts.origin_ns = Some(origin);
    for number in packed.blocks_between(times.clone()) {
        let exchanges = match packed.block(packed.blocks[number].offset) {
            Ok(exchanges) => exchanges,
            Err(Fault::Damaged { offset, why }) => {
                let lost = packed.blocks[number].exchanges;
                facts.damage(offset, format!("{why}; {lost} exchanges are lost"));
                continue;
            }
            Err(fault) => return Err(packed.refuse(fault)),
        };
        let wanted = exchanges.into_iter().filter(|exchange| times.contains(&exchange.admitted_ns));
        wanted.into_iter().try_for_each(&mut *visit)?;
    }
    Ok(facts)
}

fn check(file: &File, place: &str) -> Result<(), RecordingError> {
    let mut bytes = [0; HEADER];
    let why = match file.read_exact_at(&mut bytes, 0) {
        Ok(()) => check_header(&bytes),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
            Err("it is shorter than the header of a packed recording".to_owned())
        }
        Err(source) => return Err(io_error("read", place, source)),
    };
    why.map_err(|why| RecordingError::Packed { place: place.to_owned(), why })
}

pub(super) fn io_error(action: &'static str, place: &str, source: io::Error) -> RecordingError {
    RecordingError::Io { action, place: place.to_owned(), source }
}

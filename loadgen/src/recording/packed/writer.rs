//! Writes a packed recording from its first byte to its last; what is not finished is removed.

use super::BLOCK_BYTES;
use super::layout::{ENVELOPE, Envelope, HEADER, Trailer, header, kind};
use crate::recording::RecordingError;
use parallax_exchange::{Exchange, codec};
use std::fs::File;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

/// The level of zstd that costs about as much as encoding an exchange does.
const LEVEL: i32 = 3;

/// Entries of an index in one section: 2 MiB of blocks, or 48 KiB of sessions, which is what looking for a
/// session reads.
const BLOCKS_MAX: usize = 65_536;
const SESSIONS_MAX: usize = 4096;

/// Writes a packed recording.
///
/// Memory: a block, 32 bytes for each block, and 12 for each session of each block. A file that is not
/// [finished](Self::finish) is removed when this is dropped: half a recording would look like a whole one.
#[derive(Debug)]
pub struct PackedWriter {
    path: PathBuf,
    file: File,
    offset: u64,
    plain: Vec<u8>,
    /// Of the block that is being filled.
    block: Filling,
    blocks: Vec<u8>,
    sessions: Vec<(u64, u32)>,
    exchanges: u64,
    is_finished: bool,
}

#[derive(Debug, Default)]
struct Filling {
    count: u32,
    first_ns: u64,
    last_ns: u64,
    sessions: Vec<u64>,
}

impl PackedWriter {
    /// Begins a new file.
    ///
    /// # Errors
    /// [`RecordingError::Io`]: it exists already, or cannot be created.
    pub fn create(path: impl AsRef<Path>) -> Result<Self, RecordingError> {
        let path = path.as_ref().to_owned();
        let file = File::create_new(&path).map_err(|source| failed("create", &path, source))?;
        let mut writer = Self {
            path,
            file,
            offset: 0,
            plain: Vec::new(),
            block: Filling::default(),
            blocks: Vec::new(),
            sessions: Vec::new(),
            exchanges: 0,
            is_finished: false,
        };
        writer.write(&header())?;
        Ok(writer)
    }

    /// Adds an exchange. Any order can be read; only one by time lets a reader skip most of the others.
    ///
    /// # Errors
    /// [`RecordingError::Io`].
    pub fn push(&mut self, exchange: &Exchange) -> Result<(), RecordingError> {
        let begin = self.plain.len();
        self.plain.extend_from_slice(&[0; 4]);
        codec::encode(exchange, &mut self.plain);
        let length = (self.plain.len() - begin - 4) as u32;
        self.plain[begin..begin + 4].copy_from_slice(&length.to_le_bytes());
        let (at, block) = (exchange.admitted_ns, &mut self.block);
        block.first_ns = if block.count == 0 { at } else { block.first_ns.min(at) };
        block.last_ns = block.last_ns.max(at);
        block.count += 1;
        block.sessions.push(exchange.cluster_key);
        self.exchanges += 1;
        if self.plain.len() >= BLOCK_BYTES { self.end_block() } else { Ok(()) }
    }

    /// Writes the index and makes the file durable; returns how many exchanges are in it.
    ///
    /// # Errors
    /// [`RecordingError::Io`]; the file is removed then.
    pub fn finish(mut self) -> Result<u64, RecordingError> {
        if self.block.count > 0 {
            self.end_block()?;
        }
        let (mut pages, mut sessions) = (Vec::new(), std::mem::take(&mut self.sessions));
        sessions.sort_unstable();
        for page in sessions.chunks(SESSIONS_MAX) {
            pages.extend_from_slice(&page[0].0.to_le_bytes());
            pages.extend_from_slice(&self.offset.to_le_bytes());
            let mut bytes = Vec::with_capacity(12 * page.len());
            for (session, block) in page {
                bytes.extend_from_slice(&session.to_le_bytes());
                bytes.extend_from_slice(&block.to_le_bytes());
            }
            self.section(kind::SESSIONS, &bytes, page.len())?;
        }
        let blocks = std::mem::take(&mut self.blocks);
        let mut trailer = Trailer {
            blocks: self.offset,
            pages: 0,
            exchanges: self.exchanges,
            block_count: (blocks.len() / 32) as u64,
        };
        for part in blocks.chunks(32 * BLOCKS_MAX) {
            self.section(kind::BLOCKS, part, part.len() / 32)?;
        }
        trailer.pages = self.offset;
        for part in pages.chunks(16 * BLOCKS_MAX) {
            self.section(kind::PAGES, part, part.len() / 16)?;
        }
        self.write(&trailer.bytes())?;
        self.file.sync_all().map_err(|source| failed("write", &self.path, source))?;
        self.is_finished = true;
        Ok(self.exchanges)
    }

    fn end_block(&mut self) -> Result<(), RecordingError> {
        let number = (self.blocks.len() / 32) as u32;
        let Filling { count, first_ns, last_ns, mut sessions } = std::mem::take(&mut self.block);
        sessions.sort_unstable();
        sessions.dedup();
        self.sessions.extend(sessions.into_iter().map(|session| (session, number)));
        let (offset, plain) = (self.offset, std::mem::take(&mut self.plain));
        let stored = self.section(kind::EXCHANGES, &plain, count as usize)?;
        for long in [offset, first_ns, last_ns] {
            self.blocks.extend_from_slice(&long.to_le_bytes());
        }
        self.blocks.extend_from_slice(&count.to_le_bytes());
        self.blocks.extend_from_slice(&stored.to_le_bytes());
        self.plain = plain;
        self.plain.clear();
        Ok(())
    }

    /// Compresses and writes; returns how many bytes that made.
    fn section(&mut self, kind: u8, plain: &[u8], count: usize) -> Result<u32, RecordingError> {
        let compressed =
            zstd::bulk::compress(plain, LEVEL).map_err(|source| failed("compress", &self.path, source))?;
        let envelope = Envelope {
            kind,
            stored: compressed.len() as u32,
            plain: plain.len() as u32,
            count: count as u32,
            crc: crc32fast::hash(&compressed),
        };
        debug_assert!(self.offset >= HEADER as u64 && envelope.bytes(0).len() == ENVELOPE);
        self.write(&envelope.bytes(self.offset))?;
        self.write(&compressed)?;
        Ok(envelope.stored)
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), RecordingError> {
        self.file.write_all(bytes).map_err(|source| failed("write", &self.path, source))?;
        self.offset += bytes.len() as u64;
        Ok(())
    }
}

impl Drop for PackedWriter {
    fn drop(&mut self) {
        if !self.is_finished {
            // Nothing can be done about a file that cannot be removed; it has no trailer.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

fn failed(action: &'static str, path: &Path, source: io::Error) -> RecordingError {
    RecordingError::Io { action, place: path.display().to_string(), source }
}

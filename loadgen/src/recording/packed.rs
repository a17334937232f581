//! Packed recordings (`.plr`): compressed blocks of exchanges, an index by time and by session at the end.
//!
//! A log is made to survive the crash of its writer, and is read from its beginning; a recording is closed, is
//! copied between machines, and is asked for a part: ten minutes of a day, one session of a million. So its
//! exchanges lie in blocks of some 256 KiB, each compressed with zstd and under checksums of its own, and
//! behind them lie a list of all blocks with their times, a sorted list of (session, block) in pages, and a
//! trailer that says where these begin. `docs/recordings.md` describes the bytes.
//!
//! Opening reads the trailer, 32 bytes for each block, and 16 for each page of sessions: some megabytes
//! for a file of 10 GB. A block is then one positioned read (`pread`). Mapping the file into memory would save
//! the copy out of the page cache, but needs `unsafe` (a file that another process shortens turns a read into
//! a SIGBUS), which this workspace forbids; beside decompressing, the copy costs little.
//!
//! A file without its trailer was cut off. Its whole blocks are still read, in order, and the rest is told as
//! damage; a block that is damaged costs that block.

mod layout;
mod reader;
mod salvage;
mod writer;

pub use reader::{Block, Packed};
pub use writer::PackedWriter;

pub(super) use layout::MAGIC;
pub(super) use reader::walk;

/// Bytes of exchanges after which a block ends: enough to compress well, little enough that a part of a
/// recording costs little more than itself.
const BLOCK_BYTES: usize = 256 << 10;

/// Bytes that a section may claim to hold; an exchange is at most 256 MiB.
const SECTION_MAX: u32 = 512 << 20;

#[cfg(test)]
mod tests;

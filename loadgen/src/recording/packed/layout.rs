//! The fixed parts: header, envelope of a section, trailer. All integers are little-endian.

use super::SECTION_MAX;

/// As of a log (`\x89PLX`), but another letter.
pub(in crate::recording) const MAGIC: [u8; 8] = *b"\x89PLR\r\n\x1a\n";

const END: [u8; 8] = *b"\x89PLREND\n";

const FORMAT: u16 = 1;

pub(super) const HEADER: usize = 32;
pub(super) const ENVELOPE: usize = 24;
pub(super) const TRAILER: usize = 48;

/// Neither byte occurs in UTF-8 text, and the second is not the one of a log's frames.
pub(super) const MARKER: [u8; 2] = [0xfb, 0xf6];

/// What a section holds.
pub(super) mod kind {
    /// Exchanges, each with its length before it.
    pub(in super::super) const EXCHANGES: u8 = 1;
    /// 32 bytes for each block: offset, first and last time, exchanges, stored bytes.
    pub(in super::super) const BLOCKS: u8 = 2;
    /// 12 bytes for each pair of a session and a block that has it, sorted.
    pub(in super::super) const SESSIONS: u8 = 3;
    /// 16 bytes for each section of sessions: its first session and its offset.
    pub(in super::super) const PAGES: u8 = 4;
}

pub(super) fn header() -> [u8; HEADER] {
    let mut bytes = [0; HEADER];
    bytes[..8].copy_from_slice(&MAGIC);
    bytes[8..10].copy_from_slice(&FORMAT.to_le_bytes());
    bytes[10..12].copy_from_slice(&(HEADER as u16).to_le_bytes());
    seal(&mut bytes);
    bytes
}

/// Why a file with this header cannot be read.
pub(super) fn check_header(bytes: &[u8; HEADER]) -> Result<(), String> {
    if bytes[..8] != MAGIC {
        return Err("it is no packed recording".to_owned());
    }
    let format = u16::from_le_bytes([bytes[8], bytes[9]]);
    let features = u32::from_le_bytes([bytes[12], bytes[13], bytes[14], bytes[15]]);
    if !is_sealed(bytes) {
        return Err("its first 32 bytes are damaged; take another copy of the file".to_owned());
    }
    if format != FORMAT || features != 0 {
        return Err(format!(
            "it is a packed recording of format {format} with features {features:#x}, and this build reads \
             format {FORMAT} without features; read it with a newer build"
        ));
    }
    Ok(())
}

/// What stands before a section's bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Envelope {
    pub(super) kind: u8,
    /// Bytes that follow.
    pub(super) stored: u32,
    /// Bytes that they decompress to.
    pub(super) plain: u32,
    /// Entries in these.
    pub(super) count: u32,
    /// Of the bytes that follow.
    pub(super) crc: u32,
}

impl Envelope {
    /// The offset is under the checksum, so that a recording inside a recording is not taken for a part of it.
    pub(super) fn bytes(&self, offset: u64) -> [u8; ENVELOPE] {
        let mut bytes = [0; ENVELOPE];
        bytes[..2].copy_from_slice(&MARKER);
        bytes[2] = self.kind;
        for (at, number) in [(4, self.stored), (8, self.plain), (12, self.count), (16, self.crc)] {
            bytes[at..at + 4].copy_from_slice(&number.to_le_bytes());
        }
        let crc = envelope_crc(&bytes, offset);
        bytes[20..].copy_from_slice(&crc.to_le_bytes());
        bytes
    }

    pub(super) fn parse(bytes: &[u8; ENVELOPE], offset: u64) -> Result<Self, &'static str> {
        if bytes[..2] != MARKER {
            return Err("no section begins here");
        }
        if number(bytes, 20) != envelope_crc(bytes, offset) {
            return Err("the checksum of a section's envelope is wrong");
        }
        let [stored, plain, count, crc] = [4, 8, 12, 16].map(|at| number(bytes, at));
        if stored > SECTION_MAX || plain > SECTION_MAX {
            return Err("a section is longer than one can be");
        }
        Ok(Self { kind: bytes[2], stored, plain, count, crc })
    }
}

/// Where everything is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Trailer {
    /// Offset of the first section of blocks.
    pub(super) blocks: u64,
    /// Offset of the first section of pages.
    pub(super) pages: u64,
    /// Exchanges in all blocks.
    pub(super) exchanges: u64,
    /// How many blocks there are.
    pub(super) block_count: u64,
}

impl Trailer {
    pub(super) fn bytes(&self) -> [u8; TRAILER] {
        let mut bytes = [0; TRAILER];
        bytes[..8].copy_from_slice(&END);
        for (at, number) in [(8, self.blocks), (16, self.pages), (24, self.exchanges), (32, self.block_count)]
        {
            bytes[at..at + 8].copy_from_slice(&number.to_le_bytes());
        }
        seal(&mut bytes);
        bytes
    }

    pub(super) fn parse(bytes: &[u8; TRAILER]) -> Option<Self> {
        let [blocks, pages, exchanges, block_count] = [8, 16, 24, 32].map(|at| long(bytes, at));
        (bytes[..8] == END && is_sealed(bytes)).then_some(Self { blocks, pages, exchanges, block_count })
    }
}

/// The last four bytes are the checksum of the others.
fn seal(bytes: &mut [u8]) {
    let (content, crc) = bytes.split_at_mut(bytes.len() - 4);
    crc.copy_from_slice(&crc32fast::hash(content).to_le_bytes());
}

fn is_sealed(bytes: &[u8]) -> bool {
    let (content, crc) = bytes.split_at(bytes.len() - 4);
    crc == crc32fast::hash(content).to_le_bytes()
}

fn envelope_crc(bytes: &[u8; ENVELOPE], offset: u64) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&bytes[..20]);
    hasher.update(&offset.to_le_bytes());
    hasher.finalize()
}

/// The four bytes at `at` as a number; the caller knows that they are there.
pub(super) fn number(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

/// The eight bytes at `at` as a number; the caller knows that they are there.
pub(super) fn long(bytes: &[u8], at: usize) -> u64 {
    u64::from(number(bytes, at)) | u64::from(number(bytes, at + 4)) << 32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_flipped_bit_of_a_fixed_part_is_noticed() {
        let envelope = Envelope { kind: kind::EXCHANGES, stored: 7, plain: 9, count: 1, crc: 5 };
        let bytes = envelope.bytes(32);
        assert_eq!(Envelope::parse(&bytes, 32), Ok(envelope));
        assert!(Envelope::parse(&bytes, 33).is_err(), "at another offset");
        for bit in 0..ENVELOPE * 8 {
            let mut damaged = bytes;
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert!(Envelope::parse(&damaged, 32).is_err(), "bit {bit} of an envelope");
        }
        let trailer = Trailer { blocks: 1, pages: 2, exchanges: u64::MAX, block_count: 4 };
        assert_eq!(Trailer::parse(&trailer.bytes()), Some(trailer));
        for bit in 0..TRAILER * 8 {
            let mut damaged = trailer.bytes();
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(Trailer::parse(&damaged), None, "bit {bit} of a trailer");
        }
        check_header(&header()).unwrap();
        for bit in 0..HEADER * 8 {
            let mut damaged = header();
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert!(check_header(&damaged).is_err(), "bit {bit} of a header");
        }
    }

    #[test]
    fn a_newer_format_is_refused_by_its_number() {
        let mut bytes = header();
        bytes[8] = 2;
        seal(&mut bytes);
        let why = check_header(&bytes).unwrap_err();
        assert!(why.contains("format 2") && why.contains("newer build"), "{why}");
    }
}

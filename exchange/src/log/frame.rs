//! The envelope of one record: 16 bytes, then the payload.
//!
//! The envelope has a checksum of its own, so a damaged payload costs one record: its length can
//! still be trusted and the next record is where it says. A damaged envelope costs a search for the
//! next one, and that checksum also covers the offset at which the frame lies: a copy of a log
//! inside a payload (a mirrored upload of a recording) is not taken for records by that search.

use std::ops::Range;

/// The longest payload in bytes; it bounds what a reader has to allocate.
pub const MAX_RECORD_BYTES: usize = 256 << 20;

/// Bytes of an envelope.
pub(crate) const HEADER_BYTES: usize = 16;

/// Every frame begins with it. Neither byte occurs in UTF-8 text, so a search skips over bodies.
pub(crate) const MARKER: [u8; 2] = [0xfb, 0xf7];

const KIND: usize = 2;
const FLAGS: usize = 3;
const LENGTH: Range<usize> = 4..8;
const PAYLOAD_CRC: Range<usize> = 8..12;
const HEADER_CRC: Range<usize> = 12..16;

/// An envelope whose checksum holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) kind: u8,
    /// No flag is defined yet; a record with one set cannot be read by this build.
    pub(crate) flags: u8,
    pub(crate) length: u32,
    pub(crate) payload_crc: u32,
}

impl Header {
    /// Reads the envelope at `offset` of its segment; `bytes` holds at least [`HEADER_BYTES`].
    ///
    /// # Errors
    /// What is wrong.
    pub(crate) fn parse(bytes: &[u8], offset: u64) -> Result<Self, &'static str> {
        if bytes[..2] != MARKER {
            return Err("no record begins here");
        }
        if word(bytes, HEADER_CRC) != header_crc(bytes, offset) {
            return Err("the checksum of the record's header does not match");
        }
        let length = word(bytes, LENGTH);
        if length as usize > MAX_RECORD_BYTES {
            return Err("the record is longer than a record may be");
        }
        Ok(Self { kind: bytes[KIND], flags: bytes[FLAGS], length, payload_crc: word(bytes, PAYLOAD_CRC) })
    }

    /// Bytes of the whole frame.
    pub(crate) fn frame_bytes(self) -> u64 {
        HEADER_BYTES as u64 + u64::from(self.length)
    }

    pub(crate) fn matches(self, payload: &[u8]) -> bool {
        crc32fast::hash(payload) == self.payload_crc
    }
}

/// Appends a frame to `into` that will lie at `offset` of its segment; `payload` appends its bytes.
///
/// # Errors
/// The length of a payload above [`MAX_RECORD_BYTES`]; `into` is then as it was.
pub(crate) fn write(
    into: &mut Vec<u8>,
    offset: u64,
    kind: u8,
    payload: impl FnOnce(&mut Vec<u8>),
) -> Result<(), usize> {
    let start = into.len();
    into.extend_from_slice(&[0; HEADER_BYTES]);
    payload(into);
    let (before, payload) = into.split_at_mut(start + HEADER_BYTES);
    if payload.len() > MAX_RECORD_BYTES {
        let length = payload.len();
        into.truncate(start);
        return Err(length);
    }
    let length = u32::try_from(payload.len()).expect("MAX_RECORD_BYTES fits");
    let header = &mut before[start..];
    header[..2].copy_from_slice(&MARKER);
    header[KIND] = kind;
    header[LENGTH].copy_from_slice(&length.to_le_bytes());
    header[PAYLOAD_CRC].copy_from_slice(&crc32fast::hash(payload).to_le_bytes());
    let crc = header_crc(header, offset);
    header[HEADER_CRC].copy_from_slice(&crc.to_le_bytes());
    Ok(())
}

fn header_crc(header: &[u8], offset: u64) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&header[..HEADER_CRC.start]);
    hasher.update(&offset.to_le_bytes());
    hasher.finalize()
}

fn word(bytes: &[u8], range: Range<usize>) -> u32 {
    u32::from_le_bytes(bytes[range].try_into().expect("the range is four bytes"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_is_valid_only_at_its_own_offset() {
        let mut bytes = Vec::new();
        write(&mut bytes, 32, 2, |into| into.extend_from_slice(b"payload")).unwrap();
        let header = Header::parse(&bytes, 32).unwrap();
        assert_eq!((header.kind, header.flags, header.length), (2, 0, 7));
        assert_eq!(header.frame_bytes(), bytes.len() as u64);
        assert!(header.matches(b"payload") && !header.matches(b"Payload"));
        assert!(Header::parse(&bytes, 33).is_err());
    }

    #[test]
    fn any_flipped_bit_of_an_envelope_is_noticed() {
        let mut bytes = Vec::new();
        write(&mut bytes, 32, 1, |_| {}).unwrap();
        for bit in 0..HEADER_BYTES * 8 {
            let mut damaged = bytes.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert!(Header::parse(&damaged, 32).is_err(), "bit {bit}");
        }
    }
}

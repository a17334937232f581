//! One file of the log: its name, its header, and opening it.
//!
//! Names are numbers of fixed width, so that a listing sorts as the log runs. The header's first 32
//! bytes keep their layout in every version, so that an older build can say what it met.

use super::source::{Source, Window};
use super::{LogError, frame};
use std::ops::Range;
use std::path::{Path, PathBuf};

/// Bytes before the first frame.
pub(crate) const HEADER_BYTES: usize = 32;

/// The format that this build writes, and the newest that it reads.
pub(crate) const VERSION: u16 = 1;

/// As PNG does it: a byte above 127, the name, and line ends of both kinds, so that a transfer in
/// text mode is noticed.
const MAGIC: [u8; 8] = *b"\x89PLX\r\n\x1a\n";

const FORMAT: Range<usize> = 8..10;
const LENGTH: Range<usize> = 10..12;
const FEATURES: Range<usize> = 12..16;
const NUMBER: Range<usize> = 16..24;
const CRC: Range<usize> = 28..32;

/// The first segment's number; they count up by one.
pub(crate) const FIRST: u64 = 1;

/// The file of segment `number` in `directory`.
pub(crate) fn path(directory: &Path, number: u64) -> PathBuf {
    directory.join(format!("{number:020}.plx"))
}

/// The numbers of the segments in `directory`, ascending; other files are not looked at.
pub(crate) fn list(directory: &Path) -> Result<Vec<u64>, LogError> {
    let entries = std::fs::read_dir(directory).map_err(LogError::io("list", directory))?;
    let mut numbers = Vec::new();
    for entry in entries {
        let entry = entry.map_err(LogError::io("list", directory))?;
        numbers.extend(entry.file_name().to_str().and_then(number_of));
    }
    numbers.sort_unstable();
    Ok(numbers)
}

/// The number in a segment's file name.
pub(crate) fn number_of(name: &str) -> Option<u64> {
    let digits = name.strip_suffix(".plx")?;
    let well_formed = digits.len() == 20 && digits.bytes().all(|byte| byte.is_ascii_digit());
    well_formed.then(|| digits.parse().ok()).flatten()
}

/// The header of segment `number`.
pub(crate) fn header(number: u64) -> [u8; HEADER_BYTES] {
    let mut header = [0; HEADER_BYTES];
    header[..8].copy_from_slice(&MAGIC);
    header[FORMAT].copy_from_slice(&VERSION.to_le_bytes());
    header[LENGTH].copy_from_slice(&(HEADER_BYTES as u16).to_le_bytes());
    header[NUMBER].copy_from_slice(&number.to_le_bytes());
    let crc = crc32fast::hash(&header[..CRC.start]);
    header[CRC].copy_from_slice(&crc.to_le_bytes());
    header
}

/// What the beginning of a file says.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Beginning {
    /// A segment; its frames begin at the offset.
    Segment { number: u64, frames_at: u64 },
    /// Too short to tell: just being created, or cut off then.
    Unfinished,
    /// A segment whose header is damaged; frames begin where this build puts them.
    Damaged,
    /// Not a log, or one of a newer format.
    Unsupported(String),
}

/// Looks at the beginning of a file.
///
/// `frame_follows` says whether a frame is found behind the header, which decides when even the
/// magic is damaged.
pub(crate) fn beginning(bytes: &[u8], frame_follows: bool) -> Beginning {
    let Some(header) = bytes.first_chunk::<HEADER_BYTES>() else {
        let known = bytes.len().min(MAGIC.len());
        return if bytes[..known] == MAGIC[..known] { Beginning::Unfinished } else { not_a_log(bytes) };
    };
    let intact = u32::from_le_bytes(array(header, CRC)) == crc32fast::hash(&header[..CRC.start]);
    match (header.starts_with(&MAGIC), intact) {
        (true, true) => versioned(header),
        (true, false) => Beginning::Damaged,
        (false, _) if frame_follows => Beginning::Damaged,
        (false, _) => not_a_log(bytes),
    }
}

fn versioned(header: &[u8; HEADER_BYTES]) -> Beginning {
    let version = u16::from_le_bytes(array(header, FORMAT));
    if version != VERSION {
        let why = format!(
            "this log is of format {version}; this build reads format {VERSION}: use a newer parallax"
        );
        return Beginning::Unsupported(why);
    }
    let features = u32::from_le_bytes(array(header, FEATURES));
    if features != 0 {
        let why = format!("this log uses features {features:#x} that this build lacks: use a newer parallax");
        return Beginning::Unsupported(why);
    }
    let frames_at = u16::from_le_bytes(array(header, LENGTH)).max(HEADER_BYTES as u16).into();
    Beginning::Segment { number: u64::from_le_bytes(array(header, NUMBER)), frames_at }
}

fn not_a_log(bytes: &[u8]) -> Beginning {
    let start = &bytes[..bytes.len().min(8)];
    Beginning::Unsupported(format!("not a parallax log: it begins with \"{}\"", start.escape_ascii()))
}

fn array<const N: usize>(header: &[u8; HEADER_BYTES], range: Range<usize>) -> [u8; N] {
    header[range].try_into().expect("the range is as long as the number")
}

/// Reads and judges the beginning of `source`.
pub(crate) fn read_beginning(source: &impl Source, window: &mut Window) -> std::io::Result<Beginning> {
    let bytes = window.peek(source, 0, HEADER_BYTES + frame::HEADER_BYTES)?;
    let frame_follows = bytes
        .get(HEADER_BYTES..HEADER_BYTES + frame::HEADER_BYTES)
        .is_some_and(|bytes| frame::Header::parse(bytes, HEADER_BYTES as u64).is_ok());
    let beginning = beginning(bytes, frame_follows);
    if beginning == Beginning::Unfinished {
        window.clear();
    }
    Ok(beginning)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_own_names_count_as_segments() {
        assert_eq!(number_of("00000000000000000042.plx"), Some(42));
        assert_eq!(path(Path::new("d"), 42), Path::new("d/00000000000000000042.plx"));
        for other in ["42.plx", "+0000000000000000042.plx", "00000000000000000042.plx.tmp", "writer.lock"] {
            assert_eq!(number_of(other), None, "{other}");
        }
    }

    #[test]
    fn a_beginning_is_told_apart() {
        let good = header(7);
        assert_eq!(beginning(&good, false), Beginning::Segment { number: 7, frames_at: 32 });
        for cut in 0..HEADER_BYTES {
            assert_eq!(beginning(&good[..cut], false), Beginning::Unfinished, "{cut}");
        }
        let mut flipped = good;
        flipped[20] ^= 4;
        assert_eq!(beginning(&flipped, false), Beginning::Damaged);
        let mut no_magic = good;
        no_magic[0] = 0;
        assert_eq!(beginning(&no_magic, true), Beginning::Damaged);
        assert!(matches!(beginning(&no_magic, false), Beginning::Unsupported(_)));
        assert!(matches!(beginning(b"{\"a\":1}", false), Beginning::Unsupported(_)));
    }

    #[test]
    fn a_newer_format_or_feature_is_named() {
        for (byte, word) in [(FORMAT.start, "format 9"), (FEATURES.start, "features 0x9")] {
            let mut newer = header(1);
            newer[byte] = 9;
            let crc = crc32fast::hash(&newer[..CRC.start]);
            newer[CRC].copy_from_slice(&crc.to_le_bytes());
            let Beginning::Unsupported(why) = beginning(&newer, true) else { panic!("must not be read") };
            assert!(why.contains(word), "{why}");
        }
    }
}

//! Sources that are files: read in one pass as often as is needed, and at single places.

use super::record::{Decoder, end_of_record};
use super::{Format, OutputsError};
use std::fs::File;
use std::io::Read;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

/// The files of one side, in the order of their names.
#[derive(Debug)]
pub(super) struct Files {
    files: Vec<Source>,
    /// Opened to read single records; at most [`OPEN_MAX`] at a time.
    open: Vec<Option<File>>,
    opened: usize,
}

#[derive(Debug)]
struct Source {
    path: PathBuf,
    /// Where the first record starts: after a byte order mark, and a CSV header.
    start: u64,
    /// Bytes when the comparison began; what is written later is not read.
    len: u64,
    decoder: Decoder,
    quoted: bool,
}

/// Where a record stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Spot {
    pub(super) file: u32,
    pub(super) len: u32,
    pub(super) offset: u64,
}

/// Bytes that are read at a time.
const CHUNK: usize = 1 << 20;
/// The longest record; a longer one is taken for a damaged file.
const RECORD_MAX: usize = 64 << 20;
/// Files kept open for reading single records.
const OPEN_MAX: usize = 128;
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

impl Files {
    /// The files at `path`: itself, or all in a directory, sub-directories included, hidden ones not.
    ///
    /// # Errors
    /// Nothing there, unreadable, or compressed.
    pub(super) fn open(
        path: &Path,
        format: Option<Format>,
        line: Option<&Decoder>,
    ) -> Result<Self, OutputsError> {
        let mut paths = Vec::new();
        collect(path, &mut paths)?;
        if paths.is_empty() {
            return Err(OutputsError::Empty(path.to_owned()));
        }
        let files: Vec<Source> =
            paths.into_iter().map(|path| Source::open(path, format, line)).collect::<Result<_, _>>()?;
        let open = files.iter().map(|_| None).collect();
        Ok(Self { files, open, opened: 0 })
    }

    /// Bytes of all files.
    pub(super) fn bytes(&self) -> u64 {
        self.files.iter().map(|file| file.len).sum()
    }

    pub(super) fn count(&self) -> usize {
        self.files.len()
    }

    pub(super) fn decoder(&self, spot: Spot) -> &Decoder {
        &self.files[spot.file as usize].decoder
    }

    /// Reads all records, in order, and calls `each` with the decoder and bytes of one; stops without an
    /// error when `read`, called with the bytes read since the last call, says so.
    ///
    /// # Errors
    /// A file cannot be read, got shorter, or has a record that is too long.
    pub(super) fn scan(
        &self,
        read: &mut dyn FnMut(u64) -> bool,
        mut each: impl FnMut(&Decoder, Spot, &[u8]),
    ) -> Result<(), OutputsError> {
        let mut buffer = vec![0; CHUNK];
        for (index, source) in self.files.iter().enumerate() {
            let each = |offset, raw: &[u8]| {
                let spot = Spot { file: index as u32, len: raw.len() as u32, offset };
                each(&source.decoder, spot, raw);
            };
            if !source.scan(&mut buffer, read, each)? {
                break;
            }
        }
        Ok(())
    }

    /// Reads the bytes of one record into `into`.
    ///
    /// # Errors
    /// The file cannot be read, or got shorter.
    pub(super) fn fetch(&mut self, spot: Spot, into: &mut Vec<u8>) -> Result<(), OutputsError> {
        let index = spot.file as usize;
        let path = &self.files[index].path;
        let fail = |source| OutputsError::Io { path: path.clone(), source };
        if self.open[index].is_none() {
            if self.opened == OPEN_MAX {
                self.open.fill_with(|| None);
                self.opened = 0;
            }
            self.open[index] = Some(File::open(path).map_err(fail)?);
            self.opened += 1;
        }
        into.resize(spot.len as usize, 0);
        match &self.open[index] {
            Some(file) => file.read_exact_at(into, spot.offset).map_err(fail),
            None => Ok(()),
        }
    }
}

impl Source {
    fn open(path: PathBuf, format: Option<Format>, line: Option<&Decoder>) -> Result<Self, OutputsError> {
        let fail = |source| OutputsError::Io { path: path.clone(), source };
        let extension = path.extension().and_then(|name| name.to_str()).unwrap_or_default();
        if matches!(extension, "gz" | "zst" | "bz2" | "xz" | "lz4" | "parquet" | "avro") {
            return Err(OutputsError::Kind { path: path.clone(), extension: extension.to_owned() });
        }
        let format = format.unwrap_or(if extension.eq_ignore_ascii_case("csv") {
            Format::Csv
        } else {
            Format::Ndjson
        });
        let file = File::open(&path).map_err(fail)?;
        let metadata = file.metadata().map_err(fail)?;
        if !metadata.is_file() {
            return Err(OutputsError::Stream(path));
        }
        let len = metadata.len();
        let quoted = format == Format::Csv && line.is_none();
        let (start, decoder) = match line {
            Some(line) => (mark(&file).map_err(fail)?, line.clone()),
            None if format == Format::Ndjson => (mark(&file).map_err(fail)?, Decoder::Json),
            None => header(&file, &path)?,
        };
        Ok(Self { path, start, len, decoder, quoted })
    }

    /// Whether to go on with the next file.
    fn scan(
        &self,
        buffer: &mut Vec<u8>,
        read: &mut dyn FnMut(u64) -> bool,
        mut each: impl FnMut(u64, &[u8]),
    ) -> Result<bool, OutputsError> {
        let fail = |source| OutputsError::Io { path: self.path.clone(), source };
        let mut file = File::open(&self.path).map_err(fail)?;
        std::io::Seek::seek(&mut file, std::io::SeekFrom::Start(self.start)).map_err(fail)?;
        // `buffer[..filled]` starts at `offset` of the file, with the first record that is not done.
        let (mut offset, mut filled) = (self.start, 0);
        loop {
            let left = self.len.saturating_sub(offset + filled as u64);
            if left > 0 {
                if filled == buffer.len() {
                    buffer.resize(buffer.len() * 2, 0);
                }
                let room = (buffer.len() - filled).min(usize::try_from(left).unwrap_or(usize::MAX));
                let got = file.read(&mut buffer[filled..filled + room]).map_err(fail)?;
                if got == 0 {
                    return Err(OutputsError::Changed { path: self.path.clone() });
                }
                filled += got;
                if !read(got as u64) {
                    return Ok(false);
                }
            }
            let is_end = self.len <= offset + filled as u64;
            let done = records(&buffer[..filled], self.quoted, is_end, |at, raw| each(offset + at, raw));
            buffer.copy_within(done..filled, 0);
            offset += done as u64;
            filled -= done;
            if is_end {
                return Ok(true);
            }
            if filled > RECORD_MAX {
                return Err(OutputsError::TooLong { path: self.path.clone(), offset, quoted: self.quoted });
            }
        }
    }
}

/// Calls `each` for the complete records in `text`, and for the rest of it at the end of a file; returns
/// the bytes that are done. Empty lines are stepped over.
fn records(text: &[u8], quoted: bool, is_end: bool, mut each: impl FnMut(u64, &[u8])) -> usize {
    let mut at = 0;
    while at < text.len() {
        let rest = &text[at..];
        let (raw, next) = match end_of_record(rest, quoted) {
            Some(end) => (&rest[..end], at + end + 1),
            None if is_end => (rest, text.len()),
            None => break,
        };
        let raw = raw.strip_suffix(b"\r").unwrap_or(raw);
        if !raw.trim_ascii().is_empty() {
            each(at as u64, raw);
        }
        at = next;
    }
    at
}

/// The length of the byte order mark at the start of a file.
fn mark(file: &File) -> std::io::Result<u64> {
    let mut start = [0; 3];
    let read = file.read_at(&mut start, 0)?;
    Ok(if start[..read] == *BYTE_ORDER_MARK { BYTE_ORDER_MARK.len() as u64 } else { 0 })
}

/// Reads the header of a CSV file; returns where the rows start.
fn header(file: &File, path: &Path) -> Result<(u64, Decoder), OutputsError> {
    let fail = |source| OutputsError::Io { path: path.to_owned(), source };
    let wrong = |why| OutputsError::Header { path: path.to_owned(), why };
    let start = mark(file).map_err(fail)?;
    let mut text = vec![0; CHUNK];
    let mut filled = 0;
    while filled < text.len() {
        match file.read_at(&mut text[filled..], start + filled as u64).map_err(fail)? {
            0 => break,
            got => filled += got,
        }
    }
    let text = &text[..filled];
    let end = end_of_record(text, true).unwrap_or(text.len());
    let row = text[..end].strip_suffix(b"\r").unwrap_or(&text[..end]);
    let decoder = Decoder::csv(row).map_err(wrong)?;
    Ok((start + (end + 1).min(text.len()) as u64, decoder))
}

fn collect(path: &Path, into: &mut Vec<PathBuf>) -> Result<(), OutputsError> {
    let fail = |source| OutputsError::Io { path: path.to_owned(), source };
    if !std::fs::metadata(path).map_err(fail)?.is_dir() {
        into.push(path.to_owned());
        return Ok(());
    }
    let mut entries: Vec<PathBuf> = std::fs::read_dir(path)
        .and_then(|entries| entries.map(|entry| Ok(entry?.path())).collect())
        .map_err(fail)?;
    entries.sort_unstable();
    let hidden = |path: &Path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
    entries.into_iter().filter(|path| !hidden(path)).try_for_each(|path| collect(&path, into))
}

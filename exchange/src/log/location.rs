//! From a URL to a transport.

use super::reader::{End, FileReader};
use super::writer::FileWriter;
use super::{Limits, LogError, Reader, Writer};
use bytes::Bytes;
use std::path::Path;

/// Opens the log at `url` for appending, and creates it where it does not exist.
///
/// `file:DIRECTORY` is a directory of segments that are rolled and removed by `limits`; a torn tail
/// is cut off ([`super::WriterStats::torn_bytes`]). `file:NAME.plx` is one new file without limits, as
/// recordings are exchanged. A text without a scheme is a path.
///
/// # Errors
/// [`LogError::Locked`] when another process writes to it; [`LogError::Unsupported`] for an unknown
/// scheme, or a log of a newer format; [`LogError::Io`] otherwise, with the path.
pub fn open_writer(url: &str, limits: Limits) -> Result<Box<dyn Writer>, LogError> {
    let path = path(url)?;
    Ok(Box::new(if is_segment_name(path) && !path.is_dir() {
        FileWriter::create_file(path)?
    } else {
        FileWriter::open(path, limits)?
    }))
}

/// Opens the log at `url` for reading from its beginning: `file:DIRECTORY`, or one segment file.
/// A text without a scheme is a path. A writer may be appending meanwhile.
///
/// # Errors
/// [`LogError::Unsupported`] for an unknown scheme or a directory without a log; [`LogError::Io`]
/// where nothing is there or it may not be read.
pub fn open_reader(url: &str) -> Result<Box<dyn Reader>, LogError> {
    Ok(Box::new(FileReader::open(path(url)?, End::Open)?))
}

/// Opens the log at `url` as [`open_reader`] does, but as a closed one: an unfinished record at its
/// end is damage. Recordings are read so.
///
/// # Errors
/// As [`open_reader`].
pub fn open_recording(url: &str) -> Result<Box<dyn Reader>, LogError> {
    Ok(Box::new(FileReader::open(path(url)?, End::Closed)?))
}

/// Reads one segment from memory, such as a recording that is part of a program; errors call it
/// `name`. Nothing can be added to it, so an unfinished record at its end is damage.
#[must_use]
pub fn read_bytes(name: &str, segment: Bytes) -> Box<dyn Reader> {
    Box::new(FileReader::in_memory(name, segment))
}

fn is_segment_name(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "plx")
}

pub(crate) fn path(url: &str) -> Result<&Path, LogError> {
    let unsupported = |why: &str| LogError::Unsupported { place: url.to_owned(), why: why.to_owned() };
    let path = match url.split_once(':') {
        Some(("file", path)) => path.strip_prefix("//").unwrap_or(path),
        Some(("kafka", _)) => {
            return Err(unsupported(
                "topics are for `parallax proxy` and `parallax compare`; here use file:DIRECTORY",
            ));
        }
        Some((scheme, _)) if is_scheme(scheme) && !Path::new(url).exists() => {
            return Err(unsupported("unknown scheme; expected file:DIRECTORY"));
        }
        _ => url,
    };
    if path.is_empty() {
        return Err(unsupported("the path is empty; expected file:DIRECTORY"));
    }
    Ok(Path::new(path))
}

fn is_scheme(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_alphabetic())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_or_a_path_names_a_place() {
        for (url, expected) in [
            ("file:parallax-log", "parallax-log"),
            ("file:/var/log/p", "/var/log/p"),
            ("file:///var/log/p", "/var/log/p"),
            ("recordings/a.plx", "recordings/a.plx"),
            ("./a:b", "./a:b"),
        ] {
            assert_eq!(path(url).unwrap(), Path::new(expected), "{url}");
        }
    }

    #[test]
    fn other_transports_are_refused_with_a_remedy() {
        for (url, word) in [
            ("kafka://127.0.0.1:9092/t", "topics are for"),
            ("s3://b/k", "unknown scheme"),
            ("file:", "empty"),
        ] {
            let error = open_reader(url).err().unwrap().to_string();
            assert!(error.contains(word) && error.contains("file:DIRECTORY"), "{error}");
        }
    }
}

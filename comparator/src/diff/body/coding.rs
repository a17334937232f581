//! Undoing content codings, with a bound on what comes out.

use std::borrow::Cow;
use std::io::{self, Read};

/// A body with its codings undone, or why that failed.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Decoded<'a> {
    Plain(Cow<'a, [u8]>),
    /// It decodes to more than this many bytes.
    TooLong(usize),
    /// It is not what its coding says, or the coding is not known.
    Unreadable(String),
}

impl Decoded<'_> {
    /// What is wrong, to be read after "the body".
    pub(super) fn problem(&self) -> Option<String> {
        match self {
            Self::Plain(_) => None,
            Self::TooLong(limit) => Some(format!("decodes to more than {limit} bytes")),
            Self::Unreadable(why) => Some(format!("does not decode: {why}")),
        }
    }
}

/// The coding that a body begins like: gzip (RFC 1952), zstd (RFC 8878) or zlib (RFC 1950, whose first two
/// bytes are a multiple of 31; of the levels that writers use). Bare deflate begins like anything.
pub(super) fn sniff(body: &[u8]) -> Option<&'static str> {
    match body {
        [0x1f, 0x8b, 8, ..] => Some("gzip"),
        [0x28, 0xb5, 0x2f, 0xfd, ..] => Some("zstd"),
        [0x78, 0x01 | 0x5e | 0x9c | 0xda, ..] => Some("deflate"),
        _ => None,
    }
}

/// Undoes `codings`, given in the order in which they were applied, lower case.
pub(super) fn decode<'a>(codings: &[String], body: &'a [u8], limit: usize) -> Decoded<'a> {
    let mut plain = Cow::Borrowed(body);
    for coding in codings.iter().rev() {
        // An empty body has nothing to undo: answers to HEAD name the coding all the same.
        if coding == "identity" || plain.is_empty() {
            continue;
        }
        match undo(coding, &plain, limit) {
            Ok(bytes) if bytes.len() > limit => return Decoded::TooLong(limit),
            Ok(bytes) => plain = Cow::Owned(bytes),
            Err(error) => return Decoded::Unreadable(format!("{coding}: {error}")),
        }
    }
    Decoded::Plain(plain)
}

/// At most one byte more than `limit`, to tell that there is more.
fn undo(coding: &str, body: &[u8], limit: usize) -> io::Result<Vec<u8>> {
    match coding {
        "gzip" | "x-gzip" => read(flate2::read::MultiGzDecoder::new(body), limit),
        // The name means zlib (RFC 9110, 8.4.1.2), but some servers send bare deflate.
        "deflate" => read(flate2::read::ZlibDecoder::new(body), limit)
            .or_else(|_| read(flate2::read::DeflateDecoder::new(body), limit)),
        "br" => read(brotli::Decompressor::new(body, 4096), limit),
        "zstd" => {
            let mut decoder = zstd::stream::read::Decoder::with_buffer(body)?;
            // 8 MiB, the most that the coding allows on the web (RFC 9659).
            decoder.window_log_max(23)?;
            read(decoder, limit)
        }
        _ => Err(io::Error::new(io::ErrorKind::Unsupported, "the coding is not known")),
    }
}

fn read(decoder: impl Read, limit: usize) -> io::Result<Vec<u8>> {
    let mut out = Vec::new();
    decoder.take(limit as u64 + 1).read_to_end(&mut out)?;
    Ok(out)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use std::io::Write;

    fn gzip(body: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(body).unwrap();
        encoder.finish().unwrap()
    }

    fn plain(codings: &[&str], body: &[u8]) -> Vec<u8> {
        match decode(&codings.iter().map(|&c| c.to_owned()).collect::<Vec<_>>(), body, 1 << 20) {
            Decoded::Plain(bytes) => bytes.into_owned(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn every_coding_is_undone_alone_and_stacked() {
        let text = b"the same text, the same text, the same text".repeat(20);
        assert_eq!(plain(&[], &text), text);
        assert_eq!(plain(&["gzip"], &gzip(&text)), text);
        assert_eq!(plain(&["zstd"], &zstd::encode_all(&text[..], 3).unwrap()), text);
        let mut brotli = Vec::new();
        let params = brotli::enc::BrotliEncoderParams::default();
        brotli::BrotliCompress(&mut &text[..], &mut brotli, &params).unwrap();
        assert_eq!(plain(&["br"], &brotli), text);
        let mut zlib = flate2::read::ZlibEncoder::new(&text[..], flate2::Compression::fast());
        let mut bytes = Vec::new();
        zlib.read_to_end(&mut bytes).unwrap();
        assert_eq!(plain(&["deflate"], &bytes), text);
        let mut bare = flate2::read::DeflateEncoder::new(&text[..], flate2::Compression::fast());
        bytes.clear();
        bare.read_to_end(&mut bytes).unwrap();
        assert_eq!(plain(&["deflate"], &bytes), text);
        assert_eq!(
            plain(&["zstd", "identity", "gzip"], &gzip(&zstd::encode_all(&text[..], 3).unwrap())),
            text
        );
        assert_eq!(plain(&["gzip"], b""), b"");
    }

    #[test]
    fn a_bomb_stops_at_the_limit() {
        let bomb = gzip(&vec![0; 1 << 20]);
        assert_eq!(decode(&["gzip".to_owned()], &bomb, 1000), Decoded::TooLong(1000));
        assert!(matches!(decode(&["gzip".to_owned()], &bomb, 1 << 20), Decoded::Plain(_)));
    }

    #[test]
    fn damaged_and_unknown_codings_are_told() {
        let cut = gzip(b"some text that is long enough to be cut");
        let damaged = decode(&["gzip".to_owned()], &cut[..cut.len() - 5], 100);
        assert!(damaged.problem().unwrap().starts_with("does not decode: gzip: "), "{damaged:?}");
        let unknown = decode(&["aes".to_owned()], b"x", 100);
        assert_eq!(unknown.problem().unwrap(), "does not decode: aes: the coding is not known");
        for coding in ["deflate", "br", "zstd"] {
            assert!(
                matches!(decode(&[coding.to_owned()], b"\xff\xff nonsense", 100), Decoded::Unreadable(_)),
                "{coding}"
            );
        }
    }
}

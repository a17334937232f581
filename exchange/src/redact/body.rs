//! Bodies: codings are undone, values replaced, codings done again.

use super::{Redacted, Redactor, Unreadable, json, text};
use crate::Body;
use http::{HeaderMap, header};
use std::borrow::Cow;
use std::io::{self, Read, Write};

/// Bytes to which a body may decode; more is not looked into.
const DECODED_MAX: usize = 16 << 20;

/// Codings on top of each other; more is nobody's honest body.
const CODINGS_MAX: usize = 4;

/// Redacts a body that these headers came with.
pub(super) fn redact(redactor: &Redactor, headers: &HeaderMap, body: &mut Body, done: &mut Redacted) {
    if redactor.body.is_empty() || body.is_empty() {
        return;
    }
    let found = if body.is_cut() { None } else { rewritten(redactor, headers, body.bytes(), done) };
    match (found, redactor.unreadable) {
        (Some(None), _) | (None, Unreadable::Keep) => {}
        (Some(Some(bytes)), _) => *body = Body::whole(bytes),
        (None, Unreadable::Digest) => {
            done.bodies += 1;
            let digest = match body.cut_digest() {
                Some(digest) => redactor.key.digest(&digest.to_be_bytes()),
                None => redactor.key.digest(body.bytes()),
            };
            *body = Body::cut("", body.len(), digest);
        }
    }
}

/// The new bytes, nothing where nothing is to be replaced, `None` where the body cannot be read.
fn rewritten(
    redactor: &Redactor,
    headers: &HeaderMap,
    bytes: &[u8],
    done: &mut Redacted,
) -> Option<Option<Vec<u8>>> {
    let codings = codings(headers, bytes)?;
    let mut plain = Cow::Borrowed(bytes);
    for coding in codings.iter().rev() {
        plain = Cow::Owned(undo(*coding, &plain).ok()?);
    }
    let (new, values) = content(redactor, headers, &plain)?;
    done.values += values;
    let Some(mut new) = new else { return Some(None) };
    for coding in &codings {
        new = apply(*coding, &new).ok()?;
    }
    Some(Some(new))
}

/// The redacted content, if it changed, and how many values were replaced.
fn content(redactor: &Redactor, headers: &HeaderMap, plain: &[u8]) -> Option<(Option<Vec<u8>>, u64)> {
    let media = headers.get(header::CONTENT_TYPE).map(|value| value.as_bytes().to_ascii_lowercase());
    let media = media.as_deref().unwrap_or_default();
    let essence = media.split(|&byte| byte == b';').next().unwrap_or_default().trim_ascii();
    // Other charsets could hide a name from a reader of UTF-8.
    let charset = media.windows(8).position(|part| part == b"charset=").map(|at| &media[at + 8..]);
    if charset.is_some_and(|charset| {
        let charset = charset.strip_prefix(b"\"").unwrap_or(charset);
        !charset.starts_with(b"utf-8") && !charset.starts_with(b"us-ascii")
    }) {
        return None;
    }
    match json::redact(plain, &redactor.body, &redactor.key, is_lines(essence)) {
        Some(found) => Some(found),
        None if essence == b"application/x-www-form-urlencoded" => form(redactor, plain),
        None => None,
    }
}

fn is_lines(essence: &[u8]) -> bool {
    const LINES: [&[u8]; 7] = [
        b"application/x-ndjson",
        b"application/ndjson",
        b"application/jsonl",
        b"application/x-jsonlines",
        b"application/jsonlines",
        b"application/json-lines",
        b"application/stream+json",
    ];
    LINES.contains(&essence)
}

/// A form's fields are members of one object.
fn form(redactor: &Redactor, plain: &[u8]) -> Option<(Option<Vec<u8>>, u64)> {
    let form = std::str::from_utf8(plain).ok()?;
    let (mut out, mut values) = (Vec::with_capacity(plain.len()), 0);
    for (index, field) in form.split('&').enumerate() {
        if index > 0 {
            out.push(b'&');
        }
        let (name, value) = field.split_once('=').unwrap_or((field, ""));
        let known = text::decoded(name);
        let secret = redactor.body.iter().any(|pattern| {
            let start = pattern.start();
            pattern.accepts(start) || pattern.accepts(pattern.advance(start, known.as_bytes()))
        });
        if secret && !value.is_empty() {
            let token = redactor.key.text(text::decoded(value.trim_ascii_end()).as_bytes());
            out.extend_from_slice(format!("{name}={token}").as_bytes());
            values += 1;
        } else {
            out.extend_from_slice(field.as_bytes());
        }
    }
    Some(((values > 0).then_some(out), values))
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Coding {
    Gzip,
    Zlib,
    Deflate,
    Brotli,
    Zstd,
}

/// The codings in the order in which they were applied; `None` where one is not known. Some SDKs
/// compress without saying so.
fn codings(headers: &HeaderMap, bytes: &[u8]) -> Option<Vec<Coding>> {
    let mut codings = Vec::new();
    for value in headers.get_all(header::CONTENT_ENCODING) {
        for name in value.as_bytes().split(|&byte| byte == b',') {
            codings.push(match &name.trim_ascii().to_ascii_lowercase()[..] {
                b"" | b"identity" => continue,
                b"gzip" | b"x-gzip" => Coding::Gzip,
                b"deflate" if is_zlib(bytes) => Coding::Zlib,
                b"deflate" => Coding::Deflate,
                b"br" => Coding::Brotli,
                b"zstd" => Coding::Zstd,
                _ => return None,
            });
        }
    }
    if codings.is_empty() {
        match bytes {
            [0x1f, 0x8b, 8, ..] => codings.push(Coding::Gzip),
            [0x28, 0xb5, 0x2f, 0xfd, ..] => codings.push(Coding::Zstd),
            _ => {}
        }
    }
    (codings.len() <= CODINGS_MAX).then_some(codings)
}

/// The first two bytes of a zlib stream are a multiple of 31 (RFC 1950); some servers send bare deflate.
fn is_zlib(bytes: &[u8]) -> bool {
    matches!(bytes, [first, second, ..]
        if first & 0x0f == 8 && u16::from_be_bytes([*first, *second]).is_multiple_of(31))
}

fn undo(coding: Coding, body: &[u8]) -> io::Result<Vec<u8>> {
    match coding {
        Coding::Gzip => read(flate2::read::MultiGzDecoder::new(body)),
        Coding::Zlib => read(flate2::read::ZlibDecoder::new(body)),
        Coding::Deflate => read(flate2::read::DeflateDecoder::new(body)),
        Coding::Brotli => read(brotli::Decompressor::new(body, 4096)),
        Coding::Zstd => {
            let mut decoder = zstd::stream::read::Decoder::with_buffer(body)?;
            // 8 MiB, the most that the coding allows on the web (RFC 9659).
            decoder.window_log_max(23)?;
            read(decoder)
        }
    }
}

fn read(decoder: impl Read) -> io::Result<Vec<u8>> {
    let mut out = Vec::new();
    decoder.take(DECODED_MAX as u64 + 1).read_to_end(&mut out)?;
    if out.len() > DECODED_MAX {
        return Err(io::Error::other("it decodes to too much"));
    }
    Ok(out)
}

/// The quickest setting of each: the body is kept for comparing, not for sending.
fn apply(coding: Coding, plain: &[u8]) -> io::Result<Vec<u8>> {
    let fast = flate2::Compression::fast();
    match coding {
        Coding::Gzip => {
            let mut out = flate2::write::GzEncoder::new(Vec::new(), fast);
            out.write_all(plain)?;
            out.finish()
        }
        Coding::Zlib => {
            let mut out = flate2::write::ZlibEncoder::new(Vec::new(), fast);
            out.write_all(plain)?;
            out.finish()
        }
        Coding::Deflate => {
            let mut out = flate2::write::DeflateEncoder::new(Vec::new(), fast);
            out.write_all(plain)?;
            out.finish()
        }
        Coding::Brotli => {
            let mut out = Vec::new();
            let params = brotli::enc::BrotliEncoderParams { quality: 1, ..Default::default() };
            brotli::BrotliCompress(&mut &*plain, &mut out, &params)?;
            Ok(out)
        }
        Coding::Zstd => zstd::encode_all(plain, 1),
    }
}

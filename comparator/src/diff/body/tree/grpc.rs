//! gRPC and gRPC-Web: an array of messages, each taken out of its frame and decompressed.
//!
//! ```text
//! frame = flags(1) length(4, big endian) message       flag 1: compressed as grpc-encoding says
//! ```
//!
//! A trailer frame of gRPC-Web (flag 128) is `{"trailers": {"grpc-status": "0"}}` in its place.
//! `grpc-web-text` is base64, possibly of several pieces. Messages are protobuf, by the schema where
//! the method called is known, or JSON where the media type says `+json`.

use super::writer::Writer;
use super::{Problem, Text, schema, wire, write};
use crate::diff::body::Piece;
use crate::diff::body::coding::{self, Decoded};
use crate::diff::limits::Limits;
use crate::diff::sink::Sink;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::borrow::Cow;

pub(super) fn pair(left: &Piece<'_>, right: &Piece<'_>, sink: &Sink<'_>) -> (Text, Text) {
    let limits = sink.limits;
    let (l, r) = (frames(left, limits), frames(right, limits));
    let (l, r) = match (l, r) {
        (Ok(l), Ok(r)) => (l, r),
        (l, r) => return (l.map(|_| Vec::new()), r.map(|_| Vec::new())),
    };
    let is_json =
        |piece: &Piece<'_>| piece.media.as_ref().is_some_and(|media| media.essence.ends_with("+json"));
    let known = sink.schema.and_then(|schema| {
        sink.method.and_then(|path| schema.answer(path)).or_else(|| schema.of(left.media.as_ref()))
    });
    match known {
        _ if is_json(left) && is_json(right) => {
            (write(limits, |out| each(&l, out, json)), write(limits, |out| each(&r, out, json)))
        }
        Some(message) => {
            let one = |frames: &[Frame<'_>]| {
                write(limits, |out| {
                    each(frames, out, |bytes, out| schema::write(message.clone(), bytes, out))
                })
            };
            (one(&l), one(&r))
        }
        None => unknown(&l, &r, limits),
    }
}

/// A frame without its envelope.
enum Frame<'a> {
    Message(Cow<'a, [u8]>),
    Trailers(Cow<'a, [u8]>),
}

impl Frame<'_> {
    fn bytes(&self) -> &[u8] {
        let (Self::Message(bytes) | Self::Trailers(bytes)) = self;
        bytes
    }
}

/// Messages by their wire fields; trailers as text, in a list of their own.
fn unknown(left: &[Frame<'_>], right: &[Frame<'_>], limits: Limits) -> (Text, Text) {
    let (l, r) = wire::pair(&messages(left), &messages(right), limits, true);
    (with_trailers(l, left, limits), with_trailers(r, right, limits))
}

fn messages<'a>(frames: &'a [Frame<'_>]) -> Vec<&'a [u8]> {
    frames.iter().filter(|frame| matches!(frame, Frame::Message(_))).map(Frame::bytes).collect()
}

/// Puts the trailers behind the messages, where they are on the wire.
fn with_trailers(messages: Text, frames: &[Frame<'_>], limits: Limits) -> Text {
    let messages = messages?;
    let mut trailers = frames.iter().filter(|frame| matches!(frame, Frame::Trailers(_))).peekable();
    if trailers.peek().is_none() {
        return Ok(messages);
    }
    write(limits, |out| {
        out.array(|out| {
            let inner = &messages[1..messages.len() - 1];
            if !inner.is_empty() {
                out.token(inner);
            }
            trailers.try_for_each(|frame| push_trailers(frame.bytes(), out))
        })
    })
}

fn each(
    frames: &[Frame<'_>],
    out: &mut Writer,
    mut message: impl FnMut(&[u8], &mut Writer) -> Result<(), Problem>,
) -> Result<(), Problem> {
    out.array(|out| {
        frames.iter().try_for_each(|frame| match frame {
            Frame::Message(bytes) => message(bytes, out),
            Frame::Trailers(bytes) => push_trailers(bytes, out),
        })
    })
}

fn json(message: &[u8], out: &mut Writer) -> Result<(), Problem> {
    super::events::data_value(message, out);
    Ok(())
}

fn push_trailers(block: &[u8], out: &mut Writer) -> Result<(), Problem> {
    out.object(|out| {
        out.key(b"trailers");
        out.object(|out| {
            let lines =
                block.split(|&byte| byte == b'\n').map(<[u8]>::trim_ascii).filter(|line| !line.is_empty());
            for line in lines {
                let at = memchr::memchr(b':', line).unwrap_or(line.len());
                out.key(line[..at].trim_ascii().to_ascii_lowercase().as_slice());
                out.string(line.get(at + 1..).unwrap_or_default().trim_ascii());
            }
            Ok(())
        })
    })
}

/// The frames of a body, messages decompressed to `limits.decoded_bytes` together at most.
fn frames<'a>(piece: &Piece<'a>, limits: Limits) -> Result<Vec<Frame<'a>>, Problem> {
    let is_text =
        piece.media.as_ref().is_some_and(|media| media.essence.starts_with("application/grpc-web-text"));
    if is_text {
        let plain = unbase64(piece.bytes)?;
        let frames = split(&plain, piece.coding.as_deref(), limits)?;
        let own = |frame| match frame {
            Frame::Message(bytes) => Frame::Message(Cow::Owned(Cow::into_owned(bytes))),
            Frame::Trailers(bytes) => Frame::Trailers(Cow::Owned(Cow::into_owned(bytes))),
        };
        return Ok(frames.into_iter().map(own).collect());
    }
    split(piece.bytes, piece.coding.as_deref(), limits)
}

fn split<'a>(body: &'a [u8], coding: Option<&str>, limits: Limits) -> Result<Vec<Frame<'a>>, Problem> {
    const COMPRESSED: u8 = 1;
    const TRAILERS: u8 = 0x80;
    let (mut frames, mut rest, mut room) = (Vec::new(), body, limits.decoded_bytes);
    while !rest.is_empty() {
        let at = body.len() - rest.len();
        let cut = || format!("the frame at byte {at} is cut off");
        let (head, behind) = rest.split_first_chunk::<5>().ok_or_else(cut)?;
        let [flags, length @ ..] = *head;
        if flags & !(COMPRESSED | TRAILERS) != 0 {
            return Err(format!("the frame at byte {at} has the unknown flags {flags:#04x}"));
        }
        let length = usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX);
        let (message, behind) = behind.split_at_checked(length).ok_or_else(cut)?;
        rest = behind;
        let message =
            if flags & COMPRESSED != 0 { undo(message, coding, room, at)? } else { Cow::Borrowed(message) };
        room = room.saturating_sub(message.len());
        frames.push(if flags & TRAILERS != 0 { Frame::Trailers(message) } else { Frame::Message(message) });
    }
    Ok(frames)
}

fn undo<'a>(
    message: &'a [u8],
    coding: Option<&str>,
    limit: usize,
    at: usize,
) -> Result<Cow<'a, [u8]>, Problem> {
    let coding = coding
        .ok_or_else(|| format!("the frame at byte {at} is compressed, and no grpc-encoding says how"))?;
    match coding::decode(&[coding.to_ascii_lowercase()], message, limit) {
        Decoded::Plain(plain) => Ok(plain),
        other => Err(format!("the frame at byte {at} {}", other.problem().unwrap_or_default())),
    }
}

/// Base64 in pieces that may each end with padding.
fn unbase64(text: &[u8]) -> Result<Vec<u8>, Problem> {
    let text: Vec<u8> = text.iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect();
    let mut plain = Vec::with_capacity(text.len() / 4 * 3);
    for quad in text.chunks(4) {
        STANDARD.decode_vec(quad, &mut plain).map_err(|error| format!("no base64: {error}"))?;
    }
    Ok(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_split_and_damage_is_told() {
        let split = |body: &[u8], coding: Option<&str>| {
            let frames = split(body, coding, Limits::TRAFFIC)?;
            Ok::<_, Problem>(frames.iter().map(|frame| frame.bytes().to_vec()).collect::<Vec<_>>())
        };
        assert_eq!(split(b"\0\0\0\0\x02ab\0\0\0\0\0\x80\0\0\0\x01t", None).unwrap(), [&b"ab"[..], b"", b"t"]);
        assert_eq!(split(b"\0\0\0\0\x03ab", None).unwrap_err(), "the frame at byte 0 is cut off");
        assert_eq!(split(b"\0\0\0\0\0\0\0", None).unwrap_err(), "the frame at byte 5 is cut off");
        assert!(split(b"{\"a\":1}", None).unwrap_err().contains("unknown flags 0x7b"));
        assert!(split(b"\x01\0\0\0\x01a", None).unwrap_err().contains("no grpc-encoding"));
        assert!(split(b"\x01\0\0\0\x01a", Some("gzip")).unwrap_err().contains("does not decode"));
        assert_eq!(split(b"\x01\0\0\0\x01a", Some("identity")).unwrap(), [b"a"]);
    }

    #[test]
    fn pieces_of_base64_are_joined() {
        assert_eq!(unbase64(b"AAAAAAA=\r\ngA==").unwrap(), b"\0\0\0\0\0\x80");
        assert!(unbase64(b"%%%").is_err());
    }
}

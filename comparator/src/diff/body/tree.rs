//! Bodies that have structure but are not JSON: both are written as JSON texts, and those are compared.
//!
//! So every format has the same paths, rules, patterns, bounds and kinds of difference, and there is
//! one comparison to be right. What is written keeps apart what the format keeps apart, except for
//! what means nothing in it: order of keys, widths of numbers, boundaries, padding.
//!
//! A writer is linear in its input. Where a format can make little stand for much (column names that
//! come back in every row, nesting), a bound on the text ends it.

mod cbor;
pub(super) mod events;
pub(super) mod form;
mod grpc;
mod message_pack;
mod multipart;
mod notation;
mod schema;
mod table;
mod wire;
mod writer;

pub use schema::{Schema, SchemaError};

use super::Piece;
use super::media::Content;
use crate::diff::json::{self, Shape};
use crate::diff::limits::Limits;
use crate::diff::sink::Sink;
use crate::diff::{Kind, body};
use writer::Writer;

/// Why a body cannot be read as what it is said to be, such as `the boundary is missing`.
type Problem = String;

/// Parts inside of parts that are read.
const NESTING_MAX: u32 = 8;

/// Records what differs between two bodies of one structured kind.
pub(super) fn compare(content: Content, left: &Piece<'_>, right: &Piece<'_>, sink: &mut Sink<'_>) {
    match texts(content, left, right, sink) {
        (Ok(l), Ok(r)) => {
            if let Err(fault) = json::compare(&l, &r, Shape::Value, sink) {
                let note = format!("{}: {}", content.name(), json::fault_note(fault));
                sink.whole_body(Kind::Unparsable, Some(left.bytes), Some(right.bytes), note);
            }
        }
        // The type lies on both sides: their first bytes decide.
        (Err(_), Err(_)) => body::sniffed(left, right, sink),
        (l, r) => {
            let told = |side, text: Result<_, Problem>| {
                Some(format!("the {side} side is not {}: {}", content.name(), text.err()?))
            };
            let note = told("left", l).or_else(|| told("right", r)).unwrap_or_default();
            sink.whole_body(Kind::Unparsable, Some(left.bytes), Some(right.bytes), note);
        }
    }
}

type Text = Result<Vec<u8>, Problem>;

fn texts(content: Content, left: &Piece<'_>, right: &Piece<'_>, sink: &Sink<'_>) -> (Text, Text) {
    let limits = sink.limits;
    match content {
        Content::Protobuf => match sink.schema.and_then(|schema| schema.of(left.media.as_ref())) {
            Some(message) => {
                let one =
                    |piece: &Piece<'_>| write(limits, |out| schema::write(message.clone(), piece.bytes, out));
                (one(left), one(right))
            }
            None => wire::pair(&[left.bytes], &[right.bytes], limits, false),
        },
        Content::Grpc => grpc::pair(left, right, sink),
        _ => (alone(content, left, limits), alone(content, right, limits)),
    }
}

fn alone(content: Content, piece: &Piece<'_>, limits: Limits) -> Text {
    write(limits, |out| push(content, piece, 0, out))
}

/// Writes a text within the bounds.
fn write(limits: Limits, fill: impl FnOnce(&mut Writer) -> Result<(), Problem>) -> Text {
    // Escapes and hexadecimal digits make a text longer than its body, rarely by more than this.
    let mut out = Writer::new(limits.decoded_bytes.saturating_mul(4));
    fill(&mut out)?;
    out.finish()
}

/// Writes one body that can be read without the other side.
fn push(content: Content, piece: &Piece<'_>, depth: u32, out: &mut Writer) -> Result<(), Problem> {
    match content {
        Content::Form => form::push(piece.bytes, out),
        Content::Events => events::push(piece.bytes, out),
        Content::Table => table::push(piece, out),
        Content::Multipart => multipart::push(piece, depth, out),
        Content::Cbor => cbor::push(piece, out),
        Content::MessagePack => message_pack::push(piece.bytes, out),
        _ => Err("it has no structure".to_owned()),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::diff::headers::MediaType;

    /// What is written for a body of this media type.
    pub(super) fn written(mime: &str, bytes: &[u8]) -> Result<String, String> {
        let media = MediaType::read(mime.as_bytes());
        let content = Content::of(Some(&media), bytes);
        let piece = Piece { bytes, media: Some(media), coding: None };
        alone(content, &piece, Limits::TRAFFIC).map(|text| String::from_utf8_lossy(&text).into_owned())
    }
}

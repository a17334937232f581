//! Comparing bodies: codings are undone, the content type chooses how, and where it lies or is
//! missing the first bytes do.
//!
//! | content | compared |
//! | --- | --- |
//! | JSON (`application/json`, `+json`, or what starts like it under a vague type) | as values, see [`json`] |
//! | NDJSON | line by line, as values |
//! | text | line by line |
//! | anything else, and bodies cut at the capture cap | by length, digest and first differing byte |

mod binary;
mod coding;
mod media;
mod text;

use super::headers::MediaType;
use super::json::{self, Shape};
use super::sink::Sink;
use super::{Kind, headers};
use coding::Decoded;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue};
pub(crate) use media::{Content, text_or_binary};
use parallax_exchange::Response;
use std::borrow::Cow;

/// Records what differs between the bodies of two responses.
pub(crate) fn compare(left: &Response, right: &Response, sink: &mut Sink<'_>) {
    // What is equal byte for byte means the same; another coding or type is a header's difference.
    if left.body == right.body || sink.masks.ignores_body() {
        return;
    }
    if left.body.is_cut() || right.body.is_cut() {
        return binary::compare_cut(&left.body, &right.body, sink);
    }
    let limit = sink.limits.decoded_bytes;
    match (decoded(left, limit), decoded(right, limit)) {
        // Other bytes may decode to the same.
        (Decoded::Plain(l), Decoded::Plain(r))
            if !matches!((&l, &r), (Cow::Borrowed(_), Cow::Borrowed(_))) && l == r => {}
        (Decoded::Plain(l), Decoded::Plain(r)) => {
            content((&l, media_type(&left.headers)), (&r, media_type(&right.headers)), sink);
        }
        // Neither can be read, so the bytes are all there is.
        (Decoded::Unreadable(_), Decoded::Unreadable(_)) => {
            binary::compare(left.body.bytes(), right.body.bytes(), sink);
        }
        (l, r) => {
            let problems = [("left", l.problem()), ("right", r.problem())];
            let told =
                problems.iter().filter_map(|(side, why)| Some(format!("the {side} body {}", why.as_ref()?)));
            let note = told.collect::<Vec<_>>().join("; ");
            sink.whole_body(Kind::Encoding, Some(left.body.bytes()), Some(right.body.bytes()), note);
        }
    }
}

/// A message's body with its codings undone; `None` where that fails or gives more than `limit` bytes.
pub(crate) fn readable<'a>(headers: &HeaderMap, body: &'a [u8], limit: usize) -> Option<Cow<'a, [u8]>> {
    match coding::decode(&codings(headers), body, limit) {
        Decoded::Plain(plain) => Some(plain),
        Decoded::TooLong(_) | Decoded::Unreadable(_) => None,
    }
}

fn decoded(response: &Response, limit: usize) -> Decoded<'_> {
    coding::decode(&codings(&response.headers), response.body.bytes(), limit)
}

/// The codings of a message in the order in which they were applied.
fn codings(headers: &HeaderMap) -> Vec<String> {
    let values: Vec<_> = headers.get_all(CONTENT_ENCODING).iter().map(HeaderValue::as_bytes).collect();
    headers::items(&values).iter().map(|item| String::from_utf8_lossy(item).to_ascii_lowercase()).collect()
}

fn media_type(headers: &HeaderMap) -> Option<MediaType> {
    headers.get(CONTENT_TYPE).map(|value| MediaType::read(value.as_bytes()))
}

/// A decoded body and its declared type.
pub(crate) type Side<'a> = (&'a [u8], Option<MediaType>);

/// Records what differs between two decoded bodies, which are not equal byte for byte.
pub(crate) fn content((left, left_type): Side<'_>, (right, right_type): Side<'_>, sink: &mut Sink<'_>) {
    if left.is_empty() || right.is_empty() {
        let side = |text| Some(text).filter(|text: &&[u8]| !text.is_empty());
        let kind = if right.is_empty() { Kind::Missing } else { Kind::Extra };
        return sink.whole_body(kind, side(left), side(right), "one body is empty".to_owned());
    }
    let (l, r) = (Content::of(left_type.as_ref(), left), Content::of(right_type.as_ref(), right));
    match (l.is_json(), r.is_json()) {
        (true, true) => as_json((left, l), (right, r), sink),
        (false, false) if l == r => plain(l, left, right, sink),
        _ => {
            let note = format!("the left body is {}, the right one {}", l.name(), r.name());
            sink.whole_body(Kind::Type, Some(left), Some(right), note);
        }
    }
}

fn as_json((left, l): (&[u8], Content), (right, r): (&[u8], Content), sink: &mut Sink<'_>) {
    let lines = l == Content::Lines || r == Content::Lines;
    let shape = if lines { Shape::Lines } else { Shape::Value };
    let Err(fault) = json::compare(left, right, shape, sink) else { return };
    if l != Content::LooksLikeJson || r != Content::LooksLikeJson {
        return json::unparsable(left, right, fault, sink);
    }
    // Nobody claimed JSON: perhaps it is lines of it, else it is compared as the text that it is.
    if json::compare(left, right, Shape::Lines, sink).is_err() {
        plain(text_or_binary(&[left, right]), left, right, sink);
    }
}

fn plain(content: Content, left: &[u8], right: &[u8], sink: &mut Sink<'_>) {
    match content {
        Content::Text => text::compare(left, right, sink),
        _ => binary::compare(left, right, sink),
    }
}

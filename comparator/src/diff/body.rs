//! Comparing bodies: codings are undone, the content type chooses how, and where it lies or is
//! missing the first bytes do.
//!
//! | content | compared |
//! | --- | --- |
//! | JSON (`application/json`, `+json`, or what starts like it under a vague type) | as values, see [`json`] |
//! | NDJSON | line by line, as values |
//! | forms, multipart, server-sent events, CSV, CBOR, MessagePack, protobuf, gRPC | as values: written as JSON, see [`tree`] |
//! | text, XML, HTML | line by line |
//! | anything else, and bodies cut at the capture cap | by length, digest and first differing byte |
//!
//! gzip, zstd and zlib are undone where no coding is declared as well; a body that is coded like that on
//! one side only is an `encoding` difference.
//! Texts in another charset than UTF-8 are made UTF-8 first.

mod binary;
mod charset;
mod coding;
mod media;
mod text;
mod tree;

use super::headers::MediaType;
use super::json::{self, Shape};
use super::sink::Sink;
use super::{Kind, headers};
use coding::Decoded;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue};
pub(crate) use media::{Content, text_or_binary};
use parallax_exchange::Response;
use parallax_exchange::codec::FieldsView;
use smallvec::SmallVec;
use std::borrow::Cow;
pub use tree::{Schema, SchemaError};

/// Records what differs between the bodies of two responses.
pub(crate) fn compare(left: &Response, right: &Response, sink: &mut Sink<'_>) {
    // What is equal byte for byte means the same; another coding or type is a header's difference.
    if left.body == right.body || sink.masks.ignores_body() {
        return;
    }
    if left.body.is_cut() || right.body.is_cut() {
        return binary::compare_cut(&left.body, &right.body, sink);
    }
    let (l, r) = (Said::by(&left.headers), Said::by(&right.headers));
    whole(l.of(left.body.bytes()), r.of(right.body.bytes()), sink);
}

/// Records what differs between two whole bodies of which the same is said.
pub(crate) fn compare_alike(said: &Said, left: &[u8], right: &[u8], sink: &mut Sink<'_>) {
    if left != right && !sink.masks.ignores_body() {
        whole(said.of(left), said.of(right), sink);
    }
}

/// What headers say of a body.
#[derive(Debug, Default)]
pub(crate) struct Said {
    media: Option<MediaType>,
    /// In the order in which they were applied.
    codings: Vec<String>,
    /// How frames inside are compressed.
    frames: Option<String>,
}

impl Said {
    fn by(headers: &HeaderMap) -> Self {
        let media = headers.get(CONTENT_TYPE).map(|value| MediaType::read(value.as_bytes()));
        let framed = media.as_ref().is_some_and(is_framed);
        let frames = || Some(headers.get(GRPC_ENCODING)?.to_str().ok()?.to_owned());
        Self { media, codings: codings(headers), frames: if framed { frames() } else { None } }
    }

    /// The same from an encoded section; `None` where only decoding can read it.
    pub(crate) fn in_place(headers: FieldsView<'_>) -> Option<Self> {
        let (mut media, mut applied, mut frames) = (None, Vec::new(), None);
        let all = headers.each(|name, value| match name.len() {
            12 if name.eq_ignore_ascii_case(b"content-type") => {
                media.get_or_insert(value);
            }
            16 if name.eq_ignore_ascii_case(b"content-encoding") => applied.push(value),
            13 if name.eq_ignore_ascii_case(GRPC_ENCODING.as_bytes()) => {
                frames.get_or_insert(value);
            }
            _ => {}
        });
        let media = media.map(MediaType::read);
        let framed = media.as_ref().is_some_and(is_framed);
        let frames = || HeaderValue::from_bytes(frames?).ok()?.to_str().ok().map(str::to_owned);
        let frames = if framed { frames() } else { None };
        all.then(|| Self { media, codings: coding_names(&applied), frames })
    }

    fn of<'a>(&'a self, bytes: &'a [u8]) -> (&'a Self, &'a [u8]) {
        (self, bytes)
    }

    fn piece<'a>(&self, bytes: &'a [u8]) -> Piece<'a> {
        Piece { bytes, media: self.media.clone(), coding: self.frames.clone() }
    }
}

const GRPC_ENCODING: &str = "grpc-encoding";

fn is_framed(media: &MediaType) -> bool {
    media.essence.starts_with("application/grpc")
}

/// Compares two whole bodies that are not equal byte for byte, each with what is said of it.
fn whole((l, left): (&Said, &[u8]), (r, right): (&Said, &[u8]), sink: &mut Sink<'_>) {
    let limit = sink.limits.decoded_bytes;
    let hidden = (undeclared(l, left, limit), undeclared(r, right, limit));
    if hidden.0 != hidden.1 && l.codings == r.codings {
        // Clients that believe the headers read one of them as it is and the other as garbage.
        let name = |coding: Option<&'static str>| coding.unwrap_or("not coded");
        let (left_name, right_name) = (name(hidden.0), name(hidden.1));
        let note = format!("no coding is declared; the left body is {left_name}, the right one {right_name}");
        return sink.whole_body(Kind::Encoding, Some(left), Some(right), note);
    }
    let decoded = |said: &Said, hidden: Option<&str>, bytes| match hidden {
        Some(hidden) => coding::decode(&[hidden.to_owned()], bytes, limit),
        None => coding::decode(&said.codings, bytes, limit),
    };
    match (decoded(l, hidden.0, left), decoded(r, hidden.1, right)) {
        // Other bytes may decode to the same.
        (Decoded::Plain(l), Decoded::Plain(r))
            if !matches!((&l, &r), (Cow::Borrowed(_), Cow::Borrowed(_))) && l == r => {}
        (Decoded::Plain(left), Decoded::Plain(right)) => content(&l.piece(&left), &r.piece(&right), sink),
        // Neither can be read, so the bytes are all there is.
        (Decoded::Unreadable(_), Decoded::Unreadable(_)) => binary::compare(left, right, sink),
        (l, r) => {
            let problems = [("left", l.problem()), ("right", r.problem())];
            let told =
                problems.iter().filter_map(|(side, why)| Some(format!("the {side} body {}", why.as_ref()?)));
            let note = told.collect::<Vec<_>>().join("; ");
            sink.whole_body(Kind::Encoding, Some(left), Some(right), note);
        }
    }
}

/// A message's body with its codings undone; `None` where that fails or gives more than `limit` bytes.
pub(crate) fn readable<'a>(headers: &HeaderMap, body: &'a [u8], limit: usize) -> Option<Cow<'a, [u8]>> {
    let declared = codings(headers);
    let hidden = if declared.is_empty() { coding::sniff(body) } else { None };
    match coding::decode(&hidden.map_or(declared, |coding| vec![coding.to_owned()]), body, limit) {
        Decoded::Plain(plain) => Some(plain),
        // What only begins like a coded body is what it is.
        _ if hidden.is_some() => Some(Cow::Borrowed(body)),
        Decoded::TooLong(_) | Decoded::Unreadable(_) => None,
    }
}

/// A body with these codings undone, given in the order in which they were applied.
///
/// # Errors
/// What is wrong, to be read after "the body".
pub(crate) fn undone<'a>(codings: &[String], body: &'a [u8], limit: usize) -> Result<Cow<'a, [u8]>, String> {
    match coding::decode(codings, body, limit) {
        Decoded::Plain(plain) => Ok(plain),
        other => Err(other.problem().unwrap_or_default()),
    }
}

/// The coding that a body begins like, where none is declared: some SDKs and servers forget to say it.
/// A type that is binary by its nature, such as an archive, is taken at its word.
fn undeclared(said: &Said, body: &[u8], limit: usize) -> Option<&'static str> {
    let coding = coding::sniff(body).filter(|_| said.codings.is_empty())?;
    let essence = said.media.as_ref().map_or("", |media| media.essence.as_str());
    if Content::declared(essence) == Some(Content::Binary) {
        return None;
    }
    // Text may begin with the same bytes; what has these codings ends with a checksum.
    let read = coding::decode(&[coding.to_owned()], body, limit);
    (!matches!(read, Decoded::Unreadable(_))).then_some(coding)
}

/// The codings of a message in the order in which they were applied.
pub(crate) fn codings(headers: &HeaderMap) -> Vec<String> {
    let values: SmallVec<[&[u8]; 2]> =
        headers.get_all(CONTENT_ENCODING).iter().map(HeaderValue::as_bytes).collect();
    coding_names(&values)
}

fn coding_names(values: &[&[u8]]) -> Vec<String> {
    headers::items(values).iter().map(|item| String::from_utf8_lossy(item).to_ascii_lowercase()).collect()
}

/// A body with its codings undone, and what is said of it.
#[derive(Debug)]
pub(crate) struct Piece<'a> {
    pub(crate) bytes: &'a [u8],
    pub(crate) media: Option<MediaType>,
    /// How frames inside are compressed (`grpc-encoding`).
    pub(crate) coding: Option<String>,
}

impl Piece<'_> {
    fn charset(&self) -> Option<&str> {
        self.media.as_ref()?.parameter("charset")
    }
}

/// Records what differs between two decoded bodies, which are not equal byte for byte.
pub(crate) fn content(left: &Piece<'_>, right: &Piece<'_>, sink: &mut Sink<'_>) {
    let (l, r) = (charset::to_utf8(left), charset::to_utf8(right));
    if l.1 != r.1 && left.charset() == right.charset() {
        let note = format!("the left body is {}, the right one {}", l.1, r.1);
        sink.whole_body(Kind::Encoding, Some(left.bytes), Some(right.bytes), note);
    }
    let piece = |bytes, of: &Piece<'_>| Piece { bytes, media: of.media.clone(), coding: of.coding.clone() };
    match (&l.0, &r.0) {
        (Cow::Borrowed(_), Cow::Borrowed(_)) => decoded_content(left, right, sink),
        (l, r) if l == r => {}
        (l, r) => decoded_content(&piece(l, left), &piece(r, right), sink),
    }
}

fn decoded_content(left: &Piece<'_>, right: &Piece<'_>, sink: &mut Sink<'_>) {
    let (l, r) =
        (Content::of(left.media.as_ref(), left.bytes), Content::of(right.media.as_ref(), right.bytes));
    // A message whose fields all have their default values is empty, and yet there.
    if (left.bytes.is_empty() || right.bytes.is_empty()) && (l, r) != (Content::Protobuf, Content::Protobuf) {
        let side = |text| Some(text).filter(|text: &&[u8]| !text.is_empty());
        let kind = if right.bytes.is_empty() { Kind::Missing } else { Kind::Extra };
        return sink.whole_body(kind, side(left.bytes), side(right.bytes), "one body is empty".to_owned());
    }
    as_kinds((left, l), (right, r), sink);
}

fn as_kinds((left, l): (&Piece<'_>, Content), (right, r): (&Piece<'_>, Content), sink: &mut Sink<'_>) {
    match (l.is_json(), r.is_json()) {
        // Neither begins as a JSON text can: the type lies on both sides.
        (true, true) if !may_be_json(left.bytes) && !may_be_json(right.bytes) => {
            plain(text_or_binary(&[left.bytes, right.bytes]), left.bytes, right.bytes, sink);
        }
        (true, true) => as_json((left.bytes, l), (right.bytes, r), sink),
        (false, false) if l == r && l.is_structured() => tree::compare(l, left, right, sink),
        (false, false) if l == r => plain(l, left.bytes, right.bytes, sink),
        // A text may begin like JSON: `[warning] …`.
        (true, false) if r == Content::Text && is_doubtful(l, left.bytes) => {
            plain(r, left.bytes, right.bytes, sink);
        }
        (false, true) if l == Content::Text && is_doubtful(r, right.bytes) => {
            plain(l, left.bytes, right.bytes, sink);
        }
        _ => {
            let note = format!("the left body is {}, the right one {}", l.name(), r.name());
            sink.whole_body(Kind::Type, Some(left.bytes), Some(right.bytes), note);
        }
    }
}

/// Compares two bodies by their first bytes, as their types say nothing or lie.
fn sniffed(left: &Piece<'_>, right: &Piece<'_>, sink: &mut Sink<'_>) {
    let of = |piece: &Piece<'_>| match media::looks_like_json(piece.bytes) {
        true => Content::LooksLikeJson,
        false => text_or_binary(&[piece.bytes]),
    };
    as_kinds((left, of(left)), (right, of(right)), sink);
}

fn may_be_json(body: &[u8]) -> bool {
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body).trim_ascii_start();
    body.first().is_none_or(|byte| json::Type::of(*byte).is_some())
}

/// Whether a body begins like JSON, is none, and nobody said that it is.
fn is_doubtful(content: Content, body: &[u8]) -> bool {
    content == Content::LooksLikeJson && !tree::events::is_json(body)
}

fn as_json((left, l): (&[u8], Content), (right, r): (&[u8], Content), sink: &mut Sink<'_>) {
    let both = || media::looks_like_lines(left) && media::looks_like_lines(right);
    let either = || media::looks_like_lines(left) || media::looks_like_lines(right);
    let lines = match (l, r) {
        (Content::Lines, _) | (_, Content::Lines) => true,
        (Content::LooksLikeJson, Content::LooksLikeJson) => either(),
        _ => both(),
    };
    let shape = if lines { Shape::Lines } else { Shape::Value };
    let Err(fault) = json::compare(left, right, shape, sink) else { return };
    let claimed = l != Content::LooksLikeJson || r != Content::LooksLikeJson;
    // Where neither side is one value, both may be lines of them.
    if !(claimed && (is_value(left) || is_value(right)))
        && json::compare(left, right, Shape::Lines, sink).is_ok()
    {
        return;
    }
    match claimed {
        true => json::unparsable(left, right, fault, sink),
        // Nobody claimed JSON: it is compared as the text that it is.
        false => plain(text_or_binary(&[left, right]), left, right, sink),
    }
}

/// Whether a text is one JSON value, of any type.
fn is_value(text: &[u8]) -> bool {
    let mut cursor = json::Cursor::new(text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text));
    cursor.skip(0).is_ok() && cursor.finish().is_ok()
}

fn plain(content: Content, left: &[u8], right: &[u8], sink: &mut Sink<'_>) {
    match content {
        Content::Text => text::compare(left, right, sink),
        _ => binary::compare(left, right, sink),
    }
}

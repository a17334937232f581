//! From a request to JSON: the codings that clients put around their events.
//!
//! Announced codings are undone first. Then what is there decides: gzip by its magic number (several
//! clients announce it in the query only), JSON by its first byte, a form by its `=`, base64 by being
//! neither. Each layer is undone at most twice, so that no body can ask for endless work.

use super::json::Json;
use super::{Draft, Fate, Meaning, ReadLimits};
use crate::diff::body;
use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use parallax_exchange::Request;
use std::borrow::Cow;

/// Why events cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) event: Option<usize>,
    pub(crate) why: String,
}

impl Fault {
    pub(crate) fn new(why: impl Into<String>) -> Self {
        Self { event: None, why: why.into() }
    }

    pub(crate) fn at(event: usize, why: impl Into<String>) -> Self {
        Self { event: Some(event), why: why.into() }
    }
}

/// Padding may be there or not: clients differ.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// The body with its content codings undone, and gzip that nobody announced.
pub(crate) fn decoded<'a>(request: &'a Request, limits: &ReadLimits) -> Result<Cow<'a, [u8]>, Fault> {
    if request.body.is_cut() {
        let (kept, all) = (request.body.bytes().len(), request.body.len());
        return Err(Fault::new(format!(
            "only {kept} of the body's {all} bytes were captured; raise limits.body_bytes"
        )));
    }
    let plain = body::undone(&body::codings(&request.headers), request.body.bytes(), limits.decoded_bytes);
    gunzipped(plain.map_err(|why| Fault::new(format!("the body {why}")))?, limits)
}

/// Undoes gzip where the bytes begin with its magic number.
pub(crate) fn gunzipped<'a>(bytes: Cow<'a, [u8]>, limits: &ReadLimits) -> Result<Cow<'a, [u8]>, Fault> {
    if !bytes.starts_with(&[0x1f, 0x8b]) {
        return Ok(bytes);
    }
    let plain = body::undone(&["gzip".to_owned()], &bytes, limits.decoded_bytes);
    Ok(Cow::Owned(plain.map_err(|why| Fault::new(format!("the body {why}")))?.into_owned()))
}

/// One JSON value.
pub(crate) fn json(text: &[u8], limits: &ReadLimits) -> Result<Json, Fault> {
    Json::parse(text, limits.values).map_err(|error| Fault::new(format!("the body is {error}")))
}

/// JSON as it is, as base64, or in the first of these fields of a form (there plain or as base64).
pub(crate) fn unwrapped(text: &[u8], fields: &[&str], limits: &ReadLimits) -> Result<Json, Fault> {
    if is_json(text) {
        return json(text, limits);
    }
    for (name, value) in form_urlencoded::parse(text) {
        if fields.contains(&&*name) {
            return plain_or_base64(value.as_bytes(), limits);
        }
    }
    plain_or_base64(text, limits)
}

/// JSON as it is or as base64.
pub(crate) fn plain_or_base64(text: &[u8], limits: &ReadLimits) -> Result<Json, Fault> {
    if is_json(text) {
        return json(text, limits);
    }
    let bytes = base64(text).ok_or_else(|| Fault::new("the body is neither JSON nor base64 of it"))?;
    json(&gunzipped(Cow::Owned(bytes), limits)?, limits)
}

/// Undoes base64 of either alphabet; a space stands for the `+` that a form has turned into it.
pub(crate) fn base64(text: &[u8]) -> Option<Vec<u8>> {
    let standard = |byte: &u8| match byte {
        b'-' | b' ' => b'+',
        b'_' => b'/',
        other => *other,
    };
    BASE64.decode(text.trim_ascii().iter().map(standard).collect::<Vec<_>>()).ok()
}

fn is_json(text: &[u8]) -> bool {
    let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
    matches!(text.trim_ascii_start().first(), Some(b'{' | b'['))
}

/// The value of a query parameter.
pub(crate) fn parameter<'a>(request: &'a Request, name: &str) -> Option<Cow<'a, str>> {
    let query = request.query()?.as_bytes();
    form_urlencoded::parse(query).find(|(key, _)| key == name).map(|(_, value)| value)
}

/// Whether the last segments of a request's path are one of these; a slash at its end means nothing.
///
/// Only the end counts: people put these APIs below paths of their own.
pub(crate) fn path_ends(request: &Request, ends: &[&str]) -> bool {
    let path = request.path();
    let path = path.strip_suffix('/').unwrap_or(path);
    ends.iter().any(|end| path.ends_with(end))
}

/// Each of `elements` as an event; what is not an object is none.
pub(crate) fn events(
    elements: Vec<Json>,
    limits: &ReadLimits,
    draft: impl Fn(Json) -> Draft,
) -> Result<Vec<Draft>, Fault> {
    if elements.len() > limits.events {
        return Err(Fault::new(format!("{} events; at most {} are read", elements.len(), limits.events)));
    }
    let event = |(index, element): (usize, Json)| match element {
        Json::Object(_) => Ok(draft(element)),
        _ => Err(Fault::at(index, "is not a JSON object")),
    };
    elements.into_iter().enumerate().map(event).collect()
}

/// The array that is the member `name` of an object.
pub(crate) fn list(root: Json, name: &str) -> Result<Vec<Json>, Fault> {
    let Json::Object(members) = root else { return Err(Fault::new("the body is not a JSON object")) };
    match members.into_iter().rev().find(|(key, _)| key == name) {
        Some((_, Json::Array(elements))) => Ok(elements),
        Some(_) => Err(Fault::new(format!("`{name}` is not a JSON array"))),
        None => Err(Fault::new(format!("the body has no `{name}`"))),
    }
}

/// What a request says once and each event repeats may not grow beyond the bound of the body.
pub(crate) fn repeated(bytes: usize, limits: &ReadLimits) -> Result<(), Fault> {
    if bytes > limits.decoded_bytes {
        let most = limits.decoded_bytes;
        return Err(Fault::new(format!("what all events share would be more than {most} bytes, repeated")));
    }
    Ok(())
}

/// The first of these members that serves as a name or an id.
pub(crate) fn first(event: &Json, paths: &[&[&str]]) -> Option<String> {
    paths.iter().find_map(|path| event.at(path)?.label())
}

/// An answer's body as JSON, if it is: answers are small, or else they tell nothing of events.
pub(crate) fn answer(body: &[u8]) -> Option<Json> {
    const VALUES: usize = 1 << 16;
    Json::parse(body, VALUES).ok()
}

/// Positions listed under a member of an answer, each with this reason.
pub(crate) fn positions(answer: &Json, member: &str) -> Vec<Fate> {
    let listed = answer.get(member).and_then(Json::as_array).unwrap_or_default();
    listed.iter().filter_map(|at| Some(Fate::of(Some(at.as_count()? as usize), member))).collect()
}

/// How most clients read a status: 2xx is done; 408, 429 and 5xx are sent again; the rest is given up.
pub(crate) fn usual(status: u16) -> Meaning {
    match status {
        200..=299 => Meaning::Ok,
        408 | 429 | 500..=599 => Meaning::Retry,
        _ => Meaning::Drop,
    }
}

//! Comparing header sections and trailers: by name, values in order, duplicates kept.
//!
//! No value is split on commas unless its header is known to be a list, and a list is compared
//! without order only where its definition says that order means nothing ([`treatment`]).

mod cookies;
mod list;
mod media_type;
mod treatment;
mod url;

pub(crate) use list::items;
pub(crate) use media_type::MediaType;
pub(crate) use treatment::always_varies;

use super::sink::Sink;
use super::{Kind, Part};
use http::header::{CONTENT_LENGTH, HeaderMap, HeaderName, HeaderValue};
use treatment::Treatment;

/// Records what differs between two header sections (or, as `part` says, trailers).
///
/// `framed` tells whether the lengths of both bodies are known to be those announced: `Content-Length`
/// then says nothing that comparing the bodies does not, and the spacing of equal JSON is no
/// difference. Nothing is allocated unless something differs.
pub(crate) fn compare(
    part: Part,
    left: &HeaderMap,
    right: &HeaderMap,
    framed: impl Fn() -> bool,
    sink: &mut Sink<'_>,
) {
    if in_step(left, right, |name| !always_varies(name.as_str())) {
        return;
    }
    let framed = framed();
    let counts = |name: &HeaderName| !(always_varies(name.as_str()) || (framed && name == CONTENT_LENGTH));
    if framed && in_step(left, right, counts) {
        return;
    }
    if framed && part == Part::Header {
        framing(left, right, sink);
    }
    let counts = |name: &&HeaderName| counts(name);
    for name in left.keys().filter(counts) {
        Pair { part, name, left: values(left, name), right: values(right, name) }.compare(sink);
    }
    for name in right.keys().filter(counts).filter(|name| !left.contains_key(*name)) {
        Pair { part, name, left: Vec::new(), right: values(right, name) }.compare(sink);
    }
}

/// Records that one side announces the length of its body and the other does not (it is chunked, or
/// ends with the connection): the shape of a response, whatever its length.
fn framing(left: &HeaderMap, right: &HeaderMap, sink: &mut Sink<'_>) {
    let (left, right) = (left.get(CONTENT_LENGTH), right.get(CONTENT_LENGTH));
    if left.is_some() != right.is_some() {
        let side = |length: Option<&HeaderValue>| {
            length.map_or(b"no length".to_vec(), |length| length.as_bytes().to_vec())
        };
        let (left, right) = (side(left), side(right));
        sink.named(Part::Header, CONTENT_LENGTH.as_str(), Kind::Encoding, Some(&left), Some(&right));
    }
}

/// Whether both sections hold the same names in the same order with equal values where they count:
/// the common case, answered without looking anything up.
fn in_step(left: &HeaderMap, right: &HeaderMap, counts: impl Fn(&HeaderName) -> bool) -> bool {
    left.len() == right.len()
        && left.iter().zip(right).all(|(l, r)| l.0 == r.0 && (l.1 == r.1 || !counts(l.0)))
}

fn values<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Vec<&'a [u8]> {
    headers.get_all(name).iter().map(HeaderValue::as_bytes).collect()
}

/// The values of one name on both sides.
struct Pair<'a> {
    part: Part,
    name: &'a HeaderName,
    left: Vec<&'a [u8]>,
    right: Vec<&'a [u8]>,
}

impl Pair<'_> {
    fn compare(&self, sink: &mut Sink<'_>) {
        if self.left == self.right {
            return;
        }
        let treatment = match sink.masks.unordered_name(self.part, self.name.as_str()) {
            true => Treatment::SET,
            false => treatment::of(self.name),
        };
        match treatment {
            Treatment::Cookies => cookies::compare(&self.left, &self.right, sink),
            Treatment::Codings => {
                if list::differ(treatment::How::SEQUENCE, &self.left, &self.right).is_some() {
                    self.record(Kind::Encoding, sink);
                }
            }
            _ if self.right.is_empty() => self.record(Kind::Missing, sink),
            _ if self.left.is_empty() => self.record(Kind::Extra, sink),
            Treatment::List(how) => {
                if let Some(kind) = list::differ(how, &self.left, &self.right) {
                    self.record(kind, sink);
                }
            }
            Treatment::MediaType if self.all_same(media_type::same) => {}
            Treatment::MediaType if self.all_same(media_type::same_but_charset) => {
                self.record(Kind::Encoding, sink);
            }
            Treatment::Url if self.all_same(|l, r| url::same(l, r, sink.masks.ignored_query())) => {}
            Treatment::Opaque | Treatment::MediaType | Treatment::Url => self.opaque(sink),
        }
    }

    fn all_same(&self, same: impl Fn(&[u8], &[u8]) -> bool) -> bool {
        self.left.len() == self.right.len() && self.left.iter().zip(&self.right).all(|(l, r)| same(l, r))
    }

    fn opaque(&self, sink: &mut Sink<'_>) {
        if self.left.len() != self.right.len() {
            return self.record(Kind::Length, sink);
        }
        if self.left.len() > 1 && sorted(&self.left) == sorted(&self.right) {
            return self.record(Kind::Order, sink);
        }
        for (left, right) in self.left.iter().zip(&self.right).filter(|(left, right)| left != right) {
            sink.named(self.part, self.name.as_str(), Kind::Value, Some(left), Some(right));
        }
    }

    fn record(&self, kind: Kind, sink: &mut Sink<'_>) {
        let side = |values: &[&[u8]]| (!values.is_empty()).then(|| values.join(&b", "[..]));
        let (left, right) = (side(&self.left), side(&self.right));
        sink.named(self.part, self.name.as_str(), kind, left.as_deref(), right.as_deref());
    }
}

fn sorted<'a>(values: &[&'a [u8]]) -> Vec<&'a [u8]> {
    let mut sorted = values.to_vec();
    sorted.sort_unstable();
    sorted
}

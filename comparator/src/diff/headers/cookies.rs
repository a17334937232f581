//! `Set-Cookie`: compared by cookie and attribute, in whatever order the cookies are set.
//!
//! The value of a cookie has the cookie's name for a path, an attribute `name;attribute`. A rule for
//! `cookie:name` covers all of it; `cookie:name;value` and `cookie:name;expires` leave the rest
//! compared, so that a session id may vary without hiding a lost `Secure`.

use crate::diff::sink::Sink;
use crate::diff::{Kind, Part};

/// Records what differs between the cookies of two responses. A cookie that is set more than once is
/// compared occurrence by occurrence.
pub(super) fn compare(left: &[&[u8]], right: &[&[u8]], sink: &mut Sink<'_>) {
    let left: Vec<_> = left.iter().map(|value| Cookie::read(value)).collect();
    let mut right: Vec<_> = right.iter().map(|value| Cookie::read(value)).collect();
    for cookie in &left {
        match right.iter().position(|other| other.name == cookie.name) {
            Some(at) => cookie.compare(&right.remove(at), sink),
            None => record(&cookie.name, "", Kind::Missing, Some(cookie.written), None, sink),
        }
    }
    for cookie in &right {
        record(&cookie.name, "", Kind::Extra, None, Some(cookie.written), sink);
    }
}

/// One cookie as a response sets it.
struct Cookie<'a> {
    written: &'a [u8],
    name: String,
    value: &'a [u8],
    /// Lower-case names, sorted; of a repeated attribute the last counts (RFC 6265, 5.3).
    attributes: Vec<(String, &'a [u8])>,
}

impl<'a> Cookie<'a> {
    fn read(written: &'a [u8]) -> Self {
        let mut parts = written.split(|&b| b == b';').map(pair);
        let (name, value) = parts.next().unwrap_or_default();
        let mut attributes: Vec<(String, &[u8])> = Vec::new();
        for (key, value) in parts.filter(|(key, _)| !key.is_empty()) {
            let key = String::from_utf8_lossy(key).to_ascii_lowercase();
            attributes.retain(|(other, _)| *other != key);
            attributes.push((key, value));
        }
        attributes.sort_unstable();
        Self { written, name: String::from_utf8_lossy(name).into_owned(), value, attributes }
    }

    fn attribute(&self, name: &str) -> Option<&'a [u8]> {
        self.attributes.iter().find(|(key, _)| key == name).map(|(_, value)| *value)
    }

    fn compare(&self, other: &Self, sink: &mut Sink<'_>) {
        if self.value != other.value {
            record(&self.name, "", Kind::Value, Some(self.value), Some(other.value), sink);
        }
        for (key, left) in &self.attributes {
            match other.attribute(key) {
                Some(right) if same(key, left, right) => {}
                Some(right) => record(&self.name, key, Kind::Value, Some(left), Some(right), sink),
                None => record(&self.name, key, Kind::Missing, Some(left), None, sink),
            }
        }
        for (key, right) in &other.attributes {
            if self.attribute(key).is_none() {
                record(&self.name, key, Kind::Extra, None, Some(right), sink);
            }
        }
    }
}

/// Domains and `SameSite` have no case; paths and dates are compared as written.
fn same(key: &str, left: &[u8], right: &[u8]) -> bool {
    match key {
        "domain" | "samesite" => left.eq_ignore_ascii_case(right),
        _ => left == right,
    }
}

fn pair(part: &[u8]) -> (&[u8], &[u8]) {
    match part.iter().position(|&b| b == b'=') {
        Some(at) => (part[..at].trim_ascii(), part[at + 1..].trim_ascii()),
        None => (part.trim_ascii(), b""),
    }
}

fn record(
    name: &str,
    attribute: &str,
    kind: Kind,
    left: Option<&[u8]>,
    right: Option<&[u8]>,
    sink: &mut Sink<'_>,
) {
    if attribute.is_empty() {
        sink.named(Part::Cookie, name, kind, left, right);
    } else {
        sink.named(Part::Cookie, &format!("{name};{attribute}"), kind, left, right);
    }
}

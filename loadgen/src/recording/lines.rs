//! Requests as JSON, one a line: what a script writes and a person reads.
//!
//! `{"method": "POST", "path": "/v1/a?b=c", "headers": {"name": "value"}, "body": "text"}`, where
//! `headers` may also be a list of `[name, value]` pairs (order and repeats kept), `b64` stands for
//! `body` where the body is not text, and `host`, `at_ns` (Unix nanoseconds) and `id` (a label for
//! people) are optional. Where a line has no time it comes a millisecond after the one before.

use super::exchange_of;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::Method;
use http::header::{HOST, HeaderMap, HeaderName, HeaderValue};
use parallax_exchange::{Body, Exchange, Request};
use serde::Deserialize;

/// A line that is no request.
#[derive(Debug, thiserror::Error)]
#[error("{place}, line {line}: {why}")]
pub struct LineError {
    place: String,
    /// Counts from 1.
    line: u64,
    why: String,
}

/// Between two lines without times.
pub(super) const DEFAULT_GAP_NS: u64 = 1_000_000;

impl LineError {
    /// `index` counts from 0.
    pub(super) fn new(place: &str, index: usize, why: String) -> Self {
        Self { place: place.to_owned(), line: index as u64 + 1, why }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    #[serde(default = "get")]
    method: String,
    path: String,
    #[serde(default)]
    headers: Headers,
    body: Option<String>,
    b64: Option<String>,
    host: Option<String>,
    at_ns: Option<u64>,
    #[serde(default, rename = "id")]
    _id: serde::de::IgnoredAny,
}

fn get() -> String {
    Method::GET.to_string()
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Headers {
    Pairs(Vec<(String, String)>),
    Object(serde_json::Map<String, serde_json::Value>),
}

impl Default for Headers {
    fn default() -> Self {
        Self::Pairs(Vec::new())
    }
}

/// Reads JSON lines in their order; empty lines are skipped.
///
/// # Errors
/// The first line that is no request: unlike a damaged record, it is a mistake of whoever wrote it.
pub(super) fn read(place: &str, bytes: &[u8]) -> Result<Vec<Exchange>, LineError> {
    let mut exchanges = Vec::new();
    let mut next_ns = 0;
    for (number, line) in bytes.split(|&byte| byte == b'\n').enumerate() {
        if line.trim_ascii().is_empty() {
            continue;
        }
        let (at_ns, request) = parse(line).map_err(|why| LineError::new(place, number, why))?;
        let at_ns = at_ns.unwrap_or(next_ns);
        next_ns = at_ns.saturating_add(DEFAULT_GAP_NS);
        exchanges.push(exchange_of(exchanges.len() as u64, at_ns, request, None));
    }
    Ok(exchanges)
}

fn parse(text: &[u8]) -> Result<(Option<u64>, Request), String> {
    let line: Line = serde_json::from_slice(text).map_err(|error| format!("not a request: {error}"))?;
    let method = line.method.parse::<Method>().map_err(|_| format!("`{}` is not a method", line.method))?;
    if !line.path.starts_with('/') {
        return Err(format!("`{}` is not a path; it must begin with `/`", line.path));
    }
    let body = match (line.body, line.b64) {
        (Some(_), Some(_)) => return Err("has both `body` and `b64`".to_owned()),
        (Some(text), None) => Bytes::from(text),
        (None, Some(b64)) => {
            STANDARD.decode(b64).map_err(|error| format!("`b64` is not base64: {error}"))?.into()
        }
        (None, None) => Bytes::new(),
    };
    let mut headers = headers(line.headers)?;
    let host = headers.remove(HOST).and_then(|host| host.to_str().ok().map(str::to_owned));
    let authority = line.host.or(host).unwrap_or_default();
    Ok((line.at_ns, Request { method, target: line.path, authority, headers, body: Body::whole(body) }))
}

fn headers(headers: Headers) -> Result<HeaderMap, String> {
    let pairs = match headers {
        Headers::Pairs(pairs) => pairs,
        Headers::Object(object) => {
            let text = |(name, value): (String, serde_json::Value)| match value {
                serde_json::Value::String(value) => Ok((name, value)),
                _ => Err(format!("header `{name}` is not a string")),
            };
            object.into_iter().map(text).collect::<Result<_, _>>()?
        }
    };
    header_map(pairs)
}

/// Headers of names and values, repeats kept.
///
/// # Errors
/// Names the pair that cannot be a header.
pub(super) fn header_map(pairs: impl IntoIterator<Item = (String, String)>) -> Result<HeaderMap, String> {
    let mut map = HeaderMap::new();
    for (name, value) in pairs {
        let parsed = name.parse::<HeaderName>().map_err(|_| format!("`{name}` is not a header's name"))?;
        let value = HeaderValue::from_str(&value)
            .map_err(|_| format!("the value of `{name}` holds a control character"))?;
        map.append(parsed, value);
    }
    Ok(map)
}

//! Lists of targets of other load generators: vegeta's JSON targets and h2load's timing script.
//!
//! vegeta: `{"method": "POST", "url": "http://host/path", "header": {"name": ["value"]}, "body":
//! "base64"}`, one a line; `at_ns` (Unix nanoseconds) is an addition of ours, since vegeta keeps no
//! times. h2load: milliseconds from the start, a tab, and a URL.

use super::exchange_of;
use super::lines::{DEFAULT_GAP_NS, LineError, header_map};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::Method;
use http::header::HOST;
use parallax_exchange::{Body, Exchange, Request};
use serde::Deserialize;
use std::collections::BTreeMap;

#[derive(Deserialize)]
struct Target {
    method: String,
    url: String,
    #[serde(default)]
    header: BTreeMap<String, Vec<String>>,
    body: Option<String>,
    at_ns: Option<u64>,
}

/// Reads vegeta's targets in their order; empty lines and comments (`//`) are skipped.
///
/// # Errors
/// The first line that is no target.
pub(super) fn vegeta(place: &str, bytes: &[u8]) -> Result<Vec<Exchange>, LineError> {
    let mut next_ns = 0;
    exchanges(place, bytes, |line| {
        let target: Target =
            serde_json::from_slice(line).map_err(|error| format!("not a vegeta target: {error}"))?;
        let at_ns = target.at_ns.unwrap_or(next_ns);
        next_ns = at_ns.saturating_add(DEFAULT_GAP_NS);
        Ok((at_ns, target.request()?))
    })
}

/// Reads h2load's timing script: requests without bodies at milliseconds from the start.
///
/// # Errors
/// The first line that is none of its.
pub(super) fn h2load(place: &str, bytes: &[u8]) -> Result<Vec<Exchange>, LineError> {
    exchanges(place, bytes, |line| {
        let (millis, url) = timed(line).ok_or("not of a timing script; write milliseconds, a tab, a URL")?;
        let (authority, target) = split(url)?;
        Ok(((millis * 1e6) as u64, Request { authority, target, ..Request::default() }))
    })
}

/// Whether the first line is one of h2load's.
pub(super) fn is_h2load(bytes: &[u8]) -> bool {
    bytes.split(|&byte| byte == b'\n').next().and_then(timed).is_some()
}

fn timed(line: &[u8]) -> Option<(f64, &str)> {
    let (millis, url) = std::str::from_utf8(line).ok()?.trim_end().split_once('\t')?;
    let millis = millis.parse::<f64>().ok().filter(|millis| (0.0..1e13).contains(millis))?;
    Some((millis, url))
}

fn exchanges(
    place: &str,
    bytes: &[u8],
    mut parse: impl FnMut(&[u8]) -> Result<(u64, Request), String>,
) -> Result<Vec<Exchange>, LineError> {
    let mut exchanges = Vec::new();
    for (index, line) in bytes.split(|&byte| byte == b'\n').enumerate() {
        let trimmed = line.trim_ascii();
        if trimmed.is_empty() || trimmed.starts_with(b"//") {
            continue;
        }
        let (at_ns, request) = parse(line).map_err(|why| LineError::new(place, index, why))?;
        exchanges.push(exchange_of(exchanges.len() as u64, at_ns, request, None));
    }
    Ok(exchanges)
}

impl Target {
    fn request(self) -> Result<Request, String> {
        let method =
            self.method.parse::<Method>().map_err(|_| format!("`{}` is not a method", self.method))?;
        let (authority, target) = split(&self.url)?;
        let pairs = self.header.into_iter().flat_map(|(name, values)| {
            values.into_iter().map(move |value| (name.clone(), value)).collect::<Vec<_>>()
        });
        let mut headers = header_map(pairs)?;
        let host = headers.remove(HOST).and_then(|host| host.to_str().ok().map(str::to_owned));
        let body = self.body.map(|body| STANDARD.decode(body)).transpose();
        let body = body.map_err(|error| format!("`body` is not base64: {error}"))?;
        Ok(Request {
            method,
            target,
            authority: host.unwrap_or(authority),
            headers,
            body: Body::whole(body.map(Bytes::from).unwrap_or_default()),
        })
    }
}

/// Host and path of a URL; a path alone has no host.
fn split(url: &str) -> Result<(String, String), String> {
    if url.starts_with('/') {
        return Ok((String::new(), url.to_owned()));
    }
    let uri = url.parse::<http::Uri>().map_err(|error| format!("`{url}` is not a URL: {error}"))?;
    let authority = uri.authority().ok_or_else(|| format!("`{url}` is neither a URL nor a path"))?;
    let target = uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
    Ok((authority.to_string(), target.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vegeta_targets_are_requests() {
        let text = concat!(
            r#"{"method":"POST","url":"http://a.example:81/x?y=1","header":{"X-A":["1","2"]},"body":"aGk="}"#,
            "\n\n",
            r#"{"method":"GET","url":"http://a.example","at_ns":5000000,"header":{"Host":["b.example"]}}"#,
        );
        let exchanges = vegeta("t", text.as_bytes()).unwrap();
        let [first, second] = &exchanges[..] else { panic!("{exchanges:?}") };
        assert_eq!(first.request.target, "/x?y=1");
        assert_eq!(first.request.authority, "a.example:81");
        assert_eq!(first.request.headers.get_all("x-a").iter().count(), 2);
        assert_eq!(&first.request.body.bytes()[..], b"hi");
        assert_eq!((second.admitted_ns, second.request.authority.as_str()), (5_000_000, "b.example"));
        assert_eq!(second.request.target, "/");
    }

    #[test]
    fn a_timing_script_gives_times_and_paths() {
        let exchanges = h2load("t", b"0.0\thttp://a.example/x\n12.5\t/y\n").unwrap();
        let got: Vec<_> = exchanges.iter().map(|e| (e.admitted_ns, e.request.target.as_str())).collect();
        assert_eq!(got, [(0, "/x"), (12_500_000, "/y")]);
        assert!(is_h2load(b"0.0\t/x\nrest") && !is_h2load(b"1 abc 12\n"));
    }

    #[test]
    fn a_wrong_line_is_named() {
        let error = h2load("t.tsv", b"0\t/\nx\t/\n").unwrap_err().to_string();
        assert!(error.starts_with("t.tsv, line 2: not of a timing script"), "{error}");
        let error = vegeta("t", br#"{"method":"GET","url":"x y"}"#).unwrap_err().to_string();
        assert!(error.contains("line 1: `x y` is not a URL"), "{error}");
    }
}

//! HAR 1.2, the archive that browsers and proxies write.
//!
//! An archive is one JSON document; its entries may stand in any order, bodies of answers may be base64,
//! and browsers add pseudo headers (`:method`) and lengths that are not those of the decoded body. An
//! entry that cannot be sent again (a `data:` URL, a missing body) is damage with the entry's number.
//! Times of day are kept to the millisecond by most writers; the parts of a request's time become the
//! outcome's timing: everything up to `send` before sending, `wait` up to the head, `receive` to the end.

mod write;

pub use write::write_har;

use super::exchange_of;
use super::facts::Facts;
use super::lines::header_map;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{CONNECTION, CONTENT_ENCODING, CONTENT_LENGTH, HOST, HeaderMap, TRANSFER_ENCODING};
use http::{Method, StatusCode};
use jiff::Timestamp;
use parallax_exchange::{Body, Exchange, Outcome, Request, Response, Timing};
use serde::Deserialize;

#[derive(Deserialize)]
struct Archive {
    log: Log,
}

#[derive(Deserialize)]
struct Log {
    entries: Vec<serde_json::Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Entry {
    started_date_time: String,
    request: HarRequest,
    response: Option<HarResponse>,
    #[serde(default)]
    timings: Timings,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct HarRequest {
    method: String,
    url: String,
    #[serde(default)]
    headers: Vec<Pair>,
    post_data: Option<PostData>,
}

#[derive(Deserialize)]
struct Pair {
    name: String,
    #[serde(default)]
    value: String,
}

#[derive(Deserialize)]
struct PostData {
    text: Option<String>,
    #[serde(default)]
    params: Vec<Pair>,
    encoding: Option<String>,
}

#[derive(Deserialize)]
struct HarResponse {
    status: u16,
    #[serde(default)]
    headers: Vec<Pair>,
    content: Option<Content>,
}

#[derive(Deserialize)]
struct Content {
    text: Option<String>,
    encoding: Option<String>,
}

/// Milliseconds; -1 where unknown.
#[derive(Deserialize, Default)]
struct Timings {
    blocked: Option<f64>,
    dns: Option<f64>,
    connect: Option<f64>,
    send: Option<f64>,
    wait: Option<f64>,
    receive: Option<f64>,
}

/// Reads the entries of an archive in their order; what cannot be sent again is noted in `facts`.
///
/// # Errors
/// Why the document is no archive.
pub(super) fn read(bytes: &[u8], facts: &mut Facts) -> Result<Vec<Exchange>, String> {
    let archive: Archive =
        serde_json::from_slice(bytes).map_err(|error| format!("not a HAR archive: {error}"))?;
    let mut exchanges = Vec::new();
    for (index, entry) in archive.log.entries.into_iter().enumerate() {
        match exchange(index as u64, entry) {
            Ok(exchange) => exchanges.push(exchange),
            // An entry's place in the file is lost by parsing; its number finds it.
            Err(why) => facts.damage(0, format!("entry {index} (from 0): {why}")),
        }
    }
    Ok(exchanges)
}

fn exchange(index: u64, entry: serde_json::Value) -> Result<Exchange, String> {
    let Entry { started_date_time, request, response, timings } =
        serde_json::from_value(entry).map_err(|error| error.to_string())?;
    let at: Timestamp = started_date_time
        .parse()
        .map_err(|error| format!("startedDateTime `{started_date_time}` is no time: {error}"))?;
    let at_ns = u64::try_from(at.as_nanosecond())
        .map_err(|_| format!("startedDateTime `{started_date_time}` is before 1970"))?;
    let mut exchange = exchange_of(index, at_ns, request_of(request)?, None);
    // A status of 0 is how browsers write that there was no answer.
    if let Some(response) = response.filter(|response| response.status > 0) {
        let response = Response { timing: timings.timing(), ..response_of(response)? };
        exchange.outcomes.primary = Some(Outcome::Response(Box::new(response)));
    }
    Ok(exchange)
}

fn request_of(request: HarRequest) -> Result<Request, String> {
    let HarRequest { method, url, headers, post_data } = request;
    let method = method.parse::<Method>().map_err(|_| format!("`{method}` is not a method"))?;
    let parsed = url::Url::parse(&url).map_err(|error| format!("`{url}` is not a URL: {error}"))?;
    if !matches!(parsed.scheme(), "http" | "https") {
        return Err(format!("`{}:` URLs cannot be sent", parsed.scheme()));
    }
    let authority = match (parsed.host_str(), parsed.port()) {
        (Some(host), Some(port)) => format!("{host}:{port}"),
        (host, _) => host.unwrap_or_default().to_owned(),
    };
    let query = parsed.query().map(|query| format!("?{query}")).unwrap_or_default();
    let body = post_data.map(PostData::body).transpose()?.unwrap_or_default();
    Ok(Request {
        method,
        target: format!("{}{query}", parsed.path()),
        authority,
        headers: end_to_end(headers)?,
        body: Body::whole(body),
    })
}

fn response_of(response: HarResponse) -> Result<Response, String> {
    let status = StatusCode::from_u16(response.status).map_err(|_| format!("status {}", response.status))?;
    let mut headers = end_to_end(response.headers)?;
    // The text of an answer is what was left after its coding had been undone.
    headers.remove(CONTENT_ENCODING);
    let body = match response.content {
        Some(Content { text: Some(text), encoding }) => decoded(text, encoding.as_deref())?,
        _ => Bytes::new(),
    };
    Ok(Response { status, headers, body: Body::whole(body), ..Response::default() })
}

/// Headers without pseudo headers and without those of the connection and its framing.
fn end_to_end(pairs: Vec<Pair>) -> Result<HeaderMap, String> {
    let pairs = pairs.into_iter().filter(|pair| !pair.name.starts_with(':'));
    let mut headers = header_map(pairs.map(|pair| (pair.name, pair.value)))?;
    for name in [HOST, CONNECTION, CONTENT_LENGTH, TRANSFER_ENCODING] {
        headers.remove(name);
    }
    Ok(headers)
}

impl PostData {
    fn body(self) -> Result<Bytes, String> {
        match self.text {
            Some(text) if !text.is_empty() || self.params.is_empty() => {
                decoded(text, self.encoding.as_deref())
            }
            _ => {
                let mut form = url::form_urlencoded::Serializer::new(String::new());
                form.extend_pairs(self.params.iter().map(|pair| (&pair.name, &pair.value)));
                Ok(form.finish().into())
            }
        }
    }
}

fn decoded(text: String, encoding: Option<&str>) -> Result<Bytes, String> {
    match encoding {
        None | Some("") => Ok(text.into()),
        Some("base64") => {
            STANDARD.decode(text).map(Bytes::from).map_err(|error| format!("body is not base64: {error}"))
        }
        Some(other) => Err(format!("a body in the encoding `{other}`; HAR knows base64 only")),
    }
}

impl Timings {
    fn timing(&self) -> Timing {
        let ns = |part: Option<f64>| (part.unwrap_or(0.0).max(0.0) * 1e6) as u64;
        // `ssl` is a part of `connect`.
        let sent_ns = ns(self.blocked) + ns(self.dns) + ns(self.connect);
        let head_ns = sent_ns + ns(self.send) + ns(self.wait);
        Timing { sent_ns, head_ns, done_ns: head_ns + ns(self.receive) }
    }
}

#[cfg(test)]
mod tests;

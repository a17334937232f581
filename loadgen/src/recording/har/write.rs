//! Writing HAR 1.2: what browsers' developer tools open.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::{CONTENT_TYPE, HeaderMap};
use jiff::Timestamp;
use parallax_exchange::{Body, Exchange, Outcome, Request, Response, Timing};
use serde_json::{Value, json};
use std::borrow::Borrow;
use std::io::{self, Write};

/// Writes exchanges as one archive: each request with the primary's answer.
///
/// Losses: the other roles' outcomes, outcomes without a response, labels and cluster keys have no place
/// in the format. Bodies that are not UTF-8, which the format holds in answers only, are base64 in
/// requests too, marked `"encoding": "base64"` as there.
///
/// # Errors
/// Of the sink.
pub fn write_har<E: Borrow<Exchange>>(
    sink: &mut dyn Write,
    exchanges: impl IntoIterator<Item = E>,
) -> io::Result<u64> {
    let creator = json!({"name": "parallax", "version": env!("CARGO_PKG_VERSION")});
    write!(sink, "{{\"log\":{{\"version\":\"1.2\",\"creator\":{creator},\"entries\":[")?;
    let mut count = 0;
    for exchange in exchanges {
        let separator = if count > 0 { "," } else { "" };
        write!(sink, "{separator}\n{}", entry(exchange.borrow()))?;
        count += 1;
    }
    writeln!(sink, "\n]}}}}")?;
    sink.flush()?;
    Ok(count)
}

fn entry(exchange: &Exchange) -> Value {
    let answer = match &exchange.outcomes.primary {
        Some(Outcome::Response(answer)) => Some(answer.as_ref()),
        _ => None,
    };
    let timing = answer.map(|answer| answer.timing).unwrap_or_default();
    let started = Timestamp::from_nanosecond(exchange.admitted_ns.into()).unwrap_or_default();
    json!({
        "startedDateTime": format!("{started:.9}"),
        "time": millis(timing.done_ns),
        "request": request(&exchange.request),
        "response": response(answer),
        "cache": {},
        "timings": timings(timing),
    })
}

fn request(request: &Request) -> Value {
    let host = if request.authority.is_empty() { "localhost" } else { &request.authority };
    let query = url::form_urlencoded::parse(request.query().unwrap_or_default().as_bytes());
    let query = query.map(|(name, value)| json!({"name": name, "value": value}));
    let mut value = json!({
        "method": request.method.as_str(),
        "url": format!("http://{host}{}", request.target),
        "httpVersion": "HTTP/1.1",
        "cookies": [],
        "headers": headers(&request.headers),
        "queryString": query.collect::<Vec<_>>(),
        "headersSize": -1,
        "bodySize": request.body.len(),
    });
    if !request.body.is_empty() {
        value["postData"] = text(&request.body, &request.headers);
    }
    value
}

fn response(answer: Option<&Response>) -> Value {
    let Some(answer) = answer else {
        // What browsers write where no answer came.
        return json!({"status": 0, "statusText": "", "httpVersion": "", "cookies": [], "headers": [],
            "redirectURL": "", "headersSize": -1, "bodySize": -1, "content": {"size": 0, "mimeType": ""}});
    };
    let mut content = text(&answer.body, &answer.headers);
    content["size"] = answer.body.len().into();
    json!({
        "status": answer.status.as_u16(),
        "statusText": answer.status.canonical_reason().unwrap_or_default(),
        "httpVersion": "HTTP/1.1",
        "cookies": [],
        "headers": headers(&answer.headers),
        "redirectURL": answer.headers.get("location").map(|to| String::from_utf8_lossy(to.as_bytes())),
        "headersSize": -1,
        "bodySize": answer.body.len(),
        "content": content,
    })
}

fn headers(headers: &HeaderMap) -> Vec<Value> {
    let pair = |(name, value): (&http::HeaderName, &http::HeaderValue)| json!({"name": name.as_str(), "value": String::from_utf8_lossy(value.as_bytes())});
    headers.iter().map(pair).collect()
}

fn text(body: &Body, headers: &HeaderMap) -> Value {
    let mime = headers.get(CONTENT_TYPE).map(|value| String::from_utf8_lossy(value.as_bytes()));
    let mime = mime.unwrap_or_default();
    match std::str::from_utf8(body.bytes()) {
        Ok(text) => json!({"mimeType": mime, "text": text}),
        Err(_) => json!({"mimeType": mime, "text": STANDARD.encode(body.bytes()), "encoding": "base64"}),
    }
}

fn timings(timing: Timing) -> Value {
    json!({
        "blocked": millis(timing.sent_ns),
        "send": 0,
        "wait": millis(timing.head_ns.saturating_sub(timing.sent_ns)),
        "receive": millis(timing.done_ns.saturating_sub(timing.head_ns)),
    })
}

fn millis(ns: u64) -> f64 {
    ns as f64 / 1e6
}

//! CloudEvents over HTTP in its three modes: binary (attributes in `ce-` headers), structured (one JSON
//! document) and batched (a list of these).
//!
//! The canonical form is that of the structured mode, so one event sent in the three ways is equal:
//! attributes are texts, `datacontenttype` is left out where it is JSON, and `data` is a value where it
//! is JSON, a text where it is one, and else `data_base64`. `source` and `id` together name an event.

use super::payload::{Fault, base64, decoded, events, first, json, usual};
use super::{Draft, ReadLimits, Recipe};
use crate::diff::headers::MediaType;
use crate::profile::json::Json;
use ::base64::Engine as _;
use ::base64::engine::general_purpose::STANDARD;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, Method};
use parallax_config::ProfileName;
use parallax_exchange::Request;

pub(super) static RECIPE: Recipe = Recipe {
    name: ProfileName::CloudEvents,
    takes,
    read,
    meaning: |status, _| usual(status),
    fates: |_| Vec::new(),
    volatile: &[],
};

const STRUCTURED: &str = "application/cloudevents+json";
const BATCHED: &str = "application/cloudevents-batch+json";

fn takes(request: &Request) -> bool {
    let announced = || request.headers.get(CONTENT_TYPE).map(http::HeaderValue::as_bytes).unwrap_or_default();
    let prefix = b"application/cloudevents";
    request.method != Method::GET
        && (request.headers.contains_key("ce-specversion")
            || announced().get(..prefix.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(prefix)))
}

fn read(request: &Request, limits: &ReadLimits) -> Result<Vec<Draft>, Fault> {
    let body = decoded(request, limits)?;
    let kind = request.headers.get(CONTENT_TYPE).map(|value| MediaType::read(value.as_bytes()).essence);
    let elements = match kind.as_deref() {
        Some(STRUCTURED) => vec![json(&body, limits)?],
        Some(BATCHED) => match json(&body, limits)? {
            Json::Array(elements) => elements,
            _ => return Err(Fault::new("a batch is not a JSON array")),
        },
        _ => vec![binary(&request.headers, &body)],
    };
    let mut drafts = events(elements, limits, |json| Draft { id: None, name: None, who: None, json })?;
    for (index, draft) in drafts.iter_mut().enumerate() {
        normalise(&mut draft.json, limits).map_err(|why| Fault::at(index, why))?;
        let [source, id] = ["source", "id"].map(|name| first(&draft.json, &[&[name]]));
        draft.id = source.zip(id).map(|(source, id)| format!("{source} {id}"));
        draft.name = first(&draft.json, &[&["type"]]);
        draft.who = first(&draft.json, &[&["subject"]]);
    }
    Ok(drafts)
}

/// The structured form of a binary message, its data as base64.
fn binary(headers: &HeaderMap, body: &[u8]) -> Json {
    let mut members = Vec::new();
    for (name, value) in headers {
        if let Some(attribute) = name.as_str().strip_prefix("ce-") {
            members.push((attribute.to_owned(), Json::String(percent_decoded(value.as_bytes()))));
        }
    }
    if let Some(kind) = headers.get(CONTENT_TYPE) {
        let kind = String::from_utf8_lossy(kind.as_bytes()).into_owned();
        members.push(("datacontenttype".to_owned(), Json::String(kind)));
    }
    if !body.is_empty() {
        members.push(("data_base64".to_owned(), Json::String(STANDARD.encode(body))));
    }
    Json::Object(members)
}

/// Attributes in headers are percent-encoded where they are not plain ASCII (HTTP binding, 3.1.3.2).
fn percent_decoded(value: &[u8]) -> String {
    let mut bytes = Vec::with_capacity(value.len());
    let mut rest = value;
    while let Some((&byte, after)) = rest.split_first() {
        let hex = after.get(..2).filter(|_| byte == b'%').and_then(|hex| std::str::from_utf8(hex).ok());
        match hex.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(decoded) => {
                bytes.push(decoded);
                rest = &after[2..];
            }
            None => {
                bytes.push(byte);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Brings an event of any mode into the one form.
fn normalise(event: &mut Json, limits: &ReadLimits) -> Result<(), String> {
    let Json::Object(members) = event else { return Ok(()) };
    let kind = members.iter().find(|(name, _)| name == "datacontenttype").and_then(|(_, kind)| kind.label());
    let kind = kind.map(|kind| MediaType::read(kind.as_bytes()));
    let is_json = kind.as_ref().is_none_or(|kind| {
        kind.essence == "application/json" || kind.essence == "text/json" || kind.essence.ends_with("+json")
    });
    let is_plain_json = kind.as_ref().is_none_or(|kind| {
        ["application/json", "application/json; charset=utf-8"]
            .iter()
            .any(|plain| *kind == MediaType::read(plain.as_bytes()))
    });
    members.retain(|(name, value)| *value != Json::Null && !(is_plain_json && name == "datacontenttype"));
    for (name, value) in members {
        match name.as_str() {
            "data" => {}
            "data_base64" => {
                let coded = value.label().unwrap_or_default();
                let bytes = base64(coded.as_bytes()).ok_or("`data_base64` is not base64")?;
                if let Some(data) = data(bytes, is_json, limits)? {
                    "data".clone_into(name);
                    *value = data;
                }
            }
            _ => *value = Json::String(attribute(value)),
        }
    }
    Ok(())
}

/// An attribute as its text: the structured mode may write numbers and booleans.
fn attribute(value: &Json) -> String {
    match value {
        Json::String(text) => text.clone(),
        other => other.canonical(),
    }
}

/// The value of data that came as bytes; `None` where they are best left as bytes.
fn data(bytes: Vec<u8>, is_json: bool, limits: &ReadLimits) -> Result<Option<Json>, String> {
    if is_json {
        return Json::parse(&bytes, limits.values).map(Some).map_err(|error| format!("its data is {error}"));
    }
    Ok(String::from_utf8(bytes).ok().map(Json::String))
}

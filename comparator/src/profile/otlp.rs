//! OTLP/HTTP: traces, metrics and logs of OpenTelemetry, as JSON or protobuf.
//!
//! Both encodings are read by one table of the messages, so that they agree by construction: the
//! canonical form is OTLP's JSON with 64-bit integers as texts, ids in lower-case hex, defaults left out
//! and attributes sorted (they are sets). Fields that the table does not know are left out, as the
//! protocol demands of receivers.
//!
//! One event is a span, a log record or a point of a metric, with its resource and scope. A span is
//! joined by trace and span id; a point by its stream (name, attributes, resource, scope) and time; a
//! log record has no id, so a digest of its content joins it.

mod read;
mod schema;

use super::json::Json;
use super::payload::{Fault, decoded, first, json, list, path_ends, repeated};
use super::{Draft, Fate, Meaning, ReadLimits, Recipe};
use crate::diff::headers::MediaType;
use http::Method;
use http::header::CONTENT_TYPE;
use parallax_config::ProfileName;
use parallax_exchange::Request;
use read::Reading;
use schema::{LOGS, METRICS, Message, RESPONSE, TRACES};
use xxhash_rust::xxh3::xxh3_128;

pub(super) static RECIPE: Recipe =
    Recipe { name: ProfileName::Otlp, takes, read, meaning, fates, volatile: &["/observedTimeUnixNano"] };

/// A kind of telemetry: its path, its message, and the lists in which its records lie.
struct Signal {
    path: &'static str,
    message: &'static Message,
    lists: [&'static str; 3],
}

static SIGNALS: [Signal; 3] = [
    Signal { path: "/v1/traces", message: &TRACES, lists: ["resourceSpans", "scopeSpans", "spans"] },
    Signal { path: "/v1/metrics", message: &METRICS, lists: ["resourceMetrics", "scopeMetrics", "metrics"] },
    Signal { path: "/v1/logs", message: &LOGS, lists: ["resourceLogs", "scopeLogs", "logRecords"] },
];

fn signal(request: &Request) -> Option<&'static Signal> {
    SIGNALS.iter().find(|signal| path_ends(request, &[signal.path]))
}

fn takes(request: &Request) -> bool {
    request.method == Method::POST && signal(request).is_some()
}

fn read(request: &Request, limits: &ReadLimits) -> Result<Vec<Draft>, Fault> {
    let Some(signal) = signal(request) else {
        return Err(Fault::new("the path is none of /v1/traces, /v1/metrics and /v1/logs"));
    };
    let body = decoded(request, limits)?;
    let kind = request.headers.get(CONTENT_TYPE).map(|value| MediaType::read(value.as_bytes()).essence);
    let is_json = match kind.as_deref() {
        Some("application/json") => true,
        Some("application/x-protobuf" | "application/protobuf") => false,
        _ => body.starts_with(b"{"),
    };
    let mut reading = Reading::new(limits.values);
    let root = if is_json {
        reading.read_json(signal.message, &json(&body, limits)?)
    } else {
        reading.read_wire(signal.message, &body)
    };
    records(root.map_err(Fault::new)?, signal, limits)
}

fn records(root: Json, signal: &Signal, limits: &ReadLimits) -> Result<Vec<Draft>, Fault> {
    let [resources, scopes, records] = signal.lists;
    let mut drafts = Vec::new();
    let mut bytes = 0;
    for resource in members(root, resources)? {
        let about = resource.get("resource").cloned();
        let about_bytes = about.as_ref().map_or(0, |about| about.canonical().len());
        for scope in members(resource, scopes)? {
            let from = scope.get("scope").cloned();
            let shared = about_bytes + from.as_ref().map_or(0, |from| from.canonical().len());
            for record in members(scope, records)? {
                for mut record in points(record)? {
                    bytes += shared;
                    repeated(bytes, limits)?;
                    if drafts.len() >= limits.events {
                        return Err(Fault::new(format!("more than {} events", limits.events)));
                    }
                    if let Json::Object(members) = &mut record {
                        members.extend(about.clone().map(|about| ("resource".to_owned(), about)));
                        members.extend(from.clone().map(|from| ("scope".to_owned(), from)));
                    }
                    drafts.push(draft(record, signal));
                }
            }
        }
    }
    Ok(drafts)
}

/// The list of this name; none where it was left out, being empty.
fn members(of: Json, name: &str) -> Result<Vec<Json>, Fault> {
    if of.get(name).is_none() { Ok(Vec::new()) } else { list(of, name) }
}

/// The kinds of a metric, each a member that holds its points.
const KINDS: [&str; 5] = ["gauge", "sum", "histogram", "exponentialHistogram", "summary"];

/// A metric's points, each with what the metric says of all of them; another record alone.
fn points(record: Json) -> Result<Vec<Json>, Fault> {
    let Some(kind) = KINDS.iter().find(|kind| record.get(kind).is_some()) else { return Ok(vec![record]) };
    let Json::Object(mut members_of) = record else { return Ok(Vec::new()) };
    let data = members_of.iter().position(|(name, _)| name == kind);
    let Some(Json::Object(mut data)) = data.map(|at| members_of.swap_remove(at).1) else {
        return Ok(Vec::new());
    };
    let points = data.iter().position(|(name, _)| name == "dataPoints");
    let Some(Json::Array(points)) = points.map(|at| data.swap_remove(at).1) else { return Ok(Vec::new()) };
    members_of.append(&mut data);
    members_of.push(("kind".to_owned(), Json::text(*kind)));
    let with = |point: Json| {
        let mut all = members_of.clone();
        all.push(("point".to_owned(), point));
        Json::Object(all)
    };
    Ok(points.into_iter().map(with).collect())
}

fn draft(record: Json, signal: &Signal) -> Draft {
    let service = || {
        let attributes = record.at(&["resource", "attributes"])?.as_array()?;
        let named =
            attributes.iter().find(|pair| first(pair, &[&["key"]]).as_deref() == Some("service.name"))?;
        first(named, &[&["value", "stringValue"]])
    };
    let trace = first(&record, &[&["traceId"]]);
    let who = trace.clone().or_else(service);
    let (id, name) = match signal.lists[2] {
        "spans" => {
            let id = trace.zip(first(&record, &[&["spanId"]])).map(|(trace, span)| format!("{trace}/{span}"));
            (id, first(&record, &[&["name"]]))
        }
        "metrics" => (point_id(&record), first(&record, &[&["name"]])),
        _ => (None, first(&record, &[&["eventName"], &["severityText"]]).or_else(|| Some("log".to_owned()))),
    };
    Draft { id, name, who, json: record }
}

/// A point is told from others by its stream and its time (OTLP data model, "Single-writer").
fn point_id(record: &Json) -> Option<String> {
    let name = first(record, &[&["name"]])?;
    let point = record.get("point")?;
    let parts =
        [record.get("resource"), record.get("scope"), point.get("attributes"), point.get("timeUnixNano")];
    let texts = parts.map(|part| part.map(Json::canonical).unwrap_or_default());
    Some(format!("{name} xxh3:{:032x}", xxh3_128(texts.join("\n").as_bytes())))
}

/// Only four statuses are repeated (OTLP specification, "Retryable response codes").
fn meaning(status: u16, _body: Option<&[u8]>) -> Meaning {
    match status {
        200..=299 => Meaning::Ok,
        429 | 502..=504 => Meaning::Retry,
        _ => Meaning::Drop,
    }
}

/// What `partialSuccess` says: a count and a message, of no event in particular.
fn fates(body: &[u8]) -> Vec<Fate> {
    const VALUES: usize = 1 << 10;
    let mut reading = Reading::new(VALUES);
    let answer = match Json::parse(body, VALUES) {
        Ok(answer) => reading.read_json(&RESPONSE, &answer),
        Err(_) => reading.read_wire(&RESPONSE, body),
    };
    let Some(partial) = answer.ok().and_then(|answer| answer.get("partialSuccess").cloned()) else {
        return Vec::new();
    };
    const COUNTS: [&[&str]; 3] = [&["rejectedSpans"], &["rejectedDataPoints"], &["rejectedLogRecords"]];
    let count = first(&partial, &COUNTS).unwrap_or_else(|| "0".to_owned());
    let why = first(&partial, &[&["errorMessage"]]).unwrap_or_default();
    vec![Fate::of(None, format!("{count} rejected: {why}"))]
}

//! Ingestion: a batch of events in, one result per event out.
//!
//! Everything derived is computed in integers and divided once for display, so that the same event
//! always prints the same number.

use super::Fault;
use super::reply::{Reply, digest};
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Map, Value, json};

/// Users and guests are spread over this many cohorts.
pub(super) const COHORTS: u64 = 64;

/// Most events in a batch; more get 413.
const BATCH_MAX: usize = 500;

const SHARDS: u64 = 16;

#[derive(Deserialize)]
struct Batch {
    client: Client,
    events: Vec<Value>,
}

#[derive(Deserialize)]
struct Client {
    name: String,
    version: String,
}

#[derive(Deserialize)]
struct Event {
    id: String,
    name: String,
    user: String,
    time: u64,
    #[serde(default)]
    properties: Map<String, Value>,
}

/// Takes a batch; `None` where the planted fault crashes on it.
pub(super) fn ingest(body: &[u8], fault: Fault, noisy: bool) -> Option<Reply> {
    let batch: Batch = match serde_json::from_slice(body) {
        Ok(batch) => batch,
        Err(error) => return Some(Reply::problem(StatusCode::BAD_REQUEST, &error.to_string())),
    };
    if batch.events.len() > BATCH_MAX {
        return Some(Reply::problem(StatusCode::PAYLOAD_TOO_LARGE, "more than 500 events in a batch"));
    }
    if fault == Fault::Drop && has_astral_character(body) {
        return None;
    }
    if fault == Fault::Status && is_old(&batch.client.version) {
        return Some(Reply::problem(StatusCode::INTERNAL_SERVER_ERROR, "unexpected schema of the client"));
    }
    Some(accept(&batch, fault, noisy))
}

fn accept(batch: &Batch, fault: Fault, noisy: bool) -> Reply {
    let results: Vec<Value> = batch.events.iter().map(|event| result(event, fault)).collect();
    let accepted = results.iter().filter(|result| result["status"] == "accepted").count();
    let first = batch.events.first().and_then(|event| event["id"].as_str()).unwrap_or_default();
    let shard = (digest(first) + u64::from(noisy)) % SHARDS;
    let body = json!({
        "accepted": accepted,
        "rejected": results.len() - accepted,
        "client": batch.client.name,
        "shard": shard,
        "results": results,
    });
    Reply::new(StatusCode::ACCEPTED, body)
}

/// What became of one event.
fn result(event: &Value, fault: Fault) -> Value {
    let event = match Event::deserialize(event) {
        Ok(event) => event,
        Err(error) => {
            return json!({"id": event["id"], "status": "rejected", "reason": error.to_string()});
        }
    };
    let cohort = digest(&event.user) % COHORTS;
    let is_guest = event.user.starts_with("guest-");
    json!({
        "id": event.id,
        "status": "accepted",
        "category": category(&event.name),
        "cohort": if fault == Fault::Type && is_guest { json!(cohort.to_string()) } else { json!(cohort) },
        "score": score_hundredths(&event, fault) as f64 / 100.0,
        "hour": event.time / 3_600_000 % 24,
        "properties": event.properties.len(),
    })
}

fn category(name: &str) -> &'static str {
    match name {
        "page_view" | "screen_view" | "scroll" => "view",
        "click" | "tap" | "search" => "action",
        "add_to_cart" | "checkout" | "purchase" => "commerce",
        "app_open" | "app_background" | "heartbeat" => "lifecycle",
        _ => "custom",
    }
}

/// Worth of an event in hundredths: a weight by category, and for commerce a tenth of what was paid.
fn score_hundredths(event: &Event, fault: Fault) -> u64 {
    let number = |name: &str| event.properties.get(name).and_then(Value::as_u64).unwrap_or(0);
    let weight = match category(&event.name) {
        "view" => 100,
        "action" => 250,
        "lifecycle" => 25,
        _ => 175,
    };
    let discount = if fault == Fault::Field { 0 } else { number("discount_cents") };
    let paid = (number("price_cents") * number("quantity").max(1)).saturating_sub(discount);
    weight + paid / 10 + number("duration_ms") / 1000
}

/// Whether the client's major version is below 2.
fn is_old(version: &str) -> bool {
    version.split('.').next().and_then(|major| major.parse::<u32>().ok()).is_some_and(|major| major < 2)
}

/// Whether UTF-8 text holds a character outside the basic plane: four bytes, the first 0xF0 or above.
fn has_astral_character(body: &[u8]) -> bool {
    body.iter().any(|&byte| byte >= 0xf0)
}

//! Google Analytics 4, Measurement Protocol: `POST /mp/collect`, and its twin `/debug/mp/collect`.
//!
//! Events have no id, and who and when stand around them, so both are put into each event before its
//! digest is taken. The endpoint answers 2xx whatever it gets; only the twin says what is wrong.

use super::payload::{Fault, answer, decoded, events, first, json, list, path_ends, repeated, usual};
use super::{Draft, Fate, ReadLimits, Recipe};
use crate::profile::json::Json;
use http::Method;
use parallax_config::ProfileName;
use parallax_exchange::Request;

pub(super) static RECIPE: Recipe =
    Recipe { name: ProfileName::Ga4, takes, read, meaning: |status, _| usual(status), fates, volatile: &[] };

fn takes(request: &Request) -> bool {
    request.method == Method::POST && path_ends(request, &["/mp/collect"])
}

/// What a request says once for all its events.
const SHARED: [&str; 4] = ["client_id", "app_instance_id", "user_id", "timestamp_micros"];

fn read(request: &Request, limits: &ReadLimits) -> Result<Vec<Draft>, Fault> {
    let root = json(&decoded(request, limits)?, limits)?;
    let shared: Vec<_> =
        SHARED.iter().filter_map(|name| Some(((*name).to_owned(), root.get(name)?.clone()))).collect();
    let elements = list(root, "events")?;
    let bytes: usize = shared.iter().map(|(_, value)| value.canonical().len()).sum();
    repeated(bytes.saturating_mul(elements.len()), limits)?;
    events(elements, limits, |mut event| {
        if let Json::Object(members) = &mut event {
            for (name, value) in &shared {
                if !members.iter().any(|(own, _)| own == name) {
                    members.push((name.clone(), value.clone()));
                }
            }
        }
        Draft {
            id: None,
            name: first(&event, &[&["name"]]),
            who: first(&event, &[&["user_id"], &["client_id"], &["app_instance_id"]]),
            json: event,
        }
    })
}

fn fates(body: &[u8]) -> Vec<Fate> {
    let Some(answer) = answer(body) else { return Vec::new() };
    let messages = answer.get("validationMessages").and_then(Json::as_array).unwrap_or_default();
    let fate = |message: &Json| {
        let [path, code, text] = ["fieldPath", "validationCode", "description"]
            .map(|name| first(message, &[&[name]]).unwrap_or_default());
        Fate::of(position(&path), format!("{code} at {path}: {text}"))
    };
    messages.iter().map(fate).collect()
}

/// The event that a path such as `events[2].name` or `events/2/name` is about.
fn position(path: &str) -> Option<usize> {
    let rest = path.strip_prefix("events")?.strip_prefix(['[', '/', '.'])?;
    let end = rest.find(|character: char| !character.is_ascii_digit()).unwrap_or(rest.len());
    rest[..end].parse().ok()
}

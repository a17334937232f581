//! Amplitude: `POST /2/httpapi` and `POST /batch`; the older browser client sends a form.
//!
//! `insert_id` is what Amplitude removes duplicates by. A 400 may name single events: clients take these
//! out and send the rest again, so that such an answer is no end.

use super::payload::{Fault, answer, decoded, events, first, list, path_ends, positions, unwrapped, usual};
use super::{Draft, Fate, Meaning, ReadLimits, Recipe};
use crate::profile::json::Json;
use http::Method;
use parallax_config::ProfileName;
use parallax_exchange::Request;

pub(super) static RECIPE: Recipe = Recipe {
    name: ProfileName::Amplitude,
    takes,
    read,
    meaning,
    fates,
    volatile: &["/server_upload_time", "/client_upload_time", "/server_received_time"],
};

fn takes(request: &Request) -> bool {
    request.method == Method::POST && path_ends(request, &["/2/httpapi", "/httpapi", "/batch"])
}

fn read(request: &Request, limits: &ReadLimits) -> Result<Vec<Draft>, Fault> {
    let root = unwrapped(&decoded(request, limits)?, &["e", "event"], limits)?;
    let elements = if let Json::Array(elements) = root { elements } else { list(root, "events")? };
    events(elements, limits, |event| Draft {
        id: first(&event, &[&["insert_id"]]),
        name: first(&event, &[&["event_type"]]),
        who: first(&event, &[&["user_id"], &["device_id"]]),
        json: event,
    })
}

/// Members of a 400 that name events by field, and of any answer that list them.
const BY_FIELD: [&str; 2] = ["events_with_invalid_fields", "events_with_missing_fields"];
const LISTED: [&str; 2] = ["silenced_events", "throttled_events"];

fn meaning(status: u16, body: Option<&[u8]>) -> Meaning {
    match status {
        // A request that is too large is sent again in halves.
        413 => Meaning::Retry,
        400 if body.is_some_and(|body| fates(body).iter().any(|fate| fate.event.is_some())) => Meaning::Retry,
        _ => usual(status),
    }
}

fn fates(body: &[u8]) -> Vec<Fate> {
    let Some(answer) = answer(body) else { return Vec::new() };
    let mut fates: Vec<_> = LISTED.iter().flat_map(|member| positions(&answer, member)).collect();
    for member in BY_FIELD {
        let Some(fields) = answer.get(member) else { continue };
        for (field, _) in fields.as_object().unwrap_or_default() {
            let named = positions(fields, field);
            fates.extend(named.into_iter().map(|fate| Fate { why: format!("{member}: {field}"), ..fate }));
        }
    }
    fates
}

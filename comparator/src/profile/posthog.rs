//! PostHog: a batch, a list or one event, at any of the paths that its clients have used.
//!
//! gzip may be announced by `compression=gzip-js` only, and older clients send a form with base64. The
//! `uuid` is what PostHog removes duplicates by. Answers may say that a quota is used up: the status is
//! 200 then and the events are gone.

use super::payload::{Fault, answer, decoded, events, first, list, parameter, path_ends, unwrapped, usual};
use super::{Draft, Fate, ReadLimits, Recipe};
use crate::profile::json::Json;
use http::Method;
use parallax_config::ProfileName;
use parallax_exchange::Request;

pub(super) static RECIPE: Recipe = Recipe {
    name: ProfileName::PostHog,
    takes,
    read,
    meaning: |status, _| usual(status),
    fates,
    volatile: &["/sent_at"],
};

fn takes(request: &Request) -> bool {
    // Not `/track` and `/engage`, which it also takes for old clients: these are Mixpanel's.
    const PATHS: [&str; 5] = ["/batch", "/capture", "/e", "/i/v0/e", "/s"];
    request.method == Method::POST && path_ends(request, &PATHS)
}

fn read(request: &Request, limits: &ReadLimits) -> Result<Vec<Draft>, Fault> {
    if parameter(request, "compression").as_deref() == Some("lz64") {
        return Err(Fault::new("`compression=lz64` cannot be undone; set the client to gzip-js"));
    }
    let root = unwrapped(&decoded(request, limits)?, &["data"], limits)?;
    let elements = match root {
        Json::Array(elements) => elements,
        root if root.get("batch").is_some() => list(root, "batch")?,
        root => vec![root],
    };
    events(elements, limits, |mut event| {
        event.remove("api_key");
        Draft {
            id: first(&event, &[&["uuid"]]),
            name: first(&event, &[&["event"]]),
            who: first(&event, &[&["distinct_id"], &["$distinct_id"], &["properties", "distinct_id"]]),
            json: event,
        }
    })
}

fn fates(body: &[u8]) -> Vec<Fate> {
    let Some(answer) = answer(body) else { return Vec::new() };
    let limited = answer.get("quota_limited").and_then(Json::as_array).unwrap_or_default();
    limited.iter().filter_map(|of| Some(Fate::of(None, format!("quota_limited: {}", of.label()?)))).collect()
}

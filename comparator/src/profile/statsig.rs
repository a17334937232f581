//! Statsig: `POST /v1/log_event` of servers and `POST /v1/rgstr` of browsers carry the same document.
//!
//! Browsers announce gzip by `gz=1` in the query and nothing else, and hide the body from simple
//! filters with `se=1`: base64, written backwards. Events have no id, so a digest of the whole event
//! joins them; a repeated batch has the same bytes, so this is also what Statsig can go by.

use super::payload::{
    Fault, answer, base64, decoded, events, first, gunzipped, json, list, parameter, path_ends, repeated,
};
use super::{Draft, Fate, Meaning, ReadLimits, Recipe};
use crate::profile::json::Json;
use http::Method;
use parallax_config::ProfileName;
use parallax_exchange::Request;
use std::borrow::Cow;

pub(super) static RECIPE: Recipe =
    Recipe { name: ProfileName::Statsig, takes, read, meaning, fates, volatile: &[] };

fn takes(request: &Request) -> bool {
    const PATHS: [&str; 4] = ["/log_event", "/rgstr", "/rgstr_e", "/log_event_beacon"];
    request.method == Method::POST && path_ends(request, &PATHS)
}

fn read(request: &Request, limits: &ReadLimits) -> Result<Vec<Draft>, Fault> {
    let mut body = decoded(request, limits)?;
    if parameter(request, "se").as_deref() == Some("1") && !body.trim_ascii_start().starts_with(b"{") {
        let forwards: Vec<u8> = body.trim_ascii().iter().rev().copied().collect();
        let bytes =
            base64(&forwards).ok_or_else(|| Fault::new("`se=1`, but the body is not base64 backwards"))?;
        body = gunzipped(Cow::Owned(bytes), limits)?;
    }
    let root = json(&body, limits)?;
    // A browser names itself once for all events.
    let stable = first(&root, &[&["statsigMetadata", "stableID"]]);
    let elements = list(root, "events")?;
    repeated(stable.as_ref().map_or(0, String::len).saturating_mul(elements.len()), limits)?;
    events(elements, limits, |event| Draft {
        id: None,
        name: first(&event, &[&["eventName"]]),
        who: first(&event, &[&["user", "userID"], &["user", "customIDs", "stableID"]])
            .or_else(|| stable.clone()),
        json: event,
    })
}

/// Servers give up at 400, 403, 405, 413, 429 and 501, browsers at all but a few; where they disagree
/// the browser decides, as it loses the events. An answer without a body, or with `"success": false`,
/// is a failure to the servers' core.
fn meaning(status: u16, body: Option<&[u8]>) -> Meaning {
    match status {
        200..=299 => match body {
            None | Some(b"{\"success\":true}") => Meaning::Ok,
            Some(body) => match answer(body) {
                Some(answer) if answer.get("success") != Some(&Json::Bool(false)) => Meaning::Ok,
                _ => Meaning::Retry,
            },
        },
        408 | 500 | 502..=504 | 522 | 524 | 599 => Meaning::Retry,
        _ => Meaning::Drop,
    }
}

fn fates(body: &[u8]) -> Vec<Fate> {
    let Some(answer) = answer(body) else { return Vec::new() };
    let failed = answer.get("success") == Some(&Json::Bool(false));
    let why = first(&answer, &[&["message"]]).unwrap_or_else(|| "success is false".to_owned());
    failed.then(|| Fate::of(None, why)).into_iter().collect()
}

//! Mixpanel: `/track`, `/engage`, `/groups` and `/import`, as JSON, as a form, or all in a GET's query.
//!
//! `$insert_id` is what Mixpanel removes duplicates by. Changes of profiles have no name: the operation
//! is taken for it. The answer is `1` or `0` unless `verbose` is set.

use super::payload::{
    Fault, answer, decoded, events, first, parameter, path_ends, plain_or_base64, unwrapped, usual,
};
use super::{Draft, Fate, Meaning, ReadLimits, Recipe};
use crate::profile::json::Json;
use http::Method;
use parallax_config::ProfileName;
use parallax_exchange::Request;

pub(super) static RECIPE: Recipe =
    Recipe { name: ProfileName::Mixpanel, takes, read, meaning, fates, volatile: &[] };

fn takes(request: &Request) -> bool {
    const PATHS: [&str; 4] = ["/track", "/engage", "/groups", "/import"];
    matches!(request.method, Method::POST | Method::GET) && path_ends(request, &PATHS)
}

fn read(request: &Request, limits: &ReadLimits) -> Result<Vec<Draft>, Fault> {
    let root = match parameter(request, "data") {
        Some(data) if request.body.is_empty() => plain_or_base64(data.as_bytes(), limits)?,
        _ => {
            let body = decoded(request, limits)?;
            match unwrapped(&body, &["data"], limits) {
                Ok(root) => root,
                // `/import` also takes one event a line.
                Err(fault) => Json::Array(Json::parse_lines(&body, limits.values).map_err(|_| fault)?),
            }
        }
    };
    let elements = if let Json::Array(elements) = root { elements } else { vec![root] };
    events(elements, limits, |event| Draft {
        id: first(&event, &[&["properties", "$insert_id"]]),
        name: first(&event, &[&["event"]]).or_else(|| operation(&event)),
        who: first(&event, &[&["properties", "distinct_id"], &["$distinct_id"], &["$group_id"]]),
        json: event,
    })
}

/// The change of a profile that an object asks for.
fn operation(event: &Json) -> Option<String> {
    const OPERATIONS: [&str; 8] =
        ["$set", "$set_once", "$add", "$append", "$union", "$remove", "$unset", "$delete"];
    let members = event.as_object()?;
    members.iter().map(|(name, _)| name).find(|name| OPERATIONS.contains(&name.as_str())).cloned()
}

/// A 200 that says `0` is a refusal, which clients do not repeat.
fn meaning(status: u16, body: Option<&[u8]>) -> Meaning {
    match usual(status) {
        Meaning::Ok if body.is_some_and(refuses) => Meaning::Drop,
        usual => usual,
    }
}

fn refuses(body: &[u8]) -> bool {
    let status = || answer(body)?.get("status")?.as_count();
    body != b"1" && (body.trim_ascii() == b"0" || status() == Some(0))
}

fn fates(body: &[u8]) -> Vec<Fate> {
    let Some(answer) = answer(body) else { return Vec::new() };
    let failed = answer.get("failed_records").and_then(Json::as_array).unwrap_or_default();
    let fate = |record: &Json| {
        let index = record.get("index").and_then(Json::as_count).map(|index| index as usize);
        let [field, message] = ["field", "message"].map(|name| first(record, &[&[name]]).unwrap_or_default());
        Fate::of(index, format!("{field}: {message}"))
    };
    let mut fates: Vec<_> = failed.iter().map(fate).collect();
    if fates.is_empty() && refuses(body) {
        let why = first(&answer, &[&["error"]]).unwrap_or_else(|| "status is 0".to_owned());
        fates.push(Fate::of(None, why));
    }
    fates
}

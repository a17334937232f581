//! Snowplow: `POST …/tp2` with an envelope of flat events, or `GET /i` with one in the query.
//!
//! Both say the same in the same short names, all values texts; `eid` is the event's id. What an event
//! describes itself with (`ue_`, `co`) may be base64 instead (`ue_px`, `cx`): it is undone and stands as
//! JSON in the canonical form, so that the four ways of sending one event are equal.

use super::payload::{Fault, base64, decoded, events, first, json, list, path_ends};
use super::{Draft, Meaning, ReadLimits, Recipe};
use crate::profile::json::Json;
use http::Method;
use parallax_config::ProfileName;
use parallax_exchange::Request;

pub(super) static RECIPE: Recipe =
    Recipe { name: ProfileName::Snowplow, takes, read, meaning, fates: |_| Vec::new(), volatile: &["/stm"] };

fn takes(request: &Request) -> bool {
    match request.method {
        Method::POST => path_ends(request, &["/tp2"]),
        Method::GET => path_ends(request, &["/i"]) && request.query().is_some(),
        _ => false,
    }
}

/// Members that hold JSON as text, and their twins that hold it as base64.
const NESTED: [(&str, &str); 2] = [("ue_pr", "ue_px"), ("co", "cx")];

fn read(request: &Request, limits: &ReadLimits) -> Result<Vec<Draft>, Fault> {
    let elements = if request.method == Method::GET {
        let pairs = form_urlencoded::parse(request.query().unwrap_or_default().as_bytes());
        let members = pairs.map(|(name, value)| (name.into_owned(), Json::String(value.into_owned())));
        vec![Json::Object(members.collect())]
    } else {
        list(json(&decoded(request, limits)?, limits)?, "data")?
    };
    let mut drafts = events(elements, limits, |event| Draft {
        id: first(&event, &[&["eid"]]),
        name: first(&event, &[&["e"]]).map(long_name),
        who: first(&event, &[&["uid"], &["duid"], &["nuid"]]),
        json: event,
    })?;
    for (index, draft) in drafts.iter_mut().enumerate() {
        undo_nested(&mut draft.json, limits).map_err(|why| Fault::at(index, why))?;
    }
    Ok(drafts)
}

/// Puts the JSON that stands in texts in their place.
fn undo_nested(event: &mut Json, limits: &ReadLimits) -> Result<(), String> {
    let Json::Object(members) = event else { return Ok(()) };
    for (name, value) in members {
        for (plain, coded) in NESTED {
            let Json::String(text) = value else { break };
            if name == plain {
                *value = json(text.as_bytes(), limits).map_err(|_| format!("`{plain}` is not JSON"))?;
            } else if name == coded {
                let bytes = base64(text.as_bytes()).ok_or_else(|| format!("`{coded}` is not base64"))?;
                *value = json(&bytes, limits).map_err(|_| format!("`{coded}` is not base64 of JSON"))?;
                plain.clone_into(name);
            }
        }
    }
    Ok(())
}

/// The tracker protocol's letters in words.
fn long_name(letters: String) -> String {
    match letters.as_str() {
        "pv" => "page_view",
        "pp" => "page_ping",
        "se" => "struct",
        "ue" => "unstruct",
        "tr" => "transaction",
        "ti" => "transaction_item",
        _ => return letters,
    }
    .to_owned()
}

/// Trackers repeat everything but a few statuses that no repetition would change.
fn meaning(status: u16, _body: Option<&[u8]>) -> Meaning {
    match status {
        200..=299 => Meaning::Ok,
        400 | 401 | 403 | 410 | 422 => Meaning::Drop,
        _ => Meaning::Retry,
    }
}

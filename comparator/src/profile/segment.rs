//! Segment: `POST /v1/batch`, or one event at `/v1/track` and its kin; RudderStack speaks the same.
//!
//! `messageId` is what both remove duplicates by. RudderStack's Node client calls its gzipped JSON a
//! form, so the content type is not asked.

use super::payload::{Fault, answer, decoded, events, first, list, path_ends, unwrapped, usual};
use super::{Draft, Fate, ReadLimits, Recipe};
use crate::profile::json::Json;
use http::Method;
use parallax_config::ProfileName;
use parallax_exchange::Request;

pub(super) static RECIPE: Recipe = recipe(ProfileName::Segment);
pub(super) static RUDDERSTACK: Recipe = recipe(ProfileName::RudderStack);

const fn recipe(name: ProfileName) -> Recipe {
    Recipe {
        name,
        takes,
        read,
        meaning: |status, _| usual(status),
        fates,
        volatile: &["/sentAt", "/receivedAt", "/writeKey"],
    }
}

/// The paths of single events, short ones of the browser included, and the type that each implies.
const SINGLE: [(&str, &str); 12] = [
    ("/v1/track", "track"),
    ("/v1/t", "track"),
    ("/v1/identify", "identify"),
    ("/v1/i", "identify"),
    ("/v1/page", "page"),
    ("/v1/p", "page"),
    ("/v1/screen", "screen"),
    ("/v1/s", "screen"),
    ("/v1/group", "group"),
    ("/v1/g", "group"),
    ("/v1/alias", "alias"),
    ("/v1/a", "alias"),
];

fn takes(request: &Request) -> bool {
    request.method == Method::POST
        && (path_ends(request, &["/v1/batch", "/v1/b", "/v1/import"])
            || SINGLE.iter().any(|(path, _)| path_ends(request, &[path])))
}

fn read(request: &Request, limits: &ReadLimits) -> Result<Vec<Draft>, Fault> {
    let root = unwrapped(&decoded(request, limits)?, &["data"], limits)?;
    let implied = SINGLE.iter().find(|(path, _)| path_ends(request, &[path])).map(|(_, kind)| *kind);
    let elements = if root.get("batch").is_some() { list(root, "batch")? } else { vec![root] };
    events(elements, limits, |mut event| {
        if let (Json::Object(members), Some(kind)) = (&mut event, implied)
            && !members.iter().any(|(name, _)| name == "type")
        {
            members.push(("type".to_owned(), Json::text(kind)));
        }
        Draft {
            id: first(&event, &[&["messageId"]]),
            name: first(&event, &[&["event"], &["type"]]),
            who: first(&event, &[&["userId"], &["anonymousId"]]),
            json: event,
        }
    })
}

fn fates(body: &[u8]) -> Vec<Fate> {
    let failed = answer(body).is_some_and(|answer| answer.get("success") == Some(&Json::Bool(false)));
    failed.then(|| Fate::of(None, "success is false")).into_iter().collect()
}

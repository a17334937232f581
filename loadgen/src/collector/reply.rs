//! From a request to its answer: routing and the small routes.
//!
//! No I/O and no clock here, so that "same build, same request, same answer" holds by construction.

use super::{Fault, events};
use http::{Method, StatusCode, Uri};
use serde_json::{Value, json};

/// A complete request.
pub(super) struct Asked<'a> {
    pub(super) method: &'a Method,
    pub(super) uri: &'a Uri,
    pub(super) body: &'a [u8],
}

/// What is answered.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) status: StatusCode,
    pub(super) cache: &'static str,
    pub(super) body: Value,
}

impl Reply {
    pub(super) fn new(status: StatusCode, body: Value) -> Self {
        Self { status, cache: "no-store", body }
    }

    pub(super) fn problem(status: StatusCode, detail: &str) -> Self {
        let title = status.canonical_reason().unwrap_or("error");
        Self::new(status, json!({"title": title, "status": status.as_u16(), "detail": detail}))
    }
}

/// The answer to a request; `None` where the connection is closed instead.
///
/// `noisy` asks for the noise of [`Fault::Flaky`].
pub(super) fn to(asked: &Asked<'_>, fault: Fault, noisy: bool) -> Option<Reply> {
    let path = asked.uri.path();
    let session = path.strip_prefix("/v1/sessions/").filter(|id| !id.is_empty() && !id.contains('/'));
    let reply = match (asked.method, path) {
        (&Method::POST, "/v1/events") => return events::ingest(asked.body, fault, noisy),
        (&Method::GET, "/v1/config") => config(asked.uri.query().unwrap_or_default()),
        (&Method::GET, "/healthz") => Reply::new(StatusCode::OK, json!({"status": "ok"})),
        (_, "/v1/events" | "/v1/config" | "/healthz") => {
            Reply::problem(StatusCode::METHOD_NOT_ALLOWED, "this route does not know the method")
        }
        (&Method::GET, _) => match session {
            Some(id) => look_up(id),
            None => Reply::problem(StatusCode::NOT_FOUND, "no such route"),
        },
        _ => Reply::problem(StatusCode::NOT_FOUND, "no such route"),
    };
    Some(reply)
}

/// Feature flags for a client, chosen by the query's `client`.
fn config(query: &str) -> Reply {
    let client = query.split('&').find_map(|pair| pair.strip_prefix("client=")).unwrap_or("web");
    let mobile = matches!(client, "ios" | "android");
    let flags = json!({
        "batch_upload": {"on": true, "rule": "everyone"},
        "compact_payload": {"on": mobile, "rule": if mobile { "mobile" } else { "default" }},
        "checkout_redesign": {"on": digest(client).is_multiple_of(2), "rule": "experiment-17"},
        "session_replay": {"on": false, "rule": "default"},
    });
    let body = json!({
        "client": client,
        "revision": 41,
        "flags": flags,
        "upload": {"interval_ms": if mobile { 30_000 } else { 5_000 }, "events_max": 100, "gzip": mobile},
        "sampling": {"page_view": 1.0, "scroll": 0.25, "heartbeat": 0.1},
    });
    Reply { cache: "max-age=60", ..Reply::new(StatusCode::OK, body) }
}

/// What is known about a session; ids that are not of the collector's making are unknown.
fn look_up(id: &str) -> Reply {
    if !id.starts_with("s-") {
        return Reply::problem(StatusCode::NOT_FOUND, "no such session");
    }
    let digest = digest(id);
    let body = json!({
        "id": id,
        "cohort": digest % events::COHORTS,
        "region": (["eu-west", "us-east", "ap-south"][(digest >> 8) as usize % 3]),
        "consent": {"analytics": digest & 64 == 0, "personalisation": digest & 128 == 0},
        "experiments": [{"name": "experiment-17", "arm": (["control", "treatment"][(digest >> 16) as usize % 2])}],
    });
    Reply::new(StatusCode::OK, body)
}

/// A stable digest of a name.
pub(super) fn digest(text: &str) -> u64 {
    xxhash_rust::xxh3::xxh3_64(text.as_bytes())
}

//! `[[routes]]`: which requests are mirrored, and `[key]`: whose they are.

use crate::{CopyEdit, ProfileName};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// One route; the first that matches a request decides.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Route {
    /// Names the route, its slice and its metrics; each name once.
    #[schemars(example = &"ingest", length(min = 1))]
    pub name: String,
    /// Path pattern as axum writes them: `{name}` one segment, `{*rest}` the tail. `prefix:/v1/` takes
    /// every path that begins so; a path without braces is taken exactly.
    #[schemars(example = &"/v1/{*rest}")]
    pub path: String,
    /// Hosts, without their port; `*.shop.example` stands for any labels before. Any host when empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("examples" = [["shop.example"]]))]
    pub hosts: Vec<String>,
    /// Methods that are mirrored; GET and HEAD when empty. Naming a method with side effects is the
    /// opt-in to repeat them on the candidate and the control.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("examples" = [["POST"]]))]
    pub methods: Vec<String>,
    /// Headers that a request must have, with their value: `text` exactly, `text*` as its beginning, `*` any
    /// value, and `!` for a header that it must not have.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("examples" = [{ "x-tier": "gold" }]))]
    pub headers: BTreeMap<String, String>,
    /// Query parameters that a request must have, written as in `headers`; values as sent, not decoded.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("examples" = [{ "version": "2*" }]))]
    pub query: BTreeMap<String, String>,
    /// Share of the keys that is mirrored, exact to a millionth.
    #[serde(default = "everything")]
    #[schemars(range(min = 0.0, max = 1.0), extend("x-unit" = "share of keys"))]
    pub sample: f64,
    /// Where the key of the sample is found, first present wins; the cluster key (`key`) when empty. The
    /// same key is always in or out, on every proxy. `body` is the digest of the request's body.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("examples" = [["cookie:session"]]))]
    pub sample_by: Vec<KeySource>,
    /// Requests a second that are mirrored at the least, if so many come: while the route is rarer than
    /// this the sample grows, up to everything, by further keys. The listener threads share it equally.
    #[serde(default)]
    #[schemars(range(min = 0.0, max = 1_000_000.0), extend("x-unit" = "requests per second"))]
    pub minimum: f64,
    /// What slices are cut by beside the route: a name and where its value is found, `header:<name>`,
    /// `path:<name>` (a capture of `path`), or a text. Without a value there is no label.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("examples" = [{ "tenant": "header:x-tenant", "region": "eu" }]))]
    pub labels: BTreeMap<String, String>,
    /// What copies have otherwise than the live request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub copy: Option<CopyEdit>,
    /// The vendor's event API that comes this way. How its clients read a status (done, send again, give
    /// up) decides the checks `status` and `error_rate`, and what is new in each answer becomes rules,
    /// which `config check` lists. One of `statsig`, `segment`, `rudderstack`, `snowplow`, `posthog`,
    /// `amplitude`, `mixpanel`, `ga4`, `cloudevents` and `otlp`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"segment")]
    pub profile: Option<ProfileName>,
}

impl Route {
    /// A route that takes every GET and HEAD of a path; all else as absent keys have it.
    #[must_use]
    pub fn new(name: impl Into<String>, path: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            path: path.into(),
            hosts: Vec::new(),
            methods: Vec::new(),
            headers: BTreeMap::new(),
            query: BTreeMap::new(),
            sample: everything(),
            sample_by: Vec::new(),
            minimum: 0.0,
            labels: BTreeMap::new(),
            copy: None,
            profile: None,
        }
    }
}

fn everything() -> f64 {
    1.0
}

/// Where the cluster key of a request is found; the first source that is present wins.
///
/// Written `header:<name>`, `cookie:<name>`, `query:<name>`, `connection`, `request` or, for a sample, `body`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String", extend("format" = "key-source"))]
pub enum KeySource {
    /// A request header.
    Header(String),
    /// A cookie of the request.
    Cookie(String),
    /// A query parameter.
    Query(String),
    /// The client's connection: a stated fallback, as a keep-alive pool gives few keys.
    Connection,
    /// Every request on its own: only where requests are independent.
    Request,
    /// The digest of the request's body: only for a sample.
    Body,
}

impl TryFrom<String> for KeySource {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        Ok(match text.split_once(':') {
            Some(("header", name)) if !name.is_empty() => Self::Header(name.to_ascii_lowercase()),
            Some(("cookie", name)) if !name.is_empty() => Self::Cookie(name.to_owned()),
            Some(("query", name)) if !name.is_empty() => Self::Query(name.to_owned()),
            None if text == "connection" => Self::Connection,
            None if text == "request" => Self::Request,
            None if text == "body" => Self::Body,
            _ => {
                return Err(format!(
                    "`{text}` is not a key source; write header:<name>, cookie:<name>, query:<name>, connection or request"
                ));
            }
        })
    }
}

impl From<KeySource> for String {
    fn from(source: KeySource) -> Self {
        match source {
            KeySource::Header(name) => format!("header:{name}"),
            KeySource::Cookie(name) => format!("cookie:{name}"),
            KeySource::Query(name) => format!("query:{name}"),
            KeySource::Connection => "connection".to_owned(),
            KeySource::Request => "request".to_owned(),
            KeySource::Body => "body".to_owned(),
        }
    }
}

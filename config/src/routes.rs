//! `[[routes]]`: which requests are mirrored, and `[key]`: whose they are.

use crate::ProfileName;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One route; the first that matches a request decides.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Route {
    /// Names the route, its slice and its metrics; each name once.
    #[schemars(example = &"ingest", length(min = 1))]
    pub name: String,
    /// Path pattern as axum writes them: `{name}` one segment, `{*rest}` the tail.
    #[schemars(example = &"/v1/{*rest}")]
    pub path: String,
    /// Methods that are mirrored; GET and HEAD when empty. Naming a method with side effects is the
    /// opt-in to repeat them on the candidate and the control.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("examples" = [["POST"]]))]
    pub methods: Vec<String>,
    /// Share of the cluster keys that is mirrored.
    #[serde(default = "everything")]
    #[schemars(range(min = 0.0, max = 1.0), extend("x-unit" = "share of keys"))]
    pub sample: f64,
    /// The vendor's event API that comes this way. How its clients read a status (done, send again, give
    /// up) decides the checks `status` and `error_rate`, and what is new in each answer becomes rules,
    /// which `config check` lists. One of `statsig`, `segment`, `rudderstack`, `snowplow`, `posthog`,
    /// `amplitude`, `mixpanel`, `ga4`, `cloudevents` and `otlp`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"segment")]
    pub profile: Option<ProfileName>,
}

fn everything() -> f64 {
    1.0
}

/// Where the cluster key of a request is found; the first source that is present wins.
///
/// Written `header:<name>`, `cookie:<name>`, `query:<name>`, `connection` or `request`.
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
        }
    }
}

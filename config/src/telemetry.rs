//! `[access_log]` and `[traces]`: what is told of each live request, to people and to a collector.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// `[access_log]`: one line of JSON for each live request; its query is left out, since it may hold secrets.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct AccessLog {
    /// File to which lines are appended; none when absent. A file that was moved away is begun anew
    /// within a second, so that it can be rotated.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>", example = &"/var/log/parallax/access.log")]
    pub file: Option<PathBuf>,
}

/// `[traces]`: a span for each live request and each copy, sent to a collector by OTLP over HTTP.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Traces {
    /// Where spans are posted to; without it no span is made, and `traceparent` passes as it came.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"http://127.0.0.1:4318/v1/traces")]
    pub url: Option<String>,
    /// Share of traces kept of those that begin here; a request that comes with a `traceparent` is kept
    /// if its flags say so.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub sample: f64,
    /// The `service.name` of the spans.
    pub service: String,
}

impl Default for Traces {
    fn default() -> Self {
        Self { url: None, sample: 0.001, service: "parallax".to_owned() }
    }
}

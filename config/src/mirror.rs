//! `[mirror]` and `[routes.copy]`: how much is copied, until when, and what a copy has otherwise.

use crate::Moment;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// `[mirror]`: bounds of the mirroring as a whole.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Mirror {
    /// Decide, count and record what would be mirrored, and send no copy.
    pub dry: bool,
    /// When mirroring stops by itself, with its offset from UTC; never when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"2027-01-01T18:00:00Z")]
    pub expires: Option<Moment>,
    /// Copies sent in any one second, to all roles together; the listener threads share it equally.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1), example = 2_000, extend("x-unit" = "copies"))]
    pub copies_per_second: Option<u64>,
    /// Bytes of copied bodies sent in any one second, to all roles together; shared like the copies.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1), example = 10_000_000, extend("x-unit" = "bytes"))]
    pub bytes_per_second: Option<u64>,
}

/// `[routes.copy]`: what a copy has otherwise than the live request, which is never changed.
///
/// Candidate and control get the same changes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct CopyEdit {
    /// The `Host` of copies.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"shadow.internal")]
    pub host: Option<String>,
    /// The path of copies; `{name}` and `{rest}` stand for what the route's path captured. The query stays.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"/shadow/{rest}")]
    pub path: Option<String>,
    /// Headers that are taken off.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("examples" = [["x-debug"]]))]
    pub remove: Vec<String>,
    /// Headers whose value is replaced where the request has them. As in `set`, `env:<NAME>` and
    /// `file:<PATH>` stand for a value that is read when the proxy starts or reloads.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("examples" = [{ "authorization": "env:SHADOW_TOKEN" }]))]
    pub replace: BTreeMap<String, String>,
    /// Headers that every copy has, whatever the request says of them.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("examples" = [{ "x-environment": "shadow" }]))]
    pub set: BTreeMap<String, String>,
    /// Take credentials off: `cookie` and every header that `redact.places` names where it is absent.
    /// `replace` and `set` come later, and so can put others in their place.
    pub strip_credentials: bool,
    /// Headers that make a request happen once, such as `idempotency-key`: copies get a value that is
    /// derived from the live one and the role, so that no shared store takes a copy for a repetition.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("examples" = [["idempotency-key"]]))]
    pub idempotency: Vec<String>,
}

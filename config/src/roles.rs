//! `[roles.*]`: the deployments that answer.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The deployments that answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Roles {
    /// The live deployment; its response goes to the client.
    pub primary: Role,
    /// The build under validation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub candidate: Option<Role>,
    /// A second copy of the primary's build; it measures noise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub control: Option<Role>,
}

/// One deployment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Role {
    /// Where it listens, such as `http://127.0.0.1:9001`.
    pub url: String,
    /// Image name, shown in the verdict.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// Image digest such as `sha256:…`; the verdict speaks of this build only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    /// Source revision, shown in the verdict.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<String>,
}

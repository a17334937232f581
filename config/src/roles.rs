//! `[roles.*]`: the deployments that answer.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The deployments that answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Roles {
    /// The live deployment; its response goes to the client.
    #[schemars(extend("examples" = [{ "url": "http://127.0.0.1:9001" }]))]
    pub primary: Role,
    /// The build under validation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("examples" = [{ "url": "http://127.0.0.1:9002" }]))]
    pub candidate: Option<Role>,
    /// A second copy of the primary's build; it measures noise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("examples" = [{ "url": "http://127.0.0.1:9003" }]))]
    pub control: Option<Role>,
}

/// One deployment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Role {
    /// Where it listens, such as `http://127.0.0.1:9001`.
    #[schemars(example = &"http://127.0.0.1:9001")]
    pub url: String,
    /// Image name, shown in the verdict.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"registry.example/orders")]
    pub image: Option<String>,
    /// Image digest such as `sha256:…`; the verdict speaks of this build only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"sha256:4f0c")]
    pub digest: Option<String>,
    /// Source revision, shown in the verdict.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"9f3c2ab")]
    pub revision: Option<String>,
}

//! `[roles.*]`: the deployments that answer.

use crate::RoleTls;
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

/// What is spoken with a role; candidate and control should speak what the primary does, or their
/// latency measures the protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Protocol {
    /// HTTP/1.1, one request at a time on each connection.
    #[default]
    H1,
    /// HTTP/2, many requests on each connection: by prior knowledge, or by ALPN with `https://`.
    H2,
}

/// One deployment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Role {
    /// Where it listens, such as `http://127.0.0.1:9001`.
    #[schemars(example = &"http://127.0.0.1:9001")]
    pub url: String,
    /// Where its replicas listen, `host:port` or `unix:PATH`, instead of where the URL's host leads;
    /// requests go round them. The URL still says the scheme, the `Host` and the name for TLS.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("examples" = [["10.0.0.1:9001", "orders.internal:9001", "unix:/run/orders.sock"]]))]
    pub addresses: Vec<String>,
    /// What is spoken with it.
    #[serde(default)]
    pub protocol: Protocol,
    /// How an `https://` role is trusted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<RoleTls>,
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

impl Role {
    /// The deployment at `url`, everything else by default.
    #[must_use]
    pub fn at(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            addresses: Vec::new(),
            protocol: Protocol::default(),
            tls: None,
            image: None,
            digest: None,
            revision: None,
        }
    }
}

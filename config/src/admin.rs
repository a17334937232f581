//! `[admin]`: where operators look at a running process and tell it to reload.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::net::SocketAddr;
use std::path::PathBuf;

/// `[admin]`: a listener apart from that of clients: `POST /v1/reload`, `GET /v1/state`, `/metrics`,
/// `/livez`, `/readyz`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Admin {
    /// Address and port; none when absent. Any other address than a loopback one needs a token.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>", extend("format" = "socket-address"), example = &"127.0.0.1:8082")]
    pub address: Option<SocketAddr>,
    /// File with the token that callers send as `Authorization: Bearer <token>`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>", example = &"/etc/parallax/admin.token")]
    pub token_file: Option<PathBuf>,
    /// Environment variable with that token, used where no file is named.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"ADMIN_TOKEN")]
    pub token_env: Option<String>,
}

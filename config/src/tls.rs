//! `[listen.tls]` and `[roles.*.tls]`: files of certificates and keys, in PEM.
//!
//! A key is named by its file and never written into the configuration, which is shown and logged.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// TLS with clients: HTTP/1.1 or HTTP/2, as ALPN finds. Changed files are noticed and used for new connections.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ListenTls {
    /// File with the certificate chain, the server's own certificate first.
    #[schemars(example = &"tls/server.pem")]
    pub certificate: String,
    /// File with the private key.
    #[schemars(example = &"tls/server.key")]
    pub key: String,
    /// File with the roots of clients' certificates; a client without one is then refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"tls/clients.pem")]
    pub client_roots: Option<String>,
    /// Other certificates, by the name that the client asks for; the one above is for all other names.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub names: Vec<NamedCertificate>,
}

/// A certificate for some server names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NamedCertificate {
    /// Server names; `*.shop.example` stands for one more label.
    #[schemars(extend("examples" = [["shop.example", "*.shop.example"]]))]
    pub names: Vec<String>,
    /// File with the certificate chain.
    #[schemars(example = &"tls/shop.pem")]
    pub certificate: String,
    /// File with the private key.
    #[schemars(example = &"tls/shop.key")]
    pub key: String,
}

/// TLS with a role whose URL is `https://`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RoleTls {
    /// File with the roots that are trusted; the system's when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"tls/roots.pem")]
    pub roots: Option<String>,
    /// The name to ask for and to find in the role's certificate; the URL's host when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"orders.internal")]
    pub server_name: Option<String>,
    /// File with this proxy's certificate chain, for a role that asks for one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"tls/proxy.pem")]
    pub certificate: Option<String>,
    /// File with the key of `certificate`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"tls/proxy.key")]
    pub key: Option<String>,
}

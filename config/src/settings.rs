//! The configuration file as a whole.

use crate::{
    AccessLog, Admin, KeySource, ListenTls, Mirror, Policy, Redact, Roles, Route, Rule, Span, Traces,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::net::SocketAddr;
use std::path::PathBuf;

/// One validation: what listens, who answers, what is mirrored, what may differ, and the policy.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Where clients connect.
    #[serde(default)]
    pub listen: Listen,
    /// Where the verdict is served.
    #[serde(default)]
    pub console: Console,
    /// Where operators look at the process and tell it to reload.
    #[serde(default)]
    pub admin: Admin,
    /// Who answers.
    pub roles: Roles,
    /// What is mirrored; every GET and HEAD when empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub routes: Vec<Route>,
    /// Where the cluster key is found, first present wins; the connection when empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("examples" = [["header:x-user-id", "cookie:session", "connection"]]))]
    pub key: Vec<KeySource>,
    /// How much is mirrored, and until when.
    #[serde(default)]
    pub mirror: Mirror,
    /// What must not leave memory.
    #[serde(default)]
    pub redact: Redact,
    /// A protobuf descriptor set (`protoc --include_imports --descriptor_set_out=FILE`): gRPC answers
    /// are compared by the names of their fields; by field numbers when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"api.binpb")]
    pub descriptors: Option<PathBuf>,
    /// What may differ.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<Rule>,
    /// What counts as worse, how sure to be, how long to wait.
    #[serde(default)]
    pub policy: Policy,
    /// Who is told of each change of the verdict's state.
    #[serde(default)]
    pub webhook: Webhook,
    /// Bounds of the data plane.
    #[serde(default)]
    pub limits: Limits,
    /// What is written of each live request.
    #[serde(default)]
    pub access_log: AccessLog,
    /// What a collector is told.
    #[serde(default)]
    pub traces: Traces,
    /// Where evidence is kept.
    #[serde(default)]
    pub log: Log,
}

impl Config {
    /// These deployments with every other key at its default.
    #[must_use]
    pub fn of(roles: Roles) -> Self {
        Self {
            listen: Listen::default(),
            console: Console::default(),
            admin: Admin::default(),
            roles,
            routes: Vec::new(),
            key: Vec::new(),
            mirror: Mirror::default(),
            redact: Redact::default(),
            descriptors: None,
            rules: Vec::new(),
            policy: Policy::default(),
            webhook: Webhook::default(),
            limits: Limits::default(),
            access_log: AccessLog::default(),
            traces: Traces::default(),
            log: Log::default(),
        }
    }
}

/// `[listen]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Listen {
    /// Address and port; port 0 picks a free one.
    #[schemars(with = "String", extend("format" = "socket-address"))]
    pub address: SocketAddr,
    /// Listener threads, one current-thread runtime each; the number of cores when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1024), example = 2, extend("x-unit" = "threads"))]
    pub threads: Option<usize>,
    /// TLS with clients; none when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls: Option<ListenTls>,
}

impl Default for Listen {
    fn default() -> Self {
        Self { address: SocketAddr::from(([127, 0, 0, 1], 8080)), threads: None, tls: None }
    }
}

/// `[console]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Console {
    /// Address and port of the page and the API; loopback by default, port 0 picks a free one.
    #[schemars(with = "String", extend("format" = "socket-address"))]
    pub address: SocketAddr,
    /// File with a private ed25519 key (PKCS#8 PEM, as `parallax verdict keygen` writes it). With it
    /// every verdict is signed as it is published, so that a later step can check it offline.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>", example = &"/etc/parallax/signing.pem")]
    pub signing_key: Option<PathBuf>,
}

impl Default for Console {
    fn default() -> Self {
        Self { address: SocketAddr::from(([127, 0, 0, 1], 8081)), signing_key: None }
    }
}

/// `[webhook]`: a CloudEvent for each change of state, signed as Standard Webhooks describes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Webhook {
    /// Where events are posted to; nowhere when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"http://127.0.0.1:9000/parallax")]
    pub url: Option<String>,
    /// File with the roots that are trusted for an https address; the system's when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>", example = &"tls/roots.pem")]
    pub roots: Option<PathBuf>,
    /// File with the secret that requests are signed with: `whsec_` and base64, or any text.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>", example = &"/etc/parallax/webhook.secret")]
    pub secret_file: Option<PathBuf>,
    /// Environment variable with the secret; used where no file is named.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"WEBHOOK_SECRET")]
    pub secret_env: Option<String>,
    /// How long one attempt may take.
    #[schemars(extend("x-minimum" = "1ms"))]
    pub timeout: Span,
    /// Attempts for one event, the first included; pauses between them double from 1 s to 5 min.
    #[schemars(range(min = 1, max = 100), extend("x-unit" = "attempts"))]
    pub attempts: u32,
    /// Tell final verdicts only.
    pub only_final: bool,
}

impl Default for Webhook {
    fn default() -> Self {
        Self {
            url: None,
            roots: None,
            secret_file: None,
            secret_env: None,
            timeout: Span::secs(10),
            attempts: 10,
            only_final: false,
        }
    }
}

/// `[limits]`: every queue, body and wait of the data plane is bounded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Client connections per listener thread.
    #[schemars(range(min = 1), extend("x-unit" = "connections"))]
    pub connections: usize,
    /// Exchanges in flight at the mirror, per listener thread.
    #[schemars(range(min = 1), extend("x-unit" = "exchanges"))]
    pub copies_in_flight: usize,
    /// Bytes held by exchanges in flight, per listener thread.
    #[schemars(range(min = 1), extend("x-unit" = "bytes"))]
    pub copy_bytes: usize,
    /// Copies in flight to one role, per listener thread; beyond it that role's copy is refused.
    #[schemars(range(min = 1), extend("x-unit" = "copies"))]
    pub role_in_flight: usize,
    /// Bytes captured of one body; a longer response is compared by length and digest.
    #[schemars(range(min = 0), extend("x-unit" = "bytes"))]
    pub body_bytes: usize,
    /// Idle upstream connections kept per role and listener thread.
    #[schemars(range(min = 0), extend("x-unit" = "connections"))]
    pub idle_connections: usize,
    /// How long an idle upstream connection is kept; less than the time after which the roles'
    /// servers close one themselves, of which 5 s is a common default.
    pub idle_timeout: Span,
    /// Exchanges waiting for the comparator, all threads together.
    #[schemars(range(min = 1), extend("x-unit" = "exchanges"))]
    pub queue_exchanges: usize,
    /// Bytes waiting for the comparator, all threads together.
    #[schemars(range(min = 1), extend("x-unit" = "bytes"))]
    pub queue_bytes: usize,
    /// Size of a message head.
    #[schemars(range(min = 1024), extend("x-unit" = "bytes"))]
    pub header_bytes: usize,
    /// Streams that one HTTP/2 client may have open at a time.
    #[schemars(range(min = 1, max = 65535), extend("x-unit" = "streams"))]
    pub h2_streams: u32,
    /// Streams that an HTTP/2 client may reset before they were served; beyond it the connection ends.
    #[schemars(range(min = 1, max = 65535), extend("x-unit" = "streams"))]
    pub h2_resets: usize,
    /// How long a client may take to send a request's head.
    #[schemars(extend("x-minimum" = "1ms"))]
    pub header_timeout: Span,
    /// How long a connection to a role may take to be made.
    #[schemars(extend("x-minimum" = "1ms"))]
    pub connect_timeout: Span,
    /// How often the names of roles' hosts are looked up again.
    #[schemars(extend("x-minimum" = "1s"))]
    pub resolve_interval: Span,
    /// How long the primary may take until the head of its response.
    #[schemars(extend("x-minimum" = "1ms"))]
    pub primary_timeout: Span,
    /// How long a shutdown waits for requests in flight.
    pub drain_timeout: Span,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 10_000,
            copies_in_flight: 4_096,
            copy_bytes: 64 << 20,
            role_in_flight: 1_024,
            body_bytes: 1 << 20,
            idle_connections: 256,
            idle_timeout: Span::secs(4),
            queue_exchanges: 16_384,
            queue_bytes: 128 << 20,
            header_bytes: 64 << 10,
            h2_streams: 128,
            h2_resets: 20,
            header_timeout: Span::secs(15),
            connect_timeout: Span::secs(5),
            resolve_interval: Span::secs(30),
            primary_timeout: Span::secs(60),
            drain_timeout: Span::secs(10),
        }
    }
}

/// `[log]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Log {
    /// `file:DIRECTORY`.
    pub url: String,
    /// Bytes after which a new segment file is begun.
    #[schemars(range(min = 4096), extend("x-unit" = "bytes"))]
    pub segment_bytes: u64,
    /// Bytes of all segments together, after which the oldest is removed.
    #[schemars(range(min = 8192), extend("x-unit" = "bytes"))]
    pub total_bytes: u64,
}

impl Default for Log {
    fn default() -> Self {
        Self { url: "file:parallax-log".to_owned(), segment_bytes: 64 << 20, total_bytes: 4 << 30 }
    }
}

//! `[redact]`: what must not leave memory.

use crate::credentials::{CREDENTIAL_HEADERS, SESSION_COOKIES};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// `[redact]`: values that are replaced by keyed tokens before an exchange reaches the log, a report or
/// the console. Equal values give equal tokens, so that builds still compare.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Redact {
    /// `header:<name>`, `cookie:<name>`, `query:<name>` or `body:<JSON pointer with * and **>`, in
    /// requests and answers alike; `cookie:*` and `query:*` are all of them. Absent, the usual credentials
    /// and session cookies. A recording that is to be replayed with its credentials needs `[]`.
    pub places: Vec<String>,
    /// What becomes of a body in which a `body:` place cannot be looked for.
    pub unreadable: UnreadableBody,
    /// File with the key of the tokens; needed where tokens of several proxies or runs are to be equal.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>", example = &"/etc/parallax/redaction.key")]
    pub key_file: Option<PathBuf>,
    /// Environment variable with that key, used where no file is named; with neither, a random key of
    /// this process.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"REDACTION_KEY")]
    pub key_env: Option<String>,
}

/// What becomes of a body that is no JSON, JSON lines or form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum UnreadableBody {
    /// It is replaced whole by its length and a keyed digest.
    #[default]
    Replace,
    /// It stays: for services whose other bodies are known to hold nothing.
    Keep,
}

impl Default for Redact {
    fn default() -> Self {
        let headers = CREDENTIAL_HEADERS.map(|name| format!("header:{name}"));
        let cookies = SESSION_COOKIES.map(|name| format!("cookie:{name}"));
        Self {
            places: headers.into_iter().chain(cookies).collect(),
            unreadable: UnreadableBody::Replace,
            key_file: None,
            key_env: None,
        }
    }
}

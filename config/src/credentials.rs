//! Names that say "credential" in most services: the one list behind redaction, stripped copies and reports.
//!
//! Names are whole names, never parts of them, in lower case. What a service calls otherwise is for its
//! configuration to add.

/// Headers whose values are credentials; cookies are named apart, since a list of them holds other things too.
pub const CREDENTIAL_HEADERS: [&str; 11] = [
    "authorization",
    "proxy-authorization",
    "x-api-key",
    "api-key",
    "x-auth-token",
    "x-access-token",
    "x-csrf-token",
    "x-xsrf-token",
    "x-amz-security-token",
    "x-goog-api-key",
    "statsig-api-key",
];

/// Cookies that carry a session with the usual frameworks.
pub const SESSION_COOKIES: [&str; 7] =
    ["session", "sessionid", "session_id", "sid", "connect.sid", "JSESSIONID", "PHPSESSID"];

//! What people who look at examples must not see: credentials.
//!
//! Names are whole names, never parts of them: a rule that hides `token_count` because it holds
//! `token` would hide evidence. What a service calls otherwise is not known here; the proxy is the
//! place to remove it before it is captured.

use crate::diff::{Difference, Part};
use http::{HeaderName, HeaderValue};
use parallax_config::CREDENTIAL_HEADERS;
use regex::{Captures, Regex};
use std::borrow::Cow;
use std::sync::LazyLock;

/// What stands in place of a secret.
pub(super) const REDACTED: &str = "[redacted]";

/// Members, parameters and fields whose values are credentials, in lower case.
const NAMES: [&str; 13] = [
    "password",
    "passwd",
    "secret",
    "token",
    "access_token",
    "refresh_token",
    "id_token",
    "auth_token",
    "api_key",
    "apikey",
    "client_secret",
    "private_key",
    "authorization",
];

/// A member of JSON with a string, which may be cut off at the end of the text.
static MEMBER: LazyLock<Regex> = LazyLock::new(|| {
    let names = NAMES.join("|");
    Regex::new(&format!(r#"(?i)("(?:{names})"\s*:\s*)"(?:[^"\\]|\\.)*(?:"|\\?\z)"#))
        .expect("a constant pattern")
});

/// A parameter of a query or a field of a form.
static PARAMETER: LazyLock<Regex> = LazyLock::new(|| {
    let names = NAMES.join("|");
    Regex::new(&format!(r"(?im)((?:^|[?&])(?:{names})=)[^&\s#]+")).expect("a constant pattern")
});

/// Whether a header, by its name in lower case, is nothing but credentials.
fn is_credential(name: &str) -> bool {
    name == "cookie" || CREDENTIAL_HEADERS.contains(&name)
}

/// The value of a header for people.
pub(super) fn header(name: &HeaderName, value: &HeaderValue) -> Vec<u8> {
    if is_credential(name.as_str()) {
        return REDACTED.into();
    }
    if name == http::header::SET_COOKIE {
        return set_cookie(value.as_bytes());
    }
    match std::str::from_utf8(value.as_bytes()) {
        Ok(value) => text(value).into_owned().into(),
        Err(_) => value.as_bytes().to_vec(),
    }
}

/// The name and the attributes stay: they are what differs where a cookie is set wrongly.
fn set_cookie(value: &[u8]) -> Vec<u8> {
    let end = value.iter().position(|byte| *byte == b';').unwrap_or(value.len());
    let name = value[..end].iter().position(|byte| *byte == b'=').map_or(0, |at| at + 1);
    [&value[..name], REDACTED.as_bytes(), &value[end..]].concat()
}

/// A body, a target or a part of one.
pub(crate) fn text(text: &str) -> Cow<'_, str> {
    let hide = |found: &Captures<'_>, with: &str| format!("{}{with}", &found[1]);
    let members = MEMBER.replace_all(text, |found: &Captures<'_>| hide(found, "\"[redacted]\""));
    match PARAMETER.replace_all(&members, |found: &Captures<'_>| hide(found, REDACTED)) {
        Cow::Owned(text) => Cow::Owned(text),
        Cow::Borrowed(_) => members,
    }
}

/// A difference without the credentials in its sides.
pub(crate) fn difference(found: &Difference) -> Difference {
    let last = found.path.rsplit('/').next().unwrap_or_default().to_ascii_lowercase();
    let is_secret = match found.part {
        Part::Header | Part::Trailer => is_credential(&found.path),
        Part::Cookie => !found.path.contains(';'),
        _ => NAMES.contains(&last.as_str()),
    };
    let side = |side: &Option<String>| {
        side.as_deref().map(|side| if is_secret { REDACTED.to_owned() } else { text(side).into_owned() })
    };
    let note = found.note.as_deref().map(|note| text(note).into_owned());
    Difference { left: side(&found.left), right: side(&found.right), note, ..found.clone() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diff::Kind;

    #[test]
    fn credentials_are_removed_and_nothing_else() {
        let cases = [
            (
                r#"{"token":"abc","token_count":3,"a":"token"}"#,
                r#"{"token":"[redacted]","token_count":3,"a":"token"}"#,
            ),
            (r#"{"Password" : "a\"b", "x":"y"}"#, r#"{"Password" : "[redacted]", "x":"y"}"#),
            (r#"{"secret":"cut of"#, r#"{"secret":"[redacted]""#),
            ("/a?b=1&api_key=xyz&c=2#d", "/a?b=1&api_key=[redacted]&c=2#d"),
            ("password=1&user=2", "password=[redacted]&user=2"),
            ("my_password=1", "my_password=1"),
        ];
        for (before, after) in cases {
            assert_eq!(text(before), after);
        }
        let value = |name: &'static str, value: &'static str| {
            header(&HeaderName::from_static(name), &HeaderValue::from_static(value))
        };
        assert_eq!(value("authorization", "Basic eDp5"), b"[redacted]");
        assert_eq!(value("set-cookie", "id=7; Path=/; Secure"), b"id=[redacted]; Path=/; Secure");
        assert_eq!(value("x-request-id", "7"), b"7");
    }

    #[test]
    fn sides_of_differences_are_redacted_by_their_place() {
        let of = |part, path: &str| {
            let side = |text: &str| Some(text.to_owned());
            let found = Difference {
                part,
                path: path.to_owned(),
                pattern: path.to_owned(),
                kind: Kind::Value,
                left: side("s3cr3t"),
                right: None,
                note: None,
            };
            difference(&found).left.unwrap()
        };
        assert_eq!(of(Part::Cookie, "id"), REDACTED);
        assert_eq!(of(Part::Cookie, "id;path"), "s3cr3t");
        assert_eq!(of(Part::Body, "/user/Access_Token"), REDACTED);
        assert_eq!(of(Part::Body, "/user/token_count"), "s3cr3t");
        assert_eq!(of(Part::Header, "authorization"), REDACTED);
    }
}

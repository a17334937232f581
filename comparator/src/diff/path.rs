//! Where in a JSON value: one step a level, borrowed from the text until a difference is recorded.

use super::json::RawStr;
use std::borrow::Cow;
use std::fmt::Write;

/// One step down into a JSON value.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Step<'a> {
    /// Into the member of this name.
    Key(RawStr<'a>),
    /// Into the element at this position.
    Index(usize),
}

/// The JSON Pointer (RFC 6901) of a path.
pub(crate) fn pointer(path: &[Step<'_>]) -> String {
    write(path, false)
}

/// The pointer with array indices and map-like keys generalised to `*`.
pub(crate) fn pattern(path: &[Step<'_>]) -> String {
    write(path, true)
}

fn write(path: &[Step<'_>], general: bool) -> String {
    let mut out = String::with_capacity(path.len() * 10);
    for step in path {
        out.push('/');
        match step {
            Step::Index(_) if general => out.push('*'),
            Step::Index(index) => write!(out, "{index}").expect("a String takes any text"),
            Step::Key(key) => match key.unescaped() {
                key if general && is_map_like(&key) => out.push('*'),
                key => push_escaped(&key, &mut out),
            },
        }
    }
    out
}

/// Writes one reference token: `~` and `/` escaped, bytes that are not UTF-8 replaced.
fn push_escaped(token: &[u8], out: &mut String) {
    if let Ok(token) = std::str::from_utf8(token)
        && !token.contains(['~', '/'])
    {
        return out.push_str(token);
    }
    for character in String::from_utf8_lossy(token).chars() {
        match character {
            '~' => out.push_str("~0"),
            '/' => out.push_str("~1"),
            other => out.push(other),
        }
    }
}

/// Undoes the escapes of one reference token.
pub(crate) fn unescape_token(token: &str) -> Cow<'_, str> {
    if token.contains('~') { token.replace("~1", "/").replace("~0", "~").into() } else { token.into() }
}

/// Whether a key looks like data rather than a name: a number, a UUID, a date or a long hex string.
///
/// Such keys make a path of their own for each value and would spread one fault over thousands of
/// paths.
pub(crate) fn is_map_like(key: &[u8]) -> bool {
    /// Shorter hex strings are too often words (`facade`, `decade`).
    const HEX_MIN: usize = 16;
    let digits = key.iter().filter(|b| b.is_ascii_digit()).count();
    if digits == 0 {
        return false;
    }
    let numeric = key.iter().all(|b| b.is_ascii_digit() || matches!(b, b'.' | b'-' | b':' | b'+'));
    let hex = || key.iter().all(|b| b.is_ascii_hexdigit() || *b == b'-');
    // Numbers, dates and times consist of digits and their separators.
    (numeric && !matches!(key[0], b'.' | b':' | b'+')) || (key.len() >= HEX_MIN && hex())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_like_keys_are_told_from_names() {
        for key in
            ["0", "42", "2026-11-22", "3f2504e0-4f89-11d3-9a0c-0305e82c3301", "0123456789abcdef", "-1.5"]
        {
            assert!(is_map_like(key.as_bytes()), "{key}");
        }
        for key in ["", "id", "v1", "sha256", "facade", "p99", "x-1", "deadbeefdeadbeef", "a1b2"] {
            assert!(!is_map_like(key.as_bytes()), "{key}");
        }
    }

    #[test]
    fn pointers_escape_slash_and_tilde() {
        let path =
            [Step::Key(RawStr::new(b"a/b~c", false)), Step::Index(3), Step::Key(RawStr::new(b"42", false))];
        assert_eq!(pointer(&path), "/a~1b~0c/3/42");
        assert_eq!(pattern(&path), "/a~1b~0c/*/*");
        assert_eq!(unescape_token("a~1b~0c~01"), "a/b~c~1");
    }
}

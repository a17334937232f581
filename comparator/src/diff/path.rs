//! Where in a JSON value: one step a level, borrowed from the text until a difference is recorded.

use super::json::RawStr;
use std::borrow::Cow;

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
    let mut out = String::with_capacity(path.len() * 12);
    for step in path {
        out.push('/');
        push(step, &mut out);
    }
    out
}

/// The pointer with array indices and map-like keys generalised to `*`; `pointer` is that of `path`.
pub(crate) fn pattern(path: &[Step<'_>], pointer: &str) -> String {
    if !path.iter().any(is_general) {
        return pointer.to_owned();
    }
    let mut out = String::with_capacity(pointer.len());
    for step in path {
        out.push('/');
        if is_general(step) {
            out.push('*');
        } else {
            push(step, &mut out);
        }
    }
    out
}

fn is_general(step: &Step<'_>) -> bool {
    match step {
        Step::Index(_) => true,
        Step::Key(key) => is_map_like(key.0),
    }
}

fn push(step: &Step<'_>, out: &mut String) {
    match step {
        Step::Index(index) => push_index(*index, out),
        Step::Key(key) => push_escaped(&key.unescaped(), out),
    }
}

/// Decimal digits, without the machinery of `write!`.
fn push_index(index: usize, out: &mut String) {
    if index >= 10 {
        push_index(index / 10, out);
    }
    out.push(char::from(b'0' + (index % 10) as u8));
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
        let path = [Step::Key(RawStr(b"a/b~c")), Step::Index(3), Step::Key(RawStr(b"42"))];
        assert_eq!(pointer(&path), "/a~1b~0c/3/42");
        assert_eq!(pattern(&path, "/a~1b~0c/3/42"), "/a~1b~0c/*/*");
        assert_eq!(pointer(&[Step::Index(0), Step::Index(1050)]), "/0/1050");
        assert_eq!(unescape_token("a~1b~0c~01"), "a/b~c~1");
    }
}

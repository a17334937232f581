//! Where in a JSON value: one step a level, borrowed from the text until a difference is recorded.

use super::json::RawStr;
use smallvec::SmallVec;
use std::borrow::Cow;

/// One step down into a JSON value.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Step<'a> {
    /// Into the member of this name.
    Key(RawStr<'a>),
    /// Into the element at this position.
    Index(usize),
}

/// The JSON Pointer (RFC 6901) of a path, and the same with array indices and map-like keys generalised
/// to `*`: a difference is told by both, so they are written in one go.
pub(crate) fn texts(path: &[Step<'_>]) -> (String, String) {
    let mut pointer = Vec::with_capacity(path.len() * 12);
    let mut general: SmallVec<[(usize, usize); 8]> = SmallVec::new();
    for step in path {
        pointer.push(b'/');
        let start = pointer.len();
        if push(step, &mut pointer) {
            general.push((start, pointer.len()));
        }
    }
    let pointer = text(pointer);
    let mut pattern = String::with_capacity(pointer.len());
    let mut from = 0;
    for (start, end) in general {
        pattern.push_str(&pointer[from..start]);
        pattern.push('*');
        from = end;
    }
    pattern.push_str(&pointer[from..]);
    (pointer, pattern)
}

/// The JSON Pointer of a path.
pub(crate) fn pointer(path: &[Step<'_>]) -> String {
    let mut out = Vec::with_capacity(path.len() * 12);
    for step in path {
        out.push(b'/');
        push(step, &mut out);
    }
    text(out)
}

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).expect("tokens are written as UTF-8")
}

/// Appends the token of a step; returns whether a pattern has `*` instead.
fn push(step: &Step<'_>, out: &mut Vec<u8>) -> bool {
    match step {
        Step::Index(index) => {
            push_index(*index, out);
            true
        }
        Step::Key(RawStr(key)) => {
            let signs = key.iter().fold(0, |signs, byte| signs | SIGNS[usize::from(*byte)]);
            if signs & SPECIAL == 0 {
                out.extend_from_slice(key);
            } else {
                push_escaped(&RawStr(key).unescaped(), out);
            }
            signs & DIGIT != 0 && is_map_like(key)
        }
    }
}

/// A byte that is not copied as it is: it begins an escape, is escaped in a token, or is beyond ASCII.
const SPECIAL: u8 = 1;
/// A digit: without one no key is map-like.
const DIGIT: u8 = 2;

/// What a byte of a key calls for.
static SIGNS: [u8; 256] = {
    let mut signs = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        signs[byte] = match byte as u8 {
            b'\\' | b'~' | b'/' | 0x80.. => SPECIAL,
            b'0'..=b'9' => DIGIT,
            _ => 0,
        };
        byte += 1;
    }
    signs
};

/// Decimal digits, without the machinery of `write!`.
fn push_index(index: usize, out: &mut Vec<u8>) {
    if index >= 10 {
        push_index(index / 10, out);
    }
    out.push(b'0' + (index % 10) as u8);
}

/// Writes one reference token: `~` and `/` escaped, bytes that are not UTF-8 replaced.
fn push_escaped(token: &[u8], out: &mut Vec<u8>) {
    let token = String::from_utf8_lossy(token);
    for byte in token.bytes() {
        match byte {
            b'~' => out.extend_from_slice(b"~0"),
            b'/' => out.extend_from_slice(b"~1"),
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
        assert_eq!(texts(&path), ("/a~1b~0c/3/42".to_owned(), "/a~1b~0c/*/*".to_owned()));
        let path =
            [Step::Key(RawStr(b"a\\u0042")), Step::Key(RawStr("ö".as_bytes())), Step::Key(RawStr(b"v1"))];
        assert_eq!(texts(&path), ("/aB/ö/v1".to_owned(), "/aB/ö/v1".to_owned()));
        assert_eq!(pointer(&[Step::Index(0), Step::Index(1050)]), "/0/1050");
        assert_eq!(unescape_token("a~1b~0c~01"), "a/b~c~1");
    }
}

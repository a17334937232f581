//! JSON strings as written, and as meant.

use std::borrow::Cow;

/// The inside of a JSON string as written, between its quotes; its escapes are well-formed.
///
/// Two words, so that it travels in registers: whether it has escapes is looked up when it matters.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RawStr<'a>(pub(crate) &'a [u8]);

impl<'a> RawStr<'a> {
    /// Whether two strings mean the same: `"\u0041"` and `"A"` do.
    #[inline]
    pub(crate) fn same(&self, other: &Self) -> bool {
        self.0 == other.0 || self.means_same(other)
    }

    #[cold]
    fn means_same(&self, other: &Self) -> bool {
        (self.has_escapes() || other.has_escapes()) && self.unescaped() == other.unescaped()
    }

    /// Whether the string is not written as it is meant.
    pub(crate) fn has_escapes(&self) -> bool {
        memchr::memchr(b'\\', self.0).is_some()
    }

    /// Whether the string means exactly `plain`.
    pub(crate) fn is(&self, plain: &[u8]) -> bool {
        self.0 == plain || (self.has_escapes() && *self.unescaped() == *plain)
    }

    /// The bytes that the string means.
    ///
    /// A pair of surrogate escapes is one character; a lone one keeps its code in three bytes, so
    /// that it equals itself only.
    pub(crate) fn unescaped(&self) -> Cow<'a, [u8]> {
        if self.has_escapes() { Cow::Owned(unescape(self.0)) } else { Cow::Borrowed(self.0) }
    }
}

fn unescape(mut rest: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(rest.len());
    while let Some(at) = memchr::memchr(b'\\', rest) {
        out.extend_from_slice(&rest[..at]);
        let code = rest.get(at + 1).copied().unwrap_or_default();
        if code == b'u' {
            rest = &rest[at..];
            rest = &rest[push_unicode(rest, &mut out)..];
            continue;
        }
        out.push(match code {
            b'b' => 0x08,
            b'f' => 0x0c,
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            other => other,
        });
        rest = rest.get(at + 2..).unwrap_or_default();
    }
    out.extend_from_slice(rest);
    out
}

/// Decodes the `\uXXXX` (or the pair of them) at the start of `text`; returns its length.
fn push_unicode(text: &[u8], out: &mut Vec<u8>) -> usize {
    let first = unit(text).unwrap_or_default();
    if (0xd800..0xdc00).contains(&first)
        && let Some(second @ 0xdc00..=0xdfff) = text.get(6..).and_then(unit)
    {
        push_code(0x1_0000 + ((first - 0xd800) << 10) + (second - 0xdc00), out);
        return 12;
    }
    push_code(first, out);
    6.min(text.len())
}

/// The code unit of the `\uXXXX` at the start of `text`.
fn unit(text: &[u8]) -> Option<u32> {
    let hex = text.strip_prefix(b"\\u")?.get(..4)?;
    u32::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok()
}

fn push_code(code: u32, out: &mut Vec<u8>) {
    match char::from_u32(code) {
        Some(character) => out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes()),
        None => out.extend([
            0xe0 | (code >> 12) as u8,
            0x80 | (code >> 6 & 0x3f) as u8,
            0x80 | (code & 0x3f) as u8,
        ]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meant(text: &str) -> Vec<u8> {
        RawStr(text.as_bytes()).unescaped().into_owned()
    }

    #[test]
    fn escapes_mean_what_they_stand_for() {
        assert_eq!(meant(r#"a\"\\\/\b\f\n\r\tz"#), b"a\"\\/\x08\x0c\n\r\tz");
        assert_eq!(meant(r"\u0041\u00e9\u20ac"), "Aé€".as_bytes());
        assert_eq!(meant(r"\ud83d\ude00!"), "😀!".as_bytes());
    }

    #[test]
    fn a_lone_surrogate_equals_itself_only() {
        assert_eq!(meant(r"\ud83d"), [0xed, 0xa0, 0xbd]);
        assert_ne!(meant(r"\ud83d"), meant(r"\ud83e"));
        assert_ne!(meant(r"\ud83dx"), meant(r"\ud83d\ude00"));
        assert_eq!(meant(r"\ud83d\u0041"), [0xed, 0xa0, 0xbd, b'A']);
    }
}

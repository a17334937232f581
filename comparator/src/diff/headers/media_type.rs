//! Media types: `text/html; charset=utf-8` and `Text/HTML;charset="UTF-8"` mean the same
//! (RFC 9110, 8.3.1).

use std::borrow::Cow;

/// A media type taken apart; type, subtype and parameter names are compared without case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct MediaType {
    /// Type and subtype in lower case, such as `application/json`; empty where none is given.
    pub(crate) essence: String,
    /// Parameters sorted by their lower-case names; quotes undone.
    parameters: Vec<(String, String)>,
}

impl MediaType {
    /// Reads a `Content-Type`; never fails, as any text has a first part.
    pub(crate) fn read(value: &[u8]) -> Self {
        let text = String::from_utf8_lossy(value);
        let mut parts = split(&text).into_iter();
        let essence = parts.next().unwrap_or_default().to_ascii_lowercase();
        let mut parameters: Vec<_> = parts.filter(|part| !part.is_empty()).map(parameter).collect();
        parameters.sort_unstable();
        Self { essence, parameters }
    }

    /// The value of a parameter, by its lower-case name; the first where it is repeated.
    pub(crate) fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// Whether two values name the same media type with the same parameters. The boundary of a
    /// multipart is made up for each message, and its parts are compared.
    pub(crate) fn same(&self, other: &Self) -> bool {
        let uncounted = if self.essence.starts_with("multipart/") { "boundary" } else { "" };
        self.same_without(uncounted, other)
    }

    fn same_without(&self, uncounted: &str, other: &Self) -> bool {
        let counts = |parameter: &&(String, String)| parameter.0 != uncounted;
        self.essence == other.essence
            && self.parameters.iter().filter(counts).eq(other.parameters.iter().filter(counts))
    }
}

/// Whether two values name the same media type.
pub(super) fn same(left: &[u8], right: &[u8]) -> bool {
    MediaType::read(left).same(&MediaType::read(right))
}

/// Whether two values name the same media type in other charsets.
pub(super) fn same_but_charset(left: &[u8], right: &[u8]) -> bool {
    MediaType::read(left).same_without("charset", &MediaType::read(right))
}

/// The parts between semicolons, those in quotes left alone.
fn split(text: &str) -> Vec<&str> {
    let (mut parts, mut start, mut quoted) = (Vec::new(), 0, false);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'"' => quoted = !quoted,
            b';' if !quoted => {
                parts.push(text[start..at].trim());
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(text[start..].trim());
    parts
}

fn parameter(part: &str) -> (String, String) {
    let (name, value) = part.split_once('=').unwrap_or((part, ""));
    let name = name.trim().to_ascii_lowercase();
    let value = unquoted(value.trim());
    // Names of charsets have no case (RFC 9110, 8.3.2).
    let value = if name == "charset" { value.to_ascii_lowercase() } else { value.into_owned() };
    (name, value)
}

fn unquoted(value: &str) -> Cow<'_, str> {
    match value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) {
        Some(inner) if inner.contains('\\') => {
            let mut characters = inner.chars();
            let mut out = String::with_capacity(inner.len());
            while let Some(character) = characters.next() {
                out.extend(if character == '\\' { characters.next() } else { Some(character) });
            }
            out.into()
        }
        Some(inner) => inner.into(),
        None => value.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_one_media_type_are_the_same() {
        let plain = b"text/html; charset=utf-8";
        for other in
            [&b"Text/HTML;Charset=\"utf-8\""[..], b"text/html; charset=UTF-8", b"text/html ;charset=utf-8;"]
        {
            assert!(same(plain, other), "{}", String::from_utf8_lossy(other));
        }
        assert!(!same(plain, b"text/html"));
        assert!(same(b"multipart/mixed; boundary=A", b"multipart/mixed; boundary=a"));
        assert!(!same(b"multipart/mixed; boundary=A; x=1", b"multipart/mixed; boundary=a"));
        assert!(!same(b"text/x; boundary=A", b"text/x; boundary=a"));
        assert!(same(b"a/b; x=1; y=\"2;3\"", br#"a/b; y="2;\3"; x=1"#));
    }
}

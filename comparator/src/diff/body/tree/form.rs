//! Form fields (`application/x-www-form-urlencoded`): an object of texts.
//!
//! `a=1&b=x+y` is `{"a":"1","b":"x y"}`. The order of names means nothing, that of the values of one
//! name does, as for repeated JSON keys.

use super::Problem;
use super::writer::Writer;
use percent_encoding::percent_decode;
use std::borrow::Cow;

pub(super) fn push(body: &[u8], out: &mut Writer) -> Result<(), Problem> {
    out.object(|out| {
        // Files end with a line break that is no part of the form.
        for field in body.trim_ascii_end().split(|&byte| byte == b'&').filter(|field| !field.is_empty()) {
            let (name, value) = match memchr::memchr(b'=', field) {
                Some(at) => (&field[..at], &field[at + 1..]),
                None => (field, &b""[..]),
            };
            out.key(&decoded(name));
            out.string(&decoded(value));
        }
        Ok(())
    })
}

/// Undoes `+` and `%XX`; other percent signs stand for themselves (WHATWG URL, 5.1).
fn decoded(text: &[u8]) -> Vec<u8> {
    let spaced: Vec<u8> = text.iter().map(|&byte| if byte == b'+' { b' ' } else { byte }).collect();
    match Cow::from(percent_decode(&spaced)) {
        Cow::Borrowed(_) => spaced,
        Cow::Owned(decoded) => decoded,
    }
}

/// Whether a body without a type is a form: names and values, and nothing that a form would escape.
pub(in crate::diff::body) fn looks_like(body: &[u8]) -> bool {
    let body = body.trim_ascii_end();
    let is_name = |name: &[u8]| {
        !name.is_empty() && name.iter().all(|byte| byte.is_ascii_alphanumeric() || b"_-.[]%+".contains(byte))
    };
    body.split(|&byte| byte == b'&').all(|field| {
        memchr::memchr(b'=', field).is_some_and(|at| {
            let value = &field[at + 1..];
            is_name(&field[..at])
                && value.iter().all(|byte| byte.is_ascii_graphic() && !b"\"<>\\{}".contains(byte))
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diff::body::tree::tests::written;

    #[test]
    fn fields_are_decoded_and_kept_in_order() {
        let form = |body: &str| written("application/x-www-form-urlencoded", body.as_bytes()).unwrap();
        assert_eq!(
            form("a=1&b=x+y%26%C3%A9&&a=2&c&=d%3\n"),
            r#"{"a":"1","b":"x y&é","a":"2","c":"","":"d%3"}"#
        );
    }

    #[test]
    fn a_form_without_a_type_is_told_from_text() {
        assert!(looks_like(b"a=1&b%5B%5D=x+y") && looks_like(b"token=abc\n"));
        assert!(!looks_like(b"ok") && !looks_like(b"a = b") && !looks_like(b"x=<b>") && !looks_like(b""));
    }
}

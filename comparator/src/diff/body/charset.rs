//! Texts in other charsets than UTF-8, made UTF-8 before they are compared.
//!
//! The charset is that of the media type, or that of a byte order mark; a text that is not of its
//! charset stays as it is, so that damage is compared as bytes and never smoothed away.

use super::Piece;
use encoding_rs::{Encoding, UTF_8};
use std::borrow::Cow;

/// The text of `piece` in UTF-8, and the name of the charset that it was in.
pub(super) fn to_utf8<'a>(piece: &Piece<'a>) -> (Cow<'a, [u8]>, &'static str) {
    let bytes = piece.bytes;
    let declared = piece.media.as_ref().and_then(|media| media.parameter("charset"));
    let marked = Encoding::for_bom(bytes).map(|(encoding, _)| encoding);
    // A mark counts more than what is declared (WHATWG Encoding, 6).
    let encoding = marked.or_else(|| Encoding::for_label(declared?.as_bytes()));
    match encoding {
        Some(encoding) if encoding != UTF_8 => {
            let (text, damaged) = encoding.decode_with_bom_removal(bytes);
            let text =
                if damaged { Cow::Borrowed(bytes) } else { Cow::Owned(text.into_owned().into_bytes()) };
            (text, encoding.name())
        }
        _ => (Cow::Borrowed(bytes), UTF_8.name()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diff::headers::MediaType;

    fn utf8(mime: &str, bytes: &[u8]) -> Vec<u8> {
        to_utf8(&Piece { bytes, media: Some(MediaType::read(mime.as_bytes())), coding: None }).0.into_owned()
    }

    #[test]
    fn texts_of_known_charsets_become_utf8() {
        assert_eq!(utf8("text/plain; charset=iso-8859-1", b"caf\xe9"), "café".as_bytes());
        assert_eq!(utf8("text/html; charset=\"Shift_JIS\"", b"\x82\xa0"), "あ".as_bytes());
        assert_eq!(utf8("application/json; charset=utf-16le", b"[\x001\0]\0"), b"[1]");
        assert_eq!(utf8("application/json", b"\xfe\xff\0[\0]"), b"[]");
        assert_eq!(utf8("text/plain; charset=utf-8", b"\xff"), b"\xff");
    }

    #[test]
    fn damage_and_unknown_charsets_stay_as_they_are() {
        assert_eq!(utf8("text/plain; charset=utf-16le", b"a\0b"), b"a\0b");
        assert_eq!(utf8("text/plain; charset=klingon", b"\xe9"), b"\xe9");
    }
}

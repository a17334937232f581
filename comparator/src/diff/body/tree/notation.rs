//! How values that JSON does not have are written in it, so that nothing else is written alike.
//!
//! | value | written |
//! | --- | --- |
//! | byte string | `"h'00ff'"` |
//! | text that begins with `h'` or `t'` | `"t'…"` |
//! | key that is no text | `"#"` and the key as JSON, such as `#1` |
//! | text key that begins with `#` | `"##…"` |
//! | floating point | the shortest decimals that give it back; `NaN` and `Infinity` as tokens |

use super::writer::Writer;
use std::fmt::Write as _;

/// A byte string.
pub(super) fn bytes(bytes: &[u8], out: &mut Writer) {
    let mut text = String::with_capacity(bytes.len() * 2 + 3);
    text.push_str("h'");
    for byte in bytes {
        write!(text, "{byte:02x}").expect("a String takes any text");
    }
    text.push('\'');
    out.string(text.as_bytes());
}

/// A text, in a format that has byte strings as well.
pub(super) fn text(text: &[u8], out: &mut Writer) {
    if text.starts_with(b"h'") || text.starts_with(b"t'") {
        out.string(&[b"t'", text].concat());
    } else {
        out.string(text);
    }
}

/// A text as key, in a format that has other keys as well.
pub(super) fn text_key(key: &[u8], out: &mut Writer) {
    if key.starts_with(b"#") { out.key(&[b"#", key].concat()) } else { out.key(key) }
}

/// A key that is no text, given as JSON.
pub(super) fn other_key(key: &[u8], out: &mut Writer) {
    // A byte string: `#h'00'` reads better than with quotes inside.
    let plain = key.strip_prefix(b"\"").and_then(|key| key.strip_suffix(b"\""));
    out.key(&[b"#", plain.unwrap_or(key)].concat());
}

/// A number of double precision, exactly.
pub(super) fn double(number: f64, out: &mut Writer) {
    float(&format!("{number:?}"), out);
}

/// A number of single precision where both sides are known to be of it.
pub(super) fn single(number: f32, out: &mut Writer) {
    float(&format!("{number:?}"), out);
}

fn float(written: &str, out: &mut Writer) {
    out.token(match written {
        "inf" => b"Infinity",
        "-inf" => b"-Infinity",
        finite_or_nan => finite_or_nan.as_bytes(),
    });
}

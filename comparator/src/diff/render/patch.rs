//! For machines that change the left side into the right one.

use crate::compare::RuleError;
use crate::compare::fields::Fields;
use crate::diff::body::{self, Content};
use crate::diff::headers::MediaType;
use crate::diff::json::{self, Shape};
use crate::diff::sink::Sink;
use crate::diff::{Limits, patch::RepeatedKey};
use crate::mask::Masks;
use parallax_config::Rule;
use similar::TextDiff;

/// There is no patch.
#[derive(Debug, thiserror::Error)]
pub enum PatchError {
    /// A rule cannot be used.
    #[error(transparent)]
    Rule(#[from] RuleError),
    /// A side is not JSON although its type says so.
    #[error("no JSON patch: {0}")]
    Unparsable(String),
    /// An object holds a key more than once.
    #[error("no JSON patch: a key occurs more than once at {0}, and a pointer cannot tell which is meant")]
    RepeatedKey(String),
    /// The work limit was reached.
    #[error("no JSON patch: the two sides are too different to be compared within the work limit")]
    TooMuch,
    /// The content has no patch format.
    #[error("no patch of binary content: patches are made of JSON (RFC 6902) and of text (unified)")]
    Binary,
}

/// What turns the left file into the right one: a JSON Patch (RFC 6902) for JSON, a unified diff for
/// text, NDJSON and whole HTTP messages.
///
/// What rules hide is left out. `mime` as in [`files`](crate::diff::files).
///
/// # Errors
/// See [`PatchError`].
pub fn patch(left: &[u8], right: &[u8], mime: &str, rules: &[Rule]) -> Result<String, PatchError> {
    let declared = (!mime.is_empty()).then(|| MediaType::read(mime.as_bytes()));
    let of = |bytes| Content::of(declared.as_ref(), bytes);
    match (of(left), of(right)) {
        (Content::Json, Content::Json) => json_patch(left, right, rules),
        (Content::LooksLikeJson, Content::LooksLikeJson) => match json_patch(left, right, rules) {
            Err(PatchError::Unparsable(_)) => unified(left, right),
            made => made,
        },
        _ => unified(left, right),
    }
}

fn json_patch(left: &[u8], right: &[u8], rules: &[Rule]) -> Result<String, PatchError> {
    let masks = Masks::new(rules, None)?;
    let fields = Fields::default();
    let mut sink = Sink::new(&masks, &fields, Limits { differences: 0, ..Limits::FILES }).with_patch();
    json::compare(left, right, Shape::Value, &mut sink)
        .map_err(|fault| PatchError::Unparsable(json::fault_note(fault)))?;
    if sink.is_exhausted() {
        return Err(PatchError::TooMuch);
    }
    sink.into_patch().write().map_err(|RepeatedKey(at)| PatchError::RepeatedKey(at))
}

fn unified(left: &[u8], right: &[u8]) -> Result<String, PatchError> {
    if body::text_or_binary(&[left, right]) != Content::Text {
        return Err(PatchError::Binary);
    }
    let (left, right) = (String::from_utf8_lossy(left), String::from_utf8_lossy(right));
    let diff = TextDiff::from_lines(&*left, &*right);
    Ok(diff.unified_diff().header("left", "right").to_string())
}

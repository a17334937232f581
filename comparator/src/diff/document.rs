//! The document `parallax.diff/1`: what differs between two things, for scripts and renderers.

use super::body::{Piece, Schema, content};
use super::headers::MediaType;
use super::sink::Sink;
use super::{Difference, Kind, Limits, message};
use crate::compare::fields::Fields;
use crate::compare::{Comparison, RuleError, responses};
use crate::mask::Masks;
use parallax_config::Rule;
use serde::{Deserialize, Serialize};

/// What differs between a left and a right side.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Document {
    /// [`Document::SCHEMA`].
    pub schema: String,
    /// Whether nothing differs.
    pub equal: bool,
    /// Whether a bound was reached, so that more may differ.
    pub truncated: bool,
    /// What differs, bounded in number.
    pub differences: Vec<Difference>,
}

impl Document {
    /// Names the shape of the document; fields are added, never renamed.
    pub const SCHEMA: &'static str = "parallax.diff/1";
}

impl From<Comparison> for Document {
    fn from(Comparison { differences, truncated }: Comparison) -> Self {
        Self { schema: Self::SCHEMA.to_owned(), equal: differences.is_empty(), truncated, differences }
    }
}

/// Compares two files as bodies of the media type `mime`; with an empty one their first bytes decide.
///
/// `message/http` is a whole response with its head, see [`message::response`]. Rules that name a
/// route do not apply.
///
/// In a unit test:
///
/// ```
/// use parallax_comparator::diff::{files, render};
/// use parallax_config::{Action, Place, Rule};
///
/// let expected = br#"{"total": 1.0, "at": "2026-01-01T00:00:00Z", "items": [{"id": 1}]}"#;
/// let came = br#"{"items": [{"id": 1}], "total": 1, "at": "2026-01-02T00:00:00Z"}"#;
/// let at = Rule {
///     at: Place::try_from("body:/at".to_owned())?,
///     action: Action::try_from("class:timestamp".to_owned())?,
///     route: None,
///     owner: None,
///     expires: None,
/// };
/// let found = files(expected, came, "application/json", &[at]).expect("the rule can be used");
/// assert!(found.equal, "{}", render::terminal(&found, false));
/// # Ok::<(), String>(())
/// ```
///
/// # Errors
/// The first rule that cannot be used.
pub fn files(left: &[u8], right: &[u8], mime: &str, rules: &[Rule]) -> Result<Document, RuleError> {
    files_within(left, right, mime, rules, Limits::FILES)
}

/// [`files`] with bounds of the caller's choice.
///
/// # Errors
/// The first rule that cannot be used.
pub fn files_within(
    left: &[u8],
    right: &[u8],
    mime: &str,
    rules: &[Rule],
    limits: Limits,
) -> Result<Document, RuleError> {
    files_knowing(left, right, mime, rules, limits, None)
}

/// [`files_within`], with the types of protobuf and gRPC bodies.
///
/// # Errors
/// The first rule that cannot be used.
pub fn files_knowing(
    left: &[u8],
    right: &[u8],
    mime: &str,
    rules: &[Rule],
    limits: Limits,
    schema: Option<&Schema>,
) -> Result<Document, RuleError> {
    let masks = Masks::new(rules, None)?;
    let fields = Fields::default();
    let mut sink = Sink::new(&masks, &fields, limits).with_schema(schema, None);
    compare(left, right, mime, &mut sink);
    Ok(sink.finish().0.into())
}

pub(super) fn compare(left: &[u8], right: &[u8], mime: &str, sink: &mut Sink<'_>) {
    if left == right {
        return;
    }
    let declared = (!mime.is_empty()).then(|| MediaType::read(mime.as_bytes()));
    if declared.as_ref().is_some_and(|media| media.essence == "message/http") {
        messages(left, right, sink);
    } else if !sink.masks.ignores_body() {
        let piece = |bytes| Piece { bytes, media: declared.clone(), coding: None };
        content(&piece(left), &piece(right), sink);
    }
}

fn messages(left: &[u8], right: &[u8], sink: &mut Sink<'_>) {
    match (message::response(left), message::response(right)) {
        (Ok(left), Ok(right)) => responses(&left, &right, sink),
        (l, r) => {
            let note = |side, error: Option<message::MessageError>| Some(format!("{side}: {}", error?));
            let notes = [note("left", l.err()), note("right", r.err())];
            let note = notes.into_iter().flatten().collect::<Vec<_>>().join("; ");
            sink.whole_body(Kind::Unparsable, Some(left), Some(right), note);
        }
    }
}

//! A [`Document`] as people and other tools read it: pure functions from values to text.

mod html;
mod junit;
mod patch;
pub mod recordings;
mod terminal;
mod text;

pub use html::html;
pub use junit::junit;
pub use patch::{PatchError, patch};
pub use terminal::terminal;
pub(crate) use text::harmless;

use super::Document;

/// The document as JSON, with a line break at the end.
///
/// # Panics
/// Never: a document holds nothing that JSON cannot.
#[must_use]
pub fn json(document: &Document) -> String {
    let mut text = serde_json::to_string_pretty(document).expect("strings and booleans become JSON");
    text.push('\n');
    text
}

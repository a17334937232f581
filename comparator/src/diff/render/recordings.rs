//! Two joined recordings as people and other tools read them: the counts, then what differs.

use super::text::harmless;
use super::{html as page, junit as suite, terminal as blocks};
use crate::diff::recordings::Recordings;
use std::fmt::Write;

/// The whole as one JSON document, with a line break at the end.
///
/// # Panics
/// Never: a document holds nothing that JSON cannot.
#[must_use]
pub fn json(recordings: &Recordings) -> String {
    let mut text = serde_json::to_string_pretty(recordings).expect("strings and numbers become JSON");
    text.push('\n');
    text
}

/// Lines of text: the counts, the places that differ most, each listed difference with its request.
#[must_use]
pub fn terminal(recordings: &Recordings, color: bool) -> String {
    let mut out = recordings.summary() + "\n";
    let mut put = |text: String| writeln!(out, "{text}").expect("a String takes any text");
    for place in &recordings.places {
        let part = place.part.map(|part| format!("{} ", part.name())).unwrap_or_default();
        let kind = place.kind.map(|kind| format!("  {}", kind.name())).unwrap_or_default();
        let name = format!("{part}{}", place.pattern);
        put(format!("{:>8} × {}{kind}", place.exchanges, harmless(name.trim_end())));
    }
    if !recordings.equal {
        put(String::new());
        out.push_str(&blocks(&recordings.document(), color));
    }
    out
}

/// A page of its own; the counts stand with the names of the two sides.
#[must_use]
pub fn html(recordings: &Recordings, left: &str, right: &str) -> String {
    let tally = &recordings.exchanges;
    let side = |name: &str, count: u64| format!("{name} ({count} exchanges)");
    page(&recordings.document(), &side(left, tally.left), &side(right, tally.right))
}

/// A JUnit test suite called `name`: a case for each generalised place that differs.
#[must_use]
pub fn junit(recordings: &Recordings, name: &str) -> String {
    suite(&recordings.document(), name)
}

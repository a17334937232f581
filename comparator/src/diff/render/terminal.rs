//! For a terminal: one block a difference, left with `-`, right with `+`.

use super::text::{harmless, headline, place};
use crate::diff::{Difference, Document};
use std::fmt::Write;

/// The document as lines of text; `color` adds ANSI colours.
///
/// Control characters in the compared data are escaped, so that the data cannot steer the terminal.
#[must_use]
pub fn terminal(document: &Document, color: bool) -> String {
    let paint = Paint { color };
    let mut out = String::new();
    line(&mut out, &paint.bold(&headline(document)));
    for difference in &document.differences {
        block(&mut out, difference, &paint);
    }
    out
}

fn block(out: &mut String, difference: &Difference, paint: &Paint) {
    let title = paint.bold(&harmless(&place(difference)));
    let kind = paint.dim(difference.kind.name());
    out.push('\n');
    line(out, &format!("{title}  {kind}"));
    if let Some(note) = &difference.note {
        line(out, &paint.dim(&format!("  {}", harmless(note))));
    }
    for (sign, side, code) in [('-', &difference.left, "31"), ('+', &difference.right, "32")] {
        for text in side.iter().flat_map(|side| side.lines()) {
            line(out, &paint.with(code, &format!("  {sign} {}", harmless(text))));
        }
    }
}

fn line(out: &mut String, text: &str) {
    writeln!(out, "{text}").expect("a String takes any text");
}

struct Paint {
    color: bool,
}

impl Paint {
    fn with(&self, code: &str, text: &str) -> String {
        if self.color { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }

    fn bold(&self, text: &str) -> String {
        self.with("1", text)
    }

    fn dim(&self, text: &str) -> String {
        self.with("2", text)
    }
}

//! What all renderings share: names of places, counts, and escaping.

use crate::diff::{Difference, Document, Kind, Part};
use std::fmt::Write;

/// `1 difference`, `3 differences, and more were not listed`, `no difference`.
pub(super) fn headline(document: &Document) -> String {
    let count = match document.differences.len() {
        0 if document.equal => return "no difference".to_owned(),
        1 => "1 difference".to_owned(),
        more => format!("{more} differences"),
    };
    if document.truncated { format!("{count}, and more may differ: a limit was reached") } else { count }
}

/// Where a difference is: `body /a/0`, `header server`, `status`.
pub(super) fn place(difference: &Difference) -> String {
    match (difference.part, difference.path.as_str()) {
        (part, "") => part.name().to_owned(),
        (part, path) => format!("{} {path}", part.name()),
    }
}

impl Part {
    /// The name in documents.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Status => "status",
            Self::Header => "header",
            Self::Trailer => "trailer",
            Self::Cookie => "cookie",
            Self::Body => "body",
            Self::Event => "event",
        }
    }
}

impl Kind {
    /// The name in documents.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Extra => "extra",
            Self::Type => "type",
            Self::Value => "value",
            Self::Order => "order",
            Self::Length => "length",
            Self::Encoding => "encoding",
            Self::Unparsable => "unparsable",
        }
    }
}

/// Text for a terminal: control characters, which a compared server chose, are written as escapes
/// so that they cannot move the cursor or set colours. Line breaks and tabs stay.
pub(crate) fn harmless(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\n' | '\t' => out.push(character),
            c if c.is_control() || is_directional(c) => {
                write!(out, "\\u{{{:x}}}", u32::from(c)).expect("a String takes any text");
            }
            c => out.push(c),
        }
    }
    out
}

/// Characters that reorder the text around them.
fn is_directional(character: char) -> bool {
    matches!(character, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200e}' | '\u{200f}')
}

/// Text for XML and HTML, in elements and in attributes; what XML cannot hold is replaced.
pub(super) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '\n' | '\t' => out.push(character),
            '\u{fffe}' | '\u{ffff}' => out.push('\u{fffd}'),
            c if c.is_control() => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_cannot_steer_the_terminal_or_break_the_markup() {
        assert_eq!(harmless("a\x1b[31m\u{202e}\r\nb"), "a\\u{1b}[31m\\u{202e}\\u{d}\nb");
        assert_eq!(escaped("<a b=\"'\">&\x1b"), "&lt;a b=&quot;&#39;&quot;&gt;&amp;\u{fffd}");
    }
}

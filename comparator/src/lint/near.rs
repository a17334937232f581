//! Whether a rule could hide a difference, judged by their places alone.
//!
//! Only saves comparisons: a rule that is near without hiding anything costs one, so every doubt is
//! answered with yes.

use crate::diff::json::RawStr;
use crate::diff::path::{Step, unescape_token};
use crate::diff::{Difference, Part};
use crate::mask::pattern::Pattern;
use parallax_config::{Place, Rule};
use std::borrow::Cow;

/// The place of a rule.
#[derive(Debug)]
pub(super) enum Near {
    Body(Pattern),
    /// This part's differences, of this name (or all).
    Named(Part, Box<str>),
    /// Parameters of URLs, which stand in several headers.
    Headers,
}

impl Near {
    /// `None` for a pointer that is none, which compiling the rule reports.
    pub(super) fn new(rule: &Rule) -> Option<Self> {
        let named = |part, name: &str| {
            // A rule for an attribute of a cookie is near to the whole cookie.
            let name =
                if part == Part::Cookie { name.split(';').next().unwrap_or_default().trim() } else { name };
            Some(Self::Named(part, name.into()))
        };
        match &rule.at {
            Place::Body(pointer) => Pattern::parse(pointer).ok().map(Self::Body),
            Place::Header(name) => named(Part::Header, name),
            Place::Trailer(name) => named(Part::Trailer, name),
            Place::Cookie(name) => named(Part::Cookie, name),
            Place::Status => named(Part::Status, ""),
            Place::Query(_) => Some(Self::Headers),
        }
    }

    pub(super) fn is_near(&self, difference: &Difference) -> bool {
        match self {
            Self::Headers => difference.part == Part::Header,
            Self::Named(part, name) => {
                *part == difference.part && difference.path.split(';').next() == Some(name)
            }
            Self::Body(pattern) => {
                let tokens: Vec<Cow<'_, str>> = tokens(&difference.path);
                // Whether elements are paired by position depends on what differs below them, so a
                // rule for what lies below is near as well.
                let meeting = pattern.meet(&steps(&tokens));
                difference.part == Part::Body && (meeting.within || meeting.above)
            }
        }
    }
}

/// The steps of a JSON pointer, as JSON strings write them: without the pointer's escapes, with JSON's.
pub(super) fn tokens(pointer: &str) -> Vec<Cow<'_, str>> {
    let token = |token| match unescape_token(token) {
        text if text.contains('\\') => text.replace('\\', "\\\\").into(),
        text => text,
    };
    pointer.split('/').skip(1).map(token).collect()
}

/// Steps as patterns read them. A number may be a key too; literals match both ways.
pub(super) fn steps<'a>(tokens: &'a [Cow<'_, str>]) -> Vec<Step<'a>> {
    let step = |token: &'a Cow<'_, str>| match token.parse() {
        Ok(index) if token.bytes().all(|byte| byte.is_ascii_digit()) => Step::Index(index),
        _ => Step::Key(RawStr(token.as_bytes())),
    };
    tokens.iter().map(step).collect()
}

//! What a rule does: one small language, written as one text like the places are.

use crate::Span;
use crate::suggest::nearest;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;

/// What a rule does where it matches.
///
/// Written `ignore`, `present`, `unordered`, `keyed_by:<pointer>`, `exact_spelling`, `case_fold`,
/// `null_equals_absent`, `tolerate:<number, percentage or duration>`, `class:<name>`,
/// `matches:<regex>` or `rewrite:<regex> => <text>`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String", extend("format" = "action"))]
pub enum Action {
    /// Any difference is expected, here and below.
    Ignore,
    /// It must be there on both sides; what it is does not count.
    Present,
    /// The elements of the list may come in any order.
    Unordered,
    /// The elements of the array are those with an equal value at this pointer, in any order.
    KeyedBy(String),
    /// Numbers must be spelled alike; without this rule 1.0 equals 1.
    ExactSpelling,
    /// Texts may differ in upper and lower case.
    CaseFold,
    /// A null equals a member that is not there.
    NullEqualsAbsent,
    /// Numbers or times may be this far apart.
    Tolerate(Tolerance),
    /// Values may differ as long as both are of this class.
    Class(Class),
    /// Texts may differ as long as the whole of both matches this regular expression.
    Matches(String),
    /// Texts are compared after every match of the regular expression is replaced.
    Rewrite {
        /// What is replaced.
        pattern: String,
        /// What it is replaced with; `$1` stands for the first group.
        with: String,
    },
}

/// How far apart two values may be.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Tolerance {
    /// Numbers: at most this far apart.
    Absolute(f64),
    /// Numbers: at most this percentage of the larger one apart.
    Percent(f64),
    /// Times: at most this far apart.
    Skew(Span),
}

/// A class of values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// A UUID, with or without hyphens.
    Uuid,
    /// A date and time: RFC 3339, an HTTP date, or a number that counts seconds, milliseconds,
    /// microseconds or nanoseconds since 1970 and lies between 2001 and 2100.
    Timestamp,
    /// An IPv4 or IPv6 address.
    Ip,
    /// A number, also as text.
    Number,
    /// A text, array or object that is not empty.
    NonEmpty,
}

impl Class {
    /// Every class with its name.
    const NAMES: [(&'static str, Self); 5] = [
        ("uuid", Self::Uuid),
        ("timestamp", Self::Timestamp),
        ("ip", Self::Ip),
        ("number", Self::Number),
        ("non_empty", Self::NonEmpty),
    ];
}

/// The actions that take nothing more.
const PLAIN: [(&str, Action); 6] = [
    ("ignore", Action::Ignore),
    ("present", Action::Present),
    ("unordered", Action::Unordered),
    ("exact_spelling", Action::ExactSpelling),
    ("case_fold", Action::CaseFold),
    ("null_equals_absent", Action::NullEqualsAbsent),
];

/// The actions that take something, and what.
const TAKING: [(&str, &str); 5] = [
    ("tolerate", "a number, a percentage or a duration: tolerate:0.01, tolerate:1%, tolerate:5s"),
    ("class", "uuid, timestamp, ip, number or non_empty: class:uuid"),
    ("matches", "a regular expression for the whole text: matches:req-[0-9]+"),
    ("rewrite", "a regular expression and a text: rewrite:-[0-9a-f]{8} => -x"),
    ("keyed_by", "a JSON pointer into the elements: keyed_by:/id"),
];

impl TryFrom<String> for Action {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let (name, given) = match text.split_once(':') {
            Some((name, given)) => (name, Some(given)),
            None => (text.as_str(), None),
        };
        if let Some((_, action)) = PLAIN.iter().find(|(plain, _)| *plain == name) {
            return match given {
                None => Ok(action.clone()),
                Some(_) => Err(format!("`{text}` is not an action; {name} takes nothing: write \"{name}\"")),
            };
        }
        let Some((_, takes)) = TAKING.iter().find(|(taking, _)| *taking == name) else {
            return Err(unknown(&text, name));
        };
        given
            .and_then(|given| Self::taking(name, given))
            .ok_or_else(|| format!("`{text}` is not an action; {name} takes {takes}"))
    }
}

fn unknown(text: &str, name: &str) -> String {
    let names = || PLAIN.iter().map(|(name, _)| *name).chain(TAKING.iter().map(|(name, _)| *name));
    let all = names().collect::<Vec<_>>().join(", ");
    match nearest(name, names()) {
        Some(near) => format!("`{text}` is none of {all}; did you mean `{near}`?"),
        None => format!("`{text}` is none of {all}"),
    }
}

impl Action {
    fn taking(name: &str, given: &str) -> Option<Self> {
        match name {
            "tolerate" => Tolerance::read(given).map(Self::Tolerate),
            "class" => {
                let class = Class::NAMES.iter().find(|(name, _)| *name == given);
                class.map(|(_, class)| Self::Class(*class))
            }
            "keyed_by" => given.starts_with('/').then(|| Self::KeyedBy(given.to_owned())),
            "matches" => (!given.is_empty()).then(|| Self::Matches(given.to_owned())),
            _ => given
                .split_once(" => ")
                .filter(|(pattern, _)| !pattern.is_empty())
                .map(|(pattern, with)| Self::Rewrite { pattern: pattern.to_owned(), with: with.to_owned() }),
        }
    }
}

impl Tolerance {
    fn read(text: &str) -> Option<Self> {
        let number = |text: &str| text.parse::<f64>().ok().filter(|n| n.is_finite() && *n >= 0.0);
        match text.strip_suffix('%') {
            Some(share) => number(share).map(Self::Percent),
            None => number(text).map(Self::Absolute).or_else(|| text.parse().ok().map(Self::Skew)),
        }
    }
}

impl fmt::Display for Tolerance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Absolute(distance) => write!(f, "{distance}"),
            Self::Percent(share) => write!(f, "{share}%"),
            Self::Skew(span) => write!(f, "{span}"),
        }
    }
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = Self::NAMES.iter().find(|(_, class)| class == self);
        f.write_str(name.map_or("", |(name, _)| name))
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tolerate(tolerance) => write!(f, "tolerate:{tolerance}"),
            Self::Class(class) => write!(f, "class:{class}"),
            Self::Matches(pattern) => write!(f, "matches:{pattern}"),
            Self::Rewrite { pattern, with } => write!(f, "rewrite:{pattern} => {with}"),
            Self::KeyedBy(pointer) => write!(f, "keyed_by:{pointer}"),
            plain => {
                let name = PLAIN.iter().find(|(_, action)| action == plain);
                f.write_str(name.map_or("", |(name, _)| name))
            }
        }
    }
}

impl From<Action> for String {
    fn from(action: Action) -> Self {
        action.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Action, String> {
        Action::try_from(text.to_owned())
    }

    #[test]
    fn every_action_survives_reading_and_printing() {
        for text in [
            "ignore",
            "present",
            "unordered",
            "exact_spelling",
            "case_fold",
            "null_equals_absent",
            "tolerate:0.01",
            "tolerate:1.5%",
            "tolerate:5s",
            "class:uuid",
            "class:non_empty",
            "matches:a:b+",
            "rewrite:-[0-9]+ => -$1",
            "rewrite:x => ",
            "keyed_by:/id/x",
        ] {
            assert_eq!(read(text).unwrap().to_string(), text);
        }
        assert_eq!(read("tolerate:50%").unwrap(), Action::Tolerate(Tolerance::Percent(50.0)));
        assert_eq!(read("tolerate:2").unwrap(), Action::Tolerate(Tolerance::Absolute(2.0)));
    }

    #[test]
    fn what_is_no_action_is_answered_with_what_to_write() {
        for (text, remedy) in [
            ("ignor", "did you mean `ignore`?"),
            ("ignore:x", "write \"ignore\""),
            ("tolerate", "tolerate:1%"),
            ("tolerate:-1", "tolerate:1%"),
            ("tolerate:inf", "tolerate:1%"),
            ("class:guid", "class:uuid"),
            ("keyed_by:id", "keyed_by:/id"),
            ("rewrite:x", "rewrite:-[0-9a-f]{8} => -x"),
            ("matches:", "matches:req-[0-9]+"),
            ("nothing like it", "is none of ignore, present"),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.contains(remedy), "{error}");
        }
    }
}

//! What a rule says about one difference, from its kind and both sides.

use super::value::{self, Value};
use crate::diff::Kind;
use parallax_config::{Action, Class, Tolerance};
use regex::Regex;

/// An action, compiled.
#[derive(Debug)]
pub(crate) enum Effect {
    Ignore,
    Present,
    Unordered,
    KeyedBy(Vec<Box<[u8]>>),
    ExactSpelling,
    CaseFold,
    NullEqualsAbsent,
    Tolerate(Tolerance),
    Class(Class),
    Matches(Regex),
    Rewrite(Regex, String),
}

impl Effect {
    /// # Errors
    /// What is wrong with the action.
    pub(crate) fn new(action: &Action) -> Result<Self, String> {
        Ok(match action {
            Action::Ignore => Self::Ignore,
            Action::Present => Self::Present,
            Action::Unordered => Self::Unordered,
            Action::ExactSpelling => Self::ExactSpelling,
            Action::CaseFold => Self::CaseFold,
            Action::NullEqualsAbsent => Self::NullEqualsAbsent,
            Action::Tolerate(tolerance) => Self::Tolerate(*tolerance),
            Action::Class(class) => Self::Class(*class),
            Action::KeyedBy(pointer) => Self::KeyedBy(value::tokens(pointer)),
            // The whole text must match: a pattern that matches somewhere would hide too much.
            // It must be one alone first, since `a)|(?:b` would become one that matches somewhere.
            Action::Matches(pattern) => {
                regex(pattern)?;
                Self::Matches(regex(&format!("^(?:{pattern})$"))?)
            }
            Action::Rewrite { pattern, with } => Self::Rewrite(regex(pattern)?, with.clone()),
        })
    }

    /// Whether it also covers what lies below its place, whatever it is.
    pub(crate) fn covers_below(&self) -> bool {
        matches!(self, Self::Ignore | Self::Present)
    }

    /// Whether a difference of this kind between these sides, at the place itself, is expected.
    pub(crate) fn hides(&self, kind: Kind, left: Option<Value<'_>>, right: Option<Value<'_>>) -> bool {
        match self {
            Self::Ignore => true,
            Self::Present => left.is_some() && right.is_some() && kind != Kind::Unparsable,
            Self::NullEqualsAbsent => {
                matches!((left, right), (Some(lone), None) | (None, Some(lone)) if lone.is_null())
            }
            Self::Unordered | Self::KeyedBy(_) | Self::ExactSpelling => false,
            Self::Class(Class::NonEmpty) => {
                matches!(kind, Kind::Value | Kind::Length | Kind::Order)
                    && [left, right].into_iter().flatten().all(|value| !value.is_empty())
            }
            _ => match (kind, left, right) {
                (Kind::Value, Some(left), Some(right)) => self.equates(left, right),
                _ => false,
            },
        }
    }

    /// Whether two values of one type are the same under this rule.
    fn equates(&self, left: Value<'_>, right: Value<'_>) -> bool {
        let both = |holds: &dyn Fn(Value<'_>) -> bool| holds(left) && holds(right);
        let texts = || Some((left.text()?, right.text()?));
        match self {
            Self::CaseFold => texts().is_some_and(|(l, r)| l.to_lowercase() == r.to_lowercase()),
            Self::Matches(regex) => both(&|value| value.text().is_some_and(|text| regex.is_match(&text))),
            Self::Rewrite(regex, with) => texts().is_some_and(|(l, r)| {
                regex.replace_all(&l, with.as_str()) == regex.replace_all(&r, with.as_str())
            }),
            Self::Class(class) => both(&|value| value.is_of(*class)),
            Self::Tolerate(tolerance) => within(*tolerance, left, right).unwrap_or(false),
            _ => false,
        }
    }
}

fn regex(pattern: &str) -> Result<Regex, String> {
    Regex::new(pattern).map_err(|error| format!("not a regular expression: {error}"))
}

/// Whether two values are near enough; `None` where they are not what the tolerance is about.
fn within(tolerance: Tolerance, left: Value<'_>, right: Value<'_>) -> Option<bool> {
    if let Tolerance::Skew(span) = tolerance {
        return Some(left.time_ns()?.abs_diff(right.time_ns()?) <= span.0.as_nanos());
    }
    let (left, right) = (left.number()?, right.number()?);
    let apart = (left - right).abs();
    Some(match tolerance {
        Tolerance::Absolute(most) => apart <= most,
        Tolerance::Percent(most) => apart <= most / 100.0 * left.abs().max(right.abs()),
        Tolerance::Skew(_) => false,
    })
}

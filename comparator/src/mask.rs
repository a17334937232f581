//! Masks: rules compiled to what is asked of them when a difference is about to be recorded.
//!
//! A rule is consulted only where two sides already differ, so equal data pays nothing for any
//! number of rules. Places are whole steps and whole names: nothing is matched by substring.
//!
//! `ignore` and `present` cover their place and all that lies below it; every other action acts on
//! the place itself (write `/**` for what lies below).

mod effect;
pub(crate) mod pattern;
pub(crate) mod value;

use crate::compare::RuleError;
use crate::diff::path::Step;
use crate::diff::{Kind, Part};
use effect::Effect;
use parallax_config::{Action, Place, Rule};
use pattern::Pattern;
use value::Value;

/// The rules of one route, compiled.
#[derive(Debug, Default)]
pub(crate) struct Masks {
    /// Headers and trailers in lower case; a cookie as `name` or `name;attribute`.
    named: Vec<(Part, Box<str>, Effect)>,
    /// Query parameters that may differ in a URL.
    query: Vec<Box<str>>,
    body: Vec<(Pattern, Effect)>,
}

/// How the elements of an array are found on the other side, where not by position.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pairing<'r> {
    /// By being equal.
    Equal,
    /// By having an equal value at these steps.
    Key(&'r [Box<[u8]>]),
}

/// The two sides of a difference, as written.
pub(crate) type Sides<'a> = (Option<&'a [u8]>, Option<&'a [u8]>);

impl Masks {
    /// Compiles those of `rules` that hold on `route`; `None` is a request that matched no route.
    ///
    /// # Errors
    /// The first rule that cannot be used.
    pub(crate) fn new(rules: &[Rule], route: Option<&str>) -> Result<Self, RuleError> {
        let mut masks = Self::default();
        for (index, rule) in rules.iter().enumerate() {
            let fail = |why| RuleError { what: "rule", index, at: rule.at.clone().into(), why };
            let effect = Effect::new(&rule.action).map_err(fail)?;
            if rule.route.is_none() || rule.route.as_deref() == route {
                masks.add(&rule.at, &rule.action, effect).map_err(fail)?;
            }
        }
        Ok(masks)
    }

    fn add(&mut self, place: &Place, action: &Action, effect: Effect) -> Result<(), String> {
        let (part, name): (_, Box<str>) = match place {
            Place::Body(pointer) => {
                self.body.push((Pattern::parse(pointer)?, effect));
                return Ok(());
            }
            Place::Status | Place::Query(_) if *action != Action::Ignore => {
                return Err(format!("`{action}` has no meaning here: write action = \"ignore\""));
            }
            Place::Query(name) => {
                self.query.push(name.as_str().into());
                return Ok(());
            }
            Place::Status => (Part::Status, "".into()),
            Place::Header(name) => (Part::Header, name.as_str().into()),
            Place::Trailer(name) => (Part::Trailer, name.as_str().into()),
            Place::Cookie(name) => (Part::Cookie, cookie(name)),
        };
        if matches!(effect, Effect::KeyedBy(_) | Effect::ExactSpelling | Effect::NullEqualsAbsent) {
            return Err(format!(
                "`{action}` acts on JSON bodies: write at = \"body:/…\" or action = \"ignore\""
            ));
        }
        self.named.push((part, name, effect));
        Ok(())
    }

    /// Whether the status may differ.
    pub(crate) fn ignores_status(&self) -> bool {
        self.named.iter().any(|(part, ..)| *part == Part::Status)
    }

    /// Whether a difference of this header, trailer, cookie or the status is expected.
    ///
    /// The path of a cookie's attribute is `name;attribute`; that of its value is `name`, and rules
    /// may also call it `name;value`.
    pub(crate) fn hides_named(&self, part: Part, path: &str, kind: Kind, (left, right): Sides<'_>) -> bool {
        let base = path.split(';').next().unwrap_or_default();
        self.named.iter().any(|(of, name, effect)| {
            if *of != part {
                return false;
            }
            let value = || name.strip_suffix(";value") == Some(path) && kind == Kind::Value;
            if **name == *path || value() {
                return effect.hides(kind, left.map(Value::Text), right.map(Value::Text));
            }
            **name == *base && effect.covers_below()
        })
    }

    /// Whether the values of this header are a list whose order means nothing.
    pub(crate) fn unordered_name(&self, part: Part, name: &str) -> bool {
        let unordered = |effect: &Effect| matches!(effect, Effect::Unordered);
        self.named.iter().any(|(of, listed, effect)| *of == part && **listed == *name && unordered(effect))
    }

    /// Query parameters that may differ in a URL.
    pub(crate) fn ignored_query(&self) -> &[Box<str>] {
        &self.query
    }

    /// Whether no difference of the body counts.
    pub(crate) fn ignores_body(&self) -> bool {
        self.body.iter().any(|(pattern, effect)| matches!(effect, Effect::Ignore) && pattern.is_everything())
    }

    /// Whether a difference at `path` of a JSON body is expected.
    pub(crate) fn hides(&self, path: &[Step<'_>], kind: Kind, (left, right): Sides<'_>) -> bool {
        self.body.iter().any(|(pattern, effect)| {
            let meeting = pattern.meet(path);
            let here = || meeting.at && effect.hides(kind, left.map(Value::Json), right.map(Value::Json));
            let above = || meeting.below && effect.covers_below();
            meeting.within && (here() || above())
        })
    }

    /// Whether a difference between two whole texts is expected.
    pub(crate) fn hides_text(&self, left: &[u8], right: &[u8]) -> bool {
        let (left, right) = (Some(Value::Text(left)), Some(Value::Text(right)));
        self.body
            .iter()
            .any(|(pattern, effect)| pattern.meet(&[]).at && effect.hides(Kind::Value, left, right))
    }

    /// The places of a body at and below which everything is ignored.
    pub(crate) fn ignored_places(&self) -> impl Iterator<Item = &Pattern> {
        let ignored = self.body.iter().filter(|(_, effect)| matches!(effect, Effect::Ignore));
        ignored.map(|(pattern, _)| pattern)
    }

    /// Whether any number must be spelled alike.
    pub(crate) fn has_exact_spelling(&self) -> bool {
        self.body.iter().any(|(_, effect)| matches!(effect, Effect::ExactSpelling))
    }

    /// Whether any array is paired otherwise than by position.
    pub(crate) fn has_pairings(&self) -> bool {
        self.body.iter().any(|(_, effect)| matches!(effect, Effect::Unordered | Effect::KeyedBy(_)))
    }

    /// How the elements of the array at `path` are paired, where not by position.
    pub(crate) fn pairing(&self, path: &[Step<'_>]) -> Option<Pairing<'_>> {
        self.body.iter().find_map(|(pattern, effect)| {
            let pairing = match effect {
                Effect::Unordered => Pairing::Equal,
                Effect::KeyedBy(key) => Pairing::Key(key),
                _ => return None,
            };
            pattern.meet(path).at.then_some(pairing)
        })
    }

    /// Whether numbers at `path` must be spelled alike.
    pub(crate) fn exact_spelling(&self, path: &[Step<'_>]) -> bool {
        let exact = |effect: &Effect| matches!(effect, Effect::ExactSpelling);
        self.body.iter().any(|(pattern, effect)| exact(effect) && pattern.meet(path).at)
    }
}

/// `name` or `name;attribute`, the attribute in lower case and without spaces.
fn cookie(place: &str) -> Box<str> {
    match place.split_once(';') {
        Some((name, attribute)) => {
            format!("{};{}", name.trim(), attribute.trim().to_ascii_lowercase()).into()
        }
        None => place.into(),
    }
}

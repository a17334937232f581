//! Masks: rules compiled to what is asked of them when a difference is about to be recorded.
//!
//! A rule is consulted only where two texts already differ, so equal data pays nothing for any
//! number of rules. Places are whole steps and whole names: nothing is matched by substring.
//!
//! `ignore` covers its place and all that lies below it; every other action acts on the place
//! itself (write `/**` for what lies below).

pub(crate) mod pattern;

use crate::compare::RuleError;
use crate::diff::path::Step;
use crate::diff::{Kind, Part};
use parallax_config::{Action, Place, Rule};
use pattern::Pattern;

/// The rules of one route, compiled.
#[derive(Debug, Default)]
pub(crate) struct Masks {
    status: bool,
    /// Ignored names by part: headers and trailers in lower case, cookies and query parameters as written.
    headers: Vec<Box<str>>,
    trailers: Vec<Box<str>>,
    cookies: Vec<Box<str>>,
    query: Vec<Box<str>>,
    body: Vec<(Pattern, Action)>,
}

impl Masks {
    /// Compiles those of `rules` that hold on `route`; `None` is a request that matched no route.
    ///
    /// # Errors
    /// The first rule that cannot be used.
    pub(crate) fn new(rules: &[Rule], route: Option<&str>) -> Result<Self, RuleError> {
        let mut masks = Self::default();
        for (index, rule) in rules.iter().enumerate() {
            if rule.route.is_none() || rule.route.as_deref() == route {
                let fail = |why| RuleError { index, at: rule.at.clone().into(), why };
                masks.add(rule).map_err(fail)?;
            }
        }
        Ok(masks)
    }

    fn add(&mut self, rule: &Rule) -> Result<(), String> {
        let names = match &rule.at {
            Place::Body(pointer) => {
                self.body.push((Pattern::parse(pointer)?, rule.action));
                return Ok(());
            }
            _ if rule.action != Action::Ignore => {
                return Err("only `ignore` acts outside a JSON body: write action = \"ignore\"".to_owned());
            }
            Place::Status => {
                self.status = true;
                return Ok(());
            }
            Place::Header(name) => (&mut self.headers, name),
            Place::Trailer(name) => (&mut self.trailers, name),
            Place::Cookie(name) => {
                self.cookies.push(cookie(name));
                return Ok(());
            }
            Place::Query(name) => (&mut self.query, name),
        };
        names.0.push(names.1.as_str().into());
        Ok(())
    }

    /// Whether the status may differ.
    pub(crate) fn ignores_status(&self) -> bool {
        self.status
    }

    /// Whether the header or trailer of this lower-case name may differ.
    pub(crate) fn ignores_name(&self, part: Part, name: &str) -> bool {
        let names = match part {
            Part::Header => &self.headers,
            Part::Trailer => &self.trailers,
            Part::Cookie => &self.cookies,
            Part::Status | Part::Body => return false,
        };
        names.iter().any(|ignored| **ignored == *name)
    }

    /// Whether this attribute of a cookie, by lower-case name (or its `value`), may differ.
    pub(crate) fn ignores_attribute(&self, cookie: &str, attribute: &str) -> bool {
        self.cookies.iter().any(|ignored| ignored.split_once(';') == Some((cookie, attribute)))
    }

    /// Query parameters that may differ in a URL.
    pub(crate) fn ignored_query(&self) -> &[Box<str>] {
        &self.query
    }

    /// Whether no difference of the body counts.
    pub(crate) fn ignores_body(&self) -> bool {
        self.body.iter().any(|(pattern, action)| *action == Action::Ignore && pattern.is_everything())
    }

    /// Whether a difference at `path` of the body is expected.
    pub(crate) fn hides(&self, path: &[Step<'_>], kind: Kind) -> bool {
        // A body that cannot be read is one fault of the whole, not of a place in it.
        let whole = kind == Kind::Unparsable;
        self.body.iter().any(|(pattern, action)| match action {
            Action::Ignore if whole => pattern.is_everything(),
            Action::Ignore => pattern.meet(path).within,
            Action::Unordered | Action::ExactSpelling => false,
        })
    }

    /// Whether the elements of the array at `path` may come in any order.
    pub(crate) fn unordered(&self, path: &[Step<'_>]) -> bool {
        self.acts(path, &Action::Unordered)
    }

    /// Whether numbers at `path` must be spelled alike.
    pub(crate) fn exact_spelling(&self, path: &[Step<'_>]) -> bool {
        self.acts(path, &Action::ExactSpelling)
    }

    fn acts(&self, path: &[Step<'_>], wanted: &Action) -> bool {
        self.body.iter().any(|(pattern, action)| action == wanted && pattern.meet(path).at)
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

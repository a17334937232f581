//! Which rules hide which difference, by comparing with each rule alone.

use super::near::{Near, steps, tokens};
use crate::compare::{Comparer, Comparison, RuleError};
use crate::diff::json::same_number;
use crate::diff::{Difference, Kind, Part};
use crate::run::RouteProfile;
use parallax_config::{Action, Rule};
use parallax_exchange::{Exchange, Outcome, Request, Response};
use smallvec::SmallVec;
use std::collections::HashMap;

/// The rules, each compiled alone.
#[derive(Debug)]
pub(super) struct Audit {
    /// Without rules, those aside that make differences (`exact_spelling`).
    bare: Comparer,
    alone: Vec<Alone>,
}

#[derive(Debug)]
struct Alone {
    route: Option<Box<str>>,
    near: Near,
    /// `None` for a rule that makes differences: it hides nothing.
    comparer: Option<Comparer>,
}

/// The answers of an exchange that can be compared.
pub(super) struct Sides<'a> {
    pub(super) route: Option<&'a str>,
    pub(super) candidate: Option<Compared<'a>>,
    pub(super) control: Option<Compared<'a>>,
}

/// One copy next to the primary.
pub(super) struct Compared<'a> {
    request: &'a Request,
    primary: &'a Response,
    copy: &'a Response,
    /// Without rules.
    pub(super) comparison: Comparison,
}

/// Who hides one difference.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Hidden {
    /// Every rule that hides it alone, ascending.
    pub(super) rules: SmallVec<[u16; 4]>,
    /// The rule without which it would be none.
    pub(super) made_by: Option<u16>,
}

impl Audit {
    /// # Errors
    /// The first rule that cannot be used.
    pub(super) fn new(rules: &[Rule]) -> Result<Self, RuleError> {
        let makes = |rule: &Rule| rule.action == Action::ExactSpelling;
        let strict: Vec<Rule> = rules.iter().filter(|rule| makes(rule)).cloned().collect();
        let alone = |(index, rule): (usize, &Rule)| {
            let renamed = |error: RuleError| RuleError { index, ..error };
            let with: Vec<Rule> = strict.iter().chain([rule]).cloned().collect();
            let comparer = Comparer::new(&with, &[]).map_err(renamed)?;
            let unusable = || renamed(unusable(rule));
            Ok(Alone {
                route: rule.route.as_deref().map(Into::into),
                near: Near::new(rule).ok_or_else(unusable)?,
                comparer: (!makes(rule)).then_some(comparer),
            })
        };
        let most = usize::from(u16::MAX);
        if let Some(rule) = rules.get(most) {
            return Err(RuleError {
                index: most,
                why: format!("at most {most} rules can be checked"),
                ..unusable(rule)
            });
        }
        Ok(Self {
            alone: rules.iter().enumerate().map(alone).collect::<Result<_, RuleError>>()?,
            bare: Comparer::new(&strict, &[])?,
        })
    }

    /// Reads answers on these routes by their profiles.
    pub(super) fn with_profiles(mut self, profiles: &[RouteProfile]) -> Self {
        self.bare = self.bare.with_profiles(profiles);
        let with = |alone: Alone| {
            let comparer = alone.comparer.map(|comparer| comparer.with_profiles(profiles));
            Alone { comparer, ..alone }
        };
        self.alone = self.alone.into_iter().map(with).collect();
        self
    }

    /// Compares the copies with the primary, rules aside; `None` where there is nothing to compare.
    pub(super) fn sides<'a>(&self, exchange: &'a Exchange) -> Option<Sides<'a>> {
        let outcomes = &exchange.outcomes;
        let primary = outcomes.primary.as_ref()?.response()?;
        let label = exchange.labels.iter().find(|label| &*label.name == "route");
        let route = label.map(|label| &*label.value);
        let compared = |outcome: &'a Option<Outcome>| {
            let copy = outcome.as_ref()?.response()?;
            let request = &exchange.request;
            let comparison = self.bare.compare_answers(route, request, primary, copy);
            Some(Compared { request, primary, copy, comparison })
        };
        let (candidate, control) = (compared(&outcomes.candidate), compared(&outcomes.control));
        (candidate.is_some() || control.is_some()).then_some(Sides { route, candidate, control })
    }

    /// Who hides each of the differences, in their order.
    pub(super) fn hidden(&self, route: Option<&str>, side: &Compared<'_>) -> Vec<Hidden> {
        let differences = &side.comparison.differences;
        let mut hidden = vec![Hidden::default(); differences.len()];
        for (index, alone) in (0_u16..).zip(&self.alone) {
            if alone.route.is_some() && alone.route.as_deref() != route {
                continue;
            }
            let Some(comparer) = &alone.comparer else {
                alone.claim(index, differences, &mut hidden);
                continue;
            };
            if !differences.iter().any(|difference| alone.near.is_near(difference)) {
                continue;
            }
            let left = comparer.compare_answers(route, side.request, side.primary, side.copy).differences;
            let mut left = counted(&left);
            for (difference, hidden) in differences.iter().zip(&mut hidden) {
                match left.get_mut(&place(difference)) {
                    Some(count) if *count > 0 => *count -= 1,
                    _ => hidden.rules.push(index),
                }
            }
        }
        hidden
    }
}

impl Alone {
    /// Marks the numbers that are equal but for their spelling.
    fn claim(&self, index: u16, differences: &[Difference], hidden: &mut [Hidden]) {
        let Near::Body(pattern) = &self.near else { return };
        for (difference, hidden) in differences.iter().zip(hidden) {
            if difference.part != Part::Body || difference.kind != Kind::Value || hidden.made_by.is_some() {
                continue;
            }
            if let (Some(left), Some(right)) = (&difference.left, &difference.right)
                && [left, right].iter().all(|side| is_number(side))
                && same_number(left.as_bytes(), right.as_bytes())
                && pattern.meet(&steps(&tokens(&difference.path))).at
            {
                hidden.made_by = Some(index);
            }
        }
    }
}

/// Whether a side is a number as written; a long one may have been shortened for display.
fn is_number(side: &str) -> bool {
    side.bytes().all(|byte| byte.is_ascii_digit() || b"+-.eE".contains(&byte))
}

type PlaceKey<'a> = (Part, &'a str, Kind);

fn place(difference: &Difference) -> PlaceKey<'_> {
    (difference.part, &difference.path, difference.kind)
}

fn counted(differences: &[Difference]) -> HashMap<PlaceKey<'_>, u32> {
    let mut counts = HashMap::with_capacity(differences.len());
    for difference in differences {
        *counts.entry(place(difference)).or_default() += 1;
    }
    counts
}

fn unusable(rule: &Rule) -> RuleError {
    RuleError { what: "rule", index: 0, at: rule.at.clone().into(), why: "not a place of a body".to_owned() }
}

//! Masks learned from what the control shows: two copies of one build that differ, differ by noise.
//!
//! A place of a difference becomes a rule with the narrowest action that hides what was seen there.
//! Nothing is applied: the suggestions are text for people, with the evidence beside each, an owner to
//! be filled in and a day on which the rule ends. What would also hide something that only the
//! candidate shows is withheld and told ([`Suggestions::check`]).

mod choose;
#[cfg(test)]
mod tests;
mod text;
mod values;

pub use text::{terminal, toml};

use super::FindingKind;
use super::document::{LintDocument, PlaceEvidence, Sighting};
use super::evidence::{At, PlaceExample};
use crate::compare::{Comparer, RuleError, same};
use crate::diff::{Difference, Kind, Limits, Part};
use crate::report::book::{Book, Pair, Row, Worth};
use crate::run::RouteProfile;
use parallax_config::{Action, Day, Place as RulePlace, Rule};
use parallax_exchange::codec::{self, DecodeError, OutcomeView, View};
use parallax_exchange::log::Entry;
use parallax_exchange::{Exchange, Outcome, Role};
use serde::Serialize;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use values::Noise;

/// Places that are told apart.
const PLACES_MAX: usize = 4096;
/// Examples kept of each.
const EXAMPLES_MAX: usize = 3;
/// Places that are alike but for one step become one pattern from this number on.
const SIBLINGS_MIN: usize = 8;
/// Routes whose exchanges are counted apart.
const ROUTES_MAX: usize = 1024;

/// What may be suggested.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SuggestSettings {
    /// Exchanges in which the control must differ at a place, at least.
    pub at_least: u64,
    /// The day from which the rules are refused.
    pub expires: Day,
}

/// Takes exchanges one by one; memory is bounded whatever they are.
#[derive(Debug)]
pub struct Learner {
    comparer: Comparer,
    exchanges: u64,
    with_control: u64,
    routes: Book<Option<Box<str>>, u64, ()>,
    places: Book<NoisePlace, Noise, PlaceExample>,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct NoisePlace {
    route: Option<Box<str>>,
    part: Part,
    pattern: Box<str>,
}

/// The document `parallax.rules-suggest/1`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Suggestions {
    /// [`Suggestions::SCHEMA`].
    pub schema: &'static str,
    /// Whether the recording was not read to its end.
    pub partial: bool,
    /// Exchanges read.
    pub exchanges: u64,
    /// Those with a response of the primary and of the control.
    pub with_control: u64,
    /// Rules that hide noise and nothing that only the candidate shows.
    pub rules: Vec<Suggestion>,
    /// Noise for which no rule is suggested, and why.
    pub withheld: Vec<Withheld>,
    /// One in this many (exchange, place) pairs was learned from; at 1 all were.
    pub one_in: u64,
}

/// A rule and the noise that it was learned from.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Suggestion {
    /// Where.
    pub at: String,
    /// What.
    pub action: Action,
    /// The route, where not every route shows the noise.
    pub route: Option<String>,
    /// To be filled in.
    pub owner: Option<String>,
    /// The day from which it is refused.
    pub expires: Day,
    /// What it was learned from.
    pub evidence: Evidence,
}

/// Noise at a place.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Evidence {
    /// Exchanges in which the control differs from the primary here.
    pub exchanges: u64,
    /// Exchanges of its routes in which the control answered.
    pub of: u64,
    /// Places that the pattern stands for, as generalised from the recording.
    pub places: u64,
    /// Examples.
    pub examples: Vec<Sighting>,
}

/// Noise without a rule.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Withheld {
    /// Where.
    pub at: String,
    /// The action that would hide the noise, where there is one.
    pub action: Option<Action>,
    /// The route.
    pub route: Option<String>,
    /// Why it is not suggested.
    pub why: String,
    /// The noise.
    pub evidence: Evidence,
    /// What only the candidate shows there.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub candidate: Vec<PlaceEvidence>,
}

impl Suggestions {
    /// Names the shape of the document; fields are added, never renamed.
    pub const SCHEMA: &'static str = "parallax.rules-suggest/1";

    /// The suggested rules.
    ///
    /// # Panics
    /// Never: places are written by this module.
    #[must_use]
    pub fn rules(&self) -> Vec<Rule> {
        self.rules.iter().map(Suggestion::rule).collect()
    }

    /// Withholds every rule.
    pub fn withhold_all(&mut self, why: &str) {
        while !self.rules.is_empty() {
            self.withhold(0, why, Vec::new());
        }
    }

    fn withhold(&mut self, index: usize, why: &str, candidate: Vec<PlaceEvidence>) {
        let Suggestion { at, action, route, evidence, .. } = self.rules.remove(index);
        self.withheld.push(Withheld {
            at,
            action: Some(action),
            route,
            why: why.to_owned(),
            evidence,
            candidate,
        });
    }

    /// Withholds every rule that `lint`, made of [`Self::rules`] on the same recording, found to hide
    /// what only the candidate shows.
    pub fn check(&mut self, lint: &LintDocument) {
        let dangerous = lint.findings.iter().filter(|finding| finding.kind == FindingKind::HidesCandidate);
        let mut dangerous: Vec<_> = dangerous.map(|finding| (finding.rules[0], &finding.places)).collect();
        dangerous.sort_by_key(|(index, _)| Reverse(*index));
        for (index, places) in dangerous {
            self.withhold(index, "it would also hide what only the candidate shows", places.clone());
        }
        self.withheld.sort_by(|a, b| (&a.at, &a.route).cmp(&(&b.at, &b.route)));
    }
}

impl Suggestion {
    fn rule(&self) -> Rule {
        Rule {
            at: RulePlace::try_from(self.at.clone()).expect("a place written by this module"),
            action: self.action.clone(),
            route: self.route.clone(),
            owner: self.owner.clone(),
            expires: Some(self.expires),
        }
    }
}

impl Learner {
    /// Nothing seen yet. What `rules` hide already needs no other rule.
    ///
    /// # Errors
    /// The first rule that cannot be used.
    pub fn new(rules: &[Rule]) -> Result<Self, RuleError> {
        // Whole values, so that their class and length are known; longer ones are no ids or times.
        let limits = Limits { side_bytes: 1024, ..Limits::TRAFFIC };
        Ok(Self {
            comparer: Comparer::new(rules, &[])?.with_limits(limits),
            exchanges: 0,
            with_control: 0,
            routes: Book::new(ROUTES_MAX, 0),
            places: Book::new(PLACES_MAX, EXAMPLES_MAX),
        })
    }

    /// The same, reading answers on these routes as the vendors' own clients do.
    #[must_use]
    pub fn with_profiles(mut self, profiles: &[RouteProfile]) -> Self {
        self.comparer = self.comparer.with_profiles(profiles);
        self
    }

    /// Takes an entry of a log; an exchange is decoded only where the control's answer differs by its
    /// bytes.
    ///
    /// # Errors
    /// The exchange differs and cannot be decoded.
    pub fn take_entry(&mut self, entry: &Entry) -> Result<(), DecodeError> {
        let (Entry::Exchange(bytes) | Entry::Example(bytes)) = entry else { return Ok(()) };
        let view = View::read(bytes);
        if let Some(view) = &view
            && let Some(primary) = view.outcome(Role::Primary).and_then(OutcomeView::response)
            && let Some(control) = view.outcome(Role::Control).and_then(OutcomeView::response)
            && same(primary, control)
        {
            let route = view.labels.iter().find(|(name, _)| *name == "route").map(|(_, value)| *value);
            self.exchanges += 1;
            self.count_control(route, view.id.digest());
            return Ok(());
        }
        self.take(&codec::decode(bytes.clone())?);
        Ok(())
    }

    /// Counts an exchange in which primary and control answered.
    fn count_control(&mut self, route: Option<&str>, exchange: u64) {
        self.with_control += 1;
        let key =
            xxhash_rust::xxh3::xxh3_64(route.unwrap_or_default().as_bytes()) ^ u64::from(route.is_some());
        let pair = Pair { key, exchange, counts: 1 };
        self.routes.count(pair, Worth::None, || route.map(Into::into), || ());
    }

    /// Takes an exchange; those without a response of primary and control only count.
    pub fn take(&mut self, exchange: &Exchange) {
        self.exchanges += 1;
        let outcomes = &exchange.outcomes;
        let [primary, control] = [&outcomes.primary, &outcomes.control];
        let (Some(Outcome::Response(primary)), Some(Outcome::Response(control))) = (primary, control) else {
            return;
        };
        let label = exchange.labels.iter().find(|label| &*label.name == "route");
        let route = label.map(|label| &*label.value);
        let digest = exchange.id.digest();
        self.count_control(route, digest);
        let answers = self.comparer.compare_answers(route, &exchange.request, primary, control);
        let found = answers.differences;
        let mut known = BTreeSet::new();
        for difference in &found {
            let part = difference.part;
            // The kind does not part places here: one rule has to hide all that happens at a place.
            let key = At::new(0, route, &Difference { kind: Kind::Value, ..difference.clone() }, 1).key;
            let mut counts = Noise::of(difference);
            counts.control = u64::from(known.insert(key));
            let place = || NoisePlace {
                route: route.map(Into::into),
                part,
                pattern: difference.pattern.as_str().into(),
            };
            let pair = Pair { key, exchange: digest, counts };
            self.places.count(pair, Worth::Better, place, || PlaceExample::of(exchange, difference));
        }
    }

    /// What was learned; not yet checked against the candidate.
    #[must_use]
    pub fn finish(self, settings: &SuggestSettings, partial: bool) -> Suggestions {
        let mut learned: Vec<Learned> = self.places.rows().map(|row| self.learned(row)).collect();
        learned.sort_by(|a, b| (&a.at, &a.route).cmp(&(&b.at, &b.route)));
        let learned = across_routes(siblings(learned), &self.all_routes());
        let (mut rules, mut withheld) = (Vec::new(), Vec::new());
        for Learned { at, action, route, evidence } in learned {
            let why = match &action {
                None => Some("a rule for it would hide everything: compare less, or make the answers alike"),
                Some(_) if evidence.exchanges < settings.at_least => {
                    Some("it was seen too seldom to be learned from")
                }
                Some(_) => None,
            };
            match (why, action) {
                (None, Some(action)) => {
                    rules.push(Suggestion {
                        at,
                        action,
                        route,
                        owner: None,
                        expires: settings.expires,
                        evidence,
                    });
                }
                (why, action) => withheld.push(Withheld {
                    at,
                    action,
                    route,
                    why: why.unwrap_or_default().to_owned(),
                    evidence,
                    candidate: Vec::new(),
                }),
            }
        }
        rules.sort_by_key(|rule| (Reverse(rule.evidence.exchanges), rule.at.clone(), rule.route.clone()));
        Suggestions {
            schema: Suggestions::SCHEMA,
            partial,
            exchanges: self.exchanges,
            with_control: self.with_control,
            rules,
            withheld,
            one_in: 1 << self.places.level().min(63),
        }
    }

    fn all_routes(&self) -> BTreeMap<Option<String>, u64> {
        let route = |row: &Row<Option<Box<str>>, u64, ()>| {
            (row.key.as_deref().map(str::to_owned), self.routes.counts(row))
        };
        self.routes.rows().map(route).collect()
    }

    fn learned(&self, row: &Row<NoisePlace, Noise, PlaceExample>) -> Learned {
        let noise = self.places.counts(row);
        let action = choose::action(&noise, row.key.part == Part::Body);
        let route = row.key.route.as_deref().map(str::to_owned);
        let evidence = Evidence {
            exchanges: noise.control,
            of: self.all_routes().get(&route).copied().unwrap_or(0),
            places: 1,
            examples: row.examples(EXAMPLES_MAX).map(Sighting::of).collect(),
        };
        Learned { at: place(&row.key, action.as_ref()), action, route, evidence }
    }
}

/// A place with what hides its noise.
#[derive(Debug, Clone)]
struct Learned {
    at: String,
    action: Option<Action>,
    route: Option<String>,
    evidence: Evidence,
}

/// The place as rules write it.
fn place(key: &NoisePlace, action: Option<&Action>) -> String {
    let name = &key.pattern;
    match key.part {
        Part::Status => "status".to_owned(),
        // No rule names these: what an answer says of an event is never noise.
        Part::Event => "event".to_owned(),
        Part::Body => format!("body:{name}"),
        Part::Header => format!("header:{name}"),
        Part::Trailer => format!("trailer:{name}"),
        // `present` would cover the attributes too.
        Part::Cookie if !name.contains(';') && matches!(action, Some(Action::Present)) => {
            format!("cookie:{name};value")
        }
        Part::Cookie => format!("cookie:{name}"),
    }
}

/// Many places of a body that are alike but for one step become one.
fn siblings(learned: Vec<Learned>) -> Vec<Learned> {
    let general = |one: &Learned, step: usize| -> Option<(String, String, Option<String>)> {
        let pointer = one.at.strip_prefix("body:/")?;
        let mut steps: Vec<&str> = pointer.split('/').collect();
        *steps.get_mut(step).filter(|step| **step != "*")? = "*";
        Some((format!("body:/{}", steps.join("/")), one.action.as_ref()?.to_string(), one.route.clone()))
    };
    let depth = learned.iter().map(|one| one.at.matches('/').count()).max().unwrap_or(0);
    let mut learned = learned;
    for step in 0..depth {
        let mut groups: BTreeMap<_, Vec<usize>> = BTreeMap::new();
        for (index, one) in learned.iter().enumerate() {
            if let Some(group) = general(one, step) {
                groups.entry(group).or_default().push(index);
            }
        }
        let mut gone = BTreeSet::new();
        for ((at, ..), members) in groups {
            if members.len() >= SIBLINGS_MIN {
                let sum = members.iter().map(|member| learned[*member].evidence.exchanges).sum();
                let places = members.iter().map(|member| learned[*member].evidence.places).sum();
                gone.extend(members[1..].iter().copied());
                let kept = &mut learned[members[0]];
                kept.at = at;
                // Each exchange counts once a place, so the sum may be larger than it is once.
                kept.evidence.exchanges = kept.evidence.of.min(sum);
                kept.evidence.places = places;
            }
        }
        let mut index = 0;
        learned.retain(|_| (!gone.contains(&index), index += 1).0);
    }
    learned
}

/// Rules that every route would have become one for all routes.
fn across_routes(learned: Vec<Learned>, routes: &BTreeMap<Option<String>, u64>) -> Vec<Learned> {
    let mut groups: BTreeMap<(String, Option<String>), Vec<Learned>> = BTreeMap::new();
    for one in learned {
        let action = one.action.as_ref().map(ToString::to_string);
        groups.entry((one.at.clone(), action)).or_default().push(one);
    }
    let mut all = Vec::new();
    for mut group in groups.into_values() {
        // A single route is named: another one may come, and the noise is this one's.
        if group.len() < routes.len() || routes.len() == 1 {
            all.extend(group);
            continue;
        }
        let evidence = Evidence {
            exchanges: group.iter().map(|one| one.evidence.exchanges).sum(),
            of: group.iter().map(|one| one.evidence.of).sum(),
            places: group[0].evidence.places,
            examples: group
                .iter()
                .flat_map(|one| one.evidence.examples.iter().cloned())
                .take(EXAMPLES_MAX)
                .collect(),
        };
        let first = group.swap_remove(0);
        all.push(Learned { route: None, evidence, ..first });
    }
    all
}

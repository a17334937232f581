//! The document `parallax.rules-lint/1`.

use super::evidence::{Counts, Place, PlaceExample};
use super::{Lint, RuleCounts, Settings, findings};
use crate::diff::{Kind, Part};
use crate::report::book::Row;
use parallax_config::{Action, Day, Rule};
use serde::Serialize;
use std::cmp::Reverse;

/// Places listed for one rule.
const PLACES_LISTED: usize = 10;
/// Examples listed of one place.
const EXAMPLES_LISTED: usize = 2;

/// What the rules did on a recording.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LintDocument {
    /// [`LintDocument::SCHEMA`].
    pub schema: &'static str,
    /// Whether the recording was not read to its end.
    pub partial: bool,
    /// Exchanges read.
    pub exchanges: u64,
    /// Those that were only kept as examples: they differ in spite of the run's rules, so they say
    /// nothing about how often rules hide anything, and no rule is called dead for them.
    pub examples: u64,
    /// Those with a response of the primary and of a copy.
    pub compared: u64,
    /// Those with a response of the control among them; without any, nothing tells noise from a fault.
    pub with_control: u64,
    /// Exchanges in which a copy differs from the primary, rules aside.
    pub differing: u64,
    /// Differences of the candidate, rules aside.
    pub candidate_differences: u64,
    /// Differences of the control, rules aside.
    pub control_differences: u64,
    /// Comparisons that ended at a bound, so that more may differ.
    pub truncated: u64,
    /// Damaged parts of the recording that were stepped over.
    pub damaged: u64,
    /// Each rule, in the order of the configuration.
    pub rules: Vec<RuleReport>,
    /// Pairs of rules that hide the same differences, most first.
    pub overlaps: Vec<Overlap>,
    /// What deserves a look, most dangerous first.
    pub findings: Vec<Finding>,
    /// One in this many (exchange, place) pairs is in the counts of places; at 1 they are exact.
    pub one_in: u64,
}

impl LintDocument {
    /// Names the shape of the document; fields are added, never renamed.
    pub const SCHEMA: &'static str = "parallax.rules-lint/1";

    /// Whether nothing deserves a look.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.findings.is_empty()
    }
}

/// What one rule did.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RuleReport {
    /// Position in the configuration, from 0.
    pub index: usize,
    /// Its place.
    pub at: String,
    /// Its action.
    pub action: Action,
    /// Its route.
    pub route: Option<String>,
    /// Who answers for it.
    pub owner: Option<String>,
    /// Its last day.
    pub expires: Option<Day>,
    /// Differences of the candidate that it hides.
    pub candidate: u64,
    /// Differences of the control that it hides.
    pub control: u64,
    /// Those of both that no other rule hides.
    pub alone: u64,
    /// Differences that exist because of it (`exact_spelling`).
    pub made: u64,
    /// Exchanges in which it hides anything.
    pub exchanges: u64,
    /// Share of all differences that it hides.
    pub share: f64,
    /// Where, most of the candidate's own first; bounded.
    pub places: Vec<PlaceEvidence>,
}

/// Where a rule hides differences, in exchanges.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PlaceEvidence {
    /// The route.
    pub route: Option<String>,
    /// The part of the message.
    #[serde(rename = "in")]
    pub part: Part,
    /// The generalised path.
    pub pattern: String,
    /// The kind of difference.
    pub kind: Kind,
    /// Exchanges in which the candidate differs here.
    pub candidate: u64,
    /// Exchanges in which the control differs here.
    pub control: u64,
    /// Exchanges in which the control answered and only the candidate differs here.
    pub candidate_only: u64,
    /// Exchanges in which only the control differs here.
    pub control_only: u64,
    /// Examples, the candidate's own first.
    pub examples: Vec<Sighting>,
}

/// One hidden difference.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Sighting {
    /// Id of the exchange.
    pub exchange: String,
    /// The exact path.
    pub path: String,
    /// The primary's side, bounded.
    pub left: Option<String>,
    /// The copy's side, bounded.
    pub right: Option<String>,
}

/// Two rules that hide the same differences.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Overlap {
    /// Positions in the configuration.
    pub rules: [usize; 2],
    /// How many differences both hide.
    pub differences: u64,
}

/// Something that deserves a look.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Finding {
    /// What is wrong.
    pub kind: FindingKind,
    /// Positions of the rules concerned.
    pub rules: Vec<usize>,
    /// What was seen.
    pub message: String,
    /// What to do.
    pub remedy: String,
    /// Where, for those that are about places.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub places: Vec<PlaceEvidence>,
}

/// What is wrong, most dangerous first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FindingKind {
    /// It hides differences of the candidate that the control does not show.
    HidesCandidate,
    /// It hides more than a share of all differences, at several places.
    Swallows,
    /// Its day has passed.
    Expired,
    /// Another rule hides all that it hides.
    Redundant,
    /// It and another rule hide the same differences.
    Overlaps,
    /// It hides nothing.
    Dead,
    /// Nobody answers for it.
    Ownerless,
}

impl FindingKind {
    /// Every kind, most dangerous first.
    pub const ALL: [Self; 7] = [
        Self::HidesCandidate,
        Self::Swallows,
        Self::Expired,
        Self::Redundant,
        Self::Overlaps,
        Self::Dead,
        Self::Ownerless,
    ];

    /// The name in documents and on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::HidesCandidate => "hides_candidate",
            Self::Swallows => "swallows",
            Self::Expired => "expired",
            Self::Redundant => "redundant",
            Self::Overlaps => "overlaps",
            Self::Dead => "dead",
            Self::Ownerless => "ownerless",
        }
    }
}

pub(super) fn make(lint: Lint, settings: &Settings, partial: bool) -> LintDocument {
    let places = places(&lint);
    let totals = lint.totals;
    let all: u64 = totals.differences.iter().sum();
    let rules: Vec<RuleReport> = (0..lint.rules.len())
        .map(|index| {
            let own = places.iter().filter(|(rule, _)| *rule == index).map(|(_, place)| place.clone());
            report(index, &lint.rules[index], lint.by_rule[index], all, own.take(PLACES_LISTED).collect())
        })
        .collect();
    let pairs = lint.overlaps.rows();
    let mut overlaps: Vec<_> =
        pairs.map(|row| Overlap { rules: row.key, differences: lint.overlaps.counts(row) }).collect();
    overlaps.sort_by_key(|overlap| (Reverse(overlap.differences), overlap.rules));
    let mut findings = findings::find(&rules, &lint.rules, &overlaps, &places, settings);
    if totals.examples > 0 {
        findings.retain(|finding| finding.kind != FindingKind::Dead);
    }
    LintDocument {
        schema: LintDocument::SCHEMA,
        partial,
        exchanges: totals.exchanges,
        examples: totals.examples,
        compared: totals.compared,
        with_control: totals.with_control,
        differing: totals.differing,
        candidate_differences: totals.differences[0],
        control_differences: totals.differences[1],
        truncated: totals.truncated,
        damaged: 0,
        rules,
        overlaps,
        findings,
        one_in: 1 << lint.places.level().min(63),
    }
}

fn report(index: usize, rule: &Rule, counts: RuleCounts, all: u64, places: Vec<PlaceEvidence>) -> RuleReport {
    let hid: u64 = counts.hid.iter().sum();
    RuleReport {
        index,
        at: rule.at.clone().into(),
        action: rule.action.clone(),
        route: rule.route.clone(),
        owner: rule.owner.clone(),
        expires: rule.expires,
        candidate: counts.hid[0],
        control: counts.hid[1],
        alone: counts.alone,
        made: counts.made,
        exchanges: counts.exchanges,
        share: if all == 0 { 0.0 } else { hid as f64 / all as f64 },
        places,
    }
}

/// Every (rule, place), those with most differences of the candidate alone first.
fn places(lint: &Lint) -> Vec<(usize, PlaceEvidence)> {
    let mut rows: Vec<_> = lint.places.rows().collect();
    let order = |row: &Row<Place, Counts, PlaceExample>| {
        let counts = lint.places.counts(row);
        (Reverse(counts.candidate_only), Reverse(counts.candidate), Reverse(counts.control), row.key.clone())
    };
    rows.sort_by_cached_key(|row| order(row));
    let evidence = |row: &Row<Place, Counts, PlaceExample>| {
        let counts = lint.places.counts(row);
        let place = &row.key;
        let evidence = PlaceEvidence {
            route: place.route.as_deref().map(str::to_owned),
            part: place.part,
            pattern: place.pattern.to_string(),
            kind: place.kind,
            candidate: counts.candidate,
            control: counts.control,
            candidate_only: counts.candidate_only,
            control_only: counts.control_only,
            examples: row.examples(EXAMPLES_LISTED).map(Sighting::of).collect(),
        };
        (usize::from(place.rule), evidence)
    };
    rows.into_iter().map(evidence).collect()
}

impl Sighting {
    pub(super) fn of(example: &PlaceExample) -> Self {
        Self {
            exchange: example.exchange.clone(),
            path: example.path.clone(),
            left: example.left.clone(),
            right: example.right.clone(),
        }
    }
}

//! Rules against a recording: what each of them hid, and which deserve a look; and new ones, learned
//! from the noise of the control.
//!
//! What a rule hides is found by asking the comparator itself: an exchange is compared without rules,
//! and then once more with each rule whose place lies near a difference, alone. A difference that is
//! gone then is hidden by that rule. So what is said here holds for every kind of body and every
//! action, present and future, and equal traffic, which has no difference to ask about, costs one
//! comparison.

mod audit;
mod document;
mod evidence;
mod findings;
mod near;
mod render;
mod sign;
pub mod suggest;
#[cfg(test)]
mod tests;

pub use document::{Finding, FindingKind, LintDocument, Overlap, PlaceEvidence, RuleReport, Sighting};
pub use render::lint as render;

use crate::compare::{RuleError, same};
use crate::diff::Difference;
use crate::report::book::{Book, Pair, Worth};
use crate::run::RouteProfile;
use audit::{Audit, Hidden};
use evidence::{At, Counts, Place, PlaceExample};
use parallax_config::{Day, Rule};
use parallax_exchange::codec::{self, DecodeError, OutcomeView, View};
use parallax_exchange::log::Entry;
use parallax_exchange::{Exchange, Role};

/// Pairs of a rule and a place that are told apart; further ones thin the evidence out.
const PLACES_MAX: usize = 4096;
/// Examples kept of each.
const EXAMPLES_MAX: usize = 2;
/// Pairs of overlapping rules that are told apart.
const OVERLAPS_MAX: usize = 1024;

/// When a rule deserves a look.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Settings {
    /// Share in (0, 1] of all differences: a rule that hides more of them, at several places, swallows
    /// too much.
    pub share: f64,
    /// Decides which rules have expired.
    pub today: Day,
}

/// Takes exchanges one by one; memory is bounded whatever they are.
#[derive(Debug)]
pub struct Lint {
    rules: Vec<Rule>,
    audit: Audit,
    totals: Totals,
    by_rule: Vec<RuleCounts>,
    overlaps: Book<[usize; 2], u64, ()>,
    places: Book<Place, Counts, PlaceExample>,
}

/// What was looked at.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Totals {
    exchanges: u64,
    /// Those that were only kept as examples.
    examples: u64,
    /// Exchanges with a response of the primary and of a copy.
    compared: u64,
    /// Those with a response of the control among them.
    with_control: u64,
    /// Exchanges in which some copy differs, rules aside.
    differing: u64,
    /// Differences of the candidate, and of the control.
    differences: [u64; 2],
    /// Comparisons that ended at a bound.
    truncated: u64,
}

/// What one rule did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct RuleCounts {
    /// Differences hidden of the candidate, and of the control.
    hid: [u64; 2],
    /// Differences that no other rule hides, both copies together.
    alone: u64,
    /// Exchanges in which it hid anything.
    exchanges: u64,
    /// Differences that exist because of it (`exact_spelling`).
    made: u64,
}

impl Lint {
    /// Nothing seen yet.
    ///
    /// # Errors
    /// The first rule that cannot be used.
    pub fn new(rules: &[Rule]) -> Result<Self, RuleError> {
        Ok(Self {
            rules: rules.to_vec(),
            audit: Audit::new(rules)?,
            totals: Totals::default(),
            by_rule: vec![RuleCounts::default(); rules.len()],
            overlaps: Book::new(OVERLAPS_MAX, 0),
            places: Book::new(PLACES_MAX, EXAMPLES_MAX),
        })
    }

    /// The same, reading answers on these routes as the vendors' own clients do: what an answer says of
    /// single events is then compared as well.
    #[must_use]
    pub fn with_profiles(mut self, profiles: &[RouteProfile]) -> Self {
        self.audit = self.audit.with_profiles(profiles);
        self
    }

    /// Takes an entry of a log. An exchange is decoded only where an answer differs by its bytes, so
    /// equal traffic costs little more than reading it; entries that are no exchanges are left alone.
    ///
    /// # Errors
    /// The exchange differs and cannot be decoded.
    pub fn take_entry(&mut self, entry: &Entry) -> Result<(), DecodeError> {
        let bytes = match entry {
            Entry::Exchange(bytes) | Entry::Example(bytes) => bytes,
            Entry::Other(_) => return Ok(()),
        };
        let is_example = matches!(entry, Entry::Example(_));
        if !is_example
            && let Some(view) = View::read(bytes)
            && let Some(with_control) = all_equal(&view)
        {
            self.totals.exchanges += 1;
            self.totals.compared += 1;
            self.totals.with_control += u64::from(with_control);
            return Ok(());
        }
        let exchange = codec::decode(bytes.clone())?;
        if is_example {
            self.take_example(&exchange);
        } else {
            self.take(&exchange);
        }
        Ok(())
    }

    /// Takes an exchange of which only is known that it was kept as an example: it differs in spite of
    /// the run's rules, so it says nothing about how often they hide anything.
    pub fn take_example(&mut self, exchange: &Exchange) {
        self.totals.examples += 1;
        self.take(exchange);
    }

    /// Takes an exchange; those without a response to compare only count.
    pub fn take(&mut self, exchange: &Exchange) {
        self.totals.exchanges += 1;
        let Some(sides) = self.audit.sides(exchange) else { return };
        self.totals.compared += 1;
        self.totals.with_control += u64::from(sides.control.is_some());
        let [candidate, control] = [&sides.candidate, &sides.control].map(|side| {
            let differences: &[Difference] = side.as_ref().map_or(&[], |side| &side.comparison.differences);
            self.totals.truncated += side.as_ref().map_or(0, |side| u64::from(side.comparison.truncated));
            differences
        });
        if candidate.is_empty() && control.is_empty() {
            return;
        }
        self.totals.differing += 1;
        let hidden = [&sides.candidate, &sides.control]
            .map(|side| side.as_ref().map(|side| self.audit.hidden(sides.route, side)).unwrap_or_default());
        let mut rules_here: Vec<u16> = Vec::new();
        for (copy, (hidden, differences)) in hidden.iter().zip([candidate, control]).enumerate() {
            self.totals.differences[copy] += differences.len() as u64;
            self.count(exchange.id.digest(), copy, hidden, &mut rules_here);
        }
        rules_here.sort_unstable();
        rules_here.dedup();
        for rule in rules_here {
            self.by_rule[usize::from(rule)].exchanges += 1;
        }
        self.count_places(exchange, sides.route, [(candidate, &hidden[0]), (control, &hidden[1])], {
            sides.control.is_some()
        });
    }

    /// Counts by rule and by pair of rules.
    fn count(&mut self, exchange: u64, copy: usize, hidden: &[Hidden], rules_here: &mut Vec<u16>) {
        for by in hidden {
            if let Some(rule) = by.made_by {
                self.by_rule[usize::from(rule)].made += 1;
            }
            rules_here.extend_from_slice(&by.rules);
            for (at, rule) in by.rules.iter().map(|rule| usize::from(*rule)).enumerate() {
                self.by_rule[rule].hid[copy] += 1;
                self.by_rule[rule].alone += u64::from(by.rules.len() == 1);
                for other in by.rules[at + 1..].iter().map(|rule| usize::from(*rule)) {
                    let key = (rule << 16 | other) as u64;
                    let pair = Pair { key, exchange, counts: 1 };
                    self.overlaps.count(pair, Worth::None, || [rule, other], || ());
                }
            }
        }
    }

    /// Counts each (rule, place) once an exchange, with who differs there.
    fn count_places(
        &mut self,
        exchange: &Exchange,
        route: Option<&str>,
        sides: [(&[Difference], &Vec<Hidden>); 2],
        with_control: bool,
    ) {
        let mut places: Vec<At<'_>> = Vec::new();
        for (copy, (differences, hidden)) in sides.into_iter().enumerate() {
            for (difference, hidden) in differences.iter().zip(hidden) {
                places.extend(hidden.rules.iter().map(|rule| At::new(*rule, route, difference, copy)));
            }
        }
        places.sort_by_key(|at| (at.key, at.control));
        places.dedup_by(|next, kept| {
            let same = next.key == kept.key;
            kept.control |= same && next.control;
            kept.candidate |= same && next.candidate;
            same
        });
        for mut at in places {
            // The control shows a difference there whether or not the rule hides that one too.
            at.control |= sides[1].0.iter().any(|difference| at.is_at(difference));
            let counts = Counts::of(at.candidate, at.control, with_control);
            let worth = match (at.candidate, at.control) {
                (true, false) => Worth::Better,
                (true, true) => Worth::Lesser,
                (false, _) => Worth::None,
            };
            let pair = Pair { key: at.key, exchange: exchange.id.digest(), counts };
            self.places.count(pair, worth, || at.place(), || PlaceExample::of(exchange, at.difference));
        }
    }

    /// What was found; `partial` where the recording was not read to its end.
    #[must_use]
    pub fn finish(self, settings: &Settings, partial: bool) -> LintDocument {
        document::make(self, settings, partial)
    }
}

/// Whether every copy that answered gave the primary's answer, byte for byte, and then whether the
/// control is among them; `None` where one may differ or nothing can be compared.
fn all_equal(view: &View<'_>) -> Option<bool> {
    let response = |role| view.outcome(role).and_then(OutcomeView::response);
    let primary = response(Role::Primary)?;
    let (candidate, control) = (response(Role::Candidate), response(Role::Control));
    let is_equal = candidate.into_iter().chain(control).all(|copy| same(primary, copy));
    (is_equal && (candidate.is_some() || control.is_some())).then_some(control.is_some())
}
